use bytes::Bytes;
use c2pa::Builder;

use super::*;
use crate::{
    credentials::{
        Judge, Judgement, PHOTO_ASSERTION, Trust, authority::Authority, signing::Algorithm,
        test_files::plain,
    },
    domain::{ContentHash, PhotoId, Place, Registration, verdict::C2paStatus},
    imaging::Format,
};

const FORMATS: [Format; 3] = [Format::Jpeg, Format::Png, Format::WebP];

/// An installation: an authority, a signer of each kind, a judge that trusts them.
struct House {
    judge: Judge,
    anchors: Anchors,
    authority: Authority,
}

impl House {
    #[expect(
        clippy::disallowed_methods,
        reason = "the c2pa crate takes the time from the air"
    )]
    fn now() -> time::OffsetDateTime {
        time::OffsetDateTime::now_utc()
    }

    fn new() -> Self {
        let authority = Authority::make(Self::now(), "Test", Algorithm::Es256).unwrap();
        let anchors = Anchors {
            manifest: vec![authority.root_pem()],
            tsa: Vec::new(),
        };
        Self {
            judge: Judge::new(&anchors).unwrap(),
            anchors,
            authority,
        }
    }

    fn signer(&self, algorithm: Algorithm) -> ManifestSigner {
        let (chain, key) = self.authority.issue_leaf(algorithm, Self::now()).unwrap();
        let identity = SigningIdentity::new(chain, &key).unwrap();
        ManifestSigner::new(identity, &self.anchors, None).unwrap()
    }

    fn judge(&self, file: &[u8], format: Format) -> Judgement {
        self.judge.judge(&Bytes::copy_from_slice(file), format)
    }
}

fn registration(publish_location: bool) -> Registration {
    Registration {
        content_hash: None,
        device_model: Some("Leica M11-P".to_owned()),
        place: Place::new(47.3769, 8.5417),
        publish_location,
        ..Registration::default()
    }
}

/// Signs `marked`, made of `upload`.
fn sign(
    by: &ManifestSigner,
    format: Format,
    upload: &[u8],
    marked: &[u8],
    publish: bool,
    metadata: MetadataPolicy,
) -> (PhotoId, Signed) {
    let photo = PhotoId::random();
    let statement = Statement {
        manifest: uuid::Uuid::new_v4(),
        photo,
        format,
        content_hash: ContentHash::from_digest([7; 32]),
        registration: registration(publish),
        service: "https://lumatrace.example".to_owned(),
        soft_binding: "com.example.lumatrace.wm.1".to_owned(),
    };
    let copy = Bytes::copy_from_slice;
    let signed = by
        .sign(&statement, &copy(upload), &copy(marked), metadata)
        .unwrap();
    assert_eq!(signed.manifest_id, statement.manifest_id());
    (photo, signed)
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}

#[test]
fn what_is_signed_is_valid_and_trusted_and_names_its_photo() {
    let house = House::new();
    for algorithm in Algorithm::ALL {
        let by = house.signer(algorithm);
        for format in FORMATS {
            let (upload, marked) = (plain(format, 1), plain(format, 2));
            let (photo, signed) = sign(&by, format, &upload, &marked, false, MetadataPolicy::Keep);
            let found = house.judge(&signed.file, format);
            assert_eq!(
                found.status,
                C2paStatus::Valid,
                "{algorithm:?} {format:?} {found:?}"
            );
            assert_eq!(found.trust, Some(Trust::Trusted), "{found:?}");
            assert_eq!(found.codes, [""; 0], "{algorithm:?} {format:?}");
            assert_eq!(found.photo, Some(photo.to_string()));
            assert_eq!(found.manifest_id.as_ref(), Some(&signed.manifest_id));
            assert_eq!(signed.parent, ParentManifest::None);
            let added = signed.file.len() - marked.len();
            println!("{algorithm:?} {format:?}: {added} bytes added");
            assert!(added <= 5_200, "{algorithm:?} {format:?}: {added}");
            let length = u32::from_be_bytes(*signed.manifest.first_chunk().unwrap());
            assert_eq!(
                length as usize,
                signed.manifest.len(),
                "nothing behind the box"
            );
            assert_eq!(
                carrier::manifest(&signed.file, format),
                Some(signed.manifest.clone())
            );
            assert_eq!(carrier::without(&signed.file, format), marked);
            assert_eq!(
                carrier::splice(&marked, format, &signed.manifest),
                signed.file
            );
        }
    }
}

#[test]
fn a_changed_byte_is_tampering_and_a_moved_manifest_too() {
    let house = House::new();
    let by = house.signer(Algorithm::Es256);
    for format in FORMATS {
        let marked = plain(format, 2);
        let (_, signed) = sign(&by, format, &marked, &marked, false, MetadataPolicy::Keep);
        let moved = carrier::splice(&plain(format, 3), format, &signed.manifest);
        assert_eq!(
            house.judge(&moved, format).status,
            C2paStatus::Tampered,
            "{format:?}"
        );
        let mut longer = signed.file.clone();
        longer.extend(b"appended");
        let found = house.judge(&longer, format);
        assert_ne!(found.status, C2paStatus::Valid, "{format:?}");
    }
}

#[test]
fn a_place_is_stated_only_if_it_may_be_published() {
    let house = House::new();
    let by = house.signer(Algorithm::Es256);
    let file = plain(Format::Png, 1);
    for publish in [false, true] {
        let (_, signed) = sign(
            &by,
            Format::Png,
            &file,
            &file,
            publish,
            MetadataPolicy::Keep,
        );
        assert_eq!(contains(&signed.manifest, b"47.3769"), publish);
        assert!(contains(&signed.manifest, b"Leica M11-P"));
    }
}

/// A file whose manifest has a thumbnail and metadata with a place, by another house.
fn foreign(house: &House, format: Format) -> Vec<u8> {
    let by = house.signer(Algorithm::Es256);
    let definition = json!({
        "claim_version": 2,
        "claim_generator_info": [{ "name": "camera", "version": "1" }],
        "format": format.content_type(),
        "assertions": [
            { "label": "c2pa.actions.v2", "created": true, "data": { "actions": [{
                "action": "c2pa.created",
                "digitalSourceType":
                    "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
            }], "allActionsIncluded": true } },
            { "label": "org.example.position", "kind": "Json", "data": { "GPSLatitude": "47,22.6N" } },
            { "label": "org.example.lens", "kind": "Json", "data": { "lens": "Summilux 35" } },
        ],
    });
    let mut builder = Builder::from_shared_context(&by.unstamped)
        .with_definition(definition.to_string())
        .unwrap();
    let thumbnail = plain(Format::Jpeg, 9);
    builder
        .set_thumbnail("image/jpeg", &mut Cursor::new(thumbnail))
        .unwrap();
    let mut signed = Cursor::new(Vec::new());
    let mut source = Cursor::new(plain(format, 1));
    builder
        .save_to_stream(format.content_type(), &mut source, &mut signed)
        .unwrap();
    signed.into_inner()
}

#[test]
fn the_history_of_an_upload_goes_on_without_its_pictures_and_what_is_stripped() {
    let (house, other) = (House::new(), House::new());
    let by = house.signer(Algorithm::Ps256);
    for format in FORMATS {
        let upload = foreign(&other, format);
        assert!(redaction::holds_picture(
            &carrier::manifest(&upload, format).unwrap()
        ));
        for (metadata, place, lens) in [
            (MetadataPolicy::Keep, true, true),
            (MetadataPolicy::StripGps, false, true),
            (MetadataPolicy::StripAll, false, false),
        ] {
            let (_, signed) = sign(&by, format, &upload, &plain(format, 2), false, metadata);
            assert_eq!(
                signed.parent,
                ParentManifest::Kept,
                "{format:?} {metadata:?}"
            );
            assert!(!redaction::holds_picture(&signed.manifest));
            assert!(
                !contains(&signed.file, b"\xFF\xD8\xFF\xE0\x00\x10JFIF") || format == Format::Jpeg
            );
            assert_eq!(
                contains(&signed.manifest, b"47,22.6N"),
                place,
                "{metadata:?}"
            );
            assert_eq!(
                contains(&signed.manifest, b"Summilux"),
                lens,
                "{metadata:?}"
            );
            let found = house.judge(&signed.file, format);
            assert_eq!(
                found.status,
                C2paStatus::Valid,
                "{format:?} {metadata:?} {found:?}"
            );
            assert_eq!(found.ingredients.len(), 1);
            assert_eq!(found.ingredients[0].status, C2paStatus::Valid, "{found:?}");
        }
    }
}

#[test]
fn a_tampered_upload_stays_tampered_in_the_new_history() {
    let (house, other) = (House::new(), House::new());
    let by = house.signer(Algorithm::Es256);
    for format in FORMATS {
        let manifest = carrier::manifest(&foreign(&other, format), format).unwrap();
        let upload = carrier::splice(&plain(format, 5), format, &manifest);
        let (_, signed) = sign(
            &by,
            format,
            &upload,
            &plain(format, 2),
            false,
            MetadataPolicy::Keep,
        );
        let found = house.judge(&signed.file, format);
        assert_eq!(found.status, C2paStatus::Valid, "{format:?} {found:?}");
        assert_eq!(
            found.ingredients[0].status,
            C2paStatus::Tampered,
            "{format:?} {found:?}"
        );
    }
}

#[test]
fn our_own_manifest_as_history_stays_short() {
    let house = House::new();
    let by = house.signer(Algorithm::Ps256);
    for format in FORMATS {
        let marked = plain(format, 2);
        let (_, first) = sign(&by, format, &marked, &marked, false, MetadataPolicy::Keep);
        let (_, second) = sign(
            &by,
            format,
            &first.file,
            &marked,
            false,
            MetadataPolicy::Keep,
        );
        assert_eq!(second.parent, ParentManifest::Kept);
        let added = second.file.len() - marked.len();
        println!("{format:?}: {added} bytes with a parent of ours");
        assert!(added <= 13_000, "{format:?}: {added}");
        assert_eq!(house.judge(&second.file, format).status, C2paStatus::Valid);
    }
}

#[test]
fn an_upload_whose_manifest_is_damaged_is_signed_and_said_to_be() {
    let house = House::new();
    let by = house.signer(Algorithm::Es256);
    for format in FORMATS {
        let marked = plain(format, 2);
        let (_, first) = sign(&by, format, &marked, &marked, false, MetadataPolicy::Keep);
        for keep in [1, 20, 300, 2000, first.manifest.len() - 1] {
            let upload = carrier::splice(&marked, format, &first.manifest[..keep]);
            let (_, signed) = sign(&by, format, &upload, &marked, false, MetadataPolicy::Keep);
            let found = house.judge(&signed.file, format);
            assert_eq!(
                found.status,
                C2paStatus::Valid,
                "{format:?} {keep} {found:?}"
            );
            let told = contains(&signed.manifest, LEFT_OUT.as_bytes());
            let judged = found.ingredients[0].status;
            let judged = judged == C2paStatus::Invalid || judged == C2paStatus::Tampered;
            assert!(told || judged, "{format:?} {keep}: {found:?}");
        }
    }
}

#[test]
fn a_certificate_that_has_ended_signs_nothing() {
    let house = House::new();
    let long_ago = House::now() - time::Duration::days(400);
    let authority = Authority::make(long_ago, "Test", Algorithm::Es256).unwrap();
    let (chain, key) = authority.issue_leaf(Algorithm::Es256, long_ago).unwrap();
    let identity = SigningIdentity::new(chain, &key).unwrap();
    let by = ManifestSigner::new(identity, &house.anchors, None).unwrap();
    let file = Bytes::from(plain(Format::Png, 1));
    let statement = Statement {
        manifest: uuid::Uuid::new_v4(),
        photo: PhotoId::random(),
        format: Format::Png,
        content_hash: ContentHash::from_digest([7; 32]),
        registration: registration(false),
        service: "https://lumatrace.example".to_owned(),
        soft_binding: "com.example.lumatrace.wm.1".to_owned(),
    };
    let refused = by.sign(&statement, &file, &file, MetadataPolicy::Keep);
    assert!(refused.is_err());
}

#[test]
fn our_assertion_has_our_name() {
    let house = House::new();
    let file = plain(Format::Png, 1);
    let by = house.signer(Algorithm::Es256);
    let (_, signed) = sign(&by, Format::Png, &file, &file, false, MetadataPolicy::Keep);
    assert!(contains(&signed.manifest, PHOTO_ASSERTION.as_bytes()));
}
