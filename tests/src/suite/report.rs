//! Runs groups of files and keeps the counts: a line per trial, totals and a report file at the end.

use super::Result;
use super::corpus::{Groups, SuiteFile};
use super::pass::{self, Step, Who};
use super::verdict::{Tally, judge};
use libtest_mimic::{Failed, Trial};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Passes that every master is compared with: each runs once.
#[derive(Default)]
struct Passes {
    /// `Some(None)`: the suite leaves the file out.
    suite: Option<Option<Arc<Vec<Step>>>>,
    plain: Option<Arc<Vec<Step>>>,
}

/// Files of the same name in two folders share a scratch folder, so they run one after another.
type ByStem = HashMap<String, Arc<Mutex<HashMap<String, Passes>>>>;

/// The state that the trials share.
pub struct Suite {
    runtime: Runtime,
    passes: Mutex<ByStem>,
    /// By master and group.
    tallies: Mutex<BTreeMap<(String, String), (Tally, Duration)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Suite {
    /// Nothing has run yet.
    pub fn new() -> Result<Arc<Self>> {
        // More threads than processors: a statement that blocks its thread must not stop the others.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
        Ok(Arc::new(Self { runtime, passes: Mutex::default(), tallies: Mutex::default() }))
    }

    /// One trial per group and master, `datafusion_suite::local2::joins`.
    pub fn trials(self: &Arc<Self>, groups: &Groups, masters: &[&str]) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (group, files) in groups {
            for master in masters {
                let (suite, group, master, files) =
                    (Arc::clone(self), group.clone(), (*master).to_owned(), files.clone());
                let name = format!("datafusion_suite::{}::{group}", master.replace(['[', ']'], ""));
                trials.push(Trial::test(name, move || suite.trial(&group, &master, &files)));
            }
        }
        trials
    }

    /// Runs a group's files and prints the counts.
    fn trial(&self, group: &str, master: &str, files: &[SuiteFile]) -> Result<(), Failed> {
        let start = Instant::now();
        let mut total = Tally::default();
        for file in files {
            let tally = self.file(file, master).unwrap_or_else(|error| Tally {
                differing: vec![format!("{}: {error}", file.name)],
                ..Tally::default()
            });
            total.add(&tally);
        }
        println!("{master} {group}: {total} [{:.1?}]", start.elapsed());
        let differing = total.differing.join("\n    ");
        lock(&self.tallies).insert((master.to_owned(), group.to_owned()), (total, start.elapsed()));
        if differing.is_empty() {
            Ok(())
        } else {
            Err(format!("differs from plain DataFusion:\n    {differing}").into())
        }
    }

    /// Runs one file through a master and, the first time, through plain DataFusion.
    fn file(&self, file: &SuiteFile, master: &str) -> Result<Tally> {
        let of_stem = Arc::clone(lock(&self.passes).entry(file.stem()).or_default());
        let mut of_stem = lock(&of_stem);
        let passes = of_stem.entry(file.name.clone()).or_default();
        let suite = match &passes.suite {
            Some(suite) => suite.clone(),
            None => passes.suite.insert(self.pass(file, Who::Suite)?.map(Arc::new)).clone(),
        };
        let Some(suite) = suite else { return Ok(Tally { without_feature: 1, ..Tally::default() }) };
        let tested = self.pass(file, Who::Master(master.to_owned()))?.ok_or("the suite left the file out")?;
        judge(&file.name, master, &suite, &tested, || {
            if passes.plain.is_none() {
                passes.plain = self.pass(file, Who::Plain)?.map(Arc::new);
            }
            Ok(passes.plain.as_deref().cloned().unwrap_or_default())
        })
    }

    /// One pass, in a task of its own: a panic is an error of this pass.
    fn pass(&self, file: &SuiteFile, who: Who) -> Result<Option<Vec<Step>>> {
        let file = file.clone();
        self.runtime.block_on(async { tokio::spawn(async move { pass::run(&file, &who).await }).await? })
    }

    /// Prints the totals per master and writes them with all details to a file.
    pub fn finish(&self, report: &Path) -> Result<()> {
        let mut totals: BTreeMap<&str, (Tally, Duration)> = BTreeMap::new();
        let tallies = lock(&self.tallies);
        for ((master, _), (tally, time)) in tallies.iter() {
            let total = totals.entry(master).or_default();
            total.0.add(tally);
            total.1 += *time;
        }
        let mut text = String::new();
        for (master, (total, time)) in &totals {
            println!("datafusion_suite {master}: {total} [{time:.1?} of one thread]");
            writeln!(text, "{master}: {total} [{time:.1?}]")?;
            for record in &total.differing {
                writeln!(text, "  differing: {record}")?;
            }
            for (reason, records) in &total.left_out {
                writeln!(text, "  {} {reason}", records.len())?;
                for record in records {
                    writeln!(text, "    {record}")?;
                }
            }
        }
        for ((master, group), (tally, time)) in tallies.iter() {
            writeln!(text, "{master} {group}: {tally} [{time:.1?}]")?;
        }
        std::fs::write(report, text)?;
        println!("datafusion_suite: details in {}", report.display());
        Ok(())
    }
}
