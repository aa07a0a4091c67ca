//! Replaces the server's own signing certificate before it ends.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::{
    db::Operator,
    service::{Context, signers},
};

/// How often this server's copy of the certificate is looked at, which asks no database. It is
/// replaced weeks ahead; the interval is for a machine that was asleep.
const LOOK: Duration = Duration::from_hours(1);

/// Looks until the server stops. The serving role may not write signers, so that what has to be
/// written is written as the owner of the tables, on a connection of the moment.
pub(super) async fn watch(owner: PgConnectOptions, ctx: Context, stopping: CancellationToken) {
    let mut failing = false;
    while stopping
        .run_until_cancelled(tokio::time::sleep(LOOK))
        .await
        .is_some()
    {
        if !ctx.signers.must_renew(ctx.clock.now()) {
            continue;
        }
        match renew(owner.clone(), &ctx).await {
            Ok(()) => failing = false,
            // Once for each time that it stops working.
            Err(error) if !failing => {
                tracing::warn!(%error, "cannot look after the server's signing certificate");
                failing = true;
            }
            Err(_) => {}
        }
    }
}

async fn renew(owner: PgConnectOptions, ctx: &Context) -> Result<(), StartError> {
    let operator = Operator::connect(owner).await?;
    let done = signers::ensure(&operator, &ctx.master, &ctx.clock).await;
    operator.close().await;
    Ok(done?)
}
