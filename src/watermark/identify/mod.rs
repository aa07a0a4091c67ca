//! Comparison of a received picture with many records.
//!
//! Everything that does not depend on the record is computed once: the grid, the levels, the
//! keypoints.

pub(super) mod frames;
pub(super) mod index_query;

use self::index_query::IndexQuery;
use super::{
    detect::{Detection, detect_in},
    key::WatermarkKey,
    record::Record,
    register::{Depth, received::ReceivedImage},
};

impl ReceivedImage<'_> {
    /// Returns the words to look up in an index, to find the originals of the picture.
    pub fn index_query(&self) -> IndexQuery {
        IndexQuery::new(self)
    }

    /// Looks for the mark of one candidate of many.
    ///
    /// Unlike [`crate::watermark::detect()`] it gives up where neither the whole picture nor its
    /// keypoints lead to the photo, which keeps wrong candidates cheap. A mark that it finds is as
    /// certain.
    pub fn detect(&self, record: &Record, key: &WatermarkKey) -> Detection {
        detect_in(self, record, key, Depth::Quick)
    }
}
