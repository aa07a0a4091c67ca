//! `POST /api/v1/photos/verify`.

use image::imageops::{self, FilterType};
use lumatrace::{credentials::carrier, http::ErrorCode, imaging::Format};
use serde_json::{Value, json};

use crate::support::{App, Client, Part, pictures};

async fn client(app: &App, tenant: &str) -> Client {
    let tenant = app.tenant(tenant).await;
    app.client(&tenant).await
}

#[tokio::test]
async fn a_protected_photo_is_intact_as_returned() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let scene = pictures::scene(640, 480, 11);
    for image in [
        pictures::png(&scene),
        pictures::jpeg(&scene, 85),
        pictures::webp(&scene),
    ] {
        let protected = client.protect(&image).await;
        let photo = protected.header("x-photo-id").to_owned();
        let answer = client.verify(&protected.body, &photo).await.json();
        assert_eq!(answer["authentic"], true, "{answer}");
        assert_eq!(answer["verdict"], "INTACT");
        assert_eq!(answer["exactMatch"], true);
        assert_eq!(
            (&answer["photoId"], &answer["tenantId"]),
            (&json!(photo), &json!("acme"))
        );
        assert_eq!(
            (&answer["policy"], &answer["c2paStatus"]),
            (&json!("standard"), &json!("VALID"))
        );
        assert_eq!(
            (&answer["watermarkStatus"], &answer["tamperClass"]),
            (&json!("DETECTED"), &json!("NONE"))
        );
        assert_eq!(answer["watermark"]["threshold"], 6.2);
        assert!(
            answer["watermark"]["zScore"].as_f64().unwrap() > 25.0,
            "{answer}"
        );
        assert!(
            answer["watermark"]["falsePositiveProbability"]
                .as_f64()
                .unwrap()
                < 1e-9
        );
        assert!(answer["confidenceScore"].as_f64().unwrap() > 90.0);
        assert_eq!(answer["tamperedRegions"], json!([]));
        assert_eq!(
            (&answer["alteration"], &answer["compared"]),
            (&json!("NONE_FOUND"), &json!(1.0))
        );
        assert_eq!(answer["smallestVisible"], 0.0, "the very bytes");
        assert_eq!(
            answer["message"],
            "This is the protected photo, byte for byte."
        );
    }
}

#[tokio::test]
async fn a_copy_that_changed_hands_is_recovered() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let protected = client
        .protect(&pictures::png(&pictures::scene(768, 512, 12)))
        .await;
    let photo = protected.header("x-photo-id").to_owned();
    let pixels = pictures::read(&protected.body);
    let half = imageops::resize(&pixels, 384, 256, FilterType::Triangle);
    let mut tried = 0;
    for (name, copy, class) in [
        ("JPEG 50", pictures::jpeg(&pixels, 50), "COMPRESSION"),
        ("another container", pictures::webp(&pixels), "NONE"),
        ("half size", pictures::png(&half), "RESIZE"),
        (
            "quarter turn",
            pictures::png(&imageops::rotate90(&pixels)),
            "RESIZE",
        ),
        (
            "half turn",
            pictures::png(&imageops::rotate180(&pixels)),
            "RESIZE",
        ),
        (
            "mirrored",
            pictures::png(&imageops::flip_horizontal(&pixels)),
            "RESIZE",
        ),
        (
            "grey",
            pictures::gray_png(&imageops::grayscale(&pixels)),
            "COMPRESSION",
        ),
    ] {
        let answer = client.verify(&copy, &photo).await.json();
        println!("{name}: z {}", answer["watermark"]["zScore"]);
        assert_eq!(
            (&answer["authentic"], &answer["verdict"]),
            (&json!(true), &json!("RECOVERED")),
            "{name}"
        );
        assert_eq!(
            (&answer["exactMatch"], &answer["tamperClass"]),
            (&json!(false), &json!(class)),
            "{name}"
        );
        assert_eq!(answer["tamperedRegions"], json!([]), "{name}");
        assert_eq!(answer["alteration"], "NONE_FOUND", "{name}");
        tried += 1;
    }
    assert_eq!(tried, 7);
    let answer = client.verify(&pictures::png(&half), &photo).await.json();
    let scale = answer["transform"]["scaleX"].as_f64().unwrap();
    assert!((scale - 0.5).abs() < 0.01, "{answer}");
    assert_eq!(answer["transform"]["cropKept"], 1.0);
}

#[tokio::test]
async fn an_altered_copy_is_not_authentic_and_the_place_is_named() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let protected = client
        .protect(&pictures::png(&pictures::scene(768, 512, 21)))
        .await;
    let photo = protected.header("x-photo-id").to_owned();
    let pixels = pictures::read(&protected.body);
    // From (480, 128), 144 x 128 pixels: a foreign scene, grey paint, the same place in other
    // colours.
    let place = |x: u32, y: u32| (480..624).contains(&x) && (128..256).contains(&y);
    let edited = |edit: &dyn Fn(u32, u32, [u8; 3]) -> [u8; 3]| {
        let mut copy = pixels.clone();
        for (x, y, pixel) in copy.enumerate_pixels_mut() {
            if place(x, y) {
                pixel.0 = edit(x, y, pixel.0);
            }
        }
        copy
    };
    let foreign = pictures::scene(768, 512, 22);
    let spliced = edited(&|x, y, _| foreign.get_pixel(x - 400, y + 200).0);
    let painted = edited(&|_, _, _| [120; 3]);
    let recoloured = edited(&|_, _, [r, g, b]| [b, g, r]);
    let half = imageops::resize(&spliced, 384, 256, FilterType::Triangle);
    for (name, copy) in [
        ("spliced, JPEG 80", pictures::jpeg(&spliced, 80)),
        ("painted over", pictures::png(&painted)),
        ("recoloured, JPEG 90", pictures::jpeg(&recoloured, 90)),
        ("spliced, half size, JPEG 75", pictures::jpeg(&half, 75)),
    ] {
        let answer = client.verify(&copy, &photo).await.json();
        assert_eq!(
            (&answer["authentic"], &answer["verdict"]),
            (&json!(false), &json!("ALTERED")),
            "{name}: {answer}"
        );
        assert_eq!(
            (&answer["watermarkStatus"], &answer["tamperClass"]),
            (&json!("DETECTED"), &json!("STRUCTURAL_ALTERATION")),
            "{name}"
        );
        assert_eq!(answer["alteration"], "FOUND", "{name}");
        let first = &answer["tamperedRegions"][0];
        let of = |field: &str| first[field].as_f64().unwrap();
        let shared =
            |at: f64, length: f64, from: f64, to: f64| (at + length).min(to) - at.max(from);
        let both = shared(of("x"), of("width"), 480.0 / 768.0, 624.0 / 768.0).max(0.0)
            * shared(of("y"), of("height"), 128.0 / 512.0, 256.0 / 512.0).max(0.0);
        let edited = 144.0 * 128.0 / (768.0 * 512.0);
        let named = of("width") * of("height");
        // Tiles see half of their neighbours, and any key is drawn here: a region may reach two or
        // three tiles beyond an edit of six by eight. Over 20 keys it was at most 2.3 times as
        // large.
        assert!(
            both > 0.95 * edited && named < 3.0 * edited && (0.5..=1.0).contains(&of("score")),
            "{name}: {answer}"
        );
        assert!(
            answer["message"]
                .as_str()
                .unwrap()
                .contains("tamperedRegions")
        );
    }
}

#[tokio::test]
async fn nothing_else_is_authentic() {
    let app = App::spawn().await;
    let (acme, bolt) = (client(&app, "acme").await, client(&app, "bolt").await);
    let scene = pictures::png(&pictures::scene(512, 384, 13));
    let first = acme.protect(&scene).await;
    let second = acme.protect(&scene).await;
    let foreign = bolt.protect(&scene).await;
    let other = acme
        .protect(&pictures::png(&pictures::scene(512, 384, 14)))
        .await;
    let id = |answer: &crate::support::Answer| answer.header("x-photo-id").to_owned();
    for (name, client, image, photo) in [
        ("the unprotected original", &acme, &scene[..], id(&first)),
        (
            "the same photo under another id",
            &acme,
            &second.body[..],
            id(&first),
        ),
        (
            "the same photo of another tenant",
            &acme,
            &foreign.body[..],
            id(&first),
        ),
        (
            "the same photo for another tenant",
            &bolt,
            &first.body[..],
            id(&foreign),
        ),
        ("another photo", &acme, &other.body[..], id(&first)),
    ] {
        let answer = client.verify(image, &photo).await.json();
        println!("{name}: z {}", answer["watermark"]["zScore"]);
        assert_eq!(
            (&answer["authentic"], &answer["verdict"]),
            (&json!(false), &json!("UNKNOWN")),
            "{name}"
        );
        assert_ne!(answer["watermarkStatus"], "DETECTED", "{name}");
        assert_eq!(answer["alteration"], "NOT_EXAMINED", "{name}");
        assert_eq!(answer["exactMatch"], false, "{name}");
    }
}

#[tokio::test]
async fn a_strict_policy_asks_for_a_manifest_too() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let protected = client
        .protect(&pictures::png(&pictures::scene(384, 256, 15)))
        .await;
    let photo = protected.header("x-photo-id").to_owned();
    let ask = |policy| client.verify_under(policy, &protected.body, &photo);
    for policy in ["standard", "strict"] {
        let answer = ask(policy).await.json();
        assert_eq!(
            (&answer["authentic"], &answer["verdict"]),
            (&json!(true), &json!("INTACT")),
            "{policy} {answer}"
        );
    }
    // The very pixels, without the manifest.
    let bare = carrier::without(&protected.body, Format::Png);
    assert_eq!(client.verify(&bare, &photo).await.json()["authentic"], true);
    let strict = client.verify_under("strict", &bare, &photo).await.json();
    assert_eq!(
        (&strict["authentic"], &strict["verdict"]),
        (&json!(false), &json!("RECOVERED"))
    );
    assert_eq!(
        strict["message"],
        "This is the protected photo in another file, pixel for pixel; the strict policy asks for the valid manifest of this photo as well."
    );
    let problem = ask("lax").await.problem(ErrorCode::ValidationFailed);
    assert_eq!(problem["errors"][0]["field"], "policy");
}

#[tokio::test]
async fn a_registered_photo_without_an_image_matches_nothing() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let registered = client
        .post_json("/api/v1/photos/register", &json!({}))
        .await
        .json();
    let image = pictures::png(&pictures::scene(256, 256, 16));
    let answer = client
        .verify(&image, registered["photoId"].as_str().unwrap())
        .await
        .json();
    assert_eq!(
        (&answer["authentic"], &answer["watermarkStatus"]),
        (&json!(false), &json!("NOT_FOUND"))
    );
    assert_eq!(answer["transform"], Value::Null);
    assert_eq!(
        (&answer["alteration"], &answer["compared"]),
        (&json!("NOT_EXAMINED"), &json!(0.0))
    );
}

#[tokio::test]
async fn a_deleted_photo_cannot_be_verified() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let protected = client
        .protect(&pictures::png(&pictures::scene(256, 256, 17)))
        .await;
    let photo = protected.header("x-photo-id").to_owned();
    client
        .call(
            &axum::http::Method::DELETE,
            &format!("/api/v1/photos/{photo}"),
        )
        .await;
    client
        .verify(&protected.body, &photo)
        .await
        .problem(ErrorCode::NotFound);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let image = pictures::png(&pictures::scene(128, 128, 18));
    let none = client
        .post_form("/api/v1/photos/verify", &[Part::image(&image)])
        .await;
    assert_eq!(
        none.problem(ErrorCode::ValidationFailed)["errors"][0]["field"],
        "photoId"
    );
    client
        .verify(&image, "x")
        .await
        .problem(ErrorCode::ValidationFailed);
    let unknown = uuid::Uuid::new_v4().to_string();
    client
        .verify(&image, &unknown)
        .await
        .problem(ErrorCode::NotFound);
    let registered = client
        .post_json("/api/v1/photos/register", &json!({}))
        .await
        .json();
    let photo = registered["photoId"].as_str().unwrap();
    client
        .verify(b"\xff\xd8\xff nonsense", photo)
        .await
        .problem(ErrorCode::InvalidImage);
    client
        .verify(b"nonsense", photo)
        .await
        .problem(ErrorCode::UnsupportedImage);
}
