//! A share of the pool for each tenant, so that none can take every connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{DbError, pool::ACQUIRE_TIMEOUT};
use crate::domain::TenantId;

/// How many connections each tenant may use at once.
#[derive(Debug)]
pub(super) struct PoolShares {
    connections: usize,
    /// Of the tenants that use one now.
    tenants: Mutex<HashMap<TenantId, Weak<Semaphore>>>,
}

impl PoolShares {
    /// Half of a pool of `connections`, at least one, for each tenant.
    pub(super) fn of(connections: u32) -> Self {
        Self {
            connections: (connections as usize).div_ceil(2),
            tenants: Mutex::default(),
        }
    }

    /// Waits until the tenant may use a connection, which it may until the permit is dropped.
    ///
    /// # Errors
    ///
    /// It has to wait for longer than for one of the pool.
    pub(super) async fn take(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit, DbError> {
        let share = self.share(tenant);
        match timeout(ACQUIRE_TIMEOUT, share.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }

    fn share(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = tenants.get(tenant).and_then(Weak::upgrade) {
            return share;
        }
        tenants.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.connections));
        tenants.insert(tenant.clone(), Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_tenant_leaves_connections_for_another() {
        let shares = PoolShares::of(3);
        let [acme, bolt] = ["acme", "bolt"].map(|name| TenantId::parse(name).unwrap());
        let held = (
            shares.take(&acme).await.unwrap(),
            shares.take(&acme).await.unwrap(),
        );
        let refused = shares.take(&acme).await;
        assert!(matches!(refused, Err(DbError::Unavailable(_))));
        drop(shares.take(&bolt).await.unwrap());
        drop(held);
        drop(shares.take(&acme).await.unwrap());
        drop(shares.take(&bolt).await.unwrap());
        assert_eq!(shares.tenants.lock().unwrap().len(), 1, "who is gone");
    }
}
