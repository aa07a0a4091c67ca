//! Properties of the file that `protect` returned.

/// The container of a protected file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// JPEG, sequential or progressive.
    Jpeg,
    /// PNG of any bit depth.
    Png,
    /// WebP, lossy or lossless.
    WebP,
}

impl FileFormat {
    /// Reads `jpg`, `png` or `webp`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png, Self::WebP]
            .into_iter()
            .find(|format| format.as_str() == text)
    }

    /// The name on the wire and in the database: the file name's extension.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
        }
    }
}

/// How much a protected photo withstands, as the engine measured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkStrength {
    /// The mark reads with a margin from the file itself and from a small, recompressed copy.
    Full,
    /// The mark reads from the file itself, but a strong attack may remove it.
    Limited,
}

impl MarkStrength {
    /// Reads `FULL` or `LIMITED`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Full, Self::Limited]
            .into_iter()
            .find(|strength| strength.as_str() == text)
    }

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Limited => "LIMITED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        for format in [FileFormat::Jpeg, FileFormat::Png, FileFormat::WebP] {
            assert_eq!(FileFormat::parse(format.as_str()), Some(format));
        }
        assert_eq!(FileFormat::parse("jpeg"), None);
        for strength in [MarkStrength::Full, MarkStrength::Limited] {
            assert_eq!(MarkStrength::parse(strength.as_str()), Some(strength));
        }
        assert_eq!(MarkStrength::parse("full"), None);
    }
}
