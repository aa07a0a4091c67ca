//! `/c2pa/v1`: from a picture, or from what a manifest binds, to the manifest; over what tenants
//! publish, and nothing else.

use std::{net::IpAddr, slice};

use axum::{
    body::Body,
    http::{Method, Request},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use lumatrace::{
    domain::{PublicationPolicy, Scopes},
    http::{ErrorCode, Peer},
    service::operator::{self, PolicyChange, TenantChange},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::{
    openapi::Contract,
    signin::application,
    support::{Answer, App, Client, Part, Tenant, pictures},
};

const HERE: &str = "192.0.2.1";
const BY_CONTENT: &str = "/c2pa/v1/matches/byContent";

async fn set(app: &App, tenant: &Tenant, publication: PublicationPolicy) {
    let change = PolicyChange {
        publication: Some(publication),
        ..PolicyChange::default()
    };
    let (master, clock) = (&app.ctx.master, &app.clock);
    operator::set_policy(&app.operator, master, clock, &tenant.id, change)
        .await
        .unwrap();
}

/// A tenant that publishes, and its client.
async fn publisher(app: &App, name: &str) -> (Tenant, Client) {
    let tenant = app.tenant(name).await;
    set(app, &tenant, PublicationPolicy::On).await;
    let client = app.client(&tenant).await;
    (tenant, client)
}

/// A photo that was protected, and where its manifest is.
struct Protected {
    bytes: Vec<u8>,
    photo: String,
    manifest: String,
}

impl Protected {
    fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        Self {
            bytes: answer.body.to_vec(),
            photo: answer.header("x-photo-id").to_owned(),
            manifest: answer.header("x-c2pa-manifest-id").to_owned(),
        }
    }

    /// As a messenger sends it on: no metadata, half as wide, saved again.
    fn sent_on(&self) -> Vec<u8> {
        let picture = pictures::read(&self.bytes);
        let (width, height) = (picture.width() / 2, picture.height() / 2);
        let filter = image::imageops::FilterType::Triangle;
        pictures::jpeg(
            &image::imageops::resize(&picture, width, height, filter),
            80,
        )
    }

    fn path(&self) -> String {
        path(&self.manifest)
    }

    /// The value of its soft binding.
    fn binding(&self) -> String {
        STANDARD.encode(Uuid::parse_str(&self.photo).unwrap().as_bytes())
    }
}

fn path(manifest: &str) -> String {
    format!("/c2pa/v1/manifests/{}", manifest.replace(':', "%3A"))
}

async fn protect(client: &Client, seed: u32) -> Protected {
    let image = pictures::jpeg(&pictures::scene(900, 640, seed), 92);
    Protected::of(&client.protect(&image).await)
}

/// Asks by content, without a token, from an address.
async fn ask_from(app: &App, source: &str, image: &[u8]) -> Answer {
    let source: IpAddr = source.parse().unwrap();
    let request = Request::post(BY_CONTENT)
        .header("content-type", "image/jpeg")
        .extension(Peer(source))
        .body(Body::from(image.to_vec()))
        .unwrap();
    app.anonymous().send(request).await
}

/// The URNs that a stranger finds.
async fn found(app: &App, image: &[u8]) -> Vec<String> {
    let answer = ask_from(app, HERE, image).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    urns(&answer)
}

fn urns(answer: &Answer) -> Vec<String> {
    let found = answer.json();
    let matches = found["matches"].as_array().unwrap().iter();
    matches
        .map(|one| one["manifestId"].as_str().unwrap().to_owned())
        .collect()
}

/// A client with a token of OAuth 2.0 that has these scopes.
async fn with_scopes(app: &App, tenant: &Tenant, scopes: &str) -> Client {
    let granted = Scopes::parse(scopes).unwrap();
    let made = application(app, tenant, granted).await;
    let (id, secret) = (made.id.as_application(), made.secret.expose_secret());
    let form = format!(
        "grant_type=client_credentials&client_id={id}&client_secret={secret}&scope={scopes}"
    );
    let kind = "application/x-www-form-urlencoded";
    let answer = app
        .anonymous()
        .post_bytes("/oauth2/token", kind, form.into())
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    app.with_token(answer.json()["access_token"].as_str().unwrap())
}

async fn owner(app: &App) -> PgConnection {
    PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap()
}

/// An answer without what differs in any two.
fn without_trace(answer: &Answer) -> Value {
    let mut body = answer.json();
    for member in ["traceId", "instance"] {
        body.as_object_mut().unwrap().remove(member).unwrap();
    }
    body
}

#[tokio::test]
async fn a_stranger_finds_the_manifest_of_a_published_photo_by_what_is_left_of_it() {
    let app = App::spawn().await;
    let (_, acme) = publisher(&app, "acme").await;
    let bolt = app.client(&app.tenant("bolt").await).await;
    let published = protect(&acme, 7).await;
    let kept = protect(&bolt, 8).await;
    let mut contract = Contract::new();

    let answer = ask_from(&app, HERE, &published.sent_on()).await;
    contract.holds("findManifestsByContent", &answer);
    let expected =
        json!({ "matches": [{ "manifestId": published.manifest, "similarityScore": 90 }] });
    assert_eq!(answer.json(), expected);
    let manifest = app.anonymous().get(&published.path()).await;
    contract.holds("fetchManifest", &manifest);
    assert_eq!(manifest.header("content-type"), "application/c2pa");
    let own = acme
        .get(&format!("/api/v1/photos/{}/manifest", published.photo))
        .await;
    assert_eq!(manifest.body, own.body, "the bytes that were signed");
    let exact = ask_from(&app, HERE, &published.bytes).await.json();
    assert_eq!(exact["matches"][0]["similarityScore"], 100);

    // What is not published is as what is not there, to strangers and to other tenants.
    assert_eq!(found(&app, &kept.sent_on()).await, Vec::<String>::new());
    let unknown = path("urn:c2pa:7f0d15bc-8f36-4d0b-8b05-125fac2d998a");
    for client in [app.anonymous(), acme.clone()] {
        let (there, nowhere) = (client.get(&kept.path()).await, client.get(&unknown).await);
        there.problem(ErrorCode::NotFound);
        assert_eq!(without_trace(&there), without_trace(&nowhere));
        assert_eq!(there.json()["error"], there.json()["message"]);
    }
    assert_eq!(bolt.get(&kept.path()).await.status, 200, "it is its own");
    let alone = app
        .anonymous()
        .get(&format!("{}?returnActiveManifest=true", published.path()))
        .await;
    assert_eq!(alone.body, manifest.body, "there is one manifest in it");
}

#[tokio::test]
async fn what_is_withdrawn_is_gone_at_once_on_every_server() {
    let app = App::spawn().await;
    let (tenant, acme) = publisher(&app, "acme").await;
    let other = app.replica().await;
    let change = |photo: &Protected, publish: bool| {
        let (path, acme) = (format!("/api/v1/photos/{}", photo.photo), acme.clone());
        async move {
            let body = json!({ "publishManifest": publish });
            let answer = acme.patch_json(&path, &body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.json()["publishManifest"], publish);
        }
    };
    let photo = protect(&acme, 11).await;
    let image = photo.sent_on();
    let mut seen = Vec::new();
    for step in ["withdraw", "off", "suspend", "delete"] {
        assert_eq!(
            found(&other, &image).await,
            slice::from_ref(&photo.manifest),
            "{step}"
        );
        assert_eq!(other.anonymous().get(&photo.path()).await.status, 200);
        match step {
            "withdraw" => change(&photo, false).await,
            "off" => set(&app, &tenant, PublicationPolicy::Off).await,
            "suspend" => tenant_is(&app, &tenant, TenantChange::Suspend).await,
            _ => {
                let path = format!("/api/v1/photos/{}", photo.photo);
                let again = app.client(&tenant).await;
                let answer = again.call(&Method::DELETE, &path).await;
                assert_eq!(answer.status, 204, "{answer:?}");
            }
        }
        assert!(found(&other, &image).await.is_empty(), "{step}");
        other
            .anonymous()
            .get(&photo.path())
            .await
            .problem(ErrorCode::NotFound);
        let binding = by_binding(&other.anonymous(), &photo.binding()).await;
        assert!(urns(&binding).is_empty(), "{step}");
        seen.push(step);
        match step {
            "withdraw" => change(&photo, true).await,
            "off" => set(&app, &tenant, PublicationPolicy::On).await,
            "suspend" => tenant_is(&app, &tenant, TenantChange::Resume).await,
            _ => {}
        }
    }
    println!("gone at once after: {seen:?}");
}

async fn tenant_is(app: &App, tenant: &Tenant, change: TenantChange) {
    let (master, clock) = (&app.ctx.master, &app.clock);
    operator::change_tenant(&app.operator, master, clock, &tenant.id, change)
        .await
        .unwrap();
}

async fn by_binding(client: &Client, value: &str) -> Answer {
    let value = value
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let path = format!("/c2pa/v1/matches/byBinding?value={value}&alg=com.example.lumatrace.wm.1");
    client.get(&path).await
}

#[tokio::test]
async fn a_client_decides_for_a_photo_and_the_log_tells_it() {
    let app = App::spawn().await;
    let (_, acme) = publisher(&app, "acme").await;
    let image = pictures::jpeg(&pictures::scene(900, 640, 21), 92);
    let request = json!({ "publishManifest": false }).to_string();
    let parts = [Part::image(&image), Part::text("request", &request)];
    let kept = Protected::of(&acme.post_form("/api/v1/photos/protect", &parts).await);
    assert!(found(&app, &kept.sent_on()).await.is_empty());

    let bolt = app.tenant("bolt").await;
    let client = app.client(&bolt).await;
    let request = json!({ "publishManifest": true }).to_string();
    let image = pictures::jpeg(&pictures::scene(900, 640, 22), 92);
    let parts = [Part::image(&image), Part::text("request", &request)];
    let photo = Protected::of(&client.post_form("/api/v1/photos/protect", &parts).await);
    assert!(
        found(&app, &photo.sent_on()).await.is_empty(),
        "bolt publishes nothing"
    );
    set(&app, &bolt, PublicationPolicy::On).await;
    assert_eq!(
        found(&app, &photo.sent_on()).await,
        slice::from_ref(&photo.manifest)
    );

    let path = format!("/api/v1/photos/{}", kept.photo);
    let body = json!({ "publishManifest": true });
    assert_eq!(acme.patch_json(&path, &body).await.status, 200);
    assert_eq!(
        found(&app, &kept.sent_on()).await,
        slice::from_ref(&kept.manifest),
        "by words that were kept sealed"
    );
    let mut owner = owner(&app).await;
    let logged: Vec<String> = sqlx::query_scalar(
        "select action from audit_events where tenant_id = 'acme' and action like 'manifest.%' order by sequence",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(logged, ["manifest.published"]);
}

#[tokio::test]
async fn a_soft_binding_leads_to_the_manifest_in_both_ways_to_ask() {
    let app = App::spawn().await;
    let (_, acme) = publisher(&app, "acme").await;
    let bolt = app.client(&app.tenant("bolt").await).await;
    let (published, kept) = (protect(&acme, 31).await, protect(&bolt, 32).await);
    let stranger = app.anonymous();
    let mut contract = Contract::new();
    let answer = by_binding(&stranger, &published.binding()).await;
    contract.holds("findManifestsByBinding", &answer);
    let expected =
        json!({ "matches": [{ "manifestId": published.manifest, "similarityScore": 100 }] });
    assert_eq!(answer.json(), expected);
    let path = "/c2pa/v1/matches/byBinding";
    let ours = "com.example.lumatrace.wm.1";
    let body = json!({ "value": published.binding(), "alg": ours });
    let answer = stranger.post_json(path, &body).await;
    contract.holds("findManifestsByLongBinding", &answer);
    assert_eq!(answer.json(), expected);

    assert!(urns(&by_binding(&stranger, &kept.binding()).await).is_empty());
    assert_eq!(
        urns(&by_binding(&bolt, &kept.binding()).await),
        [kept.manifest]
    );
    for (value, alg) in [
        (published.binding(), "conformance-test"),
        ("conformance-binding-1764".to_owned(), ours),
        (STANDARD.encode(b"short"), ours),
    ] {
        let answer = stranger
            .post_json(path, &json!({ "value": value, "alg": alg }))
            .await;
        assert_eq!(answer.json(), json!({ "matches": [] }), "{value} {alg}");
    }
    for query in [
        "value=AA%3D%3D",
        "alg=x",
        "value=AA&alg=x&maxResults=0",
        "value=AA&alg=x&maxResults=-1",
        "value=AA&alg=x&maxResults=many",
    ] {
        let answer = stranger.get(&format!("{path}?{query}")).await;
        answer.problem(ErrorCode::ValidationFailed);
        assert!(answer.json()["error"].is_string(), "{query}");
    }
    let long = "A".repeat(4097);
    let answer = stranger.get(&format!("{path}?alg=x&value={long}")).await;
    answer.problem(ErrorCode::UriTooLong);
    let answer = stranger
        .post_json(path, &json!({ "value": long, "alg": "x" }))
        .await;
    answer.problem(ErrorCode::PayloadTooLarge);
    // A hint is followed where the picture leads nowhere.
    let hint = published
        .binding()
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let foreign = pictures::jpeg(&pictures::scene(900, 640, 99), 90);
    let request = Request::post(format!("{BY_CONTENT}?hintAlg={ours}&hintValue={hint}"))
        .header("content-type", "image/jpeg")
        .body(Body::from(foreign))
        .unwrap();
    assert_eq!(stranger.send(request).await.json(), expected);
}

#[tokio::test]
async fn nobody_says_what_the_mark_of_anothers_photo_leads_to() {
    let app = App::spawn().await;
    let (_, acme) = publisher(&app, "acme").await;
    let (_, mallory) = publisher(&app, "mallory").await;
    let photo = protect(&acme, 35).await;
    let bolt = app.client(&app.tenant("bolt").await).await;
    let kept = protect(&bolt, 36).await;
    let store = "/c2pa/v1/manifests";
    let stored = mallory
        .post_bytes(
            store,
            "application/c2pa",
            b"something else".as_slice().into(),
        )
        .await;
    assert_eq!(stored.status, 200, "{stored:?}");
    let stored = stored.json()["manifestId"].as_str().unwrap().to_owned();
    for photo in [&photo, &kept] {
        let ours = json!({
            "bindingValue": photo.binding(), "manifestId": stored, "alg": "com.example.lumatrace.wm.1",
        });
        let answer = mallory.post_json("/c2pa/v1/bindings", &ours).await;
        answer.problem(ErrorCode::ValidationFailed);
        let any = json!({ "bindingValue": photo.binding(), "manifestId": stored });
        let answer = mallory.post_json("/c2pa/v1/bindings", &any).await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }
    // Nor does who stores other bytes under its URN take its place.
    let signed = app.anonymous().get(&photo.path()).await.body;
    let mut forged = signed.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let answer = mallory
        .post_bytes(store, "application/c2pa", forged.into())
        .await;
    assert_eq!(answer.json()["manifestId"], photo.manifest);
    assert_eq!(app.anonymous().get(&photo.path()).await.body, signed);
    for client in [app.anonymous(), mallory] {
        let found = by_binding(&client, &photo.binding()).await;
        assert_eq!(urns(&found), slice::from_ref(&photo.manifest));
        assert!(urns(&by_binding(&client, &kept.binding()).await).is_empty());
    }
}

#[tokio::test]
async fn who_shows_a_token_must_have_a_live_one_with_the_scope_before_anything_else_is_looked_at() {
    let app = App::spawn().await;
    let (tenant, acme) = publisher(&app, "acme").await;
    let photo = protect(&acme, 41).await;
    let unknown = path("urn:c2pa:00000000-0000-4000-8000-000000000000");
    let forger = app.with_token("made-up");
    for path in [photo.path(), unknown.clone()] {
        forger.get(&path).await.problem(ErrorCode::AuthInvalid);
    }
    let answer = forger
        .post_bytes(BY_CONTENT, "text/plain", b"no image".as_slice().into())
        .await;
    answer.problem(ErrorCode::AuthInvalid);
    let narrow = with_scopes(&app, &tenant, "photos:verify").await;
    for path in [photo.path(), unknown] {
        narrow.get(&path).await.problem(ErrorCode::TenantRestricted);
    }
    // The role of accounts has the scope, and the specification spells it in its own way.
    let foreign = with_scopes(&app, &tenant, "fetch:manifests").await;
    for client in [acme, foreign] {
        assert_eq!(client.get(&photo.path()).await.status, 200);
    }
}

#[tokio::test]
async fn a_mark_on_other_content_leads_to_no_manifest() {
    let app = App::spawn().await;
    let (_, acme) = publisher(&app, "acme").await;
    let original = pictures::scene(900, 640, 51);
    let protected = Protected::of(&acme.protect(&pictures::png(&original)).await);
    let other = pictures::scene(900, 640, 52);
    let carried = pictures::carried(&original, &pictures::read(&protected.bytes), &other, 3);
    let answer = acme
        .post_form(
            "/api/v1/photos/identify",
            &[Part::image(&pictures::png(&carried))],
        )
        .await
        .json();
    println!("identify says {}", answer["matches"]);
    assert!(found(&app, &pictures::jpeg(&carried, 95)).await.is_empty());
    assert_eq!(
        found(&app, &protected.sent_on()).await,
        slice::from_ref(&protected.manifest)
    );
}

#[tokio::test]
async fn a_network_and_a_photo_are_asked_about_so_often_and_others_go_on() {
    let app = App::spawn().await;
    let (_, acme) = publisher(&app, "acme").await;
    let photo = protect(&acme, 61).await;
    let image = photo.sent_on();
    let mut owner = owner(&app).await;
    let mut later = async || {
        // The windows of networks end; those of photos, which were counted later, go on.
        let over = "update resolution_tallies set until = clock_timestamp() - interval '1 second'
                    where until < clock_timestamp() + interval '2 hours'";
        owner.execute(over).await.unwrap();
    };
    for _ in 0..20 {
        assert_eq!(found(&app, &image).await.len(), 1);
    }
    // A picture that only looks like it is refused as well: the mark was not read.
    let unmarked = pictures::jpeg(&pictures::scene(900, 640, 61), 85);
    for picture in [&image, &unmarked] {
        let answer = ask_from(&app, HERE, picture).await;
        answer.problem(ErrorCode::RateLimitExceeded);
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 3_600);
    }
    let elsewhere = ask_from(&app, "198.51.100.7", &image).await;
    assert_eq!(urns(&elsewhere), slice::from_ref(&photo.manifest));
    let foreign = pictures::jpeg(&pictures::scene(900, 640, 98), 85);
    for _ in 0..8 {
        assert!(found(&app, &foreign).await.is_empty());
    }
    let answer = ask_from(&app, HERE, &foreign).await;
    answer.problem(ErrorCode::RateLimitExceeded);
    assert!(answer.header("retry-after").parse::<u32>().unwrap() <= 3_601);
    later().await;
    assert!(found(&app, &foreign).await.is_empty());
    ask_from(&app, HERE, &image)
        .await
        .problem(ErrorCode::RateLimitExceeded);
}

#[tokio::test]
async fn what_is_no_picture_is_refused_with_the_status_of_this_api() {
    let app = App::spawn().await;
    let stranger = app.anonymous();
    for (kind, body, code) in [
        (
            "text/plain",
            b"text".as_slice(),
            ErrorCode::UnsupportedContentType,
        ),
        (
            "image/gif",
            b"GIF89a\x01\0\x01\0\0\0\0;",
            ErrorCode::UnsupportedContentType,
        ),
        ("image/jpeg", b"\xff\xd8\xff\xe0", ErrorCode::InvalidImage),
        ("image/jpeg", b"", ErrorCode::ValidationFailed),
    ] {
        let answer = stranger.post_bytes(BY_CONTENT, kind, body.into()).await;
        answer.problem(code);
        assert!(answer.json()["error"].is_string(), "{kind}");
    }
}

#[tokio::test]
async fn the_api_is_found_and_says_what_it_can_do() {
    let app = App::spawn().await;
    let stranger = app.anonymous();
    let mut contract = Contract::new();
    let mut get = async |operation, path: &str| {
        let answer = stranger.get(path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        contract.holds(operation, &answer);
        answer.json()
    };
    let there = get(
        "getSoftBindingResolution",
        "/.well-known/c2pa-soft-binding-resolution",
    )
    .await;
    let capable = get(
        "getResolutionCapabilities",
        "/c2pa/v1/services/capabilities",
    )
    .await;
    for member in ["apiEndpoint", "c2paSpecificationVersion"] {
        assert_eq!(there[member], capable[member]);
    }
    assert_eq!(there["c2paSpecificationVersion"], "2.4.0");
    let endpoint = there["apiEndpoint"].as_str().unwrap();
    assert_eq!(
        there["statusEndpoint"],
        format!("{endpoint}/services/status")
    );
    let algorithms = get(
        "getSupportedAlgorithms",
        "/c2pa/v1/services/supportedAlgorithms",
    )
    .await;
    assert_eq!(
        algorithms["watermarks"],
        json!([{ "alg": "com.example.lumatrace.wm.1" }])
    );
    let status = get("getResolutionStatus", "/c2pa/v1/services/status").await;
    assert!(["ok", "degraded"].contains(&status["status"].as_str().unwrap()));
    assert!(!app.ctx.readiness.is_watched(), "by no stranger");
}
