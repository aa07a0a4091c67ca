//! JPEG: the same coefficients after a round trip; broken and unhandled kinds refused.
//!
//! "The same" means quantised values, tables and sampling, and the pixels that another decoder
//! shows.

use libjpeg_turbo_rs::{ColorSpace, Decoder, Encoder, PixelFormat};

use super::{
    super::{
        Encoding, ImagingError, Layout, Limits, Photo, Pixels, decode, encode, is_lossless,
        pixel_digest,
    },
    samples::{accept, jpeg, picture, png, raster8, refusal, webp, with_segments},
};

/// Sampling factors of luma; chroma has 1x1. 4:4:4, 4:2:2, 4:4:0, 4:2:0, 4:1:1, and two odd ones.
const SAMPLINGS: [(u8, u8); 7] = [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4), (3, 2)];

/// Checks that two JPEG files have equal coefficients, tables and sampling; returns the first one
/// decoded.
fn assert_same_jpeg(a: &[u8], b: &[u8]) -> Photo {
    let (a, b) = (accept(a), accept(b));
    let (Pixels::Jpeg(first), Pixels::Jpeg(second)) = (&a.pixels, &b.pixels) else {
        panic!("not JPEG");
    };
    assert_eq!(first.component_count(), second.component_count());
    assert_eq!(
        (first.width(), first.height()),
        (second.width(), second.height())
    );
    assert_eq!(first.luma_components(), second.luma_components());
    for index in 0..first.component_count() {
        assert!(first.picture_rows(index).eq(second.picture_rows(index)));
        assert_eq!(first.component(index).quant, second.component(index).quant);
        assert_eq!(first.sampling(index), second.sampling(index));
    }
    assert_eq!(pixel_digest(&a.pixels), pixel_digest(&b.pixels));
    a
}

#[test]
fn jpeg_coefficients_are_bit_identical_after_a_round_trip() {
    for sampling in SAMPLINGS {
        for progressive in [false, true] {
            for (width, height) in [(64, 64), (97, 61), (9, 8), (1, 1)] {
                let source = jpeg(width, height, sampling, progressive);
                let output = encode(&accept(&source)).unwrap();
                let photo = assert_same_jpeg(&source, &output);
                assert!(is_lossless(&photo));
                let frame_header = if progressive {
                    [0xff, 0xc2]
                } else {
                    [0xff, 0xc0]
                };
                assert!(output.windows(2).any(|w| w == frame_header));
                // Other decoders see the same pixels, too.
                let pixels = |file: &[u8]| Decoder::decode_to(file, PixelFormat::Rgb).unwrap().data;
                assert_eq!(
                    pixels(&source),
                    pixels(&output),
                    "{sampling:?} {width}x{height}"
                );
            }
        }
    }
}

#[test]
fn gray_rgb_and_restart_jpegs_come_back_too() {
    let gray = picture(50, 40, Layout::Gray);
    let rgb = picture(50, 40, Layout::Rgb);
    let encoder = || Encoder::new(&rgb, 50, 40, PixelFormat::Rgb).quality(80);
    let cases = [
        (Encoder::new(&gray, 50, 40, PixelFormat::Grayscale), 1),
        (encoder().colorspace(ColorSpace::Rgb), 3),
        (encoder().restart_blocks(1), 1),
        (encoder().restart_rows(1).progressive(true), 1),
    ];
    for (encoder, luma_components) in cases {
        let source = encoder.encode().unwrap();
        let photo = assert_same_jpeg(&source, &encode(&accept(&source)).unwrap());
        let Pixels::Jpeg(image) = &photo.pixels else {
            panic!("not JPEG");
        };
        assert_eq!(image.luma_components().len(), luma_components);
    }
}

#[test]
fn a_stepped_coefficient_is_stored() {
    let mut photo = accept(&jpeg(32, 32, (2, 2), false));
    let before = pixel_digest(&photo.pixels);
    let Pixels::Jpeg(image) = &mut photo.pixels else {
        panic!("not JPEG");
    };
    let block = &mut image.blocks_mut(0)[5];
    block[0] += 1;
    let expected = *block;
    let again = accept(&encode(&photo).unwrap());
    let Pixels::Jpeg(image) = &again.pixels else {
        panic!("not JPEG");
    };
    assert_eq!(image.component(0).blocks[5], expected);
    assert_ne!(pixel_digest(&again.pixels), before);
}

/// Replaces the first occurrence of bytes by others of the same length.
fn patched(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = file.windows(from.len()).position(|w| w == from).unwrap();
    let mut file = file.to_vec();
    file[at..at + to.len()].copy_from_slice(to);
    file
}

#[test]
fn kinds_of_jpeg_that_are_not_handled_are_named() {
    let jpeg = jpeg(60, 40, (1, 1), false);
    let frame_header = [0xff, 0xc0, 0, 17, 8, 0, 40, 0, 60, 3];
    let two_components = [0xff, 0xc0, 0, 14, 8, 0, 40, 0, 60, 2];
    let cases: [(&[u8], &[u8], &str); 5] = [
        (&[0xff, 0xc0], &[0xff, 0xc3], "a lossless JPEG"),
        (&[0xff, 0xc0], &[0xff, 0xc5], "a hierarchical JPEG"),
        (&[0xff, 0xc0], &[0xff, 0xc9], "an arithmetic-coded JPEG"),
        (
            &[0xff, 0xc0, 0, 17, 8],
            &[0xff, 0xc1, 0, 17, 12],
            "a 12-bit JPEG",
        ),
        (&frame_header, &two_components, "a JPEG of two components"),
    ];
    for (from, to, what) in cases {
        let error = refusal(&patched(&jpeg, from, to));
        assert_eq!(error, ImagingError::UnsupportedFormat { what });
    }
    let cmyk = picture(16, 16, Layout::Rgba);
    let cmyk = Encoder::new(&cmyk, 16, 16, PixelFormat::Cmyk)
        .encode()
        .unwrap();
    assert_eq!(
        refusal(&cmyk),
        ImagingError::UnsupportedFormat {
            what: "a CMYK JPEG"
        }
    );
    let rgb = picture(32, 32, Layout::Rgb);
    let luma_halved = Encoder::new(&rgb, 32, 32, PixelFormat::Rgb)
        .sampling_factors(vec![(1, 1), (2, 1), (1, 1)])
        .encode()
        .unwrap();
    let what = "a JPEG with subsampled luma";
    assert_eq!(
        refusal(&luma_halved),
        ImagingError::UnsupportedFormat { what }
    );
}

/// Returns the scans of a progressive file, with their tables, and the bytes before and after them.
fn split_scans(jpeg: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let starts: Vec<usize> = (0..jpeg.len() - 1)
        .filter(|&i| jpeg[i..i + 2] == [0xff, 0xc4])
        .collect();
    let sos: Vec<usize> = (0..jpeg.len() - 1)
        .filter(|&i| jpeg[i..i + 2] == [0xff, 0xda])
        .collect();
    let mut cuts: Vec<usize> = sos
        .iter()
        .enumerate()
        .map(|(index, &scan)| {
            let after = if index == 0 { 0 } else { sos[index - 1] };
            starts
                .iter()
                .copied()
                .find(|&s| s > after && s < scan)
                .unwrap_or(scan)
        })
        .collect();
    let head = jpeg[..cuts[0]].to_vec();
    cuts.push(jpeg.len() - 2);
    let scans = cuts
        .windows(2)
        .map(|cut| jpeg[cut[0]..cut[1]].to_vec())
        .collect();
    (head, scans)
}

#[test]
fn last_bits_may_be_left_out_but_no_coefficients() {
    let source = jpeg(60, 40, (2, 2), true);
    let (head, scans) = split_scans(&source);
    let join = |scans: &[Vec<u8>]| [&head[..], &scans.concat(), &[0xff, 0xd9]].concat();
    assert_same_jpeg(&source, &join(&scans));
    // libjpeg's ten scans: the first five send every coefficient, the others the last bits.
    for count in 1..scans.len() {
        let partial = join(&scans[..count]);
        if count < 5 {
            assert!(
                refusal(&partial)
                    .to_string()
                    .contains("send the whole file"),
                "{count} scans"
            );
            continue;
        }
        // The bits that are there come back, in scans that send all bits.
        let output = encode(&accept(&partial)).unwrap();
        assert_eq!(
            pixel_digest(&accept(&output).pixels),
            pixel_digest(&accept(&partial).pixels),
            "{count} scans"
        );
        assert_eq!(split_scans(&output).1.len(), scans.len());
    }
    // Nor may one be left out in the middle, which a later one goes on with.
    for missing in 0..scans.len() - 4 {
        let mut rest = scans.clone();
        rest.remove(missing);
        assert!(
            matches!(refusal(&join(&rest)), ImagingError::Invalid { .. }),
            "scan {missing}"
        );
    }
    let endless = vec![scans.concat(); 20];
    assert!(matches!(
        refusal(&join(&endless)),
        ImagingError::Invalid { .. }
    ));
}

#[test]
fn a_lost_end_marker_is_written_again() {
    for progressive in [false, true] {
        let source = jpeg(60, 40, (2, 2), progressive);
        let bare = &source[..source.len() - 2];
        // Trailers of phones follow at once: without markers, and with bytes that look like some.
        for trailer in [
            &b""[..],
            b"\xff",
            &[0; 500],
            b"\0\0\x30\x0aPanorama\xff\x4d\0\x07SEFH",
        ] {
            let photo = accept(&[bare, trailer].concat());
            let output = encode(&photo).unwrap();
            assert!(output.ends_with(&[0xff, 0xd9]));
            assert_same_jpeg(&source, &output);
        }
        for cut in 1..bare.len() - 700 {
            let reason = refusal(&bare[..bare.len() - cut]).to_string();
            assert!(
                reason.starts_with("the image is damaged"),
                "{cut}: {reason}"
            );
        }
    }
}

#[test]
fn a_file_whose_line_feeds_were_doubled_is_refused() {
    let mut line_feeds = 0;
    for size in [40, 60, 80, 120] {
        for file in [
            jpeg(size, 40, (2, 2), false),
            jpeg(size, 40, (1, 1), true),
            png(raster8(size, 40, Layout::Rgb)),
            webp(raster8(size, 40, Layout::Rgb), Encoding::Lossy),
        ] {
            accept(&file);
            let sent: Vec<u8> = file
                .iter()
                .flat_map(|&byte| {
                    if byte == b'\n' {
                        vec![b'\r', b'\n']
                    } else {
                        vec![byte]
                    }
                })
                .collect();
            line_feeds += sent.len() - file.len();
            // Fewer may be chance, and the smallest files have fewer.
            if sent.len() - file.len() < 3 {
                continue;
            }
            assert!(decode(&sent, &Limits::default()).is_err(), "{size}");
        }
    }
    assert!(line_feeds > 100, "{line_feeds}");
}

#[test]
fn a_jpeg_flood_is_refused() {
    let jpeg = jpeg(16, 16, (1, 1), false);
    let flood: Vec<(u8, &[u8])> = vec![(0xe5, &[]); 2001];
    assert!(matches!(
        refusal(&with_segments(&jpeg, &flood)),
        ImagingError::Invalid { .. }
    ));
}

#[test]
fn huffman_tables_stay_of_the_kind_that_they_were() {
    let rgb = picture(160, 120, Layout::Rgb);
    let source = |fitted| {
        let encoder = Encoder::new(&rgb, 160, 120, PixelFormat::Rgb).quality(85);
        encoder.optimize_huffman(fitted).encode().unwrap()
    };
    let tables = |file: &[u8]| -> usize {
        let segments = file.windows(4).filter(|w| w[..2] == [0xff, 0xc4]);
        segments
            .map(|w| usize::from(u16::from_be_bytes([w[2], w[3]])))
            .sum()
    };
    for fitted in [false, true] {
        let source = source(fitted);
        let output = encode(&accept(&source)).unwrap();
        assert_same_jpeg(&source, &output);
        assert_eq!(tables(&output), tables(&source), "fitted: {fitted}");
    }
    assert!(tables(&source(true)) < tables(&source(false)));
}

/// Bits as entropy-coded data: filled up with ones, and a zero after each 0xff (T.81, F.1.2.3).
fn entropy_coded(bits: &str) -> Vec<u8> {
    let filled = format!("{bits}{}", "1".repeat(bits.len().wrapping_neg() % 8));
    let bytes = filled.as_bytes().chunks_exact(8).map(|byte| {
        let ones = byte.iter().map(|&bit| bit - b'0');
        ones.fold(0, |byte, bit| byte << 1 | bit)
    });
    let stuffed = bytes.flat_map(|byte| [Some(byte), (byte == 0xff).then_some(0)]);
    stuffed.flatten().collect()
}

#[test]
fn a_coefficient_without_a_code_in_the_standards_tables_gets_tables_that_have_one() {
    // In the place of 10 bits, the table of AC coefficients has a code for 11.
    let gray = Encoder::new(&[128; 64], 8, 8, PixelFormat::Grayscale).quality(90);
    let file = gray.encode().unwrap();
    let table = patched(&file, &[0x09, 0x0a, 0x16], &[0x09, 0x0b, 0x16]);
    let data = table.windows(2).position(|w| w == [0xff, 0xda]).unwrap() + 10;
    for (ac, bits) in [(1500, "10111011100"), (-1500, "01000100011")] {
        // DC 0, the code for 11 bits and the bits, the end of the block.
        let block = format!("00{}{bits}1010", "1111111110000011");
        let mut source = table[..data].to_vec();
        source.extend(entropy_coded(&block));
        source.extend([0xff, 0xd9]);
        let photo = accept(&source);
        let Pixels::Jpeg(image) = &photo.pixels else {
            panic!("not a JPEG");
        };
        assert_eq!(image.component(0).blocks[0][1], ac);
        assert_same_jpeg(&source, &encode(&photo).unwrap());
    }
}
