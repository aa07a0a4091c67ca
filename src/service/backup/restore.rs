//! Loads a backup into an empty database.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use zeroize::Zeroizing;

use super::BackupError;
use crate::{
    archive::{ArchiveReader, Decryption, MASTER_KEY, Manifest, Part, Parts, ReadPart, copy_of},
    db::{
        MIGRATOR, Operator,
        restore::{Load, Vacancy},
    },
};

/// A backup that was loaded and is not kept yet.
#[derive(Debug)]
pub struct LoadedBackup {
    load: Load,
    /// The master key that opens it, in base64.
    pub master_key: Zeroizing<String>,
}

impl LoadedBackup {
    /// Keeps it. Until then, nobody sees it.
    ///
    /// # Errors
    ///
    /// The database fails, and is as empty as before.
    pub async fn keep(self) -> Result<(), BackupError> {
        Ok(self.load.commit().await?)
    }
}

/// Loads the archive that `input` is read from. [`verify`] has read it before, and returned its
/// manifest; each part is compared with that again.
///
/// All tokens from before are refused from now on ([`Load::begin_anew`]).
///
/// # Errors
///
/// [`BackupError::NotEmpty`] before anything is touched. What fails later leaves empty tables,
/// which the next restore takes for what they are.
///
/// [`verify`]: crate::archive::verify
pub async fn load(
    operator: &Operator,
    input: impl Read,
    key: &Decryption,
    manifest: &Manifest,
) -> Result<LoadedBackup, BackupError> {
    let (wanted, known) = (manifest.schema_version, newest_migration());
    if wanted > known {
        return Err(BackupError::Newer(wanted, known));
    }
    match operator.vacancy().await? {
        Vacancy::Empty => {}
        Vacancy::Prepared(version) if version <= wanted => {}
        Vacancy::Prepared(version) => return Err(BackupError::Older(wanted, version)),
        Vacancy::Holds(what) => return Err(BackupError::NotEmpty(what)),
    }
    operator.migrate_to(wanted).await?;
    let taken = || BackupError::NotEmpty("rows of a server that has started on it".to_owned());
    let mut load = operator.load().await?.ok_or_else(taken)?;
    same_tables(&load, manifest)?;
    let mut archive = ArchiveReader::open(input, key)?;
    let mut parts = ListedParts {
        parts: archive.parts()?,
        listed: manifest.parts.iter(),
    };
    let first = parts.next()?.ok_or_else(empty)?;
    if first.name != MASTER_KEY {
        return Err(empty());
    }
    let master_key = std::str::from_utf8(&first.bytes).map_err(|_| empty())?;
    let master_key = Zeroizing::new(master_key.to_owned());
    let rows = load_parts(&mut load, &mut parts, manifest).await?;
    for table in &manifest.tables {
        let loaded = rows.get(table.name.as_str()).copied().unwrap_or(0);
        if loaded != table.rows {
            return Err(BackupError::NotWhole(format!(
                "the table {} has {loaded} rows of {}",
                table.name, table.rows
            )));
        }
    }
    load.begin_anew().await?;
    Ok(LoadedBackup { load, master_key })
}

fn newest_migration() -> i64 {
    let versions = MIGRATOR.iter().map(|migration| migration.version);
    versions.max().unwrap_or(0)
}

fn empty() -> BackupError {
    BackupError::NotWhole("it does not begin with a master key".to_owned())
}

/// The tables of the schema are those of the archive.
fn same_tables(load: &Load, manifest: &Manifest) -> Result<(), BackupError> {
    let there: BTreeSet<&str> = load.tables().collect();
    let listed = manifest.tables.iter().map(|table| table.name.as_str());
    if there == listed.collect() {
        Ok(())
    } else {
        Err(BackupError::NotWhole(
            "its tables are not those of its schema version".to_owned(),
        ))
    }
}

/// The parts of an archive, each compared with the manifest's list.
struct ListedParts<'a, R: Read> {
    parts: Parts<'a, R>,
    listed: std::slice::Iter<'a, Part>,
}

impl<R: Read> ListedParts<'_, R> {
    /// The next part; `None` when the list is at its end.
    fn next(&mut self) -> Result<Option<ReadPart>, BackupError> {
        let Some(listed) = self.listed.next() else {
            return Ok(None);
        };
        match self.parts.next_part()? {
            Some(part) if Part::of(&part.name, &part.bytes) == *listed => Ok(Some(part)),
            _ => Err(BackupError::NotWhole(
                "the file has changed while it was read".to_owned(),
            )),
        }
    }
}

/// Loads the pieces of all copies; returns how many rows each table was given.
async fn load_parts<'m, R: Read>(
    load: &mut Load,
    parts: &mut ListedParts<'_, R>,
    manifest: &'m Manifest,
) -> Result<BTreeMap<&'m str, u64>, BackupError> {
    let mut rows = BTreeMap::new();
    let mut next = parts.next()?;
    while let Some(ReadPart { name: first, .. }) = &next {
        let (name, copy) = copy_of(first).ok_or_else(|| unknown(first))?;
        let table = manifest.tables.iter().find(|table| table.name == name);
        let table = table.ok_or_else(|| unknown(first))?;
        let mut loading = load.copy(&table.name, &table.columns).await?;
        while let Some(ReadPart { name: piece, bytes }) = &next {
            if copy_of(piece) != Some((table.name.as_str(), copy)) {
                break;
            }
            loading.send(bytes).await?;
            next = parts.next()?;
        }
        *rows.entry(table.name.as_str()).or_default() += loading.finish().await?;
    }
    Ok(rows)
}

fn unknown(part: &str) -> BackupError {
    BackupError::NotWhole(format!("{part} is no part that this program knows"))
}
