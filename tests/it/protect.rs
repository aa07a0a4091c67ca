//! `POST /api/v1/photos/protect`.

use lumatrace::{domain::ContentHash, http::ErrorCode};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{App, Client, Part, pictures, quality};

const PROTECT: &str = "/api/v1/photos/protect";

async fn client(app: &App) -> Client {
    let tenant = app.tenant("acme").await;
    app.client(&tenant).await
}

fn hex(bytes: &[u8]) -> String {
    ContentHash::from_digest(Sha256::digest(bytes).into()).to_string()
}

#[tokio::test]
async fn a_photo_comes_back_looking_the_same_in_its_own_container() {
    let app = App::spawn().await;
    let client = client(&app).await;
    let scene = pictures::scene(640, 480, 3);
    let mut cases = 0;
    for (image, kind, extension) in [
        (pictures::png(&scene), "image/png", "png"),
        (pictures::jpeg(&scene, 90), "image/jpeg", "jpg"),
        (pictures::webp(&scene), "image/webp", "webp"),
    ] {
        let answer = client.protect(&image).await;
        let photo = answer.header("x-photo-id").to_owned();
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("location"), format!("/api/v1/photos/{photo}"));
        let name = format!("attachment; filename=\"protected_{photo}.{extension}\"");
        assert_eq!(answer.header("content-disposition"), name);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-sha256"), hex(&answer.body));
        assert_eq!(answer.header("x-protection-level"), "FULL");
        let told: f64 = answer.header("x-watermark-psnr").parse().unwrap();
        let seen = quality::psnr(&pictures::read(&image), &pictures::read(&answer.body));
        println!("{kind}: PSNR {seen:.2} dB, told {told:.2}");
        assert!(
            seen > 40.0 && (seen - told).abs() < 0.1,
            "{kind}: {seen} against {told}"
        );
        let kept = client.get(answer.header("location")).await.json();
        assert_eq!(kept["contentHash"], hex(&image));
        assert_eq!(kept["protectedSha256"], hex(&answer.body));
        assert_eq!(
            (&kept["width"], &kept["height"]),
            (&json!(640), &json!(480))
        );
        cases += 1;
    }
    assert_eq!(cases, 3);
}

#[tokio::test]
async fn what_went_and_how_the_file_grew_is_told() {
    let app = App::spawn().await;
    let client = client(&app).await;
    let jpeg = pictures::jpeg(&pictures::scene(320, 240, 5), 90);
    // EXIF with the latitude's reference alone, behind SOI.
    let exif =
        b"\xff\xe1\0\x34Exif\0\0MM\0*\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0\
        \0\x01\0\x01\0\x02\0\0\0\x02N\0\0\0\0\0\0\0";
    assert_eq!(exif.len(), 2 + 0x34);
    let placed = [&jpeg[..2], exif, &jpeg[2..], b"a film"].concat();
    for (wish, told) in [
        ("keep", "trailer;why=stale"),
        ("strip-gps", "exif-gps;why=asked, trailer;why=stale"),
        ("strip-all", "exif;why=asked, trailer;why=stale"),
    ] {
        let request = json!({ "metadata": wish }).to_string();
        let parts = [Part::image(&placed), Part::text("request", &request)];
        let answer = client.post_form(PROTECT, &parts).await;
        assert_eq!(answer.header("x-metadata-dropped"), told, "{wish}");
        let grown = answer.body.len() as f64 / placed.len() as f64;
        let growth: f64 = answer.header("x-content-growth").parse().unwrap();
        assert!((growth - grown).abs() <= 0.005, "{growth} for {grown}");
    }
    // Nothing went, nothing is said.
    let answer = client.protect(&jpeg).await;
    assert_eq!(answer.header("x-metadata-dropped"), "");
}

#[tokio::test]
async fn the_content_hash_must_be_the_images() {
    let app = App::spawn().await;
    let client = client(&app).await;
    let image = pictures::png(&pictures::scene(256, 192, 4));
    let hash = hex(&image);
    for (value, status) in [
        (json!(hash), 200),
        (json!(null), 200),
        (json!(hash.to_uppercase()), 400),
        (json!(hex(b"other")), 400),
        (json!(hash[..63]), 400),
        (json!(7), 400),
    ] {
        let request = json!({ "contentHash": value }).to_string();
        // The words may come before the image or after it.
        for parts in [
            [Part::image(&image), Part::text("request", &request)],
            [Part::text("request", &request), Part::image(&image)],
        ] {
            let answer = client.post_form(PROTECT, &parts).await;
            if status == 200 {
                assert_eq!(answer.status, 200, "{answer:?}");
            } else {
                answer.problem(ErrorCode::InvalidContentHash);
            }
        }
    }
}

#[tokio::test]
async fn a_registered_photo_is_protected_once_under_its_id() {
    let app = App::spawn().await;
    let client = client(&app).await;
    let image = pictures::png(&pictures::scene(256, 192, 5));
    let body = json!({
        "contentHash": hex(&image), "deviceModel": "Camera", "label": "Told before", "externalId": "7",
    });
    let registered = client
        .post_json("/api/v1/photos/register", &body)
        .await
        .json();
    let photo = registered["photoId"].as_str().unwrap();
    let told = json!({ "photoId": photo, "label": "Told now" });
    let request = told.to_string();

    let other = pictures::png(&pictures::scene(256, 192, 6));
    let parts = [Part::image(&other), Part::text("request", &request)];
    client
        .post_form(PROTECT, &parts)
        .await
        .problem(ErrorCode::InvalidContentHash);

    let parts = [Part::image(&image), Part::text("request", &request)];
    let answer = client.post_form(PROTECT, &parts).await;
    assert_eq!(
        (answer.status, answer.header("x-photo-id")),
        (200, photo),
        "{answer:?}"
    );
    let kept = client.get(&format!("/api/v1/photos/{photo}")).await.json();
    assert_eq!(
        (&kept["deviceModel"], &kept["createdAt"]),
        (&json!("Camera"), &registered["createdAt"])
    );
    assert_eq!(
        (&kept["label"], &kept["externalId"]),
        (&json!("Told now"), &json!("7"))
    );

    client
        .post_form(PROTECT, &parts)
        .await
        .problem(ErrorCode::Conflict);
    for (unknown, code) in [
        ("00000000-0000-4000-8000-000000000000", ErrorCode::NotFound),
        ("not-a-uuid", ErrorCode::ValidationFailed),
    ] {
        let request = json!({ "photoId": unknown }).to_string();
        let parts = [Part::image(&image), Part::text("request", &request)];
        let problem = client.post_form(PROTECT, &parts).await.problem(code);
        assert_eq!(problem["errors"][0]["field"], "photoId");
    }
}

#[tokio::test]
async fn forms_that_are_not_one_image_are_refused() {
    let app = App::spawn().await;
    let client = client(&app).await;
    let image = pictures::png(&pictures::scene(128, 128, 7));
    let invalid = ErrorCode::ValidationFailed;
    let mut refused = 0;
    for (parts, code) in [
        (vec![], invalid),
        (vec![Part::text("request", "{}")], invalid),
        (vec![Part::image(&image), Part::image(&image)], invalid),
        (vec![Part::image(b"")], invalid),
        (
            vec![Part::image(&image), Part::text("request", "[]")],
            invalid,
        ),
        (
            vec![
                Part::image(&image),
                Part::text("request", "{\"metadata\":\"burn\"}"),
            ],
            invalid,
        ),
        (
            vec![
                Part::image(&image),
                Part::text("request", "{\"publishLocation\":1}"),
            ],
            invalid,
        ),
        (
            vec![Part::text("image", "hello")],
            ErrorCode::UnsupportedImage,
        ),
        (
            vec![Part::image(b"GIF89a...........")],
            ErrorCode::UnsupportedImage,
        ),
        (
            vec![Part::image(b"<svg xmlns='http://www.w3.org/2000/svg'/>")],
            ErrorCode::UnsupportedImage,
        ),
        (
            vec![Part::image(&image[..image.len() / 2])],
            ErrorCode::InvalidImage,
        ),
    ] {
        client.post_form(PROTECT, &parts).await.problem(code);
        refused += 1;
    }
    assert_eq!(refused, 11);
    let unknown = [
        Part::text("comment", "x"),
        Part::image(&image),
        Part::text("y", "z"),
    ];
    assert_eq!(
        client.post_form(PROTECT, &unknown).await.status,
        200,
        "unknown parts are ignored"
    );
    for (kind, body) in [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "--c--"),
    ] {
        client
            .post_bytes(PROTECT, kind, body.into())
            .await
            .problem(invalid);
    }
    for kind in ["application/json", "image/png", "text/plain"] {
        let answer = client.post_bytes(PROTECT, kind, image.clone().into()).await;
        answer.problem(ErrorCode::UnsupportedContentType);
    }
}

#[tokio::test]
async fn limits_are_told_with_what_was_sent() {
    let app = App::spawn().await;
    let client = client(&app).await;
    let max = 26_214_400_usize;
    let mut image = pictures::png(&pictures::scene(128, 128, 8));
    image.resize(max, 0);
    let answer = client.post_form(PROTECT, &[Part::image(&image)]).await;
    assert_eq!(
        answer.status, 200,
        "exactly as large as allowed: {answer:?}"
    );
    image.push(0);
    let problem = client
        .post_form(PROTECT, &[Part::image(&image)])
        .await
        .problem(ErrorCode::PayloadTooLarge);
    let told = &problem["errors"][0];
    assert_eq!(
        (&told["limit"], &told["max"], &told["actual"]),
        (&json!("bytes"), &json!(max), &json!(max + 1))
    );

    // A PNG header that claims too much: refused before anything follows the claim.
    let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    header.extend_from_slice(&16_384_u32.to_be_bytes());
    header.extend_from_slice(&16_384_u32.to_be_bytes());
    header.extend_from_slice(&[8, 6, 0, 0, 0]);
    let crc = crc32(&header[12..]);
    header.extend_from_slice(&crc.to_be_bytes());
    let problem = client
        .post_form(PROTECT, &[Part::image(&header)])
        .await
        .problem(ErrorCode::PayloadTooLarge);
    let told = &problem["errors"][0];
    assert_eq!(
        (&told["limit"], &told["max"]),
        (&json!("pixels"), &json!(16_000_000))
    );
    assert_eq!(told["actual"], 16_384 * 16_384);
}

/// CRC-32 of PNG (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[tokio::test]
async fn what_cannot_carry_a_mark_is_refused_by_name() {
    let app = App::spawn().await;
    let client = client(&app).await;
    for (width, height) in [(1, 1), (8, 8), (15, 400)] {
        let image = pictures::png(&pictures::scene(width, height, 9));
        let answer = client.post_form(PROTECT, &[Part::image(&image)]).await;
        answer.problem(ErrorCode::ImageNotProtectable);
    }
    assert_eq!(
        client.get("/api/v1/photos").await.json()["items"],
        json!([]),
        "nothing was kept"
    );
}
