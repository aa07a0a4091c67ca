//! The seam between product and engine: a photo's keys, derived from its tenant's secret; its
//! record, sealed and opened; and the engine's results in the product's terms.

use super::Error;
use crate::{
    auth::TenantSecret,
    db::photos::SealedRecord,
    domain::{
        ContentHash, FileFormat, MarkStrength, PhotoId, Privacy,
        verdict::{Alteration, Content, TamperClass, WatermarkStatus},
    },
    imaging,
    watermark::{self, DetectionStatus, IndexKey, Record, TamperFinding, VisualWord, WatermarkKey},
};

/// Derives the key of a photo's mark.
pub(super) fn watermark_key(secret: &TenantSecret, photo: PhotoId) -> WatermarkKey {
    WatermarkKey::derive(secret.as_bytes(), photo.as_uuid().as_bytes())
}

/// Derives the key that turns a tenant's visual words into tokens of the index.
pub(super) fn index_key(secret: &TenantSecret) -> IndexKey {
    IndexKey::derive(secret.as_bytes())
}

/// The key that turns the visual words of published photos into tokens: the same for all tenants,
/// and no secret. What is published may be sought by anybody who has the picture.
pub(super) fn public_index_key() -> IndexKey {
    IndexKey::derive(b"lumatrace published photos, v. 1")
}

/// Seals the words that a photo is found by, as its record is; empty for none.
///
/// # Errors
///
/// [`Error::Internal`] if the system gives no random numbers.
pub(super) fn seal_words(
    secret: &TenantSecret,
    photo: PhotoId,
    words: &[VisualWord],
) -> Result<Vec<u8>, Error> {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let (sealed, salt) = secret.seal_record(photo, &bytes).map_err(Error::internal)?;
    Ok([&salt[..], &sealed].concat())
}

/// Opens what [`seal_words`] sealed.
///
/// # Errors
///
/// [`Error::Internal`] if it was sealed for another photo or tenant, or is damaged.
pub(super) fn open_words(
    secret: &TenantSecret,
    photo: PhotoId,
    sealed: &[u8],
) -> Result<Vec<VisualWord>, Error> {
    let damaged = || Error::internal("the sealed words of a photo are damaged");
    let (salt, sealed) = sealed.split_first_chunk::<32>().ok_or_else(damaged)?;
    let bytes = secret
        .open_record(photo, sealed, salt)
        .map_err(Error::internal)?;
    let (words, _) = bytes.as_chunks();
    Ok(words
        .iter()
        .map(|word| VisualWord::from_le_bytes(*word))
        .collect())
}

/// Opens a photo's record.
///
/// # Errors
///
/// [`Error::Internal`] if it was sealed for another photo or tenant, or is damaged.
pub(super) fn open_record(
    secret: &TenantSecret,
    photo: PhotoId,
    sealed: &SealedRecord,
) -> Result<Record, Error> {
    let bytes = secret
        .open_record(photo, &sealed.sealed_record, &sealed.record_salt)
        .map_err(Error::internal)?;
    Record::from_bytes(&bytes).map_err(Error::internal)
}

/// Seals the record of a photo whose protected file has this hash.
///
/// # Errors
///
/// [`Error::Internal`] if the system gives no random numbers.
pub(super) fn seal_record(
    secret: &TenantSecret,
    photo: PhotoId,
    record: &Record,
    protected: ContentHash,
) -> Result<SealedRecord, Error> {
    let (sealed_record, salt) = secret
        .seal_record(photo, &record.to_bytes())
        .map_err(Error::internal)?;
    Ok(SealedRecord {
        protected_sha256: protected.as_bytes().to_vec(),
        sealed_record,
        record_salt: salt.to_vec(),
        manifest: None,
    })
}

/// The engine's setting for a tenant's privacy.
pub(super) fn privacy(wish: Privacy) -> watermark::RecordPrivacy {
    match wish {
        Privacy::Full => watermark::RecordPrivacy::Full,
        Privacy::Strict => watermark::RecordPrivacy::Strict,
    }
}

/// The container of a file that the engine made.
pub(super) fn file_format(format: imaging::Format) -> FileFormat {
    match format {
        imaging::Format::Jpeg => FileFormat::Jpeg,
        imaging::Format::Png => FileFormat::Png,
        imaging::Format::WebP => FileFormat::WebP,
    }
}

/// How much the photo withstands.
pub(super) fn mark_strength(level: watermark::ProtectionLevel) -> MarkStrength {
    match level {
        watermark::ProtectionLevel::Full => MarkStrength::Full,
        watermark::ProtectionLevel::Limited => MarkStrength::Limited,
    }
}

/// The product's term for whether the mark was detected.
pub(super) fn status(found: DetectionStatus) -> WatermarkStatus {
    match found {
        DetectionStatus::Detected => WatermarkStatus::Detected,
        DetectionStatus::Marginal => WatermarkStatus::Marginal,
        DetectionStatus::NotFound => WatermarkStatus::NotFound,
    }
}

/// The product's term for whether the content is the protected one.
pub(super) fn content(found: watermark::ContentMatch) -> Content {
    match found {
        watermark::ContentMatch::Agrees => Content::Agrees,
        watermark::ContentMatch::Doubtful => Content::Doubtful,
        watermark::ContentMatch::Other => Content::Other,
    }
}

/// The product's term for whether something was altered.
pub(super) fn alteration(found: TamperFinding) -> Alteration {
    match found {
        TamperFinding::Unaltered => Alteration::NoneFound,
        TamperFinding::Uncertain => Alteration::Uncertain,
        TamperFinding::Altered => Alteration::Found,
        TamperFinding::NotExamined => Alteration::NotExamined,
    }
}

/// The product's term for how the picture was processed.
pub(super) fn tamper_class(found: watermark::ManipulationClass) -> TamperClass {
    match found {
        watermark::ManipulationClass::None => TamperClass::None,
        watermark::ManipulationClass::Compression => TamperClass::Compression,
        watermark::ManipulationClass::Resize => TamperClass::Resize,
        watermark::ManipulationClass::Crop => TamperClass::Crop,
        watermark::ManipulationClass::StructuralAlteration => TamperClass::StructuralAlteration,
    }
}
