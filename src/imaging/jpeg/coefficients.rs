//! A JPEG as quantised coefficients: the picture on its own lattice, without pixels.
//!
//! Blocks are in zigzag order, quantisation tables in natural order (both as libjpeg-turbo-rs has
//! them). Block rows include the padding up to whole MCUs; the padding is not part of the picture,
//! and the encoder writes its own.

use libjpeg_turbo_rs::JpegCoefficients;

use super::script::Script;

/// Luma components, with weights, of a picture whose first component is luma.
const FIRST_IS_LUMA: [(usize, f32); 1] = [(0, 1.0)];
/// Luma components, with weights, of red, green and blue: ITU-R BT.601, as in JFIF.
const LUMA_OF_RGB: [(usize, f32); 3] = [(0, 0.299), (1, 0.587), (2, 0.114)];

/// One component of a JPEG.
#[derive(Debug, Clone, Copy)]
pub struct Component<'a> {
    /// Blocks in a row of `blocks`, padding included.
    pub blocks_wide: usize,
    /// Rows of blocks, padding included.
    pub blocks_high: usize,
    /// Row-major blocks, each in zigzag order.
    pub blocks: &'a [[i16; 64]],
    /// Quantisation steps, in natural order.
    pub quant: &'a [u16; 64],
}

/// Organisation of a file's entropy coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Coding {
    /// Sequential, with the general Huffman tables that fit every file.
    General,
    /// Sequential, with Huffman tables made for this file.
    Fitted,
    /// Progressive, with tables made for this file. The scans are libjpeg's unless there is a
    /// script.
    Progressive(Option<Script>),
}

/// A whole JPEG, quantised.
#[derive(Clone)]
pub struct CoefficientImage {
    pub(super) coefficients: JpegCoefficients,
    pub(super) coding: Coding,
    /// Whether the three components are red, green and blue.
    pub(super) rgb: bool,
}

impl CoefficientImage {
    /// Returns the width in pixels.
    pub fn width(&self) -> u32 {
        self.coefficients.width.into()
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> u32 {
        self.coefficients.height.into()
    }

    /// Returns the components that carry luma, with their weights. They are never subsampled.
    pub fn luma_components(&self) -> &[(usize, f32)] {
        if self.rgb {
            &LUMA_OF_RGB
        } else {
            &FIRST_IS_LUMA
        }
    }

    /// Returns the number of components, 1 or 3.
    pub fn component_count(&self) -> usize {
        self.coefficients.components.len()
    }

    /// Returns component `index`, which must be below [`Self::component_count`].
    pub fn component(&self, index: usize) -> Component<'_> {
        let component = &self.coefficients.components[index];
        Component {
            blocks_wide: component.blocks_x,
            blocks_high: component.blocks_y,
            blocks: &component.blocks,
            quant: &self.coefficients.quant_tables[usize::from(component.quant_table_index)],
        }
    }

    /// Returns the blocks of component `index` for writing, laid out as in [`Component::blocks`].
    pub fn blocks_mut(&mut self, index: usize) -> &mut [[i16; 64]] {
        &mut self.coefficients.components[index].blocks
    }

    /// Returns the rows of blocks of component `index` that belong to the picture, without padding.
    pub(in super::super) fn picture_rows(
        &self,
        index: usize,
    ) -> impl Iterator<Item = &[[i16; 64]]> {
        let component = &self.coefficients.components[index];
        let (wide, high) = picture_blocks(&self.coefficients, index);
        component
            .blocks
            .chunks_exact(component.blocks_x)
            .take(high)
            .map(move |row| &row[..wide])
    }

    /// Returns the sampling factors of component `index`, horizontal and vertical.
    pub(in super::super) fn sampling(&self, index: usize) -> (u8, u8) {
        let component = &self.coefficients.components[index];
        (component.h_sampling, component.v_sampling)
    }
}

impl std::fmt::Debug for CoefficientImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoefficientImage")
            .field("width", &self.width())
            .field("height", &self.height())
            .field("components", &self.component_count())
            .field("coding", &self.coding)
            .finish_non_exhaustive()
    }
}

/// Returns the number of blocks of a component, across and down, that hold picture and not padding
/// (T.81, A.1.1).
pub(super) fn picture_blocks(image: &JpegCoefficients, index: usize) -> (usize, usize) {
    let components = image.components.iter();
    let widest = components.clone().map(|c| c.h_sampling).max().unwrap_or(1);
    let highest = components.map(|c| c.v_sampling).max().unwrap_or(1);
    let blocks = |side: u16, sampling: u8, most: u8| {
        (usize::from(side) * usize::from(sampling)).div_ceil(8 * usize::from(most))
    };
    let component = &image.components[index];
    (
        blocks(image.width, component.h_sampling, widest),
        blocks(image.height, component.v_sampling, highest),
    )
}
