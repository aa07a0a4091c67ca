//! Backup and restore, by the program itself: what comes back, what does not, and what is refused.

mod drill;
mod owner;
mod refused;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use age::x25519;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    process::{curl, run},
    support::PASSWORD,
};

/// An identity of age in a file, and its recipient.
struct AgeKey {
    file: PathBuf,
    recipient: String,
    identity: String,
}

impl AgeKey {
    fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let identity = x25519::Identity::generate();
        let recipient = identity.to_public().to_string();
        let identity = identity.to_string().expose_secret().to_owned();
        let file = folder.join(format!("{recipient}.txt"));
        fs::write(&file, format!("# public key: {recipient}\n{identity}\n")).unwrap();
        Self {
            file,
            recipient,
            identity,
        }
    }
}

/// Runs a command that succeeds, and reads the JSON that it prints.
pub(crate) fn json_of(command: &mut Command) -> Value {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Logs in to a tenant's account `press`; status and the header with the token.
pub(crate) fn login(url: &str, tenant: &str) -> (u16, String) {
    let body = json!({ "tenantId": tenant, "username": "press", "password": PASSWORD });
    let (status, body) = curl(&[
        "-H",
        "content-type: application/json",
        "-d",
        &body.to_string(),
        &format!("{url}/api/v1/auth/login"),
    ]);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let token = body["token"].as_str().unwrap_or_default();
    (status, format!("authorization: Bearer {token}"))
}

pub(crate) fn me(url: &str, token: &str) -> u16 {
    curl(&["-H", token, &format!("{url}/api/v1/me")]).0
}

/// Protects the picture in a file; returns the photo's id, and keeps the protected file beside it.
pub(crate) fn protect(url: &str, token: &str, picture: &Path) -> String {
    let (head, sent) = (
        picture.with_extension("head"),
        picture.with_extension("sent"),
    );
    let (status, _) = curl(&[
        "-H",
        token,
        "-F",
        &format!("image=@{}", picture.display()),
        "-D",
        &head.display().to_string(),
        "-o",
        &sent.display().to_string(),
        &format!("{url}/api/v1/photos/protect"),
    ]);
    assert_eq!(
        status,
        200,
        "{}",
        fs::read_to_string(&sent).unwrap_or_default()
    );
    let head = fs::read_to_string(&head).unwrap();
    let id = head
        .lines()
        .find_map(|line| line.strip_prefix("x-photo-id: "));
    id.unwrap().trim().to_owned()
}

/// The verdict on the protected file of a picture.
pub(crate) fn verdict(url: &str, token: &str, picture: &Path, photo: &str) -> String {
    let (status, body) = curl(&[
        "-H",
        token,
        "-F",
        &format!("image=@{}", picture.with_extension("sent").display()),
        "-F",
        &format!("photoId={photo}"),
        &format!("{url}/api/v1/photos/verify"),
    ]);
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200, "{answer}");
    answer["verdict"].as_str().unwrap().to_owned()
}
