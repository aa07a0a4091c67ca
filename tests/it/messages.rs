//! What a client is told of an upload that was spoilt on its way, in a known way: a sentence that
//! names the cause.
//!
//! The table in docs/uploads.md is made of what the server says. After a change that is meant:
//! `UPDATE_DOCS=1 script/cargo test --test it messages`, and commit the file.

use std::{fmt::Write as _, fs, path::Path};

use axum::body::Bytes;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use serde_json::Value;

use crate::support::{Answer, App, Client, Part, pictures};

const PROTECT: &str = "/api/v1/photos/protect";
const VERIFY: &str = "/api/v1/photos/verify";
const REGISTER: &str = "/api/v1/photos/register";
const LOGIN: &str = "/api/v1/auth/login";
/// Where the table stands.
const MARKS: [&str; 2] = ["<!-- messages:begin -->\n", "<!-- messages:end -->\n"];

/// What is sent.
enum Sent {
    /// A file as the image.
    File(Vec<u8>),
    /// The image beside a text `request`.
    Request(&'static str),
    /// A form of parts: name and content.
    Form(&'static str, Vec<(&'static str, Vec<u8>)>),
    /// A form as it is, under a boundary.
    Body(&'static str, Vec<u8>),
    /// A JSON body.
    Json(&'static str, &'static str),
}

impl Sent {
    async fn send(&self, client: &Client, image: &[u8]) -> Answer {
        match self {
            Self::File(file) => client.post_form(PROTECT, &[Part::image(file)]).await,
            Self::Request(text) => {
                let parts = [Part::image(image), Part::text("request", text)];
                client.post_form(PROTECT, &parts).await
            }
            Self::Form(endpoint, parts) => {
                let parts: Vec<Part> = parts
                    .iter()
                    .map(|(name, content)| Part {
                        name,
                        content,
                        ..Part::image(content)
                    })
                    .collect();
                client.post_form(endpoint, &parts).await
            }
            Self::Body(boundary, body) => {
                let kind = format!("multipart/form-data; boundary={boundary}");
                client
                    .post_bytes(PROTECT, &kind, Bytes::copy_from_slice(body))
                    .await
            }
            Self::Json(endpoint, text) => {
                let body = Bytes::from_static(text.as_bytes());
                client.post_bytes(endpoint, "application/json", body).await
            }
        }
    }
}

/// A file that begins so.
fn file(start: &[u8]) -> Sent {
    let mut file = start.to_vec();
    file.extend((0..400_u32).map(|n| (n * 77 % 251) as u8 | 0x80));
    Sent::File(file)
}

fn text(text: impl Into<String>) -> Sent {
    Sent::File(text.into().into_bytes())
}

/// A file of ISO boxes with that brand.
fn brand(brand: &str) -> Sent {
    file(
        &[
            b"\0\0\0\x14ftyp",
            brand.as_bytes(),
            b"\0\0\0\0",
            brand.as_bytes(),
        ]
        .concat(),
    )
}

/// The bytes taken for letters of Latin-1.
fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes with something in place of each occurrence of something.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some((first, others)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = behind;
        } else {
            out.push(*first);
            rest = others;
        }
    }
    out
}

/// A form of one image with these line ends and the boundary "b".
fn form(image: &[u8], end: &str) -> Vec<u8> {
    let head = format!(
        "--b{end}Content-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"{end}{end}"
    );
    [
        head.as_bytes(),
        image,
        format!("{end}--b--{end}").as_bytes(),
    ]
    .concat()
}

/// The same with another line in the head.
fn declared(image: &[u8], line: &str) -> Sent {
    let proper = form(image, "\r\n");
    let to = format!("filename=\"a.jpg\"\r\n{line}");
    Sent::Body("b", replaced(&proper, b"filename=\"a.jpg\"", to.as_bytes()))
}

/// All kinds, with names for people.
fn kinds(jpeg: &[u8], png: &[u8], webp: &[u8]) -> Vec<(&'static str, Sent)> {
    let lines = |bytes: &[u8]| {
        let text = STANDARD.encode(bytes);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(76)
            .map(|l| std::str::from_utf8(l).unwrap())
            .collect();
        lines.join("\r\n")
    };
    let utf16 = |text: &str| {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        Sent::File([0xff, 0xfe].into_iter().chain(units).collect())
    };
    let one = |endpoint, name, content: &[u8]| Sent::Form(endpoint, vec![(name, content.to_vec())]);
    let with = |name, content: &str| {
        Sent::Form(
            VERIFY,
            vec![
                ("image", jpeg.to_vec()),
                (name, content.as_bytes().to_vec()),
            ],
        )
    };
    vec![
        ("an empty file", Sent::File(Vec::new())),
        ("a file of zero bytes only", Sent::File(vec![0; 4096])),
        ("base64 text", text(STANDARD.encode(jpeg))),
        ("base64 text in lines", text(lines(jpeg))),
        (
            "base64 text of a PNG in quotes",
            text(format!("\"{}\"", STANDARD.encode(png))),
        ),
        ("base64 text of a WebP", text(STANDARD.encode(webp))),
        ("base64 text for URLs", text(URL_SAFE.encode(jpeg))),
        (
            "base64 text of a file of another kind",
            text(STANDARD.encode(jpeg.iter().map(|byte| byte ^ 0x5a).collect::<Vec<_>>())),
        ),
        (
            "a data URI",
            text(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))),
        ),
        (
            "a part with `Content-Transfer-Encoding: base64`",
            declared(lines(jpeg).as_bytes(), "Content-Transfer-Encoding: base64"),
        ),
        (
            "a part with `Content-Transfer-Encoding: quoted-printable`",
            declared(jpeg, "Content-Transfer-Encoding: quoted-printable"),
        ),
        (
            "bytes as hexadecimal text",
            text(jpeg.iter().fold(String::new(), |mut all, byte| {
                write!(all, "{byte:02x}").unwrap();
                all
            })),
        ),
        (
            "bytes as a JSON list of numbers",
            text(serde_json::to_string(jpeg).unwrap()),
        ),
        ("JPEG re-encoded from Latin-1 to UTF-8", text(letters(jpeg))),
        ("PNG re-encoded from Latin-1 to UTF-8", text(letters(png))),
        ("WebP re-encoded from Latin-1 to UTF-8", text(letters(webp))),
        (
            "JPEG with replacement characters",
            text(String::from_utf8_lossy(jpeg)),
        ),
        (
            "PNG with replacement characters",
            text(String::from_utf8_lossy(png)),
        ),
        (
            "WebP with replacement characters",
            text(String::from_utf8_lossy(webp)),
        ),
        (
            "JPEG with question marks",
            Sent::File(
                letters(jpeg)
                    .chars()
                    .map(|c| if c.is_ascii() { c as u8 } else { b'?' })
                    .collect(),
            ),
        ),
        ("JPEG as UTF-16", utf16(&letters(jpeg))),
        (
            "JPEG whose LF became CRLF",
            Sent::File(replaced(jpeg, b"\n", b"\r\n")),
        ),
        (
            "PNG whose CRLF became LF",
            Sent::File(replaced(png, b"\r\n", b"\n")),
        ),
        (
            "PNG whose LF became CRLF",
            Sent::File(replaced(png, b"\n", b"\r\n")),
        ),
        (
            "JPEG behind a byte order mark",
            Sent::File([b"\xef\xbb\xbf", jpeg].concat()),
        ),
        (
            "JPEG behind white space",
            Sent::File([b"\r\n  ", jpeg].concat()),
        ),
        (
            "PNG behind the head of an HTTP answer",
            Sent::File([b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n", png].concat()),
        ),
        ("JPEG XL", file(b"\0\0\0\x0cJXL \r\n\x87\n")),
        ("JPEG XL without a container", file(b"\xff\x0a")),
        ("HEIC", brand("heic")),
        ("AVIF", brand("avif")),
        (
            "TIFF, or a raw photo as NEF, ARW and DNG are",
            file(b"II*\0\x08\0\0\0"),
        ),
        ("BigTIFF", file(b"II+\0\x08\0\0\0")),
        ("CR2", file(b"II*\0\x10\0\0\0CR\x02\0")),
        ("CR3", brand("crx ")),
        ("RAF", file(b"FUJIFILMCCD-RAW 0201")),
        ("ORF", file(b"IIRO\x08\0\0\0")),
        ("RW2", file(b"IIU\0\x18\0\0\0")),
        ("JPEG 2000", file(b"\0\0\0\x0cjP  \r\n\x87\n")),
        ("GIF", file(b"GIF89a")),
        ("BMP", file(b"BM\x46\0\0\0\0\0\0\0")),
        ("ICO", file(b"\0\0\x01\0\x01\0")),
        ("PSD", file(b"8BPS\0\x01")),
        ("PDF", file(b"%PDF-1.7\n")),
        ("ZIP", file(b"PK\x03\x04")),
        ("gzip", file(b"\x1f\x8b\x08")),
        ("MP4", brand("isom")),
        ("QuickTime", brand("qt  ")),
        (
            "AppleDouble, `._photo.jpg`",
            file(b"\0\x05\x16\x07\0\x02\0\0"),
        ),
        ("SVG", text("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")),
        (
            "SVG behind a byte order mark, a declaration and a comment",
            text("\u{feff}  <?xml version=\"1.0\"?>\n<!-- by hand -->\n<svg/>"),
        ),
        (
            "HTML",
            text("<!DOCTYPE html><html><body>Sign in</body></html>"),
        ),
        (
            "XML",
            text("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
        ),
        ("JSON", text("{\"error\":\"expired link\"}")),
        (
            "Git LFS pointer",
            text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        ),
        ("plain text", text("The photo is attached.")),
        (
            "an address",
            text("https://photos.example.com/a.jpg?token=1"),
        ),
        ("a file's name", text("C:\\Users\\me\\Pictures\\photo.jpg")),
        ("an object of JavaScript", text("[object File]")),
        ("anything else", file(b"\x90\x91")),
        ("the file as part `file`", one(PROTECT, "file", jpeg)),
        ("the file as part `photo`", one(PROTECT, "photo", jpeg)),
        ("the file as part `data`", one(PROTECT, "data", jpeg)),
        ("the file as part `image[]`", one(PROTECT, "image[]", jpeg)),
        ("the file as part `Image`", one(VERIFY, "Image", jpeg)),
        (
            "two files as parts `images` and `upload`",
            Sent::Form(
                PROTECT,
                vec![("images", jpeg.to_vec()), ("upload", png.to_vec())],
            ),
        ),
        ("no part at all", Sent::Body("b", b"--b--\r\n".to_vec())),
        (
            "the id as part `photo_id`",
            with("photo_id", "9b1c8a57-0a4e-4e0f-8d3f-6a1b2c3d4e5f"),
        ),
        (
            "the id as part `PhotoId`",
            with("PhotoId", "9b1c8a57-0a4e-4e0f-8d3f-6a1b2c3d4e5f"),
        ),
        (
            "`metaData` in `request`",
            Sent::Request("{\"metaData\":\"strip-gps\"}"),
        ),
        (
            "`content-hash` in `request`",
            Sent::Request("{\"content-hash\":\"00\"}"),
        ),
        (
            "`publish_location` in `request`",
            Sent::Request("{\"publish_location\":true}"),
        ),
        (
            "`photo_id` in `request`",
            Sent::Request("{\"photo_id\":\"9b1c8a57-0a4e-4e0f-8d3f-6a1b2c3d4e5f\"}"),
        ),
        (
            "another word for `metadata`",
            Sent::Request("{\"metadata\":\"strip_gps\"}"),
        ),
        (
            "`tenantid` in a login",
            Sent::Json(
                LOGIN,
                "{\"tenantid\":\"acme\",\"username\":\"press\",\"password\":\"x\"}",
            ),
        ),
        (
            "`device_model` in `register`",
            Sent::Json(REGISTER, "{\"device_model\":\"X-T5\"}"),
        ),
        (
            "a number as text",
            Sent::Json(REGISTER, "{\"latitude\":\"48.2\",\"longitude\":\"16,37\"}"),
        ),
        (
            "a truth value as text",
            Sent::Request("{\"publishLocation\":\"true\"}"),
        ),
        (
            "JSON that was encoded twice",
            Sent::Request("\"{\\\"metadata\\\":\\\"keep\\\"}\""),
        ),
        (
            "an object of JavaScript for `request`",
            Sent::Request("[object Object]"),
        ),
        (
            "single quotes in `request`",
            Sent::Request("{'metadata':'keep'}"),
        ),
        ("a list for `request`", Sent::Request("[]")),
        (
            "`request` in UTF-16",
            Sent::Form(PROTECT, vec![("request", b"\xff\xfe{\0}\0".to_vec())]),
        ),
        (
            "line feeds in place of CRLF",
            Sent::Body("b", form(jpeg, "\n")),
        ),
        (
            "line feeds in the head of a part",
            Sent::Body("b", replaced(&form(jpeg, "\n"), b"--b\n", b"--b\r\n")),
        ),
        ("another boundary", Sent::Body("c", form(jpeg, "\r\n"))),
        (
            "another boundary, before a large file",
            Sent::Body("c", form(&vec![0xff; 200_000], "\r\n")),
        ),
        (
            "a form that is cut off",
            Sent::Body("b", form(jpeg, "\r\n")[..600].to_vec()),
        ),
        (
            "a form without its last boundary",
            Sent::Body("b", replaced(&form(jpeg, "\r\n"), b"--b--\r\n", b"")),
        ),
        (
            "the photo itself in place of a form",
            Sent::Body("b", jpeg.to_vec()),
        ),
        ("an empty body", Sent::Body("b", Vec::new())),
    ]
}

#[tokio::test]
async fn what_a_client_spoilt_is_named_as_the_table_says() {
    let app = App::spawn().await;
    let client = app.client(&app.tenant("acme").await).await;
    let scene = pictures::scene(160, 120, 61);
    let (jpeg, png, webp) = (
        pictures::jpeg(&scene, 90),
        pictures::png(&scene),
        pictures::webp(&scene),
    );
    let mut table = String::from("| What came | Code | What the answer says |\n|---|---|---|\n");
    let kinds = kinds(&jpeg, &png, &webp);
    for (kind, sent) in &kinds {
        let answer = sent.send(&client, &jpeg).await;
        assert_eq!(answer.status, 400, "{kind}: {answer:?}");
        let problem: Value = answer.json();
        let (code, message) = (&problem["code"], problem["message"].as_str().unwrap());
        for internal in ["Some(", "Error", "::", "{ ", "\\u"] {
            assert!(!message.contains(internal), "{kind}: {message}");
        }
        assert!(problem["errors"][0]["field"].is_string(), "{kind}");
        let code = code.as_str().unwrap();
        writeln!(table, "| {kind} | `{code}` | {message} |").unwrap();
    }
    println!("{} kinds of spoilt uploads", kinds.len());
    assert!(kinds.len() > 80);

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/uploads.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(MARKS[0]).unwrap();
    let (committed, after) = rest.split_once(MARKS[1]).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let [begin, end] = MARKS;
        fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        for (said, written) in table.lines().zip(committed.lines()) {
            assert_eq!(
                said, written,
                "if that is meant: UPDATE_DOCS=1 script/cargo test --test it messages"
            );
        }
        assert_eq!(table, committed);
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_json_is_passed_over() {
    let app = App::spawn().await;
    let client = app.client(&app.tenant("acme").await).await;
    let image = pictures::png(&pictures::scene(96, 64, 62));
    let parts = [
        Part::image(&image),
        Part::text("request", "\u{feff}{\"deviceModel\":\"X-T5\"}"),
        Part::text("request", "\u{feff}null"),
    ];
    let answer = client.post_form(PROTECT, &parts).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let photo = client.get(answer.header("location")).await.json();
    assert_eq!(photo["deviceModel"], "X-T5");
    let sent = Sent::Json(REGISTER, "\u{feff}{\"deviceModel\":\"X-T5\"}");
    assert_eq!(sent.send(&client, &image).await.status, 200);
    let marked = format!("\u{feff}{}", photo["photoId"].as_str().unwrap());
    let parts = [Part::image(&image), Part::text("photoId", &marked)];
    assert_eq!(client.post_form(VERIFY, &parts).await.status, 200);
}

#[tokio::test]
async fn names_that_clients_chose_do_no_harm_in_messages() {
    let app = App::spawn().await;
    let client = app.client(&app.tenant("acme").await).await;
    let long = "x".repeat(10_000);
    let mut tried = 0;
    for name in [
        long.as_str(),
        "a\u{202e}b\u{7f}",
        "<script>alert(1)</script>",
        "\u{1f600}",
    ] {
        let part = Part {
            name,
            ..Part::image(b"x")
        };
        let answer = client.post_form(PROTECT, &[part]).await;
        let problem = answer.problem(lumatrace::http::ErrorCode::ValidationFailed);
        let message = problem["message"].as_str().unwrap();
        assert!(message.chars().count() < 150, "{message}");
        let harmful = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!message.contains(harmful), "{message}");
        tried += 1;
    }
    let many: Vec<Part> = (0..60)
        .map(|_| Part {
            name: &long[..100],
            ..Part::image(b"x")
        })
        .collect();
    let answer = client.post_form(PROTECT, &many).await;
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(
        message.len() < 400 && message.contains("and more"),
        "{message}"
    );
    assert_eq!(tried, 4);
}

#[tokio::test]
async fn members_that_are_no_known_name_in_another_spelling_are_ignored_as_before() {
    let app = App::spawn().await;
    let client = app.client(&app.tenant("acme").await).await;
    let image = pictures::png(&pictures::scene(96, 64, 63));
    let request = r#"{"deviceModel":"X-T5","device":"other","lat":1,"tags":[],"photo":null}"#;
    let parts = [
        Part::image(&image),
        Part::text("request", request),
        // Beside the part itself another one is as unknown as any.
        Part::text("Request", "{}"),
        Part::text("request[metadata]", "keep"),
        Part::text("comment", "hello"),
    ];
    let answer = client.post_form(PROTECT, &parts).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
