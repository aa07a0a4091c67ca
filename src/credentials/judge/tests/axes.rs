//! Integrity, trust, and what else a judgement tells.

use bytes::Bytes;
use serde_json::json;

use super::{
    super::{Anchors, Judge, Trust, code},
    signed::{House, PHOTO, judge},
};
use crate::{
    credentials::{
        carrier,
        test_files::{plain, samples},
    },
    domain::verdict::C2paStatus,
    imaging::Format,
};

const FORMATS: [Format; 3] = [Format::Jpeg, Format::Png, Format::WebP];

fn nobody() -> Judge {
    Judge::new(&Anchors::default()).unwrap()
}

#[test]
fn a_signed_file_is_valid_and_trusted_only_where_its_root_is() {
    let (house, other) = (House::new("House"), House::new("Other"));
    for format in FORMATS {
        let signed = house.sign(&plain(format, 1), format);
        let judgement = judge(&house.judge(), &signed, format);
        assert_eq!(judgement.status, C2paStatus::Valid, "{judgement:?}");
        assert_eq!(judgement.trust, Some(Trust::Trusted), "{judgement:?}");
        assert_eq!(judgement.codes, Vec::<String>::new());
        assert_eq!(judgement.photo.as_deref(), Some(PHOTO));
        let holder = judgement.signer.unwrap();
        assert_eq!(holder.organization.as_deref(), Some("House"));
        assert_eq!(holder.common_name.as_deref(), Some("LumaTrace signer"));
        assert!(judgement.manifest_id.unwrap().starts_with("urn:c2pa:"));
        assert_eq!((judgement.signed_at, judgement.time_stamped), (None, false));
        assert!(!judgement.cpu.is_zero());
        for stranger in [other.judge(), nobody()] {
            let judgement = judge(&stranger, &signed, format);
            assert_eq!(judgement.status, C2paStatus::Valid, "{judgement:?}");
            assert_eq!(judgement.trust, Some(Trust::Untrusted), "{judgement:?}");
            assert_eq!(judgement.codes, ["signingCredential.untrusted"]);
        }
    }
}

/// What `Builder::sign` makes comes apart and together again, byte for byte.
#[test]
fn signed_files_of_all_kinds_come_apart_and_together() {
    let house = House::new("House");
    let mut kinds = 0;
    for sample in samples() {
        let format = sample.format;
        let long = json!({"photoId": PHOTO, "text": "x".repeat(150_000)});
        for photo in [json!({"photoId": PHOTO}), long] {
            let signed = house.sign_over(&sample.bytes, format, &sample.bytes, &[photo]);
            let store = carrier::manifest(&signed, format).unwrap();
            let bare = carrier::without(&signed, format);
            assert!(*bare == sample.bytes, "{}", sample.name);
            assert!(
                carrier::splice(&bare, format, &store) == signed,
                "{}",
                sample.name
            );
            let judgement = judge(&house.judge(), &signed, format);
            assert_eq!(judgement.status, C2paStatus::Valid, "{}", sample.name);
            kinds += 1;
        }
    }
    assert_eq!(kinds, 18);
}

#[test]
fn changed_content_is_tampered_and_still_names_its_signer() {
    let house = House::new("House");
    for format in FORMATS {
        let mut signed = house.sign(&plain(format, 2), format);
        let store = carrier::manifest(&signed, format).unwrap();
        let moved = carrier::splice(&plain(format, 3), format, &store);
        signed.extend(b"appended");
        for file in [signed, moved] {
            let judgement = judge(&house.judge(), &file, format);
            assert_eq!(judgement.status, C2paStatus::Tampered, "{judgement:?}");
            assert_eq!(judgement.trust, None);
            assert_eq!(judgement.codes, ["assertion.dataHash.mismatch"]);
            assert!(judgement.signer.is_some());
        }
    }
}

#[test]
fn a_manifest_of_which_a_byte_is_changed_is_invalid_and_names_no_signer() {
    let house = House::new("House");
    for format in FORMATS {
        let signed = house.sign(&plain(format, 2), format);
        let certificate = find(&signed, b"LumaTrace signer");
        let mut forged = signed.clone();
        forged[certificate] ^= 1;
        let judgement = judge(&house.judge(), &forged, format);
        assert_eq!(judgement.status, C2paStatus::Invalid, "{judgement:?}");
        assert_eq!((judgement.trust, judgement.signer), (None, None));
        let mut forged = signed.clone();
        forged[find(&signed, PHOTO.as_bytes())] ^= 1;
        let judgement = judge(&house.judge(), &forged, format);
        assert_eq!(judgement.status, C2paStatus::Invalid, "{judgement:?}");
        assert_eq!(judgement.codes, ["assertion.hashedURI.mismatch"]);
    }
}

fn find(file: &[u8], text: &[u8]) -> usize {
    file.windows(text.len())
        .position(|window| window == text)
        .unwrap()
}

#[test]
fn a_file_without_a_carrier_is_missing() {
    for sample in samples() {
        let judgement = judge(&nobody(), &sample.bytes, sample.format);
        assert_eq!(judgement.status, C2paStatus::Missing, "{}", sample.name);
        assert!(judgement.codes.is_empty(), "{judgement:?}");
    }
}

#[test]
fn two_carriers_a_stray_one_and_one_too_large_are_invalid_unread() {
    let house = House::new("House");
    for format in FORMATS {
        let signed = house.sign(&plain(format, 2), format);
        let store = carrier::manifest(&signed, format).unwrap();
        let twice = carrier::splice(&signed, format, &store);
        let stray = [&*carrier::without(&signed, format), &store].concat();
        let padded = [&store[..], &vec![0; super::super::MAX_CARRIER_BYTES]].concat();
        let large = carrier::splice(&plain(format, 2), format, &padded);
        for (file, code) in [
            (twice, code::CARRIER_MULTIPLE),
            (stray, code::CARRIER_DAMAGED),
            (large, code::CARRIER_TOO_LARGE),
        ] {
            let judgement = judge(&house.judge(), &file, format);
            assert_eq!(judgement.status, C2paStatus::Invalid, "{format:?}, {code}");
            assert_eq!(judgement.codes, [code]);
            assert!(judgement.cpu.is_zero());
        }
    }
}

/// A signer who takes over a tampered picture is a good signer, and does not make its past good.
#[test]
fn the_fault_of_a_parent_is_shown_and_is_not_the_signers() {
    let (house, author) = (House::new("House"), House::new("Author"));
    let format = Format::Jpeg;
    let bare = plain(format, 4);
    let good = author.sign(&bare, format);
    let tampered = [&good[..], b"appended"].concat();
    let mut forged = good.clone();
    forged[find(&good, b"LumaTrace signer")] ^= 1;
    let photo = json!({"photoId": PHOTO});
    for (parent, status, codes) in [
        (
            &good,
            C2paStatus::Valid,
            &["signingCredential.untrusted"][..],
        ),
        (
            &tampered,
            C2paStatus::Tampered,
            &["signingCredential.untrusted", "assertion.dataHash.mismatch"],
        ),
        (&bare, C2paStatus::Missing, &[]),
        (&forged, C2paStatus::Invalid, &["claimSignature.mismatch"]),
    ] {
        let signed = house.sign_over(&bare, format, parent, std::slice::from_ref(&photo));
        let judgement = judge(&house.judge(), &signed, format);
        assert_eq!(judgement.status, C2paStatus::Valid, "{judgement:?}");
        assert_eq!(judgement.trust, Some(Trust::Trusted), "{judgement:?}");
        let [ingredient] = &judgement.ingredients[..] else {
            panic!("{judgement:?}");
        };
        assert_eq!(ingredient.title.as_deref(), Some("original"));
        assert_eq!(ingredient.status, status, "{ingredient:?}");
        for code in codes {
            assert!(
                ingredient.codes.iter().any(|found| found == code),
                "{code}: {ingredient:?}"
            );
        }
    }
}

/// Two assertions that name photos, or one whose name is no name, name none.
#[test]
fn a_photo_is_named_by_one_plain_name() {
    let house = House::new("House");
    let format = Format::Png;
    let bare = plain(format, 5);
    for (photos, named) in [
        (vec![json!({"photoId": "p-1"})], Some("p-1")),
        (
            vec![json!({"photoId": "p-1"}), json!({"photoId": "p-2"})],
            None,
        ),
        (vec![json!({"photoId": "p\u{202e}1"})], None),
        (vec![json!({"photoId": "p".repeat(65)})], None),
        (vec![json!({"photoId": 1})], None),
        (vec![], None),
    ] {
        let signed = house.sign_over(&bare, format, &bare, &photos);
        let judgement = judge(&house.judge(), &signed, format);
        assert_eq!(judgement.status, C2paStatus::Valid, "{judgement:?}");
        assert_eq!(judgement.photo.as_deref(), named);
    }
}

#[test]
fn an_update_manifest_rests_on_the_binding_of_its_parent() {
    let (house, other) = (House::new("House"), House::new("Other"));
    let format = Format::Jpeg;
    let signed = house.sign(&plain(format, 6), format);
    let updated = other.update(&signed, format);
    let judgement = judge(&other.judge(), &updated, format);
    assert_eq!(judgement.status, C2paStatus::Valid, "{judgement:?}");
    assert_eq!(judgement.photo, None, "the update names no photo");
    let tampered = [&updated[..], b"appended"].concat();
    let judgement = judge(&other.judge(), &tampered, format);
    assert_eq!(judgement.status, C2paStatus::Tampered, "{judgement:?}");
}

#[test]
fn a_detached_manifest_holds_for_the_file_it_was_made_for_alone() {
    let house = House::new("House");
    for format in FORMATS {
        let signed = house.sign(&plain(format, 7), format);
        let store = Bytes::from(carrier::manifest(&signed, format).unwrap());
        let detached = |file: &[u8]| {
            let file = Bytes::copy_from_slice(file);
            house.judge().judge_detached(&store, &file, format).status
        };
        assert_eq!(detached(&signed), C2paStatus::Valid);
        assert_eq!(
            detached(&carrier::without(&signed, format)),
            C2paStatus::Tampered
        );
        assert_eq!(detached(&plain(format, 8)), C2paStatus::Tampered);
    }
}

/// The report tells what is in a manifest, and nothing of what it is worth.
#[test]
fn a_report_is_readable_and_says_nothing_of_validity() {
    let house = House::new("House");
    let format = Format::WebP;
    let long = json!({"photoId": PHOTO, "text": "x".repeat(100_000), "list": vec![0; 5_000]});
    let bare = plain(format, 9);
    let signed = house.sign_over(&bare, format, &bare, &[long]);
    let mut store = carrier::manifest(&signed, format).unwrap();
    let report = |store: &[u8]| house.judge().report(&Bytes::copy_from_slice(store));
    let text = report(&store).unwrap().to_string();
    assert!(
        text.contains(PHOTO) && text.contains("LumaTrace signer"),
        "{text}"
    );
    assert!(!text.contains("validation_"), "{text}");
    assert!(text.len() < 20_000, "{} bytes", text.len());
    let broken = find(&store, PHOTO.as_bytes());
    store[broken] ^= 1;
    assert!(report(&store).is_some(), "hashes are not looked at");
    store.truncate(store.len() / 2);
    assert!(report(&store).is_none());
}

#[test]
fn an_anchor_that_is_no_certificate_is_refused() {
    let root = House::new("House").root;
    let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    for (text, is_taken) in [
        ("no certificate".to_owned(), false),
        (key.to_owned(), false),
        (format!("{root}{key}"), false),
        (root.replace("\nMII", "\nAAA"), false),
        (format!("Subject: somebody\n{root}and more\n{root}"), true),
    ] {
        for as_tsa in [false, true] {
            let mut anchors = Anchors::default();
            let list = if as_tsa {
                &mut anchors.tsa
            } else {
                &mut anchors.manifest
            };
            list.push(text.clone());
            let judge = Judge::new(&anchors);
            assert_eq!(judge.is_ok(), is_taken, "{text}");
        }
    }
}
