//! Nobody gets to a tenant's endpoint without a live token of ours.

use std::collections::BTreeSet;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use axum::{
    body::Body,
    http::{Method, Request},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lumatrace::{
    auth::{Grant, KeyRing, MasterKey, Origin, SigningKey, TokenService},
    domain::{Role, Scopes},
    http::{Access, ErrorCode, endpoints},
};
use serde_json::{Value, json};

use crate::support::{App, MASTER_KEY};

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A JWT as whoever holds `pair` makes it.
fn sign(pair: &RsaKeyPair, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message.as_bytes(),
        &mut signature,
    )
    .unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn every_route_but_the_listed_ones_refuses_a_call_without_a_token() {
    let app = App::spawn().await;
    let is_public = |access| matches!(access, Access::Public | Access::Optional(_));
    let public: BTreeSet<_> = endpoints()
        .into_iter()
        .filter(|endpoint| is_public(endpoint.access))
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
        .collect();
    let listed = [
        "GET /.well-known/c2pa-soft-binding-resolution",
        "GET /.well-known/c2pa/anchors.pem",
        "GET /.well-known/jwks.json",
        "GET /.well-known/oauth-authorization-server",
        "GET /.well-known/oauth-protected-resource",
        "GET /api/v1/health",
        "GET /c2pa/v1/manifests/{manifestId}",
        "GET /c2pa/v1/manifests/{manifestId}/receipts",
        "GET /c2pa/v1/matches/byBinding",
        "GET /c2pa/v1/services/capabilities",
        "GET /c2pa/v1/services/status",
        "GET /c2pa/v1/services/supportedAlgorithms",
        "GET /docs",
        "GET /errors/{code}",
        "GET /livez",
        "GET /openapi.json",
        "GET /readyz",
        "POST /api/v1/auth/login",
        "POST /api/v1/check/{tenantId}",
        "POST /api/v3/auth",
        "POST /auth",
        "POST /c2pa/v1/manifests/{manifestId}/receipts",
        "POST /c2pa/v1/matches/byBinding",
        "POST /c2pa/v1/matches/byContent",
        "POST /console/session",
        "POST /oauth2/introspect",
        "POST /oauth2/revoke",
        "POST /oauth2/token",
    ];
    assert_eq!(
        public,
        listed.map(str::to_owned).into(),
        "the public routes are a decision"
    );

    let mut refused = 0;
    for endpoint in endpoints() {
        let path = endpoint
            .path
            .replace("{photoId}", "00000000-0000-4000-8000-000000000000");
        let answer = app.anonymous().call(&endpoint.method, &path).await;
        if is_public(endpoint.access) {
            assert_ne!(answer.status, 401, "{path}");
            assert!(answer.status < 500, "{path}");
        } else {
            answer.problem(ErrorCode::AuthMissing);
            refused += 1;
        }
    }
    println!("{refused} routes ask for a token");
    assert!(refused >= 8);
}

#[tokio::test]
async fn spellings_of_a_path_do_not_lead_around_the_token() {
    let app = App::spawn().await;
    let mut tried = 0;
    for path in [
        "//api/v1/me",
        "/api//v1/me",
        "/api/v1/me/",
        "/api/v1/./me",
        "/api/v1/x/../me",
        "/api/v1/%6de",
        "/api/v1/me;x",
        "/API/v1/me",
        "/api/v1/me%00",
        "/api/v1/%252e%252e/me",
        "/api/v1/ME",
    ] {
        let answer = app.anonymous().get(path).await;
        assert!([401, 404].contains(&answer.status), "{path}: {answer:?}");
        tried += 1;
    }
    for method in ["TRACE", "CONNECT", "PATCH", "get"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = app.anonymous().call(&method, "/api/v1/me").await;
        answer.problem(ErrorCode::MethodNotAllowed);
        assert_eq!(answer.header("allow"), "GET,HEAD");
        tried += 1;
    }
    assert_eq!(tried, 15);
}

#[tokio::test]
async fn only_the_header_carries_a_token_and_only_once() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let token = app.token(&tenant).await;
    let me = || Request::get("/api/v1/me");
    for (value, status) in [
        (format!("Bearer {token}"), 200),
        (format!("bearer {token}"), 200),
        (format!("BEARER  {token}"), 200),
        (format!("Basic {token}"), 401),
        (token.clone(), 401),
        (format!("Bearer {token} x"), 401),
        (format!("Bearer {token}="), 401),
        (format!("Bearer {}", "a".repeat(64 * 1024)), 401),
        ("Bearer".to_owned(), 401),
        ("Bearer ".to_owned(), 401),
    ] {
        let request = me()
            .header("authorization", &value)
            .body(Body::empty())
            .unwrap();
        let answer = app.anonymous().send(request).await;
        assert_eq!(answer.status, status, "{}", &value[..value.len().min(20)]);
    }
    let value = format!("Bearer {token}");
    let twice = me()
        .header("authorization", &value)
        .header("authorization", &value);
    let answer = app
        .anonymous()
        .send(twice.body(Body::empty()).unwrap())
        .await;
    answer.problem(ErrorCode::AuthInvalid);
    let cookie = me()
        .header("cookie", format!("token={token}"))
        .body(Body::empty())
        .unwrap();
    app.anonymous()
        .send(cookie)
        .await
        .problem(ErrorCode::AuthMissing);
    let query = app
        .anonymous()
        .get(&format!("/api/v1/me?access_token={token}"))
        .await;
    query.problem(ErrorCode::AuthMissing);
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let token = app.token(&tenant).await;
    let parts: Vec<&str> = token.split('.').collect();
    let (header, payload) = (decode(parts[0]), decode(parts[1]));
    let jwk = serde_json::to_value(&app.ctx.tokens.keys().jwks().keys[0]).unwrap();
    let mut forged = Vec::new();

    for algorithm in ["none", "None", "NONE", "nOnE"] {
        let mut unsigned = header.clone();
        unsigned["alg"] = algorithm.into();
        forged.push(format!("{}.{}.", encode(&unsigned), parts[1]));
        forged.push(format!("{}.{}.{}", encode(&unsigned), parts[1], parts[2]));
    }
    // HMAC with what is public (CVE-2016-5431 and its kin), and with nothing.
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    for secret in [jwk.to_string().into_bytes(), modulus, Vec::new()] {
        let mut hs = header.clone();
        hs["alg"] = "HS256".into();
        let message = format!("{}.{}", encode(&hs), parts[1]);
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, &secret),
            message.as_bytes(),
        );
        forged.push(format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)));
    }
    // Headers that would choose the key, each signed rightly by an attacker's.
    let attacker = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = attacker.public_key();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let attackers_jwk = json!({
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": header["kid"],
        "n": part(public.modulus().big_endian_without_leading_zero()),
        "e": part(public.exponent().big_endian_without_leading_zero()),
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let theirs = format!("http://{}/keys", listener.local_addr().unwrap());
    for (name, value) in [
        ("jwk", attackers_jwk),
        ("jku", json!(theirs)),
        ("x5u", json!(theirs)),
        ("kid", json!("../../etc/passwd")),
        ("kid", json!("/dev/null")),
        ("kid", json!("' or 1=1 --")),
        ("kid", json!("| id")),
        ("kid", json!("k".repeat(4000))),
        ("kid", json!(null)),
        ("kid", json!("unknown")),
    ] {
        let mut chosen = header.clone();
        chosen[name] = value;
        forged.push(sign(&attacker, &chosen, &payload));
    }
    // Another claim under the old signature.
    for (name, value) in [
        ("tenant_id", json!("other")),
        ("sub", json!("boss")),
        ("auth", json!("ROLE_ADMIN")),
        ("exp", json!(9_999_999_999_i64)),
    ] {
        let mut changed = payload.clone();
        changed[name] = value;
        forged.push(format!("{}.{}.{}", parts[0], encode(&changed), parts[2]));
    }
    // Other forms.
    forged.push(format!("{}.{}", parts[0], parts[1]));
    forged.push(format!("{token}.x"));
    forged.push(format!("{token}.x.y"));
    forged.push(format!(
        "{}.{}.{}",
        parts[0],
        parts[1],
        URL_SAFE_NO_PAD.encode([0; 384])
    ));
    // Another key, all claims right.
    let foreign = SigningKey::generate().unwrap();
    let (key, clock) = (KeyRing::new(foreign, Vec::new()), app.clock.clone());
    let other = TokenService::new(
        key,
        clock,
        "LumaTrace-Enterprise-CA".to_owned(),
        "LumaTrace-Cloud-API".to_owned(),
    );
    forged.push(
        other
            .issue(
                &other.keys(),
                &Grant {
                    tenant: tenant.id.clone(),
                    username: tenant.username.clone(),
                    role: Role::User,
                    scopes: Scopes::PHOTOS,
                    origin: Origin::Account {
                        generation: i64::MAX,
                    },
                    ttl_seconds: 3600,
                },
            )
            .unwrap(),
    );

    for token in &forged {
        app.with_token(token)
            .get("/api/v1/me")
            .await
            .problem(ErrorCode::AuthInvalid);
    }
    assert!(listener.accept().is_err(), "nobody was asked for a key");
    println!("{} forged tokens were refused", forged.len());
    assert!(forged.len() >= 30);
}

#[tokio::test]
async fn wrong_claims_are_refused_under_a_right_signature() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let token = app.token(&tenant).await;
    let payload = decode(token.split('.').nth(1).unwrap());
    let keys = app.ctx.db.signing_keys().await.unwrap();
    let sealed = keys
        .into_iter()
        .find(|key| key.activated_at.is_some())
        .unwrap();
    let master = MasterKey::from_base64(MASTER_KEY).unwrap();
    let pkcs8 = master
        .open(
            &format!("lumatrace signing key v1 {}", sealed.key_id),
            &sealed.sealed_private_key,
        )
        .unwrap();
    let pair = RsaKeyPair::from_pkcs8(&pkcs8).unwrap();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": sealed.key_id });
    let sign = |claims: &Value| sign(&pair, &header, claims);
    let with = |name: &str, value: Value| {
        let mut claims = payload.clone();
        claims[name] = value;
        claims
    };
    assert_eq!(
        app.with_token(&sign(&payload))
            .get("/api/v1/me")
            .await
            .status,
        200
    );
    let plain = with("aud", json!("LumaTrace-Cloud-API"));
    assert_eq!(
        app.with_token(&sign(&plain)).get("/api/v1/me").await.status,
        200
    );

    let now = payload["iat"].as_i64().unwrap();
    let mut wrong = vec![
        with("iss", json!("other")),
        with("aud", json!(["other"])),
        with("aud", json!([])),
        with("exp", json!("9999999999")),
        with("exp", json!(1e300)),
        with("exp", json!(now as f64 + 0.5)),
        with("exp", json!(null)),
        with("exp", json!(-1)),
        with("jti", json!("not-a-uuid")),
        with("tenant_id", json!("NOT A NAME")),
        with("auth", json!("ROLE_ROOT")),
        with("scope", json!("photos:everything")),
        with("flow", json!("backdoor")),
        with("gen", json!("1")),
        with("iat", json!(now + 3000)),
        with("nbf", json!(now + 3000)),
    ];
    for name in [
        "iss",
        "aud",
        "exp",
        "jti",
        "tenant_id",
        "sub",
        "auth",
        "iat",
        "nbf",
        "scope",
        "flow",
        "gen",
    ] {
        let mut claims = payload.clone();
        claims.as_object_mut().unwrap().remove(name);
        wrong.push(claims);
    }
    for claims in &wrong {
        let answer = app.with_token(&sign(claims)).get("/api/v1/me").await;
        assert_eq!(answer.status, 401, "{claims}");
        answer.problem(ErrorCode::AuthInvalid);
    }
    let expired = sign(&with("exp", json!(now - 31)));
    app.with_token(&expired)
        .get("/api/v1/me")
        .await
        .problem(ErrorCode::AuthExpired);
    println!("{} wrong sets of claims were refused", wrong.len() + 1);
    assert_eq!(wrong.len(), 28);
    // Signed for a tenant that is not there, or an account that it does not have.
    for (name, value) in [("tenant_id", "nowhere"), ("sub", "nobody")] {
        let answer = app
            .with_token(&sign(&with(name, json!(value))))
            .get("/api/v1/me")
            .await;
        answer.problem(ErrorCode::AuthRevoked);
    }
}

#[tokio::test]
async fn the_key_set_is_public_and_holds_nothing_private() {
    let app = App::spawn().await;
    let answer = app.anonymous().get("/.well-known/jwks.json").await;
    assert!(answer.header("cache-control").contains("max-age"));
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    assert!(!keys.is_empty());
    for key in keys {
        let members: BTreeSet<&str> = key
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"].into());
        assert_eq!(
            URL_SAFE_NO_PAD
                .decode(key["n"].as_str().unwrap())
                .unwrap()
                .len(),
            384
        );
    }
}
