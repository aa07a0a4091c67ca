//! One channel of numbers: the engine's working picture.
//!
//! A [`Plane`] is row-major `f32`. Its invariant, `data.len() == width * height`, is set by the
//! constructors and cannot be broken afterwards, so callers may slice rows without checks.

/// A rectangle of `f32` samples, row by row.
#[derive(Clone, PartialEq)]
pub struct Plane {
    width: usize,
    height: usize,
    data: Vec<f32>,
}

impl Plane {
    /// Makes a plane of zeros.
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            data: vec![0.0; width * height],
        }
    }

    /// Makes a plane of `data`, or returns `None` if its length is not `width * height`.
    pub fn from_vec(width: usize, height: usize, data: Vec<f32>) -> Option<Self> {
        (width.checked_mul(height) == Some(data.len())).then_some(Self {
            width,
            height,
            data,
        })
    }

    /// Returns the number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Returns row `y`, counted from the top.
    pub fn row(&self, y: usize) -> &[f32] {
        &self.data[y * self.width..(y + 1) * self.width]
    }

    /// Returns row `y` for writing.
    pub fn row_mut(&mut self, y: usize) -> &mut [f32] {
        &mut self.data[y * self.width..(y + 1) * self.width]
    }

    /// Returns all samples, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Returns all samples for writing.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Returns the samples and gives up the shape.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }
}

impl std::fmt::Debug for Plane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plane({}x{})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_keeps_its_shape() {
        assert!(Plane::from_vec(3, 2, vec![0.0; 5]).is_none());
        assert!(Plane::from_vec(usize::MAX, 2, Vec::new()).is_none());
        let mut plane = Plane::new(3, 2);
        plane.row_mut(1)[2] = 7.0;
        assert_eq!(plane.data(), [0.0, 0.0, 0.0, 0.0, 0.0, 7.0]);
        assert_eq!(plane.row(0), [0.0; 3]);
    }
}
