//! On whose behalf a use case runs: a tenant, and who acts in it. Use cases know no tokens; a job or a console has none.

use super::audit;
use crate::{
    auth::Claims,
    domain::{TenantId, audit::Actor},
};

/// On whose behalf a use case runs.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose data it reads and changes.
    pub tenant: TenantId,
    /// Who acts, as the audit log names it.
    pub actor: Actor,
}

impl Caller {
    /// The holder of a verified token.
    pub fn of_token(claims: &Claims) -> Self {
        Self {
            tenant: claims.tenant.clone(),
            actor: audit::actor(&claims.origin, &claims.username),
        }
    }
}
