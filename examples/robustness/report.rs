//! The report: `robustness.md` for readers, `robustness.csv` for programs.

use std::{collections::BTreeMap, fmt::Write};

use lumatrace::watermark::TamperFinding;

use crate::{
    attacks::python_available,
    matrix::{Matrix, Pair},
    options::Options,
    photograph::File,
    quality::{self, Quality},
    tamper::Edits,
};

/// Family of the attacks that are reported apart from the catalogue.
const HARSH: &str = "harsh";
/// Families that put something over the picture: an alarm is right there.
const COVERS: [&str; 1] = ["overlay"];
/// Attacks of other families that do so.
const COVERING: [&str; 1] = ["screenshot"];

/// Everything that a report is made of.
pub(crate) struct Findings<'a> {
    /// The command line.
    pub(crate) options: &'a Options,
    /// The photographs.
    pub(crate) files: &'a [File],
    /// What detection said.
    pub(crate) matrix: &'a Matrix,
    /// What protecting cost; empty if it was left out.
    pub(crate) quality: &'a [Quality],
    /// What the tamper map found of edits; nothing if it was left out.
    pub(crate) edits: Option<&'a Edits>,
    /// File names of the pictures beside the report, and what they show.
    pub(crate) pictures: &'a [(String, String)],
}

/// Number of detections among some pairs.
#[derive(Default, Clone, Copy)]
struct Tally {
    detected: usize,
    of: usize,
}

impl Tally {
    fn add(&mut self, pair: &Pair) {
        self.of += 1;
        self.detected += usize::from(pair.detected());
    }

    fn share(self) -> String {
        if self.of == 0 {
            return "-".to_owned();
        }
        let percent = 100.0 * self.detected as f64 / self.of as f64;
        format!("{}/{} ({percent:.1} %)", self.detected, self.of)
    }
}

impl Findings<'_> {
    /// Writes the report.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("# Robustness of the watermark\n\n");
        self.write_head(&mut text).unwrap();
        self.write_attacks(&mut text, "The catalogue", |family| family != HARSH)
            .unwrap();
        self.write_attacks(&mut text, "Harsher", |family| family == HARSH)
            .unwrap();
        self.write_misses(&mut text).unwrap();
        self.write_alarms(&mut text).unwrap();
        if let Some(edits) = self.edits {
            text.push_str("\n## Edits\n\n");
            text.push_str(&edits.table());
        }
        if !self.quality.is_empty() {
            text.push_str("\n## Quality of the protected files\n\n");
            text.push_str(&quality::table(self.quality, self.files));
        }
        text
    }

    /// Folders in order of the command line.
    fn folders(&self) -> Vec<&str> {
        let mut folders: Vec<&str> = Vec::new();
        for file in self.files {
            if !folders.contains(&file.folder.as_str()) {
                folders.push(&file.folder);
            }
        }
        folders
    }

    fn folder_of(&self, pair: &Pair) -> &str {
        &self.files[pair.photo].folder
    }

    fn write_head(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "Made by `script/cargo run --release --example robustness`, version {}. Every photograph is protected, attacked and looked \
             at; detected means z >= 6.2, a false-positive probability of at most 9e-10. Keys come from file names.\n",
            env!("CARGO_PKG_VERSION")
        )?;
        writeln!(
            text,
            "| folder | photographs | catalogue | harsher |\n|---|---|---|---|"
        )?;
        for folder in self.folders() {
            let count = self
                .files
                .iter()
                .filter(|file| file.folder == folder)
                .count();
            let (mut usual, mut harsh) = (Tally::default(), Tally::default());
            for pair in &self.matrix.pairs {
                if self.folder_of(pair) != folder {
                    continue;
                }
                if self.matrix.attacks[pair.attack].family == HARSH {
                    harsh.add(pair);
                } else {
                    usual.add(pair);
                }
            }
            writeln!(
                text,
                "| {folder} | {count} | {} | {} |",
                usual.share(),
                harsh.share()
            )?;
        }
        if let Some(side) = self.options.max_side {
            writeln!(
                text,
                "\n{} photographs were reduced to a long side of {side} pixels before they were protected.",
                self.matrix.reduced.len()
            )?;
        }
        for failure in &self.matrix.failed {
            writeln!(text, "\nNot protected: {failure}.")?;
        }
        if !python_available() {
            writeln!(
                text,
                "\n`avif_50` is missing: it needs python3 with a Pillow that writes AVIF."
            )?;
        }
        for (name, shows) in self.pictures {
            writeln!(text, "\n![{shows}]({name})")?;
        }
        Ok(())
    }

    fn write_attacks(
        &self,
        text: &mut String,
        title: &str,
        chosen: impl Fn(&str) -> bool,
    ) -> std::fmt::Result {
        let folders = self.folders();
        let attacks = self.matrix.attacks.iter().enumerate();
        let attacks: Vec<_> = attacks
            .filter(|(_, attack)| chosen(attack.family))
            .collect();
        if attacks.is_empty() {
            return Ok(());
        }
        let heads = folders
            .iter()
            .map(|folder| format!(" {folder}: detected | min z | median z |"));
        writeln!(
            text,
            "\n## {title}\n\n| attack | severity |{} median rho | median ms |",
            heads.collect::<String>()
        )?;
        writeln!(
            text,
            "|---|---|{}---|---|",
            "---|---|---|".repeat(folders.len())
        )?;
        for (at, attack) in attacks {
            let pairs: Vec<&Pair> = self
                .matrix
                .pairs
                .iter()
                .filter(|pair| pair.attack == at)
                .collect();
            let note = if attack.note.is_empty() {
                String::new()
            } else {
                format!(" ({})", attack.note)
            };
            write!(text, "| `{}`{note} | {} |", attack.name, attack.severity)?;
            for folder in &folders {
                let of = || pairs.iter().filter(|pair| self.folder_of(pair) == *folder);
                let zs: Vec<f64> = of().map(|pair| pair.detection.z).collect();
                let detected = of().filter(|pair| pair.detected()).count();
                let least = zs.iter().copied().fold(f64::INFINITY, f64::min);
                write!(
                    text,
                    " {detected}/{} | {least:.1} | {:.1} |",
                    zs.len(),
                    median(zs)
                )?;
            }
            let rho = median(pairs.iter().map(|pair| pair.detection.rho).collect());
            let time = median(pairs.iter().map(|pair| pair.milliseconds).collect());
            writeln!(text, " {rho:.2} | {time:.0} |")?;
        }
        Ok(())
    }

    fn write_misses(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n## Misses\n\nFrom the lowest rho (the place was not found) to the highest (the mark was not).\n"
        )?;
        let mut misses: Vec<&Pair> = self
            .matrix
            .pairs
            .iter()
            .filter(|pair| !pair.detected())
            .collect();
        if misses.is_empty() {
            return writeln!(text, "None.");
        }
        misses.sort_by(|a, b| a.detection.rho.total_cmp(&b.detection.rho));
        let mut by_attack: BTreeMap<usize, Vec<&Pair>> = BTreeMap::new();
        for miss in misses {
            by_attack.entry(miss.attack).or_default().push(miss);
        }
        writeln!(text, "| attack | photographs: z, rho |\n|---|---|")?;
        for (attack, misses) in by_attack {
            let list: Vec<String> = misses
                .iter()
                .map(|miss| {
                    let found = &miss.detection;
                    format!(
                        "{} {:.1}, {:.2}",
                        self.files[miss.photo].name(),
                        found.z,
                        found.rho
                    )
                })
                .collect();
            writeln!(
                text,
                "| `{}` | {} |",
                self.matrix.attacks[attack].name,
                list.join("; ")
            )?;
        }
        Ok(())
    }

    /// Alarms of the tamper map where nothing was edited.
    fn write_alarms(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n## Alarms of the tamper map\n\nAttacks that replace no content; detected pairs only.\n"
        )?;
        writeln!(
            text,
            "| severity | altered | uncertain | of | altered by |\n|---|---|---|---|---|"
        )?;
        for (name, severe) in [("0 to 2", false), ("3 and 4", true)] {
            let (mut altered, mut uncertain, mut of) = (0, 0, 0);
            let mut by: BTreeMap<&str, usize> = BTreeMap::new();
            for pair in &self.matrix.pairs {
                let attack = &self.matrix.attacks[pair.attack];
                let Some(tampering) = &pair.detection.tampering else {
                    continue;
                };
                if COVERS.contains(&attack.family)
                    || COVERING.contains(&attack.name.as_str())
                    || (attack.severity > 2) != severe
                {
                    continue;
                }
                of += 1;
                match tampering.finding {
                    TamperFinding::Altered => {
                        altered += 1;
                        *by.entry(&attack.name).or_default() += 1;
                    }
                    TamperFinding::Uncertain => uncertain += 1,
                    TamperFinding::Unaltered | TamperFinding::NotExamined => {}
                }
            }
            let by: Vec<String> = by
                .iter()
                .map(|(name, count)| format!("`{name}` {count}"))
                .collect();
            writeln!(
                text,
                "| {name} | {altered} | {uncertain} | {of} | {} |",
                by.join(", ")
            )?;
        }
        Ok(())
    }

    /// Writes one line a pair.
    pub(crate) fn csv(&self) -> String {
        let mut text = String::from(
            "folder,photo,attack,family,severity,width,height,z,rho,beta,coverage,tampering,status,scale_x,scale_y,rotation,flipped,\
             crop_kept,milliseconds\n",
        );
        for pair in &self.matrix.pairs {
            let (attack, found) = (&self.matrix.attacks[pair.attack], &pair.detection);
            let way = found.transform.as_ref().map_or(",,,,".to_owned(), |way| {
                format!(
                    "{:.4},{:.4},{:.2},{},{:.4}",
                    way.scale_x, way.scale_y, way.rotation_degrees, way.flipped, way.crop_kept
                )
            });
            writeln!(
                text,
                "{},{},{},{},{},{},{},{:.3},{:.4},{:.3},{:.3},{},{:?},{way},{:.1}",
                self.folder_of(pair),
                self.files[pair.photo].name(),
                attack.name,
                attack.family,
                attack.severity,
                pair.size.0,
                pair.size.1,
                found.z,
                found.rho,
                found.beta,
                found.coverage,
                found
                    .tampering
                    .as_ref()
                    .map_or_else(String::new, |tampering| format!("{:?}", tampering.finding)),
                found.status,
                pair.milliseconds,
            )
            .unwrap();
        }
        text
    }
}

/// The median of some values; NaN of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}
