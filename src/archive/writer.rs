//! Writes an archive, a part at a time: it never holds more than one in memory.

use std::io::Write;

use age::stream::StreamWriter;

use super::{ArchiveError, Encryption, MANIFEST, Manifest, Part};

/// An archive that is being written.
pub struct ArchiveWriter<W: Write> {
    tar: tar::Builder<StreamWriter<W>>,
    parts: Vec<Part>,
}

impl<W: Write> std::fmt::Debug for ArchiveWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArchiveWriter")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive.
    ///
    /// # Errors
    ///
    /// `output` refuses.
    pub fn new(output: W, key: &Encryption) -> Result<Self, ArchiveError> {
        let encrypted = key.encryptor()?.wrap_output(output)?;
        Ok(Self {
            tar: tar::Builder::new(encrypted),
            parts: Vec::new(),
        })
    }

    /// Adds a part.
    ///
    /// # Errors
    ///
    /// `output` refuses.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        let part = Part::of(name, bytes);
        let mut header = tar::Header::new_gnu();
        header.set_size(part.bytes);
        header.set_mode(0o600);
        self.tar.append_data(&mut header, name, bytes)?;
        self.parts.push(part);
        Ok(())
    }

    /// Ends the archive with its manifest, whose parts are filled in here, and returns what was
    /// written to.
    ///
    /// # Errors
    ///
    /// `output` refuses.
    pub fn finish(mut self, manifest: &mut Manifest) -> Result<W, ArchiveError> {
        manifest.parts = std::mem::take(&mut self.parts);
        let json = serde_json::to_vec(manifest)
            .map_err(|error| ArchiveError::Damaged(error.to_string()))?;
        self.add(MANIFEST, &json)?;
        let mut output = self.tar.into_inner()?.finish()?;
        output.flush()?;
        Ok(output)
    }
}
