//! Writes a backup while servers run.

use std::{collections::BTreeMap, io::Write};

use futures_util::TryStreamExt;
use time::format_description::well_known::Rfc3339;

use super::{super::Error, BackupError};
use crate::{
    archive::{
        ArchiveWriter, Chain, Encryption, FORMAT, LARGEST_PART, MASTER_KEY, Manifest, Table,
        piece_name,
    },
    db::{
        DbError, Operator,
        backup::{CopiedTable, Snapshot},
    },
    domain::audit::ChainHash,
};

/// The database as it is now, for as long as the value lives.
#[derive(Debug)]
pub struct Held(Snapshot);

/// Holds the database. The master key is read after this: it is the one that opens what is held.
///
/// # Errors
///
/// [`BackupError::TwoMasterKeys`] while another master key is being put in place.
pub async fn hold(operator: &Operator) -> Result<Held, BackupError> {
    let snapshot = operator.snapshot().await?;
    snapshot.map(Held).ok_or(BackupError::TwoMasterKeys)
}

/// Writes what is held to `output`, with the master key in base64 and the settings to remember.
/// Holds 8 MB of it in memory at most. Returns what was written to, and the manifest.
///
/// # Errors
///
/// The database or `output` fails; what was written is no archive then.
pub async fn write<W: Write>(
    held: Held,
    output: W,
    key: &Encryption,
    master_key: &str,
    settings: BTreeMap<String, String>,
) -> Result<(W, Manifest), BackupError> {
    let Held(mut snapshot) = held;
    let origin = snapshot.origin().await?;
    let (tenants, chains) = (snapshot.tenants().await?, snapshot.chains().await?);
    let mut archive = ArchiveWriter::new(output, key)?;
    archive.add(MASTER_KEY, master_key.as_bytes())?;
    let (mut tables, mut copies) = (Vec::new(), 0);
    for table in snapshot.tables() {
        let shares: Vec<Option<&str>> = if table.is_per_tenant {
            tenants.iter().map(|tenant| Some(tenant.as_str())).collect()
        } else {
            vec![None]
        };
        let mut rows = 0;
        for tenant in shares {
            let count = snapshot.count(&table, tenant).await?;
            if count > 0 {
                copy(&mut snapshot, &mut archive, &table, tenant, copies).await?;
                copies += 1;
            }
            rows += count;
        }
        tables.push(Table {
            name: table.name,
            columns: table.columns,
            rows,
        });
    }
    let mut manifest = Manifest {
        format: FORMAT,
        program: env!("LUMATRACE_VERSION").to_owned(),
        postgres: origin.postgres,
        created_at: origin.taken_at.format(&Rfc3339).map_err(Error::internal)?,
        schema_version: origin.schema_version,
        tables,
        chains: chains
            .into_iter()
            .map(|chain| {
                let last = ChainHash::from_bytes(&chain.hash);
                Ok(Chain {
                    tenant: chain.tenant,
                    events: chain.sequence,
                    head: last.ok_or(DbError::Corrupt("audit_heads"))?.to_string(),
                })
            })
            .collect::<Result<_, DbError>>()?,
        settings,
        parts: Vec::new(),
    };
    let output = archive.finish(&mut manifest)?;
    Ok((output, manifest))
}

/// Adds the rows of a table, in pieces that fit into memory.
async fn copy<W: Write>(
    snapshot: &mut Snapshot,
    archive: &mut ArchiveWriter<W>,
    table: &CopiedTable,
    tenant: Option<&str>,
    number: usize,
) -> Result<(), BackupError> {
    let mut rows = snapshot.copy(table, tenant).await?;
    let (mut piece, mut held) = (0, Vec::new());
    while let Some(bytes) = rows.try_next().await? {
        let mut rest = bytes.as_ref();
        while held.len() + rest.len() > LARGEST_PART {
            let (fits, after) = rest.split_at(LARGEST_PART - held.len());
            held.extend_from_slice(fits);
            archive.add(&piece_name(&table.name, number, piece), &held)?;
            held.clear();
            piece += 1;
            rest = after;
        }
        held.extend_from_slice(rest);
    }
    archive.add(&piece_name(&table.name, number, piece), &held)?;
    Ok(())
}
