//! The beginning of all work on a client's image: the limits of its tenant, and the way through the
//! CPU gate.

use std::time::Instant;

use bytes::Bytes;
use tracing::info_span;

use super::{Context, Error};
use crate::{
    auth::TenantSecret,
    cpu::Job,
    db::{
        TenantTransaction,
        tenants::{self, ImageTenant},
    },
    domain::{Megapixels, MeteredOperation, TenantId},
    fault,
    imaging::{self, Format, ImagingError, Limits},
    request_scope::{ImageFacts, RequestScope, TRACES},
};

/// Pixels of an image that takes one share of the gate. As many as the default limit, so that a
/// tenant with that limit takes one share.
const PIXELS_PER_SHARE: u64 = 16_000_000;

/// Reads the secret of the transaction's tenant, from which its keys are derived, and the limits of
/// its images.
pub(super) async fn tenant(
    ctx: &Context,
    tx: &mut TenantTransaction,
) -> Result<(TenantSecret, Limits), Error> {
    let found = tenants::find_for_image(tx).await?.ok_or(Error::NotFound)?;
    open_tenant(ctx, tx.tenant(), &found)
}

/// Opens the secret of a tenant that was read, and tells the limits of its images.
pub(super) fn open_tenant(
    ctx: &Context,
    tenant: &TenantId,
    found: &ImageTenant,
) -> Result<(TenantSecret, Limits), Error> {
    let secret =
        TenantSecret::open(&ctx.master, tenant, &found.sealed_secret).map_err(Error::internal)?;
    Ok((secret, limits(ctx, found.max_megapixels)))
}

/// The limits of the images of a tenant whose largest is `max`; `None` for the server's default.
pub fn limits(ctx: &Context, max: Option<Megapixels>) -> Limits {
    let defaults = ctx.settings.limits;
    Limits {
        max_pixels: max.map_or(defaults.max_pixels, Megapixels::pixels),
        ..defaults
    }
}

/// Runs `work` on an image of the tenant's once it is its turn and the gate has as many free shares
/// as the image takes.
///
/// # Errors
///
/// Those of the work; [`Error::Busy`] when the tenant's share or the queue is full. An image that
/// is too large may be refused before its turn.
pub(super) async fn run<T, F>(
    ctx: &Context,
    tenant: &TenantId,
    operation: MeteredOperation,
    (image, limits): (Bytes, Limits),
    work: F,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(&Job, &Bytes, &Limits) -> Result<T, Error> + Send + 'static,
{
    let mut facts = facts(&image);
    let scope = RequestScope::current();
    if let Some(scope) = &scope {
        scope.note_image(facts);
    }
    let shares = shares(facts.pixels, &limits)?;
    let (operation, format) = (operation.as_str(), facts.format.unwrap_or(OTHER));
    let parent = scope.as_ref().and_then(|scope| scope.exported().id());
    let queue = info_span!(target: TRACES, parent: parent.clone(), "wait for a worker");
    let (asked, metrics) = (Instant::now(), ctx.metrics.clone());
    let ran = ctx
        .images
        .run_taking(Some(tenant.clone()), shares, move |job| {
            let (began, waited) = (Instant::now(), asked.elapsed());
            drop(queue);
            let _work = info_span!(target: TRACES, parent: parent, "image work", operation, image.format = format);
            let done = fault::point("engine")
                .map_err(Error::internal)
                .and_then(|()| work(job, &image, &limits))
                .and_then(|done| {
                    fault::point("result of the engine").map_err(Error::internal)?;
                    Ok(done)
                });
            metrics.image_job(operation, format, began.elapsed());
            (waited, done)
        })
        .await;
    let waited = match &ran {
        Ok((waited, _)) => *waited,
        Err(_) => asked.elapsed(),
    };
    facts.waited = Some(waited);
    if let Some(scope) = &scope {
        scope.note_image(facts);
    }
    ran?.1
}

/// The name of every format that is none of ours, in metrics and in the log.
const OTHER: &str = "other";

/// What an image is by its first bytes and its header.
fn facts(image: &[u8]) -> ImageFacts {
    ImageFacts {
        format: Some(imaging::recognise(image).map_or(OTHER, Format::extension)),
        pixels: imaging::claimed_pixels(image),
        waited: None,
    }
}

/// The shares that an image takes whose header claims so many pixels: one for each 16 million,
/// rounded up.
fn shares(claimed: Option<u64>, limits: &Limits) -> Result<u32, Error> {
    if limits.max_pixels <= PIXELS_PER_SHARE {
        return Ok(1);
    }
    match claimed {
        Some(actual) if actual > limits.max_pixels => {
            let max = limits.max_pixels;
            Err(ImagingError::TooManyPixels { max, actual }.into())
        }
        Some(claimed) => u32::try_from(claimed.div_ceil(PIXELS_PER_SHARE)).map_err(Error::internal),
        // An image that cannot be read is refused soon.
        None => Ok(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The start of a PNG of that size.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        header.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
        header.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
        header
    }

    fn shares_of(image: &[u8], limits: &Limits) -> Result<u32, Error> {
        shares(imaging::claimed_pixels(image), limits)
    }

    #[test]
    fn a_picture_takes_a_share_for_each_16_megapixels_begun() {
        let limits = Limits {
            max_pixels: 64_000_000,
            ..Limits::default()
        };
        for (width, height, taken) in [
            (1, 1, 1),
            (4_000, 4_000, 1),
            (4_000, 4_001, 2),
            (8_000, 6_000, 3),
            (8_160, 6_144, 4),
            (8_000, 8_000, 4),
        ] {
            let found = shares_of(&png(width, height), &limits).unwrap();
            assert_eq!(found, taken, "{width} x {height}");
        }
        assert_eq!(shares_of(b"no picture", &limits).unwrap(), 1);
        let refused = shares_of(&png(8_000, 8_001), &limits);
        assert!(matches!(
            refused,
            Err(Error::Image(ImagingError::TooManyPixels { .. }))
        ));
        // Whoever has the default takes one without a look.
        let found = shares_of(&png(8_000, 8_000), &Limits::default()).unwrap();
        assert_eq!(found, 1);
    }
}
