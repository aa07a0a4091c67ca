//! Three denoisers: non-local means, wavelet shrinkage and the bilateral filter.

use image::{Rgb, RgbImage};

/// A plane of samples.
struct Plane {
    width: usize,
    height: usize,
    data: Vec<f32>,
}

impl Plane {
    fn from_fn(picture: &RgbImage, value: impl Fn(Rgb<u8>) -> f32) -> Self {
        Self {
            width: picture.width() as usize,
            height: picture.height() as usize,
            data: picture.pixels().map(|pixel| value(*pixel)).collect(),
        }
    }

    /// Returns the sample at a place; the border is mirrored about its pixels.
    fn at(&self, x: isize, y: isize) -> f32 {
        let mirrored = |at: isize, length: usize| {
            let last = length as isize - 1;
            at.abs().min(2 * last - at.abs()).clamp(0, last) as usize
        };
        self.data[mirrored(y, self.height) * self.width + mirrored(x, self.width)]
    }
}

/// Half the side of the patches that are compared.
const PATCH: isize = 2;
/// Half the side of the window that is searched.
const SEARCH: isize = 6;

/// Non-local means (Buades, Coll, Morel 2005) of luma and of both colour differences, as `OpenCV`
/// does it in Lab.
pub(crate) fn non_local_means(picture: &RgbImage, h: f32) -> RgbImage {
    let luma = |pixel: Rgb<u8>| {
        let [r, g, b] = pixel.0.map(f32::from);
        0.299 * r + 0.587 * g + 0.114 * b
    };
    let y = Plane::from_fn(picture, luma);
    let blue = Plane::from_fn(picture, |p| 0.564 * (f32::from(p.0[2]) - luma(p)));
    let red = Plane::from_fn(picture, |p| 0.713 * (f32::from(p.0[0]) - luma(p)));
    let smooth_luma = mean_of_alike(&[&y], h).remove(0);
    let colours = mean_of_alike(&[&blue, &red], h);
    let mut smooth = RgbImage::new(picture.width(), picture.height());
    for (at, pixel) in smooth.pixels_mut().enumerate() {
        let (y, blue, red) = (smooth_luma[at], colours[0][at], colours[1][at]);
        let green = y - 0.344 * blue - 0.714 * red;
        *pixel = Rgb([y + 1.403 * red, green, y + 1.773 * blue].map(|v| v.round() as u8));
    }
    smooth
}

/// Averages each sample with those in its window, weighed by how alike their patches are in all
/// planes.
fn mean_of_alike(planes: &[&Plane], h: f32) -> Vec<Vec<f32>> {
    let (width, height) = (planes[0].width, planes[0].height);
    let mut sums = vec![vec![0.0f32; width * height]; planes.len()];
    let mut weights = vec![0.0f32; width * height];
    let scale = -1.0 / (h * h * planes.len() as f32 * ((2 * PATCH + 1) * (2 * PATCH + 1)) as f32);
    // Squared differences summed over the columns of a patch, and the rows that made them.
    let span = width + 2 * PATCH as usize;
    let mut columns = vec![0.0f32; span];
    let rows = (2 * PATCH + 1) as usize;
    let mut ring = vec![vec![0.0f32; span]; rows];
    for dy in -SEARCH..=SEARCH {
        for dx in -SEARCH..=SEARCH {
            columns.fill(0.0);
            for row in &mut ring {
                row.fill(0.0);
            }
            for line in -PATCH..height as isize + PATCH {
                let row = &mut ring[(line + PATCH) as usize % rows];
                differences(planes, line, (dx, dy), &mut columns, row);
                let y = line - PATCH;
                if y < 0 {
                    continue;
                }
                let first = y as usize * width;
                let mut distance: f32 = columns[..2 * PATCH as usize].iter().sum();
                for x in 0..width {
                    distance += columns[x + 2 * PATCH as usize];
                    let weight = (distance.max(0.0) * scale).exp();
                    distance -= columns[x];
                    weights[first + x] += weight;
                    for (sum, plane) in sums.iter_mut().zip(planes) {
                        sum[first + x] += weight * plane.at(x as isize + dx, y + dy);
                    }
                }
            }
        }
    }
    for sum in &mut sums {
        for (sum, weight) in sum.iter_mut().zip(&weights) {
            *sum /= weight;
        }
    }
    sums
}

/// Puts a row of squared differences against the picture moved by `by` in the place of the oldest
/// one.
fn differences(
    planes: &[&Plane],
    line: isize,
    by: (isize, isize),
    columns: &mut [f32],
    oldest: &mut [f32],
) {
    for (at, (column, old)) in columns.iter_mut().zip(oldest).enumerate() {
        let x = at as isize - PATCH;
        let new: f32 = planes
            .iter()
            .map(|plane| (plane.at(x, line) - plane.at(x + by.0, line + by.1)).powi(2))
            .sum();
        *column += new - *old;
        *old = new;
    }
}

/// Soft-threshold Haar shrinkage on three levels, averaged over eight shifts (cycle spinning),
/// channel by channel.
pub(crate) fn wavelet_denoise(picture: &RgbImage, threshold: f32) -> RgbImage {
    const SHIFTS: [(usize, usize); 8] = [
        (0, 0),
        (1, 3),
        (2, 6),
        (3, 1),
        (4, 4),
        (5, 7),
        (6, 2),
        (7, 5),
    ];
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (full_width, full_height) = (
        width.next_multiple_of(8) + 8,
        height.next_multiple_of(8) + 8,
    );
    let mut smooth = picture.clone();
    // The picture goes on mirrored, its last pixel twice.
    let folded = |at: usize, length: usize| if at < length { at } else { 2 * length - 1 - at };
    for channel in 0..3 {
        let mut sums = vec![0.0f32; width * height];
        for (down, across) in SHIFTS {
            let mut plane = Plane {
                width: full_width,
                height: full_height,
                data: vec![0.0; full_width * full_height],
            };
            for y in 0..full_height {
                let to = (y + down) % full_height * full_width;
                let from = folded(y, height).min(height - 1);
                for x in 0..full_width {
                    let column = folded(x, width).min(width - 1);
                    let sample = picture.as_raw()[3 * (from * width + column) + channel];
                    plane.data[to + (x + across) % full_width] = f32::from(sample);
                }
            }
            shrink(&mut plane, threshold, 3);
            for y in 0..height {
                let from = (y + down) % full_height * full_width;
                for x in 0..width {
                    sums[y * width + x] += plane.data[from + (x + across) % full_width];
                }
            }
        }
        for (pixel, sum) in smooth.pixels_mut().zip(sums) {
            pixel.0[channel] = (sum / SHIFTS.len() as f32).round() as u8;
        }
    }
    smooth
}

/// Shrinks the detail of a plane with sides that are multiples of two.
fn shrink(plane: &mut Plane, threshold: f32, levels: usize) {
    if levels == 0 || plane.width.min(plane.height) < 4 {
        return;
    }
    let soft = |v: f32| (v.abs() - threshold).max(0.0).copysign(v);
    let (width, height) = (plane.width / 2, plane.height / 2);
    let mut low = Plane {
        width,
        height,
        data: vec![0.0; width * height],
    };
    // Detail waits in the plane itself until the level below is done.
    for y in 0..height {
        for x in 0..width {
            let top = 2 * y * plane.width + 2 * x;
            let bottom = top + plane.width;
            let [a, b, c, d] = [top, top + 1, bottom, bottom + 1].map(|at| plane.data[at]);
            low.data[y * width + x] = 0.5 * (a + b + c + d);
            plane.data[top + 1] = soft(0.5 * (a - b + c - d));
            plane.data[bottom] = soft(0.5 * (a + b - c - d));
            plane.data[bottom + 1] = soft(0.5 * (a - b - c + d));
        }
    }
    shrink(&mut low, threshold, levels - 1);
    for y in 0..height {
        for x in 0..width {
            let top = 2 * y * plane.width + 2 * x;
            let bottom = top + plane.width;
            let l = low.data[y * width + x];
            let [h, v, d] = [top + 1, bottom, bottom + 1].map(|at| plane.data[at]);
            plane.data[top] = 0.5 * (l + h + v + d);
            plane.data[top + 1] = 0.5 * (l - h + v - d);
            plane.data[bottom] = 0.5 * (l + h - v - d);
            plane.data[bottom + 1] = 0.5 * (l - h - v + d);
        }
    }
}

/// Bilateral filter (Tomasi and Manduchi 1998): a disc of radius 3, deviations of 3 pixels and 30
/// levels of all channels.
pub(super) fn bilateral(picture: &RgbImage) -> RgbImage {
    const REACH: i64 = 3;
    let tones: Vec<f32> = (0..=3 * 255)
        .map(|d| (-0.5 * (f64::from(d) / 30.0).powi(2)).exp() as f32)
        .collect();
    let disc: Vec<(i64, i64, f32)> = (-REACH..=REACH)
        .flat_map(|dy| (-REACH..=REACH).map(move |dx| (dx, dy, dx * dx + dy * dy)))
        .filter(|&(_, _, square)| square <= REACH * REACH)
        .map(|(dx, dy, square)| (dx, dy, (-0.5 * square as f64 / 9.0).exp() as f32))
        .collect();
    let (width, height) = picture.dimensions();
    let mirrored = |at: i64, length: u32| {
        let last = i64::from(length) - 1;
        at.abs().min(2 * last - at.abs()).clamp(0, last) as u32
    };
    RgbImage::from_fn(width, height, |x, y| {
        let centre = picture.get_pixel(x, y).0;
        let mut sums = [0.0f32; 3];
        let mut weights = 0.0;
        for &(dx, dy, near) in &disc {
            let (x, y) = (
                mirrored(i64::from(x) + dx, width),
                mirrored(i64::from(y) + dy, height),
            );
            let pixel = picture.get_pixel(x, y).0;
            let distance: usize = pixel
                .iter()
                .zip(centre)
                .map(|(a, b)| usize::from(a.abs_diff(b)))
                .sum();
            let weight = near * tones[distance];
            weights += weight;
            for (sum, sample) in sums.iter_mut().zip(pixel) {
                *sum += weight * f32::from(sample);
            }
        }
        Rgb(sums.map(|sum| (sum / weights).round() as u8))
    })
}
