//! Time stamps (RFC 3161) on the signatures of manifests: evidence that outlives the signer's
//! certificate (C2PA 2.4, 10.3.2.5).
//!
//! The `c2pa` crate asks its signer for the reply of a time-stamp authority, and fails to sign with
//! one that it cannot read. So a reply is checked here first, and a manifest without a good one
//! comes out unstamped.

mod reply;
#[cfg(test)]
pub(crate) mod test_authority;
#[cfg(test)]
mod tests;

use std::{fmt::Debug, sync::Arc, time::Duration};

use c2pa::{Signer, SigningAlg};

use super::signing::SigningIdentity;
use reply::Refusal;

/// Room in a manifest for a time stamp: that of a public authority, with three certificates of 4096
/// bits in it, has a little less.
const RESERVED_BYTES: usize = 6000;

/// Where time stamps come from.
pub trait TimeStamps: Send + Sync + Debug {
    /// Sends a request (`TimeStampReq` in DER) to an authority and returns what it replies,
    /// whatever that is; `None` if there is no reply.
    fn ask(&self, request: &[u8]) -> Option<Vec<u8>>;

    /// The longest time that [`TimeStamps::ask`] takes.
    fn longest_wait(&self) -> Duration;

    /// Is told after each asking whether there is a good time stamp.
    fn count(&self, granted: bool);
}

/// An identity whose signatures are stamped.
#[derive(Debug)]
pub(super) struct StampedIdentity {
    pub(super) identity: SigningIdentity,
    pub(super) time_stamps: Arc<dyn TimeStamps>,
}

impl StampedIdentity {
    /// The reply to a request for a time stamp on `message`, if it is a good one.
    fn stamp(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let request = (self.timestamp_request_body(message)).map_err(Refusal::Request)?;
        let reply = self.time_stamps.ask(&request).ok_or(Refusal::NoReply)?;
        reply::check(&reply, &request, message, self.identity.leaf())?;
        Ok(reply)
    }
}

impl Signer for StampedIdentity {
    fn sign(&self, data: &[u8]) -> c2pa::Result<Vec<u8>> {
        self.identity.sign(data)
    }

    fn alg(&self) -> SigningAlg {
        self.identity.alg()
    }

    fn certs(&self) -> c2pa::Result<Vec<Vec<u8>>> {
        self.identity.certs()
    }

    fn reserve_size(&self) -> usize {
        self.identity.reserve_size() + RESERVED_BYTES
    }

    fn send_timestamp_request(
        &self,
        message: &[u8],
        _context: &c2pa::Context,
    ) -> Option<c2pa::Result<Vec<u8>>> {
        let stamp = self.stamp(message);
        if let Err(refusal) = &stamp {
            tracing::warn!(%refusal, "a manifest is signed without a time stamp");
        }
        self.time_stamps.count(stamp.is_ok());
        stamp.ok().map(Ok)
    }
}
