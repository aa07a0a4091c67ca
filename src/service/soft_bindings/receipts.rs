//! Receipts for stored manifests: signed statements of what was stored, and when. Whoever has the
//! server's public keys checks one without asking the server.

use std::collections::BTreeMap;

use time::format_description::well_known::Rfc3339;

use super::manifests::hex;
use crate::{
    db::stored_manifests::{self, ForeignManifest},
    domain::ManifestId,
    service::{Context, Error, resolution::Asker},
};

/// The claims of a receipt, in the order in which canonical JSON has them.
const ISSUER: &str = "iss";
const MANIFEST: &str = "manifestId";
const SHA256: &str = "manifestSha256";
const STORED_AT: &str = "storedAt";

/// A receipt that somebody shows.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// The manifest that it says it is for.
    pub manifest_id: &'a str,
    /// The name of the algorithm of its proof.
    pub alg: &'a str,
    /// Its proof: a compact JWS.
    pub proof: &'a str,
}

/// Signs a receipt for a stored manifest: a compact JWS of canonical JSON (RFC 8785).
///
/// # Errors
///
/// The key cannot sign.
pub fn sign(ctx: &Context, id: &ManifestId, manifest: &ForeignManifest) -> Result<String, Error> {
    let stored_at = manifest
        .stored_at
        .format(&Rfc3339)
        .map_err(Error::internal)?;
    let claims = BTreeMap::from([
        (ISSUER, ctx.settings.public_url.clone()),
        (MANIFEST, id.to_string()),
        (SHA256, hex(&manifest.sha256)),
        (STORED_AT, stored_at),
    ]);
    let keys = ctx.tokens.keys();
    let receipt = keys.active().sign_manifest_receipt(&claims);
    ctx.metrics.count_manifest_receipt();
    receipt.map_err(Error::internal)
}

/// A receipt for a manifest that the caller stored, or that is public.
///
/// # Errors
///
/// [`Error::NotFound`] for any other.
pub async fn issue(ctx: &Context, asker: &Asker, id: &ManifestId) -> Result<String, Error> {
    let manifest = find(ctx, asker, id).await?;
    sign(ctx, id, &manifest)
}

/// What is wrong with a receipt for that manifest; `None` if it is right.
///
/// # Errors
///
/// [`Error::NotFound`] where the caller may not see the manifest.
pub async fn check(
    ctx: &Context,
    asker: &Asker,
    id: &ManifestId,
    shown: Shown<'_>,
) -> Result<Option<&'static str>, Error> {
    let manifest = find(ctx, asker, id).await?;
    if shown.manifest_id != id.as_str() {
        return Ok(Some("the receipt is for another manifest"));
    }
    if shown.alg != "RS256" {
        return Ok(Some("the proof is not by RS256"));
    }
    let Some(claims) = ctx.tokens.keys().manifest_receipt(shown.proof) else {
        return Ok(Some("the proof is not a signature of this server"));
    };
    let says = |claim: &str, text: &str| claims.get(claim).is_some_and(|said| said == text);
    if !says(ISSUER, &ctx.settings.public_url) || !says(MANIFEST, id.as_str()) {
        return Ok(Some("the proof is for another manifest"));
    }
    if !says(SHA256, &hex(&manifest.sha256)) {
        return Ok(Some("the proof is for other bytes of this manifest"));
    }
    Ok(None)
}

/// The stored manifest of that id: the caller's own, or a public one.
async fn find(ctx: &Context, asker: &Asker, id: &ManifestId) -> Result<ForeignManifest, Error> {
    if let Some(tenant) = &asker.tenant {
        let mut tx = ctx.db.begin(tenant).await?;
        let own = stored_manifests::find(&mut tx, id).await?;
        tx.commit().await?;
        if let Some(own) = own {
            return Ok(own);
        }
    }
    let mut tx = ctx.db.begin_public(&asker.party()).await?;
    let found = stored_manifests::find_public(&mut tx, id).await?;
    tx.commit().await?;
    found.ok_or(Error::NotFound)
}
