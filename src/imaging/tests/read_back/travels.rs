//! Metadata that is kept or dropped, by container and policy: the table in docs/uploads.md is the
//! result of this test.
//!
//! `UPDATE_DOCS=1 script/cargo test --lib travels` writes the table anew.

#![expect(clippy::too_many_lines, reason = "lists of cases")]

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    super::{
        super::{MetadataPolicy, apply_policy, encode},
        policies::contains,
        samples::{accept, jpeg},
    },
    blocks::{self, dataset, exif, resources, xmp},
    files::{Hosts, extended, zlib},
    tiff::{Value, Writer, text},
};

const BEGIN: &str = "<!-- travels: src/imaging/tests/read_back/travels.rs writes this table -->\n";
const END: &str = "<!-- end of travels -->\n";
/// Bytes by which a row is found again.
const CANARY: &[u8] = b"31415926 canary";

/// Something that a file may carry: its name, and a file of each container that has it, with the
/// bytes to look for.
struct Row {
    what: &'static str,
    files: Vec<(&'static str, Vec<u8>, Vec<u8>)>,
}

fn row(what: &'static str, files: Vec<(&'static str, Vec<u8>)>) -> Row {
    looked_for(what, CANARY, files)
}

fn looked_for(what: &'static str, bytes: &[u8], files: Vec<(&'static str, Vec<u8>)>) -> Row {
    let files = files
        .into_iter()
        .map(|(container, file)| (container, file, bytes.to_vec()));
    Row {
        what,
        files: files.collect(),
    }
}

fn rows() -> Vec<Row> {
    let hosts = Hosts::new();
    let canary = std::str::from_utf8(CANARY).unwrap();
    let writer = Writer { is_little: true };
    let undefined = |bytes: &[u8]| Value::Plain(7, bytes.to_vec());
    let in_exif = |block: &[u8]| {
        vec![
            (
                "JPEG",
                hosts.in_jpeg(&[(0xe1, &[b"Exif\0\0", block].concat())]),
            ),
            ("PNG", hosts.in_png(b"eXIf", block)),
            ("WebP", hosts.in_webp(b"EXIF", block)),
        ]
    };
    let in_xmp = |packet: &[u8]| {
        vec![
            (
                "JPEG",
                hosts.in_jpeg(&[(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", packet].concat())]),
            ),
            (
                "PNG",
                hosts.in_png(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", packet].concat()),
            ),
            ("WebP", hosts.in_webp(b"XMP ", packet)),
        ]
    };
    let in_photoshop = |blocks: &[u8]| {
        vec![(
            "JPEG",
            hosts.in_jpeg(&[(0xed, &[b"Photoshop 3.0\0", blocks].concat())]),
        )]
    };
    let plain = |first, second| exif(writer, "ACME", first, second, None);
    let note = |make: &str, head: &[u8], tag, value: Value| {
        let note = Value::Note(head.to_vec(), vec![(tag, value)], true);
        exif(writer, make, Vec::new(), vec![(0x927c, note)], None)
    };
    let picture = |width, height| {
        let mut picture = jpeg(width, height, (2, 2), false);
        picture.truncate(picture.len() - 2);
        [&picture, CANARY, &[0xff, 0xd9]].concat()
    };
    let (small, whole) = (picture(160, 120), picture(320, 240));
    let encoded = BASE64_STANDARD.encode(blocks::small());
    let part = encoded.as_bytes()[400..460].to_vec();
    let apple = |tag, value| note("Apple", b"Apple iOS\0\0\x01II", tag, value);
    let segment =
        |marker: u8, head: &[u8]| ("JPEG", hosts.in_jpeg(&[(marker, &[head, CANARY].concat())]));
    let chunk = |tag: &[u8; 4], head: &[u8]| ("PNG", hosts.in_png(tag, &[head, CANARY].concat()));
    let riff = |tag: &[u8; 4], head: &[u8]| ("WebP", hosts.in_webp(tag, &[head, CANARY].concat()));
    let behind = |file: &[u8]| [file, CANARY].concat();
    let thumbnail = |jpeg: &[u8]| exif(writer, "ACME", Vec::new(), Vec::new(), Some(jpeg));
    vec![
        row(
            "Colour profile",
            vec![
                segment(0xe2, b"ICC_PROFILE\0\x01\x01"),
                chunk(b"iCCP", b"name\0\0"),
                riff(b"ICCP", b""),
            ],
        ),
        looked_for(
            "Gamma, primaries, significant bits, pixel density",
            b"gAMA",
            vec![("PNG", hosts.in_png(b"gAMA", &[0, 0, 0xb1, 0x8f]))],
        ),
        looked_for(
            "Physical scale, calibration, stereo, offset",
            b"sCAL",
            vec![("PNG", hosts.in_png(b"sCAL", b"\x011.0\x002.0"))],
        ),
        row(
            "EXIF: camera, settings, artist, copyright, serial numbers",
            in_exif(&plain(vec![(0x010e, text(canary))], Vec::new())),
        ),
        row(
            "EXIF: coordinates (the directory of GPS, GeoTIFF)",
            in_exif(&plain(
                vec![(0x8825, Value::Directory(vec![(0x1b, undefined(CANARY))]))],
                Vec::new(),
            )),
        ),
        row("EXIF: thumbnail", in_exif(&thumbnail(&small))),
        row(
            "EXIF: preview that could stand for the photo",
            in_exif(&thumbnail(&whole)),
        ),
        row(
            "EXIF: other binary values that are not documented",
            in_exif(&plain(
                vec![(0xfde8, undefined(&[CANARY, CANARY, CANARY].concat()))],
                Vec::new(),
            )),
        ),
        row(
            "Maker note of Apple, Canon, Casio, Epson, Fujifilm, Minolta, Motorola, Nikon, Olympus, Panasonic, Pentax, Samsung, Sanyo, Sigma, Sony",
            in_exif(&apple(0x002b, text(canary))),
        ),
        row(
            "Maker note: places, previews",
            in_exif(&note("samsung", b"", 0x0031, text(canary))),
        ),
        row(
            "Maker note: the film of a live photo, HDR gain",
            in_exif(&apple(0x0011, text(canary))),
        ),
        row(
            "Maker note of others",
            in_exif(&plain(
                Vec::new(),
                vec![(0x927c, undefined(&[b"ACME\0", CANARY].concat()))],
            )),
        ),
        row(
            "XMP: title, creator, rights, keywords, edits",
            in_xmp(&xmp(&format!("photoshop:Headline=\"{canary}\""), "")),
        ),
        row(
            "XMP: coordinates, altitude, names of places, in any namespace",
            in_xmp(&xmp(
                &format!("drone-dji:AbsoluteAltitude=\"{canary}\""),
                "",
            )),
        ),
        looked_for(
            "XMP: thumbnails",
            &part,
            in_xmp(&xmp(
                "",
                &format!("<xmp:Thumbnails xmpGImg:image=\"{encoded}\"/>"),
            )),
        ),
        row(
            "XMP: the photo before it was edited (`GImage`)",
            in_xmp(&xmp(&format!("GImage:Data=\"{canary}\""), "")),
        ),
        looked_for(
            "XMP: depth map (`GDepth`)",
            &part,
            in_xmp(&xmp(&format!("GDepth:Data=\"{encoded}\""), "")),
        ),
        row(
            "XMP: a film, gain map or other item behind the picture",
            in_xmp(&xmp(&format!("GCamera:MotionPhoto=\"{canary}\""), "")),
        ),
        row(
            "XMP: where content credentials are",
            in_xmp(&xmp(&format!("dcterms:provenance=\"{canary}\""), "")),
        ),
        row(
            "Extended XMP, without what goes by the rows above",
            vec![(
                "JPEG",
                extended(
                    &hosts,
                    &xmp(&format!("photoshop:Headline=\"{canary}\""), ""),
                ),
            )],
        ),
        row(
            "IPTC: title, creator, rights, keywords",
            in_photoshop(&resources(&[(0x0404, &dataset(5, CANARY))])),
        ),
        row(
            "IPTC: names and codes of places",
            in_photoshop(&resources(&[(0x0404, &dataset(90, CANARY))])),
        ),
        row(
            "Photoshop: thumbnails",
            in_photoshop(&resources(&[(0x040c, &[&[0; 28], &small[..]].concat())])),
        ),
        row(
            "Photoshop: URL, copyright flag, print and path resources",
            in_photoshop(&resources(&[(0x040b, CANARY)])),
        ),
        row(
            "Photoshop: resources of plug-ins",
            in_photoshop(&resources(&[(0x0fa0, CANARY)])),
        ),
        row(
            "Thumbnails of JFIF, previews in segments of their own",
            vec![("JPEG", hosts.in_jpeg(&[(0xe2, &small)]))],
        ),
        row(
            "Comments and texts, plain or compressed",
            vec![
                segment(0xfe, b""),
                chunk(b"tEXt", b"Comment\0"),
                (
                    "PNG",
                    hosts.in_png(b"zTXt", &[b"Comment\0\0", &zlib(CANARY)[..]].concat()),
                ),
            ],
        ),
        row(
            "Comments and texts with coordinates or a picture",
            vec![
                segment(0xfe, b"latitude 48.2 "),
                chunk(b"tEXt", b"Comment\0latitude 48.2 "),
                chunk(b"tEXt", b"Location\0"),
            ],
        ),
        row(
            "Segments and chunks that are not known",
            vec![
                segment(0xe9, b"ACME\0"),
                chunk(b"prIv", b""),
                riff(b"priv", b""),
            ],
        ),
        row(
            "Chunks that say that they are void when the picture changes",
            vec![chunk(b"prIV", b"")],
        ),
        row(
            "Index of several pictures, gain map",
            vec![segment(0xe2, b"MPF\0")],
        ),
        row(
            "Content credentials (C2PA)",
            vec![
                segment(0xeb, b"JP\0\x01"),
                chunk(b"caBX", b""),
                riff(b"C2PA", b""),
            ],
        ),
        row(
            "What stands behind the picture: a film, second picture, archive",
            vec![
                ("JPEG", behind(&hosts.in_jpeg(&[]))),
                ("PNG", behind(&hosts.in_png(b"gAMA", &[0, 0, 0xb1, 0x8f]))),
                ("WebP", behind(&hosts.in_webp(b"ICCP", b"profile"))),
            ],
        ),
    ]
}

/// Returns whether a row survives in one container, under `keep`, `strip-gps` and `strip-all`.
fn fates(file: &[u8], bytes: &[u8]) -> [bool; 3] {
    [
        MetadataPolicy::Keep,
        MetadataPolicy::StripGps,
        MetadataPolicy::StripAll,
    ]
    .map(|policy| {
        let mut photo = accept(file);
        apply_policy(&mut photo, policy);
        let output = encode(&photo).unwrap();
        let is_packed = !contains(file, bytes);
        let is_kept = contains(&output, bytes) || is_packed && contains(&output, &zlib(bytes));
        assert!(
            is_kept || !photo.metadata.dropped().is_empty(),
            "dropped without a word"
        );
        is_kept
    })
}

fn table() -> String {
    let mut lines = vec![
        "| What | In | `keep` | `strip-gps` | `strip-all` |\n|---|---|---|---|---|\n".to_owned(),
    ];
    for row in rows() {
        let mut groups: Vec<([bool; 3], Vec<&str>)> = Vec::new();
        for (container, file, bytes) in &row.files {
            let fates = fates(file, bytes);
            match groups.iter_mut().find(|group| group.0 == fates) {
                Some((_, containers)) if containers.contains(container) => {}
                Some((_, containers)) => containers.push(container),
                None => groups.push((fates, vec![container])),
            }
        }
        for (fates, containers) in groups {
            let [keep, gps, all] = fates.map(|is_kept| if is_kept { "kept" } else { "dropped" });
            lines.push(format!(
                "| {} | {} | {keep} | {gps} | {all} |\n",
                row.what,
                containers.join(", ")
            ));
        }
    }
    lines.concat()
}

#[test]
fn what_travels_is_as_the_document_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/uploads.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (told, after) = rest.split_once(END).unwrap();
    let found = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, [before, BEGIN, &found, END, after].concat()).unwrap();
        return;
    }
    println!("{} rows", found.lines().count() - 2);
    assert_eq!(told, found, "UPDATE_DOCS=1 script/cargo test --lib travels");
}
