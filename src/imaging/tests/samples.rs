//! Pictures and files made by code: nobody's photographs are in the repository.
//!
//! Everything is deterministic, noise included.

use libjpeg_turbo_rs::{Encoder, PixelFormat};

use super::super::{
    Economy, Encoding, Format, ImagingError, Layout, Limits, Metadata, Orientation, Photo, Pixels,
    Raster, Samples, decode, encode,
};

pub(super) fn accept(bytes: &[u8]) -> Photo {
    decode(bytes, &Limits::default()).unwrap()
}

pub(super) fn refusal(bytes: &[u8]) -> ImagingError {
    decode(bytes, &Limits::default()).unwrap_err()
}

/// A picture with smooth parts, edges and a little noise; any layout, alpha too.
pub(in super::super) fn picture(width: u32, height: u32, layout: Layout) -> Vec<u8> {
    let mut noise = Noise(7);
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for channel in 0..layout.channels() as u32 {
                let edge = if (x / 9 + y / 7) % 2 == 0 { 60 } else { 0 };
                let smooth = (x * (channel + 2) + y * 3) % 160;
                samples.push((edge + smooth + noise.next() % 9) as u8);
            }
        }
    }
    samples
}

pub(super) fn raster8(width: u32, height: u32, layout: Layout) -> Raster {
    let samples = Samples::U8(picture(width, height, layout));
    Raster::new(width, height, layout, samples).unwrap()
}

pub(super) fn raster16(width: u32, height: u32, layout: Layout) -> Raster {
    let samples = picture(width, height, layout);
    let samples = samples.iter().map(|&s| u16::from(s) * 251 + 3).collect();
    Raster::new(width, height, layout, Samples::U16(samples)).unwrap()
}

/// A small generator with a fixed seed.
pub(in super::super) struct Noise(pub(in super::super) u64);

impl Noise {
    pub(in super::super) fn next(&mut self) -> u32 {
        // Knuth's MMIX constants.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }
}

pub(super) fn photo(format: Format, raster: Raster, encoding: Encoding) -> Photo {
    let metadata = match format {
        Format::Jpeg => Metadata::from_jpeg(&[]),
        Format::Png => Metadata::from_png(&[], true),
        Format::WebP => Metadata::from_webp(&[]),
    };
    Photo {
        format,
        orientation: Orientation::Upright,
        pixels: Pixels::Raster(raster),
        metadata,
        encoding,
        economy: Economy::Plain,
    }
}

pub(super) fn png(raster: Raster) -> Vec<u8> {
    encode(&photo(Format::Png, raster, Encoding::Lossless)).unwrap()
}

pub(super) fn webp(raster: Raster, encoding: Encoding) -> Vec<u8> {
    encode(&photo(Format::WebP, raster, encoding)).unwrap()
}

/// A colour JPEG whose luma has these sampling factors and whose chroma has 1x1.
pub(in super::super) fn jpeg(
    width: u32,
    height: u32,
    luma: (u8, u8),
    progressive: bool,
) -> Vec<u8> {
    let samples = picture(width, height, Layout::Rgb);
    Encoder::new(&samples, width as usize, height as usize, PixelFormat::Rgb)
        .quality(85)
        .sampling_factors(vec![luma, (1, 1), (1, 1)])
        .progressive(progressive)
        .encode()
        .unwrap()
}

/// Inserts segments after SOI: marker and payload.
pub(super) fn with_segments(jpeg: &[u8], segments: &[(u8, &[u8])]) -> Vec<u8> {
    let mut file = jpeg[..2].to_vec();
    for (marker, payload) in segments {
        file.extend([0xff, *marker]);
        file.extend((payload.len() as u16 + 2).to_be_bytes());
        file.extend_from_slice(payload);
    }
    file.extend_from_slice(&jpeg[2..]);
    file
}

/// Puts chunks in front of a PNG's first IDAT.
pub(super) fn with_chunks(png: &[u8], chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let idat = png.windows(4).position(|w| w == b"IDAT").unwrap() - 4;
    let mut file = png[..idat].to_vec();
    for (tag, payload) in chunks {
        file.extend(png_chunk(**tag, payload));
    }
    file.extend_from_slice(&png[idat..]);
    file
}

pub(super) fn png_chunk(tag: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut chunk = (payload.len() as u32).to_be_bytes().to_vec();
    chunk.extend(tag);
    chunk.extend_from_slice(payload);
    let checksum = crc32(&chunk[4..]);
    chunk.extend(checksum.to_be_bytes());
    chunk
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

/// Adds chunks at the end of a WebP and a VP8X in front, as the specification requires.
pub(super) fn with_riff_chunks(
    webp: &[u8],
    size: (u32, u32),
    chunks: &[(&[u8; 4], &[u8])],
) -> Vec<u8> {
    let riff = |tag: &[u8; 4], payload: &[u8]| {
        let mut chunk = tag.to_vec();
        chunk.extend((payload.len() as u32).to_le_bytes());
        chunk.extend_from_slice(payload);
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    };
    let [w, h] = [size.0 - 1, size.1 - 1].map(u32::to_le_bytes);
    let mut payload = b"WEBP".to_vec();
    payload.extend(riff(
        b"VP8X",
        &[0x2c, 0, 0, 0, w[0], w[1], w[2], h[0], h[1], h[2]],
    ));
    payload.extend_from_slice(&webp[12..]);
    payload.extend(chunks.iter().flat_map(|(tag, payload)| riff(tag, payload)));
    riff(b"RIFF", &payload)
}

/// Peak signal-to-noise ratio of two 8-bit rasters.
pub(super) fn psnr(a: &Raster, b: &Raster) -> f64 {
    let (Samples::U8(a), Samples::U8(b)) = (a.samples(), b.samples()) else {
        panic!("not 8 bits");
    };
    assert_eq!(a.len(), b.len());
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 / (squares / a.len() as f64).max(1e-9)).log10()
}
