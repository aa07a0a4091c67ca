//! Secret and policy of tenants that protect photos, in memory.
//!
//! They are never relied on by themselves: the statement that saves a photo reads both, and a photo
//! that was marked by other ones is marked anew. A refusal that rests on them is confirmed in the
//! same way. So a change of the operator's holds from the moment at which it was made. What is
//! kept here is dropped when its tenant is suspended or deleted, which the look at ended tokens
//! tells once a second, and when it was not used for a minute.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Context, Error};
use crate::{
    auth::TenantSecret,
    db::tenants::{self, TenantSettings},
    domain::TenantId,
};

/// Most tenants that are kept: as many secrets, which are overwritten when they are dropped.
const MOST_TENANTS: usize = 1_024;

/// How long one is kept that is not used.
const KEPT: Duration = Duration::from_mins(1);

/// A tenant's settings, and its secret.
#[derive(Debug)]
pub struct OpenTenant {
    /// As they are stored.
    pub settings: TenantSettings,
    /// The secret that is sealed in them.
    pub secret: TenantSecret,
}

/// The tenants that protected photos a moment ago.
#[derive(Debug, Default)]
pub struct TenantCache(Mutex<HashMap<TenantId, Kept>>);

#[derive(Debug)]
struct Kept {
    tenant: Arc<OpenTenant>,
    used_at: Instant,
}

impl TenantCache {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept of a tenant; it may have changed.
    pub(super) fn find(&self, tenant: &TenantId) -> Option<Arc<OpenTenant>> {
        let mut tenants = self.lock();
        let kept = tenants.get_mut(tenant)?;
        kept.used_at = Instant::now();
        Some(Arc::clone(&kept.tenant))
    }

    fn keep(&self, name: &TenantId, tenant: &Arc<OpenTenant>) {
        let mut tenants = self.lock();
        if tenants.len() >= MOST_TENANTS && !tenants.contains_key(name) {
            tenants.clear();
        }
        let kept = Kept {
            tenant: Arc::clone(tenant),
            used_at: Instant::now(),
        };
        tenants.insert(name.clone(), kept);
    }

    /// Drops tenants that are not served, and those that were not used for a minute.
    pub(super) fn sweep(&self, is_served: impl Fn(&TenantId) -> bool) {
        let now = Instant::now();
        self.lock()
            .retain(|name, kept| now.duration_since(kept.used_at) < KEPT && is_served(name));
    }
}

/// Reads a tenant, and keeps it for its next call.
///
/// # Errors
///
/// The database does not answer; a tenant that is gone is [`Error::NotFound`].
pub(super) async fn read(ctx: &Context, name: &TenantId) -> Result<Arc<OpenTenant>, Error> {
    let mut tx = ctx.db.begin(name).await?;
    let settings = tenants::find_settings(&mut tx).await?;
    tx.commit().await?;
    let settings = settings.ok_or(Error::NotFound)?;
    let secret =
        TenantSecret::open(&ctx.master, name, &settings.sealed_secret).map_err(Error::internal)?;
    let tenant = Arc::new(OpenTenant { settings, secret });
    ctx.tenants.keep(name, &tenant);
    Ok(tenant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TenantPolicy;

    fn open() -> Arc<OpenTenant> {
        Arc::new(OpenTenant {
            settings: TenantSettings {
                sealed_secret: vec![1, 2, 3],
                policy: TenantPolicy::default(),
            },
            secret: TenantSecret::random(),
        })
    }

    #[test]
    fn a_tenant_is_kept_until_it_is_not_served_and_no_more_than_fit() {
        let cache = TenantCache::default();
        let name = |number: usize| TenantId::parse(&format!("t{number}")).unwrap();
        let tenant = open();
        cache.keep(&name(1), &tenant);
        cache.sweep(|_| true);
        let found = cache.find(&name(1)).unwrap();
        assert!(Arc::ptr_eq(&found, &tenant) && cache.find(&name(2)).is_none());
        cache.sweep(|served| *served != name(1));
        assert!(cache.find(&name(1)).is_none());
        for number in 0..=MOST_TENANTS {
            cache.keep(&name(number), &tenant);
        }
        assert!(cache.lock().len() <= MOST_TENANTS);
    }

    #[test]
    fn what_is_kept_prints_no_secret() {
        let cache = TenantCache::default();
        cache.keep(&TenantId::parse("acme").unwrap(), &open());
        assert!(format!("{cache:?}").contains("redacted"));
    }
}
