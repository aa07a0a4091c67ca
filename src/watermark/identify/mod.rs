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
use crate::imaging::Photo;

/// A received picture, ready to be compared with any number of records.
#[derive(Debug)]
pub struct ReceivedPhoto<'a>(ReceivedImage<'a>);

impl<'a> ReceivedPhoto<'a> {
    /// Prepares a picture; features are computed when they are first needed.
    pub fn new(photo: &'a Photo) -> Self {
        Self(ReceivedImage::new(photo))
    }

    /// Returns the words to look up in an index, to find the originals of the picture.
    pub fn index_query(&self) -> IndexQuery {
        IndexQuery::new(&self.0)
    }

    /// Looks for the mark of one candidate of many.
    ///
    /// Unlike [`crate::watermark::detect()`] it gives up where neither the whole picture nor its
    /// keypoints lead to the photo, which keeps wrong candidates cheap. A mark that it finds is as
    /// certain.
    pub fn detect(&self, record: &Record, key: &WatermarkKey) -> Detection {
        detect_in(&self.0, record, key, Depth::Quick)
    }
}
