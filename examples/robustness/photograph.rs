//! Photographs: finding, protecting and decoding them.

use std::path::{Path, PathBuf};

use image::{DynamicImage, RgbImage, metadata::Orientation};
use lumatrace::{
    imaging::{Photo, decode},
    watermark::{EmbedReport, Record, RecordPrivacy, WatermarkKey, embed_with_privacy},
};
use sha2::{Digest, Sha256};

use crate::{
    attacks::{NO_LIMITS, long_edge, png, unpack},
    container::Container,
    options::Options,
};

/// A file to be measured, and the folder that it is reported under.
pub(crate) struct File {
    /// The folder's name.
    pub(crate) folder: String,
    /// Where it is.
    pub(crate) path: PathBuf,
}

impl File {
    /// Returns its name without extension.
    pub(crate) fn name(&self) -> String {
        let name = self.path.file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// Lists the photographs of the folders, in order of their names.
pub(crate) fn files(options: &Options) -> Vec<File> {
    let mut files = Vec::new();
    for folder in &options.folders {
        let (named, mut paths) = if folder.is_dir() {
            let entries = std::fs::read_dir(folder).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path()).collect();
            (folder.as_path(), paths)
        } else {
            (folder.parent().unwrap_or(folder), vec![folder.clone()])
        };
        paths.retain(|path| is_photograph(path));
        paths.sort();
        paths.truncate(options.limit.unwrap_or(usize::MAX));
        let name = named.canonicalize().unwrap();
        let name = name.file_name().unwrap_or_default().to_string_lossy();
        files.extend(paths.into_iter().map(|path| File {
            folder: name.clone().into_owned(),
            path,
        }));
    }
    files
}

fn is_photograph(path: &Path) -> bool {
    let kind = path.extension().unwrap_or_default().to_ascii_lowercase();
    ["jpg", "jpeg", "png", "webp"]
        .iter()
        .any(|known| kind == *known)
}

/// A photograph and its protected copy.
pub(crate) struct Photograph {
    /// The file's name without its extension.
    pub(crate) name: String,
    /// The file as it was, or reduced.
    pub(crate) source: Vec<u8>,
    /// The protected file.
    pub(crate) protected: Vec<u8>,
    /// The protected picture as a viewer shows it.
    pub(crate) shown: RgbImage,
    /// Its record.
    pub(crate) record: Record,
    /// Its key.
    pub(crate) key: WatermarkKey,
    /// How it went.
    pub(crate) report: EmbedReport,
    /// Whether it was reduced before.
    pub(crate) reduced: bool,
}

impl Photograph {
    /// Protects a file.
    ///
    /// # Errors
    ///
    /// A sentence where it cannot be read or protected.
    pub(crate) fn protect(file: &File, max_side: Option<u32>) -> Result<Self, String> {
        let source = read(&file.path, max_side, Container::AsItIs)?;
        Self::protect_bytes(file.name(), source, RecordPrivacy::Full)
    }

    /// Protects a source.
    ///
    /// # Errors
    ///
    /// A sentence where it cannot be decoded or protected.
    pub(crate) fn protect_bytes(
        name: String,
        source: Source,
        privacy: RecordPrivacy,
    ) -> Result<Self, String> {
        let failed = |error: &dyn std::error::Error| format!("{name}: {error}");
        let photo = decode(&source.bytes, &NO_LIMITS).map_err(|error| failed(&error))?;
        let key = key(&name);
        let embedded = embed_with_privacy(photo, &key, privacy).map_err(|error| failed(&error))?;
        let photo = decode(&embedded.bytes, &NO_LIMITS).map_err(|error| failed(&error))?;
        Ok(Self {
            shown: shown(&embedded.bytes, &photo),
            name,
            source: source.bytes,
            protected: embedded.bytes,
            record: embedded.record,
            key,
            report: embedded.report,
            reduced: source.reduced,
        })
    }
}

/// What is protected.
pub(crate) struct Source {
    /// The bytes of a file.
    pub(crate) bytes: Vec<u8>,
    /// Whether it was reduced.
    pub(crate) reduced: bool,
}

/// Reads a photograph, reduces it if a side is longer than `max_side`, and puts it into a
/// container. One that is reduced and stays as it is otherwise becomes a PNG.
///
/// # Errors
///
/// A sentence where it cannot be read.
pub(crate) fn read(
    path: &Path,
    max_side: Option<u32>,
    container: Container,
) -> Result<Source, String> {
    let failed = |error: &dyn std::error::Error| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let photo = decode(&bytes, &NO_LIMITS).map_err(|error| failed(&error))?;
    let (width, height) = photo.upright_size();
    let largest = max_side.unwrap_or(u32::MAX);
    let reduced = width.max(height) > largest;
    if !reduced && container == Container::AsItIs {
        return Ok(Source { bytes, reduced });
    }
    let mut picture = shown(&bytes, &photo);
    if reduced {
        picture = long_edge(&picture, largest);
    }
    let bytes = container.encode(&picture).unwrap_or_else(|| png(&picture));
    Ok(Source { bytes, reduced })
}

/// Derives the key of a photograph from its file name: tenant key SHA-256("lumatrace laboratory"),
/// photo id the first 16 bytes of SHA-256(name without extension).
pub(crate) fn key(name: &str) -> WatermarkKey {
    let tenant = Sha256::digest("lumatrace laboratory");
    let mut id = [0; 16];
    id.copy_from_slice(&Sha256::digest(name)[..16]);
    WatermarkKey::derive(&tenant.into(), &id)
}

/// Decodes a file to the picture that a viewer shows; `photo` is the same file.
pub(crate) fn shown(bytes: &[u8], photo: &Photo) -> RgbImage {
    let mut picture = DynamicImage::ImageRgb8(unpack(bytes));
    let turned = Orientation::from_exif(photo.orientation.exif() as u8);
    picture.apply_orientation(turned.unwrap_or(Orientation::NoTransforms));
    picture.into_rgb8()
}
