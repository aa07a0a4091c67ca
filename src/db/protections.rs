//! The write of a protected photo: its row in `photos`, its manifest and its words, in one
//! statement, which also tells what decides whether the photo may stay.

use uuid::Uuid;

use super::{
    DbError, TenantTransaction,
    manifests::StoredManifest,
    photos::{ProtectedPhoto, SealedRecord},
    tenants::{PolicyRow, TenantSettings},
    words::MOST_PER_TOKEN,
};
use crate::domain::{PhotoId, Place, Registration, without_case};

/// Most looks, other than the photo's own, that are told. If there are more, some copies with other
/// bytes may not be counted.
const MOST_LOOKS: i64 = 100;

/// A hash of the tokens of a picture's look: photos with the same one have the same fingerprint.
pub type LookToken = [u8; 16];

/// A photo that was just marked.
#[derive(Debug)]
pub struct Protection<'a> {
    /// Its id.
    pub photo: PhotoId,
    /// Whether it was not registered before.
    pub is_new: bool,
    /// What is told of it now; what is left open stays as it was registered.
    pub registration: &'a Registration,
    /// The file that was made.
    pub protected: &'a ProtectedPhoto,
    /// The engine's record.
    pub sealed: &'a SealedRecord,
    /// Its manifest; `None` for a file that was not signed.
    pub manifest: Option<&'a StoredManifest>,
    /// The tokens that it is found by; none under strict privacy.
    pub tokens: &'a [i32],
    /// The words that these stand for, sealed; `None` under strict privacy.
    pub sealed_words: Option<&'a [u8]>,
    /// Whether its manifest is published, if it is kept.
    pub is_published: bool,
    /// The tokens of no tenant's that it is found by then.
    pub public_tokens: &'a [i32],
    /// Those of them that are of its look, each once.
    pub look: &'a [i32],
    /// Their hash; `None` under strict privacy.
    pub look_token: Option<LookToken>,
    /// How many tokens of its look another photo has at least that may be the same picture.
    pub least_alike: i64,
}

/// Photos with one look, which may be nearly that of the photo that was saved.
#[derive(Debug, Clone, Copy)]
pub struct NearLook {
    /// One of them.
    pub photo: PhotoId,
    /// How many they are.
    pub photos: i64,
}

/// What was found as the photo was saved, without the photo itself.
#[derive(Debug)]
pub struct Saved {
    /// False when a registered photo is not there, or was protected before; or when there is a
    /// photo under the id of a new one. Nothing was saved then.
    pub is_saved: bool,
    /// Secret and policy of the tenant as they are now; `None` when it is gone.
    pub settings: Option<TenantSettings>,
    /// Protected photos with the same bytes or the same look.
    pub copies: i64,
    /// Looks that share tokens with it, most first.
    pub near: Vec<NearLook>,
}

/// Saves a photo in a transaction of [`super::Database::begin_protection`].
///
/// The copies are counted by two indexes, and of other looks each is told once however many photos
/// have it: what is looked at does not grow with the copies of a picture. What older programs
/// protected has no look in the table; each of these is a look of its own.
#[expect(
    clippy::too_many_lines,
    reason = "one statement, and the values that it is given"
)]
pub async fn save(
    tx: &mut TenantTransaction,
    protection: &Protection<'_>,
) -> Result<Saved, DbError> {
    let &Protection {
        photo,
        is_new,
        registration,
        protected,
        sealed,
        manifest,
        tokens,
        sealed_words,
        is_published,
        public_tokens,
        look,
        look_token,
        least_alike,
    } = protection;
    let (db, tenant) = tx.parts();
    let row = sqlx::query!(
        r#"with inserted as (
               insert into photos
                   (tenant_id, photo_id, created_at, content_hash, device_model, latitude, longitude, publish_location,
                    protected_at, protected_sha256, format, width, height, protection_level, sealed_record, record_salt,
                    label, label_folded, external_id, look_token)
               select $1, $2, $8, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19
               where $20
               on conflict on constraint photos_pkey do nothing
               returning photo_id
           ), updated as (
               update photos set
                   content_hash = coalesce($3, content_hash),
                   device_model = coalesce($4, device_model),
                   latitude = coalesce($5, latitude),
                   longitude = coalesce($6, longitude),
                   publish_location = $7,
                   protected_at = $8, protected_sha256 = $9, format = $10, width = $11, height = $12,
                   protection_level = $13, sealed_record = $14, record_salt = $15,
                   label = coalesce($16, label), label_folded = coalesce($17, label_folded),
                   external_id = coalesce($18, external_id), look_token = $19
               where not $20 and tenant_id = $1 and photo_id = $2 and protected_at is null
               returning photo_id
           ), saved as (
               select photo_id from inserted union all select photo_id from updated
           ), signed as (
               insert into manifests (tenant_id, photo_id, manifest_id, certificate_sha256, store)
               select $1, photo_id, $21, $22, $23 from saved where $21::text is not null
           ), worded as (
               insert into photo_words (tenant_id, photo_id, sealed_words)
               select $1, photo_id, $29 from saved where cardinality($24::int4[]) > 0
               returning slot
           ), listed as (
               insert into word_sets (slot, tokens) select slot, $24 from worded
           ), published as (
               insert into publications (tenant_id, photo_id, manifest_id)
               select $1, photo_id, $21 from saved where $30 and $23::bytea is not null
               returning slot
           ), listed_for_all as (
               insert into publication_words (slot, tokens)
               select slot, $31 from published where cardinality($31::int4[]) > 0
           ), near as (
               select (array_agg(p.photo_id))[1] as photo, count(*) as photos
               from (select h.slot, count(*) as shared
                     from unnest($25::int4[]) t(token)
                     cross join lateral (select w.slot from word_sets w where w.tokens @> array[t.token] limit $26) h
                     group by h.slot
                     having count(*) >= $27) v
               join photo_words w on w.tenant_id = $1 and w.slot = v.slot
               join photos p on p.tenant_id = $1 and p.photo_id = w.photo_id
               where p.protected_at is not null
                   and p.content_hash is distinct from $3 and p.look_token is distinct from $19
               group by p.look_token, case when p.look_token is null then p.photo_id end
               order by max(v.shared) desc
               limit $28
           )
           select (select count(*) from saved) as "saved!",
                  (select count(*) from (
                       select photo_id from photos where tenant_id = $1 and content_hash = $3 and protected_at is not null
                       union
                       select photo_id from photos where tenant_id = $1 and look_token = $19 and protected_at is not null) c)
                      as "copies!",
                  (select array_agg(photo) from near) as near_photos,
                  (select array_agg(photos) from near) as near_counts,
                  own.sealed_secret as "sealed_secret?", own.privacy as "privacy?", own.max_copies,
                  own.content_hash_policy as "content_hash_policy?", own.max_megapixels,
                  own.manifest_policy as "manifest_policy?", own.check_policy as "check_policy?",
                  own.publication_policy as "publication_policy?",
                  own.rate_per_second, own.rate_burst, own.rate_per_hour
           from (select) as one left join tenants own on own.tenant_id = $1"#,
        tenant,
        photo.as_uuid(),
        registration.content_hash.map(|hash| hash.to_string()),
        registration.device_model,
        registration.place.map(Place::latitude),
        registration.place.map(Place::longitude),
        registration.publish_location,
        protected.protected_at,
        protected.sha256.as_bytes(),
        protected.format.as_str(),
        protected.width,
        protected.height,
        protected.protection_level.as_str(),
        sealed.sealed_record,
        sealed.record_salt,
        registration.label,
        registration.label.as_deref().map(without_case),
        registration.external_id,
        look_token.as_ref().map(<[u8; 16]>::as_slice),
        is_new,
        manifest.map(|manifest| manifest.manifest_id.as_str()),
        manifest.map(|manifest| manifest.certificate_sha256.as_slice()),
        manifest.and_then(|manifest| manifest.store.as_deref()),
        tokens,
        look,
        MOST_PER_TOKEN,
        least_alike,
        MOST_LOOKS,
        sealed_words,
        is_published,
        public_tokens
    )
    .fetch_one(db)
    .await?;
    let settings = match (
        row.sealed_secret,
        row.privacy,
        row.content_hash_policy,
        row.manifest_policy,
        row.check_policy,
        row.publication_policy,
    ) {
        (
            Some(sealed_secret),
            Some(privacy),
            Some(content_hash_policy),
            Some(manifest_policy),
            Some(check_policy),
            Some(publication_policy),
        ) => {
            let policy = PolicyRow {
                privacy,
                max_copies: row.max_copies,
                content_hash_policy,
                max_megapixels: row.max_megapixels,
                manifest_policy,
                check_policy,
                publication_policy,
                rate_per_second: row.rate_per_second,
                rate_burst: row.rate_burst,
                rate_per_hour: row.rate_per_hour,
            };
            Some(TenantSettings {
                sealed_secret,
                policy: policy.read()?,
            })
        }
        _ => None,
    };
    Ok(Saved {
        is_saved: row.saved == 1,
        settings,
        copies: row.copies,
        near: near(
            row.near_photos.unwrap_or_default(),
            row.near_counts.unwrap_or_default(),
        ),
    })
}

fn near(photos: Vec<Uuid>, counts: Vec<i64>) -> Vec<NearLook> {
    let looks = photos.into_iter().zip(counts);
    looks
        .map(|(photo, photos)| NearLook {
            photo: photo.into(),
            photos,
        })
        .collect()
}
