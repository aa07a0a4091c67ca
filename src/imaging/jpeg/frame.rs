//! The frame header of a JPEG: size, components, sampling (ITU-T T.81, B.2.2).
//!
//! Coding processes and colour models that the service does not handle are refused here, by name,
//! and so is a picture that is too large, before anything is allocated for it.

use super::super::{error::ImagingError, limits::Limits};

/// A component as the frame header declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameComponent {
    pub(super) id: u8,
    pub(super) horizontal: u8,
    pub(super) vertical: u8,
    pub(super) quant_slot: u8,
}

/// Contents of the frame header.
#[derive(Debug, Clone)]
pub(super) struct FrameHeader {
    pub(super) progressive: bool,
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) components: Vec<FrameComponent>,
}

impl FrameHeader {
    /// Reads a frame header; refuses coding processes that are not handled.
    pub(super) fn parse(marker: u8, payload: &[u8], limits: &Limits) -> Result<Self, ImagingError> {
        let malformed = || ImagingError::invalid("the frame header is malformed");
        let (&[precision, h0, h1, w0, w1, count], components) =
            payload.split_first_chunk().ok_or_else(malformed)?;
        let (components, []) = components.as_chunks() else {
            return Err(malformed());
        };
        if components.len() != usize::from(count) {
            return Err(malformed());
        }
        match precision {
            8 => {}
            12 => return Err(ImagingError::unsupported("a 12-bit JPEG")),
            _ => return Err(ImagingError::invalid("an impossible sample precision")),
        }
        let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
        limits.check_size(width.into(), height.into())?;
        let components: Vec<FrameComponent> = components
            .iter()
            .map(|&[id, sampling, quant_slot]| FrameComponent {
                id,
                horizontal: sampling >> 4,
                vertical: sampling & 15,
                quant_slot,
            })
            .collect();
        check_components(&components)?;
        Ok(Self {
            progressive: marker == 0xc2,
            width,
            height,
            components,
        })
    }

    /// Returns the largest sampling factors, horizontal and vertical.
    pub(super) fn most_sampled(&self) -> (u8, u8) {
        let components = self.components.iter();
        let horizontal = components.clone().map(|c| c.horizontal).max();
        let vertical = components.map(|c| c.vertical).max();
        (horizontal.unwrap_or(1), vertical.unwrap_or(1))
    }
}

/// Names the coding processes that are refused (T.81, table B.1).
pub(super) fn refused_process(marker: u8) -> Option<&'static str> {
    match marker {
        0xc3 | 0xcb => Some("a lossless JPEG"),
        0xc5..=0xc7 | 0xcd..=0xcf | 0xde | 0xdf => Some("a hierarchical JPEG"),
        // An arithmetic decoder reads zeros past the end, by design, so half a picture would look
        // whole.
        0xc9 | 0xca => Some("an arithmetic-coded JPEG"),
        0xc8 => Some("a JPEG extension"),
        _ => None,
    }
}

fn check_components(components: &[FrameComponent]) -> Result<(), ImagingError> {
    match components.len() {
        1 | 3 => {}
        2 => return Err(ImagingError::unsupported("a JPEG of two components")),
        4 => return Err(ImagingError::unsupported("a CMYK JPEG")),
        _ => return Err(ImagingError::invalid("an impossible number of components")),
    }
    let factors = components.iter().flat_map(|c| [c.horizontal, c.vertical]);
    if !factors.clone().all(|factor| (1..=4).contains(&factor)) {
        return Err(ImagingError::invalid("an impossible sampling factor"));
    }
    let same_id = |(index, c): (usize, &FrameComponent)| {
        components[..index].iter().any(|earlier| earlier.id == c.id)
    };
    if components.iter().enumerate().any(same_id) {
        return Err(ImagingError::invalid("two components of one name"));
    }
    Ok(())
}
