//! The metadata that travels with the pixels and the metadata that does not, in all three
//! containers.

use super::{
    super::{
        Encoding, Format, Layout, Limits, MetadataPolicy, Orientation, apply_policy, decode, encode,
    },
    samples::{
        Noise, accept, jpeg, png, raster8, webp, with_chunks, with_riff_chunks, with_segments,
    },
};

/// Values that must not survive their removal. Each occurs once in [`exif`] or [`XMP`].
const LATITUDE: [u8; 8] = [0xca, 0xfe, 0x12, 0x34, 0xbe, 0xef, 0x56, 0x78];
const THUMBNAIL: &[u8] = b"\xff\xd8the uncropped original\xff\xd9";
const CAMERA: &[u8] = b"LumaCam 3000\0";
const SERIAL: &[u8] = b"serial 31415926\0";

pub(super) const XMP: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:drone="http://www.dji.com/drone-dji/1.0/"
  xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"
  exif:GPSLatitude="48,51.5N" drone:GpsLongtitude='2.2945' hdrgm:Version="1.0"
  xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="self#jumbf=claim"
  GCamera:MotionPhoto="1" GCamera:PortraitNote="kept">
 <exif:GPSAltitude>330/1</exif:GPSAltitude>
 <dc:creator><rdf:Seq><rdf:li>A &amp; B > C</rdf:li></rdf:Seq></dc:creator>
 <Container:Directory xmlns:Container="http://ns.google.com/photos/1.0/container/"
   xmlns:Item="http://ns.google.com/photos/1.0/container/item/"><rdf:Seq>
  <rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Length="4711"/></rdf:li>
 </rdf:Seq></Container:Directory>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"#;
pub(super) const PLACES_IN_XMP: [&str; 6] = [
    "48,51.5N",
    "2.2945",
    "330/1",
    "GPSLatitude",
    "GpsLong",
    "GPSAlt",
];
const STALE_IN_XMP: [&str; 6] = [
    "jumbf",
    "Directory",
    "4711",
    "hdrgm:Version",
    "MotionPhoto",
    "GainMap",
];
const KEPT_IN_XMP: [&str; 3] = [
    "A &amp; B > C",
    "GCamera:PortraitNote=\"kept\"",
    "xpacket end",
];

/// Makes an EXIF block: orientation, camera, GPS, a serial number and a thumbnail.
fn exif(orientation: u16, little_endian: bool) -> Vec<u8> {
    let u16s = |v: u16| {
        if little_endian {
            v.to_le_bytes()
        } else {
            v.to_be_bytes()
        }
    };
    let u32s = |v: usize| {
        let v = u32::try_from(v).unwrap();
        if little_endian {
            v.to_le_bytes()
        } else {
            v.to_be_bytes()
        }
    };
    let entry = |tag: u16, kind: u16, count: usize, value: [u8; 4]| {
        [&u16s(tag)[..], &u16s(kind), &u32s(count), &value].concat()
    };
    let short = |v: u16| {
        let [a, b] = u16s(v);
        [a, b, 0, 0]
    };
    let directory = |entries: &[Vec<u8>], next: usize| {
        let count = u16::try_from(entries.len()).unwrap();
        [&u16s(count)[..], &entries.concat(), &u32s(next)].concat()
    };
    // Offsets: header 8, first directory 2+4*12+4, then the values and the other directories.
    let (first, camera) = (8, 8 + 54);
    let sub = camera + CAMERA.len();
    let serial = sub + 18;
    let gps = serial + SERIAL.len();
    let latitude = gps + 30;
    let second = latitude + LATITUDE.len();
    let thumbnail = second + 30;
    let mut tiff = if little_endian {
        b"II*\0".to_vec()
    } else {
        b"MM\0*".to_vec()
    };
    tiff.extend(u32s(first));
    tiff.extend(directory(
        &[
            entry(0x010f, 2, CAMERA.len(), u32s(camera)),
            entry(0x0112, 3, 1, short(orientation)),
            entry(0x8769, 4, 1, u32s(sub)),
            entry(0x8825, 4, 1, u32s(gps)),
        ],
        second,
    ));
    tiff.extend(CAMERA);
    tiff.extend(directory(
        &[entry(0xa431, 2, SERIAL.len(), u32s(serial))],
        0,
    ));
    tiff.extend(SERIAL);
    let reference = [b'N', 0, 0, 0];
    tiff.extend(directory(
        &[entry(1, 2, 2, reference), entry(2, 5, 1, u32s(latitude))],
        0,
    ));
    tiff.extend(LATITUDE);
    let lengths = [
        entry(0x0201, 4, 1, u32s(thumbnail)),
        entry(0x0202, 4, 1, u32s(THUMBNAIL.len())),
    ];
    tiff.extend(directory(&lengths, 0));
    tiff.extend(THUMBNAIL);
    tiff
}

pub(super) fn contains(file: &[u8], bytes: &[u8]) -> bool {
    file.windows(bytes.len()).any(|window| window == bytes)
}

fn itxt_xmp(xmp: &str) -> Vec<u8> {
    [b"XML:com.adobe.xmp\0\0\0\0\0", xmp.as_bytes()].concat()
}

/// Makes a file of each format with EXIF, XMP and a profile.
fn files(exif: &[u8], xmp: &str) -> [Vec<u8>; 3] {
    let jpeg_exif = [b"Exif\0\0", exif].concat();
    let jpeg_xmp = [b"http://ns.adobe.com/xap/1.0/\0", xmp.as_bytes()].concat();
    let itxt = itxt_xmp(xmp);
    let raster = || raster8(20, 10, Layout::Rgb);
    [
        with_segments(
            &jpeg(20, 10, (2, 2), false),
            &[
                (0xe1, &jpeg_exif),
                (0xe1, &jpeg_xmp),
                (0xe2, b"ICC_PROFILE\0\x01\x01a profile, more or less"),
                (0xed, b"Photoshop 3.0\08BIM\x04\x0b\0\0\0\0\0\x07caption\0"),
                (0xfe, b"a comment"),
            ],
        ),
        with_chunks(
            &png(raster()),
            &[
                (b"iCCP", b"name\0\0a profile, more or less"),
                (b"eXIf", exif),
                (b"iTXt", &itxt),
                (b"tEXt", b"Comment\0a comment"),
            ],
        ),
        with_riff_chunks(
            &webp(raster(), Encoding::Lossless),
            (20, 10),
            &[
                (b"EXIF", exif),
                (b"XMP ", xmp.as_bytes()),
                (b"ICCP", b"a profile, more or less"),
            ],
        ),
    ]
}

pub(super) fn under(file: &[u8], policy: MetadataPolicy) -> Vec<u8> {
    let mut photo = accept(file);
    apply_policy(&mut photo, policy);
    let output = encode(&photo).unwrap();
    let again = accept(&output);
    assert_eq!(again.orientation, photo.orientation);
    assert_eq!(encode(&again).unwrap(), output);
    output
}

#[test]
fn orientation_is_read_and_kept_in_all_containers() {
    for orientation in Orientation::ALL {
        for little_endian in [true, false] {
            for file in files(&exif(orientation.exif(), little_endian), XMP) {
                let photo = accept(&file);
                assert_eq!(photo.orientation, orientation);
                let upright = if orientation.swaps_sides() {
                    (10, 20)
                } else {
                    (20, 10)
                };
                assert_eq!(photo.upright_size(), upright);
                for policy in [
                    MetadataPolicy::Keep,
                    MetadataPolicy::StripGps,
                    MetadataPolicy::StripAll,
                ] {
                    assert_eq!(
                        accept(&under(&file, policy)).orientation,
                        orientation,
                        "{policy:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_first_exif_segment_decides() {
    let segment = |orientation| [b"Exif\0\0".to_vec(), exif(orientation, true)].concat();
    let (first, second) = (segment(3), segment(6));
    let file = with_segments(
        &jpeg(8, 8, (1, 1), false),
        &[(0xe1, &first), (0xe1, &second)],
    );
    assert_eq!(accept(&file).orientation, Orientation::Rotate180);
}

#[test]
fn a_block_that_goes_does_not_shield_the_next_one() {
    let header = b"Exif\0\0".to_vec();
    let damaged = [header.clone(), b"II*\0\xff\xff\xff\xff".to_vec()].concat();
    let sound = [header, exif(1, true)].concat();
    // With something behind it, an index that is off by one is another segment's.
    for behind in [&[][..], &[(0xfe, &b"a comment"[..])]] {
        let mut segments = vec![(0xe1, &damaged[..]), (0xe1, &sound[..])];
        segments.extend(behind);
        let file = with_segments(&jpeg(8, 8, (1, 1), false), &segments);
        let output = under(&file, MetadataPolicy::StripGps);
        assert!(!contains(&output, &LATITUDE) && !contains(&output, THUMBNAIL));
        assert!(contains(&output, CAMERA));
        assert_eq!(contains(&output, b"a comment"), !behind.is_empty());
    }
}

#[test]
fn keeping_keeps_every_byte_that_is_not_stale() {
    for file in files(&exif(6, true), XMP) {
        let output = under(&file, MetadataPolicy::Keep);
        assert!(contains(&output, &exif(6, true)));
        assert!(contains(&output, b"a profile, more or less"));
        for kept in KEPT_IN_XMP.iter().chain(&PLACES_IN_XMP) {
            assert!(contains(&output, kept.as_bytes()), "{kept}");
        }
        for stale in STALE_IN_XMP {
            assert!(!contains(&output, stale.as_bytes()), "{stale}");
        }
    }
}

#[test]
fn a_packet_without_stale_parts_is_kept_byte_for_byte() {
    let xmp = "<x:xmpmeta xmlns:x='adobe:ns:meta/'>not even closed";
    for file in files(&exif(1, true), xmp) {
        assert!(contains(
            &under(&file, MetadataPolicy::Keep),
            xmp.as_bytes()
        ));
    }
}

#[test]
fn stripping_the_place_leaves_no_byte_of_it() {
    for little_endian in [true, false] {
        for file in files(&exif(8, little_endian), XMP) {
            assert!(contains(&file, &LATITUDE) && contains(&file, THUMBNAIL));
            let output = under(&file, MetadataPolicy::StripGps);
            assert!(!contains(&output, &LATITUDE));
            assert!(!contains(&output, THUMBNAIL));
            assert!(!contains(&output, &[0x88, 0x25]) && !contains(&output, &[0x25, 0x88]));
            for place in PLACES_IN_XMP {
                assert!(!contains(&output, place.as_bytes()), "{place}");
            }
            for kept in KEPT_IN_XMP {
                assert!(contains(&output, kept.as_bytes()), "{kept}");
            }
            assert!(contains(&output, CAMERA) && contains(&output, SERIAL));
            assert!(contains(&output, b"a profile, more or less"));
        }
    }
}

#[test]
fn stripping_all_leaves_profile_and_orientation() {
    for file in files(&exif(6, true), XMP) {
        let output = under(&file, MetadataPolicy::StripAll);
        for gone in [
            &LATITUDE[..],
            THUMBNAIL,
            CAMERA,
            SERIAL,
            b"comment",
            b"caption",
            b"xpacket",
        ] {
            assert!(!contains(&output, gone), "{}", gone.escape_ascii());
        }
        assert!(contains(&output, b"a profile, more or less"));
    }
    for file in files(&exif(1, true), XMP) {
        let output = under(&file, MetadataPolicy::StripAll);
        for exif in [&b"Exif\0\0"[..], b"eXIf", b"EXIF"] {
            assert!(!contains(&output, exif));
        }
    }
}

#[test]
fn what_cannot_be_followed_goes_and_what_can_stays() {
    // A GPS directory beyond the end, and a packet that does not close.
    let mut exif = exif(6, true);
    let pointer = exif.windows(2).position(|w| w == [0x25, 0x88]).unwrap() + 8;
    exif[pointer..pointer + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    for file in files(&exif, "<x exif:GPSLatitude='48,51.5N'") {
        let mut photo = accept(&file);
        apply_policy(&mut photo, MetadataPolicy::StripGps);
        let dropped = photo.metadata.dropped().to_string();
        assert!(dropped.contains("exif-gps;why=asked"), "{dropped}");
        assert!(dropped.contains(";why=not-understood"), "{dropped}");
        let output = encode(&photo).unwrap();
        assert!(!contains(&output, &LATITUDE) && contains(&output, CAMERA));
        assert!(!contains(&output, b"48,51.5N"));
        assert_eq!(accept(&output).orientation, Orientation::Rotate90);
    }
}

#[test]
fn exif_without_a_header_goes_and_the_picture_is_still_turned() {
    let mut exif = exif(6, true);
    exif[2] = 0; // no TIFF
    for file in files(&exif, XMP) {
        let output = under(&file, MetadataPolicy::StripGps);
        assert!(!contains(&output, &LATITUDE) && !contains(&output, CAMERA));
    }
}

#[test]
fn stale_segments_never_leave() {
    let jpeg = with_segments(
        &jpeg(8, 8, (1, 1), false),
        &[
            (0xe2, b"MPF\0stale"),
            (0xe2, b"urn:iso:std:iso:ts:21496:-1\0stale"),
            (0xeb, b"JP\x02\x11stale"),
            (0xe2, b"FPXR\0fresh"),
        ],
    );
    let png = with_chunks(
        &png(raster8(8, 8, Layout::Rgb)),
        &[
            (b"caBX", b"stale"),
            (b"prIV", b"stale"),
            (b"prIv", b"fresh"),
            (b"hIST", b"stale"),
        ],
    );
    let webp = with_riff_chunks(
        &webp(raster8(8, 8, Layout::Rgb), Encoding::Lossless),
        (8, 8),
        &[(b"C2PA", b"stale"), (b"priv", b"fresh")],
    );
    for file in [jpeg, png, webp] {
        let output = under(&file, MetadataPolicy::Keep);
        assert!(!contains(&output, b"stale"));
        assert!(contains(&output, b"fresh"));
    }
}

#[test]
fn damaged_text_goes_with_the_place() {
    let file = with_chunks(
        &png(raster8(8, 8, Layout::Rgb)),
        &[
            (b"zTXt", b"Comment\0\0opaque"),
            (b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0opaque"),
            (b"tEXt", b"Raw profile type exif\0opaque"),
            (b"tEXt", b"exif:GPSLatitude\0opaque"),
            (b"tEXt", b"Title\0clear"),
        ],
    );
    assert!(contains(&under(&file, MetadataPolicy::Keep), b"opaque"));
    let output = under(&file, MetadataPolicy::StripGps);
    assert!(!contains(&output, b"opaque"));
    assert!(contains(&output, b"clear"));
}

#[test]
fn a_png_keeps_its_chunks_on_their_side_of_the_pixels() {
    let mut file = with_chunks(&png(raster8(8, 8, Layout::Rgb)), &[(b"pHYs", &[0; 9])]);
    let end = file.len() - 12;
    file.splice(
        end..end,
        super::samples::png_chunk(*b"tEXt", b"Title\0behind"),
    );
    let output = under(&file, MetadataPolicy::Keep);
    let at = |name: &[u8]| output.windows(name.len()).position(|w| w == name).unwrap();
    assert!(at(b"pHYs") < at(b"IDAT") && at(b"IDAT") < at(b"tEXt"));
}

#[test]
fn damaged_metadata_never_panics() {
    let mut noise = Noise(3);
    for file in files(&exif(6, true), XMP) {
        let metadata: Vec<usize> = [CAMERA, b"II*\0", b"xpacket", b"Container"]
            .iter()
            .map(|name| file.windows(name.len()).position(|w| w == *name).unwrap())
            .collect();
        for _ in 0..2000 {
            let mut photo = {
                let mut damaged = file.clone();
                for _ in 0..4 {
                    let near = metadata[noise.next() as usize % metadata.len()];
                    let at = near + noise.next() as usize % 120;
                    damaged[at] = noise.next() as u8;
                }
                match decode(&damaged, &Limits::default()) {
                    Ok(photo) => photo,
                    // A PNG notices by its checksums.
                    Err(_) => continue,
                }
            };
            let orientation = photo.orientation;
            apply_policy(&mut photo, MetadataPolicy::StripGps);
            let again = accept(&encode(&photo).unwrap());
            assert_eq!(again.orientation, orientation);
        }
    }
}

#[test]
fn formats_name_themselves() {
    let names =
        [Format::Jpeg, Format::Png, Format::WebP].map(|f| (f.content_type(), f.extension()));
    assert_eq!(
        names,
        [
            ("image/jpeg", "jpg"),
            ("image/png", "png"),
            ("image/webp", "webp")
        ]
    );
}
