//! A server that is killed leaves neither a second photo behind nor a key that is blocked for long.

use std::{io::Write, net::TcpStream};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::PROTECT;
use crate::{
    process::{DataDir, Server, curl, lumatrace_on},
    support::{PASSWORD, TestDatabase, pictures},
};

/// Starts a server on the database, with one tenant.
fn serve(database: &TestDatabase, data_dir: &DataDir) -> Server {
    Server::start(lumatrace_on(database, data_dir))
}

/// Sends a form to `protect` under a key and reads nothing.
fn send_and_read_nothing(server: &Server, token: &str, key: &str, image: &[u8]) -> TcpStream {
    let address = server.url.strip_prefix("http://").unwrap();
    let head =
        "--b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\n\r\n";
    let body = [head.as_bytes(), image, b"\r\n--b--\r\n"].concat();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST {PROTECT} HTTP/1.1\r\nhost: {address}\r\n{token}\r\nidempotency-key: {key}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(&body).unwrap();
    stream
}

#[test]
fn a_kill_at_any_moment_makes_no_second_photo() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let mut owner = runtime
        .block_on(PgConnection::connect_with(&database.owner()))
        .unwrap();
    let mut ask = |question: &'static str| -> Option<Uuid> {
        runtime
            .block_on(sqlx::query_scalar(question).fetch_optional(&mut owner))
            .unwrap()
    };
    let data_dir = DataDir::new();
    let mut server = serve(&database, &data_dir);
    let credentials =
        json!({ "tenantId": "acme", "username": "press", "password": PASSWORD }).to_string();
    let login = format!("{}/api/v1/auth/login", server.url);
    let (_, body) = curl(&[
        "-H",
        "content-type: application/json",
        "-d",
        &credentials,
        &login,
    ]);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let token = format!("authorization: Bearer {}", body["token"].as_str().unwrap());
    let image = pictures::jpeg(&pictures::scene(1280, 960, 9), 90);
    let file = data_dir.0.join("photo.jpg");
    std::fs::create_dir_all(&data_dir.0).unwrap();
    std::fs::write(&file, &image).unwrap();
    let again = |server: &Server, key: &str| {
        let (key, url) = (
            format!("idempotency-key: {key}"),
            format!("{}{PROTECT}", server.url),
        );
        let form = format!("image=@{}", file.display());
        curl(&["-H", &token, "-H", &key, "-F", &form, &url])
    };

    // Killed as soon as the photo can be seen: the reply may be under way, or not.
    let stream = send_and_read_nothing(&server, &token, "committed", &image);
    let photo = loop {
        if let Some(photo) = ask("select photo_id from photos") {
            break photo;
        }
    };
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    drop(stream);
    server = serve(&database, &data_dir);
    let (status, first) = again(&server, "committed");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&first));
    assert_eq!(ask("select photo_id from photos"), Some(photo));
    let kept = "select photo_id from photos where protected_sha256 = (select sha256($1))";
    let same: Option<Uuid> = runtime
        .block_on(async {
            let mut owner = PgConnection::connect_with(&database.owner()).await?;
            let found = sqlx::query_scalar(kept).bind(&first);
            found.fetch_optional(&mut owner).await
        })
        .unwrap();
    assert_eq!(same, Some(photo), "the bytes are those that were recorded");

    // Killed while it works: the key is blocked for ten seconds at most, here cut short.
    let stream = send_and_read_nothing(&server, &token, "claimed", &image);
    let claimed = "select photo_id from idempotency_keys where key = 'claimed'";
    let photo = loop {
        if let Some(photo) = ask(claimed) {
            break photo;
        }
    };
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    drop(stream);
    let undone = "select photo_id from idempotency_keys where key = 'claimed' and outcome is null";
    assert_eq!(ask(undone), Some(photo), "killed before the commit");
    let free = "select photo_id from idempotency_keys
                where outcome is null and claimed_until <= clock_timestamp() + interval '10 seconds'";
    assert_eq!(ask(free), Some(photo), "after ten seconds it is free");
    server = serve(&database, &data_dir);
    assert_eq!(again(&server, "claimed").0, 409);
    ask(
        "update idempotency_keys set claimed_until = now() where outcome is null returning photo_id",
    );
    let (status, first) = again(&server, "claimed");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&first));
    assert_eq!(again(&server, "claimed"), (200, first));
    let made = "select photo_id from photos order by created_at desc";
    assert_eq!(ask(made), Some(photo), "under the id of the claim");
}
