//! Reads an archive, a part at a time.

use std::io::{BufReader, Read};

use age::stream::StreamReader;
use zeroize::Zeroizing;

use super::{
    ArchiveError, Decryption, FORMAT, LARGEST_MANIFEST, LARGEST_PART, MANIFEST, Manifest, Part,
    manifest::AnyFormat,
};

/// An archive that is open.
pub struct ArchiveReader<R: Read>(tar::Archive<StreamReader<BufReader<R>>>);

impl<R: Read> std::fmt::Debug for ArchiveReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ArchiveReader")
    }
}

/// The parts of an archive, in their order.
pub struct Parts<'a, R: Read>(tar::Entries<'a, StreamReader<BufReader<R>>>);

impl<R: Read> std::fmt::Debug for Parts<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

/// A part that was read.
#[derive(Debug)]
pub struct ReadPart {
    /// Its name.
    pub name: String,
    /// All of it.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl<R: Read> ArchiveReader<R> {
    /// Opens an archive from its beginning.
    ///
    /// # Errors
    ///
    /// The file is none, or the key does not open it.
    pub fn open(input: R, key: &Decryption) -> Result<Self, ArchiveError> {
        let file =
            age::Decryptor::new_buffered(BufReader::new(input)).map_err(|error| match error {
                age::DecryptError::Io(error) => ArchiveError::reading(error),
                _ => ArchiveError::Damaged("it is no archive of this program".to_owned()),
            })?;
        Ok(Self(tar::Archive::new(key.open(file)?)))
    }

    /// Its parts.
    ///
    /// # Errors
    ///
    /// They were asked for before.
    pub fn parts(&mut self) -> Result<Parts<'_, R>, ArchiveError> {
        self.0.entries().map(Parts).map_err(ArchiveError::reading)
    }

    /// Reads what follows the last part, so that a missing end is found.
    fn end(self) -> Result<(), ArchiveError> {
        let mut rest = self.0.into_inner();
        std::io::copy(&mut rest, &mut std::io::sink()).map_err(ArchiveError::reading)?;
        Ok(())
    }
}

impl<R: Read> Parts<'_, R> {
    /// The next part and its bytes; `None` after the last, which is the manifest.
    ///
    /// # Errors
    ///
    /// The file is damaged.
    pub fn next_part(&mut self) -> Result<Option<ReadPart>, ArchiveError> {
        let Some(entry) = self.0.next() else {
            return Ok(None);
        };
        let mut entry = entry.map_err(ArchiveError::reading)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let most = if name == MANIFEST {
            LARGEST_MANIFEST
        } else {
            u64::try_from(LARGEST_PART).unwrap_or(u64::MAX)
        };
        if entry.size() > most {
            return Err(ArchiveError::Damaged(format!(
                "its part {name} is too large"
            )));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        entry
            .read_to_end(&mut bytes)
            .map_err(ArchiveError::reading)?;
        Ok(Some(ReadPart { name, bytes }))
    }
}

/// Reads all of an archive, and compares it with its manifest.
///
/// # Errors
///
/// The key does not open it, or one byte is not as it was written.
pub fn verify(input: impl Read, key: &Decryption) -> Result<Manifest, ArchiveError> {
    let mut archive = ArchiveReader::open(input, key)?;
    let mut parts = archive.parts()?;
    let (mut found, mut manifest) = (Vec::new(), None);
    while let Some(ReadPart { name, bytes }) = parts.next_part()? {
        if manifest.is_some() {
            return Err(ArchiveError::Damaged(
                "it goes on after its manifest".to_owned(),
            ));
        }
        if name == MANIFEST {
            manifest = Some(read_manifest(&bytes)?);
        } else {
            found.push(Part::of(&name, &bytes));
        }
    }
    archive.end()?;
    let manifest =
        manifest.ok_or_else(|| ArchiveError::Damaged("it has no manifest".to_owned()))?;
    if manifest.parts != found {
        let differs = |(listed, found): &(&Part, &Part)| listed != found;
        let first = manifest.parts.iter().zip(&found).find(differs);
        let name = first.map_or("at its end", |(listed, _)| listed.name.as_str());
        return Err(ArchiveError::Damaged(format!(
            "its parts are not those of its manifest: {name}"
        )));
    }
    Ok(manifest)
}

fn read_manifest(json: &[u8]) -> Result<Manifest, ArchiveError> {
    let wrong = |error: serde_json::Error| ArchiveError::Damaged(format!("its manifest: {error}"));
    let AnyFormat { format } = serde_json::from_slice(json).map_err(wrong)?;
    if format != FORMAT {
        return Err(ArchiveError::Format(format));
    }
    serde_json::from_slice(json).map_err(wrong)
}
