//! Damaged and hostile manifests: none is valid that should not be, none makes trouble.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::Judge,
    signed::{House, judge},
};
use crate::{
    credentials::{carrier, test_files::plain},
    domain::verdict::C2paStatus,
    imaging::Format,
};

const FORMATS: [Format; 3] = [Format::Jpeg, Format::Png, Format::WebP];

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        // Knuth's MMIX constants.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A JUMBF box.
fn jumbf(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap();
    [&length.to_be_bytes(), &kind, content].concat()
}

/// A superbox of C2PA with a label.
fn superbox(kind: [u8; 4], label: &[u8], content: &[u8]) -> Vec<u8> {
    let uuid = [
        &kind[..],
        b"\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71",
    ]
    .concat();
    let description = jumbf(*b"jumd", &[&uuid, &[3][..], label, &[0]].concat());
    jumbf(*b"jumb", &[&description[..], content].concat())
}

/// How a store was damaged, and the store.
type Damaged = (&'static str, Vec<u8>);

/// Makes stores out of a good one: cut, flipped, with false lengths, with parts doubled or missing.
fn mutations(store: &[u8], numbers: &mut Numbers) -> Vec<Damaged> {
    let mut list: Vec<Damaged> = Vec::new();
    for _ in 0..30 {
        let at = numbers.below(store.len());
        list.push(("cut", store[..at].to_vec()));
        let mut flipped = store.to_vec();
        flipped[at] ^= 1 << numbers.below(8);
        list.push(("flipped", flipped));
        let mut claims = store.to_vec();
        let end = (at + 4).min(store.len());
        claims[at..end].fill(0xff);
        list.push(("overwritten", claims));
        let length = (1 + numbers.below(200)).min(store.len() - at);
        let doubled = [&store[..at + length], &store[at..]].concat();
        list.push(("doubled", doubled));
        let missing = [&store[..at], &store[at + length..]].concat();
        list.push(("missing", missing));
    }
    list
}

/// Makes stores that no signer made: nested, and with huge claims.
fn inventions(store: &[u8]) -> Vec<Damaged> {
    let mut list: Vec<Damaged> = Vec::new();
    for depth in [33, 1_000, 20_000] {
        let mut inner = jumbf(*b"json", b"{}");
        for _ in 0..depth {
            inner = jumbf(*b"jumb", &inner);
        }
        list.push(("nested boxes", superbox(*b"c2pa", b"c2pa", &inner)));
    }
    let claim = |cbor: &[u8]| {
        let claim = superbox(*b"c2cl", b"c2pa.claim.v2", &jumbf(*b"cbor", cbor));
        let manifest = superbox(*b"c2ma", b"urn:c2pa:1", &claim);
        superbox(*b"c2pa", b"c2pa", &manifest)
    };
    for head in [0x5b, 0x7b, 0x9b, 0xbb, 0xdb] {
        for claimed in [1_u64 << 20, 1 << 31, 1 << 40, u64::MAX] {
            let cbor = [&[head][..], &claimed.to_be_bytes()].concat();
            list.push(("huge CBOR claim", claim(&cbor)));
        }
    }
    for byte in [0x81, 0xa1, 0xc1, 0xd9] {
        list.push(("nested CBOR", claim(&vec![byte; 100_000])));
    }
    let compressed = jumbf(*b"brob", &[&b"jumb"[..], &vec![0x0b; 100_000]].concat());
    list.push(("junk brotli", superbox(*b"c2pa", b"c2pa", &compressed)));
    let manifest = &store[store.len().min(46)..];
    let many = manifest.repeat(40.min((1 << 20) / manifest.len().max(1)));
    list.push(("many manifests", superbox(*b"c2pa", b"c2pa", &many)));
    for length in [0, 1, 7, 8, u32::MAX] {
        let mut claims = store.to_vec();
        claims[..4].copy_from_slice(&length.to_be_bytes());
        list.push(("false length of the store", claims));
    }
    list
}

/// Returns whether a store differs from a good one only where nothing is signed over. What is
/// changed there may be valid, and nothing else (found by changing each byte in turn).
fn is_unsigned(good: &[u8], damaged: &[u8]) -> bool {
    let mut free = vec![false; good.len()];
    let mut let_go = |start: usize, length: usize| free[start..start + length].fill(true);
    for at in every(good, b"\x38\x9b\x71") {
        let_go(at + 3, 1); // what a box's description says is in it
    }
    for at in every(good, b"jumb") {
        let_go(at - 4, 4); // lengths of superboxes
    }
    for label in ["c2pa", "c2pa.assertions", "c2pa.claim.v", "c2pa.signature"] {
        for at in every(good, &[b"\x71\x03", label.as_bytes()].concat()) {
            let_go(at + 2, label.len());
        }
    }
    // Of the signature: its name, and zeros; the binding has some too, signed.
    let padding = every(good, b"cpad").pop().unwrap() + 1;
    let zeros = good[padding + 6..].iter().take_while(|&&byte| byte == 0);
    let_go(padding, 3);
    let_go(padding + 6, zeros.count());
    let differs = |at: usize| good[at] != damaged[at];
    good.len() == damaged.len() && (0..good.len()).all(|at| free[at] || !differs(at))
}

fn every(bytes: &[u8], part: &[u8]) -> Vec<usize> {
    let all = bytes.windows(part.len()).enumerate();
    all.filter(|(_, window)| *window == part)
        .map(|(at, _)| at)
        .collect()
}

#[derive(Default)]
struct Tally {
    files: usize,
    statuses: BTreeMap<String, usize>,
    valid: usize,
    slowest: Duration,
    slowest_kind: &'static str,
}

impl Tally {
    fn judge(&mut self, by: &Judge, kind: &'static str, file: &[u8], format: Format) -> C2paStatus {
        let started = std::time::Instant::now();
        let judgement = judge(by, file, format);
        let took = started.elapsed();
        if took > self.slowest {
            (self.slowest, self.slowest_kind) = (took, kind);
        }
        self.files += 1;
        let code = judgement.codes.first().cloned().unwrap_or_default();
        assert!(
            !code.starts_with("lumatrace.judging"),
            "{kind}, {format:?}: {code}"
        );
        let name = format!("{:?} {code}", judgement.status);
        *self.statuses.entry(name).or_default() += 1;
        judgement.status
    }
}

#[test]
fn damaged_manifests_are_judged_quickly_and_none_is_valid_that_should_not_be() {
    let house = House::new("House");
    let by = house.judge();
    let mut tally = Tally::default();
    let mut numbers = Numbers(7);
    for format in FORMATS {
        let bare = plain(format, 1);
        let signed = house.sign(&bare, format);
        let store = carrier::manifest(&signed, format).unwrap();
        let damaged = mutations(&store, &mut numbers);
        for (kind, damaged) in damaged.into_iter().chain(inventions(&store)) {
            let file = carrier::splice(&bare, format, &damaged);
            let status = tally.judge(&by, kind, &file, format);
            if status == C2paStatus::Valid {
                let changed: Vec<usize> = (0..store.len().min(damaged.len()))
                    .filter(|&at| store[at] != damaged[at])
                    .collect();
                assert!(
                    is_unsigned(&store, &damaged),
                    "{kind}, {format:?}, {changed:?}"
                );
                tally.valid += 1;
            }
            if !damaged.is_empty() {
                assert_ne!(status, C2paStatus::Missing, "{kind}, {format:?}");
            }
        }
    }
    println!("{} files: {:#?}", tally.files, tally.statuses);
    println!(
        "valid, in bytes that nothing is signed over: {}",
        tally.valid
    );
    println!("slowest: {} in {:?}", tally.slowest_kind, tally.slowest);
    assert!(tally.files > 500 && tally.valid < tally.files / 8);
    assert!(tally.slowest < Duration::from_secs(5));
}

/// A carrier of which only the first bytes are left is invalid: the rest was taken away.
#[test]
fn what_is_left_of_a_carrier_is_invalid_and_not_missing() {
    let house = House::new("House");
    let by = house.judge();
    let mut tally = Tally::default();
    for format in FORMATS {
        let signed = house.sign(&plain(format, 1), format);
        let range = carrier::find(&signed, format).unwrap().ranges[0].clone();
        let step = range.len() / 40;
        let kept = (8..100).chain((100..range.len()).step_by(step));
        for kept in kept {
            let file = [&signed[..range.start + kept], &signed[range.end..]].concat();
            let status = tally.judge(&by, "left", &file, format);
            let unlike = [C2paStatus::Missing, C2paStatus::Valid];
            assert!(
                !unlike.contains(&status),
                "{format:?}, {kept} bytes: {status:?}"
            );
        }
    }
    println!("{} files: {:?}", tally.files, tally.statuses);
    assert!(tally.files > 300);
}

/// A carrier whose frame has a damaged byte: what readers do not find is invalid all the same, and
/// what they find is worth as much as before.
#[test]
fn a_damaged_frame_hides_nothing() {
    let house = House::new("House");
    let by = house.judge();
    let mut tally = Tally::default();
    for format in FORMATS {
        let signed = house.sign(&plain(format, 1), format);
        let range = carrier::find(&signed, format).unwrap().ranges[0].clone();
        for at in (range.start..range.start + 64).chain(range.end - 6..range.end) {
            for flip in [0x01, 0x20, 0x80] {
                let mut file = signed.clone();
                file[at] ^= flip;
                let status = tally.judge(&by, "frame", &file, format);
                let byte = at - range.start;
                assert_ne!(status, C2paStatus::Missing, "{format:?}, byte {byte}");
            }
        }
    }
    println!("{} files: {:#?}", tally.files, tally.statuses);
    assert_eq!(tally.files, 630);
}
