//! One file and everything that its tasks need, read from a folder, so that a process that measures
//! has made nothing before.

use std::{hint::black_box, path::Path};

use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling, decompress_to, read_coefficients};
use lumatrace::{
    imaging::{Limits, Photo, decode, encode},
    watermark::{ReceivedImage, Record, WatermarkKey, detect, embed, manipulation_class},
};
use sha2::{Digest, Sha256};

use super::{Task, libjpeg::Libjpeg};

/// A file, its protected copy and its record.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) pixels: u64,
    is_jpeg: bool,
    /// How a JPEG is coded, once it was asked.
    coding: Option<Coding>,
    source: Vec<u8>,
    protected: Vec<u8>,
    other: Vec<u8>,
    record: Record,
}

/// The coding of a JPEG, for an encoder.
pub(crate) struct Coding {
    subsampling: Subsampling,
    tables: Vec<[u16; 64]>,
    fitted: bool,
    progressive: bool,
}

/// The key of all photographs here.
fn key() -> WatermarkKey {
    WatermarkKey::derive(&[7; 32], &[9; 16])
}

fn open(file: &[u8]) -> Photo {
    decode(file, &Limits::default()).unwrap()
}

impl Case {
    /// Writes a file, its protected copy, its record and another photograph to a folder.
    pub(crate) fn write(folder: &Path, name: &str, source: &[u8], other: &[u8]) {
        let photo = open(source);
        let pixels = u64::from(photo.width()) * u64::from(photo.height());
        let embedded = embed(photo, &key()).unwrap();
        let write = |file: &str, bytes: &[u8]| std::fs::write(folder.join(file), bytes).unwrap();
        write("name", name.as_bytes());
        write("pixels", pixels.to_string().as_bytes());
        write("source", source);
        write("protected", &embedded.bytes);
        write("record", &embedded.record.to_bytes());
        write("other", other);
    }

    /// Reads what [`Case::write`] wrote.
    pub(crate) fn read(folder: &str) -> Self {
        let read = |file: &str| std::fs::read(Path::new(folder).join(file)).unwrap();
        let text = |file: &str| String::from_utf8(read(file)).unwrap();
        let (source, protected) = (read("source"), read("protected"));
        Self {
            name: text("name"),
            pixels: text("pixels").parse().unwrap(),
            coding: None,
            is_jpeg: source.starts_with(&[0xff, 0xd8]),
            source,
            protected,
            other: read("other"),
            record: Record::from_bytes(&read("record")).unwrap(),
        }
    }

    /// Reads how a JPEG is coded, which its floors need.
    pub(crate) fn prepare_floors(&mut self) {
        if self.is_jpeg {
            self.coding = Some(Coding::of(&self.source, &self.protected));
        }
    }

    /// Runs a task; `false` if this file or machine has no such task.
    pub(crate) fn run(&self, task: Task, libjpeg: Option<&Libjpeg>) -> bool {
        match (task, &self.coding) {
            (Task::FloorC, Some(coding)) => {
                let Some(libjpeg) = libjpeg else { return false };
                black_box(libjpeg.decode_and_encode(
                    &self.source,
                    coding.fitted,
                    coding.progressive,
                ));
            }
            (Task::FloorC, None) => return false,
            (Task::Floor, Some(coding)) => drop(black_box(coding.decode_and_encode(&self.source))),
            (Task::Floor, None) => drop(black_box(encode(&open(&self.source)).unwrap())),
            (Task::Decode, Some(_)) => {
                let Some(libjpeg) = libjpeg else { return false };
                black_box(libjpeg.decode(&self.protected));
            }
            (Task::Decode, None) => drop(black_box(open(&self.protected))),
            (Task::Protect, _) => self.protect(),
            (Task::Verify, _) => self.verify(&self.protected),
            (Task::Another, _) => self.verify(&self.other),
            (Task::Identify, _) => self.identify(),
        }
        true
    }

    /// The first four bytes of the SHA-256 of the protected file and its record.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(&self.protected);
        hasher.update(self.record.to_bytes());
        let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }

    fn protect(&self) {
        black_box(Sha256::digest(&self.source));
        let embedded = embed(open(&self.source), &key()).unwrap();
        black_box(Sha256::digest(&embedded.bytes));
    }

    fn verify(&self, file: &[u8]) {
        black_box(Sha256::digest(file));
        let photo = open(file);
        let detection = detect(&photo, &self.record, &key());
        black_box(manipulation_class(&photo, &self.record, &detection));
    }

    fn identify(&self) {
        let photo = open(&self.protected);
        black_box(Sha256::digest(&self.protected));
        let received = ReceivedImage::new(&photo);
        black_box(received.index_query());
        let received = received.keep();
        drop(photo);
        let detection = received.detect(&self.record, &key());
        black_box(received.manipulation_class(&self.record, &detection));
    }
}

impl Coding {
    /// Reads how a source is coded, and whether its protected copy has Huffman tables of its own.
    fn of(source: &[u8], protected: &[u8]) -> Self {
        let coefficients = read_coefficients(source).unwrap();
        let luma = &coefficients.components[0];
        let general = |file| huffman_bytes(file) == GENERAL_HUFFMAN_BYTES;
        Self {
            subsampling: match (luma.h_sampling, luma.v_sampling) {
                (2, 2) => Subsampling::S420,
                (2, 1) => Subsampling::S422,
                _ => Subsampling::S444,
            },
            fitted: !general(protected),
            progressive: libjpeg_turbo_rs::probe(source).unwrap().progressive,
            tables: coefficients.quant_tables,
        }
    }

    /// Returns the file that a program without a watermark would hand on: all pixels, the source's
    /// tables and sampling, and the entropy coding that the protected file has.
    fn decode_and_encode(&self, source: &[u8]) -> Vec<u8> {
        let image = decompress_to(source, PixelFormat::Rgb).unwrap();
        let mut encoder = Encoder::new(&image.data, image.width, image.height, PixelFormat::Rgb)
            .subsampling(self.subsampling)
            .optimize_huffman(self.fitted)
            .progressive(self.progressive);
        for (index, table) in self.tables.iter().enumerate() {
            encoder = encoder.quant_table(index, *table);
        }
        encoder.encode().unwrap()
    }
}

/// Bytes of the standard's Huffman tables, for luma and chroma, as four segments (T.81, annex K.3).
const GENERAL_HUFFMAN_BYTES: usize = 2 * (2 + 17 + 12) + 2 * (2 + 17 + 162);

/// Bytes of the Huffman tables in the headers of a JPEG, up to its first scan.
fn huffman_bytes(jpeg: &[u8]) -> usize {
    let (mut at, mut sum) = (2, 0);
    while let [0xff, marker, high, low, ..] = jpeg[at..]
        && marker != 0xda
    {
        let length = usize::from(u16::from_be_bytes([high, low]));
        sum += if marker == 0xc4 { length } else { 0 };
        at += 2 + length;
    }
    sum
}
