//! The memory budget of image uploads: one budget for the server, and a share of it for each
//! tenant, so that stalled uploads of one tenant do not shut out the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::TenantId;

/// Budgets are taken in pieces of this many KiB.
const PIECE_KIB: u32 = 256;

/// No memory is left for a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many bodies are being received")]
pub struct Full;

/// The server's budget, and the shares of tenants.
#[derive(Debug)]
pub struct Uploads {
    total: Arc<Semaphore>,
    share_kib: usize,
    /// Shares of the tenants that are uploading now.
    shares: Mutex<HashMap<TenantId, Weak<Semaphore>>>,
}

impl Uploads {
    /// Makes a budget of `total_kib` for all and shares of `share_kib` for each tenant.
    pub fn new(total_kib: usize, share_kib: usize) -> Self {
        Self {
            total: Arc::new(Semaphore::new(total_kib)),
            share_kib,
            shares: Mutex::default(),
        }
    }

    /// Begins to receive a body of the tenant's; takes nothing yet.
    pub fn begin(&self, tenant: &TenantId) -> Upload {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares.get(tenant).and_then(Weak::upgrade);
        let share = share.unwrap_or_else(|| {
            shares.retain(|_, share| share.strong_count() > 0);
            let share = Arc::new(Semaphore::new(self.share_kib));
            shares.insert(tenant.clone(), Arc::downgrade(&share));
            share
        });
        Upload {
            budgets: [share, Arc::clone(&self.total)],
            held: Vec::new(),
            held_bytes: 0,
            used_bytes: 0,
        }
    }
}

/// The memory that a body holds; returned when it is dropped.
#[derive(Debug)]
pub struct Upload {
    budgets: [Arc<Semaphore>; 2],
    held: Vec<OwnedSemaphorePermit>,
    held_bytes: usize,
    used_bytes: usize,
}

impl Upload {
    /// Takes memory for more bytes of the body.
    ///
    /// # Errors
    ///
    /// The tenant's share or the whole budget is used up.
    pub fn take(&mut self, bytes: usize) -> Result<(), Full> {
        self.used_bytes += bytes;
        while self.used_bytes > self.held_bytes {
            for budget in &self.budgets {
                let piece = Arc::clone(budget).try_acquire_many_owned(PIECE_KIB);
                self.held.push(piece.map_err(|_| Full)?);
            }
            self.held_bytes += (PIECE_KIB as usize) << 10;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap_or_else(|| unreachable!("{name}"))
    }

    #[test]
    fn one_tenant_leaves_room_for_another_and_gives_its_own_back() {
        let uploads = Uploads::new(3 * 1024, 2 * 1024);
        let (acme, bolt) = (tenant("acme"), tenant("bolt"));
        let mut first = uploads.begin(&acme);
        first.take(1 << 20).unwrap();
        let mut second = uploads.begin(&acme);
        second.take(1 << 20).unwrap();
        assert_eq!(uploads.begin(&acme).take(1), Err(Full), "its share");
        let mut other = uploads.begin(&bolt);
        other.take(1 << 20).unwrap();
        assert_eq!(other.take(1), Err(Full), "all there is");
        drop(first);
        uploads.begin(&acme).take(1 << 20).unwrap();
        drop((second, other));
        uploads.begin(&bolt).take(2 << 20).unwrap();
        assert_eq!(uploads.shares.lock().unwrap().len(), 1, "who is gone");
    }
}
