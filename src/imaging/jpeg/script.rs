//! The scans of a progressive JPEG as data: the components, coefficients and bits of each.

use libjpeg_turbo_rs::{JpegCoefficients, encode::progressive::simple_progression};

use super::progress::Band;

/// Most scans that are kept. A file of more is written in libjpeg's ten: each costs time in
/// proportion to the picture.
const MAX_SCANS: usize = 20;

/// Contents of one scan: components and the band that it codes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScanOf {
    /// Indices of components, ascending.
    pub(super) components: Vec<usize>,
    /// Coefficients and bits that are coded of them.
    pub(super) band: Band,
}

/// The scans of a progressive file, if they differ from the ones that libjpeg writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script(pub(super) Vec<ScanOf>);

impl Script {
    /// Takes the scans of a source; `None` if libjpeg writes the same.
    pub(super) fn of(scans: Vec<ScanOf>, image: &JpegCoefficients) -> Option<Self> {
        let usual = simple_progression(image.components.len());
        let is_usual = usual.len() == scans.len()
            && usual.iter().zip(&scans).all(|(usual, scan)| {
                let bits = (usual.ah, usual.al);
                usual.component_indices == scan.components
                    && (usize::from(usual.ss), usize::from(usual.se))
                        == (scan.band.first, scan.band.last)
                    && bits == (scan.band.from_bit, scan.band.to_bit)
            });
        let plain = scans.len() <= MAX_SCANS && image.restart_interval == 0;
        (plain && !is_usual).then_some(Self(scans))
    }
}
