//! What is asked of the photos in a list.

use time::OffsetDateTime;

use super::{ContentHash, MarkStrength};

/// What is asked of the photos in a list or a count; all of it at once. The empty one is met by
/// every photo.
#[derive(Debug, Clone, Default)]
pub struct PhotoFilter {
    /// SHA-256 of the original.
    pub content_hash: Option<ContentHash>,
    /// SHA-256 of the protected file.
    pub protected_sha256: Option<ContentHash>,
    /// The photo's id in the client's own system, exactly.
    pub external_id: Option<String>,
    /// A part of the label, without regard to case.
    pub label: Option<String>,
    /// How much the mark withstands.
    pub level: Option<MarkStrength>,
    /// Registered at this moment or later.
    pub from: Option<OffsetDateTime>,
    /// Registered before this moment.
    pub to: Option<OffsetDateTime>,
}
