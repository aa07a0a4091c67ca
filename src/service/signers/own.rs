//! The server's own certificate authority, and the signer that it issues.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{super::Error, seal};
use crate::{
    auth::MasterKey,
    clock::Clock,
    credentials::{
        authority::{Authority, AuthorityError, AuthorityParts},
        signing::{Algorithm, Certificate},
        trust::{self, TrustKind},
    },
    db::{
        DbError, Operator, PgConnection,
        certificate_authority::{self, SealedAuthority},
        signers::{self, NewSigner, Origin},
        trust_lists::{self, StoredTrustList},
    },
};

/// O of the certificates: whoever reads it is to know that nobody vouched for them.
const ORGANIZATION: &str = "LumaTrace (self-made)";
/// The kind of signatures unless another is asked for: what every validator knows.
const ALGORITHM: Algorithm = Algorithm::Ps256;
/// The self-made signer is replaced so long before it ends: time enough to notice that it is not.
const AHEAD: Duration = Duration::days(30);

/// Whether a self-made signer that ends at `not_after` is to be replaced.
pub(super) fn is_due(not_after: OffsetDateTime, now: OffsetDateTime) -> bool {
    not_after < now + AHEAD
}

/// An authority that was made or renewed, and its signer.
#[derive(Debug)]
pub struct MadeAuthority {
    /// Its root.
    pub root: Certificate,
    /// Its issuing CA.
    pub issuing: Certificate,
    /// The new signer's id.
    pub signer_id: Uuid,
    /// The new signer's certificate.
    pub leaf: Certificate,
    /// The kind of its signatures.
    pub algorithm: Algorithm,
}

/// Makes the authority and its signer where there is none, and another signer if that one ends
/// soon. Servers that start at once make them once.
///
/// # Errors
///
/// Nothing is there and nothing can be made. That an existing signer cannot be replaced is
/// logged: the server verifies without one.
pub async fn ensure(operator: &Operator, master: &MasterKey, clock: &Clock) -> Result<(), Error> {
    let now = clock.now();
    // Asked before anything is locked, as a database that takes no changes needs.
    let mut tx = operator.begin().await?;
    let newest = newest_self_made(&signers::list(&mut *tx).await?);
    drop(tx);
    match newest {
        Some(not_after) if !is_due(not_after, now) => Ok(()),
        newest => match issue(operator, master, now).await {
            Err(error) if newest.is_some() => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the server's signing certificate ends soon and cannot be replaced: run \
                     `lumatrace ca init` as the role that owns the tables"
                );
                Ok(())
            }
            done => done,
        },
    }
}

fn newest_self_made(all: &[signers::SealedSigner]) -> Option<OffsetDateTime> {
    let in_force = all
        .iter()
        .filter(|signer| signer.origin == Origin::SelfMade.as_str() && signer.removed_at.is_none());
    in_force.map(|signer| signer.not_after).max()
}

/// Issues a signer unless another server has done so meanwhile.
async fn issue(operator: &Operator, master: &MasterKey, now: OffsetDateTime) -> Result<(), Error> {
    let mut tx = operator.bootstrap().await?;
    let newest = newest_self_made(&signers::list(&mut *tx).await?);
    if newest.is_some_and(|not_after| !is_due(not_after, now)) {
        return Ok(());
    }
    let authority = match certificate_authority::get(&mut *tx).await? {
        Some(sealed) => open(master, &sealed)?,
        None => store(&mut tx, master, make(now, ALGORITHM)?, now).await?,
    };
    let authority = if authority.must_renew(now).map_err(Error::internal)? {
        renew(&mut tx, master, authority, None, now).await?
    } else {
        authority
    };
    let made = issue_leaf(&mut tx, master, &authority, now).await?;
    tx.commit().await.map_err(DbError::from)?;
    tracing::info!(
        signer.id = %made.signer_id,
        root = made.root.common_name,
        not_after = %made.leaf.not_after.date(),
        "issued the server's signing certificate"
    );
    Ok(())
}

/// Makes the authority, or its issuing CA anew under the same root, and another signer; the one
/// before is removed.
///
/// # Errors
///
/// The database refuses, or the authority in it was sealed under another master key.
pub async fn init(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
    algorithm: Option<Algorithm>,
) -> Result<MadeAuthority, Error> {
    let now = clock.now();
    let mut tx = operator.bootstrap().await?;
    let authority = if let Some(sealed) = certificate_authority::get(&mut *tx).await? {
        renew(&mut tx, master, open(master, &sealed)?, algorithm, now).await?
    } else {
        let made = make(now, algorithm.unwrap_or(ALGORITHM))?;
        store(&mut tx, master, made, now).await?
    };
    let made = issue_leaf(&mut tx, master, &authority, now).await?;
    tx.commit().await.map_err(DbError::from)?;
    Ok(made)
}

/// The root's certificate in PEM.
///
/// # Errors
///
/// [`Error::NotFound`] when there is no authority.
pub async fn root_pem(operator: &Operator) -> Result<String, Error> {
    let mut tx = operator.begin().await?;
    let authority = certificate_authority::get(&mut *tx).await?;
    let authority = authority.ok_or(Error::NotFound)?;
    Ok(trust::to_pem([&authority.root]))
}

/// The stored authority, as far as anybody may see it.
#[derive(Debug)]
pub struct ExaminedAuthority {
    /// Its root.
    pub root: Certificate,
    /// Its issuing CA.
    pub issuing: Certificate,
    /// Whether its keys open under the master key, and are those of its certificates.
    pub is_usable: bool,
}

/// Examines the authority; `None` when there is none.
pub async fn examine_authority(
    operator: &Operator,
    master: &MasterKey,
) -> Result<Option<ExaminedAuthority>, Error> {
    let mut tx = operator.begin().await?;
    let Some(sealed) = certificate_authority::get(&mut *tx).await? else {
        return Ok(None);
    };
    let read = |der: &[u8]| {
        let wrong = || Error::internal(DbError::Corrupt("certificate_authority"));
        Certificate::from_der(der).ok_or_else(wrong)
    };
    Ok(Some(ExaminedAuthority {
        root: read(&sealed.root)?,
        issuing: read(&sealed.issuing)?,
        is_usable: open(master, &sealed).is_ok(),
    }))
}

fn make(now: OffsetDateTime, algorithm: Algorithm) -> Result<Authority, Error> {
    Authority::make(now, ORGANIZATION, algorithm).map_err(Error::internal)
}

/// Makes the issuing CA anew. A root that ends soon is replaced, and stays trusted for what was
/// signed under it.
async fn renew(
    tx: &mut PgConnection,
    master: &MasterKey,
    authority: Authority,
    algorithm: Option<Algorithm>,
    now: OffsetDateTime,
) -> Result<Authority, Error> {
    let algorithm = algorithm.unwrap_or(authority.algorithm());
    let former = authority.root_certificate().map_err(Error::internal)?;
    let anchor = authority.root().to_vec();
    let renewed = match authority.renew(now, algorithm) {
        Err(AuthorityError::RootEnds) => {
            let list = StoredTrustList {
                name: former.common_name.to_lowercase().replace(' ', "-"),
                kind: TrustKind::Manifest.as_str().to_owned(),
                anchors: vec![anchor],
                next_update: None,
                imported_at: now,
            };
            trust_lists::replace(tx, &list).await?;
            make(now, algorithm)?
        }
        renewed => renewed.map_err(Error::internal)?,
    };
    store(tx, master, renewed, now).await
}

/// What a key of the authority is sealed for.
fn purpose(authority: Uuid, key: &str) -> String {
    format!("certificate authority {authority} {key}")
}

async fn store(
    tx: &mut PgConnection,
    master: &MasterKey,
    authority: Authority,
    now: OffsetDateTime,
) -> Result<Authority, Error> {
    let (id, parts) = (Uuid::new_v4(), authority.parts());
    let seal = |key: &str, pkcs8: &[u8]| {
        let sealed = master.seal(&purpose(id, key), pkcs8);
        sealed.map_err(Error::internal)
    };
    let sealed = SealedAuthority {
        authority_id: id,
        sealed_root_key: seal("root", &parts.root_key)?,
        root: parts.root,
        sealed_issuing_key: seal("issuing", &parts.issuing_key)?,
        issuing: parts.issuing,
        algorithm: parts.algorithm.as_str().to_owned(),
    };
    certificate_authority::replace(tx, &sealed, now).await?;
    Ok(authority)
}

pub(super) fn open(master: &MasterKey, sealed: &SealedAuthority) -> Result<Authority, Error> {
    let open = |key: &str, bytes: &[u8]| {
        let opened = master.open(&purpose(sealed.authority_id, key), bytes);
        opened.map_err(Error::internal)
    };
    let wrong = || Error::internal(DbError::Corrupt("certificate_authority"));
    let parts = AuthorityParts {
        root: sealed.root.clone(),
        root_key: open("root", &sealed.sealed_root_key)?,
        issuing: sealed.issuing.clone(),
        issuing_key: open("issuing", &sealed.sealed_issuing_key)?,
        algorithm: Algorithm::parse(&sealed.algorithm).ok_or_else(wrong)?,
    };
    Authority::open(parts).map_err(Error::internal)
}

/// Seals the authority's keys under the master key's first; returns how many were not.
pub(super) async fn reseal(tx: &mut PgConnection, master: &MasterKey) -> Result<u64, Error> {
    let Some(sealed) = certificate_authority::get(&mut *tx).await? else {
        return Ok(0);
    };
    let reseal = |key: &str, bytes: &[u8]| {
        let new = master.reseal(&purpose(sealed.authority_id, key), bytes);
        new.map_err(Error::internal)
    };
    let root = reseal("root", &sealed.sealed_root_key)?;
    let issuing = reseal("issuing", &sealed.sealed_issuing_key)?;
    let resealed = u64::from(root.is_some()) + u64::from(issuing.is_some());
    if resealed > 0 {
        let root = root.unwrap_or(sealed.sealed_root_key);
        let issuing = issuing.unwrap_or(sealed.sealed_issuing_key);
        certificate_authority::reseal(tx, sealed.authority_id, &root, &issuing).await?;
    }
    Ok(resealed)
}

/// Issues and stores a signer, and removes those before it.
async fn issue_leaf(
    tx: &mut PgConnection,
    master: &MasterKey,
    authority: &Authority,
    now: OffsetDateTime,
) -> Result<MadeAuthority, Error> {
    let algorithm = authority.algorithm();
    let issued = authority.issue_leaf(algorithm, now);
    let (chain, pkcs8) = issued.map_err(Error::internal)?;
    let read = |at: usize| -> Result<Certificate, Error> {
        let certificate = chain.get(at).and_then(|der| Certificate::from_der(der));
        certificate.ok_or_else(|| Error::internal(AuthorityError::Certificate))
    };
    let (leaf, issuing, signer_id) = (read(0)?, read(1)?, Uuid::new_v4());
    let new = NewSigner {
        signer_id,
        origin: Origin::SelfMade,
        algorithm: algorithm.as_str(),
        chain: &chain,
        sealed_key: &seal(master, signer_id, &pkcs8)?,
        not_after: leaf.not_after,
    };
    signers::insert(tx, &new, now).await?;
    signers::remove_self_made_but(tx, signer_id, now).await?;
    Ok(MadeAuthority {
        root: authority.root_certificate().map_err(Error::internal)?,
        issuing,
        signer_id,
        leaf,
        algorithm,
    })
}
