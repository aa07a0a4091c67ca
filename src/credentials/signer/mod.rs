//! Signs the manifest of a protected photo, and binds it to the file.
//!
//! The crate's own `Builder::sign` hashes and copies the file several times. Here it is hashed
//! once: a placeholder of the final length is put into the file, what lies around it is hashed, and
//! the signed manifest takes its place.

#[cfg(test)]
mod tests;

use std::{fmt, io::Cursor, ops::Range, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use bytes::Bytes;
use c2pa::{Builder, HashRange, assertions::DataHash};
use serde_json::{Value, json};

use super::{
    Statement, carrier,
    judge::{self, Anchors, JudgeError},
    redaction,
    signing::{Algorithm, Certificate, SigningIdentity},
    time_stamps::{StampedIdentity, TimeStamps},
    worker::{self, Overrun, Worker},
};
use crate::imaging::MetadataPolicy;

/// What a manifest store is called among media types: bytes without a container.
const MANIFEST_STORE: &str = "application/c2pa";
/// Longest manifest store of an upload, in bytes, that is kept as its history.
const LONGEST_PARENT_BYTES: usize = 1 << 20;
/// As long as most manifests in their carriers.
const USUAL_BYTES: usize = 5_000;
/// How long it may take to sign with the manifests of an upload.
const DEADLINE: Duration = Duration::from_secs(5);
/// Said of an upload whose manifests do not go on.
const LEFT_OUT: &str = "It carried content credentials, which were left out: damaged, too long, or with pictures that cannot be taken out.";

/// Why a manifest cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The crate refuses the certificate, or what is to be signed.
    #[error("the manifest cannot be signed: {0}")]
    Refused(#[from] c2pa::Error),
    /// The manifests of uploads cannot be judged.
    #[error(transparent)]
    Anchors(#[from] JudgeError),
    /// Too many manifests of uploads take too long at present.
    #[error("too many manifests are being judged")]
    Busy,
}

/// What became of the manifests that an upload carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentManifest {
    /// It carried none.
    None,
    /// They were judged, and go on with that judgement, without their pictures.
    Kept,
    /// They do not go on, and the new manifest says so.
    LeftOut,
}

/// A file with its manifest.
#[derive(Debug)]
pub struct Signed {
    /// The whole file.
    pub file: Vec<u8>,
    /// The manifest store in it, as JUMBF.
    pub manifest: Vec<u8>,
    /// The manifest's URN.
    pub manifest_id: String,
    /// What became of the upload's manifests.
    pub parent: ParentManifest,
    /// CPU time that was used on other threads.
    pub cpu: Duration,
}

/// What became of signing with the manifests of an upload.
enum History {
    /// They go on.
    Signed(Box<Signed>),
    /// They cannot.
    LeftOut {
        /// Whether a time stamp may have been waited for already.
        asked: bool,
    },
}

/// Signs manifests as one identity; cheap to clone.
#[derive(Clone)]
pub struct ManifestSigner {
    unstamped: Arc<c2pa::Context>,
    /// Asks for a time stamp with each signature.
    stamped: Option<Arc<c2pa::Context>>,
    leaf: Certificate,
    algorithm: Algorithm,
    worker: Worker,
}

impl fmt::Debug for ManifestSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestSigner")
            .field("leaf", &self.leaf)
            .finish_non_exhaustive()
    }
}

impl ManifestSigner {
    /// A signer that judges the manifests of uploads by `anchors`, and has its signatures stamped
    /// where there are `time_stamps`.
    ///
    /// # Errors
    ///
    /// The anchors cannot be read.
    pub fn new(
        identity: SigningIdentity,
        anchors: &Anchors,
        time_stamps: Option<Arc<dyn TimeStamps>>,
    ) -> Result<Self, SignError> {
        let settings = settings(anchors)?.to_string();
        let (leaf, algorithm) = (identity.leaf().clone(), identity.algorithm());
        // The wait for an authority is nobody's fault.
        let wait = time_stamps.as_ref().map(|stamps| stamps.longest_wait());
        let stamped = match time_stamps {
            None => None,
            Some(time_stamps) => {
                let identity = identity.clone();
                let signer = StampedIdentity {
                    identity,
                    time_stamps,
                };
                Some(context(&settings, signer)?)
            }
        };
        Ok(Self {
            unstamped: context(&settings, identity)?,
            stamped,
            leaf,
            algorithm,
            worker: Worker::new(DEADLINE + wait.unwrap_or_default()),
        })
    }

    /// Whether signing waits for a time stamp.
    pub fn asks_for_time_stamps(&self) -> bool {
        self.stamped.is_some()
    }

    /// The same signer, which asks for no time stamps.
    #[must_use]
    pub fn without_time_stamps(&self) -> Self {
        Self {
            stamped: None,
            ..self.clone()
        }
    }

    /// The certificate that it signs with.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The kind of its signatures.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs what is stated about a photo into `marked`, the finished file without a manifest.
    ///
    /// The upload becomes the one ingredient, its own manifests judged on its own bytes. Of those,
    /// pictures are redacted, and what `metadata` strips.
    ///
    /// # Errors
    ///
    /// The crate checks what it signed: a certificate that has ended or does not meet the profile
    /// is refused.
    pub fn sign(
        &self,
        statement: &Statement,
        upload: &Bytes,
        marked: &Bytes,
        metadata: MetadataPolicy,
    ) -> Result<Signed, SignError> {
        if carrier::find(upload, statement.format).is_none() {
            return self.without_history(statement, marked, ParentManifest::None);
        }
        let left_out = ParentManifest::LeftOut;
        match self.beside(statement, upload, marked, metadata)? {
            History::Signed(signed) => Ok(*signed),
            History::LeftOut { asked: false } => self.without_history(statement, marked, left_out),
            // One time stamp is waited for, not two.
            History::LeftOut { asked: true } => {
                let signer = self.without_time_stamps();
                signer.without_history(statement, marked, left_out)
            }
        }
    }

    fn builder(&self) -> Builder {
        let context = self.stamped.as_ref().unwrap_or(&self.unstamped);
        Builder::from_shared_context(context)
    }

    /// Signs with the upload as an ingredient that has no manifests.
    fn without_history(
        &self,
        statement: &Statement,
        marked: &Bytes,
        parent: ParentManifest,
    ) -> Result<Signed, SignError> {
        let description = (parent == ParentManifest::LeftOut).then_some(LEFT_OUT);
        let mut builder = statement.define(self.builder(), &[])?;
        let ingredient = statement.parent(description).to_string();
        builder.add_ingredient(c2pa::Ingredient::from_json(&ingredient)?);
        embed(builder, statement, marked, parent)
    }

    /// Signs with the upload's manifests on a thread that what strangers wrote cannot hold up.
    fn beside(
        &self,
        statement: &Statement,
        upload: &Bytes,
        marked: &Bytes,
        metadata: MetadataPolicy,
    ) -> Result<History, SignError> {
        let (own, statement) = (self.clone(), statement.clone());
        let (upload, marked) = (upload.clone(), marked.clone());
        let work = move || own.with_history(&statement, &upload, &marked, metadata);
        match self.worker.run(work) {
            Ok(finished) => match finished.result {
                Ok(History::Signed(mut with_history)) => {
                    with_history.cpu = finished.cpu;
                    Ok(History::Signed(with_history))
                }
                Ok(left_out) => Ok(left_out),
                Err(error) => {
                    tracing::debug!(%error, "an upload's manifests are left out");
                    Ok(History::LeftOut { asked: true })
                }
            },
            Err(Overrun::Crowded) => Err(SignError::Busy),
            Err(overrun) => {
                tracing::warn!(?overrun, "an upload's manifests are left out");
                Ok(History::LeftOut { asked: true })
            }
        }
    }

    /// Signs with the upload's manifests.
    fn with_history(
        &self,
        statement: &Statement,
        upload: &[u8],
        marked: &[u8],
        metadata: MetadataPolicy,
    ) -> Result<History, SignError> {
        let unread = History::LeftOut { asked: false };
        let Some(store) = carrier::manifest(upload, statement.format)
            .filter(|store| store.len() <= LONGEST_PARENT_BYTES)
        else {
            return Ok(unread);
        };
        let redactions = redaction::redactions(&store, metadata);
        let mut builder = statement.define(self.builder(), &redactions)?;
        let added = builder.add_ingredient_from_stream(
            statement.parent(None).to_string(),
            statement.format.content_type(),
            &mut Cursor::new(upload),
        );
        if !added.is_ok_and(|ingredient| ingredient.manifest_data_ref().is_some()) {
            return Ok(unread);
        }
        let signed = embed(builder, statement, marked, ParentManifest::Kept)?;
        if redaction::holds_picture(&signed.manifest) {
            return Ok(History::LeftOut { asked: true });
        }
        Ok(History::Signed(Box::new(signed)))
    }
}

/// Puts the manifest into the file: placeholder, hash, signature.
fn embed(
    mut builder: Builder,
    statement: &Statement,
    marked: &[u8],
    parent: ParentManifest,
) -> Result<Signed, SignError> {
    let format = statement.format;
    let start = carrier::start(marked, format).ok_or(c2pa::Error::UnsupportedType)?;
    // The place is written into the manifest, whose length decides the place: numbers are longer
    // the larger they are, so that a second look settles it.
    let mut expected = start..start + USUAL_BYTES;
    let (mut file, place) = loop {
        bind(&mut builder, &expected, vec![0; 32])?;
        let placeholder = builder.placeholder(MANIFEST_STORE)?;
        let (file, place) =
            carrier::put(marked, format, &placeholder).ok_or(c2pa::Error::UnsupportedType)?;
        if cbor_bytes(place.len()) == cbor_bytes(expected.len()) {
            break (file, place);
        }
        expected = place;
    };
    bind(&mut builder, &place, hash_around(&file, &place))?;
    let manifest = builder.sign_embeddable(MANIFEST_STORE)?;
    // The crate fills a shorter one up with zeros behind the box, which not all readers take.
    if manifest
        .first_chunk()
        .map(|length| u32::from_be_bytes(*length) as usize)
        != Some(manifest.len())
    {
        return Err(c2pa::Error::ClaimEncoding.into());
    }
    carrier::replace(&mut file, statement.format, place, &manifest);
    Ok(Signed {
        file,
        manifest,
        manifest_id: statement.manifest_id(),
        parent,
        cpu: Duration::ZERO,
    })
}

/// Sets the hard binding: the hash of the file without `place`.
fn bind(builder: &mut Builder, place: &Range<usize>, hash: Vec<u8>) -> c2pa::Result<()> {
    let mut binding = DataHash::new("jumbf manifest", "sha256");
    binding.add_exclusion(HashRange::new(place.start as u64, place.len() as u64));
    binding.set_hash(hash);
    let assertions = &mut builder.definition.assertions;
    assertions.retain(|assertion| !assertion.label.starts_with(DataHash::LABEL));
    builder.add_assertion(DataHash::LABEL, &binding)?;
    Ok(())
}

/// Bytes of a number in CBOR (RFC 8949, section 3).
fn cbor_bytes(number: usize) -> usize {
    match number {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// What the crate signs with.
fn context(
    settings: &str,
    signer: impl c2pa::Signer + Send + Sync + 'static,
) -> Result<Arc<c2pa::Context>, SignError> {
    Ok(c2pa::Context::new()
        .with_settings(settings)?
        .with_signer(signer)
        .with_progress_callback(|_, _, _| worker::has_time())
        .into_shared())
}

/// The judge's settings, and nothing that the crate adds by itself.
fn settings(anchors: &Anchors) -> Result<Value, JudgeError> {
    let mut settings = judge::settings(anchors)?;
    let off = json!({ "enabled": false });
    settings["builder"] = json!({
        "thumbnail": off,
        "actions": { "auto_opened_action": off, "auto_created_action": off, "auto_placed_action": off },
    });
    Ok(settings)
}

/// SHA-256 of the file without `place`.
fn hash_around(file: &[u8], place: &Range<usize>) -> Vec<u8> {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&file[..place.start]);
    hash.update(&file[place.end..]);
    hash.finish().as_ref().to_vec()
}
