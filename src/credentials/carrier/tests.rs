//! What the module promises, held against the readers and writers of the `c2pa` crate.

use c2pa::jumbf_io::{load_jumbf_from_memory, save_jumbf_to_memory};
use proptest::prelude::*;

use super::{
    super::test_files::{chunk, plain, samples, segment, store},
    find, manifest, splice, without,
};
use crate::imaging::Format;

const FORMATS: [Format; 3] = [Format::Jpeg, Format::Png, Format::WebP];

/// A store that fills one segment, one that is odd, and ones that need several segments.
const LENGTHS: [usize; 6] = [64, 5_001, 63_999, 64_000, 64_001, 200_003];

#[test]
fn a_spliced_file_is_what_the_crate_writes_and_comes_apart_again() {
    let mut cases = 0;
    for sample in samples() {
        assert_eq!(find(&sample.bytes, sample.format), None, "{}", sample.name);
        for length in LENGTHS {
            let (format, store) = (sample.format, store(length));
            let by_crate =
                save_jumbf_to_memory(format.content_type(), &sample.bytes, &store).unwrap();
            let name = format!("{}, {length} bytes", sample.name);
            let bare = without(&by_crate, format);
            assert_eq!(manifest(&by_crate, format).unwrap(), store, "{name}");
            assert!(splice(&bare, format, &store) == by_crate, "{name}");
            assert!(splice(&sample.bytes, format, &store) == by_crate, "{name}");
            assert!(*bare == sample.bytes, "{name}");
            cases += 1;
        }
    }
    assert_eq!(cases, 54);
}

#[test]
fn a_carrier_is_counted_with_its_frames() {
    for format in FORMATS {
        let bare = plain(format, 2);
        let whole = splice(&bare, format, &store(150_000));
        let carrier = find(&whole, format).unwrap();
        assert_eq!(carrier.bytes, whole.len() - bare.len(), "{format:?}");
        assert_eq!((carrier.ranges.len(), carrier.stores), (1, 1), "{format:?}");
        assert!(!carrier.is_stray, "{format:?}");
        let twice = splice(&whole, format, &store(90));
        assert_eq!(find(&twice, format).unwrap().stores, 2, "{format:?}");
        assert!(*without(&twice, format) == bare, "{format:?}");
    }
}

/// A carrier of which only the first bytes are left is one, from where its type can be read.
#[test]
fn a_carrier_cut_short_is_still_found() {
    for (format, readable) in [(Format::Jpeg, 6), (Format::Png, 8), (Format::WebP, 4)] {
        let whole = splice(&plain(format, 3), format, &store(3_000));
        let range = find(&whole, format).unwrap().ranges[0].clone();
        for kept in readable..range.len() {
            let cut = [&whole[..range.start + kept], &whole[range.end..]].concat();
            assert!(find(&cut, format).is_some(), "{format:?}, {kept} bytes");
            let end = &whole[..range.start + kept];
            assert!(
                find(end, format).is_some(),
                "{format:?}, {kept} bytes to the end"
            );
        }
    }
}

/// One damaged byte of what frames or names a store does not hide it.
#[test]
fn a_carrier_with_a_damaged_byte_is_still_found() {
    for format in FORMATS {
        let whole = splice(&plain(format, 4), format, &store(3_000));
        let start = find(&whole, format).unwrap().ranges[0].start;
        for at in start..start + 60 {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                let name = format!("{format:?}, byte {} ^ {flip}", at - start);
                let found = find(&damaged, format).expect(&name);
                if let Ok(read) = load_jumbf_from_memory(format.content_type(), &damaged) {
                    assert!(!found.is_stray, "{name}");
                    assert!(manifest(&damaged, format) == Some(read), "{name}");
                }
            }
        }
    }
}

#[test]
fn a_store_where_no_reader_looks_is_stray() {
    let long = store(900);
    for format in FORMATS {
        let bare = plain(format, 5);
        let appended = [&bare[..], &long].concat();
        let carrier = find(&appended, format).unwrap();
        assert!(carrier.is_stray, "{format:?}");
        assert_eq!(carrier.ranges.len(), 1, "{format:?}");
        assert_eq!(carrier.ranges[0], bare.len()..appended.len(), "{format:?}");
        assert!(*without(&appended, format) == appended, "{format:?}");
        assert_eq!(manifest(&appended, format), None, "{format:?}");
    }
}

/// JPEG XT, JPEG 360 and JPEG-HDR have APP11 segments too.
#[test]
fn other_boxes_are_not_taken_for_carriers() {
    let other_box = b"JP\0\x01\0\0\0\x01\0\0\0\x20SPEC0123456789abcdefghijklmnop".as_slice();
    let other_jumbf =
        b"JP\0\x01\0\0\0\x01\0\0\0\x50jumb\0\0\0\x20jumd\x86\x57\x57\xb0\x7e\x2d\x4b\xd0\
        \xa0\x03\x3e\x8a\x1c\x31\x9c\x71\x03jpeg360\0and so on, up to sixty-four bytes"
            .as_slice();
    for payload in [other_box, other_jumbf, b"HDR_RI ver=11"] {
        let jpeg = plain(Format::Jpeg, 6);
        let file = [&jpeg[..2], &segment(0xeb, payload), &jpeg[2..]].concat();
        assert_eq!(find(&file, Format::Jpeg), None);
    }
    let webp = [&plain(Format::WebP, 6)[..], &chunk(*b"C2PB", b"x")].concat();
    assert_eq!(find(&webp, Format::WebP), None);
}

/// A segment of another box between those of a store, and one that comes out of order.
#[test]
fn the_segments_of_a_store_are_told_from_others() {
    let store = store(150_000);
    let whole = splice(&plain(Format::Jpeg, 7), Format::Jpeg, &store);
    let start = find(&whole, Format::Jpeg).unwrap().ranges[0].start;
    let second = start + 4 + 8 + 64_000;
    let between = segment(0xeb, b"JP\0\x07\0\0\0\x01\0\0\0\x10SPEC01234567");
    let mixed = [&whole[..second], &between, &whole[second..]].concat();
    let carrier = find(&mixed, Format::Jpeg).unwrap();
    assert_eq!((carrier.ranges.len(), carrier.stores), (2, 1));
    assert_eq!(manifest(&mixed, Format::Jpeg).unwrap(), store);

    let repeated = segment(0xeb, b"JP\x02\x11\0\0\0\x01\0\0\0\x10SPEC01234567");
    let disordered = [&whole[..second], &repeated, &whole[second..]].concat();
    assert_eq!(find(&disordered, Format::Jpeg).unwrap().ranges.len(), 1);
    assert_eq!(manifest(&disordered, Format::Jpeg).unwrap(), store);
    let by_crate = load_jumbf_from_memory("image/jpeg", &mixed).unwrap();
    assert!(by_crate == store);
}

/// Ten times the file is not a hundred times the work: each byte is passed a bounded number of
/// times, whatever it is.
#[test]
fn hostile_files_of_some_megabytes_are_searched_in_no_time() {
    let started = std::time::Instant::now();
    let mut cases = 0;
    for unit in [
        &b"\xff"[..],
        b"\xff\xeb\0\x02",
        b"\xff\xeb\0\x0aJP\x02\x11\0\0\0\x01",
        b"\0\0\0\0caBX\0\0\0\0",
        b"C2PA\0\0\0\0",
        b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b",
    ] {
        for head in [
            &b"\xff\xd8"[..],
            b"\x89PNG\r\n\x1a\n",
            b"RIFF\xff\xff\xff\xffWEBP",
        ] {
            let file = [head, &unit.repeat(4_000_000 / unit.len())].concat();
            for format in FORMATS {
                let _ = find(&file, format);
                let _ = without(&file, format);
                let _ = manifest(&file, format);
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 54);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

fn format() -> impl Strategy<Value = Format> {
    prop::sample::select(FORMATS.to_vec())
}

/// Random bytes behind a real head, with scraps of carriers among them.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let scrap = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(b"\xff\xeb\0\x30JP\x02\x11\0\0\0\x01".to_vec()),
        Just(b"\xff\xeb\0\x20JP\x02\x11\0\0\0\x02".to_vec()),
        Just(b"\0\0\0\x10caBX".to_vec()),
        Just(b"C2PA\x09\0\0\0".to_vec()),
        Just(store(60)),
        Just(vec![0xff]),
    ];
    let head = prop_oneof![
        Just(b"\xff\xd8".to_vec()),
        Just(b"\x89PNG\r\n\x1a\n".to_vec()),
        Just(b"RIFF\x40\x01\0\0WEBP".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    (head, prop::collection::vec(scrap, 0..12)).prop_map(|(mut bytes, scraps)| {
        bytes.extend(scraps.concat());
        bytes
    })
}

proptest! {
    /// Nothing panics, and what the module says agrees with itself and with the crate.
    #[test]
    fn any_bytes_are_searched(file in bytes(), format in format()) {
        let carrier = find(&file, format);
        let bare = without(&file, format);
        if let Some(carrier) = &carrier {
            let lengths: usize = carrier.ranges.iter().map(ExactSizeIterator::len).sum();
            prop_assert_eq!(carrier.bytes, lengths);
            prop_assert!(carrier.ranges.is_sorted_by(|a, b| a.end < b.start));
            prop_assert!(carrier.ranges.iter().all(|range| range.end <= file.len()));
            if !carrier.is_stray {
                prop_assert_eq!(bare.len() + carrier.bytes, file.len());
            }
        }
        prop_assert!(find(&bare, format).is_none_or(|left| left.is_stray));
        let _ = splice(&file, format, &store(100));
        if let Ok(store) = load_jumbf_from_memory(format.content_type(), &file) {
            let carrier = carrier.expect("the crate found one");
            if carrier.stores == 1 {
                prop_assert_eq!(manifest(&file, format), Some(store));
            }
        }
    }
}
