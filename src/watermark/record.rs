//! The record that the service keeps of a protected photo: about 20 KB, none of it a picture; 1 KB
//! under strict privacy.
//!
//! ```text
//! version 1   2       field
//! 4           4       "LTW" and the version
//! 4 + 4       4 + 4   upright width and height, pixels, u32
//! 4           4       strength g, f32
//! 32          32      digest of the protected pixels
//! 4096        1024    host sums h, companded i8: four bands of 32 x 32 tiles; 16 x 16 in version 2
//! 1024        16      expected mark, u8: round(16 log2(g m)) + 160, 0 for none; 32 x 32 tiles; 4 x 4 parts in version 2
//! ...         -       sections: tag u8, length u32, that many bytes; a reader skips the tags that it does not know
//!
//! tag 1   keypoints of the unmarked picture, 37 bytes each, at most 400      keypoints/section.rs
//! tag 2   coarse colour of a photo in colour, 512 bytes                      chroma.rs
//! tag 3   fingerprint of the unmarked picture, 32 bytes                      fingerprint.rs
//! tag 4   coarse luma, 256 bytes                                             levels.rs
//! ```
//!
//! All numbers are little-endian. h is the keyed sum of the *unmarked* picture; without the key it
//! cannot be told from noise. The expected mark is nominal: it follows from the mask alone, never
//! from the signs, which the false-positive bound of [`super::signal::score`] rests on.
//!
//! A record may lack any section: early ones do, and detection then does without. Version 2 is that
//! of strict privacy: someone who holds such a record and the key cannot make out anything of the
//! picture (measured: docs/watermark.md). It has no sections at all, so that nothing added to them
//! ever gets into it.

use std::fmt;

use super::{
    error::WatermarkError,
    features::{
        chroma::HiddenChroma,
        fingerprint::Fingerprint,
        keypoints::{self, Keypoint},
        levels::HiddenLevels,
    },
    layout::{TILES, Tiling},
    privacy::RecordPrivacy,
    signal::{
        carrier::{BANDS, Sums},
        companding,
    },
};

/// The first bytes of a record.
const MAGIC: [u8; 3] = *b"LTW";
/// Bytes before the host sums.
const HEAD_BYTES: usize = 4 + 3 * 4 + 32;
/// Tag of the section with the keypoints.
const KEYPOINTS: u8 = 1;
/// Tag of the section with the coarse colour.
const CHROMA: u8 = 2;
/// Tag of the section with the fingerprint.
const FINGERPRINT: u8 = 3;
/// Tag of the section with the coarse luma.
const LEVELS: u8 = 4;
/// Codes of the expected mark per octave.
const CODES_PER_OCTAVE: f64 = 16.0;
/// Code of an expected mark of 1 grey level RMS. The codes 1..=255 span 0.001..=61 grey levels.
const UNIT_CODE: f64 = 160.0;

/// All that detection needs of the original photo, apart from its key.
#[derive(Clone, PartialEq)]
pub struct Record {
    privacy: RecordPrivacy,
    width: u32,
    height: u32,
    strength: f32,
    pixel_digest: [u8; 32],
    /// Companded host sums, in the order of [`Sums`].
    host: Vec<i8>,
    /// Expected mark of each tile or part, logarithmic, row-major.
    mark: Vec<u8>,
    /// Fingerprint of the unmarked picture; `None` in older records.
    fingerprint: Option<Fingerprint>,
    /// Keypoints of the unmarked picture; empty if they were not kept.
    keypoints: Vec<Keypoint>,
    /// Coarse colour; `None` for grey photos and older records.
    chroma: Option<HiddenChroma>,
    /// Coarse luma; `None` in older records.
    levels: Option<HiddenLevels>,
}

impl Record {
    /// Makes a record from the upright size in pixels, the host sums of every tile, and the
    /// expected mark of each in grey levels RMS.
    pub(super) fn new(
        privacy: RecordPrivacy,
        size: (u32, u32),
        strength: f32,
        host: &Sums,
        mark: &[f32],
    ) -> Self {
        let host = &host.on(privacy.tiling());
        let mark = means(mark, privacy.mark_side());
        Self {
            privacy,
            width: size.0,
            height: size.1,
            strength,
            pixel_digest: [0; 32],
            host: compress_sums(host),
            mark: mark.iter().map(|&mark| compress_mark(mark)).collect(),
            fingerprint: None,
            keypoints: Vec::new(),
            chroma: None,
            levels: None,
        }
    }

    /// Sets the keypoints of the unmarked picture, with the precision of a record.
    pub(super) fn set_keypoints(&mut self, keypoints: &[Keypoint]) {
        self.keypoints = keypoints::as_kept(keypoints);
    }

    /// Returns the keypoints of the unmarked picture; empty if they were not kept.
    pub(super) fn keypoints(&self) -> &[Keypoint] {
        &self.keypoints
    }

    /// Sets the digest of the pixels that are sent.
    pub(super) fn set_pixel_digest(&mut self, digest: [u8; 32]) {
        self.pixel_digest = digest;
    }

    /// Adds the coarse colour of the photo.
    pub(super) fn set_chroma(&mut self, chroma: HiddenChroma) {
        self.chroma = Some(chroma);
    }

    /// Returns the coarse colour of the photo, if it is kept.
    pub(super) fn chroma(&self) -> Option<&HiddenChroma> {
        self.chroma.as_ref()
    }

    /// Adds the coarse luma of the photo.
    pub(super) fn set_levels(&mut self, levels: HiddenLevels) {
        self.levels = Some(levels);
    }

    /// Returns the coarse luma of the photo, if it is kept.
    pub(super) fn levels(&self) -> Option<&HiddenLevels> {
        self.levels.as_ref()
    }

    /// Sets the fingerprint of the unmarked picture.
    pub(super) fn set_fingerprint(&mut self, fingerprint: Fingerprint) {
        self.fingerprint = Some(fingerprint);
    }

    /// Returns the fingerprint of the unmarked picture, if the record has one.
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        self.fingerprint.as_ref()
    }

    /// Returns the width in pixels of the protected photo as a viewer shows it.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the height in pixels of the protected photo as a viewer shows it.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns the strength g that the photo was marked with.
    pub fn strength(&self) -> f32 {
        self.strength
    }

    /// Returns the digest of the protected pixels, as [`crate::imaging::pixel_digest`] gives it.
    pub fn pixel_digest(&self) -> &[u8; 32] {
        &self.pixel_digest
    }

    /// Returns the limit on what the record may show.
    pub fn privacy(&self) -> RecordPrivacy {
        self.privacy
    }

    /// Returns the resolution of the record's sums.
    pub(super) fn tiling(&self) -> Tiling {
        self.privacy.tiling()
    }

    pub(super) fn host_sums(&self) -> Sums {
        expand_sums(self.tiling(), &self.host)
    }

    /// Returns the expected mark in grey levels RMS, one number for each sum of a band.
    pub(super) fn mark(&self) -> Vec<f32> {
        let (side, kept) = (self.tiling().side(), self.privacy.mark_side());
        (0..side * side)
            .map(|at| self.mark[at / side * kept / side * kept + at % side * kept / side])
            .map(expand_mark)
            .collect()
    }

    /// Serialises the record in the format of the module's head.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.host.len() + self.mark.len());
        bytes.extend(MAGIC);
        bytes.push(self.privacy.version());
        bytes.extend(self.width.to_le_bytes());
        bytes.extend(self.height.to_le_bytes());
        bytes.extend(self.strength.to_le_bytes());
        bytes.extend(self.pixel_digest);
        bytes.extend(self.host.iter().map(|code| code.cast_unsigned()));
        bytes.extend(&self.mark);
        self.put_sections(&mut bytes);
        bytes
    }

    fn put_sections(&self, bytes: &mut Vec<u8>) {
        if !self.keypoints.is_empty() {
            put_section(bytes, KEYPOINTS, &keypoints::to_bytes(&self.keypoints));
        }
        if let Some(chroma) = &self.chroma {
            put_section(bytes, CHROMA, chroma.to_bytes());
        }
        if let Some(fingerprint) = self.fingerprint {
            put_section(bytes, FINGERPRINT, &fingerprint.to_bytes());
        }
        if let Some(levels) = &self.levels {
            put_section(bytes, LEVELS, levels.to_bytes());
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`WatermarkError::InvalidRecord`] if the bytes are of another version, cut short or out of
    /// range.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WatermarkError> {
        let mut rest = bytes;
        let magic: [u8; 3] = take(&mut rest)?;
        let [version] = take(&mut rest)?;
        let privacy = [RecordPrivacy::Full, RecordPrivacy::Strict]
            .into_iter()
            .find(|privacy| magic == MAGIC && privacy.version() == version)
            .ok_or(WatermarkError::InvalidRecord("unknown magic or version"))?;
        let width = u32::from_le_bytes(take(&mut rest)?);
        let height = u32::from_le_bytes(take(&mut rest)?);
        let strength = f32::from_le_bytes(take(&mut rest)?);
        let pixel_digest = take(&mut rest)?;
        let host = take_many(&mut rest, BANDS * privacy.tiling().count())?;
        let mark = take_many(&mut rest, privacy.mark_side() * privacy.mark_side())?;
        if privacy == RecordPrivacy::Strict && !rest.is_empty() {
            return Err(WatermarkError::InvalidRecord("a strict one has sections"));
        }

        if width == 0 || height == 0 {
            return Err(WatermarkError::InvalidRecord("a side of length zero"));
        }
        if !(strength.is_finite() && strength > 0.0) {
            return Err(WatermarkError::InvalidRecord(
                "a strength that is not positive",
            ));
        }
        let host: Vec<i8> = host.iter().map(|code| code.cast_signed()).collect();
        if host.contains(&i8::MIN) {
            return Err(WatermarkError::InvalidRecord("a host sum out of range"));
        }
        let mut record = Self {
            privacy,
            width,
            height,
            strength,
            pixel_digest,
            host,
            mark: mark.to_vec(),
            keypoints: Vec::new(),
            chroma: None,
            levels: None,
            fingerprint: None,
        };
        record.read_sections(rest)?;
        Ok(record)
    }

    /// Reads the sections that this version knows and skips the others.
    fn read_sections(&mut self, mut rest: &[u8]) -> Result<(), WatermarkError> {
        while let Some((tag, section)) = take_section(&mut rest)? {
            match tag {
                KEYPOINTS => self.keypoints = keypoints::from_bytes(section)?,
                CHROMA => self.chroma = Some(HiddenChroma::from_bytes(section)?),
                FINGERPRINT => self.fingerprint = Some(Fingerprint::from_bytes(section)?),
                LEVELS => self.levels = Some(HiddenLevels::from_bytes(section)?),
                _ => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("privacy", &self.privacy)
            .field("width", &self.width)
            .field("height", &self.height)
            .field("strength", &self.strength)
            .finish_non_exhaustive()
    }
}

/// Compands sums as a record keeps them.
pub(super) fn compress_sums(sums: &Sums) -> Vec<i8> {
    sums.values()
        .iter()
        .map(|&sum| companding::compress(sum))
        .collect()
}

/// Expands the codes of sums.
pub(super) fn expand_sums(tiling: Tiling, codes: &[i8]) -> Sums {
    Sums::from_fn(tiling, |index| companding::expand(codes[index]))
}

/// Returns the means over a square of `side` x `side` equal parts of the 32 x 32 tiles.
fn means(tiles: &[f32], side: usize) -> Vec<f32> {
    let part = TILES / side;
    let share = 1.0 / (part * part) as f32;
    let mut means = vec![0.0; side * side];
    for (tile, value) in tiles.iter().enumerate() {
        means[tile / TILES / part * side + tile % TILES / part] += share * value;
    }
    means
}

/// Returns the code of an expected mark in grey levels RMS.
fn compress_mark(mark: f32) -> u8 {
    if mark <= 0.0 {
        return 0;
    }
    let code = CODES_PER_OCTAVE * f64::from(mark).log2() + UNIT_CODE;
    code.round().clamp(1.0, 255.0) as u8
}

/// Returns the expected mark of a code, in grey levels RMS.
fn expand_mark(code: u8) -> f32 {
    if code == 0 {
        return 0.0;
    }
    ((f64::from(code) - UNIT_CODE) / CODES_PER_OCTAVE).exp2() as f32
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], WatermarkError> {
    let (head, tail) = rest
        .split_first_chunk()
        .ok_or(WatermarkError::InvalidRecord("it ends too early"))?;
    *rest = tail;
    Ok(*head)
}

fn take_many<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], WatermarkError> {
    let (head, tail) = rest
        .split_at_checked(count)
        .ok_or(WatermarkError::InvalidRecord("it ends too early"))?;
    *rest = tail;
    Ok(head)
}

fn put_section(bytes: &mut Vec<u8>, tag: u8, section: &[u8]) {
    bytes.push(tag);
    bytes.extend((section.len() as u32).to_le_bytes());
    bytes.extend(section);
}

/// Takes the next section, as its tag and its bytes; `None` at the end.
fn take_section<'a>(rest: &mut &'a [u8]) -> Result<Option<(u8, &'a [u8])>, WatermarkError> {
    if rest.is_empty() {
        return Ok(None);
    }
    let [tag] = take(rest)?;
    let length = u32::from_le_bytes(take(rest)?) as usize;
    let (section, tail) = rest
        .split_at_checked(length)
        .ok_or(WatermarkError::InvalidRecord("a section ends too early"))?;
    *rest = tail;
    Ok(Some((tag, section)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::watermark::layout::TILE_COUNT;

    fn example() -> Record {
        example_of(RecordPrivacy::Full)
    }

    fn example_of(privacy: RecordPrivacy) -> Record {
        let host = Sums::from_fn(Tiling::Fine, |i| (i as f32 - 2000.0) * 0.37);
        let mark: Vec<f32> = (0..TILE_COUNT).map(|tile| tile as f32 * 0.003).collect();
        let mut record = Record::new(privacy, (640, 480), 0.42, &host, &mark);
        record.set_pixel_digest([0xD1; 32]);
        record
    }

    #[test]
    fn a_record_comes_back_from_its_bytes() {
        for (privacy, length) in [(RecordPrivacy::Full, 5168), (RecordPrivacy::Strict, 1088)] {
            let record = example_of(privacy);
            let bytes = record.to_bytes();
            assert_eq!(bytes.len(), length);
            assert_eq!(Record::from_bytes(&bytes).unwrap(), record);
        }
    }

    #[test]
    fn chroma_comes_back_and_a_section_of_another_length_is_refused() {
        let mut record = example();
        let section: Vec<u8> = (0..512).map(|at| (at % 251) as u8).collect();
        record.set_chroma(HiddenChroma::from_bytes(&section).unwrap());
        let mut bytes = record.to_bytes();
        assert_eq!(bytes.len(), 5168 + 5 + 512);
        assert_eq!(Record::from_bytes(&bytes).unwrap(), record);
        bytes.extend([CHROMA, 1, 0, 0, 0, 9]);
        assert!(Record::from_bytes(&bytes).is_err());
    }

    #[test]
    fn keypoints_travel_in_a_section() {
        let mut record = example();
        let keypoint = Keypoint {
            x: 0.3,
            y: 0.7,
            angle: 1.0,
            scale: 1.2,
            descriptor: [1, 2, 3, 4],
        };
        record.set_keypoints(&[keypoint.clone(), keypoint]);
        let bytes = record.to_bytes();
        assert_eq!(bytes.len(), 5168 + 5 + 2 * 37);
        let read = Record::from_bytes(&bytes).unwrap();
        assert_eq!(read, record);
        assert_eq!(read.keypoints().len(), 2);
        let mut torn = bytes;
        torn.truncate(5168);
        torn.extend([1, 36, 0, 0, 0]);
        torn.extend([0; 36]);
        assert!(Record::from_bytes(&torn).is_err(), "not a whole keypoint");
    }

    #[test]
    fn a_record_keeps_its_fingerprint() {
        let mut record = example();
        let look = Fingerprint::from_bytes(&[0x5A; 32]).unwrap();
        record.set_fingerprint(look);
        let bytes = record.to_bytes();
        assert_eq!(bytes.len(), 5168 + 5 + 32);
        let read = Record::from_bytes(&bytes).unwrap();
        assert_eq!((read.fingerprint(), &read), (Some(&look), &record));
        assert!(Record::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn unknown_sections_are_skipped_and_cut_ones_refused() {
        let mut bytes = example().to_bytes();
        bytes.extend([200, 3, 0, 0, 0, 1, 2, 3]);
        assert_eq!(Record::from_bytes(&bytes).unwrap(), example());
        for missing in 1..8 {
            let cut = &bytes[..bytes.len() - missing];
            assert!(Record::from_bytes(cut).is_err(), "{missing} missing");
        }
    }

    #[test]
    fn impossible_fields_are_refused() {
        let good = example().to_bytes();
        let damage: [(usize, &[u8]); 5] = [
            (3, &[3]),
            (4, &[0; 4]),
            (12, &f32::NAN.to_le_bytes()),
            (12, &(-1.0_f32).to_le_bytes()),
            (48, &[0x80]),
        ];
        for (at, patch) in damage {
            let mut bytes = good.clone();
            bytes[at..at + patch.len()].copy_from_slice(patch);
            assert!(Record::from_bytes(&bytes).is_err(), "at {at}");
        }
    }

    #[test]
    fn the_expected_mark_is_kept_to_a_32nd_of_an_octave() {
        assert_eq!(expand_mark(compress_mark(0.0)).to_bits(), 0.0_f32.to_bits());
        for mark in [0.002_f32, 0.05, 0.21, 1.0, 7.3, 60.0] {
            let kept = expand_mark(compress_mark(mark));
            assert!(
                (kept / mark).log2().abs() <= 1.0 / 32.0 + 1e-4,
                "{mark} {kept}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_back(
            start in proptest::bool::ANY,
            tail in proptest::collection::vec(proptest::num::u8::ANY, 0..6000),
        ) {
            let mut bytes = if start { b"LTW\x01".to_vec() } else { Vec::new() };
            bytes.extend(tail);
            if let Ok(record) = Record::from_bytes(&bytes) {
                let written = record.to_bytes();
                prop_assert_eq!(&bytes[..written.len()], &written[..]);
            }
        }
    }
}
