//! The metadata that travels with the pixels: EXIF, XMP, IPTC, colour profiles, comments.
//!
//! Segments (JPEG), chunks (PNG) and RIFF chunks (WebP) are carried byte for byte in file order, so
//! unknown ones survive too. What must not travel on is decided by [`Metadata::apply`], and named
//! by [`Metadata::dropped`]:
//!
//! * always: what is not true of the new file (media behind the picture, content credentials of the
//!   old one), and pictures that could stand for the photo without the mark;
//! * by [`MetadataPolicy::StripGps`]: every place, every picture, and what is not understood, since
//!   it may hold either;
//! * by [`MetadataPolicy::StripAll`]: all but how the samples are to be shown.
//!
//! ```text
//! segments -> kind -> exif (tiff, maker_note) | xmp | photoshop (iptc) | png_text      each edits its own block
//!                     place, picture                                                   what they all look for
//! ```

mod dropped;
mod editor;
mod exif;
mod kind;
mod maker_note;
mod photoshop;
mod picture;
mod place;
mod png_text;
mod tiff;
mod xmp;

pub use self::dropped::{Dropped, Reason};
use self::{
    editor::Editor,
    kind::{EXIF_HEADER, EXTENDED_XMP_HEADER, Kind, kind},
    png_text::Fate,
};
use super::{format::Format, orientation::Orientation, png::AncillaryChunk, webp::Chunk};

/// Policy on what to remove from a photo's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetadataPolicy {
    /// Keeps everything that is still true and does not hold the photo without the mark.
    #[default]
    Keep,
    /// Removes places (coordinates, altitude, names of places), all smaller pictures, and whatever
    /// is not understood and may hold either.
    StripGps,
    /// Removes everything except colour, pixel density and the orientation.
    StripAll,
}

impl MetadataPolicy {
    const ALL: [Self; 3] = [Self::Keep, Self::StripGps, Self::StripAll];

    /// Returns its name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::StripGps => "strip-gps",
            Self::StripAll => "strip-all",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

/// Everything in a file except the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    format: Format,
    segments: Vec<Segment>,
    dropped: Dropped,
}

/// A piece of metadata as its container has it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The chunk's name. For a JPEG segment its marker: `FF`, marker, 0, 0.
    pub(super) tag: [u8; 4],
    /// The bytes, without length and checksum.
    pub(super) payload: Vec<u8>,
    /// Whether the chunk of a PNG followed the pixels.
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

impl Metadata {
    /// Takes the `APPn` and `COM` segments of a JPEG: marker and payload.
    pub(super) fn from_jpeg(segments: &[(u8, &[u8])]) -> Self {
        let segments = segments.iter().map(|&(marker, payload)| Segment {
            tag: [0xff, marker, 0, 0],
            payload: payload.to_vec(),
            after_pixels: false,
        });
        Self::new(Format::Jpeg, segments.collect())
    }

    /// Takes the ancillary chunks of a PNG. `same_samples` says that layout and depth are still the
    /// file's.
    pub(super) fn from_png(chunks: &[AncillaryChunk<'_>], same_samples: bool) -> Self {
        let (mut segments, mut dropped) = (Vec::new(), Dropped::default());
        for chunk in chunks {
            if !chunk.is_intact {
                dropped.add(&kind::name(Format::Png, chunk.tag), Reason::NotUnderstood);
            } else if !same_samples && matches!(&chunk.tag, b"bKGD" | b"sBIT") {
                dropped.add(&kind::name(Format::Png, chunk.tag), Reason::Stale);
            } else {
                segments.push(Segment {
                    tag: chunk.tag,
                    payload: chunk.payload.to_vec(),
                    after_pixels: chunk.after_pixels,
                });
            }
        }
        let mut metadata = Self::new(Format::Png, segments);
        metadata.dropped = dropped;
        metadata
    }

    /// Takes the chunks of a WebP, the picture's among them.
    pub(super) fn from_webp(chunks: &[Chunk<'_>]) -> Self {
        let segments = chunks.iter().map(|&(tag, payload)| Segment {
            tag,
            payload: payload.to_vec(),
            after_pixels: false,
        });
        Self::new(Format::WebP, segments.collect())
    }

    /// Takes segments except the picture's own.
    fn new(format: Format, mut segments: Vec<Segment>) -> Self {
        segments.retain(|segment| kind(format, segment.tag, &segment.payload) != Kind::Own);
        Self {
            format,
            segments,
            dropped: Dropped::default(),
        }
    }

    /// Records what follows the picture and does not travel on; padding does not count.
    pub(super) fn note_trailer(&mut self, trailer: &[u8]) {
        if trailer.iter().any(|&byte| byte != 0) {
            self.dropped.add("trailer", Reason::Stale);
        }
    }

    /// Records that the header of a JPEG had a thumbnail, which the encoder's own does not have.
    pub(super) fn note_jfif_thumbnail(&mut self) {
        self.dropped.add("jfif-thumbnail", Reason::UnmarkedCopy);
    }

    /// Returns the names of what was left out so far.
    pub fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    fn kind(&self, segment: &Segment) -> Kind {
        kind(self.format, segment.tag, &segment.payload)
    }

    /// Returns the orientation in the first EXIF block that viewers read; upright if there is none
    /// or it is malformed.
    pub(super) fn orientation(&self) -> Orientation {
        self.segments
            .iter()
            .find_map(|segment| match self.kind(segment) {
                Kind::Exif(start)
                    if kind::is_plain_exif(self.format, segment.tag, &segment.payload) =>
                {
                    Some(exif::orientation(segment.payload.get(start..)?))
                }
                _ => None,
            })
            .flatten()
            .unwrap_or_default()
    }

    /// Removes what must not travel on with a photo of that size, and what a policy wants removed.
    /// A viewer still turns the picture as before.
    pub(super) fn apply(
        &mut self,
        policy: MetadataPolicy,
        orientation: Orientation,
        photo: (u32, u32),
    ) {
        let mut dropped = std::mem::take(&mut self.dropped);
        match policy {
            MetadataPolicy::StripAll => self.edit(|metadata, segment| {
                let stays = metadata.kind(segment) == Kind::Display;
                if !stays {
                    dropped.add(&metadata.name(segment), Reason::Asked);
                }
                stays
            }),
            MetadataPolicy::Keep | MetadataPolicy::StripGps => {
                let strip = policy == MetadataPolicy::StripGps;
                let mut editor = Editor::new(strip, photo, &mut dropped);
                self.edit_exif(&mut editor);
                self.edit_xmp(&mut editor);
                self.edit_photoshop(&mut editor);
                self.edit_others(&mut editor);
            }
        }
        self.dropped = dropped;
        if self.orientation() != orientation {
            self.segments
                .insert(0, self.orientation_segment(orientation));
        }
    }

    /// Returns a segment's name by its contents, or the container's name for it.
    fn name(&self, segment: &Segment) -> String {
        match self.kind(segment) {
            Kind::Exif(_) => "exif".to_owned(),
            Kind::Xmp(_) | Kind::ExtendedXmp => "xmp".to_owned(),
            Kind::Photoshop(_) => "photoshop".to_owned(),
            Kind::Picture(name) | Kind::Stale(name) => name.to_owned(),
            _ => kind::name(self.format, segment.tag),
        }
    }

    fn edit(&mut self, mut keep: impl FnMut(&Self, &mut Segment) -> bool) {
        let mut segments = std::mem::take(&mut self.segments);
        segments.retain_mut(|segment| keep(self, segment));
        self.segments = segments;
    }

    /// Edits each EXIF block; one may be split over several segments of a JPEG.
    fn edit_exif(&mut self, editor: &mut Editor<'_>) {
        let is_tiff = |bytes: &[u8]| bytes.starts_with(b"II") || bytes.starts_with(b"MM");
        let groups = self.groups(|kind, payload, before| match kind {
            Kind::Exif(start) => {
                let goes_on = before && self.format == Format::Jpeg && !is_tiff(&payload[start..]);
                Some((start, goes_on))
            }
            _ => None,
        });
        for group in &groups {
            let mut block = self.joined(group);
            let stays = exif::edit(&mut block, editor);
            if !stays {
                editor.leave_out("exif", Reason::NotUnderstood);
            }
            self.distribute(group, stays.then_some(block));
        }
        self.remove_emptied(&groups);
    }

    /// Edits Photoshop resources; those of several segments are one sequence.
    fn edit_photoshop(&mut self, editor: &mut Editor<'_>) {
        let groups = self.groups(|kind, _, before| match kind {
            Kind::Photoshop(start) => Some((start, before)),
            _ => None,
        });
        for group in &groups {
            let block = self.joined(group);
            let edited = photoshop::edit(&block, editor);
            self.distribute(group, (!edited.is_empty()).then_some(edited));
        }
        self.remove_emptied(&groups);
    }

    /// Edits each XMP packet, the extended one first: the main one has its digest.
    fn edit_xmp(&mut self, editor: &mut Editor<'_>) {
        let extended = self.edit_extended_xmp(editor);
        self.edit(|metadata, segment| {
            let Kind::Xmp(start) = metadata.kind(segment) else {
                return true;
            };
            let Some(packet) = editor.main_xmp(&segment.payload[start..], &extended) else {
                editor.leave_out("xmp", Reason::NotUnderstood);
                return false;
            };
            segment.payload.truncate(start);
            segment.payload.extend(packet);
            true
        });
    }

    /// Edits the part of XMP that did not fit into one segment; returns the change to the main
    /// part.
    fn edit_extended_xmp(&mut self, editor: &mut Editor<'_>) -> editor::Extended {
        let is_part = |segment: &&Segment| self.kind(segment) == Kind::ExtendedXmp;
        let parts = self.segments.iter().filter(is_part);
        let parts: Vec<&[u8]> = parts
            .map(|segment| &segment.payload[EXTENDED_XMP_HEADER.len()..])
            .collect();
        if parts.is_empty() {
            return editor::Extended::Same;
        }
        let (fate, written) = editor.extended_xmp(&parts);
        if let Some(written) = written {
            let at = self.segments.iter().position(|s| is_part(&s)).unwrap_or(0);
            self.edit(|metadata, segment| metadata.kind(segment) != Kind::ExtendedXmp);
            let parts = written.into_iter().map(|part| Segment {
                tag: [0xff, 0xe1, 0, 0],
                payload: [EXTENDED_XMP_HEADER, &part].concat(),
                after_pixels: false,
            });
            self.segments.splice(at..at, parts);
        }
        fate
    }

    /// Decides on every other segment.
    fn edit_others(&mut self, editor: &mut Editor<'_>) {
        // A preview of several segments continues in unknown segments of the same marker.
        let mut preview = None;
        self.edit(|metadata, segment| {
            let kind = metadata.kind(segment);
            let goes_on = kind == Kind::Unknown && preview == Some(segment.tag);
            preview = preview.filter(|_| goes_on);
            let name = metadata.name(segment);
            match kind {
                Kind::Stale(_) | Kind::Unsafe => return editor.leave_out(&name, Reason::Stale),
                Kind::Unknown if goes_on => return false,
                Kind::Picture(_) => {
                    let stays = editor.keeps_picture(&segment.payload, &name);
                    if !stays {
                        preview = Some(segment.tag);
                    }
                    return stays;
                }
                Kind::PngText => match png_text::edit(segment.tag, &segment.payload, editor) {
                    Fate::Stays => {}
                    Fate::Changed(payload) => segment.payload = payload,
                    Fate::Goes => return false,
                },
                Kind::Unknown if editor.strip => {
                    return editor.leave_out(&name, Reason::NotUnderstood);
                }
                // Needed to show the samples, or edited already.
                Kind::Display
                | Kind::Exif(_)
                | Kind::Xmp(_)
                | Kind::ExtendedXmp
                | Kind::Photoshop(_) => return true,
                _ => {}
            }
            editor.keeps_rest(&segment.payload, &name, kind == Kind::Text)
        });
    }

    /// Groups segments that hold one block: for each, its index and the offset in its payload where
    /// the block's part starts. `of` gives a segment's start and whether it continues the block
    /// before.
    fn groups(
        &self,
        of: impl Fn(Kind, &[u8], bool) -> Option<(usize, bool)>,
    ) -> Vec<Vec<(usize, usize)>> {
        let mut groups: Vec<Vec<(usize, usize)>> = Vec::new();
        for (index, segment) in self.segments.iter().enumerate() {
            let before = !groups.is_empty();
            match of(self.kind(segment), &segment.payload, before) {
                Some((start, true)) => {
                    if let Some(group) = groups.last_mut() {
                        group.push((index, start));
                    }
                }
                Some((start, false)) => groups.push(vec![(index, start)]),
                None => {}
            }
        }
        groups
    }

    fn joined(&self, group: &[(usize, usize)]) -> Vec<u8> {
        let parts = group
            .iter()
            .map(|&(index, start)| &self.segments[index].payload[start..]);
        parts.collect::<Vec<_>>().concat()
    }

    /// Puts a block back into its segments, of which it may need fewer, since no block gets longer;
    /// without one it needs none. Those that it does not need are emptied.
    fn distribute(&mut self, group: &[(usize, usize)], block: Option<Vec<u8>>) {
        let block = block.unwrap_or_default();
        let mut rest = block.as_slice();
        for &(index, start) in group {
            let payload = &mut self.segments[index].payload;
            let room = payload.len() - start;
            let (part, behind) = rest.split_at(room.min(rest.len()));
            payload.truncate(start);
            payload.extend_from_slice(part);
            rest = behind;
            if part.is_empty() {
                payload.clear();
            }
        }
    }

    /// Removes the segments that were emptied, all at once: until then the indices of every group
    /// are right.
    fn remove_emptied(&mut self, groups: &[Vec<(usize, usize)>]) {
        let of_groups: Vec<usize> = groups.iter().flatten().map(|&(index, _)| index).collect();
        let mut index = 0;
        self.segments.retain(|segment| {
            index += 1;
            !(segment.payload.is_empty() && of_groups.contains(&(index - 1)))
        });
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

    /// Returns the segments as a JPEG has them, to be inserted after the first header.
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

    /// Returns the segments or chunks, in order.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns the chunks of a WebP, in order.
    pub(super) fn webp_chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        self.segments
            .iter()
            .map(|segment| (segment.tag, segment.payload.as_slice()))
    }
}
