//! `POST /api/v1/photos/identify`, and what it is found by.

use axum::http::Method;
use image::{
    RgbImage,
    imageops::{self, FilterType},
};
use lumatrace::{
    domain::{Privacy, TenantId},
    http::ErrorCode,
    service::operator::{self, PolicyChange},
};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::support::{App, Client, Part, pictures};

async fn client(app: &App, tenant: &str) -> Client {
    let tenant = app.tenant(tenant).await;
    app.client(&tenant).await
}

async fn identify(client: &Client, image: &[u8]) -> Vec<Value> {
    let answer = client
        .post_form("/api/v1/photos/identify", &[Part::image(image)])
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["matches"].as_array().unwrap().clone()
}

/// Protects a scene and returns its id and the file.
async fn protect(client: &Client, scene: &RgbImage) -> (String, Vec<u8>) {
    let answer = client.protect(&pictures::png(scene)).await;
    (answer.header("x-photo-id").to_owned(), answer.body.to_vec())
}

/// Different pictures: other sizes, phases, turns and tones.
fn scenes(count: u32) -> Vec<RgbImage> {
    (0..count)
        .map(|seed| {
            let scene = pictures::scene(480 + 40 * (seed % 3), 360, 31 + 13 * seed);
            match seed % 4 {
                0 => scene,
                1 => imageops::rotate90(&scene),
                2 => imageops::flip_vertical(&scene),
                _ => imageops::brighten(&scene, 25),
            }
        })
        .collect()
}

#[tokio::test]
async fn a_protected_photo_is_found_among_others_whatever_became_of_the_file() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let mut photos = Vec::new();
    for scene in scenes(6) {
        photos.push(protect(&client, &scene).await);
    }
    let mut tried = 0;
    for (id, file) in &photos {
        let pixels = pictures::read(file);
        let (width, height) = pixels.dimensions();
        let piece = imageops::crop_imm(
            &pixels,
            width / 5,
            height / 6,
            width * 7 / 10,
            height * 7 / 10,
        );
        let piece = piece.to_image();
        let mut framed = RgbImage::from_pixel(width + 80, height + 140, image::Rgb([250; 3]));
        imageops::overlay(&mut framed, &pixels, 40, 30);
        let half = imageops::resize(&pixels, width / 2, height / 2, FilterType::Triangle);
        for (name, image, verdict) in [
            ("as returned", file.clone(), "INTACT"),
            ("JPEG 40", pictures::jpeg(&pixels, 40), "RECOVERED"),
            ("half size", pictures::png(&half), "RECOVERED"),
            (
                "mirrored",
                pictures::jpeg(&imageops::flip_horizontal(&pixels), 80),
                "RECOVERED",
            ),
            (
                "quarter turn",
                pictures::png(&imageops::rotate90(&pixels)),
                "RECOVERED",
            ),
            (
                "grey",
                pictures::gray_png(&imageops::grayscale(&pixels)),
                "RECOVERED",
            ),
            ("half of it", pictures::jpeg(&piece, 80), "RECOVERED"),
            ("framed", pictures::png(&framed), "RECOVERED"),
        ] {
            let matches = identify(&client, &image).await;
            println!("{name}: {matches:?}");
            assert_eq!(matches.len(), 1, "{name}: {matches:?}");
            assert_eq!(matches[0]["photoId"], json!(id), "{name}");
            assert_eq!(matches[0]["verdict"], verdict, "{name}");
            assert_eq!(matches[0]["watermarkStatus"], "DETECTED", "{name}");
            assert!(
                matches[0]["confidenceScore"].as_f64().unwrap() > 60.0,
                "{name}"
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 48);
}

#[tokio::test]
async fn a_match_says_what_is_kept_of_the_photo_and_what_verify_would_say() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let image = pictures::png(&pictures::scene(512, 384, 43));
    let told = json!({ "label": "Town hall", "externalId": "7" }).to_string();
    let parts = [Part::image(&image), Part::text("request", &told)];
    let protected = client.post_form("/api/v1/photos/protect", &parts).await;
    let id = protected.header("x-photo-id");
    let path = format!("/api/v1/photos/{id}");
    let photo = client.get(&path).await.json();
    let verified = client.verify(&protected.body, id).await.json();
    app.clock.advance(60);

    let [found] = identify(&client, &protected.body).await.try_into().unwrap();
    for member in [
        "label",
        "externalId",
        "protectedAt",
        "width",
        "height",
        "protectedSha256",
    ] {
        assert_eq!(found[member], photo[member], "{member}");
        assert!(!found[member].is_null(), "{member}");
    }
    assert_eq!(found["examinedAt"], "2027-01-15T08:01:00Z");
    let engine = format!("lumatrace {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(found["engine"], json!(engine));
    for (member, value) in verified.as_object().unwrap() {
        assert!(!found[member].is_null() || value.is_null(), "{member}");
    }

    client.patch_json(&path, &json!({ "label": null })).await;
    let [found] = identify(&client, &protected.body).await.try_into().unwrap();
    assert_eq!(found["label"], Value::Null);
}

#[tokio::test]
async fn the_mark_decides_and_not_the_look() {
    let app = App::spawn().await;
    let (acme, bolt) = (client(&app, "acme").await, client(&app, "bolt").await);
    let scene = pictures::scene(512, 384, 41);
    let (first, file) = protect(&acme, &scene).await;
    let (second, copy) = protect(&acme, &scene).await;

    let original = identify(&acme, &pictures::png(&scene)).await;
    assert_eq!(original, [] as [Value; 0], "the unmarked original");
    for (id, file) in [(&first, &file), (&second, &copy)] {
        let matches = identify(&acme, file).await;
        assert_eq!(matches.len(), 1, "the same picture, two marks: {matches:?}");
        assert_eq!(matches[0]["photoId"], json!(id));
        let foreign = identify(&bolt, file).await;
        assert_eq!(foreign, [] as [Value; 0], "another tenant's photo");
    }
    // One picture with both marks is both photos.
    let twice = acme.protect(&file).await;
    let matches = identify(&acme, &twice.body).await;
    assert_eq!(matches.len(), 2, "{matches:?}");
    assert_eq!(matches[0]["photoId"], twice.header("x-photo-id"));
    assert_eq!(
        (&matches[0]["verdict"], &matches[1]["verdict"]),
        (&json!("INTACT"), &json!("RECOVERED"))
    );
    assert_eq!(matches[1]["photoId"], json!(first));
    // The manifest names the second alone, which was made of the first: nothing contradicts.
    for one in &matches {
        assert_eq!(one["authentic"], true, "{one}");
        assert_eq!(one["c2pa"]["photoId"], twice.header("x-photo-id"));
    }
    let answer = acme.verify(&twice.body, &first).await.json();
    assert_eq!(answer["verdict"], "RECOVERED", "{answer}");
}

#[tokio::test]
async fn a_file_as_returned_is_found_though_it_shows_nothing() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let (id, file) = protect(
        &client,
        &RgbImage::from_pixel(300, 200, image::Rgb([120; 3])),
    )
    .await;
    let matches = identify(&client, &file).await;
    assert_eq!(matches.len(), 1, "{matches:?}");
    assert_eq!(
        (&matches[0]["photoId"], &matches[0]["verdict"]),
        (&json!(id), &json!("INTACT"))
    );
}

#[tokio::test]
async fn a_deleted_photo_is_not_found_and_leaves_no_words() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let (id, file) = protect(&client, &pictures::scene(400, 300, 43)).await;
    let (kept, other) = protect(&client, &pictures::scene(300, 400, 44)).await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let count = "select (select count(*) from photo_words) + (select count(*) from word_sets)";
    let before: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(before, 4);
    client
        .call(&Method::DELETE, &format!("/api/v1/photos/{id}"))
        .await;
    let after: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(after, 2);
    assert_eq!(identify(&client, &file).await, [] as [Value; 0]);
    assert_eq!(
        identify(&client, &other).await[0]["photoId"],
        json!(kept),
        "the other photo stays"
    );
}

#[tokio::test]
async fn tokens_of_one_tenant_say_nothing_about_another() {
    let app = App::spawn().await;
    let (acme, bolt) = (client(&app, "acme").await, client(&app, "bolt").await);
    let scene = pictures::scene(400, 300, 45);
    protect(&acme, &scene).await;
    protect(&bolt, &scene).await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let sizes: Vec<i32> = sqlx::query_scalar("select cardinality(tokens) from word_sets")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    let shared: i64 = sqlx::query_scalar(
        "select count(*) from (select unnest(tokens) t from word_sets group by t having count(distinct slot) > 1) s",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    println!("{sizes:?}");
    assert!(sizes.len() == 2 && sizes[0] == sizes[1] && sizes[0] > 50);
    assert_eq!(shared, 0);
}

#[tokio::test]
async fn copies_of_one_picture_are_counted_also_when_their_bytes_differ() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let scene = pictures::scene(512, 384, 46);
    let half = imageops::resize(&scene, 256, 192, FilterType::Triangle);
    for (name, file, copies) in [
        ("first", pictures::png(&scene), "1"),
        ("saved again", pictures::jpeg(&scene, 60), "2"),
        ("scaled", pictures::png(&half), "3"),
        ("the same bytes", pictures::png(&scene), "4"),
        (
            "another scene",
            pictures::png(&pictures::scene(512, 384, 47)),
            "1",
        ),
        (
            "mirrored",
            pictures::png(&imageops::flip_horizontal(&scene)),
            "1",
        ),
    ] {
        let answer = client.protect(&file).await;
        assert_eq!(answer.header("x-content-copies"), copies, "{name}");
    }
}

#[tokio::test]
async fn a_photo_under_strict_privacy_is_found_by_its_bytes_alone() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let tenant = TenantId::parse("acme").unwrap();
    let strict = PolicyChange {
        privacy: Some(Privacy::Strict),
        ..PolicyChange::default()
    };
    operator::set_policy(&app.operator, &app.ctx.master, &app.clock, &tenant, strict)
        .await
        .unwrap();
    let (id, file) = protect(&client, &pictures::scene(400, 300, 48)).await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let rows: i64 = sqlx::query_scalar("select count(*) from photo_words")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(rows, 0, "no number about the picture is kept");
    assert_eq!(identify(&client, &file).await[0]["photoId"], json!(id));
    let copy = pictures::jpeg(&pictures::read(&file), 90);
    assert_eq!(identify(&client, &copy).await, [] as [Value; 0]);
    assert_eq!(client.verify(&copy, &id).await.json()["authentic"], true);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let app = App::spawn().await;
    let client = client(&app, "acme").await;
    let path = "/api/v1/photos/identify";
    let none = client.post_form(path, &[Part::text("policy", "x")]).await;
    let problem = none.problem(ErrorCode::ValidationFailed);
    assert_eq!(problem["errors"][0]["field"], "image");
    client
        .post_form(path, &[Part::image(b"\xff\xd8\xff nonsense")])
        .await
        .problem(ErrorCode::InvalidImage);
    client
        .post_form(path, &[Part::image(b"nonsense")])
        .await
        .problem(ErrorCode::UnsupportedImage);
    app.anonymous()
        .post_form(path, &[Part::image(&[0; 8])])
        .await
        .problem(ErrorCode::AuthMissing);
    let empty = identify(&client, &pictures::png(&pictures::scene(64, 64, 1))).await;
    assert_eq!(empty, [] as [Value; 0], "a tenant without photos");
}
