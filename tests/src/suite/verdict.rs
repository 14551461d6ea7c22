//! The two passes of a file side by side: equal, differing, or left out and why.

use super::compare::compare;
use super::engine::{Outcome, TIMED_OUT};
use super::known;
use super::pass::Step;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Why a record is not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It prints a plan.
    Explain,
    /// `onlyif` or `skipif` exclude it.
    OtherEngine,
    /// It needs a data file that the crate lacks, or comes after a record of its file that does, and plain DataFusion
    /// does not give the suite's answer.
    MissingData,
    /// Plain DataFusion does not give the suite's answer here for another reason.
    NotAsRecorded,
    /// It prints settings of the session that are not the suite's.
    Settings,
    /// Plain DataFusion answers otherwise too with small batches, or from run to run.
    Unstable,
    /// It is in the reviewed table of exceptions.
    Known,
}

impl Reason {
    const ALL: [Self; 7] = [
        Self::Explain,
        Self::OtherEngine,
        Self::MissingData,
        Self::NotAsRecorded,
        Self::Settings,
        Self::Unstable,
        Self::Known,
    ];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explain => "prints a plan",
            Self::OtherEngine => "for another engine",
            Self::MissingData => "needs a data file that the crate lacks",
            Self::NotAsRecorded => "plain DataFusion does not give the recorded answer here",
            Self::Settings => "prints settings",
            Self::Unstable => "plain DataFusion differs from itself",
            Self::Known => "known exception",
        })
    }
}

/// The counts of one or more files.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Files that ran.
    pub files: usize,
    /// Files that the suite leaves out itself, being built without the feature for them.
    pub without_feature: usize,
    /// Records with the same outcome.
    pub equal: usize,
    /// Records with another outcome, and how it differs; also faults of the harness and stale exceptions.
    pub differing: Vec<String>,
    /// Records left out, by reason: place and first line of the statement.
    pub left_out: BTreeMap<Reason, Vec<String>>,
}

impl Tally {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Tally) {
        self.files += other.files;
        self.without_feature += other.without_feature;
        self.equal += other.equal;
        self.differing.extend_from_slice(&other.differing);
        for (reason, records) in &other.left_out {
            self.left_out.entry(*reason).or_default().extend_from_slice(records);
        }
    }

    /// The counts and records as JSON.
    pub fn to_json(&self) -> Value {
        let left_out = self.left_out.iter().map(|(reason, records)| (reason.to_string(), json!(records)));
        json!({
            "files": self.files,
            "without_feature": self.without_feature,
            "equal": self.equal,
            "differing": self.differing,
            "left_out": left_out.collect::<Map<String, Value>>(),
        })
    }

    /// What [`Tally::to_json`] made.
    pub fn from_json(json: &Value) -> super::Result<Self> {
        let count = |key: &str| json[key].as_u64().map(|count| count as usize).ok_or_else(|| format!("no {key}"));
        let texts = |json: &Value| -> Option<Vec<String>> {
            json.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let mut left_out = BTreeMap::new();
        for reason in Reason::ALL {
            if let Some(records) = texts(&json["left_out"][reason.to_string()]) {
                left_out.insert(reason, records);
            }
        }
        Ok(Self {
            files: count("files")?,
            without_feature: count("without_feature")?,
            equal: count("equal")?,
            differing: texts(&json["differing"]).ok_or("no differing")?,
            left_out,
        })
    }

    fn leave_out(&mut self, reason: Reason, step: &Step) {
        let line = step.sql.lines().next().unwrap_or_default();
        let why = step.unexpected.as_deref().filter(|_| reason == Reason::NotAsRecorded);
        let why = why.map(|why| format!("\n      {}", why.replace('\n', "\n      "))).unwrap_or_default();
        self.left_out.entry(reason).or_default().push(format!("{}  {line}{why}", step.place));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out: usize = self.left_out.values().map(Vec::len).sum();
        let (run, differing) = (self.equal + self.differing.len(), self.differing.len());
        write!(f, "{} files, {} records: {run} run, ", self.files, run + left_out)?;
        write!(f, "{} equal, {differing} differing, {left_out} left out", self.equal)?;
        for (index, (reason, records)) in self.left_out.iter().enumerate() {
            write!(f, "{}{} {reason}", if index == 0 { " (" } else { ", " }, records.len())?;
        }
        f.write_str(if self.left_out.is_empty() { "" } else { ")" })?;
        if self.without_feature > 0 {
            write!(f, "; {} files need a feature the crate is built without", self.without_feature)?;
        }
        Ok(())
    }
}

/// Judges a file. `plain` runs it through plain DataFusion with small batches; called only if something differs.
pub fn judge(
    file: &str,
    master: &str,
    suite: &[Step],
    tested: &[Step],
    plain: impl FnOnce() -> super::Result<Vec<Step>>,
) -> super::Result<Tally> {
    let mut tally = Tally { files: 1, ..Tally::default() };
    let mut differing: Vec<(usize, String)> = Vec::new();
    let mut lacking = false;
    if suite.len() != tested.len() {
        return Err(format!("{file}: {} records, here {}", suite.len(), tested.len()).into());
    }
    for (index, (expected, actual)) in suite.iter().zip(tested).enumerate() {
        lacking |= names_missing_file(&expected.sql);
        let (Some(wanted), Some(given)) = (&expected.outcome, &actual.outcome) else {
            tally.leave_out(Reason::Explain, expected);
            continue;
        };
        if *wanted == Outcome::Skipped {
            tally.leave_out(Reason::OtherEngine, expected);
        } else if expected.unexpected.is_some() {
            tally.leave_out(if lacking { Reason::MissingData } else { Reason::NotAsRecorded }, expected);
        } else if let Err(difference) = compare(&expected.sql, wanted, given) {
            match prints_settings(&expected.sql) {
                true => tally.leave_out(Reason::Settings, expected),
                false => differing.push((index, difference)),
            }
        } else {
            tally.equal += 1;
        }
    }
    let plain = if differing.is_empty() { Vec::new() } else { plain()? };
    let mut known: HashSet<&str> = known::of(file, master).map(|known| known.place).collect();
    for (index, difference) in differing {
        let step = &suite[index];
        let itself = plain.get(index).and_then(|plain| plain.outcome.as_ref()).zip(step.outcome.as_ref());
        let timed_out = matches!(&tested[index].outcome, Some(Outcome::Failed(error)) if error.starts_with(TIMED_OUT));
        if known.remove(step.place.as_str()) {
            tally.leave_out(Reason::Known, step);
        } else if !timed_out && itself.is_some_and(|(small, suite)| compare(&step.sql, suite, small).is_err()) {
            tally.leave_out(Reason::Unstable, step);
        } else {
            tally.differing.push(format!(
                "{file} {}: {difference}\n      {}",
                step.place,
                step.sql.replace('\n', "\n      ")
            ));
        }
    }
    tally.differing.extend(known.into_iter().map(|place| format!("{file} {place}: a stale entry of known.rs")));
    Ok(tally)
}

/// Whether a statement names a file that is not there: the suite's data lies beside the crate, not in it.
fn names_missing_file(sql: &str) -> bool {
    let literals = sql.split('\'').skip(1).step_by(2);
    literals.into_iter().any(|path| {
        let outside = path.starts_with("../") || path.starts_with("test_files/tpch/data");
        outside && !std::path::Path::new(path).exists()
    })
}

/// Whether a statement lists settings of the session.
fn prints_settings(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    let mut words = sql.split_whitespace();
    (words.next() == Some("show")
        && words.next().is_some_and(|what| what.starts_with("datafusion.") || what.starts_with("all")))
        || sql.contains("df_settings")
}
