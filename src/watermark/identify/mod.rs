//! A received picture that is compared with many records.
//!
//! What does not depend on the record is read once: the grid, the levels, the keypoints.

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

/// A received picture, ready to be asked about any number of records.
#[derive(Debug)]
pub struct ReceivedPhoto<'a>(ReceivedImage<'a>);

impl<'a> ReceivedPhoto<'a> {
    /// Takes a picture.
    pub fn new(photo: &'a Photo) -> Self {
        Self(ReceivedImage::new(photo))
    }

    /// What an index is asked for, to find its originals.
    pub fn index_query(&self) -> IndexQuery {
        IndexQuery::new(&self.0)
    }

    /// Looks for the mark of one candidate of many.
    ///
    /// Unlike [`crate::watermark::detect()`] it gives up where neither the whole picture nor its keypoints lead to the photo, which is
    /// what a wrong candidate costs. A mark that it finds is as certain.
    pub fn detect(&self, record: &Record, key: &WatermarkKey) -> Detection {
        detect_in(&self.0, record, key, Depth::Quick)
    }
}
