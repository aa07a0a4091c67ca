//! The manifest of a protected file: signed into it once, and put back when the file is made again.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use super::{Context, Error, signers::SignerUnavailable};
use crate::{
    cpu::Job,
    credentials::{ManifestSigner, ParentManifest, Statement, carrier},
    db::manifests::{self, StoredManifest},
    domain::{ContentHash, PhotoId, Registration, TenantId},
    fault,
    imaging::{Format, MetadataPolicy},
};

/// The manifest that a marked file gets.
#[derive(Clone)]
pub(super) enum Manifest {
    /// None: the server does not sign.
    None,
    /// A new one.
    New(Box<NewManifest>),
    /// The one that it got the first time.
    Again {
        stored: StoredManifest,
        /// Whether the upload's own manifests are part of it.
        with_history: bool,
    },
}

/// What a new manifest is signed with, and what it says.
#[derive(Clone)]
pub(super) struct NewManifest {
    signer: Arc<ManifestSigner>,
    photo: PhotoId,
    registration: Registration,
    service: String,
    soft_binding: String,
}

/// The finished file.
pub(super) struct FinishedFile {
    pub bytes: Vec<u8>,
    pub manifest: Option<StoredManifest>,
    /// Whether the upload's own manifests went on in the new one.
    pub with_history: bool,
}

/// A marked file, and what it was made of.
pub(super) struct MarkedFile<'a> {
    pub bytes: Bytes,
    pub format: Format,
    pub upload: &'a Bytes,
    /// SHA-256 of the upload.
    pub source: ContentHash,
    /// What the client wants to be stripped, also of the upload's manifests.
    pub metadata: MetadataPolicy,
}

impl Manifest {
    /// A new manifest for a photo of `tenant`, or none where the server does not sign.
    ///
    /// # Errors
    ///
    /// [`Error::SignerUnavailable`] when it should sign and cannot.
    pub(super) fn new(
        ctx: &Context,
        tenant: &TenantId,
        photo: PhotoId,
        registration: Registration,
    ) -> Result<Self, Error> {
        if !ctx.settings.credentials {
            return Ok(Self::None);
        }
        let signer = ctx.signers.for_tenant(tenant, ctx.clock.now())?;
        Ok(Self::New(Box::new(NewManifest {
            signer,
            photo,
            registration,
            service: ctx.settings.public_url.clone(),
            soft_binding: ctx.settings.soft_binding.clone(),
        })))
    }

    /// Whether putting it into a file waits for a time stamp.
    pub(super) fn waits(&self) -> bool {
        matches!(self, Self::New(new) if new.signer.asks_for_time_stamps())
    }

    /// The same manifest, whose signature is not stamped.
    pub(super) fn without_time_stamp(self) -> Self {
        match self {
            Self::New(mut new) => {
                new.signer = Arc::new(new.signer.without_time_stamps());
                Self::New(new)
            }
            other => other,
        }
    }

    /// Puts the manifest into the file.
    ///
    /// # Errors
    ///
    /// [`Error::SignerUnavailable`] when the signer's certificate is refused.
    pub(super) fn put_into(self, job: &Job, file: MarkedFile<'_>) -> Result<FinishedFile, Error> {
        match self {
            Self::None => Ok(FinishedFile {
                bytes: file.bytes.into(),
                manifest: None,
                with_history: false,
            }),
            Self::Again {
                stored,
                with_history,
            } => {
                let store = stored.store.as_deref().unwrap_or_default();
                let bytes = carrier::splice(&file.bytes, file.format, store);
                Ok(FinishedFile {
                    bytes,
                    manifest: Some(stored),
                    with_history,
                })
            }
            Self::New(new) => new.sign_into(job, &file),
        }
    }
}

impl NewManifest {
    fn sign_into(self, job: &Job, file: &MarkedFile<'_>) -> Result<FinishedFile, Error> {
        let statement = Statement {
            manifest: Uuid::new_v4(),
            photo: self.photo,
            format: file.format,
            content_hash: file.source,
            registration: self.registration,
            service: self.service,
            soft_binding: self.soft_binding,
        };
        fault::point("signature").map_err(|fault| SignerUnavailable::Refused(fault.to_string()))?;
        let signed = (self.signer).sign(&statement, file.upload, &file.bytes, file.metadata)?;
        job.charge(signed.cpu);
        Ok(FinishedFile {
            bytes: signed.file,
            manifest: Some(StoredManifest {
                manifest_id: signed.manifest_id,
                certificate_sha256: self.signer.leaf().sha256.to_vec(),
                store: Some(signed.manifest),
            }),
            with_history: signed.parent == ParentManifest::Kept,
        })
    }
}

/// A manifest that is kept.
#[derive(Debug)]
pub struct KeptManifest {
    /// Its URN.
    pub manifest_id: String,
    /// The manifest store (JUMBF).
    pub store: Vec<u8>,
}

impl KeptManifest {
    /// The manifest, if its bytes are kept.
    pub(super) fn of(stored: StoredManifest) -> Option<Self> {
        Some(Self {
            manifest_id: stored.manifest_id,
            store: stored.store?,
        })
    }
}

/// The manifest that was signed for a photo of the tenant.
///
/// # Errors
///
/// [`Error::NotFound`] without the photo, and where no manifest is kept of it.
pub async fn get(ctx: &Context, tenant: &TenantId, photo: PhotoId) -> Result<KeptManifest, Error> {
    let mut tx = ctx.db.begin(tenant).await?;
    let found = manifests::find(&mut tx, photo).await?;
    tx.commit().await?;
    found.and_then(KeptManifest::of).ok_or(Error::NotFound)
}

/// A manifest store as people can read it.
///
/// # Errors
///
/// [`Error::Busy`] when there is too much to do.
pub async fn report(ctx: &Context, tenant: &TenantId, store: Vec<u8>) -> Result<Value, Error> {
    let judge = ctx.signers.judge();
    let report = (ctx.images)
        .run(Some(tenant.clone()), move |_| judge.report(&store.into()))
        .await?;
    report.ok_or_else(|| Error::internal("a kept manifest cannot be read"))
}
