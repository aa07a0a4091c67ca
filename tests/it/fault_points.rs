//! Each step of a call fails once: the client is told what the documentation says, no half state is
//! left behind, and the same call sent again succeeds. Steps are counted up until none is left to
//! fail.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use lumatrace::{
    fault::{Failing, Plan},
    service::audit::{ChainStatus, verify},
};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::support::{Answer, App, Client, EACH_CALL_ASKS, Part, Tenant, pictures};

const REGISTER: &str = "/api/v1/photos/register";
const PROTECT: &str = "/api/v1/photos/protect";

/// What a failed call may be answered with.
const DOCUMENTED: [&str; 4] = [
    "DATABASE_UNAVAILABLE",
    "SIGNER_UNAVAILABLE",
    "INTERNAL_ENGINE_ERROR",
    "IDEMPOTENCY_IN_PROGRESS",
];

/// More steps than any call has.
const NEVER: usize = 1_000;

/// An application, one tenant of it, and the owner's session, which sees all rows.
struct Scene {
    app: App,
    tenant: Tenant,
    client: Client,
    owner: PgConnection,
    /// The names of the steps, in their order, as the first way of failing found them.
    steps: Vec<&'static str>,
    /// How often each step was failed.
    failed: BTreeMap<&'static str, usize>,
    /// The answers to calls with a failed step.
    told: BTreeMap<String, usize>,
}

impl Scene {
    async fn new() -> Self {
        let app = App::spawn_with(&EACH_CALL_ASKS).await;
        let tenant = app.tenant("acme").await;
        let client = app.client(&tenant).await;
        let owner = PgConnection::connect_with(&app.database.owner())
            .await
            .unwrap();
        Self {
            app,
            tenant,
            client,
            owner,
            steps: Vec::new(),
            failed: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    /// Counts what failed, and asserts that the answer is one of those that are documented. False
    /// when nothing was left to fail.
    fn judge(&mut self, plan: &Plan, answer: &Answer) -> bool {
        let failed = plan.failed();
        if let ([step], Failing::Step(_)) = (failed.as_slice(), plan.failing()) {
            self.steps.push(step);
        }
        for step in &failed {
            *self.failed.entry(step).or_default() += 1;
        }
        let told = if answer.status < 300 {
            answer.status.to_string()
        } else {
            let code = answer.json()["code"].as_str().unwrap().to_owned();
            assert!(DOCUMENTED.contains(&code.as_str()), "{answer:?}");
            code
        };
        *self.told.entry(told).or_default() += usize::from(!failed.is_empty());
        !failed.is_empty()
    }

    /// Whether a step is left out: the first way fails each, the others only some of the many
    /// statements, and all else.
    fn leaves_out(&self, way: usize, step: usize) -> bool {
        let name = self.steps.get(step);
        let is_one_of_many = matches!(name, Some(&("statement" | "answer of the database")));
        way > 0 && is_one_of_many && !step.is_multiple_of(9)
    }

    async fn count(&mut self, question: &'static str) -> i64 {
        sqlx::query_scalar(question)
            .fetch_one(&mut self.owner)
            .await
            .unwrap()
    }

    /// No photo lacks what belongs to it, no key is claimed for longer than its lease, and the
    /// audit log is whole and tells of as many photos as there are.
    async fn is_whole(&mut self, after: &str) {
        let orphans = self
            .count(
                "select count(*) from photos as photo where protected_at is not null and (
                     sealed_record is null or record_salt is null or protected_sha256 is null
                     or not exists (select from manifests where manifests.photo_id = photo.photo_id)
                     or not exists (select from photo_words where photo_words.photo_id = photo.photo_id)
                     or not exists (select from audit_events where action = 'photo.protected' and subject like '%' || photo.photo_id::text || '%'))",
            )
            .await;
        assert_eq!(orphans, 0, "{after}");
        let stuck = self
            .count(
                "select count(*) from idempotency_keys
                 where outcome is null and claimed_until > clock_timestamp() + interval '10 seconds'",
            )
            .await;
        assert_eq!(stuck, 0, "{after}");
        let chain = verify(
            &self.app.operator,
            &self.app.ctx.master,
            &self.tenant.id,
            None,
        )
        .await;
        assert!(
            matches!(chain, Ok(ChainStatus::Intact(_))),
            "{after}: {chain:?}"
        );
    }

    /// Sends a call once more without a fault. A claim that could not be released runs out after
    /// ten seconds, which are cut short here; one whose release is under way is free soon.
    async fn again(&mut self, call: impl AsyncFn() -> Answer) -> Answer {
        loop {
            let answer = call().await;
            if answer.status != 409 || answer.json()["code"] != "IDEMPOTENCY_IN_PROGRESS" {
                return answer;
            }
            sqlx::query("update idempotency_keys set claimed_until = now() where outcome is null")
                .execute(&mut self.owner)
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Fails each step of a call that makes a photo, in every way. Sent again under its key, the
    /// call has one of the statuses `right`, and was done once.
    async fn is_done_once(&mut self, right: Range<u16>, call: impl AsyncFn(&Client) -> Answer) {
        let mut photos = 0;
        for way in 0..3 {
            for step in 0..NEVER {
                if self.leaves_out(way, step) {
                    continue;
                }
                let client = self.client.under(Uuid::new_v4().to_string());
                let plan = Plan::new(plans(step)[way]);
                let answer = plan.during(call(&client)).await;
                let failed = self.judge(&plan, &answer);
                let after = format!("{:?}", plans(step)[way]);
                self.is_whole(&after).await;
                let again = self.again(async || call(&client).await).await;
                assert!(right.contains(&again.status), "{after}: {again:?}");
                photos += 1;
                let stored = self.count("select count(*) from photos").await;
                assert_eq!(stored, photos, "{after}: done once");
                if !failed {
                    break;
                }
            }
        }
    }

    fn report(&self) -> String {
        format!("steps failed {:?}, answers {:?}", self.failed, self.told)
    }
}

/// The three ways of failing at each step.
fn plans(step: usize) -> [Failing; 3] {
    [
        Failing::Step(step),
        Failing::From(step),
        Failing::PanicAt(step),
    ]
}

#[tokio::test]
async fn whichever_step_of_register_fails_it_is_done_once_when_it_is_sent_again() {
    let mut scene = Scene::new().await;
    let body = json!({ "deviceModel": "X-T5" });
    let register = async |client: &Client| client.post_json(REGISTER, &body).await;
    scene.is_done_once(200..300, register).await;
    println!("register: {}", scene.report());
    assert!(scene.failed.len() >= 3 && scene.told.len() >= 3);
}

#[tokio::test]
async fn whichever_step_of_protect_fails_it_is_done_once_when_it_is_sent_again() {
    let mut scene = Scene::new().await;
    let image = pictures::png(&pictures::scene(96, 64, 5));
    let parts = [Part::image(&image)];
    let protect = async |client: &Client| client.post_form(PROTECT, &parts).await;
    scene.is_done_once(200..201, protect).await;
    println!("protect: {}", scene.report());
    for step in [
        "connection of the database",
        "statement",
        "answer of the database",
        "engine",
        "result of the engine",
        "signature",
    ] {
        assert!(scene.failed.contains_key(step), "{step} was failed");
    }
}

#[tokio::test]
async fn whichever_step_of_verify_fails_the_next_one_tells_the_verdict() {
    let mut scene = Scene::new().await;
    let image = pictures::png(&pictures::scene(96, 64, 6));
    let protected = scene.client.protect(&image).await;
    let photo = protected.header("x-photo-id").to_owned();
    for way in 0..3 {
        for step in 0..NEVER {
            if scene.leaves_out(way, step) {
                continue;
            }
            let plan = Plan::new(plans(step)[way]);
            let call = scene.client.verify(&protected.body, &photo);
            let answer = plan.during(call).await;
            if !scene.judge(&plan, &answer) {
                break;
            }
        }
    }
    scene.is_whole("verify").await;
    let verdict = scene.client.verify(&protected.body, &photo).await.json();
    assert_eq!(verdict["authentic"], true, "{verdict}");
    println!("verify: {}", scene.report());
    assert!(scene.failed.contains_key("result of the engine"));
}

#[tokio::test]
async fn whichever_step_of_delete_fails_the_photo_is_whole_or_gone() {
    let mut scene = Scene::new().await;
    let image = pictures::png(&pictures::scene(96, 64, 7));
    for way in 0..3 {
        let mut address = String::new();
        for step in 0..NEVER {
            if scene.leaves_out(way, step) {
                continue;
            }
            if address.is_empty() {
                let protected = scene.client.protect(&image).await;
                protected.header("location").clone_into(&mut address);
            }
            let plan = Plan::new(plans(step)[way]);
            let call = scene.client.call(&axum::http::Method::DELETE, &address);
            let answer = plan.during(call).await;
            let failed = scene.judge(&plan, &answer);
            scene.is_whole(&format!("{:?}", plans(step)[way])).await;
            let found = scene.client.get(&address).await.status;
            if answer.status < 300 {
                assert_eq!(found, 404, "what was said to be deleted is");
            }
            if found == 404 {
                address.clear();
            }
            if !failed {
                break;
            }
        }
    }
    let rest = "select (select count(*) from photo_words) + (select count(*) from manifests) + (select count(*) from photos)";
    assert_eq!(
        scene.count(rest).await,
        0,
        "nothing of a deleted photo is left"
    );
    println!("delete: {}", scene.report());
    assert!(scene.failed.contains_key("answer of the database"));
}
