//! Photoshop image resources (Adobe, "Photoshop File Formats", Image Resource Blocks) and the
//! IPTC-IIM in them.
//!
//! ```text
//! resource   "8BIM"  id 2  name (Pascal string, even)  length 4  data (padded to even)
//! dataset    0x1C  record 1  dataset 1  length 2  data                      IPTC-IIM 4.2, 1.6
//! ```

use md5::{Digest, Md5};

use super::{dropped::Reason, editor::Editor, exif, picture, place};

const IPTC: u16 = 0x0404;
const IPTC_DIGEST: u16 = 0x0425;
const THUMBNAILS: [u16; 2] = [0x0409, 0x040c];
const EXIF: [u16; 2] = [0x0422, 0x0423];
const XMP: u16 = 0x0424;
/// The angle of a light, which readers show as an altitude.
const GLOBAL_ALTITUDE: u16 = 0x0419;
/// Signatures of resources: Photoshop's, and those of programs that took the format over.
const SIGNATURES: [&[u8; 4]; 5] = [b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa"];

struct Resource<'a> {
    id: u16,
    /// Signature, id and name.
    head: &'a [u8],
    data: &'a [u8],
}

/// Splits off the first resource.
fn resource(bytes: &[u8]) -> Option<(Resource<'_>, &[u8])> {
    let (&[s0, s1, s2, s3, i0, i1, name], _) = bytes.split_first_chunk()?;
    if !SIGNATURES.contains(&&[s0, s1, s2, s3]) {
        return None;
    }
    let name_bytes = (1 + usize::from(name)).next_multiple_of(2);
    let (head, rest) = bytes.split_at_checked(6 + name_bytes)?;
    let (&length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    let (data, rest) = rest.split_at_checked(length)?;
    let padding = length % 2;
    let id = u16::from_be_bytes([i0, i1]);
    Some((
        Resource { id, head, data },
        rest.get(padding..).unwrap_or_default(),
    ))
}

/// Returns resources without what `editor` wants removed. Bytes that cannot be read as a resource,
/// with everything after them, stay if nothing is to be stripped.
pub(super) fn edit(mut bytes: &[u8], editor: &mut Editor<'_>) -> Vec<u8> {
    let mut edited = Vec::with_capacity(bytes.len());
    let mut iptc_digests = None;
    while let Some((resource, rest)) = resource(bytes) {
        bytes = rest;
        let Some(mut data) = edit_resource(&resource, editor) else {
            continue;
        };
        if resource.id == IPTC {
            iptc_digests = Some((Md5::digest(resource.data), Md5::digest(&data)));
        }
        // The digest tells Photoshop whether another program changed IPTC.
        if let Some((before, after)) = &iptc_digests
            && resource.id == IPTC_DIGEST
            && data == before[..]
        {
            data = after.to_vec();
        }
        edited.extend_from_slice(resource.head);
        edited.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
        edited.extend_from_slice(&data);
        if data.len() % 2 == 1 {
            edited.push(0);
        }
    }
    if bytes.iter().any(|&byte| byte != 0) {
        if editor.strip {
            editor.leave_out("photoshop-resource", Reason::NotUnderstood);
        } else {
            edited.extend_from_slice(bytes);
        }
    }
    edited
}

/// Returns a resource's data, edited; `None` if it must go.
fn edit_resource(resource: &Resource<'_>, editor: &mut Editor<'_>) -> Option<Vec<u8>> {
    let data = resource.data;
    let leave_out = |editor: &mut Editor<'_>, name: &str, reason| {
        editor.leave_out(name, reason);
        None
    };
    match resource.id {
        id if editor.strip && THUMBNAILS.contains(&id) => {
            return leave_out(editor, "photoshop-thumbnail", Reason::Asked);
        }
        GLOBAL_ALTITUDE if editor.strip => {
            return leave_out(editor, "photoshop-resource", Reason::Asked);
        }
        IPTC if editor.strip => return Some(edit_iptc(data, editor)),
        XMP => {
            let edited = editor.xmp(data);
            return match edited {
                None => leave_out(editor, "photoshop-xmp", Reason::NotUnderstood),
                edited => edited,
            };
        }
        id if EXIF.contains(&id) => {
            let mut tiff = data.to_vec();
            if exif::edit(&mut tiff, editor) {
                return Some(tiff);
            }
            return leave_out(editor, "photoshop-exif", Reason::NotUnderstood);
        }
        _ => {}
    }
    if !editor.strip {
        if picture::find_copies(data, editor.photo).is_empty() {
            return Some(data.to_vec());
        }
        return leave_out(editor, "photoshop-thumbnail", Reason::UnmarkedCopy);
    }
    // Resources that Photoshop documents, 1000 to 1092, paths, and print flags; plug-ins have
    // others.
    let is_known = matches!(resource.id, 0x03e8..=0x0444 | 0x07d0..=0x0bb7 | 0x2710);
    if !is_known || picture::find(data).is_some() || place::is_in_text(data) {
        return leave_out(editor, "photoshop-resource", Reason::NotUnderstood);
    }
    Some(data.to_vec())
}

/// Datasets of record 2 that name a place: content location, city, sublocation, province, country.
const PLACES: [u8; 7] = [26, 27, 90, 92, 95, 100, 101];
/// Datasets of record 2 that are pictures: rasterised caption, preview.
const PICTURES: [u8; 4] = [125, 200, 201, 202];
/// Records of text: envelope, application, news photo. The others are objects (7, 8, 9) or of other
/// programs, some with previews.
const TEXT_RECORDS: std::ops::RangeInclusive<u8> = 1..=3;

/// Returns IPTC-IIM without places and pictures.
pub(super) fn edit_iptc(mut bytes: &[u8], editor: &mut Editor<'_>) -> Vec<u8> {
    let mut edited = Vec::with_capacity(bytes.len());
    while let Some((record, dataset, whole, rest)) = dataset(bytes) {
        bytes = rest;
        let is_place = record == 2 && PLACES.contains(&dataset) || place::is_in_text(whole);
        let is_picture = record == 2 && PICTURES.contains(&dataset)
            || picture::find(whole).is_some()
            || picture::in_base64(whole).is_some();
        if is_place {
            editor.leave_out("iptc-place", Reason::Asked);
        } else if is_picture {
            editor.leave_out("iptc-preview", Reason::Asked);
        } else if TEXT_RECORDS.contains(&record) {
            edited.extend_from_slice(whole);
        } else {
            editor.leave_out("iptc-record", Reason::NotUnderstood);
        }
    }
    if bytes.iter().any(|&byte| byte != 0) {
        editor.leave_out("iptc-record", Reason::NotUnderstood);
    }
    edited
}

/// Splits off the first dataset: record, number, all its bytes, and the rest.
fn dataset(bytes: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let (&[0x1c, record, dataset, high, low], rest) = bytes.split_first_chunk()? else {
        return None;
    };
    let short = usize::from(u16::from_be_bytes([high, low]));
    // An extended dataset has the length of its length here (IIM 1.6.2).
    let (length, head) = if high & 0x80 == 0 {
        (short, 5)
    } else {
        let size = short & 0x7fff;
        let digits = rest.get(..size).filter(|digits| digits.len() <= 4)?;
        let length = digits
            .iter()
            .fold(0, |length, &digit| length << 8 | usize::from(digit));
        (length, 5 + size)
    };
    let (whole, rest) = bytes.split_at_checked(head.checked_add(length)?)?;
    Some((record, dataset, whole, rest))
}
