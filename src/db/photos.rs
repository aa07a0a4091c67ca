//! The table `photos`: everything that is kept of a photo. No image is.

use sqlx::{Row, postgres::PgRow};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Database, DbError, TenantTransaction,
    manifests::ManifestSummary,
    tenants::{ImageTenant, read_megapixels},
};
use crate::domain::{
    ContentHash, FileFormat, MarkStrength, PhotoId, Place, Registration, TenantId, without_case,
};

/// A photo as its tenant sees it.
#[derive(Debug, Clone)]
pub struct StoredPhoto {
    /// Drawn when the photo is registered.
    pub photo: PhotoId,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// The client's statements about it.
    pub registration: Registration,
    /// Set by `protect`; `None` while the photo is only registered.
    pub protected: Option<ProtectedPhoto>,
    /// Whether its manifest is published while its tenant publishes.
    pub is_published: bool,
}

/// The file that `protect` returned, without its bytes.
#[derive(Debug, Clone)]
pub struct ProtectedPhoto {
    /// When `protect` stored it.
    pub protected_at: OffsetDateTime,
    /// SHA-256 of the file.
    pub sha256: ContentHash,
    /// The container of that file.
    pub format: FileFormat,
    /// Width in pixels, after EXIF orientation.
    pub width: i32,
    /// Height in pixels, after EXIF orientation.
    pub height: i32,
    /// How much its mark withstands.
    pub protection_level: MarkStrength,
}

/// The engine's record of a protected photo, encrypted, and what belongs to it.
#[derive(Debug)]
pub struct SealedRecord {
    /// SHA-256 of the file.
    pub protected_sha256: Vec<u8>,
    /// Nonce, ciphertext and tag; about 20 KB.
    pub sealed_record: Vec<u8>,
    /// The salt that its key is derived with.
    pub record_salt: Vec<u8>,
    /// The manifest that was signed for it; `None` before there were any.
    pub manifest: Option<ManifestSummary>,
}

/// A sealed record as PostgreSQL gives it, with the photo's manifest.
struct RecordRow {
    photo_id: Uuid,
    protected_sha256: Vec<u8>,
    sealed_record: Vec<u8>,
    record_salt: Vec<u8>,
    manifest_id: Option<String>,
    certificate_sha256: Option<Vec<u8>>,
    kept: Option<bool>,
}

impl RecordRow {
    fn read(self) -> (PhotoId, SealedRecord) {
        let manifest = match (self.manifest_id, self.certificate_sha256, self.kept) {
            (Some(manifest_id), Some(certificate_sha256), Some(kept)) => Some(ManifestSummary {
                manifest_id,
                certificate_sha256,
                kept,
            }),
            _ => None,
        };
        let record = SealedRecord {
            protected_sha256: self.protected_sha256,
            sealed_record: self.sealed_record,
            record_salt: self.record_salt,
            manifest,
        };
        (self.photo_id.into(), record)
    }
}

/// A row as PostgreSQL gives it.
struct PhotoRow {
    photo_id: Uuid,
    created_at: OffsetDateTime,
    content_hash: Option<String>,
    device_model: Option<String>,
    label: Option<String>,
    external_id: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    publish_location: bool,
    protected_at: Option<OffsetDateTime>,
    protected_sha256: Option<Vec<u8>>,
    format: Option<String>,
    width: Option<i32>,
    height: Option<i32>,
    protection_level: Option<String>,
    is_published: bool,
}

impl PhotoRow {
    fn read(self) -> Option<StoredPhoto> {
        let content_hash = match self.content_hash {
            Some(hash) => Some(ContentHash::parse(&hash)?),
            None => None,
        };
        let place = match (self.latitude, self.longitude) {
            (Some(latitude), Some(longitude)) => Some(Place::new(latitude, longitude)?),
            _ => None,
        };
        let protected = match self.protected_at {
            Some(protected_at) => Some(ProtectedPhoto {
                protected_at,
                sha256: ContentHash::from_digest(self.protected_sha256?.try_into().ok()?),
                format: FileFormat::parse(&self.format?)?,
                width: self.width?,
                height: self.height?,
                protection_level: MarkStrength::parse(&self.protection_level?)?,
            }),
            None => None,
        };
        Some(StoredPhoto {
            photo: self.photo_id.into(),
            created_at: self.created_at,
            registration: Registration {
                content_hash,
                device_model: self.device_model,
                label: self.label,
                external_id: self.external_id,
                place,
                publish_location: self.publish_location,
            },
            protected,
            is_published: self.is_published,
        })
    }
}

/// Adds a registered photo.
pub async fn insert(
    tx: &mut TenantTransaction,
    photo: PhotoId,
    registration: &Registration,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "insert into photos (tenant_id, photo_id, created_at, content_hash, device_model, latitude, longitude,
                             publish_location, label, label_folded, external_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant,
        photo.as_uuid(),
        now,
        registration.content_hash.map(|hash| hash.to_string()),
        registration.device_model,
        registration.place.map(Place::latitude),
        registration.place.map(Place::longitude),
        registration.publish_location,
        registration.label,
        registration.label.as_deref().map(without_case),
        registration.external_id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Finds a photo, protected or only registered.
pub async fn find(
    tx: &mut TenantTransaction,
    photo: PhotoId,
) -> Result<Option<StoredPhoto>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query_as!(
        PhotoRow,
        r#"select photo_id, created_at, content_hash, device_model, label, external_id, latitude, longitude,
                publish_location, protected_at, protected_sha256, format, width, height, protection_level,
                exists (select from publications p where p.tenant_id = photos.tenant_id and p.photo_id = photos.photo_id) as "is_published!"
         from photos where tenant_id = $1 and photo_id = $2"#,
        tenant,
        photo.as_uuid()
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| row.read().ok_or(DbError::Corrupt("photos")))
        .transpose()
}

/// Finds the sealed record of a photo; `None` unless it is protected.
pub async fn find_record(
    tx: &mut TenantTransaction,
    photo: PhotoId,
) -> Result<Option<SealedRecord>, DbError> {
    let found = find_records(tx, &[photo]).await?;
    Ok(found.into_iter().next().map(|(_, record)| record))
}

/// What `verify` compares an image with.
#[derive(Debug)]
pub struct Reference {
    /// The tenant's secret, and its image limit.
    pub tenant: ImageTenant,
    /// Whether the tenant has the photo.
    pub is_known: bool,
    /// Its record; `None` unless it is protected.
    pub sealed: Option<SealedRecord>,
}

impl Database {
    /// Finds a photo's record with what its tenant's images need, in one round trip; `None` when
    /// the tenant is gone.
    pub async fn reference(
        &self,
        tenant: &TenantId,
        photo: PhotoId,
    ) -> Result<Option<Reference>, DbError> {
        let question = format!(
            "select t.sealed_secret, t.max_megapixels, p.photo_id is not null as is_known, p.protected_sha256,
                    p.sealed_record, p.record_salt, m.manifest_id, m.certificate_sha256, m.store is not null as kept
             from tenants t
             left join photos p on p.tenant_id = t.tenant_id and p.photo_id = '{}'
             left join manifests m on m.tenant_id = p.tenant_id and m.photo_id = p.photo_id
             where t.tenant_id = current_tenant()",
            photo.as_uuid().as_hyphenated()
        );
        let rows = self.ask(tenant, &question).await?;
        let found = rows.first().map(|row| read_reference(row, photo));
        found.transpose()
    }
}

fn read_reference(row: &PgRow, photo: PhotoId) -> Result<Reference, DbError> {
    let sealed = match row.try_get("sealed_record")? {
        None => None,
        Some(sealed_record) => {
            let record = RecordRow {
                photo_id: photo.as_uuid(),
                protected_sha256: row.try_get("protected_sha256")?,
                sealed_record,
                record_salt: row.try_get("record_salt")?,
                manifest_id: row.try_get("manifest_id")?,
                certificate_sha256: row.try_get("certificate_sha256")?,
                kept: row.try_get("kept")?,
            };
            Some(record.read().1)
        }
    };
    Ok(Reference {
        tenant: ImageTenant {
            sealed_secret: row.try_get("sealed_secret")?,
            max_megapixels: read_megapixels(row.try_get("max_megapixels")?)?,
        },
        is_known: row.try_get("is_known")?,
        sealed,
    })
}

/// Finds the sealed records of those of `photos` that are protected, in no particular order.
pub async fn find_records(
    tx: &mut TenantTransaction,
    photos: &[PhotoId],
) -> Result<Vec<(PhotoId, SealedRecord)>, DbError> {
    let (db, tenant) = tx.parts();
    let ids: Vec<Uuid> = photos.iter().map(|photo| photo.as_uuid()).collect();
    let rows = sqlx::query_as!(
        RecordRow,
        r#"select photo_id, protected_sha256 as "protected_sha256!", sealed_record as "sealed_record!",
                  record_salt as "record_salt!", manifest_id as "manifest_id?",
                  certificate_sha256 as "certificate_sha256?", store is not null as "kept?"
           from photos left join manifests using (tenant_id, photo_id)
           where tenant_id = $1 and photo_id = any($2) and protected_at is not null"#,
        tenant,
        &ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(RecordRow::read).collect())
}

/// The photo that was protected last; `None` without any.
pub async fn latest_protected(tx: &mut TenantTransaction) -> Result<Option<PhotoId>, DbError> {
    let (db, tenant) = tx.parts();
    let id = sqlx::query_scalar!(
        "select photo_id from photos where tenant_id = $1 and protected_at is not null
         order by created_at desc, photo_id desc limit 1",
        tenant
    )
    .fetch_optional(db)
    .await?;
    Ok(id.map(PhotoId::from))
}

/// Finds photos whose protected file had these bytes, at most `limit`: in practice one.
pub async fn with_protected_sha256(
    tx: &mut TenantTransaction,
    sha256: ContentHash,
    limit: i64,
) -> Result<Vec<PhotoId>, DbError> {
    let (db, tenant) = tx.parts();
    let ids = sqlx::query_scalar!(
        "select photo_id from photos where tenant_id = $1 and protected_sha256 = $2 limit $3",
        tenant,
        sha256.as_bytes(),
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(PhotoId::from).collect())
}

/// Finds those of `photos` that are there, newest first.
pub async fn find_all(
    tx: &mut TenantTransaction,
    photos: &[PhotoId],
) -> Result<Vec<StoredPhoto>, DbError> {
    let (db, tenant) = tx.parts();
    let ids: Vec<Uuid> = photos.iter().map(|photo| photo.as_uuid()).collect();
    let rows = sqlx::query_as!(
        PhotoRow,
        r#"select photo_id, created_at, content_hash, device_model, label, external_id, latitude, longitude,
                publish_location, protected_at, protected_sha256, format, width, height, protection_level,
                exists (select from publications p where p.tenant_id = photos.tenant_id and p.photo_id = photos.photo_id) as "is_published!"
         from photos where tenant_id = $1 and photo_id = any($2)
         order by created_at desc, photo_id desc"#,
        tenant,
        &ids
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| row.read().ok_or(DbError::Corrupt("photos")))
        .collect()
}

/// Calls a photo otherwise, or nothing any more; false when it is not there.
pub async fn set_label(
    tx: &mut TenantTransaction,
    photo: PhotoId,
    label: Option<&str>,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "update photos set label = $3, label_folded = $4 where tenant_id = $1 and photo_id = $2",
        tenant,
        photo.as_uuid(),
        label,
        label.map(without_case)
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes a photo with its record and the salt of the record's key; false when it is not there.
pub async fn delete(tx: &mut TenantTransaction, photo: PhotoId) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "delete from photos where tenant_id = $1 and photo_id = $2",
        tenant,
        photo.as_uuid()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
