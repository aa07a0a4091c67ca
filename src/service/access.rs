//! Keeps this server's copies of what ends tokens, and of the signing keys, in step with the database.

use std::{
    sync::Weak,
    time::{Duration, Instant},
};

use super::{Context, Error, context::Inner, keys};
use crate::db::access::{Change, Changes};

/// How often the database is asked without being told of a change; also how often keys that ended are dropped.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait before a lost connection is made anew.
const PAUSE: Duration = Duration::from_millis(250);
/// Age from which what changed in the last minute may not be all that was missed.
const MISSED: Duration = Duration::from_secs(30);

/// Follows the changes until the last user of the context is gone.
pub fn follow(ctx: &Context) {
    tokio::spawn(follow_weak(ctx.downgrade()));
}

async fn follow_weak(weak: Weak<Inner>) {
    let mut read_at = Instant::now();
    while let Some(ctx) = Context::upgrade(&weak) {
        let listening = listen(&ctx, &mut read_at).await;
        drop(ctx);
        let followed = match listening {
            Ok(changes) => heed(&weak, changes, &mut read_at).await,
            Err(error) => Err(error),
        };
        if let Err(error) = followed {
            tracing::warn!(%error, "cannot follow changes of access");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Starts to listen, then reads what changed before that.
async fn listen(ctx: &Context, read_at: &mut Instant) -> Result<Changes, Error> {
    let changes = ctx.db.changes().await?;
    refresh(ctx, read_at).await?;
    reload_keys(ctx).await?;
    Ok(changes)
}

/// Heeds changes until the connection is lost, or nobody is left.
async fn heed(
    weak: &Weak<Inner>,
    mut changes: Changes,
    read_at: &mut Instant,
) -> Result<(), Error> {
    loop {
        let change = tokio::time::timeout(TICK, changes.next()).await;
        let Some(ctx) = Context::upgrade(weak) else {
            return Ok(());
        };
        match change {
            Ok(Ok(Change::Keys)) => reload_keys(&ctx).await?,
            Ok(Ok(Change::Access)) | Err(_) => {}
            Ok(Ok(Change::Unknown)) => return Ok(()),
            Ok(Err(error)) => return Err(error.into()),
        }
        refresh(&ctx, read_at).await?;
    }
}

/// Reads what changed since it was last read.
async fn refresh(ctx: &Context, read_at: &mut Instant) -> Result<(), Error> {
    let now = Instant::now();
    let states = if read_at.elapsed() > MISSED {
        ctx.db.access_states().await?
    } else {
        ctx.db.recent_access_states().await?
    };
    ctx.access
        .apply(states, now, ctx.clock.now().unix_timestamp());
    *read_at = now;
    Ok(())
}

/// Reads what this server has just changed, so that its next answer heeds it.
pub(super) async fn heed_own_change(ctx: &Context) -> Result<(), Error> {
    let now = Instant::now();
    let states = ctx.db.recent_access_states().await?;
    ctx.access
        .apply(states, now, ctx.clock.now().unix_timestamp());
    Ok(())
}

async fn reload_keys(ctx: &Context) -> Result<(), Error> {
    ctx.tokens
        .set_keys(keys::load(&ctx.db, &ctx.master, &ctx.clock).await?);
    Ok(())
}
