//! Keeps this server's copies of what ends tokens, and of the signing keys, in step with the database.

use std::{
    sync::Weak,
    time::{Duration, Instant},
};

use super::super::{Context, Error, context::Inner, keys};
use crate::db::access::{ChangeListener, Notification};

/// How often the database is asked without being told of a change.
const TICK: Duration = Duration::from_secs(1);
/// How often all is read anew: rows and keys that ended go, there and here.
const ANEW: Duration = Duration::from_hours(1);
/// How long to wait before a lost connection is made anew.
const PAUSE: Duration = Duration::from_millis(250);

/// Follows the changes until the last user of the context is gone.
pub fn follow(ctx: &Context) {
    tokio::spawn(follow_weak(ctx.downgrade()));
}

async fn follow_weak(weak: Weak<Inner>) {
    while let Some(ctx) = Context::upgrade(&weak) {
        let listening = listen(&ctx).await;
        drop(ctx);
        let followed = match listening {
            Ok(changes) => apply_changes(&weak, changes).await,
            Err(error) => Err(error),
        };
        if let Err(error) = followed {
            tracing::warn!(%error, "cannot follow changes of access");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Starts to listen, then reads all.
async fn listen(ctx: &Context) -> Result<ChangeListener, Error> {
    let changes = ctx.db.changes().await?;
    let now = Instant::now();
    let states = ctx.db.access_states().await?;
    let seconds = ctx.clock.now().unix_timestamp();
    ctx.access.apply(states, now, seconds);
    reload_keys(ctx).await?;
    Ok(changes)
}

/// Follows changes until the connection is lost, nobody is left, or it is time to read all anew.
async fn apply_changes(weak: &Weak<Inner>, mut changes: ChangeListener) -> Result<(), Error> {
    let since = Instant::now();
    while since.elapsed() < ANEW {
        let change = tokio::time::timeout(TICK, changes.next()).await;
        let Some(ctx) = Context::upgrade(weak) else {
            return Ok(());
        };
        match change {
            Ok(Ok(Notification::SigningKeys)) => reload_keys(&ctx).await?,
            Ok(Ok(Notification::AccessStates)) | Err(_) => refresh(&ctx).await?,
            Ok(Ok(Notification::ConnectionLost)) => return Ok(()),
            Ok(Err(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads what changed lately; also what this server has just changed, so that its next answer heeds it.
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
