//! Files of the corpus: each block in every position that a container allows.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "names of chunks are byte strings"
)]

use std::io::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use md5::{Digest, Md5};

use super::{
    super::{
        super::{Encoding, Layout},
        samples::{jpeg, png, raster8, webp, with_chunks, with_riff_chunks, with_segments},
    },
    blocks,
    tiff::Writer,
};

const SIZE: (u32, u32) = (320, 240);
const XMP_HEADER: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_HEADER: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

/// The pictures that the files carry.
pub(super) struct Hosts {
    jpeg: Vec<u8>,
    png: Vec<u8>,
    webp: Vec<u8>,
}

impl Hosts {
    pub(super) fn new() -> Self {
        let raster = || raster8(SIZE.0, SIZE.1, Layout::Rgb);
        Self {
            jpeg: jpeg(SIZE.0, SIZE.1, (2, 2), false),
            png: png(raster()),
            webp: webp(raster(), Encoding::Lossless),
        }
    }

    pub(super) fn in_jpeg(&self, segments: &[(u8, &[u8])]) -> Vec<u8> {
        with_segments(&self.jpeg, segments)
    }

    pub(super) fn in_png(&self, tag: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        with_chunks(&self.png, &[(tag, payload)])
    }

    pub(super) fn in_webp(&self, tag: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        with_riff_chunks(&self.webp, SIZE, &[(tag, payload)])
    }
}

/// A name with its container's extension, and the file.
pub(super) type Named = (String, Vec<u8>);

pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A profile in hexadecimal, as `ImageMagick` writes it.
fn profile(name: &str, bytes: &[u8]) -> Vec<u8> {
    let digits = bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let lines: Vec<&str> = (0..digits.len())
        .step_by(72)
        .map(|at| &digits[at..digits.len().min(at + 72)])
        .collect();
    format!("\n{name}\n{:8}\n{}\n", bytes.len(), lines.join("\n")).into_bytes()
}

/// An XMP packet as the extended part, with a main packet that points at it.
pub(super) fn extended(hosts: &Hosts, packet: &[u8]) -> Vec<u8> {
    let digest = Md5::digest(packet)
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02X}"));
    let main = blocks::xmp(&format!("xmpNote:HasExtendedXMP=\"{digest}\""), "");
    let mut segments = vec![(0xe1, [XMP_HEADER, &main].concat())];
    for (index, part) in packet.chunks(60_000).enumerate() {
        let numbers = [packet.len() as u32, 60_000 * index as u32].map(u32::to_be_bytes);
        let payload = [
            EXTENDED_HEADER,
            digest.as_bytes(),
            numbers.as_flattened(),
            part,
        ]
        .concat();
        segments.push((0xe1, payload));
    }
    let segments: Vec<(u8, &[u8])> = segments
        .iter()
        .map(|(marker, payload)| (*marker, payload.as_slice()))
        .collect();
    hosts.in_jpeg(&segments)
}

/// Each XMP packet in every position.
pub(super) fn with_xmp(hosts: &Hosts) -> Vec<Named> {
    let mut files = Vec::new();
    for (name, packet) in blocks::xmp_packets() {
        let text = |head: &[u8]| [head, &packet].concat();
        let packed = |head: &[u8], bytes: &[u8]| [head, &zlib(bytes)].concat();
        let in_photoshop = [
            b"Photoshop 3.0\0",
            &blocks::resources(&[(0x0424, &packet)])[..],
        ]
        .concat();
        let places = [
            ("app1.jpg", hosts.in_jpeg(&[(0xe1, &text(XMP_HEADER))])),
            (
                "other header.jpg",
                hosts.in_jpeg(&[(0xe1, &text(b"XMP\0"))]),
            ),
            ("photoshop.jpg", hosts.in_jpeg(&[(0xed, &in_photoshop)])),
            ("extended.jpg", extended(hosts, &packet)),
            (
                "iTXt.png",
                hosts.in_png(b"iTXt", &text(b"XML:com.adobe.xmp\0\0\0\0\0")),
            ),
            (
                "iTXt packed.png",
                hosts.in_png(b"iTXt", &packed(b"XML:com.adobe.xmp\0\x01\0\0\0", &packet)),
            ),
            (
                "tEXt.png",
                hosts.in_png(b"tEXt", &text(b"XML:com.adobe.xmp\0")),
            ),
            (
                "zTXt.png",
                hosts.in_png(b"zTXt", &packed(b"XML:com.adobe.xmp\0\0", &packet)),
            ),
            (
                "profile.png",
                hosts.in_png(
                    b"zTXt",
                    &packed(b"Raw profile type xmp\0\0", &profile("xmp", &packet)),
                ),
            ),
            (
                "profile APP1.png",
                hosts.in_png(
                    b"tEXt",
                    &[
                        b"Raw profile type APP1\0",
                        &profile("generic profile", &text(XMP_HEADER))[..],
                    ]
                    .concat(),
                ),
            ),
            ("chunk.webp", hosts.in_webp(b"XMP ", &packet)),
            ("other chunk.webp", hosts.in_webp(b"XMP\0", &packet)),
        ];
        files.extend(places.map(|(place, file)| (format!("xmp {name}, {place}"), file)));
    }
    files
}

/// Each EXIF block in every position.
pub(super) fn with_exif(hosts: &Hosts) -> Vec<Named> {
    let mut files = Vec::new();
    for is_little in [false, true] {
        for (name, block) in blocks::exif_blocks(Writer { is_little }) {
            let behind = |head: &[u8]| [head, &block].concat();
            let packed = [
                b"Raw profile type exif\0\0",
                &zlib(&profile("exif", &behind(b"Exif\0\0")))[..],
            ]
            .concat();
            let plain = [
                b"Raw profile type APP1\0",
                &profile("app1", &behind(b"Exif\0\0"))[..],
            ]
            .concat();
            let in_photoshop = [
                b"Photoshop 3.0\0",
                &blocks::resources(&[(0x0422, &block)])[..],
            ]
            .concat();
            let places = [
                ("app1.jpg", hosts.in_jpeg(&[(0xe1, &behind(b"Exif\0\0"))])),
                (
                    "capitals.jpg",
                    hosts.in_jpeg(&[(0xe1, &behind(b"EXIF\0\0"))]),
                ),
                (
                    "stray bytes.jpg",
                    hosts.in_jpeg(&[(0xe1, &behind(b"\0\0Exif\0\0"))]),
                ),
                ("photoshop.jpg", hosts.in_jpeg(&[(0xed, &in_photoshop)])),
                ("eXIf.png", hosts.in_png(b"eXIf", &block)),
                (
                    "eXIf with header.png",
                    hosts.in_png(b"eXIf", &behind(b"Exif\0\0")),
                ),
                ("exIf.png", hosts.in_png(b"exIf", &block)),
                ("profile.png", hosts.in_png(b"zTXt", &packed)),
                ("profile APP1.png", hosts.in_png(b"tEXt", &plain)),
                ("chunk.webp", hosts.in_webp(b"EXIF", &block)),
                (
                    "chunk with header.webp",
                    hosts.in_webp(b"EXIF", &behind(b"Exif\0\0")),
                ),
            ];
            files.extend(
                places.map(|(place, file)| (format!("exif {name} {is_little}, {place}"), file)),
            );
        }
    }
    files
}

/// EXIF that is slightly malformed, or lies in two segments: whatever can be followed must stay.
pub(super) fn with_odd_exif(hosts: &Hosts) -> Vec<Named> {
    let writer = Writer { is_little: false };
    let block = blocks::exif_with_gps(writer);
    let latitude = [0, 2, 0, 5, 0, 0, 0, 3];
    let entry = block
        .windows(8)
        .position(|window| window == latitude)
        .unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut block = block.clone();
        block[entry + at..entry + at + bytes.len()].copy_from_slice(bytes);
        [b"Exif\0\0", &block[..]].concat()
    };
    let long = [b"ASCII\0\0\0", &b"words, ".repeat(12_000)[..]].concat();
    let long = blocks::exif(
        writer,
        "ACME",
        Vec::new(),
        vec![(0x9286, super::tiff::Value::Plain(7, long))],
        None,
    );
    let halves = [&long[..65_000], &long[65_000..]].map(|half| [b"Exif\0\0", half].concat());
    let both = [false, true].map(|is_little| {
        [
            b"Exif\0\0",
            &blocks::exif_with_gps(Writer { is_little })[..],
        ]
        .concat()
    });
    let file = |segments: &[Vec<u8>]| {
        let segments: Vec<(u8, &[u8])> = segments.iter().map(|s| (0xe1, s.as_slice())).collect();
        hosts.in_jpeg(&segments)
    };
    [
        (
            "value beyond the end",
            file(&[with(8, &[0, 0xff, 0xff, 0])]),
        ),
        ("type 0", file(&[with(2, &[0, 0])])),
        ("count too large", file(&[with(4, &[0, 0, 1, 0x2c])])),
        ("in two segments", file(&halves)),
        ("twice", file(&both)),
    ]
    .map(|(name, file)| (format!("odd exif, {name}.jpg"), file))
    .into()
}

/// IPTC and Photoshop resources in every position.
pub(super) fn with_photoshop(hosts: &Hosts) -> Vec<Named> {
    let iptc = blocks::iptc();
    let digest = Md5::digest(&iptc);
    let preview: Vec<u8> = [
        iptc.clone(),
        blocks::dataset(200, &[0, 1]),
        blocks::dataset(201, &[0, 1]),
        blocks::dataset(202, &blocks::small()),
    ]
    .concat();
    let thumbnail = blocks::photoshop_thumbnail();
    let of = |resources: &[(u16, &[u8])]| {
        [b"Photoshop 3.0\0", &blocks::resources(resources)[..]].concat()
    };
    let url = b"http://KEEP.example".as_slice();
    let text =
        |keyword: &[u8], name: &str, bytes: &[u8]| [keyword, &profile(name, bytes)[..]].concat();
    let whole = of(&[(0x0404, &iptc), (0x0425, &digest), (0x040b, url)]);
    let second = [b"Photoshop 3.0\0", &whole[40..]].concat();
    [
        ("iptc.jpg", hosts.in_jpeg(&[(0xed, &whole)])),
        (
            "iptc in two segments.jpg",
            hosts.in_jpeg(&[(0xed, &whole[..40]), (0xed, &second)]),
        ),
        (
            "iptc preview.jpg",
            hosts.in_jpeg(&[(0xed, &of(&[(0x0404, &preview)]))]),
        ),
        (
            "thumbnail.jpg",
            hosts.in_jpeg(&[(0xed, &of(&[(0x040c, &thumbnail), (0x040b, url)]))]),
        ),
        (
            "old thumbnail.jpg",
            hosts.in_jpeg(&[(0xed, &of(&[(0x0409, &thumbnail), (0x0419, &[0, 0, 0, 30])]))]),
        ),
        (
            "iptc profile.png",
            hosts.in_png(
                b"tEXt",
                &text(
                    b"Raw profile type iptc\0",
                    "iptc",
                    &blocks::resources(&[(0x0404, &iptc)]),
                ),
            ),
        ),
        (
            "bare iptc profile.png",
            hosts.in_png(b"tEXt", &text(b"Raw profile type iptc\0", "iptc", &iptc)),
        ),
        (
            "8bim profile.png",
            hosts.in_png(
                b"tEXt",
                &text(
                    b"Raw profile type 8bim\0",
                    "8bim",
                    &blocks::resources(&[(0x0404, &iptc), (0x040c, &thumbnail)]),
                ),
            ),
        ),
    ]
    .map(|(name, file)| (format!("photoshop, {name}"), file))
    .into()
}

/// Other carriers of places and of small pictures.
pub(super) fn with_others(hosts: &Hosts) -> Vec<Named> {
    let small = blocks::small();
    let segment =
        |marker: u8, head: &[u8], tail: &[u8]| hosts.in_jpeg(&[(marker, &[head, tail].concat())]);
    let encoded = BASE64_STANDARD.encode(&small);
    let chunks: [(&[u8; 4], Vec<u8>); 8] = [
        (b"tEXt", b"Comment\0KEEPCOMMENT".to_vec()),
        (
            b"zTXt",
            [
                b"workflow\0\0",
                &zlib(b"{\"seed\": 1, \"name\": \"KEEPWORKFLOW\"}")[..],
            ]
            .concat(),
        ),
        (
            b"iTXt",
            [b"Title\0\x01\0\0\0", &zlib(b"KEEPTITLE")[..]].concat(),
        ),
        (b"tEXt", b"Location\0Vienna".to_vec()),
        (b"tEXt", b"exif:GPSLatitude\x0048/1".to_vec()),
        (
            b"zTXt",
            [b"parameters\0\0", &zlib(b"{\"latitude\": 48.2}")[..]].concat(),
        ),
        (b"tEXt", [b"Thumb\0", encoded.as_bytes()].concat()),
        (
            b"zTXt",
            [b"Preview\0\0", &zlib(encoded.as_bytes())[..]].concat(),
        ),
    ];
    let chunks: Vec<(&[u8; 4], &[u8])> = chunks
        .iter()
        .map(|(tag, payload)| (*tag, payload.as_slice()))
        .collect();
    let truths: [(&[u8; 4], &[u8]); 4] = [
        (b"sCAL", b"\x011.0\x002.0"),
        (b"sTER", b"\0"),
        (b"oFFs", b"\0\0\0\x01\0\0\0\x01\0"),
        (b"pCAL", b"x\0\0\0\0\0\0\0\0\xff\0\x02m\x000\x001"),
    ];
    [
        ("jfxx.jpg", segment(0xe0, b"JFXX\0\x10", &small)),
        ("preview in app2.jpg", segment(0xe2, b"", &small)),
        ("preview in app4.jpg", segment(0xe4, b"QVGA\0", &small)),
        (
            "gopro.jpg",
            segment(
                0xe6,
                b"GoPro\0",
                b"DEVC\0\x01\0\x14GPSUU\x10\0\x01200101000000.000",
            ),
        ),
        ("flir.jpg", segment(0xe1, b"FLIR\0\x01\0\0", &[0; 200])),
        ("ricoh.jpg", segment(0xe5, b"RMETA\0", &[0; 50])),
        (
            "place in a comment.jpg",
            segment(0xfe, b"", b"GPS latitude=48.2 longitude=16.3"),
        ),
        ("picture in a comment.jpg", segment(0xfe, b"", &small)),
        ("comment.jpg", segment(0xfe, b"", b"KEEPCOMMENT")),
        ("texts.png", with_chunks(&hosts.png, &chunks)),
        ("what is still true.png", with_chunks(&hosts.png, &truths)),
        ("unknown chunk.webp", hosts.in_webp(b"abcd", &small)),
    ]
    .map(|(name, file)| (format!("other, {name}"), file))
    .into()
}
