//! Tone, colour and the number of colours.

use std::collections::HashMap;

use image::{GrayImage, Luma, Rgb, RgbImage};
use imageproc::contrast::equalize_histogram;

use super::Attack;

/// The attacks on tone and colour.
pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (factor, severity) in [(0.5, 2), (0.7, 1), (1.3, 1), (1.7, 3)] {
        let run = move |i: &RgbImage| brightness(i, factor);
        attacks.push(Attack::new(
            format!("brightness_{factor}"),
            "tone",
            severity,
            "",
            run,
        ));
    }
    for factor in [0.5, 1.5] {
        let run = move |i: &RgbImage| contrast(i, factor);
        attacks.push(Attack::new(
            format!("contrast_{factor}"),
            "tone",
            2,
            "",
            run,
        ));
    }
    for exponent in [0.6, 1.6] {
        let run = move |i: &RgbImage| gamma(i, exponent);
        attacks.push(Attack::new(format!("gamma_{exponent}"), "tone", 2, "", run));
    }
    attacks.push(Attack::new(
        "equalise",
        "tone",
        3,
        "luma histogram",
        equalise,
    ));
    for (factor, severity) in [(0.0, 2), (0.5, 1), (1.5, 1)] {
        let run = move |i: &RgbImage| saturation(i, factor);
        attacks.push(Attack::new(
            format!("saturation_{factor}"),
            "colour",
            severity,
            "",
            run,
        ));
    }
    attacks.push(Attack::new("hue_15", "colour", 2, "", |i| hue(i, 15.0)));
    attacks.push(Attack::new("grayscale", "colour", 2, "", |i| {
        saturation(i, 0.0)
    }));
    attacks.push(Attack::new(
        "jitter_warm",
        "colour",
        2,
        "brightness, contrast, saturation, hue together",
        |i| {
            let bright = contrast(&brightness(i, 1.15), 1.2);
            hue(&saturation(&bright, 1.3), 8.0)
        },
    ));
    attacks.push(Attack::new(
        "jitter_faded",
        "colour",
        2,
        "contrast, saturation, gamma, white balance together",
        |i| {
            let faded = saturation(&contrast(i, 0.75), 0.6);
            white_balance(&gamma(&faded, 0.85), [1.05, 1.0, 0.95])
        },
    ));
    attacks.push(Attack::new("posterize_4", "quantise", 3, "bits", |i| {
        each_sample(i, |sample| f64::from(sample & 0xf0))
    }));
    for (colours, severity) in [(256, 2), (64, 3)] {
        let run = move |i: &RgbImage| palette(i, colours);
        attacks.push(Attack::new(
            format!("palette_{colours}"),
            "quantise",
            severity,
            "median cut",
            run,
        ));
    }
    attacks
}

/// Luma of ITU-R 601 in whole levels, as Pillow rounds it.
fn luma(pixel: Rgb<u8>) -> u8 {
    let [r, g, b] = pixel.0.map(u32::from);
    ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16) as u8
}

/// Applies one curve to all samples.
fn each_sample(picture: &RgbImage, curve: impl Fn(u8) -> f64) -> RgbImage {
    let table: Vec<u8> = (0..=255).map(|sample| curve(sample) as u8).collect();
    let mut changed = picture.clone();
    for sample in changed.iter_mut() {
        *sample = table[usize::from(*sample)];
    }
    changed
}

/// Multiplies all samples.
pub(crate) fn brightness(picture: &RgbImage, factor: f64) -> RgbImage {
    each_sample(picture, |sample| f64::from(sample) * factor)
}

/// Stretches samples about the picture's mean luma.
pub(crate) fn contrast(picture: &RgbImage, factor: f64) -> RgbImage {
    let sum: u64 = picture.pixels().map(|pixel| u64::from(luma(*pixel))).sum();
    let pixels = u64::from(picture.width()) * u64::from(picture.height());
    let mean = (sum as f64 / pixels as f64 + 0.5).floor();
    each_sample(picture, |sample| mean + (f64::from(sample) - mean) * factor)
}

/// Moves samples away from the pixel's luma, or towards it.
pub(crate) fn saturation(picture: &RgbImage, factor: f32) -> RgbImage {
    let mut changed = picture.clone();
    for pixel in changed.pixels_mut() {
        let grey = f32::from(luma(*pixel));
        *pixel = Rgb(pixel
            .0
            .map(|sample| (grey + (f32::from(sample) - grey) * factor) as u8));
    }
    changed
}

/// Raises samples, as shares of 255, to a power.
pub(crate) fn gamma(picture: &RgbImage, exponent: f64) -> RgbImage {
    each_sample(picture, |sample| {
        (255.0 * (f64::from(sample) / 255.0).powf(exponent)).round()
    })
}

/// Multiplies the channels.
pub(crate) fn white_balance(picture: &RgbImage, factors: [f64; 3]) -> RgbImage {
    let mut changed = picture.clone();
    for pixel in changed.pixels_mut() {
        for (sample, factor) in pixel.0.iter_mut().zip(factors) {
            *sample = (f64::from(*sample) * factor).round() as u8;
        }
    }
    changed
}

/// Turns the hue of HSV.
pub(crate) fn hue(picture: &RgbImage, degrees: f32) -> RgbImage {
    let mut changed = picture.clone();
    for pixel in changed.pixels_mut() {
        let [r, g, b] = pixel.0.map(f32::from);
        let value = r.max(g).max(b);
        let chroma = value - r.min(g).min(b);
        if chroma == 0.0 {
            continue;
        }
        let sixths = if r >= g.max(b) {
            (g - b) / chroma
        } else if g >= b {
            2.0 + (b - r) / chroma
        } else {
            4.0 + (r - g) / chroma
        };
        // Each channel is the value less a share of chroma that depends on its distance from the
        // hue.
        let sixths = sixths + degrees / 60.0;
        *pixel = Rgb([5.0f32, 3.0, 1.0].map(|offset| {
            let k = (offset + sixths).rem_euclid(6.0);
            (value - chroma * k.min(4.0 - k).clamp(0.0, 1.0)).round() as u8
        }));
    }
    changed
}

/// Equalises the histogram of luma and keeps the colour differences.
fn equalise(picture: &RgbImage) -> RgbImage {
    let exact = |pixel: Rgb<u8>| {
        let [r, g, b] = pixel.0.map(f32::from);
        0.299 * r + 0.587 * g + 0.114 * b
    };
    let (width, height) = picture.dimensions();
    let luma = GrayImage::from_fn(width, height, |x, y| {
        Luma([exact(*picture.get_pixel(x, y)).round() as u8])
    });
    let equal = equalize_histogram(&luma);
    RgbImage::from_fn(width, height, |x, y| {
        let pixel = *picture.get_pixel(x, y);
        let change = f32::from(equal.get_pixel(x, y).0[0]) - exact(pixel);
        Rgb(pixel
            .0
            .map(|sample| (f32::from(sample) + change).round() as u8))
    })
}

/// A colour and how often it occurs.
type Counted = ([u8; 3], u32);

/// Reduces to some colours by median cut (Heckbert 1982), without dithering.
fn palette(picture: &RgbImage, colours: usize) -> RgbImage {
    let mut counts: HashMap<[u8; 3], u32> = HashMap::new();
    for pixel in picture.pixels() {
        *counts.entry(pixel.0).or_default() += 1;
    }
    let mut all: Vec<Counted> = counts.into_iter().collect();
    all.sort_unstable();
    let mut boxes = vec![all];
    while boxes.len() < colours {
        // The fullest box that has more than one colour.
        let weight = |colours: &Vec<Counted>| -> u64 {
            if colours.len() < 2 {
                return 0;
            }
            colours.iter().map(|(_, count)| u64::from(*count)).sum()
        };
        let Some(fullest) = (0..boxes.len()).max_by_key(|&at| weight(&boxes[at])) else {
            break;
        };
        if weight(&boxes[fullest]) == 0 {
            break;
        }
        let half = cut(&mut boxes[fullest]);
        boxes.push(half);
    }
    let mut replacement: HashMap<[u8; 3], [u8; 3]> = HashMap::new();
    for colours in &boxes {
        let mean = mean_colour(colours);
        replacement.extend(colours.iter().map(|(colour, _)| (*colour, mean)));
    }
    let mut reduced = picture.clone();
    for pixel in reduced.pixels_mut() {
        pixel.0 = replacement[&pixel.0];
    }
    reduced
}

/// Cuts a box at the median of its widest channel and returns the upper half.
fn cut(colours: &mut Vec<Counted>) -> Vec<Counted> {
    let width = |channel: usize| {
        let values = || colours.iter().map(|(colour, _)| colour[channel]);
        values().max().unwrap_or(0) - values().min().unwrap_or(0)
    };
    let channel = (0..3).max_by_key(|&channel| width(channel)).unwrap_or(0);
    colours.sort_unstable_by_key(|(colour, _)| colour[channel]);
    let total: u64 = colours.iter().map(|(_, count)| u64::from(*count)).sum();
    let mut below = 0;
    let middle = colours
        .iter()
        .position(|(_, count)| {
            below += u64::from(*count);
            2 * below >= total
        })
        .unwrap_or(0);
    colours.split_off((middle + 1).clamp(1, colours.len() - 1))
}

fn mean_colour(colours: &[Counted]) -> [u8; 3] {
    let total: u64 = colours.iter().map(|(_, count)| u64::from(*count)).sum();
    [0, 1, 2].map(|channel| {
        let sum: u64 = colours
            .iter()
            .map(|(colour, count)| u64::from(colour[channel]) * u64::from(*count))
            .sum();
        ((sum + total / 2) / total) as u8
    })
}
