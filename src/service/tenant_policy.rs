//! What the operator has set for a tenant, as the tenant may read it.

use super::{Context, Error};
use crate::{
    db::tenants,
    domain::{TenantId, TenantPolicy},
};

/// Reads the policy of a tenant.
///
/// # Errors
///
/// A tenant that is gone is [`Error::NotFound`].
pub async fn read(ctx: &Context, tenant: &TenantId) -> Result<TenantPolicy, Error> {
    let mut tx = ctx.db.begin(tenant).await?;
    let policy = tenants::find_policy(&mut tx).await?;
    tx.commit().await?;
    policy.ok_or(Error::NotFound)
}
