//! The photographs that a case is made of.

use std::sync::OnceLock;

use image::RgbImage;
use imageproc::filter::median_filter;

use super::{compose::cover, field::Field};
use crate::attacks::{blur, non_local_means, wavelet_denoise};

/// How a forger gets at the mark.
#[derive(Clone, Copy)]
pub(crate) enum Estimate {
    /// From the original: exactly.
    Known,
    /// From what a Gaussian of this deviation takes away.
    Gaussian(f64),
    /// From what a median of 5 x 5 pixels takes away.
    Median,
    /// From what non-local means take away.
    NonLocalMeans,
    /// From what wavelet shrinkage takes away.
    Wavelet,
}

impl Estimate {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Known,
        Self::Gaussian(1.5),
        Self::Gaussian(3.0),
        Self::Gaussian(6.0),
        Self::Gaussian(8.0),
        Self::Median,
        Self::NonLocalMeans,
        Self::Wavelet,
    ];

    /// Its name.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Known => "known".to_owned(),
            Self::Gaussian(sigma) => format!("gaussian{sigma}"),
            Self::Median => "median5".to_owned(),
            Self::NonLocalMeans => "nlm".to_owned(),
            Self::Wavelet => "wavelet".to_owned(),
        }
    }
}

/// A protected photograph, and what a forger has besides.
pub(crate) struct Scene {
    /// The protected picture.
    pub(crate) protected: RgbImage,
    /// The original.
    pub(crate) original: RgbImage,
    /// The next photograph, protected under its own key, in the frame of this one.
    pub(crate) other_protected: RgbImage,
    /// Other photographs, unmarked, at their own size.
    pub(crate) others: Vec<RgbImage>,
    covering: Vec<OnceLock<RgbImage>>,
    marks: [OnceLock<Field>; Estimate::ALL.len()],
}

impl Scene {
    /// Puts the pictures together.
    pub(crate) fn new(
        protected: RgbImage,
        original: RgbImage,
        other_protected: &RgbImage,
        others: Vec<RgbImage>,
    ) -> Self {
        let (width, height) = protected.dimensions();
        Self {
            other_protected: cover(other_protected, width, height),
            covering: others.iter().map(|_| OnceLock::new()).collect(),
            marks: Default::default(),
            protected,
            original,
            others,
        }
    }

    /// Another photograph, so that it covers the frame.
    pub(crate) fn other(&self, index: usize) -> &RgbImage {
        let (width, height) = self.protected.dimensions();
        self.covering[index].get_or_init(|| cover(&self.others[index], width, height))
    }

    /// The mark as an estimate, by its index among all, has it; made once.
    pub(crate) fn mark(&self, estimate: usize) -> &Field {
        let marked = &self.protected;
        self.marks[estimate].get_or_init(|| {
            let without = match Estimate::ALL[estimate] {
                Estimate::Known => return Field::difference(marked, &self.original),
                Estimate::Gaussian(sigma) => blur(marked, sigma),
                Estimate::Median => median_filter(marked, 2, 2),
                Estimate::NonLocalMeans => non_local_means(marked, 5.0),
                Estimate::Wavelet => wavelet_denoise(marked, 8.0),
            };
            Field::difference(marked, &without)
        })
    }

    /// The mark as the original shows it.
    pub(crate) fn known_mark(&self) -> &Field {
        self.mark(0)
    }
}
