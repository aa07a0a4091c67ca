use std::{
    fmt,
    sync::{Mutex, mpsc},
    time::Instant,
};

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{test_authority::TestAuthority, *};
use crate::{
    credentials::{
        Anchors, Judge, Judgement, ManifestSigner, ParentManifest, Signed, Statement, Trust,
        authority::Authority, carrier, signing::Algorithm, test_files::plain,
    },
    domain::{ContentHash, PhotoId, Registration, verdict::C2paStatus},
    imaging::{Format, MetadataPolicy},
};

type Reply = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync;

/// A source of time stamps, made of a function.
struct Source {
    reply: Box<Reply>,
    longest_wait: Duration,
    /// What was told after each asking.
    counted: Mutex<Vec<bool>>,
}

impl Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Source {
    fn new(reply: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            reply: Box::new(reply),
            longest_wait: Duration::ZERO,
            counted: Mutex::default(),
        })
    }

    fn counted(&self) -> Vec<bool> {
        std::mem::take(&mut self.counted.lock().unwrap())
    }
}

impl TimeStamps for Source {
    fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        (self.reply)(request)
    }

    fn longest_wait(&self) -> Duration {
        self.longest_wait
    }

    fn count(&self, granted: bool) {
        self.counted.lock().unwrap().push(granted);
    }
}

/// Who signs, and the root that he is trusted by.
struct House {
    identity: SigningIdentity,
    root: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the c2pa crate takes the time from the air"
)]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

impl House {
    fn new(algorithm: Algorithm) -> Self {
        let authority = Authority::make(now(), "Test", Algorithm::Es256).unwrap();
        let (chain, key) = authority.issue_leaf(algorithm, now()).unwrap();
        Self {
            identity: SigningIdentity::new(chain, &key).unwrap(),
            root: authority.root_pem(),
        }
    }

    fn anchors(&self, tsa: &[&str]) -> Anchors {
        Anchors {
            manifest: vec![self.root.clone()],
            tsa: tsa.iter().map(|&root| root.to_owned()).collect(),
        }
    }

    fn judge(&self, file: &[u8], format: Format, tsa: &[&str]) -> Judgement {
        let judge = Judge::new(&self.anchors(tsa)).unwrap();
        judge.judge(&Bytes::copy_from_slice(file), format)
    }

    fn signer(&self, source: &Arc<Source>) -> ManifestSigner {
        let stamps: Arc<dyn TimeStamps> = Arc::clone(source) as _;
        let signer = ManifestSigner::new(self.identity.clone(), &self.anchors(&[]), Some(stamps));
        signer.unwrap()
    }
}

fn sign(signer: &ManifestSigner, format: Format, upload: &[u8]) -> Signed {
    sign_of("Leica M11-P", signer, format, upload)
}

/// The same with another device in the manifest.
fn sign_of(device: &str, signer: &ManifestSigner, format: Format, upload: &[u8]) -> Signed {
    let statement = Statement {
        manifest: Uuid::new_v4(),
        photo: PhotoId::random(),
        format,
        content_hash: ContentHash::from_digest([7; 32]),
        registration: Registration {
            device_model: Some(device.to_owned()),
            ..Registration::default()
        },
        service: "https://lumatrace.example".to_owned(),
        soft_binding: "com.example.lumatrace.wm.1".to_owned(),
    };
    let marked = plain(format, 2).into();
    let upload = Bytes::copy_from_slice(upload);
    let outcome = signer.sign(&statement, &upload, &marked, MetadataPolicy::Keep);
    outcome.unwrap()
}

#[test]
fn a_stamped_signature_has_a_time_that_an_anchor_of_its_authority_vouches_for() {
    let Some(tsa) = TestAuthority::new("") else {
        return;
    };
    let root = tsa.root.clone();
    let source = Source::new(move |request| Some(tsa.reply(request)));
    let mut stamped_files = 0;
    for algorithm in Algorithm::ALL {
        let house = House::new(algorithm);
        let signer = house.signer(&source);
        for format in [Format::Jpeg, Format::Png, Format::WebP] {
            let begun = now();
            let outcome = sign(&signer, format, &plain(format, 1));
            assert_eq!(source.counted(), [true], "asked once");

            let trusting = house.judge(&outcome.file, format, &[&root]);
            assert_eq!(trusting.status, C2paStatus::Valid, "{trusting:?}");
            assert_eq!(trusting.trust, Some(Trust::Trusted));
            assert_eq!(trusting.codes, [""; 0]);
            assert!(trusting.time_stamped, "{trusting:?}");
            let off = trusting.signed_at.unwrap() - begun;
            assert!(off.abs() < time::Duration::minutes(1), "{off}");

            let strange = house.judge(&outcome.file, format, &[]);
            assert_eq!(strange.status, C2paStatus::Valid, "{strange:?}");
            assert_eq!(strange.trust, Some(Trust::Trusted));
            assert!(!strange.time_stamped);

            let added = outcome.file.len() - plain(format, 2).len();
            assert!(added <= 5_200 + RESERVED_BYTES, "{algorithm:?}: {added}");
            stamped_files += 1;
        }
    }
    assert_eq!(stamped_files, 9);
}

/// The reply of an authority to another request: the nonce or the hash is changed.
fn with_change(request: &[u8], marker: &[u8], at: usize) -> Vec<u8> {
    let mut other = request.to_vec();
    let found = other
        .windows(marker.len())
        .position(|bytes| bytes == marker);
    other[found.unwrap() + marker.len() + at] ^= 1;
    other
}

/// Sources of replies that are none, or bad.
fn bad_sources(tsa: &Arc<TestAuthority>, wordy: TestAuthority) -> Vec<(&'static str, Arc<Source>)> {
    let answers = {
        let tsa = Arc::clone(tsa);
        move |change: fn(Vec<u8>) -> Vec<u8>| {
            let tsa = Arc::clone(&tsa);
            Source::new(move |request| Some(change(tsa.reply(request))))
        }
    };
    let asks_otherwise = |marker: &'static [u8], at: usize| {
        let tsa = Arc::clone(tsa);
        Source::new(move |request| Some(tsa.reply(&with_change(request, marker, at))))
    };
    vec![
        ("no reply", Source::new(|_| None)),
        ("an empty one", Source::new(|_| Some(vec![]))),
        (
            "rubbish",
            Source::new(|_| Some(b"<html>no</html>".to_vec())),
        ),
        // TimeStampResp { status { rejection(2) } }
        (
            "rejected",
            Source::new(|_| Some(vec![0x30, 5, 0x30, 3, 2, 1, 2])),
        ),
        ("for another message", asks_otherwise(&[0x04, 0x20], 7)),
        ("with another nonce", asks_otherwise(&[0x04, 0x20], 32 + 5)),
        (
            "cut",
            answers(|mut reply| {
                reply.pop();
                reply
            }),
        ),
        (
            "longer",
            answers(|mut reply| {
                reply.push(0);
                reply
            }),
        ),
        (
            "with another signature",
            answers(|mut reply| {
                *reply.last_mut().unwrap() ^= 1;
                reply
            }),
        ),
        // The token without the frame of a reply: status (9 bytes with their frame) in front.
        ("the token alone", answers(|reply| reply[9..].to_vec())),
        (
            "granted is not said",
            answers(|mut reply| {
                reply[8] = 2;
                reply
            }),
        ),
        (
            "too long",
            Source::new(move |request| Some(wordy.reply(request))),
        ),
    ]
}

#[test]
fn without_a_good_reply_a_manifest_comes_out_unstamped_and_valid() {
    let chain: Vec<String> = (0..14)
        .map(|_| Authority::make(now(), "Test", Algorithm::Es256).unwrap())
        .map(|authority| authority.root_pem())
        .collect();
    let Some(tsa) = TestAuthority::new("") else {
        return;
    };
    let wordy = TestAuthority::new(&chain.concat()).unwrap();
    let tsa = Arc::new(tsa);
    let good = {
        let tsa = Arc::clone(&tsa);
        Source::new(move |request| Some(tsa.reply(request)))
    };
    let house = House::new(Algorithm::Es256);
    let (format, upload) = (Format::Png, plain(Format::Png, 1));
    sign(&house.signer(&good), format, &upload);
    assert_eq!(good.counted(), [true]);
    let mut tried = 0;
    for (name, source) in bad_sources(&tsa, wordy) {
        let outcome = sign(&house.signer(&source), format, &upload);
        assert_eq!(source.counted(), [false], "{name}");
        let found = house.judge(&outcome.file, format, &[&tsa.root]);
        assert_eq!(found.status, C2paStatus::Valid, "{name}: {found:?}");
        assert_eq!(found.trust, Some(Trust::Trusted), "{name}");
        assert_eq!(
            (found.time_stamped, found.signed_at),
            (false, None),
            "{name}"
        );
        assert_eq!(found.codes, [""; 0], "{name}");
        tried += 1;
    }
    assert_eq!(tried, 12);
}

#[test]
fn each_fault_of_a_reply_is_named() {
    let Some(tsa) = TestAuthority::new("") else {
        return;
    };
    let house = House::new(Algorithm::Es256);
    let leaf = house.identity.leaf().clone();
    let request = house.identity.timestamp_request_body(b"message").unwrap();
    let reply = tsa.reply(&request);
    let check = |reply: &[u8], message: &[u8], leaf: &_| {
        reply::check(reply, &request, message, leaf).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(check(&reply, b"message", &leaf), Ok(()));
    let other = check(&reply, b"another", &leaf).unwrap_err();
    assert!(other.contains("does not hold"), "{other}");
    let mut ended = leaf.clone();
    ended.not_after = now() - time::Duration::hours(1);
    let outside = check(&reply, b"message", &ended).unwrap_err();
    assert!(outside.contains("outside"), "{outside}");
    let again = house.identity.timestamp_request_body(b"message").unwrap();
    let other = reply::check(&reply, &again, b"message", &leaf).unwrap_err();
    assert!(matches!(other, Refusal::OtherNonce), "{other}");
    // No cut and no flipped byte gets past, and none is a panic.
    let mut refused = 0;
    for at in 0..reply.len() {
        assert!(check(&reply[..at], b"message", &leaf).is_err(), "{at}");
        let mut flipped = reply.clone();
        flipped[at] ^= 0x10;
        refused += usize::from(check(&flipped, b"message", &leaf).is_err());
    }
    println!("{refused} of {} flipped bytes refused", reply.len());
    assert!(refused * 2 > reply.len(), "{refused} of {}", reply.len());
}

#[test]
fn one_stamp_is_asked_for_whatever_the_upload_carries() {
    let source = Source::new(|_| None);
    let house = House::new(Algorithm::Es256);
    let signer = house.signer(&source);
    let mut tried = 0;
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        let upload = plain(format, 1);
        let first = sign(&signer, format, &upload);
        assert_eq!(source.counted(), [false]);
        let mut outcomes = vec![sign(&signer, format, &first.file).parent];
        assert_eq!(source.counted(), [false]);
        for keep in [1, 20, 300, 2000, first.manifest.len() - 1] {
            let damaged = carrier::splice(&upload, format, &first.manifest[..keep]);
            let outcome = sign(&signer, format, &damaged);
            assert_eq!(source.counted(), [false], "{format:?} {keep}");
            outcomes.push(outcome.parent);
            tried += 1;
        }
        // What looks like a picture is found after signing, when a stamp was waited for.
        let picture = sign_of("GIF89a", &signer.without_time_stamps(), format, &upload);
        assert_eq!(source.counted(), [false; 0]);
        let outcome = sign(&signer, format, &picture.file);
        assert_eq!(outcome.parent, ParentManifest::LeftOut);
        assert_eq!(source.counted(), [false], "{format:?}");
        assert!(outcomes.contains(&ParentManifest::Kept), "{outcomes:?}");
        assert!(outcomes.contains(&ParentManifest::LeftOut), "{outcomes:?}");
    }
    assert_eq!(tried, 15);
}

#[test]
fn the_wait_for_a_stamp_costs_no_upload_its_history() {
    // Longer than uploads are given.
    let wait = Duration::from_millis(5_500);
    let source = Arc::new(Source {
        longest_wait: wait,
        ..Arc::into_inner(Source::new(move |_| {
            let (_never, pause) = mpsc::channel::<()>();
            let _ = pause.recv_timeout(wait);
            None
        }))
        .unwrap()
    });
    let house = House::new(Algorithm::Es256);
    let signer = house.signer(&source);
    let format = Format::Png;
    let first = sign(&signer.without_time_stamps(), format, &plain(format, 1));
    assert_eq!(source.counted(), [false; 0], "a signer that does not ask");
    let begun = Instant::now();
    let second = sign(&signer, format, &first.file);
    assert_eq!(second.parent, ParentManifest::Kept);
    assert_eq!(source.counted(), [false]);
    assert!(begun.elapsed() >= wait);
    let found = house.judge(&second.file, format, &[]);
    assert_eq!(found.status, C2paStatus::Valid, "{found:?}");
}
