use std::{collections::BTreeMap, io::Write};

use age::x25519;

use super::*;

fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        program: "0".to_owned(),
        postgres: "17".to_owned(),
        created_at: "2027-01-15T08:00:00Z".to_owned(),
        schema_version: 1,
        tables: Vec::new(),
        chains: Vec::new(),
        settings: BTreeMap::new(),
        parts: Vec::new(),
    }
}

/// An archive of some blocks, and what opens it.
fn written() -> (Vec<u8>, Decryption) {
    let identity = x25519::Identity::generate();
    let key = Encryption::Recipients(vec![identity.to_public()]);
    let mut archive = ArchiveWriter::new(Vec::new(), &key).unwrap();
    archive.add(MASTER_KEY, b"key").unwrap();
    for piece in 0..3 {
        let name = piece_name("photos", 0, piece);
        archive.add(&name, &vec![7; 60_000]).unwrap();
    }
    let bytes = archive.finish(&mut manifest()).unwrap();
    (bytes, Decryption::Identities(vec![identity]))
}

#[test]
fn an_archive_is_read_as_it_was_written_and_by_its_key_alone() {
    let (bytes, key) = written();
    let read = verify(bytes.as_slice(), &key).unwrap();
    let names: Vec<_> = read.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names[0], MASTER_KEY);
    assert_eq!(copy_of(names[3]), Some(("photos", 0)));
    assert_eq!(copy_of(names[0]), None);
    let other = Decryption::Identities(vec![x25519::Identity::generate()]);
    let refused = verify(bytes.as_slice(), &other);
    assert!(matches!(refused, Err(ArchiveError::Key)), "{refused:?}");
}

#[test]
fn a_changed_byte_and_a_missing_end_are_found_wherever_they_are() {
    let (bytes, key) = written();
    let mut tried = 0;
    for at in (0..bytes.len())
        .step_by(997)
        .chain(0..400)
        .chain(bytes.len() - 40..bytes.len())
    {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(verify(changed.as_slice(), &key).is_err(), "byte {at}");
        assert!(verify(&bytes[..at], &key).is_err(), "cut at {at}");
        tried += 1;
    }
    assert!(tried > 600, "{tried}");
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(verify(longer.as_slice(), &key).is_err(), "something behind");
}

#[test]
fn what_the_manifest_does_not_list_is_refused() {
    let identity = x25519::Identity::generate();
    let key = Encryption::Recipients(vec![identity.to_public()]);
    let opens = Decryption::Identities(vec![identity]);
    let mut archive = ArchiveWriter::new(Vec::new(), &key).unwrap();
    archive
        .add(MANIFEST, &serde_json::to_vec(&manifest()).unwrap())
        .unwrap();
    archive.add("more", b"x").unwrap();
    let bytes = archive.finish(&mut manifest()).unwrap();
    assert!(verify(bytes.as_slice(), &opens).is_err());

    let plain = key.encryptor().unwrap();
    let mut empty = plain.wrap_output(Vec::new()).unwrap();
    empty.write_all(&[0; 1024]).unwrap();
    let bytes = empty.finish().unwrap();
    assert!(verify(bytes.as_slice(), &opens).is_err(), "no manifest");
}
