//! The report: `authentic.csv`, a row a trial, and `authentic.md`, counted.

use std::fmt::{Result, Write};

use super::{
    case::{Case, Expected},
    said::Said,
    trial::Trial,
};

/// Writes a line for every trial.
pub(super) fn csv(trials: &[Trial]) -> String {
    let mut text = String::from(
        "photo,group,case,severity,z,rho,content_rho,foreign,unexplained,smallest,coverage,said,finding,compared,evidence,regions,change,covered,iou,ms\n",
    );
    for trial in trials {
        write_line(&mut text, trial).unwrap();
    }
    text
}

fn write_line(text: &mut String, trial: &Trial) -> Result {
    let finding = trial
        .finding
        .map_or(String::new(), |finding| format!("{finding:?}"));
    write!(
        text,
        "{},{},{},{},{:.3},{:.4},{:.4},{:.4},{},{},{:.3},{:?},{finding},{:.3},{:.3},{},",
        trial.photo,
        trial.group,
        trial.case,
        trial.expected.severity(),
        trial.z,
        trial.rho,
        trial.content_rho,
        trial.foreign.0,
        number(trial.foreign.1, 3),
        number(trial.smallest, 6),
        trial.coverage,
        trial.said,
        trial.compared,
        trial.evidence,
        trial.regions
    )?;
    match trial.edit {
        Some((change, overlap)) => write!(
            text,
            "{change:.2},{:.3},{:.3}",
            overlap.covered, overlap.iou
        )?,
        None => write!(text, ",,")?,
    }
    writeln!(text, ",{:.1}", trial.milliseconds)
}

/// A number with so many decimals, or nothing.
fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or(String::new(), |value| format!("{value:.decimals$}"))
}

/// Writes the tables: groups, then cases.
pub(super) fn markdown(trials: &[Trial], cases: &[Case], head: &str) -> String {
    let mut text = format!("# What is said of forged and of handled pictures\n\n{head}\n\n");
    text.push_str(&summary(trials, cases));
    text.push_str("\n## Cases\n\n");
    let mut rows: Vec<(&str, u8, &str)> = Vec::new();
    for case in cases {
        let row = (case.group, case.expected.severity(), case.counted_as());
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    write_head(&mut text, "group | severity | case").unwrap();
    for (group, severity, name) in rows {
        let row = Tally::of(trials.iter().filter(|trial| {
            (trial.group, trial.expected.severity()) == (group, severity)
                && trial.counted_as == name
        }));
        let named = format!("{group} | {severity} | {name}");
        row.write(&mut text, &named).unwrap();
    }
    text
}

/// Writes what was right, and the table of groups.
pub(super) fn summary(trials: &[Trial], cases: &[Case]) -> String {
    let mut text = String::new();
    write_verdict(&mut text, trials).unwrap();
    let mut groups: Vec<(&str, u8)> = Vec::new();
    for case in cases {
        let group = (case.group, case.expected.severity());
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    write_head(&mut text, "group | severity").unwrap();
    for (group, severity) in groups {
        let row = Tally::of(
            trials
                .iter()
                .filter(|trial| (trial.group, trial.expected.severity()) == (group, severity)),
        );
        row.write(&mut text, &format!("{group} | {severity}"))
            .unwrap();
    }
    text
}

fn write_verdict(text: &mut String, trials: &[Trial]) -> Result {
    let tally = |wanted: &dyn Fn(Expected) -> bool| {
        Tally::of(trials.iter().filter(|trial| wanted(trial.expected)))
    };
    let forged = tally(&|expected| matches!(expected, Expected::Other | Expected::Edited));
    let edited = tally(&|expected| expected == Expected::Edited);
    writeln!(
        text,
        "Forgeries: {} of {} called authentic. Edits: {} of {} detected ones called altered with a region on the edit.",
        forged.authentic, forged.trials, edited.on_the_edit, edited.detected
    )?;
    for (name, least, most) in [("0 to 2", 0, 2), ("3", 3, 3), ("4", 4, 4)] {
        let benign = tally(&|expected| match expected {
            Expected::Benign(severity) => (least..=most).contains(&severity),
            _ => false,
        });
        writeln!(
            text,
            "Benign, severity {name}: {} of {} detected ones not called authentic; altered {}, uncertain {}.",
            benign.detected - benign.authentic,
            benign.detected,
            benign.altered,
            benign.uncertain
        )?;
    }
    let without_effect = trials.iter().filter(|trial| !trial.counts()).count();
    writeln!(
        text,
        "Not counted: {without_effect} edits that change their place by less than one grey level on average.\n"
    )
}

/// Opens a table.
fn write_head(text: &mut String, named: &str) -> Result {
    let columns = named.split('|').count() + 9;
    writeln!(
        text,
        "| {named} | trials | detected | authentic | ALTERED | UNCERTAIN | CONFLICT | region on the edit | covered, median | IoU, median |"
    )?;
    writeln!(text, "|{}", "---|".repeat(columns))
}

/// Counts of some trials.
#[derive(Default)]
struct Tally {
    trials: usize,
    detected: usize,
    authentic: usize,
    altered: usize,
    uncertain: usize,
    conflict: usize,
    on_the_edit: usize,
    edits: usize,
    covered: Vec<f64>,
    iou: Vec<f64>,
}

impl Tally {
    fn of<'a>(trials: impl Iterator<Item = &'a Trial>) -> Self {
        let mut tally = Self::default();
        for trial in trials.filter(|trial| trial.counts()) {
            tally.trials += 1;
            tally.detected += usize::from(trial.detected());
            tally.authentic += usize::from(trial.said == Said::Authentic);
            tally.altered += usize::from(trial.said == Said::Altered);
            tally.uncertain += usize::from(trial.uncertain());
            tally.conflict += usize::from(trial.said == Said::Conflict);
            tally.on_the_edit += usize::from(trial.on_the_edit());
            if let Some((_, overlap)) = trial.edit {
                tally.edits += 1;
                if trial.said == Said::Altered {
                    tally.covered.push(overlap.covered);
                    tally.iou.push(overlap.iou);
                }
            }
        }
        tally
    }

    fn write(mut self, text: &mut String, named: &str) -> Result {
        let on_the_edit = match self.edits {
            0 => "-".to_owned(),
            edits => format!("{} of {edits}", self.on_the_edit),
        };
        writeln!(
            text,
            "| {named} | {} | {} | {} | {} | {} | {} | {on_the_edit} | {} | {} |",
            self.trials,
            self.detected,
            self.authentic,
            self.altered,
            self.uncertain,
            self.conflict,
            median(&mut self.covered),
            median(&mut self.iou)
        )
    }
}

fn median(values: &mut [f64]) -> String {
    values.sort_by(f64::total_cmp);
    values
        .get(values.len() / 2)
        .map_or("-".to_owned(), |median| format!("{median:.2}"))
}
