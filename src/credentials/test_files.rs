//! Files for the tests of this module, made by code: small pictures in every kind of container.

use image::{ExtendedColorType, ImageEncoder, codecs};

use crate::imaging::Format;

/// A file with a name for messages.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) format: Format,
    pub(super) bytes: Vec<u8>,
}

const SIDE: u32 = 48;

/// A smooth picture with some texture; another one for every seed.
pub(super) fn pixels(seed: u32) -> Vec<u8> {
    let sample = |x: u32, y: u32, c: u32| {
        let wave = (x * (seed + 3) + y * (c + 2)) % 97;
        let step = if (x / 5 + y / 7 + seed).is_multiple_of(2) {
            90
        } else {
            20
        };
        u8::try_from(wave + step).unwrap()
    };
    (0..SIDE)
        .flat_map(|y| (0..SIDE).flat_map(move |x| (0..3).map(move |c| sample(x, y, c))))
        .collect()
}

/// One file of each format.
pub(crate) fn plain(format: Format, seed: u32) -> Vec<u8> {
    let pixels = pixels(seed);
    let mut file = Vec::new();
    let rgb = ExtendedColorType::Rgb8;
    match format {
        Format::Jpeg => codecs::jpeg::JpegEncoder::new(&mut file)
            .write_image(&pixels, SIDE, SIDE, rgb)
            .unwrap(),
        Format::Png => codecs::png::PngEncoder::new(&mut file)
            .write_image(&pixels, SIDE, SIDE, rgb)
            .unwrap(),
        Format::WebP => {
            file = webpx::Encoder::new_rgb(&pixels, SIDE, SIDE)
                .quality(80.0)
                .encode(webpx::Unstoppable)
                .unwrap();
        }
    }
    file
}

/// A JPEG segment.
pub(super) fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff, marker];
    bytes.extend(u16::try_from(payload.len() + 2).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A RIFF chunk, padded.
pub(super) fn chunk(kind: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_vec();
    bytes.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    bytes.extend(payload);
    bytes.extend(vec![0; payload.len() % 2]);
    bytes
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WEBP".to_vec(), chunks.concat()].concat();
    chunk(*b"RIFF", &body)
}

/// Files of every kind that matters to where a manifest goes.
pub(super) fn samples() -> Vec<Sample> {
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0".as_slice();
    let jpeg = plain(Format::Jpeg, 1);
    let behind_jfif = 20; // SOI and the encoder's APP0
    let with_exif = [
        &jpeg[..behind_jfif],
        &segment(0xe1, exif),
        &jpeg[behind_jfif..],
    ]
    .concat();
    let without_jfif = [&jpeg[..2], &jpeg[behind_jfif..]].concat();
    let exif_first = [&jpeg[..2], &segment(0xe1, exif), &jpeg[behind_jfif..]].concat();
    let jfxx = [
        &jpeg[..behind_jfif],
        &segment(0xe1, exif),
        &segment(0xe0, b"JFXX\0\x13"),
        &jpeg[behind_jfif..],
    ]
    .concat();
    let lossy = plain(Format::WebP, 1);
    let lossless = webpx::Encoder::new_rgb(&pixels(1), SIDE, SIDE)
        .lossless(true)
        .encode(webpx::Unstoppable)
        .unwrap();
    let vp8x = chunk(*b"VP8X", &[0x28, 0, 0, 0, 47, 0, 0, 47, 0, 0]);
    let extended = riff(&[
        vp8x,
        chunk(*b"ICCP", &[9; 33]),
        lossy[12..].to_vec(),
        chunk(*b"EXIF", &exif[6..]),
    ]);
    let sample = |name, format, bytes| Sample {
        name,
        format,
        bytes,
    };
    vec![
        sample("JPEG with JFIF", Format::Jpeg, jpeg),
        sample("JPEG with JFIF and EXIF", Format::Jpeg, with_exif),
        sample("JPEG without JFIF", Format::Jpeg, without_jfif),
        sample("JPEG with EXIF alone", Format::Jpeg, exif_first),
        sample("JPEG with a second APP0", Format::Jpeg, jfxx),
        sample("PNG", Format::Png, plain(Format::Png, 1)),
        sample("lossy WebP", Format::WebP, lossy),
        sample("lossless WebP", Format::WebP, lossless),
        sample("extended WebP", Format::WebP, extended),
    ]
}

/// A store as far as containers look at one: a superbox with the description of C2PA's, filled up
/// to a length.
pub(super) fn store(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
    bytes.extend(
        b"jumb\0\0\0\x1ejumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\0",
    );
    let fill = (bytes.len()..length).map(|at| u8::try_from(at * 7 % 251).unwrap());
    bytes.extend(fill);
    bytes
}
