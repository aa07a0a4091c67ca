//! Keeps this server's copies of ended tokens and of the signing keys in step with the database.

use std::time::{Duration, Instant};

use super::super::{Context, Error, keys};
use crate::db::access::{ChangeListener, Notification};

/// Interval at which the database is asked even without a notification.
const TICK: Duration = Duration::from_secs(1);
/// Interval at which everything is read again: expired rows and keys are dropped, there and here.
const FULL_RELOAD: Duration = Duration::from_hours(1);
/// Pause before a lost connection is opened again.
const PAUSE: Duration = Duration::from_millis(250);

/// Follows the changes for as long as it is polled; never returns. It only reads the database, so
/// it may be dropped at any point.
pub async fn follow(ctx: Context) {
    loop {
        let followed = match listen(&ctx).await {
            Ok(changes) => apply_changes(&ctx, changes).await,
            Err(error) => Err(error),
        };
        if let Err(error) = followed {
            tracing::warn!(%error, "cannot follow changes of access");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Starts to listen, then reads everything.
async fn listen(ctx: &Context) -> Result<ChangeListener, Error> {
    let changes = ctx.db.changes().await?;
    let now = Instant::now();
    let states = ctx.db.access_states().await?;
    let seconds = ctx.clock.now().unix_timestamp();
    ctx.access.apply(states, now, seconds);
    reload_keys(ctx).await?;
    Ok(changes)
}

/// Applies changes until the connection is lost or it is time to read everything again.
async fn apply_changes(ctx: &Context, mut changes: ChangeListener) -> Result<(), Error> {
    let since = Instant::now();
    while since.elapsed() < FULL_RELOAD {
        match tokio::time::timeout(TICK, changes.next()).await {
            Ok(Ok(Notification::SigningKeys)) => reload_keys(ctx).await?,
            Ok(Ok(Notification::AccessStates)) | Err(_) => refresh(ctx).await?,
            Ok(Ok(Notification::ConnectionLost)) => return Ok(()),
            Ok(Err(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads recent changes, including those that this server has just made, so that its next answer
/// reflects them.
pub(in crate::service) async fn refresh(ctx: &Context) -> Result<(), Error> {
    let now = Instant::now();
    let states = ctx.db.recent_access_states().await?;
    let seconds = ctx.clock.now().unix_timestamp();
    ctx.access.apply(states, now, seconds);
    Ok(())
}

async fn reload_keys(ctx: &Context) -> Result<(), Error> {
    let keys = keys::load(&ctx.db, &ctx.master, &ctx.clock).await?;
    ctx.tokens.set_keys(keys);
    Ok(())
}
