//! Blocks of metadata for the corpus, each with a place or a picture, and with values that no
//! policy removes (`KEEP...`).

#![expect(clippy::too_many_lines, reason = "lists of cases")]

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    super::samples::jpeg,
    tiff::{Value, Writer, text},
};

/// The small picture that must not stay.
pub(super) fn small() -> Vec<u8> {
    jpeg(160, 120, (2, 2), false)
}

const NAMESPACES: &str = r#"xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/"
 xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" xmlns:drone-skydio="https://www.skydio.com/drone-skydio/1.0/"
 xmlns:geo="http://www.w3.org/2003/01/geo/wgs84_pos#" xmlns:pmi="http://prismstandard.org/namespaces/pmi/2.2/"
 xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" xmlns:mediapro="http://ns.iview-multimedia.com/mediapro/1.0/"
 xmlns:Device="http://ns.google.com/photos/dd/1.0/device/" xmlns:xmpDM="http://ns.adobe.com/xmp/1.0/DynamicMedia/"
 xmlns:cell="http://developer.sonyericsson.com/cell/1.0/" xmlns:dwc="http://rs.tdwg.org/dwc/index.htm"
 xmlns:dcterms="http://purl.org/dc/terms/" xmlns:photomechanic="http://ns.camerabits.com/photomechanic/1.0/"
 xmlns:ast="http://ns.nikon.com/asteroid/1.0/" xmlns:GImage="http://ns.google.com/photos/1.0/image/"
 xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/" xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"
 xmlns:xmpNote="http://ns.adobe.com/xmp/note/""#;

/// An XMP packet with these attributes and elements besides artist and rights.
pub(super) fn xmp(attributes: &str, elements: &str) -> Vec<u8> {
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\" {NAMESPACES} \
         tiff:Artist=\"KEEPARTIST\" {attributes}>{elements}<dc:rights><rdf:Alt><rdf:li xml:lang=\"x-default\">KEEPRIGHTS</rdf:li>\
         </rdf:Alt></dc:rights></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>"
    )
    .into_bytes()
}

/// XMP packets that name a place or hold a picture, by name.
pub(super) fn xmp_packets() -> Vec<(&'static str, Vec<u8>)> {
    let lines: Vec<String> = BASE64_STANDARD
        .encode(small())
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let thumbnail = format!(
        "<xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType=\"Resource\"><xmpGImg:width>160</xmpGImg:width>\
         <xmpGImg:height>120</xmpGImg:height><xmpGImg:format>JPEG</xmpGImg:format><xmpGImg:image>{}</xmpGImg:image></rdf:li>\
         </rdf:Alt></xmp:Thumbnails>",
        lines.join("&#xA;")
    );
    let attributes = |attributes| xmp(attributes, "");
    let elements = |elements| xmp("", elements);
    vec![
        (
            "exif",
            attributes(
                r#"exif:GPSLatitude="48,12.5N" exif:GPSLongitude="16,22.2E" exif:GPSAltitude="170/1""#,
            ),
        ),
        (
            "elements",
            elements(
                "<exif:GPSLatitude>48,12.5N</exif:GPSLatitude><exif:GPSLongitude>16,22.2E</exif:GPSLongitude>",
            ),
        ),
        (
            "dji",
            attributes(
                r#"drone-dji:GpsLatitude="48.2" drone-dji:GpsLongtitude="16.3" drone-dji:RelativeAltitude="+10""#,
            ),
        ),
        (
            "skydio",
            attributes(r#"drone-skydio:Latitude="48.2096" drone-skydio:Longitude="16.3704""#),
        ),
        (
            "names",
            attributes(
                r#"photoshop:City="Vienna" photoshop:State="Wien" photoshop:Country="Austria" Iptc4xmpCore:Location="Ring" Iptc4xmpCore:CountryCode="AT""#,
            ),
        ),
        (
            "structures",
            elements(
                "<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li rdf:parseType=\"Resource\"><Iptc4xmpExt:City>Vienna</Iptc4xmpExt:City>\
             <exif:GPSLatitude>48,12N</exif:GPSLatitude></rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>\
             <Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li Iptc4xmpExt:City=\"Graz\"/></rdf:Bag></Iptc4xmpExt:LocationShown>",
            ),
        ),
        (
            "geo",
            attributes(r#"geo:lat="48.2" geo:long="16.3" geo:alt="170""#),
        ),
        (
            "agencies",
            attributes(
                r#"pmi:location="Vienna" prism:location="Vienna" mediapro:Location="Vienna" xmpDM:shotLocation="Vienna""#,
            ),
        ),
        (
            "device",
            attributes(
                r#"Device:EarthPosLatitude="48.2" Device:EarthPosLongitude="16.3" Device:EarthPosAltitude="170""#,
            ),
        ),
        (
            "cell",
            attributes(r#"cell:mcc="232" cell:lac="1" cell:cellid="12""#),
        ),
        ("coverage", elements("<dc:coverage>Vienna</dc:coverage>")),
        (
            "darwin",
            elements(
                "<dcterms:Location rdf:parseType=\"Resource\"><dwc:decimalLatitude>48.2</dwc:decimalLatitude>\
             <dwc:locality>Vienna</dwc:locality></dcterms:Location>",
            ),
        ),
        (
            "makers",
            attributes(r#"photomechanic:CountryCode="AUT" ast:GPSLatitude="48.2""#),
        ),
        ("thumbnail", elements(&thumbnail)),
        (
            "described",
            elements(
                "<dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">GPSLatitude: 48.2 N</rdf:li></rdf:Alt></dc:description>",
            ),
        ),
    ]
}

/// IPTC-IIM with places, and artist and rights.
pub(super) fn iptc() -> Vec<u8> {
    let places = [
        (90, "Vienna"),
        (92, "Ring"),
        (95, "Wien"),
        (100, "AUT"),
        (101, "Austria"),
        (26, "AUT"),
        (27, "Prater"),
    ];
    let kept = [(80, "KEEPARTIST"), (116, "KEEPRIGHTS")];
    places
        .into_iter()
        .chain(kept)
        .flat_map(|(number, text)| dataset(number, text.as_bytes()))
        .collect()
}

/// A dataset of record 2.
pub(super) fn dataset(number: u8, text: &[u8]) -> Vec<u8> {
    let length = (text.len() as u16).to_be_bytes();
    [&[0x1c, 2, number], &length[..], text].concat()
}

/// A row of Photoshop resources: id and data.
pub(super) fn resources(resources: &[(u16, &[u8])]) -> Vec<u8> {
    let resource = |&(id, data): &(u16, &[u8])| {
        let length = (data.len() as u32).to_be_bytes();
        let padding: &[u8] = if data.len() % 2 == 1 { &[0] } else { &[] };
        [
            b"8BIM",
            &id.to_be_bytes()[..],
            &[0, 0],
            &length,
            data,
            padding,
        ]
        .concat()
    };
    resources.iter().flat_map(resource).collect()
}

/// A thumbnail resource of Photoshop.
pub(super) fn photoshop_thumbnail() -> Vec<u8> {
    let jpeg = small();
    let head = [1, 160, 120, 480, 57_600, jpeg.len() as u32, 24 << 16 | 1];
    let head: Vec<u8> = head
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    [head, jpeg].concat()
}

/// The directory of GPS.
fn gps(writer: Writer) -> Value {
    Value::Directory(vec![
        (1, text("N")),
        (2, writer.rationals(&[48, 1, 12, 1, 345_679, 10_000])),
        (3, text("E")),
        (4, writer.rationals(&[16, 1, 22, 1, 123_457, 10_000])),
        (6, writer.rationals(&[170, 1])),
        (0x1d, text("2024:01:01")),
    ])
}

/// An EXIF block with these entries besides camera, artist, rights and a serial number.
pub(super) fn exif(
    writer: Writer,
    make: &str,
    first: Vec<(u16, Value)>,
    second: Vec<(u16, Value)>,
    thumbnail: Option<&[u8]>,
) -> Vec<u8> {
    let mut below = vec![
        (0x9003, text("2024:01:01 10:00:00")),
        (0xa431, text("KEEPSERIAL")),
        (0x829a, writer.rationals(&[1, 125])),
    ];
    below.extend(second);
    let mut entries = vec![
        (0x010f, text(make)),
        (0x0110, text("KEEPMODEL")),
        (0x0112, writer.short(6)),
        (0x013b, text("KEEPARTIST")),
        (0x8298, text("KEEPRIGHTS")),
        (0x8769, Value::Directory(below)),
    ];
    entries.extend(first);
    writer.block(entries, thumbnail)
}

/// EXIF with GPS and nothing else to remove.
pub(super) fn exif_with_gps(writer: Writer) -> Vec<u8> {
    exif(
        writer,
        "ACME",
        vec![(0x8825, gps(writer))],
        Vec::new(),
        None,
    )
}

/// EXIF blocks that name a place or hold a picture, by name.
pub(super) fn exif_blocks(writer: Writer) -> Vec<(&'static str, Vec<u8>)> {
    let undefined = |bytes: &[u8]| Value::Plain(7, bytes.to_vec());
    let jpeg = small();
    let packet = xmp_packets().remove(0).1;
    let plain = |first, second| exif(writer, "ACME", first, second, None);
    let note = |make: &str, head: &[u8], entries, has_own_base| {
        let note = Value::Note(head.to_vec(), entries, has_own_base);
        exif(writer, make, Vec::new(), vec![(0x927c, note)], None)
    };
    let order: &[u8] = if writer.is_little { b"II" } else { b"MM" };
    let photoshop = resources(&[(0x0404, &iptc()), (0x040c, &photoshop_thumbnail())]);
    vec![
        ("gps", exif_with_gps(writer)),
        (
            "thumbnail",
            exif(writer, "ACME", Vec::new(), Vec::new(), Some(&jpeg)),
        ),
        (
            "preview",
            plain(
                vec![(
                    0x014a,
                    Value::Directory(vec![
                        (0x00fe, writer.long(1)),
                        (0x0201, undefined(&jpeg)),
                        (0x0202, writer.long(jpeg.len())),
                    ]),
                )],
                Vec::new(),
            ),
        ),
        (
            "xmp",
            plain(vec![(0x02bc, Value::Plain(1, packet))], Vec::new()),
        ),
        (
            "iptc",
            plain(vec![(0x83bb, undefined(&iptc()))], Vec::new()),
        ),
        (
            "photoshop",
            plain(vec![(0x8649, undefined(&photoshop))], Vec::new()),
        ),
        (
            "geotiff",
            plain(
                vec![
                    (0x8482, writer.doubles(&[0.0, 0.0, 0.0, 16.3, 48.2, 0.0])),
                    (0x830e, writer.doubles(&[1.0, 1.0, 0.0])),
                    (
                        0x87af,
                        Value::Plain(
                            3,
                            [1_u16, 1, 0, 1, 1024, 0, 1, 2]
                                .iter()
                                .flat_map(|&n| writer.u16(n))
                                .collect(),
                        ),
                    ),
                    (0x87b1, text("WGS 84")),
                ],
                Vec::new(),
            ),
        ),
        (
            "comment",
            plain(
                Vec::new(),
                vec![(
                    0x9286,
                    undefined(b"ASCII\0\0\0latitude 48.2 longitude 16.3"),
                )],
            ),
        ),
        (
            "panasonic",
            note(
                "Panasonic",
                b"Panasonic\0\0\0",
                vec![
                    (0x0025, undefined(b"KEEPMAKERNOTE\0\0\0")),
                    (0x0069, undefined(&b"Austria\0".repeat(3))),
                    (0x006d, undefined(&b"Vienna\0\0".repeat(3))),
                    (0x006f, undefined(&b"Prater\0\0".repeat(3))),
                ],
                false,
            ),
        ),
        (
            "sony",
            note(
                "SONY",
                b"SONY DSC \0\0\0",
                vec![(0x2001, undefined(&jpeg)), (0xb020, text("KEEPMAKERNOTE"))],
                false,
            ),
        ),
        (
            "apple",
            note(
                "Apple",
                &[b"Apple iOS\0\0\x01", order].concat(),
                vec![
                    (0x0011, text("STALE-LIVE-PHOTO")),
                    (0x002b, text("KEEPMAKERNOTE")),
                ],
                true,
            ),
        ),
        (
            "unknown note",
            plain(
                Vec::new(),
                vec![(0x927c, undefined(&[b"WHO KNOWS", &jpeg[..]].concat()))],
            ),
        ),
    ]
}
