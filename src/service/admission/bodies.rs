//! The memory budget of bodies: images on their way in, answers on their way out. There is one
//! budget for the server and a share of it for each tenant, so that stalled transfers of one tenant
//! do not shut out the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    cpu::{Bound, Busy},
    domain::TenantId,
};

/// When a body that found no room may come again: transfers end or are broken off at any time.
const RETRY_SECONDS: u32 = 2;

/// The server's budget, and what tenants hold of it.
#[derive(Debug)]
pub struct Bodies(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    total: usize,
    share: usize,
    held: Mutex<Held>,
}

/// Bytes that are held at this moment.
#[derive(Debug, Default)]
struct Held {
    all: usize,
    /// Of the tenants that hold any.
    tenants: HashMap<TenantId, usize>,
}

impl Held {
    fn add(&mut self, tenant: &TenantId, bytes: usize) {
        self.all += bytes;
        *self.tenants.entry(tenant.clone()).or_default() += bytes;
    }
}

impl Budget {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bodies {
    /// Makes a budget of `total` bytes for all, and of `share` bytes for each tenant.
    pub fn new(total: usize, share: usize) -> Self {
        Self(Arc::new(Budget {
            total,
            share,
            held: Mutex::default(),
        }))
    }

    /// Begins to receive a body of the tenant's; takes nothing yet.
    pub fn receive(&self, tenant: &TenantId) -> BodyMemory {
        BodyMemory {
            budget: Arc::clone(&self.0),
            tenant: tenant.clone(),
            bytes: 0,
        }
    }

    /// Counts an answer to the tenant of so many bytes, even beyond the budget: its work is done.
    /// Until it has left, uploads find that much less room, and each answer begins with one.
    pub fn send(&self, tenant: &TenantId, bytes: usize) -> BodyMemory {
        self.0.held().add(tenant, bytes);
        let mut answer = self.receive(tenant);
        answer.bytes = bytes;
        answer
    }

    /// Bytes that are held at this moment.
    pub fn held(&self) -> usize {
        self.0.held().all
    }
}

/// The memory that a body holds; given back when it is dropped.
#[derive(Debug)]
pub struct BodyMemory {
    budget: Arc<Budget>,
    tenant: TenantId,
    bytes: usize,
}

impl BodyMemory {
    /// Takes memory for more bytes of a body that is being received.
    ///
    /// # Errors
    ///
    /// The tenant's share or the whole budget is used up.
    pub fn take(&mut self, bytes: usize) -> Result<(), Busy> {
        let mut held = self.budget.held();
        let own = held.tenants.get(&self.tenant).copied().unwrap_or_default();
        let refused = |bound| Busy {
            bound,
            retry_after_seconds: RETRY_SECONDS,
        };
        if held.all + bytes > self.budget.total {
            return Err(refused(Bound::Server));
        }
        if own + bytes > self.budget.share {
            return Err(refused(Bound::Share));
        }
        held.add(&self.tenant, bytes);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for BodyMemory {
    fn drop(&mut self) {
        let mut held = self.budget.held();
        held.all -= self.bytes;
        if let Some(own) = held.tenants.get_mut(&self.tenant) {
            *own -= self.bytes;
            if *own == 0 {
                held.tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap_or_else(|| unreachable!("{name}"))
    }

    fn bound(taken: Result<(), Busy>) -> Option<Bound> {
        taken.err().map(|busy| busy.bound)
    }

    #[test]
    fn one_tenant_leaves_room_for_another_and_gives_its_own_back() {
        let bodies = Bodies::new(3000, 2000);
        let (acme, bolt) = (tenant("acme"), tenant("bolt"));
        let mut first = bodies.receive(&acme);
        first.take(1000).unwrap();
        let mut second = bodies.receive(&acme);
        second.take(1000).unwrap();
        let more = bodies.receive(&acme).take(1);
        assert_eq!(bound(more), Some(Bound::Share));
        let mut other = bodies.receive(&bolt);
        other.take(1000).unwrap();
        assert_eq!(bound(other.take(1)), Some(Bound::Server));
        drop(first);
        bodies.receive(&acme).take(1000).unwrap();
        drop((second, other));
        bodies.receive(&bolt).take(2000).unwrap();
        assert_eq!(bodies.held(), 0);
        assert!(bodies.0.held().tenants.is_empty(), "who is gone");
    }

    #[test]
    fn answers_that_have_not_left_keep_uploads_out() {
        let bodies = Bodies::new(3000, 2000);
        let acme = tenant("acme");
        let answer = bodies.send(&acme, 2500);
        assert_eq!(bound(bodies.receive(&acme).take(1)), Some(Bound::Share));
        let other = bodies.receive(&tenant("bolt")).take(501);
        assert_eq!(bound(other), Some(Bound::Server));
        drop(answer);
        bodies.receive(&acme).take(2000).unwrap();
    }
}
