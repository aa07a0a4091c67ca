//! Keeps this server's copies of ended tokens, of the signing keys, and of the signers of manifests
//! in step with the database.
//!
//! A look once a second is what they rest on. Notifications make it sooner, where they arrive: a
//! pooler between server and database may swallow them.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval};

use super::super::{Context, Error, keys, signers};
use crate::{
    db::access::{AccessPosition, AccessRows, ChangeListener, Notification},
    domain::SeenTransactions,
};

/// Interval at which the database is asked even without a notification. With the asking itself it
/// is less than the second that is promised.
const TICK: Duration = Duration::from_millis(800);
/// Interval at which everything is read again: expired rows and keys are dropped, there and here.
const FULL_RELOAD: Duration = Duration::from_hours(1);
/// Pause before a lost connection is opened again; what changes meanwhile, the next tick sees.
const PAUSE: Duration = Duration::from_secs(1);
/// Most notifications that are heard before the database is asked, so that none who sends them
/// without end keeps a server from reading.
const MOST_HEARD: usize = 1_000;
/// Shortest time between two looks for keys that tokens name and this server does not have: who
/// makes such names up causes ten queries a second at most.
const KEY_PAUSE: Duration = Duration::from_millis(100);

/// How far this server has read.
#[derive(Debug, Default)]
pub struct AccessFeed {
    /// The transactions whose changes are in the copy; `None` before everything was read once.
    seen: Mutex<Option<SeenTransactions>>,
    /// The signing keys in force, as [`AccessPosition::signing_keys`] tells them. Held while they
    /// are read, so that an older reading cannot replace a newer one.
    keys: tokio::sync::Mutex<Option<i64>>,
    /// The same of who signs manifests and who is trusted.
    signers: tokio::sync::Mutex<Option<i64>>,
    /// When a key that a token named was last looked for; held meanwhile.
    looked_for_key: tokio::sync::Mutex<Option<Instant>>,
    /// Whether the log has been told of rows that cannot be read.
    told_unreadable: AtomicBool,
}

impl AccessFeed {
    fn seen(&self) -> Option<SeenTransactions> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// Goes on from here. A reading that began earlier and ends later only leads to rows that are
    /// read twice.
    fn go_on_from(&self, seen: SeenTransactions) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
}

/// Follows the changes for as long as it is polled; never returns. It only reads the database, but
/// for what has expired there, so it may be dropped at any point.
pub async fn follow(ctx: Context) {
    tokio::join!(tick(&ctx), listen(&ctx));
}

/// Looks once a second, and reads everything once an hour.
async fn tick(ctx: &Context) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut read_all_at = Instant::now();
    let mut failing = false;
    tidy(ctx).await;
    loop {
        ticks.tick().await;
        let read = if read_all_at.elapsed() < FULL_RELOAD {
            refresh(ctx).await
        } else {
            read_all_at = Instant::now();
            tidy(ctx).await;
            read_all(ctx).await
        };
        match read {
            Ok(()) => failing = false,
            // Once for each time that it stops working.
            Err(error) if !failing => {
                tracing::warn!(%error, "cannot read changes of access");
                failing = true;
            }
            Err(_) => {}
        }
    }
}

async fn tidy(ctx: &Context) {
    if let Err(error) = ctx.db.tidy_access_states().await {
        tracing::warn!(%error, "expired rows of access_states stay");
    }
}

/// Looks when the database says that something changed.
async fn listen(ctx: &Context) {
    let (mut failing, mut listened_before) = (false, false);
    loop {
        let listened = match ctx.db.changes().await {
            Ok(changes) => {
                failing = false;
                let again = std::mem::replace(&mut listened_before, true);
                apply_changes(ctx, changes, again).await
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = listened
            && !failing
        {
            tracing::warn!(%error, "cannot listen for changes of access");
            failing = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Applies changes until the connection is lost.
async fn apply_changes(
    ctx: &Context,
    mut changes: ChangeListener,
    again: bool,
) -> Result<(), Error> {
    if again {
        // It may be another server of the database than before, and behind it.
        read_all(ctx).await?;
    } else {
        refresh(ctx).await?;
    }
    loop {
        let mut heard = 0;
        let mut arrived = Some(changes.next().await?);
        while let Some(notification) = arrived {
            match notification {
                // At once, and also if reading takes long or fails. What the notification says is
                // not believed further: every role of the database may send one.
                Notification::Named(key) => ctx.access.doubt(key, Instant::now()),
                Notification::Unnamed => {}
                Notification::ConnectionLost => return Ok(()),
            }
            heard += 1;
            arrived = match heard {
                MOST_HEARD => None,
                _ => changes.next_arrived().await?,
            };
        }
        if let Err(error) = refresh(ctx).await {
            tracing::warn!(%error, "cannot read a change of access yet");
        }
    }
}

/// Reads what changed since the reading before, including what this server has just changed, so
/// that its next answer reflects it.
pub(in crate::service) async fn refresh(ctx: &Context) -> Result<(), Error> {
    let Some(seen) = ctx.feed.seen() else {
        return read_all(ctx).await;
    };
    let began = Instant::now();
    let (position, rows) = ctx.db.access_changes(&seen).await?;
    if position.other_history {
        return read_all(ctx).await;
    }
    merge(ctx, &rows);
    finish(ctx, position, began).await
}

/// Reads everything, in pages: while it lasts, what is known already holds.
pub async fn read_all(ctx: &Context) -> Result<(), Error> {
    let began = Instant::now();
    let position = ctx.db.access_position(None).await?;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = ctx.db.access_page(after.as_deref()).await?;
        merge(ctx, &page);
        after = page.more_after;
        if after.is_none() {
            break;
        }
    }
    // Retired keys go when their last token has expired, which changes no row.
    *ctx.feed.keys.lock().await = None;
    *ctx.feed.signers.lock().await = None;
    finish(ctx, position, began).await
}

/// Looks for a key that a token names, unless that was done a moment ago.
pub(in crate::service) async fn look_for_key(ctx: &Context) -> Result<(), Error> {
    let arrived = Instant::now();
    let mut looked_at = ctx.feed.looked_for_key.lock().await;
    if looked_at.is_some_and(|at| at > arrived || at.elapsed() < KEY_PAUSE) {
        return Ok(());
    }
    *looked_at = Some(Instant::now());
    refresh(ctx).await
}

fn merge(ctx: &Context, rows: &AccessRows) {
    ctx.access.merge(&rows.states);
    if rows.unreadable > 0 && !ctx.feed.told_unreadable.swap(true, Ordering::Relaxed) {
        tracing::error!(
            rows = rows.unreadable,
            "rows of access_states cannot be read: tokens that need them are refused"
        );
    }
}

/// Says that a reading is merged, and reads the signing keys and the signers if they changed.
async fn finish(ctx: &Context, position: AccessPosition, began: Instant) -> Result<(), Error> {
    let now = ctx.clock.now().unix_timestamp();
    ctx.access.complete(began, now);
    ctx.tenants.sweep(|tenant| ctx.access.is_served(tenant));
    ctx.feed.go_on_from(position.seen);
    let mut in_force = ctx.feed.keys.lock().await;
    if *in_force != Some(position.signing_keys) {
        let keys = keys::load(&ctx.db, &ctx.master, &ctx.clock).await?;
        ctx.tokens.set_keys(keys);
        *in_force = Some(position.signing_keys);
    }
    drop(in_force);
    let mut in_force = ctx.feed.signers.lock().await;
    if *in_force != Some(position.signers) {
        signers::refresh(ctx).await?;
        *in_force = Some(position.signers);
    }
    Ok(())
}
