//! PNG and WebP: decoded to the pixels that they show, and the same after a round trip. Limits and
//! refusals.
//!
//! JPEG has its own file, since its pixels stay coefficients.

use super::{
    super::{
        Economy, Encoding, Format, ImagingError, Layout, Limits, MetadataPolicy, Photo, Pixels,
        Raster, Samples, SamplesMut, apply_policy, claimed_pixels, decode, encode, is_lossless,
        pixel_digest,
    },
    samples::{
        accept, jpeg, photo, png, png_chunk, psnr, raster8, raster16, refusal, webp, with_chunks,
        with_riff_chunks,
    },
};

const LAYOUTS: [Layout; 4] = [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba];

fn raster(photo: &Photo) -> &Raster {
    match &photo.pixels {
        Pixels::Raster(raster) => raster,
        Pixels::Jpeg(_) => panic!("not a raster"),
    }
}

#[test]
fn png_samples_come_back_at_their_depth() {
    for layout in LAYOUTS {
        for (width, height) in [(33, 21), (1, 1), (1, 40), (40, 1)] {
            for source in [
                raster8(width, height, layout),
                raster16(width, height, layout),
            ] {
                let photo = accept(&png(source.clone()));
                assert_eq!(raster(&photo), &source);
                assert_eq!(photo.format, Format::Png);
                assert!(is_lossless(&photo));
            }
        }
    }
}

/// The tables of a PNG: PLTE and tRNS.
#[derive(Default)]
struct Tables<'a> {
    palette: Option<&'a [u8]>,
    transparency: Option<&'a [u8]>,
}

/// Makes a PNG of rows that are already packed.
fn packed_png(
    size: (u32, u32),
    colour: ::png::ColorType,
    depth: ::png::BitDepth,
    tables: &Tables<'_>,
    rows: &[u8],
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut file, size.0, size.1);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if let Some(palette) = tables.palette {
        encoder.set_palette(palette);
    }
    if let Some(transparency) = tables.transparency {
        encoder.set_trns(transparency);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(rows).unwrap();
    writer.finish().unwrap();
    file
}

#[test]
fn small_depths_and_palettes_become_samples() {
    use ::png::{BitDepth, ColorType};
    let palette: Option<&[u8]> = Some(&[1, 2, 3, 40, 50, 60, 7, 8, 9, 200, 210, 220]);
    let gray = ColorType::Grayscale;
    let cases: [(ColorType, BitDepth, _, u8, Layout, &[u8]); 6] = [
        (
            gray,
            BitDepth::One,
            Tables::default(),
            0b0100_0000,
            Layout::Gray,
            &[0, 255],
        ),
        (
            gray,
            BitDepth::Two,
            Tables::default(),
            0b0111_0000,
            Layout::Gray,
            &[85, 255],
        ),
        (
            gray,
            BitDepth::Four,
            Tables::default(),
            0x1f,
            Layout::Gray,
            &[17, 255],
        ),
        (
            gray,
            BitDepth::Four,
            Tables {
                palette: None,
                transparency: Some(&[0, 15]),
            },
            0x1f,
            Layout::GrayAlpha,
            &[17, 255, 255, 0],
        ),
        (
            ColorType::Indexed,
            BitDepth::Two,
            Tables {
                palette,
                transparency: None,
            },
            0b0111_0000,
            Layout::Rgb,
            &[40, 50, 60, 200, 210, 220],
        ),
        (
            ColorType::Indexed,
            BitDepth::Two,
            Tables {
                palette,
                transparency: Some(&[255, 9]),
            },
            0b0111_0000,
            Layout::Rgba,
            &[40, 50, 60, 9, 200, 210, 220, 255],
        ),
    ];
    for (colour, depth, tables, row, layout, expected) in cases {
        let file = packed_png((2, 1), colour, depth, &tables, &[row]);
        let photo = accept(&file);
        let expected = Samples::U8(expected.to_vec());
        assert_eq!(
            raster(&photo),
            &Raster::new(2, 1, layout, expected).unwrap()
        );
        assert_eq!(raster(&accept(&encode(&photo).unwrap())), raster(&photo));
    }
}

/// Makes an interlaced 16-bit PNG without compression.
fn interlaced_png(source: &Raster) -> Vec<u8> {
    let Samples::U16(samples) = source.samples() else {
        panic!("not 16 bits");
    };
    let (width, height) = (source.width() as usize, source.height() as usize);
    let channels = source.layout().channels();
    let passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let mut rows = Vec::new();
    for (left, top, step_x, step_y) in passes.into_iter().filter(|pass| pass.0 < width) {
        for y in (top..height).step_by(step_y) {
            rows.push(0); // no filter
            for x in (left..width).step_by(step_x) {
                let pixel = &samples[(y * width + x) * channels..][..channels];
                rows.extend(pixel.iter().flat_map(|sample| sample.to_be_bytes()));
            }
        }
    }
    let (a, b) = rows.iter().fold((1_u32, 0_u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    let length = u16::try_from(rows.len()).unwrap();
    let mut zlib = vec![0x78, 0x01, 0x01];
    zlib.extend(length.to_le_bytes());
    zlib.extend((!length).to_le_bytes());
    zlib.extend(rows);
    zlib.extend((b << 16 | a).to_be_bytes());
    let mut header = source.width().to_be_bytes().to_vec();
    header.extend(source.height().to_be_bytes());
    let colour_type = match source.layout() {
        Layout::Gray => 0,
        Layout::GrayAlpha => 4,
        Layout::Rgb => 2,
        Layout::Rgba => 6,
    };
    header.extend([16, colour_type, 0, 0, 1]);
    let chunks = [
        png_chunk(*b"IHDR", &header),
        png_chunk(*b"IDAT", &zlib),
        png_chunk(*b"IEND", &[]),
    ];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

#[test]
fn interlaced_words_find_their_places() {
    for layout in LAYOUTS {
        for (width, height) in [(1, 1), (2, 3), (4, 4), (5, 1), (1, 9), (13, 11), (16, 16)] {
            let source = raster16(width, height, layout);
            assert_eq!(raster(&accept(&interlaced_png(&source))), &source);
        }
    }
}

#[test]
fn lossless_webp_is_exact_and_lossy_webp_is_close() {
    for layout in [Layout::Rgb, Layout::Rgba] {
        let mut source = raster8(97, 61, layout);
        if let SamplesMut::U8(samples) = source.samples_mut() {
            let alpha = samples
                .iter_mut()
                .skip(3)
                .step_by(4)
                .filter(|_| layout.has_alpha());
            alpha
                .enumerate()
                .for_each(|(i, a)| *a = if i % 3 == 0 { 0 } else { 128 });
        }
        let exact = accept(&webp(source.clone(), Encoding::Lossless));
        assert_eq!(raster(&exact), &source);
        assert!(is_lossless(&exact));
        let lossy = accept(&webp(source.clone(), Encoding::Lossy));
        assert_eq!(raster(&lossy).layout(), layout);
        assert!(!is_lossless(&lossy));
        assert!(
            psnr(raster(&lossy), &source) > 25.0,
            "{}",
            psnr(raster(&lossy), &source)
        );
        let again = accept(&encode(&lossy).unwrap());
        assert!(psnr(raster(&again), raster(&lossy)) > 30.0);
    }
}

#[test]
fn sparse_lossless_webp_is_exact_and_keeps_its_alpha() {
    for (layout, least_alpha) in [(Layout::Rgb, 255), (Layout::Rgba, 255), (Layout::Rgba, 0)] {
        let mut samples = vec![200; 200 * 100 * layout.channels()];
        if layout.has_alpha() {
            for (at, pixel) in samples.chunks_exact_mut(4).enumerate() {
                pixel[3] = if at % 1000 < 9 { least_alpha } else { 255 };
            }
        }
        let source = Raster::new(200, 100, layout, Samples::U8(samples)).unwrap();
        let first = accept(&webp(source.clone(), Encoding::Lossless));
        assert!(matches!(first.economy, Economy::Sparse(_)));
        let again = accept(&encode(&first).unwrap());
        assert_eq!(raster(&again), &source);
    }
}

#[test]
fn pixels_that_do_not_fit_the_container_are_not_written() {
    for raster in [raster16(4, 4, Layout::Rgb), raster8(4, 4, Layout::Gray)] {
        let photo = photo(Format::WebP, raster, Encoding::Lossless);
        assert!(matches!(encode(&photo), Err(ImagingError::Encode { .. })));
    }
    let photo = photo(Format::Jpeg, raster8(4, 4, Layout::Rgb), Encoding::Lossless);
    assert!(matches!(encode(&photo), Err(ImagingError::Encode { .. })));
}

fn one_of_each() -> [Vec<u8>; 4] {
    [
        jpeg(60, 40, (2, 2), false),
        png(raster8(60, 40, Layout::Rgb)),
        webp(raster8(60, 40, Layout::Rgb), Encoding::Lossless),
        webp(raster8(60, 40, Layout::Rgb), Encoding::Lossy),
    ]
}

#[test]
fn what_follows_the_end_is_dropped() {
    for file in one_of_each() {
        let clean = encode(&accept(&file)).unwrap();
        for tail in [&b"PK\x03\x04 archive"[..], &file, &[0; 4096]] {
            let photo = accept(&[&file, tail].concat());
            assert_eq!(encode(&photo).unwrap(), clean);
        }
    }
}

#[test]
fn limits_hold_exactly() {
    for file in one_of_each() {
        let limits = |max_bytes, max_pixels| Limits {
            max_bytes,
            max_pixels,
        };
        assert!(decode(&file, &limits(file.len(), 2400)).is_ok());
        let too_long = decode(&file, &limits(file.len() - 1, 2400)).unwrap_err();
        let (max, actual) = (file.len() as u64 - 1, file.len() as u64);
        assert_eq!(too_long, ImagingError::TooManyBytes { max, actual });
        let too_large = decode(&file, &limits(file.len(), 2399)).unwrap_err();
        let (max, actual) = (2399, 2400);
        assert_eq!(too_large, ImagingError::TooManyPixels { max, actual });
        assert_eq!(claimed_pixels(&file), Some(2400));
        assert_eq!(claimed_pixels(&file[..12]), None);
    }
    assert_eq!(claimed_pixels(b""), None);
}

#[test]
fn animations_are_named() {
    let png = with_chunks(
        &png(raster8(4, 4, Layout::Rgb)),
        &[(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0])],
    );
    assert_eq!(
        refusal(&png),
        ImagingError::UnsupportedFormat {
            what: "an animated PNG"
        }
    );
    let webp = webp(raster8(4, 4, Layout::Rgb), Encoding::Lossless);
    let webp = with_riff_chunks(&webp, (4, 4), &[(b"ANIM", &[0; 6]), (b"ANMF", &[0; 16])]);
    assert_eq!(
        refusal(&webp),
        ImagingError::UnsupportedFormat {
            what: "an animated WebP image"
        }
    );
}

#[test]
fn broken_pngs_are_refused() {
    let png = png(raster8(4, 4, Layout::Rgb));
    for (tag, payload) in [
        (b"PLTE", &[1, 2, 3, 4][..]),
        (b"CgBI", &[0; 4]),
        (b"IHDR", &[0; 13]),
    ] {
        let file = with_chunks(&png, &[(tag, payload)]);
        assert!(matches!(refusal(&file), ImagingError::Invalid { .. }));
    }
    let flood: Vec<(&[u8; 4], &[u8])> = vec![(b"teSt", &[]); 2001];
    assert!(matches!(
        refusal(&with_chunks(&png, &flood)),
        ImagingError::Invalid { .. }
    ));
}

#[test]
fn a_wrong_checksum_is_passed_over_where_viewers_do_and_refused_in_words_elsewhere() {
    let png = png(raster8(40, 30, Layout::Rgb));
    let mut file = with_chunks(
        &png,
        &[(b"tEXt", b"Comment\0gone"), (b"tEXt", b"Title\0stays")],
    );
    let text = file.windows(4).position(|w| w == b"gone").unwrap();
    file[text + 4] ^= 1; // the first byte of its checksum
    let mut photo = accept(&file);
    apply_policy(&mut photo, MetadataPolicy::Keep);
    assert_eq!(
        photo.metadata.dropped().to_string(),
        "png:tEXt;why=not-understood"
    );
    let output = encode(&photo).unwrap();
    assert_eq!(
        pixel_digest(&accept(&output).pixels),
        pixel_digest(&accept(&png).pixels)
    );
    assert!(output.windows(5).any(|w| w == b"stays") && !output.windows(4).any(|w| w == b"gone"));
    // Every byte of the picture's own chunks counts.
    let pixels = png.windows(4).position(|w| w == b"IDAT").unwrap();
    for at in [pixels - 14, pixels + 20, png.len() - 14, png.len() - 18] {
        let mut file = png.clone();
        file[at] ^= 0x10;
        let reason = refusal(&file).to_string();
        assert!(!reason.contains(['{', '(', '\"']), "{reason}");
    }
}

#[test]
fn a_webp_canvas_must_be_the_picture() {
    let webp = webp(raster8(4, 4, Layout::Rgb), Encoding::Lossless);
    let with_canvas = |size| with_riff_chunks(&webp, size, &[]);
    assert!(matches!(
        refusal(&with_canvas((5, 4))),
        ImagingError::Invalid { .. }
    ));
    assert!(matches!(
        refusal(&with_canvas((4, 3000))),
        ImagingError::Invalid { .. }
    ));
}
