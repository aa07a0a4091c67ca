//! Maker notes: a manufacturer's own data in EXIF.
//!
//! Those of the makers below are directories like EXIF's own. Their start, the base of their
//! pointers, and the tags that hold a place or a picture, or speak of media beside the photo, are
//! as `ExifTool` 12.57 documents them (tag tables of `MakerNotes`, `Apple`, `Canon`, `Casio`,
//! `Minolta`, `Nikon`, `Olympus`, `Panasonic`, `Pentax`, `Samsung`, `Sanyo`, `Sigma`, `Sony`).
//! Notes of other shape are not understood.

use std::ops::Range;

use super::{
    dropped::Reason,
    tiff::{ByteOrder, Directory},
};

/// Most entries of a note: one with more was read in the wrong byte order.
const MOST_ENTRIES: usize = 400;

/// Tags of one maker's notes.
struct Maker {
    /// Tags that hold a place.
    places: &'static [u16],
    /// Tags of pictures, their positions and sizes.
    pictures: &'static [u16],
    /// Tags that speak of media that are not in the file: the film of a live photo, a gain map.
    stale: &'static [u16],
    /// Tag of a directory below the note, and that directory's tags of pictures.
    below: Option<(u16, &'static [u16])>,
}

const PLAIN: Maker = Maker {
    places: &[],
    pictures: &[],
    stale: &[],
    below: None,
};
const APPLE: Maker = Maker {
    // ContentIdentifier, LivePhotoVideoIndex, HDRHeadroom, HDRGain
    stale: &[0x0011, 0x0017, 0x0021, 0x0030],
    ..PLAIN
};
const CANON: Maker = Maker {
    places: &[0x0035], // the city of a time zone
    pictures: &[0x00b6],
    ..PLAIN
};
const CASIO: Maker = Maker {
    places: &[0x3006],
    pictures: &[0x0002, 0x0003, 0x0004, 0x2000],
    ..PLAIN
};
const NIKON: Maker = Maker {
    places: &[0x0039, 0x00c3], // the second: altitude of a barometer
    pictures: &[0x0011, 0x0e0e],
    ..PLAIN
};
const OLYMPUS: Maker = Maker {
    below: Some((0x2020, &[0x0100, 0x0101, 0x0102])), // camera settings
    pictures: &[
        0x0081, 0x0088, 0x0089, 0x0100, 0x0280, 0x0f04, 0x0f05, 0x0f06, 0x1035, 0x1036, 0x1037,
    ],
    ..PLAIN
};
const MINOLTA: Maker = Maker {
    pictures: &[0x0081, 0x0088, 0x0089],
    ..PLAIN
};
const SIGMA: Maker = Maker {
    pictures: &[0x001a, 0x001b, 0x001c, 0x001d, 0x001e],
    ..PLAIN
};
const SANYO: Maker = Maker {
    pictures: &[0x0100],
    ..PLAIN
};
const PANASONIC: Maker = Maker {
    places: &[0x003a, 0x0067, 0x0069, 0x006b, 0x006d, 0x006f, 0x0080],
    ..PLAIN
};
const PENTAX: Maker = Maker {
    places: &[0x0022, 0x0023, 0x0024, 0x1000, 0x1001],
    pictures: &[0x0002, 0x0003, 0x0004],
    ..PLAIN
};
const SAMSUNG: Maker = Maker {
    places: &[0x0030, 0x0031],
    pictures: &[0x0035],
    ..PLAIN
};
const SONY: Maker = Maker {
    pictures: &[0x2001, 0xb02c],
    ..PLAIN
};

/// A note that is understood.
pub(super) struct MakerNote {
    maker: &'static Maker,
    directory: Directory,
    /// Position in the block from which its pointers count.
    base: usize,
}

impl MakerNote {
    /// Recognises the note that lies at `range` of an EXIF block of that byte order.
    pub(super) fn read(
        block: &[u8],
        range: &Range<usize>,
        order: ByteOrder,
        make: &[u8],
    ) -> Option<Self> {
        let note = block.get(range.clone())?;
        let own = range.start;
        let starts = |name: &[u8]| note.starts_with(name);
        let made_by = |name: &str| {
            make.get(..name.len())
                .is_some_and(|make| make.eq_ignore_ascii_case(name.as_bytes()))
        };
        let (maker, start, base): (&Maker, usize, usize) = if starts(b"Apple iOS\0") {
            (&APPLE, 14, own)
        } else if starts(b"Nikon\0\x02") {
            (&NIKON, 18, own + 10)
        } else if starts(b"Nikon\0\x01") {
            (&NIKON, 8, 0)
        } else if starts(b"OLYMPUS\0") {
            (&OLYMPUS, 12, own)
        } else if starts(b"OM SYSTEM\0") {
            (&OLYMPUS, 16, own)
        } else if starts(b"OLYMP\0") || starts(b"EPSON\0") {
            (&OLYMPUS, 8, 0)
        } else if starts(b"Panasonic\0") {
            (&PANASONIC, 12, 0)
        } else if starts(b"FUJIFILM") {
            (&PLAIN, ByteOrder::Little.u32_at(note, 8)?, own)
        } else if starts(b"SONY DSC") || starts(b"SONY CAM") || starts(b"SONY MOBILE") {
            (&SONY, 12, 0)
        } else if starts(b"PENTAX \0") {
            (&PENTAX, 10, own)
        } else if starts(b"AOC\0") {
            (&PENTAX, 6, 0)
        } else if starts(b"QVC\0") || starts(b"DCI\0") {
            (&CASIO, 6, 0)
        } else if starts(b"SIGMA\0") {
            (&SIGMA, 10, 0)
        } else if starts(b"SANYO\0") {
            (&SANYO, 8, 0)
        } else if starts(b"MOT\0") {
            (&PLAIN, 8, own)
        } else if made_by("Minolta") || made_by("Konica Minolta") {
            (&MINOLTA, 0, 0)
        } else if made_by("Canon") {
            (&CANON, 0, 0)
        } else if made_by("samsung") {
            (&SAMSUNG, 0, own)
        } else {
            return None;
        };
        let note_end = range.end;
        // Some makers write their notes in one order, whatever the block's is.
        [order, order.other()].into_iter().find_map(|order| {
            let directory = Directory::read(&block[..note_end], order, own.checked_add(start)?)?;
            let count = usize::from(order.u16_at(block, directory.position)?);
            let whole = count == directory.entries.len() && (1..=MOST_ENTRIES).contains(&count);
            let typed = directory
                .entries
                .iter()
                .all(|entry| entry.length().is_some());
            (whole && typed).then_some(Self {
                maker,
                directory,
                base,
            })
        })
    }

    /// Removes entries that speak of media that are gone, and with `strip` those that hold a place
    /// or a picture; their values are overwritten. Returns names of what was removed.
    pub(super) fn edit(&self, block: &mut [u8], strip: bool) -> Vec<(&'static str, Reason)> {
        let maker = self.maker;
        let of = |tag: u16| match tag {
            _ if maker.stale.contains(&tag) => Some(("exif-maker-note-media", Reason::Stale)),
            _ if strip && maker.places.contains(&tag) => {
                Some(("exif-maker-note-place", Reason::Asked))
            }
            _ if strip && maker.pictures.contains(&tag) => {
                Some(("exif-maker-note-picture", Reason::Asked))
            }
            _ => None,
        };
        let mut names = Vec::new();
        for entry in &self.directory.entries {
            let Some(name) = of(entry.tag) else { continue };
            names.push(name);
            if let Some(value) = entry.value(block, self.directory.order, self.base) {
                block[value].fill(0);
            }
        }
        if strip && let Some((tag, pictures)) = maker.below {
            self.edit_below(block, tag, pictures);
        }
        if !names.is_empty() {
            self.directory
                .retain(block, |entry| of(entry.tag).is_none());
        }
        names
    }

    /// Removes the entries of a directory below the note that point at a picture. The picture
    /// itself is found by its first bytes.
    fn edit_below(&self, block: &mut [u8], tag: u16, pictures: &[u16]) {
        let order = self.directory.order;
        let below = self
            .directory
            .find(tag)
            .and_then(|entry| order.u32_at(block, entry.position + 8))
            .and_then(|offset| Directory::read(block, order, self.base.checked_add(offset)?));
        if let Some(below) = below
            && below.position > self.directory.position
        {
            below.retain(block, |entry| !pictures.contains(&entry.tag));
        }
    }

    /// Returns the positions of values that lie outside the note itself, as some makers' do.
    pub(super) fn outside<'a>(
        &'a self,
        block: &'a [u8],
        range: &'a Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        let kept =
            |tag: &u16| !self.maker.places.contains(tag) && !self.maker.pictures.contains(tag);
        let entries = self.directory.entries.iter();
        entries
            .filter(move |entry| kept(&entry.tag))
            .filter_map(|entry| entry.value(block, self.directory.order, self.base))
            .filter(|value| value.start < range.start || value.end > range.end)
    }
}
