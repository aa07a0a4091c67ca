//! `/c2pa/v1`, the half in which clients store: manifests that were made elsewhere, bindings,
//! receipts. What a tenant keeps is its own unless it publishes.

use axum::{
    body::Body,
    http::{Method, Request},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use lumatrace::{
    domain::{ContentHash, PublicationPolicy, Scopes},
    http::ErrorCode,
    service::operator::{self, PolicyChange, TenantChange},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{
    openapi::Contract,
    signin::application,
    support::{Answer, App, Client, Tenant, pictures},
};

const MANIFESTS: &str = "/c2pa/v1/manifests";
const BINDINGS: &str = "/c2pa/v1/bindings";
const BY_BINDING: &str = "/c2pa/v1/matches/byBinding";
const NOBODYS: &str = "urn:c2pa:7f0d15bc-8f36-4d0b-8b05-125fac2d998a";
const TEXT: &str = "softbinding-conformance-fixture:1";

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

async fn member(app: &App, name: &str) -> (Tenant, Client) {
    let tenant = app.tenant(name).await;
    let client = app.client(&tenant).await;
    (tenant, client)
}

async fn owner(app: &App) -> PgConnection {
    PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap()
}

fn path(manifest: &str) -> String {
    format!("{MANIFESTS}/{}", manifest.replace(':', "%3A"))
}

fn receipts(manifest: &str) -> String {
    format!("{}/receipts", path(manifest))
}

async fn post(client: &Client, path: &str, bytes: &[u8]) -> Answer {
    client
        .post_bytes(path, "application/c2pa", bytes.to_vec().into())
        .await
}

/// Stores bytes, and returns the id.
async fn stored(client: &Client, bytes: &[u8]) -> String {
    let answer = post(client, MANIFESTS, bytes).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["manifestId"].as_str().unwrap().to_owned()
}

async fn bind(client: &Client, value: &str, manifest: &str) -> Answer {
    let body = json!({ "bindingValue": value, "manifestId": manifest });
    client.post_json(BINDINGS, &body).await
}

async fn put(client: &Client, body: &Value) -> Answer {
    let request = Request::put(BINDINGS).header("content-type", "application/json");
    let body = Body::from(body.to_string());
    client.send(request.body(body).unwrap()).await
}

/// The manifests of a value, by that algorithm.
async fn matches(client: &Client, value: &str, alg: &str) -> Vec<String> {
    let answer = client
        .get(&format!("{BY_BINDING}?value={value}&alg={alg}"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let found = answer.json();
    let found = found["matches"].as_array().unwrap().iter();
    found
        .map(|one| {
            assert_eq!(one["similarityScore"], 100);
            one["manifestId"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn in_box(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + content.len()).unwrap();
    [&length.to_be_bytes()[..], &kind, content].concat()
}

/// A box that is called so, with something in it.
fn labelled(label: &str, content: &[u8]) -> Vec<u8> {
    let description = [&[7; 16][..], &[3], label.as_bytes(), &[0]].concat();
    in_box(
        *b"jumb",
        &[&in_box(*b"jumd", &description), content].concat(),
    )
}

/// A manifest store whose active manifest is called so, and which has an older one.
fn store(urn: &str, content: &[u8]) -> Vec<u8> {
    let older = labelled("urn:c2pa:older", b"");
    let active = labelled(urn, &in_box(*b"bidb", content));
    labelled("c2pa", &[older, active].concat())
}

/// That a value leads to this manifest and to no other.
async fn leads_to(client: &Client, value: &str, manifest: &str) -> bool {
    matches(client, value, "x").await == [manifest]
}

/// A client with a token of OAuth 2.0 that asked for these scopes, and what it was told.
async fn with_scopes(app: &App, tenant: &Tenant, scopes: &str) -> Client {
    let made = application(app, tenant, Scopes::PHOTOS).await;
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

/// An answer without what differs in any two.
fn without_trace(answer: &Answer) -> Value {
    let mut body = answer.json();
    for member in ["traceId", "instance"] {
        body.as_object_mut().unwrap().remove(member).unwrap();
    }
    body
}

#[tokio::test]
async fn any_bytes_are_stored_given_back_and_deleted() {
    let app = App::spawn().await;
    let (_, acme) = member(&app, "acme").await;
    let mut contract = Contract::new();
    let answer = post(&acme, MANIFESTS, TEXT.as_bytes()).await;
    contract.holds("storeManifest", &answer);
    let id = answer.json()["manifestId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("urn:c2pa:"), "{id}");
    let back = acme.get(&path(&id)).await;
    contract.holds("fetchManifest", &back);
    assert_eq!(back.body, TEXT);
    assert_eq!(back.header("content-type"), "application/c2pa");
    assert_eq!(back.header("cache-control"), "no-store");
    // There is no active manifest in a text.
    let active = format!("{}?returnActiveManifest=true", path(&id));
    acme.get(&active).await.problem(ErrorCode::ValidationFailed);
    let gone = acme.call(&Method::DELETE, &path(&id)).await;
    contract.holds("deleteStoredManifest", &gone);
    assert_eq!(gone.status, 204);
    for method in [Method::DELETE, Method::GET] {
        let answer = acme.call(&method, &path(&id)).await;
        answer.problem(ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn a_manifest_store_is_called_by_its_active_manifest_and_never_overwritten() {
    let app = App::spawn().await;
    let (_, acme) = member(&app, "acme").await;
    let bytes = store(NOBODYS, b"claim");
    assert_eq!(stored(&acme, &bytes).await, NOBODYS);
    assert_eq!(stored(&acme, &bytes).await, NOBODYS, "again");
    let other = post(&acme, MANIFESTS, &store(NOBODYS, b"other")).await;
    let problem = other.problem(ErrorCode::ValidationFailed);
    assert_eq!(problem["errors"][0]["field"], "body");
    assert_eq!(problem["error"], problem["message"]);
    assert_eq!(acme.get(&path(NOBODYS)).await.body, bytes);
    let active = acme
        .get(&format!("{}?returnActiveManifest=true", path(NOBODYS)))
        .await;
    let alone = labelled("c2pa", &labelled(NOBODYS, &in_box(*b"bidb", b"claim")));
    assert_eq!(active.body, alone);
    let bad = format!("{}?returnActiveManifest=1", path(NOBODYS));
    acme.get(&bad).await.problem(ErrorCode::ValidationFailed);
    // That of a photo is the photo's: the same bytes are known, and others are refused.
    let photo = acme
        .protect(&pictures::png(&pictures::scene(320, 240, 3)))
        .await;
    let urn = photo.header("x-c2pa-manifest-id").to_owned();
    let own = acme.get(&path(&urn)).await.body;
    assert_eq!(stored(&acme, &own).await, urn);
    let forged = post(&acme, MANIFESTS, &store(&urn, b"forged")).await;
    forged.problem(ErrorCode::ValidationFailed);
    let answer = acme.call(&Method::DELETE, &path(&urn)).await;
    answer.problem(ErrorCode::NotFound);
    assert_eq!(
        acme.get(&path(&urn)).await.body,
        own,
        "it goes with its photo"
    );
    let mut owner = owner(&app).await;
    let kept: i64 = sqlx::query_scalar("select count(*) from stored_manifests")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn what_is_no_manifest_by_its_length_or_type_is_refused() {
    let app = App::spawn().await;
    let (_, acme) = member(&app, "acme").await;
    let mut contract = Contract::new();
    let empty = post(&acme, MANIFESTS, b"").await;
    empty.problem(ErrorCode::ValidationFailed);
    let longest = vec![b'x'; 1 << 20];
    assert_eq!(post(&acme, MANIFESTS, &longest).await.status, 200);
    let large = post(&acme, MANIFESTS, &[&longest[..], b"x"].concat()).await;
    contract.holds("storeManifest", &large);
    large.problem(ErrorCode::PayloadTooLarge);
    let text = acme.post_bytes(MANIFESTS, "text/plain", TEXT.into()).await;
    contract.holds("storeManifest", &text);
    text.problem(ErrorCode::UnsupportedContentType);
    let flag = format!("{MANIFESTS}?returnReceipt=yes");
    let answer = post(&acme, &flag, TEXT.as_bytes()).await;
    answer.problem(ErrorCode::ValidationFailed);
}

#[tokio::test]
async fn who_may_not_is_refused_before_the_body_and_before_what_there_is() {
    let app = App::spawn().await;
    let (tenant, acme) = member(&app, "acme").await;
    let id = stored(&acme, TEXT.as_bytes()).await;
    let wrong = app.with_token("made-up");
    let fetcher = with_scopes(&app, &tenant, "fetch%3Amanifests").await;
    let storer = with_scopes(&app, &tenant, "store%3Amanifests%20store%3Abindings").await;
    let nowhere = path(NOBODYS);
    let of = receipts(NOBODYS);
    for (method, target, anybody) in [
        (Method::POST, MANIFESTS, false),
        (Method::DELETE, &*nowhere, false),
        (Method::POST, BINDINGS, false),
        (Method::PUT, BINDINGS, false),
        (Method::GET, &*nowhere, true),
        (Method::GET, &*of, true),
        (Method::POST, &*of, true),
        (Method::GET, BY_BINDING, true),
        (Method::POST, BY_BINDING, true),
    ] {
        let what = format!("{method} {target}");
        // Neither a type nor a body that the route takes.
        let made_up = wrong.call(&method, target).await;
        made_up.problem(ErrorCode::AuthInvalid);
        let nobody = app.anonymous().call(&method, target).await;
        let lacking = if anybody { &storer } else { &fetcher };
        let lacking = lacking.call(&method, target).await;
        lacking.problem(ErrorCode::TenantRestricted);
        if anybody {
            assert!(
                [400, 404, 415].contains(&nobody.status),
                "{what} {nobody:?}"
            );
        } else {
            nobody.problem(ErrorCode::AuthMissing);
            assert_eq!(nobody.json()["error"], nobody.json()["message"], "{what}");
        }
    }
    assert_eq!(fetcher.get(&path(&id)).await.status, 200);
    assert_eq!(stored(&storer, b"more").await.len(), NOBODYS.len());
    assert_eq!(bind(&storer, "value", &id).await.status, 204);
}

#[tokio::test]
async fn what_is_not_published_is_as_what_is_not_there_and_what_is_taken_back_is_gone_everywhere() {
    let app = App::spawn().await;
    let other = app.replica().await;
    let (tenant, acme) = member(&app, "acme").await;
    let (_, bolt) = member(&app, "bolt").await;
    let id = stored(&acme, TEXT.as_bytes()).await;
    assert_eq!(bind(&acme, "one", &id).await.status, 204);
    let strangers = [
        app.anonymous(),
        bolt.at(&app),
        bolt.at(&other),
        other.anonymous(),
    ];
    let hidden = async |when: &str| {
        for client in &strangers {
            let (there, nowhere) = (
                client.get(&path(&id)).await,
                client.get(&path(NOBODYS)).await,
            );
            there.problem(ErrorCode::NotFound);
            assert_eq!(without_trace(&there), without_trace(&nowhere), "{when}");
            let there = client.get(&receipts(&id)).await;
            there.problem(ErrorCode::NotFound);
            assert_eq!(
                matches(client, "one", "x").await,
                Vec::<String>::new(),
                "{when}"
            );
            let deleted = client.call(&Method::DELETE, &path(&id)).await;
            assert!([401, 404].contains(&deleted.status), "{when}");
        }
    };
    hidden("before").await;
    let change = async |change| {
        let (master, clock) = (&app.ctx.master, &app.clock);
        operator::change_tenant(&app.operator, master, clock, &tenant.id, change)
            .await
            .unwrap();
    };
    for step in ["off", "suspended", "deleted"] {
        set(&app, &tenant, PublicationPolicy::On).await;
        for client in &strangers {
            assert_eq!(client.get(&path(&id)).await.body, TEXT, "{step}");
            assert_eq!(client.get(&receipts(&id)).await.status, 200, "{step}");
            assert!(leads_to(client, "one", &id).await, "{step}");
        }
        match step {
            "off" => set(&app, &tenant, PublicationPolicy::Off).await,
            "suspended" => change(TenantChange::Suspend).await,
            _ => change(TenantChange::Delete).await,
        }
        hidden(step).await;
        if step == "suspended" {
            change(TenantChange::Resume).await;
        }
    }
}

#[tokio::test]
async fn of_several_the_callers_own_comes_first_and_then_the_earliest() {
    let app = App::spawn().await;
    let mut clients = Vec::new();
    for name in ["acme", "bolt", "cord"] {
        let (tenant, client) = member(&app, name).await;
        set(&app, &tenant, PublicationPolicy::On).await;
        app.clock.advance(1);
        stored(&client, &store(NOBODYS, name.as_bytes())).await;
        let own = stored(&client, name.as_bytes()).await;
        assert_eq!(bind(&client, "same", &own).await.status, 204);
        assert_eq!(bind(&client, "same", NOBODYS).await.status, 204);
        clients.push((client, name, own));
    }
    let all = |order: [usize; 3]| {
        let mut ids: Vec<String> = Vec::new();
        for index in order {
            for id in [clients[index].2.clone(), NOBODYS.to_owned()] {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        ids
    };
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    let stranger = matches(&app.anonymous(), "same", "x").await;
    assert_eq!(sorted(stranger.clone()), sorted(all([0, 1, 2])));
    assert_eq!(stranger[2..], all([0, 1, 2])[2..], "by the time of binding");
    for (index, (client, name, own)) in clients.iter().enumerate() {
        let bytes = client.get(&path(NOBODYS)).await.body;
        assert_eq!(bytes, store(NOBODYS, name.as_bytes()), "its own");
        let found = matches(client, "same", "x").await;
        assert_eq!(
            sorted(found[..2].to_vec()),
            sorted(vec![own.clone(), NOBODYS.to_owned()])
        );
        assert_eq!(found.len(), 4, "{index}: each once");
    }
    let first = app.anonymous().get(&path(NOBODYS)).await.body;
    assert_eq!(first, store(NOBODYS, b"acme"));
    let one = app
        .anonymous()
        .get(&format!("{BY_BINDING}?value=same&alg=x&maxResults=1"))
        .await;
    assert_eq!(one.json()["matches"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_value_is_compared_byte_by_byte_and_one_without_an_algorithm_is_found_under_any() {
    let app = App::spawn().await;
    let (_, acme) = member(&app, "acme").await;
    let mut contract = Contract::new();
    let id = stored(&acme, TEXT.as_bytes()).await;
    let (value, longest) = ("conformance-binding-1", "v".repeat(4096));
    for value in [value, value, &longest, "gr%C3%BC%C3%9F%20Gott"] {
        let bound = bind(&acme, value, &id).await;
        contract.holds("storeBinding", &bound);
        assert_eq!(bound.status, 204);
    }
    let body = json!({
        "bindingValue": "by alg", "manifestId": id, "alg": "com.example.a", "unknown": [1],
    });
    assert_eq!(acme.post_json(BINDINGS, &body).await.status, 204);
    for (value, alg, found) in [
        (value, "conformance-test", true),
        (value, "%00", true),
        ("conformance-binding-2", "x", false),
        ("Conformance-binding-1", "x", false),
        ("conformance-binding-1%20", "x", false),
        (&longest, "x", true),
        ("by%20alg", "com.example.a", true),
        ("by%20alg", "com.example.b", false),
        ("by%20alg", "%00", false),
    ] {
        let expected = if found { vec![id.clone()] } else { Vec::new() };
        assert_eq!(matches(&acme, value, alg).await, expected, "{value} {alg}");
    }
    // A text in a query is decoded, once.
    assert_eq!(bind(&acme, "grüß+Gott", &id).await.status, 204);
    assert!(leads_to(&acme, "gr%C3%BC%C3%9F%2BGott", &id).await);
    let posted = json!({ "value": value, "alg": "x" });
    let answer = acme.post_json(BY_BINDING, &posted).await;
    contract.holds("findManifestsByLongBinding", &answer);
    assert_eq!(answer.json()["matches"][0]["manifestId"], json!(id));

    let query = |value: &str| format!("{BY_BINDING}?value={value}&alg=x");
    let long = acme.get(&query(&format!("{longest}v"))).await;
    contract.holds("findManifestsByBinding", &long);
    long.problem(ErrorCode::UriTooLong);
    let posted = json!({ "value": format!("{longest}v"), "alg": "x" });
    let long = acme.post_json(BY_BINDING, &posted).await;
    long.problem(ErrorCode::PayloadTooLarge);
    let long = bind(&acme, &format!("{longest}v"), &id).await;
    contract.holds("storeBinding", &long);
    long.problem(ErrorCode::PayloadTooLarge);
    for most in ["0", "-1", "x", "1.5"] {
        let answer = acme.get(&format!("{}&maxResults={most}", query("v"))).await;
        answer.problem(ErrorCode::ValidationFailed);
    }
    for body in [
        json!({ "bindingValue": "", "manifestId": id }),
        json!({ "bindingValue": 1, "manifestId": id }),
        json!({ "bindingValue": "v" }),
        json!({ "bindingValue": "v", "manifestId": id, "alg": "a b" }),
    ] {
        let answer = acme.post_json(BINDINGS, &body).await;
        answer.problem(ErrorCode::ValidationFailed);
    }
    let text = acme.post_bytes(BINDINGS, "text/plain", "{}".into()).await;
    text.problem(ErrorCode::UnsupportedContentType);
}

#[tokio::test]
async fn a_value_leads_to_manifests_of_its_tenant_alone_and_goes_with_them() {
    let app = App::spawn().await;
    let (_, acme) = member(&app, "acme").await;
    let (_, bolt) = member(&app, "bolt").await;
    let mut contract = Contract::new();
    let [one, other] = [stored(&acme, b"one").await, stored(&acme, b"other").await];
    for nobodys in [NOBODYS, "x", "a b", "\0"] {
        let answer = bind(&acme, "v", nobodys).await;
        contract.holds("storeBinding", &answer);
        answer.problem(ErrorCode::NotFound);
    }
    bind(&bolt, "v", &one).await.problem(ErrorCode::NotFound);
    let to = |value: &str, manifest: &str| json!({ "bindingValue": value, "manifestId": manifest });
    let unknown = put(&acme, &to("v", &one)).await;
    contract.holds("changeBinding", &unknown);
    unknown.problem(ErrorCode::NotFound);
    assert_eq!(bind(&acme, "v", &one).await.status, 204);
    let moved = put(&acme, &to("v", &other)).await;
    contract.holds("changeBinding", &moved);
    assert_eq!(moved.status, 204);
    assert_eq!(put(&acme, &to("v", &other)).await.status, 204, "again");
    assert!(leads_to(&acme, "v", &other).await);
    put(&acme, &to("v", NOBODYS))
        .await
        .problem(ErrorCode::NotFound);
    let by_alg = json!({ "bindingValue": "v", "manifestId": one, "alg": "a" });
    put(&acme, &by_alg).await.problem(ErrorCode::NotFound);
    assert!(leads_to(&acme, "v", &other).await);
    assert_eq!(acme.call(&Method::DELETE, &path(&other)).await.status, 204);
    assert_eq!(matches(&acme, "v", "x").await, Vec::<String>::new());
    // A photo's manifest can be bound to, and takes its bindings along.
    let photo = acme
        .protect(&pictures::png(&pictures::scene(320, 240, 3)))
        .await;
    let urn = photo.header("x-c2pa-manifest-id");
    assert_eq!(bind(&acme, "p", urn).await.status, 204);
    assert_eq!(matches(&acme, "p", "x").await, [urn]);
    let one = format!("/api/v1/photos/{}", photo.header("x-photo-id"));
    assert_eq!(acme.call(&Method::DELETE, &one).await.status, 204);
    assert_eq!(matches(&acme, "p", "x").await, Vec::<String>::new());
    let mut owner = owner(&app).await;
    let kept: (i64, i64, i64) = sqlx::query_as(
        "select manifests, manifest_bytes, bindings from soft_binding_tallies where tenant_id = 'acme'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(kept, (1, 3, 0), "what is gone is counted off");
}

#[tokio::test]
async fn a_receipt_verifies_with_the_published_keys_alone() {
    let app = App::spawn().await;
    let (tenant, acme) = member(&app, "acme").await;
    let mut contract = Contract::new();
    let bytes = store(NOBODYS, b"claim");
    let answer = post(&acme, &format!("{MANIFESTS}?returnReceipt=true"), &bytes).await;
    contract.holds("storeManifest", &answer);
    let receipt = answer.json()["receipt"].clone();
    assert_eq!(receipt["@type"], "org.c2pa.manifest-receipt");
    assert_eq!(receipt["repository"]["manifestId"], NOBODYS);
    assert_eq!(
        receipt["repository"]["uri"],
        "http://lumatrace.test/c2pa/v1"
    );
    let keys = receipt["anchor"]["uri"].as_str().unwrap();
    let keys = keys.strip_prefix("http://lumatrace.test").unwrap();
    let keys = app.anonymous().get(keys).await.body;

    // From here on nothing but the receipt, the bytes and the keys.
    let keys: JwkSet = serde_json::from_slice(&keys).unwrap();
    let proof = receipt["anchor"]["proof"]["value"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(proof).unwrap();
    assert_eq!(header.typ.as_deref(), Some("c2pa-receipt+jwt"));
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Value>(proof, &key, &validation)
        .unwrap()
        .claims;
    let hash = ContentHash::from_digest(Sha256::digest(&bytes).into()).to_string();
    assert_eq!(
        claims,
        json!({
            "iss": "http://lumatrace.test", "manifestId": NOBODYS, "manifestSha256": hash,
            "storedAt": "2027-01-15T08:00:00Z",
        })
    );

    let anew = acme.get(&receipts(NOBODYS)).await;
    contract.holds("getManifestReceipt", &anew);
    assert_eq!(anew.json()["verified"], true);
    for sent in [&receipt, &anew.json()] {
        let checked = acme.post_json(&receipts(NOBODYS), sent).await;
        contract.holds("checkManifestReceipt", &checked);
        assert_eq!(checked.json()["verified"], true, "{checked:?}");
        assert!(checked.json().get("error").is_none());
    }
    // It is no token, and a token is no receipt.
    let as_token = app.with_token(proof).get("/api/v1/me").await;
    as_token.problem(ErrorCode::AuthInvalid);
    let other = stored(&acme, b"other").await;
    let with = |at: &str, value: Value| {
        let mut changed = receipt.clone();
        *changed.pointer_mut(at).unwrap() = value;
        changed
    };
    let proof_at = "/anchor/proof/value";
    let mut forged = proof.to_owned();
    forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
    for (manifest, sent) in [
        (NOBODYS, with(proof_at, app.token(&tenant).await.into())),
        (NOBODYS, with(proof_at, forged.into())),
        (NOBODYS, with(proof_at, "".into())),
        (NOBODYS, with("/anchor/proof/alg", "ES256".into())),
        (
            NOBODYS,
            with("/repository/manifestId", other.clone().into()),
        ),
        (&*other, receipt.clone()),
        (
            &*other,
            with("/repository/manifestId", other.clone().into()),
        ),
    ] {
        let checked = acme.post_json(&receipts(manifest), &sent).await;
        contract.holds("checkManifestReceipt", &checked);
        assert_eq!(checked.json()["verified"], false, "{checked:?}");
        assert!(checked.json()["error"].is_string(), "{checked:?}");
    }
    for sent in [
        json!({}),
        with("/@type", "other".into()),
        with("/repository", json!({})),
        with("/anchor", json!({ "proof": "x" })),
        json!([]),
    ] {
        let answer = acme.post_json(&receipts(NOBODYS), &sent).await;
        answer.problem(ErrorCode::ValidationFailed);
    }
    let nowhere = acme.post_json(&receipts("urn:c2pa:none"), &receipt).await;
    nowhere.problem(ErrorCode::NotFound);
    // Deleted and stored in other bytes, the old receipt is for what is not there any more.
    acme.call(&Method::DELETE, &path(NOBODYS)).await;
    stored(&acme, &store(NOBODYS, b"other")).await;
    let late = acme.post_json(&receipts(NOBODYS), &receipt).await.json();
    assert_eq!(late["verified"], false, "{late}");
}

/// Fills a tenant up to `short` of its manifests, with bindings to one of them.
async fn fill(app: &App, manifests: i64, bindings: i64) {
    let statement = format!(
        "insert into stored_manifests
             select 'acme', 'urn:x:' || n, sha256('x'), 'x', false, now() from generate_series(1, {manifests}) n;
         insert into bindings
             select 'acme', sha256(n::text::bytea), 'urn:x:' || 1 + n % {manifests}, '', 'urn:x:' || 1 + n % {manifests}, null, now()
             from generate_series(1, {bindings}) n"
    );
    let mut owner = owner(app).await;
    owner.execute(AssertSqlSafe(statement)).await.unwrap();
}

#[tokio::test]
async fn what_a_tenant_keeps_is_limited_by_name_exactly_and_for_it_alone() {
    let app = App::spawn().await;
    let (_, acme) = member(&app, "acme").await;
    let (_, bolt) = member(&app, "bolt").await;
    let mut contract = Contract::new();
    fill(&app, 9_998, 99_998).await;
    // Ten at once for two places.
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..10_u8 {
        let client = acme.clone();
        calls.spawn(async move { post(&client, MANIFESTS, &[number]).await });
    }
    let answers = calls.join_all().await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((done.len(), refused.len()), (2, 8));
    for answer in refused {
        contract.holds("storeManifest", answer);
        let problem = answer.problem(ErrorCode::QuotaExceeded);
        assert_eq!(problem["errors"][0]["field"], "manifests");
        assert_eq!(problem["errors"][0]["max"], 10_000);
    }
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..6 {
        let client = acme.clone();
        calls.spawn(async move { bind(&client, &format!("v{number}"), "urn:x:1").await });
    }
    let answers = calls.join_all().await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 204);
    assert_eq!((done.len(), refused.len()), (2, 4));
    for answer in refused {
        contract.holds("storeBinding", answer);
        let problem = answer.problem(ErrorCode::QuotaExceeded);
        assert_eq!(problem["errors"][0]["field"], "bindings");
    }
    // Another tenant is as free as before, and a deletion makes room.
    let others = stored(&bolt, b"x").await;
    assert_eq!(bind(&bolt, "v", &others).await.status, 204);
    let gone = acme.call(&Method::DELETE, &path("urn:x:9")).await;
    assert_eq!(gone.status, 204);
    let id = stored(&acme, b"room").await;
    assert_eq!(bind(&acme, "room", &id).await.status, 204);
}

#[tokio::test]
async fn bytes_bindings_of_a_manifest_and_manifests_of_a_value_have_limits_of_their_own() {
    let app = App::spawn().await;
    let (_, acme) = member(&app, "acme").await;
    fill(&app, 101, 0).await;
    for number in 0..100 {
        assert_eq!(
            bind(&acme, &format!("v{number}"), "urn:x:1").await.status,
            204
        );
        let one = format!("urn:x:{}", number + 2);
        assert_eq!(bind(&acme, "same", &one).await.status, 204);
    }
    let field = |answer: &Answer| {
        let problem = answer.problem(ErrorCode::QuotaExceeded);
        problem["errors"][0]["field"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        field(&bind(&acme, "v", "urn:x:1").await),
        "bindingsOfManifest"
    );
    assert_eq!(
        bind(&acme, "v1", "urn:x:1").await.status,
        204,
        "it is bound"
    );
    let id = stored(&acme, b"last").await;
    assert_eq!(field(&bind(&acme, "same", &id).await), "manifestsOfValue");
    let mut owner = owner(&app).await;
    owner
        .execute("update soft_binding_tallies set manifest_bytes = 1073741824 - 2")
        .await
        .unwrap();
    assert_eq!(
        field(&post(&acme, MANIFESTS, b"abc").await),
        "manifestBytes"
    );
    stored(&acme, b"ab").await;
}

#[tokio::test]
async fn what_is_stored_and_bound_is_in_the_audit_log_without_the_value() {
    let app = App::spawn().await;
    let (_, chief) = app.administered("acme").await;
    let bytes = store(NOBODYS, b"claim");
    stored(&chief, &bytes).await;
    stored(&chief, &bytes).await;
    let other = stored(&chief, b"other").await;
    for _ in 0..2 {
        bind(&chief, "secret value", NOBODYS).await;
        let to = json!({ "bindingValue": "secret value", "manifestId": other });
        if bind(&chief, "second", NOBODYS).await.status == 204 {
            put(&chief, &to).await;
        }
    }
    chief.call(&Method::DELETE, &path(NOBODYS)).await;
    let log = chief.get("/api/v1/audit?limit=200").await;
    assert!(!String::from_utf8_lossy(&log.body).contains("secret value"));
    let log = log.json();
    let mut seen: Vec<String> = (log["items"].as_array().unwrap().iter())
        .filter(|event| event["subject"].as_str().unwrap().starts_with("manifest:"))
        .map(|event| {
            format!(
                "{} {}",
                event["action"].as_str().unwrap(),
                event["subject"].as_str().unwrap()
            )
        })
        .collect();
    seen.reverse();
    let of = |action: &str, id: &str| format!("{action} manifest:{id}");
    assert_eq!(
        seen,
        [
            of("manifest.stored", NOBODYS),
            of("manifest.stored", &other),
            of("binding.stored", NOBODYS),
            of("binding.stored", NOBODYS),
            of("binding.changed", &other),
            of("binding.stored", NOBODYS),
            of("binding.changed", &other),
            of("manifest.deleted", NOBODYS),
        ]
    );
}

#[tokio::test]
async fn what_is_there_is_announced() {
    let app = App::spawn().await;
    let answer = app
        .anonymous()
        .get("/c2pa/v1/services/capabilities")
        .await
        .json();
    let listed = answer["supportedCapabilities"].as_array().unwrap();
    for capability in ["storeManifests", "storeBindings", "receipts"] {
        assert!(listed.contains(&capability.into()), "{capability}");
    }
}
