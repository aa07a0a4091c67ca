//! Uploads as real HTTP clients write them. The heads of the parts were taken down from the wire,
//! or from the documentation of clients that are not on this machine.

use std::collections::BTreeMap;

use axum::http::HeaderValue;
use lumatrace::http::ErrorCode;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{App, Part, pictures};

const PROTECT: &str = "/api/v1/photos/protect";

/// How a client writes a form: the boundary as its header says it, and the heads of an image and of
/// a JSON text.
struct Dialect {
    client: &'static str,
    boundary: &'static str,
    image: &'static str,
    request: &'static str,
}

const DIALECTS: [Dialect; 16] = [
    Dialect {
        client: "curl",
        boundary: "------------------------f9892fa1faaf7981",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg",
        request: "Content-Disposition: form-data; name=\"request\"\r\nContent-Type: application/json",
    },
    Dialect {
        client: "curl, a file from a pipe",
        boundary: "------------------------e16cb9d54fbc8af7",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"-\"",
        request: "Content-Disposition: form-data; name=\"request\"",
    },
    Dialect {
        client: "Python requests",
        boundary: "9e6856202b95c11752cfb5036bebefec",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"fotoä.jpg\"",
        request: "Content-Disposition: form-data; name=\"request\"",
    },
    Dialect {
        client: "Python aiohttp",
        boundary: "1a2983255fd2453faab491369a487b66",
        image: "Content-Type: image/jpeg\r\nContent-Disposition: form-data; name=\"image\"; filename=\"foto%C3%A4.jpg\"",
        request: "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=\"request\"",
    },
    Dialect {
        client: "axios with form-data",
        boundary: "--------------------------b8e683cdacebaaa3b80db430",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg",
        request: "Content-Disposition: form-data; name=\"request\"\r\nContent-Type: application/json",
    },
    Dialect {
        client: "axios with the FormData of Node",
        boundary: "axios-1.21.1-boundary-7zP5Jf1AHSY8syshF5_XzIvxi",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"blob\"\r\nContent-Type: application/octet-stream",
        request: "Content-Disposition: form-data; name=\"request\"",
    },
    Dialect {
        client: "fetch of Node, JSON as a blob",
        boundary: "----formdata-undici-098540770122",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: application/octet-stream",
        request: "Content-Disposition: form-data; name=\"request\"; filename=\"blob\"\r\nContent-Type: application/json",
    },
    Dialect {
        client: "Chromium",
        boundary: "----WebKitFormBoundaryScFoA4GPTHeQLi6A",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"föt%22o.jpg\"\r\nContent-Type: image/jpeg",
        request: "Content-Disposition: form-data; name=\"request\"; filename=\"blob\"\r\nContent-Type: application/json",
    },
    Dialect {
        client: "Postman",
        boundary: "--------------------------612345678901234567890123",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: <Content-Type header here>",
        request: "Content-Disposition: form-data; name=\"request\"",
    },
    Dialect {
        client: "PHP with curl",
        boundary: "------------------------4d1527d5ca9cc162",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg",
        request: "Content-Disposition: form-data; name=\"request\"",
    },
    Dialect {
        client: "PHP with Guzzle",
        boundary: "5a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Length: {length}\r\nContent-Type: image/jpeg",
        request: "Content-Disposition: form-data; name=\"request\"\r\nContent-Length: {length}",
    },
    Dialect {
        client: ".NET HttpClient",
        boundary: "\"0e7d4bd4-3b6f-4a52-8a4c-6f0a0f5c6a11\"",
        image: "Content-Disposition: form-data; name=image; filename=photo.jpg; filename*=utf-8''photo.jpg",
        request: "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=request",
    },
    Dialect {
        client: "OkHttp",
        boundary: "3c1c4f4d-6d5a-4a70-a6d6-1c8f2e0b9d7e",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg\r\nContent-Length: {length}",
        request: "Content-Disposition: form-data; name=\"request\"\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {length}",
    },
    Dialect {
        client: "Apache HttpClient",
        boundary: "vT3rJ_k9dK0s1Xx2-aB4cD5eF6gH7iJ8; charset=ISO-8859-1",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary",
        request: "Content-Disposition: form-data; name=\"request\"\r\nContent-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit",
    },
    Dialect {
        client: "JavaMail, without the quotes",
        boundary: "----=_Part_5_1234567.1700000000000",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg",
        request: "Content-Disposition: form-data; name=\"request\"\r\nContent-Type: application/json",
    },
    Dialect {
        client: "Go mime/multipart",
        boundary: "d4f1c2b3a4958677665544332211ffeeddccbbaa99887766554433221100",
        image: "Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: application/octet-stream",
        request: "Content-Disposition: form-data; name=\"request\"",
    },
];

impl Dialect {
    /// The value of `Content-Type`.
    fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The body with an image and a JSON text in this order.
    fn body(&self, image: &[u8], order: [&str; 2]) -> Vec<u8> {
        let line = self.boundary.split(';').next().unwrap().trim_matches('"');
        let mut body = Vec::new();
        for part in order {
            let (head, content): (_, &[u8]) = match part {
                "image" => (self.image, image),
                _ => (self.request, br#"{"deviceModel":"X-T5"}"#),
            };
            let head = head.replace("{length}", &content.len().to_string());
            body.extend_from_slice(format!("--{line}\r\n{head}\r\n\r\n").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{line}--\r\n").as_bytes());
        body
    }
}

#[tokio::test]
async fn forms_are_understood_as_clients_write_them() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let image = pictures::jpeg(&pictures::scene(256, 192, 3), 90);
    let mut sent = 0;
    for dialect in &DIALECTS {
        for order in [["image", "request"], ["request", "image"]] {
            let body = dialect.body(&image, order).into();
            let answer = client
                .post_bytes(PROTECT, &dialect.content_type(), body)
                .await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", dialect.client);
            let photo = client.get(answer.header("location")).await.json();
            assert_eq!(photo["deviceModel"], "X-T5", "{}: {photo}", dialect.client);
            sent += 1;
        }
    }
    println!("{sent} forms of {} clients", DIALECTS.len());
    assert_eq!(sent, 32);
}

#[tokio::test]
async fn bodies_come_in_chunks_of_any_size() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let (token, address) = (app.token(&tenant).await, app.listen().await);
    let image = pictures::jpeg(&pictures::scene(256, 192, 3), 90);
    let dialect = &DIALECTS[0];
    let form = dialect.body(&image, ["image", "request"]);
    let head = format!(
        "POST {PROTECT} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: {}\r\ntransfer-encoding: chunked\r\ntrailer: x-checksum\r\n\r\n",
        dialect.content_type()
    );
    let mut tried = 0;
    let mut too_large = form.clone();
    // In the middle of the image, which is the first part.
    too_large.splice(400..400, vec![0; 27 << 20]);
    // Looked through in vain again and again, if it were read on.
    let preamble = vec![b'y'; 4 << 20];
    let endless_head = [&form[..60], &preamble].concat();
    let (in_vain, no_form) = ("too long a head", "does not begin with the boundary");
    for (form, size, extension, status, said) in [
        (&form, 1, "", "200", ""),
        (&form, 1000, ";name=value", "200", ""),
        (&form, usize::MAX, "", "200", ""),
        (&too_large, 1 << 20, "", "413", "PAYLOAD_TOO_LARGE"),
        (&preamble, 1 << 20, "", "400", no_form),
        (&preamble, 256, "", "400", no_form),
        (&endless_head, 256, "", "400", in_vain),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut body = head.clone().into_bytes();
        for chunk in form.chunks(size) {
            body.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\nx-checksum: none\r\n\r\n");
        stream.write_all(&body).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let start = String::from_utf8_lossy(&answer[..answer.len().min(2000)]).into_owned();
        assert_eq!(start.split(' ').nth(1), Some(status), "{size}: {start}");
        assert!(start.contains(said), "{size}: {start}");
        tried += 1;
    }
    assert_eq!(tried, 7);
}

#[tokio::test]
async fn of_two_requests_the_object_counts() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let image = pictures::png(&pictures::scene(96, 64, 4));
    let object = r#"{"deviceModel":"X-T5"}"#;
    let send = async |requests: &[&str]| {
        let mut parts = vec![Part::image(&image)];
        parts.extend(requests.iter().map(|text| Part::text("request", text)));
        client.post_form(PROTECT, &parts).await
    };
    for stray in ["[object Object]", "undefined", "null", "\"{}\"", "", "  "] {
        for requests in [[object, stray], [stray, object]] {
            let answer = send(&requests).await;
            assert_eq!(answer.status, 200, "{requests:?}: {answer:?}");
            let photo = client.get(answer.header("location")).await.json();
            assert_eq!(photo["deviceModel"], "X-T5", "{requests:?}");
        }
    }
    for refused in [
        vec![object, object],
        vec![object, "{"],
        vec!["[object Object]"],
        vec!["null", "undefined"],
        vec!["{", "null"],
    ] {
        let problem = send(&refused).await.problem(ErrorCode::ValidationFailed);
        assert_eq!(problem["errors"][0]["field"], "request", "{refused:?}");
    }
    let many = send(&["null", "undefined", object, "[object Object]"]).await;
    assert_eq!(many.status, 200, "{many:?}");
    let nothing = send(&[""]).await;
    assert_eq!(nothing.status, 200, "an empty field of a form: {nothing:?}");
}

#[tokio::test]
async fn fields_of_a_form_that_nobody_filled_in_are_not_there() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let image = pictures::png(&pictures::scene(96, 64, 6));
    let photo = client.protect(&image).await;
    let id = photo.header("x-photo-id");
    let image = Part::image(&photo.body);
    let parts = [image, Part::text("photoId", id), Part::text("policy", "")];
    let verdict = client.post_form("/api/v1/photos/verify", &parts).await;
    assert_eq!(verdict.json()["policy"], "standard", "{verdict:?}");
    let parts = [Part::image(&photo.body), Part::text("photoId", "")];
    let refused = client.post_form("/api/v1/photos/verify", &parts).await;
    let problem = refused.problem(ErrorCode::ValidationFailed);
    assert_eq!(
        problem["errors"],
        json!([{ "field": "photoId", "reason": "is required" }])
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_said() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let image = pictures::png(&pictures::scene(96, 64, 7));
    let form = |boundary: &str| {
        let mut body = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"image\"; filename=\"x\"\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(&image);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        body
    };
    let long = "b".repeat(71);
    let mut tried = 0;
    for (kind, body, field, reason) in [
        (
            "multipart/form-data",
            form("b"),
            "Content-Type",
            "names no boundary",
        ),
        (
            "multipart/form-data; boundary=",
            form("b"),
            "Content-Type",
            "1 to 70",
        ),
        (
            &format!("multipart/form-data; boundary={long}"),
            form(&long),
            "Content-Type",
            "1 to 70",
        ),
        (
            "multipart/form-data; boundary=b; boundary=c",
            form("b"),
            "Content-Type",
            "two boundaries",
        ),
        (
            "multipart/form-data; boundary=c",
            form("b"),
            "body",
            "begins with the boundary \"b\", and Content-Type names the boundary \"c\"",
        ),
        (
            "multipart/form-data; boundary=b",
            form("b")[..400].to_vec(),
            "body",
            "cut off",
        ),
    ] {
        let answer = client.post_bytes(PROTECT, kind, body.into()).await;
        let problem = answer.problem(ErrorCode::ValidationFailed);
        let told = &problem["errors"][0];
        assert_eq!(told["field"], field, "{kind}");
        let said = told["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{kind}: {said}");
        tried += 1;
    }
    assert_eq!(tried, 6);
    for (request, reason) in [
        ("{\"a\":1", "not JSON: line 1"),
        (
            "{\"metadata\":\"keep\",\"metadata\":\"strip-all\"}",
            "\"metadata\" is given twice",
        ),
        ("[]", "not an object"),
    ] {
        let parts = [Part::image(&image), Part::text("request", request)];
        let answer = client.post_form(PROTECT, &parts).await;
        let problem = answer.problem(ErrorCode::ValidationFailed);
        let said = problem["errors"][0]["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{request}: {said}");
    }
    let junk = "y".repeat((1 << 20) + 1);
    let parts = [Part::text("junk", &junk), Part::image(&image)];
    let answer = client.post_form(PROTECT, &parts).await;
    let problem = answer.problem(ErrorCode::PayloadTooLarge);
    assert_eq!(problem["errors"][0]["field"], "body");
    let many: Vec<Part> = (0..65).map(|_| Part::text("x", "y")).collect();
    let answer = client.post_form(PROTECT, &many).await;
    let problem = answer.problem(ErrorCode::ValidationFailed);
    assert_eq!(problem["errors"][0]["reason"], "has more than 64 parts");
}

/// Damages a few places of a text or body: bytes change, go, come twice, or syntax comes between.
fn damage(bytes: &mut Vec<u8>, below: &mut impl FnMut(usize) -> usize) {
    const SYNTAX: [&[u8]; 8] = [
        b"\r\n",
        b"\r\n\r\n",
        b"--",
        b"\"",
        b";",
        b"\0",
        b"\xff",
        b"name=\"image\"",
    ];
    for _ in 0..=below(4) {
        let at = below(bytes.len() + 1);
        let to = (at + below(20)).min(bytes.len());
        match below(4) {
            0 => bytes[at..to].reverse(),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let twice = bytes[at..to].to_vec();
                bytes.splice(at..at, twice);
            }
            _ => drop(bytes.splice(at..at, SYNTAX[below(SYNTAX.len())].iter().copied())),
        }
    }
}

#[tokio::test]
async fn damaged_forms_are_refused_with_a_reason() {
    const FORMS: usize = 4_000;
    let app = App::spawn_with(&["--rate-per-second", "0", "--rate-per-hour", "0"]).await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let mut random = ChaCha8Rng::seed_from_u64(16);
    let mut below = move |end: usize| random.next_u32() as usize % end;
    let mut told = BTreeMap::<String, usize>::new();
    for round in 0..FORMS {
        let dialect = &DIALECTS[round % DIALECTS.len()];
        let mut body = dialect.body(b"no picture, but bytes of one", ["request", "image"]);
        damage(&mut body, &mut below);
        let mut kind = dialect.content_type().into_bytes();
        if round % 4 == 0 {
            damage(&mut kind, &mut below);
        }
        let kind = HeaderValue::from_bytes(&kind);
        let Some(kind) = kind.as_ref().ok().and_then(|kind| kind.to_str().ok()) else {
            *told.entry("not sent".to_owned()).or_default() += 1;
            continue;
        };
        let answer = client.post_bytes(PROTECT, kind, body.into()).await;
        assert!(
            (400..500).contains(&answer.status),
            "round {round}: {answer:?}"
        );
        let body = answer.json();
        let fields = body["errors"].as_array().into_iter().flatten();
        let fields: Vec<&str> = fields.filter_map(|error| error["field"].as_str()).collect();
        let rule = format!("{} {}", body["code"].as_str().unwrap(), fields.join(" "));
        *told.entry(rule).or_default() += 1;
    }
    println!("{FORMS} forms: {told:?}");
    assert!(told.len() > 3, "they reach more than one rule: {told:?}");
    let image = pictures::jpeg(&pictures::scene(256, 192, 3), 90);
    let answer = client.protect(&image).await;
    assert_eq!(answer.status, 200, "the server goes on");
}
