//! The caller of a use case: a tenant, and whoever acts in it. Use cases know no tokens, since jobs
//! and consoles have none.

use super::audit;
use crate::{
    auth::Claims,
    domain::{
        TenantId,
        audit::{Actor, By, CallTrace},
    },
};

/// The caller of a use case.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant whose data is read and changed.
    pub tenant: TenantId,
    /// Whoever acts, as the audit log names them.
    pub actor: Actor,
    /// The call by which they do.
    pub call: CallTrace,
}

impl Caller {
    /// The holder of a verified token.
    pub fn of_token(claims: &Claims, call: CallTrace) -> Self {
        Self {
            tenant: claims.tenant.clone(),
            actor: audit::actor(&claims.origin, &claims.username),
            call,
        }
    }

    /// Whoever acts, for an event of the audit log.
    pub(super) fn by(&self) -> By {
        By::call(self.actor.clone(), self.call.clone())
    }
}
