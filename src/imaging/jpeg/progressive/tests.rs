//! Scripts are kept, and the written files equal those that libjpeg writes.

use libjpeg_turbo_rs::{
    Encoder, PixelFormat, ScanScript, encode::progressive::simple_progression, read_coefficients,
};

use super::{
    super::{progress::Band, script::ScanOf},
    *,
};
use crate::imaging::{Layout, tests::samples};

/// Components, first and last coefficient, bits before and after.
type Entry = (&'static [usize], usize, usize, u8, u8);

fn script(entries: &[Entry]) -> Script {
    let scan = |&(components, first, last, from_bit, to_bit): &Entry| ScanOf {
        components: components.to_vec(),
        band: Band {
            first,
            last,
            from_bit,
            to_bit,
        },
    };
    Script(entries.iter().map(scan).collect())
}

const SPECTRAL: [Entry; 7] = [
    (&[0, 1, 2], 0, 0, 0, 0),
    (&[1], 1, 5, 0, 0),
    (&[2], 1, 5, 0, 0),
    (&[0], 1, 5, 0, 0),
    (&[1], 6, 63, 0, 0),
    (&[2], 6, 63, 0, 0),
    (&[0], 6, 63, 0, 0),
];

#[test]
fn libjpegs_own_scans_are_written_bit_for_bit() {
    let usual = simple_progression(3).into_iter().map(|scan| ScanOf {
        components: scan.component_indices,
        band: Band {
            first: scan.ss.into(),
            last: scan.se.into(),
            from_bit: scan.ah,
            to_bit: scan.al,
        },
    });
    let usual = Script(usual.collect());
    for sampling in [(1, 1), (2, 2), (2, 1)] {
        for (width, height) in [(97, 61), (256, 200), (1, 1)] {
            let image = read_coefficients(&samples::jpeg(width, height, sampling, true));
            let image = image.unwrap();
            assert!(
                write(&image, &usual).unwrap()
                    == write_coefficients_progressive(&image, None).unwrap(),
                "{sampling:?} {width}x{height}"
            );
            assert_eq!(Script::of(usual.0.clone(), &image), None);
        }
    }
}

#[test]
fn other_scans_are_kept_and_carry_the_same_coefficients() {
    let by_single_scans: [Entry; 9] = [
        (&[0], 0, 0, 0, 1),
        (&[1, 2], 0, 0, 0, 0),
        (&[0], 1, 63, 0, 2),
        (&[1], 1, 63, 0, 0),
        (&[0], 1, 63, 2, 1),
        (&[0], 0, 0, 1, 0),
        (&[2], 1, 9, 0, 1),
        (&[2], 10, 63, 0, 0),
        (&[2], 1, 9, 1, 0),
    ];
    let rest: Entry = (&[0], 1, 63, 1, 0);
    let mixed = [by_single_scans.as_slice(), &[rest]].concat();
    let picture = samples::picture(203, 97, Layout::Rgb);
    for entries in [&SPECTRAL[..], &mixed] {
        let scans = entries
            .iter()
            .map(|&(components, ss, se, ah, al)| ScanScript {
                components: components.iter().map(|&index| index as u8).collect(),
                ss: ss as u8,
                se: se as u8,
                ah,
                al,
            });
        let source = Encoder::new(&picture, 203, 97, PixelFormat::Rgb)
            .quality(90)
            .progressive(true)
            .optimize_huffman(true)
            .scan_script(scans.collect())
            .encode()
            .unwrap();
        let image = read_coefficients(&source).unwrap();
        let kept = Script::of(script(entries).0, &image).unwrap();
        let written = write(&image, &kept).unwrap();
        let again = read_coefficients(&written).unwrap();
        for (a, b) in image.components.iter().zip(&again.components) {
            assert!(a.blocks == b.blocks);
        }
        assert!(written == source, "{} and {}", written.len(), source.len());
    }
}

#[test]
fn long_runs_are_cut() {
    // 40,000 empty blocks, then one that is not.
    let flat = vec![128; 8 * 8 * 200 * 201];
    let source = Encoder::new(&flat, 1600, 8 * 201, PixelFormat::Grayscale)
        .progressive(true)
        .encode()
        .unwrap();
    let mut image = read_coefficients(&source).unwrap();
    let last = image.components[0].blocks.last_mut().unwrap();
    (last[1], last[40], last[63]) = (5, -3, 1);
    let scans: [Entry; 4] = [
        (&[0], 0, 0, 0, 0),
        (&[0], 1, 63, 0, 2),
        (&[0], 1, 63, 2, 1),
        (&[0], 1, 63, 1, 0),
    ];
    let written = write(&image, &script(&scans)).unwrap();
    let again = read_coefficients(&written).unwrap();
    assert!(again.components[0].blocks == image.components[0].blocks);
}

#[test]
fn floods_of_scans_and_restarts_are_left_to_libjpegs_order() {
    let mut image = read_coefficients(&samples::jpeg(32, 32, (1, 1), true)).unwrap();
    let many: Vec<Entry> = (1..=63).map(|at| (&[0_usize][..], at, at, 0, 0)).collect();
    assert_eq!(Script::of(script(&many).0, &image), None);
    assert!(Script::of(script(&SPECTRAL).0, &image).is_some());
    image.restart_interval = 4;
    assert_eq!(Script::of(script(&SPECTRAL).0, &image), None);
}
