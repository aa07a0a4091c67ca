//! XMP in the places and shapes that make editing it hard: extended, in UTF-16, followed by
//! remains, in pieces that overlap.

use super::{
    super::{MetadataPolicy, apply_policy, encode},
    policies::{PLACES_IN_XMP, XMP, contains, under},
    samples::{accept, jpeg, with_segments},
};

/// A JPEG with these bytes as its packet.
fn with_packet(bytes: &[u8]) -> Vec<u8> {
    let segment = [b"http://ns.adobe.com/xap/1.0/\0", bytes].concat();
    with_segments(&jpeg(8, 8, (1, 1), false), &[(0xe1, &segment)])
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Bytes of a part of an extended packet here.
const PART: usize = 1000;

/// Splits an extended packet into segments as the XMP specification does.
fn extended_segments(text: &str) -> Vec<Vec<u8>> {
    let length = u32::try_from(text.len()).unwrap();
    let parts = text.as_bytes().chunks(PART).enumerate();
    parts
        .map(|(index, part)| {
            let offset = u32::try_from(PART * index).unwrap();
            let mut segment = b"http://ns.adobe.com/xmp/extension/\0".to_vec();
            segment.extend(b"0123456789ABCDEF0123456789ABCDEF");
            segment.extend(length.to_be_bytes());
            segment.extend(offset.to_be_bytes());
            segment.extend(part);
            segment
        })
        .collect()
}

#[test]
fn extended_xmp_loses_what_goes_and_keeps_its_place_in_the_main_packet() {
    let main = "<x xmlns:xmpNote=\"http://ns.adobe.com/xmp/note/\" \
        xmpNote:HasExtendedXMP=\"0123456789ABCDEF0123456789ABCDEF\" kept=\"1\"/>";
    let main = [b"http://ns.adobe.com/xap/1.0/\0", main.as_bytes()].concat();
    let file = |extended: &str| {
        let extended = extended_segments(extended);
        let mut segments: Vec<(u8, &[u8])> = vec![(0xe1, &main)];
        segments.extend(extended.iter().map(|segment| (0xe1, segment.as_slice())));
        with_segments(&jpeg(8, 8, (1, 1), false), &segments)
    };
    let harmless = file(
        "<depth xmlns:d='http://ns.google.com/photos/1.0/depthmap/'>....................</depth>",
    );
    let gain_map = file(
        "<x:g xmlns:x='adobe:ns:meta/' xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version='1.0'>.....</x:g>",
    );
    let placed = file(
        "<x:p xmlns:x='adobe:ns:meta/' xmlns:exif='http://ns.adobe.com/exif/1.0/' exif:GPSLatitude='48,51.5N'>...</x:p>",
    );
    let mixed = file(&format!(
        "<r xmlns:exif='http://ns.adobe.com/exif/1.0/' note='stays, gpsgps{}'><exif:GPSLatitude>48,51.5N</exif:GPSLatitude></r>",
        ".".repeat(70_000)
    ));
    let broken = file("<p kept='0' but='gps by chance'");
    for (file, policy, stays) in [
        (&harmless, MetadataPolicy::Keep, true),
        (&harmless, MetadataPolicy::StripGps, true),
        (&harmless, MetadataPolicy::StripAll, false),
        (&gain_map, MetadataPolicy::Keep, false),
        (&placed, MetadataPolicy::Keep, true),
        (&placed, MetadataPolicy::StripGps, false),
        (&mixed, MetadataPolicy::StripGps, true),
        (&broken, MetadataPolicy::Keep, true),
        (&broken, MetadataPolicy::StripGps, false),
    ] {
        let output = under(file, policy);
        assert_eq!(contains(&output, b"HasExtendedXMP"), stays, "{policy:?}");
        assert_eq!(contains(&output, b"xmp/extension/"), stays, "{policy:?}");
        assert_eq!(
            contains(&output, b"kept"),
            policy != MetadataPolicy::StripAll
        );
        if policy == MetadataPolicy::StripGps {
            assert!(!contains(&output, b"48,51.5N"));
        }
    }
    // The rest is a whole packet under a digest of its own, which the main packet has, too.
    let output = under(&mixed, MetadataPolicy::StripGps);
    let digest = |name: &[u8]| {
        let at = output.windows(name.len()).position(|w| w == name).unwrap() + name.len();
        output[at..at + 32].to_vec()
    };
    assert_eq!(digest(b"HasExtendedXMP=\""), digest(b"xmp/extension/\0"));
    assert_ne!(
        digest(b"xmp/extension/\0"),
        b"0123456789ABCDEF0123456789ABCDEF"
    );
    assert!(contains(&output, b"stays, gpsgps"));
}

#[test]
fn xmp_in_utf_16_and_with_remains_behind_it_is_edited() {
    let packet = XMP.replace("begin=\"\"", "begin=\"\u{feff}\"");
    let longer = format!("{packet}</rdf:RDF><exif:GPSLatitude>48,51.5N</exif:GPSLatitude>");
    for bytes in [wide(&packet), longer.into_bytes()] {
        let file = with_packet(&bytes);
        let output = under(&file, MetadataPolicy::StripGps);
        assert!(contains(&output, b"A &amp; B > C"));
        for place in PLACES_IN_XMP {
            assert!(!contains(&output, place.as_bytes()), "{place}");
            assert!(!contains(&output, &wide(place)), "{place}");
        }
    }
}

#[test]
fn an_element_goes_after_its_attributes_went() {
    // The attribute goes because of its name; then the element because of its value.
    let inner = "latitude 48.2096";
    for packet in [
        format!(
            "<x:a xmlns:x='adobe:ns:meta/'><p GPSLatitude='1' kept='1'>{inner}</p><q>stays</q></x:a>"
        ),
        format!("<p GPSLatitude='1' kept='1'>{inner}</p>"),
        format!("<o><p GPSLatitude='1'><q GPSLongitude='2'/><r>{inner}</r></p></o>"),
        format!(
            "<o GPSAltitude='{inner}'><p GPSLatitude='1' note='{inner}'/><p GPSLatitude='1' note='{inner}'>x</p></o>"
        ),
    ] {
        let output = under(&with_packet(packet.as_bytes()), MetadataPolicy::StripGps);
        assert!(
            !contains(&output, b"48.2096") && !contains(&output, b"GPSL"),
            "{packet}"
        );
        assert_eq!(contains(&output, b"stays"), packet.contains("stays"));
    }
}

#[test]
fn a_packet_that_would_get_longer_goes() {
    // Two bytes a letter in UTF-16, three in UTF-8: it would not fit into its segment any more.
    let text = format!(
        "<x>{}<exif:GPSLatitude>1</exif:GPSLatitude></x>",
        "\u{65e5}".repeat(32_000)
    );
    let mut photo = accept(&with_packet(&wide(&text)));
    apply_policy(&mut photo, MetadataPolicy::StripGps);
    assert_eq!(
        photo.metadata.dropped().to_string(),
        "xmp;why=not-understood"
    );
    accept(&encode(&photo).unwrap());
}
