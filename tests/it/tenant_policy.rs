//! What an operator sets about a tenant's photos: how much their records show, how often one
//! content is protected.

use std::num::NonZeroU32;

use lumatrace::{
    domain::{
        CheckPolicy, ContentHashPolicy, ManifestPolicy, Megapixels, Privacy, PublicationPolicy,
        TenantId, TenantPolicy,
    },
    http::ErrorCode,
    service::{
        self,
        operator::{self, PolicyChange},
    },
};

use serde_json::{Value, json};

use crate::support::{App, Client, pictures};

async fn client(app: &App, tenant: &str) -> Client {
    let tenant = app.tenant(tenant).await;
    app.client(&tenant).await
}

async fn set(app: &App, tenant: &str, change: PolicyChange) -> TenantPolicy {
    let tenant = TenantId::parse(tenant).unwrap();
    operator::set_policy(&app.operator, &app.ctx.master, &app.clock, &tenant, change)
        .await
        .unwrap()
}

fn at_most(copies: u32) -> PolicyChange {
    PolicyChange {
        max_copies: Some(NonZeroU32::new(copies)),
        ..PolicyChange::default()
    }
}

#[tokio::test]
async fn what_is_not_named_stays_as_it_was() {
    let app = App::spawn().await;
    app.tenant("acme").await;
    app.tenant("bolt").await;
    let strict = PolicyChange {
        privacy: Some(Privacy::Strict),
        ..PolicyChange::default()
    };
    assert_eq!(set(&app, "acme", strict).await.max_copies, None);
    let now = set(&app, "acme", at_most(5)).await;
    assert_eq!(now.privacy, Privacy::Strict);
    assert_eq!(now.max_copies, NonZeroU32::new(5));
    let tenants = operator::list_tenants(&app.operator).await.unwrap();
    let policy = |name: &str| {
        tenants
            .iter()
            .find(|tenant| tenant.tenant == name)
            .unwrap()
            .policy
    };
    assert_eq!(policy("acme"), now);
    assert_eq!(policy("bolt"), TenantPolicy::default());
    let nobody = TenantId::parse("nobody").unwrap();
    let missing =
        operator::set_policy(&app.operator, &app.ctx.master, &app.clock, &nobody, strict).await;
    assert!(matches!(missing, Err(service::Error::NotFound)));
}

#[tokio::test]
async fn a_tenant_reads_what_the_operator_has_set_for_it_and_for_nobody_else() {
    let app = App::spawn_with(&[
        "--rate-per-second",
        "50",
        "--rate-burst",
        "100",
        "--rate-per-hour",
        "50000",
    ])
    .await;
    let (acme, bolt) = (client(&app, "acme").await, client(&app, "bolt").await);
    let told = async |client: &Client| client.get("/api/v1/tenant/policy").await.json();
    let usual = json!({
        "tenantId": "acme", "privacy": "full", "contentHash": "strict", "manifests": "keep", "check": "off", "publishManifests": "off",
        "maxCopies": null, "maxMegapixels": 16,
        "limits": { "callsPerSecond": 50, "callsAtOnce": 100, "callsPerHour": 50_000 },
    });
    assert_eq!(told(&acme).await, usual);
    let change = PolicyChange {
        privacy: Some(Privacy::Strict),
        max_copies: Some(NonZeroU32::new(4)),
        content_hash: Some(ContentHashPolicy::Format),
        max_megapixels: Some(Megapixels::new(51)),
        manifests: Some(ManifestPolicy::None),
        check: Some(CheckPolicy::On),
        publication: Some(PublicationPolicy::On),
        rate_per_second: Some(Some(0)),
        rate_burst: Some(Some(7)),
        rate_per_hour: Some(Some(9_000)),
    };
    set(&app, "acme", change).await;
    let expected = json!({
        "tenantId": "acme", "privacy": "strict", "contentHash": "format", "manifests": "none", "check": "on", "publishManifests": "on",
        "maxCopies": 4, "maxMegapixels": 51,
        "limits": { "callsPerSecond": null, "callsAtOnce": null, "callsPerHour": 9_000 },
    });
    assert_eq!(told(&acme).await, expected);
    let mut others = usual;
    others["tenantId"] = "bolt".into();
    assert_eq!(told(&bolt).await, others);
    app.anonymous()
        .get("/api/v1/tenant/policy")
        .await
        .problem(ErrorCode::AuthMissing);
}

#[tokio::test]
async fn copies_of_one_content_are_counted_and_capped_also_in_parallel() {
    let app = App::spawn().await;
    let (acme, bolt) = (client(&app, "acme").await, client(&app, "bolt").await);
    let image = pictures::png(&pictures::scene(256, 192, 21));
    let first = acme.protect(&image).await;
    assert_eq!(first.header("x-content-copies"), "1");
    assert_eq!(acme.protect(&image).await.header("x-content-copies"), "2");

    set(&app, "acme", at_most(4)).await;
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let (client, image) = (acme.clone(), image.clone());
            tokio::spawn(async move {
                let parts = [crate::support::Part::image(&image)];
                client.post_form("/api/v1/photos/protect", &parts).await
            })
        })
        .collect();
    let (mut taken, mut refused) = (Vec::new(), 0);
    for call in calls {
        let answer = call.await.unwrap();
        if answer.status == 200 {
            taken.push(answer.header("x-content-copies").to_owned());
        } else {
            let problem = answer.problem(ErrorCode::Conflict);
            assert!(
                problem["message"].as_str().unwrap().contains("4 times"),
                "{problem}"
            );
            refused += 1;
        }
    }
    taken.sort();
    assert_eq!((taken, refused), (vec!["3".to_owned(), "4".to_owned()], 4));

    // Other content, and another tenant, are not concerned; a deleted photo makes room.
    let other = pictures::png(&pictures::scene(256, 192, 22));
    assert_eq!(acme.protect(&other).await.header("x-content-copies"), "1");
    assert_eq!(bolt.protect(&image).await.header("x-content-copies"), "1");
    let gone = acme
        .call(&axum::http::Method::DELETE, first.header("location"))
        .await;
    assert!(gone.status < 300, "{gone:?}");
    assert_eq!(acme.protect(&image).await.header("x-content-copies"), "4");
}

#[tokio::test]
async fn strict_privacy_holds_for_photos_protected_from_then_on() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await;
    let image = pictures::png(&pictures::scene(512, 384, 23));
    let before = acme.protect(&image).await;
    let strict = PolicyChange {
        privacy: Some(Privacy::Strict),
        ..PolicyChange::default()
    };
    set(&app, "acme", strict).await;
    let after = acme.protect(&image).await;
    let mut evidence = Vec::new();
    for protected in [&before, &after] {
        let photo = protected.header("x-photo-id");
        let answer = acme.verify(&protected.body, photo).await.json();
        assert_eq!(answer["authentic"], true, "{answer}");
        evidence.push(answer["watermark"]["zScore"].as_f64().unwrap());
    }
    // 1024 sums cannot give more than 32 deviations; 4096 give nearly 64.
    assert!(evidence[0] > 40.0 && evidence[1] < 32.0, "{evidence:?}");
}

#[tokio::test]
async fn under_strict_privacy_alterations_are_not_examined_and_the_answer_says_so() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await;
    let strict = PolicyChange {
        privacy: Some(Privacy::Strict),
        ..PolicyChange::default()
    };
    set(&app, "acme", strict).await;
    let scene = pictures::scene(768, 512, 25);
    let protected = acme.protect(&pictures::png(&scene)).await;
    let photo = protected.header("x-photo-id").to_owned();
    let sent = pictures::read(&protected.body);
    let copy = pictures::jpeg(&sent, 85);

    let answer = acme.verify(&copy, &photo).await.json();
    assert_eq!(
        (&answer["authentic"], &answer["verdict"]),
        (&json!(true), &json!("RECOVERED")),
        "{answer}"
    );
    assert_eq!(answer["alteration"], "NOT_EXAMINED");
    assert_eq!(
        (&answer["compared"], &answer["smallestVisible"]),
        (&json!(0.0), &Value::Null)
    );
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("was not examined"), "{message}");

    // Who must know is told no.
    let answer = acme.verify_under("strict", &copy, &photo).await.json();
    assert_eq!(answer["authentic"], false, "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("asks for that"), "{message}");

    // The very bytes and the very pixels need no examination.
    for file in [protected.body.to_vec(), pictures::webp(&sent)] {
        let answer = acme.verify(&file, &photo).await.json();
        assert_eq!(answer["alteration"], "NONE_FOUND", "{answer}");
    }

    // Whether it is the photo's content can be told nevertheless.
    let other = pictures::clouds(768, 512, 26);
    let forged = pictures::carried(&scene, &sent, &other, 3);
    let answer = acme.verify(&pictures::png(&forged), &photo).await.json();
    assert_eq!(answer["watermarkStatus"], "DETECTED", "{answer}");
    assert_eq!(
        (&answer["authentic"], &answer["verdict"]),
        (&json!(false), &json!("CONFLICT")),
        "{answer}"
    );
}

#[tokio::test]
async fn the_evidence_is_published_in_steps() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await;
    let scene = pictures::scene(512, 384, 24);
    let protected = acme.protect(&pictures::png(&scene)).await;
    let photo = protected.header("x-photo-id").to_owned();
    let sent = pictures::read(&protected.body);
    for quality in [95, 70, 40, 20, 10] {
        let answer = acme.verify(&pictures::jpeg(&sent, quality), &photo).await;
        let answer = answer.json();
        let z = answer["watermark"]["zScore"].as_f64().unwrap();
        let step = (z - 6.2) / 6.0;
        let published = if step > -0.1 {
            6.2 + 6.0 * step.round()
        } else {
            4.3
        };
        let exact = (z - published).abs() < 1e-6 || answer["watermark"]["zScore"] == 0.0;
        assert!(exact, "{quality}: {answer}");
        let detected = answer["watermarkStatus"] == "DETECTED";
        assert_eq!(z >= 6.2, detected, "{quality}: {answer}");
        let bound = answer["watermark"]["falsePositiveProbability"]
            .as_f64()
            .unwrap();
        assert!(bound > 0.0 && (!detected || bound < 1e-9), "{answer}");
    }
    let unprotected = acme.verify(&pictures::png(&scene), &photo).await.json();
    assert_eq!(unprotected["confidenceScore"], 0.0);
    assert_eq!(unprotected["watermark"]["falsePositiveProbability"], 1.0);
}
