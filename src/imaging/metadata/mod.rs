//! What travels with the pixels: EXIF, XMP, IPTC, colour profiles, comments.
//!
//! Segments (JPEG), chunks (PNG) and RIFF chunks (WebP) are carried byte for byte in file order, so
//! what nobody understands survives too. Two things are left out on the way in, because the output
//! would lie with them: descriptions of appended media that is gone (MPF, gain maps, motion
//! photos), and content credentials, which a new picture voids. [`MetadataPolicy`] then removes
//! what the owner does not want.
//!
//! Not covered by [`MetadataPolicy::StripGps`]: place names in IPTC (APP13), comments and maker
//! notes.

mod exif;
mod kind;
mod xmp;

use self::kind::{EXIF_HEADER, EXTENDED_XMP_HEADER, Kind, kind};
use super::{Format, Orientation, png::AncillaryChunk, webp::Chunk};

/// What to remove from a photo's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetadataPolicy {
    /// Nothing.
    #[default]
    Keep,
    /// Coordinates, and the thumbnail, which may show what was cropped away.
    StripGps,
    /// Everything but colour, pixel density and the orientation.
    StripAll,
}

/// Everything in the file that is not the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    format: Format,
    segments: Vec<Segment>,
}

/// A piece of metadata as its container has it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The chunk's name. A JPEG segment has its marker here: `FF`, marker, 0, 0.
    pub(super) tag: [u8; 4],
    /// The bytes, without length and checksum.
    pub(super) payload: Vec<u8>,
    /// In a PNG, whether the chunk stood behind the pixels.
    pub(super) after_pixels: bool,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}({} bytes)",
            self.tag.escape_ascii(),
            self.payload.len()
        )
    }
}

/// A segment that is still in its file.
struct Borrowed<'a> {
    tag: [u8; 4],
    payload: &'a [u8],
    after_pixels: bool,
}

/// What follows [`EXTENDED_XMP_HEADER`] before the text: a digest, the whole length, and this
/// part's offset.
const EXTENDED_XMP_PART_BYTES: usize = 32 + 4 + 4;

impl Metadata {
    /// Takes the `APPn` and `COM` segments of a JPEG: marker and payload.
    pub(super) fn from_jpeg(segments: &[(u8, &[u8])]) -> Self {
        let segments = segments.iter().map(|&(marker, payload)| Borrowed {
            tag: [0xff, marker, 0, 0],
            payload,
            after_pixels: false,
        });
        Self::without_stale(Format::Jpeg, segments)
    }

    /// Takes the ancillary chunks of a PNG. `same_samples` says that layout and depth are still the
    /// file's.
    pub(super) fn from_png(chunks: &[AncillaryChunk<'_>], same_samples: bool) -> Self {
        let segments = chunks
            .iter()
            .filter(|chunk| same_samples || !matches!(&chunk.tag, b"bKGD" | b"sBIT"))
            .map(|chunk| Borrowed {
                tag: chunk.tag,
                payload: chunk.payload,
                after_pixels: chunk.after_pixels,
            });
        Self::without_stale(Format::Png, segments)
    }

    /// Takes the chunks of a WebP, the picture's among them.
    pub(super) fn from_webp(chunks: &[Chunk<'_>]) -> Self {
        let segments = chunks.iter().map(|&(tag, payload)| Borrowed {
            tag,
            payload,
            after_pixels: false,
        });
        Self::without_stale(Format::WebP, segments)
    }

    fn without_stale<'a>(format: Format, segments: impl Iterator<Item = Borrowed<'a>>) -> Self {
        let segments = segments
            .filter(|segment| kind(format, segment.tag, segment.payload) != Kind::Stale)
            .map(|segment| Segment {
                tag: segment.tag,
                payload: segment.payload.to_vec(),
                after_pixels: segment.after_pixels,
            });
        let mut metadata = Self {
            format,
            segments: segments.collect(),
        };
        metadata.edit_xmp(xmp::Removal::Stale);
        metadata
    }

    fn kind(&self, segment: &Segment) -> Kind {
        kind(self.format, segment.tag, &segment.payload)
    }

    /// Returns the orientation in the first EXIF block; upright if there is none or it is
    /// malformed.
    pub(super) fn orientation(&self) -> Orientation {
        self.segments
            .iter()
            .find_map(|segment| match self.kind(segment) {
                Kind::Exif(start) => Some(exif::orientation(&segment.payload[start..])),
                _ => None,
            })
            .flatten()
            .unwrap_or_default()
    }

    /// Removes what a policy wants removed. A viewer still turns the picture as before.
    pub(super) fn apply(&mut self, policy: MetadataPolicy, orientation: Orientation) {
        match policy {
            MetadataPolicy::Keep => {}
            MetadataPolicy::StripGps => {
                self.edit_xmp(xmp::Removal::Place);
                self.edit_exif();
                self.retain(|kind, segment| kind != Kind::Opaque && !names_a_place(segment));
            }
            MetadataPolicy::StripAll => self.retain(|kind, _| kind == Kind::Display),
        }
        if self.orientation() != orientation {
            self.segments
                .insert(0, self.orientation_segment(orientation));
        }
    }

    fn retain(&mut self, keep: impl Fn(Kind, &Segment) -> bool) {
        let mut segments = std::mem::take(&mut self.segments);
        segments.retain(|segment| keep(self.kind(segment), segment));
        self.segments = segments;
    }

    /// Removes the place and the thumbnail from every EXIF block; a block that cannot be parsed
    /// goes.
    fn edit_exif(&mut self) {
        self.edit(|kind, segment| match kind {
            Kind::Exif(start) => exif::remove_place(&mut segment.payload[start..]).is_some(),
            _ => true,
        });
    }

    /// Removes properties from XMP. A packet that has some and cannot be edited goes, and so does
    /// the extended part, whose digest is in the main packet.
    fn edit_xmp(&mut self, removal: xmp::Removal) {
        let extended: Vec<u8> = self
            .segments
            .iter()
            .filter(|segment| self.kind(segment) == Kind::ExtendedXmp)
            .filter_map(|segment| {
                let header = EXTENDED_XMP_HEADER.len() + EXTENDED_XMP_PART_BYTES;
                segment.payload.get(header..)
            })
            .flatten()
            .copied()
            .collect();
        let drop_extended = removal.may_concern(&extended);
        self.edit(|kind, segment| match kind {
            Kind::Xmp(start) => {
                let Some(packet) = xmp::edit(&segment.payload[start..], removal, drop_extended)
                else {
                    return false;
                };
                segment.payload.truncate(start);
                segment.payload.extend(packet);
                true
            }
            Kind::ExtendedXmp => !drop_extended,
            _ => true,
        });
    }

    fn edit(&mut self, mut keep: impl FnMut(Kind, &mut Segment) -> bool) {
        let mut segments = std::mem::take(&mut self.segments);
        segments.retain_mut(|segment| keep(self.kind(segment), segment));
        self.segments = segments;
    }

    fn orientation_segment(&self, orientation: Orientation) -> Segment {
        let tiff = exif::minimal(orientation);
        let (tag, payload) = match self.format {
            Format::Jpeg => ([0xff, 0xe1, 0, 0], [EXIF_HEADER, &tiff].concat()),
            Format::Png => (*b"eXIf", tiff),
            Format::WebP => (*b"EXIF", tiff),
        };
        Segment {
            tag,
            payload,
            after_pixels: false,
        }
    }

    /// Returns the segments as a JPEG has them, ready to stand behind the first header.
    pub(super) fn to_jpeg(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for segment in &self.segments {
            // The payload came out of a segment and was not made longer.
            let length = u16::try_from(segment.payload.len() + 2).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&segment.tag[..2]);
            bytes.extend(length.to_be_bytes());
            bytes.extend_from_slice(&segment.payload);
        }
        bytes
    }

    /// Returns the chunks of a PNG, in order.
    pub(super) fn png_chunks(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// Returns the chunks of a WebP, in order.
    pub(super) fn webp_chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        self.segments
            .iter()
            .map(|segment| (segment.tag, segment.payload.as_slice()))
    }
}

/// Tells whether a PNG text chunk's keyword is about coordinates, as `ImageMagick`'s
/// `exif:GPSLatitude`.
fn names_a_place(segment: &Segment) -> bool {
    matches!(&segment.tag, b"tEXt" | b"iTXt")
        && segment
            .payload
            .split(|&byte| byte == 0)
            .next()
            .is_some_and(|keyword| keyword.to_ascii_lowercase().windows(3).any(|w| w == b"gps"))
}
