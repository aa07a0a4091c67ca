//! Content credentials over HTTP: what `protect` signs, and what `verify` and `identify` make of
//! it.

use image::imageops::{self, FilterType};
use lumatrace::{
    credentials::{
        Anchors, ManifestSigner, Statement,
        authority::Authority,
        carrier,
        signing::{Algorithm, SigningIdentity},
        trust::{TrustKind, TrustList},
    },
    domain::{ContentHash, ManifestPolicy, PhotoId, Registration, Role},
    http::ErrorCode,
    imaging::{Format, MetadataPolicy},
    service::{
        operator::{self, PolicyChange},
        trust,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, App, Client, Part, pictures};

async fn client(app: &App, tenant: &str) -> Client {
    let tenant = app.tenant(tenant).await;
    app.client(&tenant).await
}

/// A picture in each format.
fn pictures_in_all_formats(seed: u32) -> [(Format, Vec<u8>); 3] {
    let scene = pictures::scene(640, 480, seed);
    [
        (Format::Jpeg, pictures::jpeg(&scene, 88)),
        (Format::Png, pictures::png(&scene)),
        (Format::WebP, pictures::webp(&scene)),
    ]
}

fn photo_of(answer: &Answer) -> String {
    answer.header("x-photo-id").to_owned()
}

/// The picture of a protected file as a platform sends it on: half as large, JPEG 60, no metadata.
fn stripped(file: &[u8]) -> Vec<u8> {
    let picture = pictures::read(file);
    let (width, height) = (picture.width() / 2, picture.height() / 2);
    pictures::jpeg(
        &imageops::resize(&picture, width, height, FilterType::Lanczos3),
        60,
    )
}

/// A signer that this server has never heard of.
fn stranger() -> ManifestSigner {
    let now = lumatrace::clock::Clock::system().now();
    let authority = Authority::make(now, "Stranger", Algorithm::Es256).unwrap();
    let (chain, key) = authority.issue_leaf(Algorithm::Es256, now).unwrap();
    let identity = SigningIdentity::new(chain, &key).unwrap();
    ManifestSigner::new(identity, &Anchors::default(), None).unwrap()
}

/// A file signed by a stranger, who says that it is `photo`.
fn signed_by_a_stranger(file: &[u8], format: Format, photo: PhotoId) -> Vec<u8> {
    let bare = carrier::without(file, format).into_owned();
    let statement = Statement {
        manifest: Uuid::new_v4(),
        photo,
        format,
        content_hash: ContentHash::from_digest([1; 32]),
        registration: Registration::default(),
        service: "https://stranger.example".to_owned(),
        soft_binding: "com.example.stranger.1".to_owned(),
    };
    let bare = bare.into();
    let signed = stranger().sign(&statement, &bare, &bare, MetadataPolicy::Keep);
    signed.unwrap().file
}

#[tokio::test]
async fn a_protected_file_carries_credentials_that_are_valid_and_trusted_here() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    for (format, image) in pictures_in_all_formats(21) {
        let protected = client.protect(&image).await;
        assert_eq!(protected.header("x-c2pa-status"), "SIGNED");
        let id = protected.header("x-c2pa-manifest-id").to_owned();
        assert!(id.starts_with("urn:c2pa:"), "{id}");
        let photo = photo_of(&protected);
        for policy in ["standard", "strict"] {
            let answer = client
                .verify_under(policy, &protected.body, &photo)
                .await
                .json();
            assert_eq!(answer["authentic"], true, "{format:?} {policy} {answer}");
            assert_eq!(answer["verdict"], "INTACT");
            assert_eq!(answer["c2paStatus"], "VALID");
            let found = &answer["c2pa"];
            assert_eq!(found["status"], "VALID");
            assert_eq!(found["trust"], "TRUSTED", "{found}");
            assert_eq!(found["manifestId"], json!(id));
            assert_eq!(found["photoId"], json!(photo));
            assert_eq!(found["codes"], json!([]), "{found}");
            assert_eq!(found["recovered"], Value::Null);
            assert_eq!(found["ingredients"][0]["status"], "MISSING", "{found}");
        }
    }
}

#[tokio::test]
async fn where_the_credentials_were_stripped_the_pixels_lead_back_to_them() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    for (format, image) in pictures_in_all_formats(22) {
        let protected = client.protect(&image).await;
        let (photo, id) = (photo_of(&protected), protected.header("x-c2pa-manifest-id"));
        let copy = stripped(&protected.body);
        let answer = client.verify(&copy, &photo).await.json();
        assert_eq!(answer["verdict"], "RECOVERED", "{answer}");
        assert_eq!(answer["authentic"], true, "{answer}");
        assert_eq!(answer["c2pa"]["status"], "MISSING");
        let recovered = &answer["c2pa"]["recovered"];
        assert_eq!(recovered["manifestId"], json!(id), "{answer}");
        let strict = client.verify_under("strict", &copy, &photo).await.json();
        assert_eq!(
            strict["authentic"], false,
            "a recovered manifest vouches for no bytes"
        );

        let found = client
            .post_form("/api/v1/photos/identify", &[Part::image(&copy)])
            .await
            .json();
        assert_eq!(
            found["matches"][0]["c2pa"]["recovered"], *recovered,
            "{found}"
        );
        let kept = client.get(recovered["url"].as_str().unwrap()).await;
        assert_eq!(
            (kept.status, kept.header("content-type")),
            (200, "application/c2pa")
        );
        assert_eq!(kept.header("x-c2pa-manifest-id"), id);
        let signed = carrier::manifest(&protected.body, format).unwrap();
        assert_eq!(kept.body, signed, "the bytes that were signed");
        assert_eq!(
            carrier::splice(
                &carrier::without(&protected.body, format),
                format,
                &kept.body
            ),
            protected.body
        );
        let report = client
            .get(&format!("/api/v1/photos/{photo}/manifest?format=json"))
            .await;
        assert!(
            report.json().to_string().contains(&photo),
            "{:?}",
            report.json()
        );
        let refused = client
            .get(&format!("/api/v1/photos/{photo}/manifest?format=xml"))
            .await;
        refused.problem(ErrorCode::ValidationFailed);
    }
}

#[tokio::test]
async fn a_manifest_on_other_content_is_a_conflict_and_never_authentic() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    for (format, image) in pictures_in_all_formats(23) {
        let protected = client.protect(&image).await;
        let photo = photo_of(&protected);
        let manifest = carrier::manifest(&protected.body, format).unwrap();
        // Another scene, marked or not, with this photo's manifest.
        let [.., (_, other)] = pictures_in_all_formats(77);
        let other = match format {
            Format::WebP => other,
            Format::Jpeg => pictures::jpeg(&pictures::read(&other), 90),
            Format::Png => pictures::png(&pictures::read(&other)),
        };
        let moved = carrier::splice(&other, format, &manifest);
        let answer = client.verify(&moved, &photo).await.json();
        assert_eq!(answer["verdict"], "CONFLICT", "{format:?} {answer}");
        assert_eq!(answer["authentic"], false);
        assert_eq!(answer["c2paStatus"], "TAMPERED", "{answer}");
        assert_eq!(answer["c2pa"]["photoId"], json!(photo));

        // Our mark beside another photo's manifest.
        let second = client.protect(&other).await;
        let foreign = carrier::manifest(&second.body, format).unwrap();
        let marked = carrier::without(&protected.body, format);
        let mixed = carrier::splice(&marked, format, &foreign);
        let answer = client.verify(&mixed, &photo).await.json();
        assert_eq!(answer["verdict"], "CONFLICT", "{format:?} {answer}");
        assert_eq!(answer["authentic"], false);
        assert_eq!(answer["c2pa"]["photoId"], json!(photo_of(&second)));
        let found = client
            .post_form("/api/v1/photos/identify", &[Part::image(&mixed)])
            .await
            .json();
        assert_eq!(found["matches"][0]["photoId"], json!(photo), "{found}");
        assert_eq!(found["matches"][0]["verdict"], "CONFLICT", "{found}");
        assert_eq!(found["matches"][0]["authentic"], false);
    }
}

#[tokio::test]
async fn who_signs_a_photo_anew_gains_nothing() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    for (format, image) in pictures_in_all_formats(24) {
        let protected = client.protect(&image).await;
        let photo = photo_of(&protected);
        let id = PhotoId::parse(&photo).unwrap();
        // The very pixels, and the true name of the photo, under a strange signature.
        let forged = signed_by_a_stranger(&protected.body, format, id);
        let answer = client.verify(&forged, &photo).await.json();
        assert_eq!(answer["c2pa"]["status"], "VALID", "{format:?} {answer}");
        assert_eq!(answer["c2pa"]["trust"], "UNTRUSTED");
        assert_eq!(answer["verdict"], "RECOVERED", "{answer}");
        assert_eq!(answer["exactMatch"], false);
        let strict = client.verify_under("strict", &forged, &photo).await.json();
        assert_eq!(strict["authentic"], false, "{strict}");

        // An altered picture does not become authentic by it.
        let mut picture = pictures::read(&protected.body);
        for (_, _, pixel) in picture
            .enumerate_pixels_mut()
            .filter(|(x, y, _)| (200..360).contains(x) && (150..290).contains(y))
        {
            *pixel = image::Rgb([40, 60, 90]);
        }
        let altered = match format {
            Format::Jpeg => pictures::jpeg(&picture, 92),
            Format::Png => pictures::png(&picture),
            Format::WebP => pictures::webp(&picture),
        };
        for policy in ["standard", "strict"] {
            let file = signed_by_a_stranger(&altered, format, id);
            let answer = client.verify_under(policy, &file, &photo).await.json();
            assert_eq!(answer["c2pa"]["status"], "VALID", "{answer}");
            assert_eq!(answer["authentic"], false, "{format:?} {policy} {answer}");
            assert_eq!(answer["verdict"], "ALTERED", "{answer}");
        }
        // Nor does another scene that says it is this photo.
        let other = pictures::scene(640, 480, 99);
        let other = match format {
            Format::Jpeg => pictures::jpeg(&other, 90),
            Format::Png => pictures::png(&other),
            Format::WebP => pictures::webp(&other),
        };
        let file = signed_by_a_stranger(&other, format, id);
        let answer = client.verify(&file, &photo).await.json();
        assert_eq!(
            (&answer["verdict"], &answer["authentic"]),
            (&json!("CONFLICT"), &json!(false)),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_changed_byte_takes_authenticity_away_and_a_damaged_manifest_is_not_missing() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    for (format, image) in pictures_in_all_formats(25) {
        let protected = client.protect(&image).await;
        let photo = photo_of(&protected);
        let place = carrier::find(&protected.body, format).unwrap().ranges[0].clone();
        let manifest = carrier::manifest(&protected.body, format).unwrap();
        let bare = carrier::without(&protected.body, format).into_owned();
        // The assertion that names the photo.
        let named = manifest
            .windows(36)
            .position(|text| text == photo.as_bytes())
            .unwrap();
        let mut flipped = manifest.clone();
        flipped[named] ^= 1;
        for (what, damaged) in [
            ("an assertion", flipped),
            ("the end", manifest[..manifest.len() / 2].to_vec()),
            ("all but the head", manifest[..60].to_vec()),
        ] {
            let file = carrier::splice(&bare, format, &damaged);
            let answer = client.verify(&file, &photo).await.json();
            assert_eq!(
                answer["c2paStatus"], "INVALID",
                "{format:?} {what} {answer}"
            );
            assert_eq!(answer["verdict"], "ALTERED", "{format:?} {what} {answer}");
            assert_eq!(answer["authentic"], false);
            assert_eq!(
                answer["c2pa"]["photoId"],
                Value::Null,
                "nobody vouches for that name"
            );
        }
        assert!(place.end <= protected.body.len());
    }
}

#[tokio::test]
async fn a_repeated_call_returns_the_same_bytes_whatever_is_kept() {
    let app = App::spawn().await;
    for (name, manifests) in [
        ("acme", ManifestPolicy::Keep),
        ("bolt", ManifestPolicy::None),
    ] {
        let tenant = app.tenant(name).await;
        let change = PolicyChange {
            manifests: Some(manifests),
            ..PolicyChange::default()
        };
        operator::set_policy(
            &app.operator,
            &app.ctx.master,
            &app.clock,
            &tenant.id,
            change,
        )
        .await
        .unwrap();
        let client = app.client(&tenant).await;
        for (format, image) in pictures_in_all_formats(26) {
            let client = client.under(format!("{format:?}"));
            let first = client.protect(&image).await;
            let again = client.protect(&image).await;
            assert_eq!(again.header("idempotency-replayed"), "true");
            assert_eq!(first.body, again.body, "{name} {format:?}");
            for header in [
                "x-c2pa-status",
                "x-c2pa-manifest-id",
                "x-content-sha256",
                "x-content-growth",
            ] {
                assert_eq!(first.header(header), again.header(header));
            }
            let photo = photo_of(&first);
            let kept = client
                .get(&format!("/api/v1/photos/{photo}/manifest"))
                .await;
            let answer = client.verify(&stripped(&first.body), &photo).await.json();
            match manifests {
                ManifestPolicy::Keep => assert_eq!(kept.status, 200),
                ManifestPolicy::None => {
                    kept.problem(ErrorCode::NotFound);
                    assert_eq!(answer["c2pa"]["recovered"], Value::Null);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_manifest_is_for_its_tenant_with_the_scope_and_goes_with_the_photo() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let (client, other) = (app.client(&acme).await, app.client(&bolt).await);
    let [(_, image), ..] = pictures_in_all_formats(27);
    let protected = client.protect(&image).await;
    let photo = photo_of(&protected);
    let path = format!("/api/v1/photos/{photo}/manifest");
    assert_eq!(client.get(&path).await.status, 200);
    other.get(&path).await.problem(ErrorCode::NotFound);
    let other_answer = other.verify(&protected.body, &photo).await;
    other_answer.problem(ErrorCode::NotFound);
    // A manifest that names another tenant's photo names none of ours.
    let ours = other.protect(&image).await;
    let answer = other.verify(&protected.body, &photo_of(&ours)).await.json();
    assert_eq!(answer["c2pa"]["photoId"], Value::Null, "{answer}");
    let deleted = client
        .call(
            &axum::http::Method::DELETE,
            &format!("/api/v1/photos/{photo}"),
        )
        .await;
    assert_eq!(deleted.status, 204);
    client.get(&path).await.problem(ErrorCode::NotFound);
    assert!(app.account(&acme.id, "second", Role::User).await.as_str() == "second");
}

#[tokio::test]
async fn an_upload_with_credentials_keeps_them_as_its_history() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    for (format, image) in pictures_in_all_formats(28) {
        let upload = signed_by_a_stranger(&image, format, PhotoId::random());
        let protected = client.protect(&upload).await;
        assert!(
            !protected.headers.contains_key("x-metadata-dropped"),
            "{:?}",
            protected.headers
        );
        let answer = client
            .verify(&protected.body, &photo_of(&protected))
            .await
            .json();
        let ingredients = answer["c2pa"]["ingredients"].as_array().unwrap();
        assert_eq!(ingredients.len(), 1, "{answer}");
        assert_eq!(ingredients[0]["status"], "VALID", "{answer}");
        assert_eq!(answer["authentic"], true, "{answer}");
        // Tampered with before it came: told, and not laundered.
        let manifest = carrier::manifest(&upload, format).unwrap();
        let [(_, jpeg), (_, png), (_, webp)] = pictures_in_all_formats(29);
        let other = match format {
            Format::Jpeg => jpeg,
            Format::Png => png,
            Format::WebP => webp,
        };
        let tampered = carrier::splice(&other, format, &manifest);
        let protected = client.protect(&tampered).await;
        let answer = client
            .verify(&protected.body, &photo_of(&protected))
            .await
            .json();
        assert_eq!(answer["c2pa"]["status"], "VALID");
        assert_eq!(
            answer["c2pa"]["ingredients"][0]["status"], "TAMPERED",
            "{answer}"
        );
        // What nobody can read is left out, and said to be.
        let broken = carrier::splice(&other, format, &manifest[..100]);
        let protected = client.protect(&broken).await;
        assert_eq!(protected.header("x-c2pa-status"), "SIGNED");
        assert!(
            protected
                .header("x-metadata-dropped")
                .contains("content-credentials")
        );
    }
}

#[tokio::test]
async fn a_place_is_published_only_when_the_client_wants_it() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let [(format, image), ..] = pictures_in_all_formats(30);
    for publish in [false, true] {
        let words = json!({
            "latitude": 47.3769, "longitude": 8.5417, "publishLocation": publish, "deviceModel": "Leica M11-P",
        });
        let words = words.to_string();
        let form = [Part::image(&image), Part::text("request", &words)];
        let protected = client.post_form("/api/v1/photos/protect", &form).await;
        let manifest = carrier::manifest(&protected.body, format).unwrap();
        let holds = |text: &str| {
            manifest
                .windows(text.len())
                .any(|bytes| bytes == text.as_bytes())
        };
        assert_eq!(holds("47.3769"), publish);
        assert!(holds("Leica M11-P"));
        assert!(!holds("\u{ff}\u{d8}\u{ff}"));
    }
    // What was registered is told, too.
    let words = json!({ "deviceModel": "Nikon Z9" });
    let registered = client
        .post_json("/api/v1/photos/register", &words)
        .await
        .json();
    let words = json!({ "photoId": registered["photoId"] }).to_string();
    let form = [Part::image(&image), Part::text("request", &words)];
    let protected = client.post_form("/api/v1/photos/protect", &form).await;
    let manifest = carrier::manifest(&protected.body, format).unwrap();
    assert!(manifest.windows(8).any(|bytes| bytes == b"Nikon Z9"));
}

#[tokio::test]
async fn without_credentials_files_are_marked_and_judged_all_the_same() {
    let signing = App::spawn().await;
    let app = App::spawn_with(&["--credentials", "off"]).await;
    let (first, client) = (client(&signing, "acme").await, client(&app, "acme").await);
    for (_, image) in pictures_in_all_formats(31) {
        let signed = first.protect(&image).await;
        let protected = client.protect(&signed.body).await;
        assert_eq!(protected.header("x-c2pa-status"), "UNSIGNED");
        assert!(!protected.headers.contains_key("x-c2pa-manifest-id"));
        assert!(
            protected
                .header("x-metadata-dropped")
                .contains("content-credentials;why=stale")
        );
        let photo = photo_of(&protected);
        let answer = client.verify(&protected.body, &photo).await.json();
        assert_eq!(
            (&answer["verdict"], &answer["c2paStatus"]),
            (&json!("INTACT"), &json!("MISSING"))
        );
        client
            .get(&format!("/api/v1/photos/{photo}/manifest"))
            .await
            .problem(ErrorCode::NotFound);
        let answer = client.verify(&signed.body, &photo).await.json();
        assert_eq!(answer["c2paStatus"], "VALID", "{answer}");
    }
}

#[tokio::test]
async fn a_signer_that_has_ended_stops_protect_and_nothing_else() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let [(_, image), ..] = pictures_in_all_formats(32);
    let protected = client.protect(&image).await;
    let photo = photo_of(&protected);
    app.clock.advance(3_000 * 86_400);
    let client = app.client(&tenant).await;
    let refused = client
        .post_form("/api/v1/photos/protect", &[Part::image(&image)])
        .await;
    refused.problem(ErrorCode::SignerUnavailable);
    assert!(refused.headers.contains_key("retry-after"));
    let answer = client.verify(&protected.body, &photo).await.json();
    assert_eq!(answer["verdict"], "INTACT", "{answer}");
}

/// Files that others made, each with what is to be said of it.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "where the files are, is a setting of the test"
)]
async fn each_vector_is_judged_as_its_index_says() {
    let folder = std::env::var("LUMATRACE_C2PA_VECTORS")
        .unwrap_or_else(|_| "../shared/c2pa/vectors".to_owned());
    let folder = std::path::Path::new(&folder);
    let Ok(index) = std::fs::read(folder.join("VECTORS.json")) else {
        eprintln!("SKIPPED: no C2PA vectors; set LUMATRACE_C2PA_VECTORS");
        return;
    };
    let index: Value = serde_json::from_slice(&index).unwrap();
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let root = std::fs::read(folder.join(index["trust"].as_str().unwrap())).unwrap();
    let list = TrustList::read(&root).unwrap();
    trust::import(
        &app.operator,
        &app.clock,
        "vectors",
        TrustKind::Manifest,
        list,
    )
    .await
    .unwrap();
    app.ctx.signers.anchors();
    let registered = client
        .post_json("/api/v1/photos/register", &json!({}))
        .await
        .json();
    let photo = registered["photoId"].as_str().unwrap();
    let trusts = async || {
        let file = std::fs::read(folder.join("good.jpeg")).unwrap();
        client.verify(&file, photo).await.json()["c2pa"]["trust"] == "TRUSTED"
    };
    while !trusts().await {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (mut right, mut wrong) = (0, Vec::new());
    let vectors = index["vectors"].as_array().unwrap();
    for vector in vectors {
        let file = vector["file"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let answer = client.verify(&bytes, photo).await;
        if answer.status == 400 {
            assert!(
                image::load_from_memory(&bytes).is_err(),
                "{file} {answer:?}"
            );
            println!("{file} is no picture any more");
            continue;
        }
        let found = &answer.json()["c2pa"];
        if found["status"] == vector["c2paStatus"] && found["trust"] == vector["trustWithRootPem"] {
            right += 1;
        } else {
            wrong.push(format!("{file}: {} {}", found["status"], found["trust"]));
        }
        assert_eq!(answer.json()["authentic"], false, "{file} {answer:?}");
    }
    println!(
        "{right} of {} files judged as the index says",
        right + wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(right > 40, "{right}");
}
