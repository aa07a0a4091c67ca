//! What a manifest in a file is worth, in two axes: integrity, and trust in its signer.
//!
//! [`Judge`] looks for carriers itself, refuses what no honest file has, and lets the `c2pa` crate
//! read the rest on a thread of its own with a deadline. What the crate reports is weighed here
//! (`verdict`): its summary of a file is not used, since it mixes the axes. Whatever is not
//! understood is INVALID. Nothing here opens a socket: the crate is built without a client.

mod ingredients;
mod judgement;
mod reading;
mod report;
mod signer;
#[cfg(test)]
mod tests;
mod text;
mod verdict;

use std::{io::Cursor, sync::Arc, time::Duration};

use bytes::Bytes;
use c2pa::{Context, Reader};
use serde_json::{Value, json};

pub use self::judgement::{Ingredient, Judgement, Signer, Trust, code};
use super::{
    carrier,
    certificate::Certificate,
    pem,
    worker::{self, Overrun, Worker},
};
use crate::imaging::Format;

/// Most bytes of carriers that are read: more than twice the largest of a real file that was seen
/// (1.6 MB, seven ingredients with thumbnails), and of the worst content that was found less than a
/// second's work.
const MAX_CARRIER_BYTES: usize = 4 << 20;
/// How long one reading may take: a hundred times as long as the slowest of a real file.
const DEADLINE: Duration = Duration::from_secs(5);

/// The certificates at which chains of trust may end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchors {
    /// Of signers: each a PEM text of one certificate or more.
    pub manifest: Vec<String>,
    /// Of time-stamp authorities.
    pub tsa: Vec<String>,
}

/// Reasons for which there is no judge.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// An anchor is no certificate in PEM, or there is something else beside it.
    #[error("a trust anchor is not a certificate")]
    Anchor,
    /// The `c2pa` crate refuses its settings.
    #[error("the reader of manifests refuses its settings: {0}")]
    Settings(#[source] c2pa::Error),
}

/// Judges manifests against a set of anchors. To be made once, and anew when the anchors change.
#[derive(Debug, Clone)]
pub struct Judge {
    worker: Worker,
    judging: Shared,
    reporting: Shared,
}

/// The crate's settings, parsed.
#[derive(Clone)]
struct Shared(Arc<Context>);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

impl Judge {
    /// Makes a judge.
    ///
    /// # Errors
    ///
    /// [`JudgeError::Anchor`] if an anchor is not a certificate in PEM: the crate would trust
    /// nobody, and not say so.
    pub fn new(anchors: &Anchors) -> Result<Self, JudgeError> {
        let context = |settings: Value| -> Result<Shared, JudgeError> {
            let context = Context::new().with_settings(settings);
            let context = context.map_err(JudgeError::Settings)?;
            let context = context.with_progress_callback(|_, _, _| worker::has_time());
            Ok(Shared(Arc::new(context)))
        };
        let mut unverified = settings(&Anchors::default())?;
        unverified["verify"]["verify_after_reading"] = json!(false);
        Ok(Self {
            worker: Worker::new(DEADLINE),
            judging: context(settings(anchors)?)?,
            reporting: context(unverified)?,
        })
    }

    /// Judges the manifest in a file.
    pub fn judge(&self, file: &Bytes, format: Format) -> Judgement {
        let carrier = carrier::find(file, format);
        if let Some(refused) = carrier.as_ref().and_then(refusal) {
            return refused;
        }
        let has_carrier = carrier.is_some();
        self.run(file, move |context, file| {
            let reader = Reader::from_shared_context(context);
            match reader.with_stream(format.content_type(), Cursor::new(file)) {
                Ok(_) if !has_carrier => Judgement::invalid(code::CARRIER_DAMAGED),
                Ok(reader) => reading::judgement(&reader),
                Err(error) => reading::failure(&error, has_carrier),
            }
        })
    }

    /// Judges a manifest that was kept elsewhere, against a file. What the file itself carries is
    /// not looked at, but counts as content unless the manifest excludes it.
    pub fn judge_detached(&self, manifest: &Bytes, file: &Bytes, format: Format) -> Judgement {
        if manifest.len() > MAX_CARRIER_BYTES {
            return Judgement::invalid(code::CARRIER_TOO_LARGE);
        }
        let manifest = manifest.clone();
        self.run(file, move |context, file| {
            let reader = Reader::from_shared_context(context);
            let (format, file) = (format.content_type(), Cursor::new(file));
            match reader.with_manifest_data_and_stream(&manifest, format, file) {
                Ok(reader) => reading::judgement(&reader),
                Err(error) => reading::failure(&error, true),
            }
        })
    }

    /// Returns a readable report of a manifest store, without a word on whether it holds: it is
    /// read without a file, and neither signatures nor hashes are checked. Binary content, long
    /// texts, deep nesting and long lists are left out. `None` if it cannot be read.
    pub fn report(&self, manifest: &Bytes) -> Option<Value> {
        if manifest.len() > MAX_CARRIER_BYTES {
            return None;
        }
        let manifest = Cursor::new(manifest.clone());
        let context = self.reporting.clone();
        let finished = self.worker.run(move || {
            let reader = Reader::from_shared_context(&context.0);
            let reader = reader.with_stream("application/c2pa", manifest).ok()?;
            report::readable(&reader)
        });
        finished.ok()?.result
    }

    /// Runs a reading of a file by the crate.
    fn run(
        &self,
        file: &Bytes,
        read: impl FnOnce(&Arc<Context>, Bytes) -> Judgement + Send + 'static,
    ) -> Judgement {
        let (context, file) = (self.judging.clone(), file.clone());
        match self.worker.run(move || read(&context.0, file)) {
            Ok(finished) => Judgement {
                cpu: finished.cpu,
                ..finished.result
            },
            Err(overrun) => {
                let (code, cpu) = match overrun {
                    Overrun::Deadline => (code::TIMEOUT, DEADLINE),
                    Overrun::Crowded => (code::OVERLOADED, Duration::ZERO),
                    Overrun::Failed => (code::FAILED, Duration::ZERO),
                };
                Judgement {
                    cpu,
                    ..Judgement::invalid(code)
                }
            }
        }
    }
}

/// Returns the judgement of carriers that the crate does not get to see.
fn refusal(carrier: &carrier::Carrier) -> Option<Judgement> {
    if carrier.is_stray {
        Some(Judgement::invalid(code::CARRIER_DAMAGED))
    } else if carrier.stores > 1 {
        Some(Judgement::invalid(code::CARRIER_MULTIPLE))
    } else if carrier.bytes > MAX_CARRIER_BYTES {
        Some(Judgement::invalid(code::CARRIER_TOO_LARGE))
    } else {
        None
    }
}

/// Returns the settings of the crate (their names are those of c2pa 0.91 and later; it does not
/// report a name that it does not know).
pub(super) fn settings(anchors: &Anchors) -> Result<Value, JudgeError> {
    let mut lists = Vec::new();
    for (kind, texts) in [("manifest", &anchors.manifest), ("tsa", &anchors.tsa)] {
        let mut list = String::new();
        for text in texts {
            list += &certificates(text).ok_or(JudgeError::Anchor)?;
        }
        if !list.is_empty() {
            lists.push(json!({"trust_kind": kind, "trust_anchors": list}));
        }
    }
    Ok(json!({
        "verify": {"remote_manifest_fetch": false, "ocsp_fetch": false},
        "core": {"allowed_network_hosts": [], "allow_redirects": false},
        "trust": {"anchors": lists},
        // The crate is built without them, and would warn of that.
        "builder": {"thumbnail": {"enabled": false}},
    }))
}

/// Returns the certificates of a PEM text without what stands between them, if there are any and
/// nothing else.
fn certificates(text: &str) -> Option<String> {
    let blocks = pem::decode(text).ok()?;
    let certificates: Option<String> = (blocks.iter())
        .map(|block| {
            Certificate::from_der(&block.der)?;
            Some(pem::encode("CERTIFICATE", &block.der))
        })
        .collect();
    certificates.filter(|text| !text.is_empty())
}
