//! Pictures inside a received picture, without its borders, bars and margins.
//!
//! ```text
//! exact   lines at the edge in which all samples are within 6 grey levels of the line's median
//! loose   lines in which more than half of them are: bars with writing on them
//! ```
//!
//! A framed photo has another fingerprint than the photo; without the frame it has its own again. A
//! smooth sky may be cut off as well, therefore the picture as received is always looked up too.

use crate::{
    imaging::Plane,
    watermark::sampling::resample::{Taps, resample},
};

/// Largest deviation, in grey levels, of a plain line's samples from their median.
const PLAIN: f32 = 6.0;
/// Least side of a picture inside another: one in this many of its samples.
const LEAST_SHARE: usize = 4;

/// Columns and rows of a part of a picture: from (included), to (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watermark) struct Frame {
    pub(in crate::watermark) x: (usize, usize),
    pub(in crate::watermark) y: (usize, usize),
}

impl Frame {
    /// Resamples the part to the 256 x 256 grid.
    pub(in crate::watermark) fn grid(self, picture: &Plane) -> Plane {
        let mut part = Plane::new(self.x.1 - self.x.0, self.y.1 - self.y.0);
        for (y, row) in (self.y.0..self.y.1).enumerate() {
            part.row_mut(y)
                .copy_from_slice(&picture.row(row)[self.x.0..self.x.1]);
        }
        resample(
            &part,
            &Taps::to_grid(part.width()),
            &Taps::to_grid(part.height()),
        )
    }
}

/// Returns the whole picture and the pictures that may be inside it, each once.
pub(in crate::watermark) fn frames(picture: &Plane) -> Vec<Frame> {
    let whole = Frame {
        x: (0, picture.width()),
        y: (0, picture.height()),
    };
    let mut found = vec![whole];
    for plain_share in [1.0, 0.5] {
        let inside = trim(picture, whole, plain_share);
        let enough = |(from, to): (usize, usize), side: usize| (to - from) * LEAST_SHARE >= side;
        if enough(inside.x, picture.width())
            && enough(inside.y, picture.height())
            && !found.contains(&inside)
        {
            found.push(inside);
        }
    }
    found
}

/// Cuts off plain rows, then plain columns of what is left, then rows again.
fn trim(picture: &Plane, mut frame: Frame, share: f64) -> Frame {
    for turn in 0..3 {
        let Frame { x, y } = frame;
        if turn % 2 == 0 {
            frame.y = inner(y, |row| {
                is_plain(picture.row(row)[x.0..x.1].to_vec(), share)
            });
        } else {
            frame.x = inner(x, |column| {
                let line = (y.0..y.1).map(|row| picture.row(row)[column]).collect();
                is_plain(line, share)
            });
        }
    }
    frame
}

/// Returns the lines left after cutting the plain ones off both ends; all of them if all are plain.
fn inner((from, to): (usize, usize), is_plain: impl Fn(usize) -> bool) -> (usize, usize) {
    let Some(first) = (from..to).find(|&line| !is_plain(line)) else {
        return (from, to);
    };
    let last = (first..to).rev().find(|&line| !is_plain(line));
    (first, last.map_or(to, |last| last + 1))
}

/// Returns whether a share of a line's samples is near its median.
fn is_plain(mut line: Vec<f32>, share: f64) -> bool {
    let middle = line.len() / 2;
    if line.is_empty() {
        return true;
    }
    let (_, median, _) = line.select_nth_unstable_by(middle, f32::total_cmp);
    let median = *median;
    let near = line
        .iter()
        .filter(|sample| (**sample - median).abs() <= PLAIN);
    near.count() as f64 >= share * line.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 60 x 40 picture of squares inside 100 x 80, with grey around it and a dotted line in the
    /// bar above, up to column 95.
    fn framed() -> Plane {
        let mut picture = Plane::new(100, 80);
        for y in 0..80 {
            for (x, sample) in picture.row_mut(y).iter_mut().enumerate() {
                let inside = (20..80).contains(&x) && (25..65).contains(&y);
                *sample = if inside {
                    ((x * 37 + y * 91) % 255) as f32
                } else if y == 7 && x % 5 == 0 {
                    250.0
                } else {
                    128.0
                };
            }
        }
        picture
    }

    #[test]
    fn borders_are_cut_off_and_the_whole_is_kept() {
        let picture = framed();
        let whole = Frame {
            x: (0, 100),
            y: (0, 80),
        };
        let strict = Frame {
            x: (0, 96),
            y: (7, 65),
        };
        let loose = Frame {
            x: (20, 80),
            y: (25, 65),
        };
        assert_eq!(frames(&picture), [whole, strict, loose]);
    }

    #[test]
    fn a_picture_without_a_border_has_one_frame() {
        let mut picture = framed();
        for (index, sample) in picture.data_mut().iter_mut().enumerate() {
            *sample = (index * 7919 % 251) as f32;
        }
        assert_eq!(frames(&picture).len(), 1);
        assert_eq!(frames(&Plane::new(30, 30)).len(), 1, "flat");
    }
}
