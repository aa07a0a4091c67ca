//! Recognises names and texts that say where a photograph was taken.
//!
//! Names are matched by meaning: the same coordinates are `exif:GPSLatitude`,
//! `drone-dji:GpsLongtitude`, `skydio:Latitude`, `geo:lat` or `DCDecimalLatitude`. The words are
//! those of all place properties that `ExifTool` 12.57 knows in XMP, IPTC, PNG and maker notes
//! (`exiftool -listx`).

/// Words that make any name one of a place.
const WORDS: [&str; 25] = [
    "gps",
    "latitude",
    "longitude",
    "longtitude", // as DJI writes it
    "altitude",
    "geolocation",
    "geotag",
    "geodetic",
    "geography",
    "geographic",
    "georeference",
    "georeferenced",
    "location",
    "sublocation",
    "locality",
    "landmark",
    "city",
    "county",
    "municipality",
    "province",
    "country",
    "continent",
    "island",
    "coordinate",
    "coordinates",
];
/// Names that mean a place only by themselves: `State` does, `FlyingState` does not.
const WHOLE_NAMES: [&str; 17] = [
    "lat",
    "lon",
    "lng",
    "long",
    "alt",
    "state",
    "place",
    "places",
    "venue",
    "coverage", // Dublin Core: the spatial or temporal topic
    "worldregion",
    "shotlocation",
    "geo",
    "cellid", // XMP of cell towers
    "lac",
    "mcc",
    "mnc",
];
/// Beginnings of names about other things: the position of something in the picture, the address of
/// the creator or licensor.
const EXCEPTIONS: [&str; 7] = [
    "subjectlocation",
    "focuslocation",
    "focalplane",
    "markerslocation",
    "ciadr",
    "licensor",
    "borderlocation",
];

/// Returns whether a property of that name holds a place. A prefix (`exif:`) does not matter.
pub(super) fn is_name(name: &str) -> bool {
    let name = name.rsplit([':', '/']).next().unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    if EXCEPTIONS.iter().any(|start| lower.starts_with(start)) {
        return false;
    }
    WHOLE_NAMES.contains(&lower.as_str())
        // Writers that do not mark words by capitals: "gpslatitude", "gps_latitude".
        || lower.starts_with("gps")
        || words(name).any(|word| WORDS.contains(&word.as_str()))
}

/// Splits a name where capitals, digits or signs begin a new word: `GPSLatitude` is `gps`,
/// `latitude`.
fn words(name: &str) -> impl Iterator<Item = String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = vec![String::new()];
    for (index, &c) in chars.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| chars[index]);
        let after = chars.get(index + 1);
        let begins = c.is_ascii_uppercase()
            && (before.is_some_and(|b| b.is_ascii_lowercase())
                || after.is_some_and(char::is_ascii_lowercase));
        if begins || !c.is_ascii_alphabetic() {
            words.push(String::new());
        }
        if c.is_ascii_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.into_iter().filter(|word| !word.is_empty())
}

/// Words before a number that make a text one of coordinates.
const LABELS: [&[u8]; 7] = [
    b"latitude",
    b"longitude",
    b"longtitude",
    b"gpslat",
    b"gpslon",
    b"gps position",
    b"gpsposition",
];
/// Bytes after such a word within which the number must begin: `"latitude": "48.2`,
/// `GPSLatitudeRef=N GPSLatitude=48`.
const LABEL_REACH: usize = 24;
/// Shorter labels, as in JSON and URLs, which must stand alone and before a number with decimals:
/// `"lat": 48.2096`.
const SHORT_LABELS: [&[u8]; 4] = [b"lat", b"lon", b"lng", b"geo"];
/// Bytes after such a label within which the number must begin.
const SHORT_REACH: usize = 6;

/// Returns whether a text gives coordinates: a word for them followed by a number, or ISO 6709
/// (`+48.2096+016.3704/`).
///
/// Prose about a place is not recognised; three letters by chance are not enough. Time is linear in
/// the text's length.
pub(super) fn is_in_text(text: &[u8]) -> bool {
    text.iter().enumerate().any(|(at, byte)| {
        let rest = &text[at..];
        match byte {
            b'l' | b'L' | b'g' | b'G' => is_label(&text[..at], rest),
            b'+' | b'-' => is_iso_6709(rest),
            _ => false,
        }
    })
}

/// Returns whether a text that may be in UTF-16 gives coordinates. In UTF-16 Latin letters are
/// ASCII with zeros between.
pub(super) fn is_in_wide_text(text: &[u8]) -> bool {
    let narrow: Vec<u8> = text.iter().copied().filter(|&byte| byte != 0).collect();
    is_in_text(&narrow)
}

/// Returns whether a text begins with a label that is followed by a number.
fn is_label(before: &[u8], text: &[u8]) -> bool {
    let behind = |label: &&[u8]| {
        let (start, behind) = text.split_at_checked(label.len())?;
        start.eq_ignore_ascii_case(label).then_some(behind)
    };
    let is_long = LABELS.iter().filter_map(behind).any(|behind| {
        let near = &behind[..behind.len().min(LABEL_REACH)];
        near.iter().any(u8::is_ascii_digit)
    });
    let is_short = |behind| stands_alone(before, behind);
    is_long || SHORT_LABELS.iter().filter_map(behind).any(is_short)
}

/// Returns whether a label stands by itself, with a decimal number soon after it.
fn stands_alone(before: &[u8], behind: &[u8]) -> bool {
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
    if is_letter(before.last()) || is_letter(behind.first()) {
        return false;
    }
    let Some(start) = behind.iter().take(SHORT_REACH).position(u8::is_ascii_digit) else {
        return false;
    };
    let number = &behind[start..];
    let digits = |bytes: &[u8]| {
        bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let whole = digits(number);
    number.get(whole) == Some(&b'.') && digits(&number[whole + 1..]) >= 2
}

/// Returns whether a text begins with a point by ISO 6709, annex H, in degrees with a fraction, as
/// films and phones write it.
fn is_iso_6709(text: &[u8]) -> bool {
    let signed = |text: &[u8], digits: usize| -> Option<usize> {
        let [b'+' | b'-', number @ ..] = text else {
            return None;
        };
        // At most as many as a point has: a flood of digits is not walked at every sign.
        let count = |text: &[u8]| {
            text.iter()
                .take(12)
                .take_while(|b| b.is_ascii_digit())
                .count()
        };
        let whole = count(number);
        let more = count(number.get(whole + 1..)?);
        (whole == digits && number.get(whole) == Some(&b'.') && more >= 2)
            .then_some(1 + whole + 1 + more)
    };
    signed(text, 2).is_some_and(|length| signed(&text[length..], 3).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_places_are_recognised_whatever_their_spelling() {
        for name in [
            "exif:GPSLatitude",
            "GpsLongtitude",
            "drone-skydio:Latitude",
            "AbsoluteAltitude",
            "geo:lat",
            "gps_longitude",
            "gpslatituderef",
            "photoshop:City",
            "photoshop:State",
            "Iptc4xmpCore:Location",
            "LocationShown",
            "ProvinceState",
            "Iptc4xmpExt:WorldRegion",
            "CountryCode",
            "dc:coverage",
            "xmpDM:shotLocation",
            "EarthPosLatitude",
            "decimalLatitude",
            "Location",
            "cell:mcc",
        ] {
            assert!(is_name(name), "{name}");
        }
    }

    #[test]
    fn names_of_other_things_are_not() {
        for name in [
            "exif:SubjectLocation",
            "AltTextAccessibility",
            "xmpDM:altTapeName",
            "FlyingState",
            "Iptc4xmpCore:CiAdrCity",
            "plus:LicensorCountry",
            "mwg-rs:Regions",
            "ISOSpeedLatitudeyyy",
            "GeometricDistortionParams",
            "Capacity",
            "Velocity",
            "photoshop:AuthorsPosition",
            "xmpMM:DerivedFromPlacedXResolution",
            "Relocation",
            "YCbCrPositioning",
            "CreateDate",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_text_gives_coordinates_only_with_numbers() {
        for text in [
            &b"{\"latitude\": 48.2096, \"longitude\": 16.37}"[..],
            b"GPS Position : 48 deg",
            b"exif:GPSLatitude=48/1",
            b"loc +48.2096+016.3704/",
            b"Longitude=\"16,22.2E\"",
            b"{\"lat\":48.2096,\"lng\":16.3704}",
            b"geo:48.2096,16.3704",
        ] {
            assert!(is_in_text(text), "{}", text.escape_ascii());
        }
        for text in [
            &b"the gps was off"[..],
            b"gpsgpsgps 12",
            b"exposure latitude of film",
            b"+1.25-0.5/",
            b"a 48.2 b",
            b"flat=3.14159",
            b"lat 3",
            b"plates 12.25",
            b"",
        ] {
            assert!(!is_in_text(text), "{}", text.escape_ascii());
        }
    }
}
