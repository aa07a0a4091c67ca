//! Anybody asks about a picture, without a token: is it a photo of the tenant's, and was it
//! changed.
//!
//! ```text
//! admit    is the tenant open to it; has its images' gate room; the one place,    database
//!          the counts of the source and the tenant: before the body is read
//! ask      identify; the count of the photo; one word                             as identify
//! ```
//!
//! A check works in the tenant's share of the gate and of the memory for bodies, and there is one
//! at a time, so strangers take no more from the tenant than one upload of its own. One word a
//! photo, and only so often, shows little to who changes a picture until it passes.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::{Bound, Busy, Context, Error, identify};
use crate::{
    auth::HashUse,
    db::{
        DbError,
        check_tallies::{self, Counted, TakenPlace, Window},
    },
    domain::{SourceHash, SourceNetwork, TenantId, check::CheckAnswer},
};

/// Longest that a picture may take to arrive.
pub const UPLOAD: Duration = Duration::from_mins(1);

/// How long a check keeps its place if nobody gives it back, in seconds: the upload, and as long
/// again as work on an image waits and takes under load.
const PLACE_SECONDS: f64 = 90.0;

/// When to come again while another check is under way, in seconds.
const RETRY_SECONDS: u32 = 5;

/// The window of sources and of the tenant, in seconds.
const HOUR_SECONDS: f64 = 3_600.0;
/// The window of a photo.
const DAY_SECONDS: f64 = 86_400.0;

/// Most checks from one source in an hour: a person with a few pictures.
const MOST_OF_SOURCE: i32 = 10;
/// Most checks of a tenant in an hour: one a minute.
const MOST_OF_TENANT: i32 = 60;
/// Most answers about one photo in a day that say more than that it is known.
const MOST_OF_PHOTO: i32 = 20;

/// Separates the keyed hashes of sources here from those of accounts, which have three parts.
const HASHED_FOR: &[u8] = b"check";

/// A check that was let in, and the place that it takes.
#[derive(Debug)]
pub struct Check {
    ctx: Context,
    tenant: TenantId,
    place: Option<TakenPlace>,
}

/// Lets a check in, before its body is read.
///
/// # Errors
///
/// [`Error::NotFound`] for a tenant that is not there, is suspended, or lets nobody check: all
/// alike. [`Error::Busy`] while another check or too much other work is under way,
/// [`Error::Throttled`] above a limit; these count nothing.
pub async fn admit(ctx: &Context, tenant: &str, source: IpAddr) -> Result<Check, Error> {
    let tenant = TenantId::parse(tenant).ok_or(Error::NotFound)?;
    let mut tx = ctx.db.begin(&tenant).await?;
    if !check_tallies::is_open(&mut tx).await? {
        return Err(Error::NotFound);
    }
    // A stranger is not told whether it is the tenant that is busy.
    let busy = |retry_after_seconds| {
        Error::Busy(Busy {
            bound: Bound::Server,
            retry_after_seconds,
        })
    };
    (ctx.images.admits(&Some(tenant.clone()))).map_err(|full| busy(full.retry_after_seconds))?;
    // Rolled back with all that was counted, if one of them refuses.
    let place = check_tallies::take_place(&mut tx, PLACE_SECONDS).await?;
    let place = place.ok_or_else(|| busy(RETRY_SECONDS))?;
    let source = Counted::Source(hash(ctx, &tenant, source));
    for (counted, most) in [(source, MOST_OF_SOURCE), (Counted::Tenant, MOST_OF_TENANT)] {
        let window = check_tallies::count(&mut tx, counted, HOUR_SECONDS).await?;
        if window.used > most {
            return Err(Error::Throttled(wait(window)));
        }
    }
    check_tallies::sweep(&mut tx).await?;
    tx.commit().await?;
    Ok(Check {
        ctx: ctx.clone(),
        tenant,
        place: Some(place),
    })
}

/// The keyed hash of the network that a source is in, for one tenant.
fn hash(ctx: &Context, tenant: &TenantId, source: IpAddr) -> SourceHash {
    let network = SourceNetwork::of(source).octets();
    let parts = [tenant.as_str().as_bytes(), b"", &network, HASHED_FOR];
    ctx.master.keyed_hash(HashUse::KnownSource, &parts)
}

/// Whole seconds until a window ends, at least 1.
fn wait(window: Window) -> u32 {
    let left = Duration::try_from_secs_f64(window.left_seconds).unwrap_or_default();
    u32::try_from(left.as_secs() + 1).unwrap_or(u32::MAX)
}

impl Check {
    /// The tenant whose photos are asked about.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Answers about a picture.
    ///
    /// # Errors
    ///
    /// An image that cannot be read is [`Error::Image`].
    pub async fn ask(&self, image: Bytes) -> Result<CheckAnswer, Error> {
        let found = identify::recognise(&self.ctx, &self.tenant, image).await?;
        let answer = match found.matches.first() {
            None => CheckAnswer::Unknown,
            Some(best) => {
                let mut tx = self.ctx.db.begin(&self.tenant).await?;
                let photo = Counted::Photo(best.photo.photo);
                let asked = check_tallies::count(&mut tx, photo, DAY_SECONDS).await?;
                tx.commit().await?;
                if asked.used > MOST_OF_PHOTO {
                    CheckAnswer::Known
                } else {
                    CheckAnswer::of(best.found.evidence)
                }
            }
        };
        self.ctx.metrics.count_check(answer.as_str());
        Ok(answer)
    }

    /// Ends the check: the next one may begin.
    pub async fn end(mut self) {
        if let Some(place) = self.place.take() {
            give_back(&self.ctx, &self.tenant, place).await;
        }
    }
}

impl Drop for Check {
    /// The client hung up: the next one need not wait until the place runs out.
    fn drop(&mut self) {
        let (Some(place), Ok(runtime)) = (self.place.take(), Handle::try_current()) else {
            return;
        };
        let (ctx, tenant) = (self.ctx.clone(), self.tenant.clone());
        runtime.spawn(async move { give_back(&ctx, &tenant, place).await });
    }
}

async fn give_back(ctx: &Context, tenant: &TenantId, place: TakenPlace) {
    let given = async {
        let mut tx = ctx.db.begin(tenant).await?;
        check_tallies::give_back(&mut tx, place).await?;
        tx.commit().await
    };
    let given: Result<(), DbError> = given.await;
    if let Err(error) = given {
        tracing::warn!(%error, "the place of a check could not be given back; it runs out");
    }
}
