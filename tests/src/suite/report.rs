//! Runs groups of files and keeps the counts: a line per trial, totals and a report file at the end.
//!
//! Trials may run in processes of their own (nextest does that), so each leaves its counts in a file, and whoever ends
//! sums up what is there of the same run:
//!
//! ```text
//! tmp/datafusion_suite-counts/<run>/local2.joins.json   of one trial
//! tmp/datafusion_suite.txt                              of all that have ended
//! ```

use super::Result;
use super::corpus::{Groups, SuiteFile};
use super::pass::{self, Step, Who};
use super::verdict::{Tally, judge};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
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
    /// Where tests keep files.
    tmp: PathBuf,
    /// The counts of this run.
    counts: PathBuf,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Suite {
    /// Nothing has run yet. `tmp`: where counts and the report are kept.
    pub fn new(tmp: &Path) -> Result<Arc<Self>> {
        // More threads than processors: a statement that blocks its thread must not stop the others.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
        // All processes of a run have this number; without nextest there is one process.
        let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
        let counts = tmp.join("datafusion_suite-counts").join(run);
        Ok(Arc::new(Self { runtime, passes: Mutex::default(), tmp: tmp.to_owned(), counts }))
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
        self.keep(group, master, &total, start.elapsed()).map_err(|error| error.to_string())?;
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

    /// Leaves a trial's counts.
    fn keep(&self, group: &str, master: &str, tally: &Tally, time: Duration) -> Result<()> {
        fs::create_dir_all(&self.counts)?;
        let json = json!({
            "master": master,
            "group": group,
            "seconds": time.as_secs_f64(),
            "tally": tally.to_json(),
        });
        // Whoever sums up must not see half of it.
        let name = format!("{}.{group}", master.replace(['[', ']'], ""));
        let half = self.counts.join(format!("{name}.half"));
        fs::write(&half, json.to_string())?;
        Ok(fs::rename(half, self.counts.join(format!("{name}.json")))?)
    }

    /// The counts of all trials of this run that have ended, by master and group.
    fn kept(&self) -> Result<BTreeMap<(String, String), (Tally, Duration)>> {
        let mut tallies = BTreeMap::new();
        for entry in fs::read_dir(&self.counts)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let json: Value = serde_json::from_slice(&fs::read(path)?)?;
            let text = |key: &str| json[key].as_str().map(str::to_owned).ok_or_else(|| format!("no {key}"));
            let time = Duration::from_secs_f64(json["seconds"].as_f64().ok_or("no seconds")?);
            tallies.insert((text("master")?, text("group")?), (Tally::from_json(&json["tally"])?, time));
        }
        Ok(tallies)
    }

    /// Prints the totals per master and writes them with all details to `datafusion_suite.txt`. `trials`: how many
    /// there are in all.
    pub fn finish(&self, trials: usize) -> Result<()> {
        if !self.counts.exists() {
            return Ok(());
        }
        // One after another: the last one then sees all.
        let file = File::create(self.tmp.join("datafusion_suite-counts").join("lock"))?;
        file.lock()?;
        self.forget_other_runs()?;
        let tallies = self.kept()?;
        let mut totals: BTreeMap<&str, (Tally, Duration)> = BTreeMap::new();
        for ((master, _), (tally, time)) in &tallies {
            let total = totals.entry(master).or_default();
            total.0.add(tally);
            total.1 += *time;
        }
        let mut text = format!("{} of {trials} trials have ended\n", tallies.len());
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
        for ((master, group), (tally, time)) in &tallies {
            writeln!(text, "{master} {group}: {tally} [{time:.1?}]")?;
        }
        let report = self.tmp.join("datafusion_suite.txt");
        fs::write(&report, text)?;
        println!("datafusion_suite: {} of {trials} trials, details in {}", tallies.len(), report.display());
        Ok(())
    }

    /// Counts of earlier runs are of another build.
    fn forget_other_runs(&self) -> Result<()> {
        for entry in fs::read_dir(self.tmp.join("datafusion_suite-counts"))? {
            let path = entry?.path();
            if path.is_dir() && path != self.counts {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }
}
