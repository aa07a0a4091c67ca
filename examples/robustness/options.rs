//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::{
    attacks::{Attack, CORE, catalogue, harsh},
    container::Container,
};

/// Protects photographs, attacks them and looks for the mark.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(crate) struct Options {
    /// Folders of photographs, or single files: JPEG, PNG, WebP.
    #[arg(required = true)]
    pub(crate) folders: Vec<PathBuf>,
    /// Where the report goes.
    #[arg(long, default_value = "target/robustness")]
    pub(crate) out: PathBuf,
    /// Attacks or families, separated by commas; the last letters of a name may be `*`. Default:
    /// the catalogue and `harsh`.
    #[arg(long, value_delimiter = ',', conflicts_with = "core")]
    attacks: Vec<String>,
    /// Only half of the catalogue, at least one attack of every family.
    #[arg(long)]
    core: bool,
    /// At most so many photographs of each folder.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Photographs with a longer side are reduced before they are protected, and the report says
    /// so.
    #[arg(long)]
    pub(crate) max_side: Option<u32>,
    /// Attacks at a time; default: one a core.
    #[arg(long, default_value_t = 0)]
    pub(crate) jobs: usize,
    /// Prints every pair as it is done, in place of the progress bar.
    #[arg(long)]
    pub(crate) pairs: bool,
    /// Measures JPEG sources of five qualities and up to four sizes instead, and writes jpeg.md.
    #[arg(long)]
    pub(crate) jpeg_table: bool,
    /// Measures how much files of many kinds grow instead, and writes growth.md.
    #[arg(long)]
    pub(crate) growth: bool,
    /// Asks whether forgeries are called authentic and handled pictures are not, instead; writes
    /// authentic.md and authentic.csv.
    #[arg(long)]
    pub(crate) authentic: bool,
    /// With --authentic: cases or groups, like --attacks. Default: all.
    #[arg(long, value_delimiter = ',', requires = "authentic")]
    cases: Vec<String>,
    /// With --authentic: protects photographs in this container: png, jpeg:QUALITY, webp:QUALITY or
    /// webp-lossless.
    #[arg(long = "as", default_value = "as-is", requires = "authentic")]
    pub(crate) container: Container,
    /// With --authentic: keeps records of strict privacy.
    #[arg(long, requires = "authentic")]
    pub(crate) strict: bool,
    /// Protects each photograph under up to 16 ids instead, combines the copies, and writes
    /// collusion.md.
    #[arg(long)]
    pub(crate) collusion: bool,
    /// Saves the protected and every attacked picture into this folder.
    #[arg(long)]
    pub(crate) save: Option<PathBuf>,
    /// Leaves out the quality of the protected files and the pictures.
    #[arg(long)]
    pub(crate) quick: bool,
}

impl Options {
    /// Returns the chosen attacks.
    pub(crate) fn chosen(&self) -> Vec<Attack> {
        let mut all = catalogue();
        all.extend(harsh());
        if self.core {
            all.retain(|attack| CORE.split_whitespace().any(|name| name == attack.name));
        } else if !self.attacks.is_empty() {
            all.retain(|attack| named(&self.attacks, &attack.name, attack.family));
        }
        all
    }

    /// Tells whether a case was chosen.
    pub(crate) fn wants(&self, case: &str, group: &str) -> bool {
        self.cases.is_empty() || named(&self.cases, case, group)
    }
}

/// Tells whether a pattern names something by its name or its kin.
fn named(patterns: &[String], name: &str, kin: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => pattern == name || pattern == kin,
        })
}
