//! The colours of a picture that has few of them.

use super::super::raster::{Layout, Raster, Samples, SamplesMut};

/// Most colours of a palette.
pub(crate) const MAX_COLOURS: usize = 256;
/// Slots of the hash table of colours: a power of two, four for each colour.
const SLOTS: usize = 4 * MAX_COLOURS;

/// A picture of at most 256 colours: the colours, and the index of each pixel's colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette {
    /// Red, green, blue and alpha (255 if there is none), each colour once, in ascending order of
    /// alpha, then of red, green and blue.
    pub colours: Vec<[u8; 4]>,
    /// Index into `colours` of each pixel, row-major.
    pub indices: Vec<u8>,
}

impl Palette {
    /// Finds the colours of an 8-bit colour picture; `None` if there are more than 256 or the
    /// picture is another one.
    pub fn of(raster: &Raster) -> Option<Self> {
        let Samples::U8(samples) = raster.samples() else {
            return None;
        };
        match raster.layout() {
            Layout::Rgb => {
                let (pixels, _) = samples.as_chunks::<3>();
                Self::of_colours(pixels.iter().map(|&[r, g, b]| [r, g, b, u8::MAX]))
            }
            Layout::Rgba => Self::of_colours(samples.as_chunks::<4>().0.iter().copied()),
            Layout::Gray | Layout::GrayAlpha => None,
        }
    }

    /// Writes the pixels whose index is `chosen` into an 8-bit colour picture of the same size.
    pub fn paint(&self, raster: &mut Raster, chosen: impl Fn(u8) -> bool) {
        let channels = raster.layout().channels();
        let SamplesMut::U8(samples) = raster.samples_mut() else {
            return;
        };
        let pixels = samples.chunks_exact_mut(channels).zip(&self.indices);
        for (pixel, &index) in pixels.filter(|&(_, &index)| chosen(index)) {
            pixel.copy_from_slice(&self.colours[usize::from(index)][..channels]);
        }
    }

    /// Counts the visible pixels of each colour: none of a colour that is fully transparent.
    pub fn visible_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.colours.len()];
        for &index in &self.indices {
            counts[usize::from(index)] += 1;
        }
        for (count, colour) in counts.iter_mut().zip(&self.colours) {
            if colour[3] == 0 {
                *count = 0;
            }
        }
        counts
    }

    fn of_colours(pixels: impl Iterator<Item = [u8; 4]>) -> Option<Self> {
        let mut found: Vec<[u8; 4]> = Vec::new();
        let mut indices = Vec::new();
        let mut slots = [None::<u8>; SLOTS];
        for colour in pixels {
            // Knuth's multiplicative hash; the next slots are tried in order.
            let mut slot = (u32::from_le_bytes(colour).wrapping_mul(2_654_435_761) >> 22) as usize;
            let index = loop {
                match slots[slot] {
                    Some(index) if found[usize::from(index)] == colour => break index,
                    Some(_) => slot = (slot + 1) % SLOTS,
                    None => {
                        let index = u8::try_from(found.len()).ok()?;
                        found.push(colour);
                        slots[slot] = Some(index);
                        break index;
                    }
                }
            };
            indices.push(index);
        }
        let mut order: Vec<u8> = (0..=u8::MAX).take(found.len()).collect();
        order.sort_unstable_by_key(|&index| {
            let [r, g, b, alpha] = found[usize::from(index)];
            [alpha, r, g, b]
        });
        let mut place = [0; MAX_COLOURS];
        for (new, &old) in (0..=u8::MAX).zip(&order) {
            place[usize::from(old)] = new;
        }
        for index in &mut indices {
            *index = place[usize::from(*index)];
        }
        Some(Self {
            colours: order.iter().map(|&old| found[usize::from(old)]).collect(),
            indices,
        })
    }
}
