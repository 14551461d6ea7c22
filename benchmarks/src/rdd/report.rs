//! What is printed and saved of an RDD run.

use super::answer::Answer;
use super::names::{Engine, Task};
use super::one::Measured;
use crate::machine::Machine;
use crate::stats::median;
use crate::{Result, memory};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What the others are measured against.
const BASELINE: Engine = Engine::Single;

/// One engine's runs of one task.
#[derive(Default, Serialize)]
pub(super) struct Outcome {
    median_seconds: Option<f64>,
    seconds: Vec<f64>,
    startup_seconds: Vec<f64>,
    /// The largest of all rounds; processes added up.
    peak_rss_mb: f64,
    answer: Option<Answer>,
    /// None when it worked.
    pub(super) error: Option<String>,
}

impl Outcome {
    /// Adds a round.
    pub(super) fn add(&mut self, measured: Measured) {
        let milliseconds = |seconds: f64| (seconds * 1e3).round() / 1e3;
        self.seconds.push(milliseconds(measured.seconds));
        self.startup_seconds.push(milliseconds(measured.startup_seconds));
        self.median_seconds = median(&self.seconds);
        let peak = measured.peak_rss.iter().sum::<u64>() as f64 / memory::MB;
        self.peak_rss_mb = self.peak_rss_mb.max(peak.round());
        if self.answer.as_ref().is_some_and(|before| !before.agrees(&measured.answer)) {
            self.error = Some("answers of two rounds differ".into());
        }
        self.answer.get_or_insert(measured.answer);
    }

    fn time(&self) -> Option<f64> {
        self.median_seconds.filter(|_| self.error.is_none())
    }
}

/// One task in all engines.
#[derive(Serialize)]
pub(super) struct TaskReport {
    task: Task,
    /// Times over that of the plain program.
    ratios: BTreeMap<Engine, f64>,
    /// Engines whose answer is not that of the plain program; of the first engine, if that did not run.
    differing: Vec<Engine>,
    engines: BTreeMap<Engine, Outcome>,
}

impl TaskReport {
    pub(super) fn new(task: Task, engines: BTreeMap<Engine, Outcome>) -> TaskReport {
        let base = engines.get(&BASELINE).and_then(Outcome::time);
        let ratios = engines.iter().filter_map(|(e, outcome)| Some((*e, outcome.time()? / base?))).collect();
        // The baseline is the first in order.
        let mut answers = engines.iter().filter_map(|(e, outcome)| Some((*e, outcome.answer.as_ref()?)));
        let differing = match answers.next() {
            Some((_, agreed)) => answers.filter(|(_, other)| !agreed.agrees(other)).map(|(e, _)| e).collect(),
            None => vec![],
        };
        TaskReport { task, ratios, differing, engines }
    }

    fn is_clean(&self) -> bool {
        self.differing.is_empty() && self.engines.values().all(|outcome| outcome.error.is_none())
    }
}

/// A whole run.
#[derive(Serialize)]
pub(super) struct Report {
    machine: Machine,
    scale: f64,
    threads: usize,
    rounds: usize,
    /// In the order in which they take turns.
    pub(super) engines: Vec<Engine>,
    skipped: BTreeMap<Engine, String>,
    tasks: Vec<TaskReport>,
}

impl Report {
    pub(super) fn new(
        machine: Machine,
        scale: f64,
        threads: usize,
        rounds: usize,
        mut engines: Vec<Engine>,
        skipped: BTreeMap<Engine, String>,
    ) -> Report {
        engines.sort();
        engines.dedup();
        Report { machine, scale, threads, rounds, engines, skipped, tasks: vec![] }
    }

    /// The machine and the table's head.
    pub(super) fn print_head(&self) {
        println!("{}", self.machine.line());
        println!(
            "RDD tasks at scale {} · {} threads · medians of {} interleaved runs, each in a process of its own",
            self.scale, self.threads, self.rounds
        );
        println!("seconds; ratios to the plain program on one thread; peak memory in MB\n");
        println!("{:8}  {:18}{:>9}{:>9}{:>9}", "task", "engine", "seconds", "ratio", "MB");
    }

    /// Adds a task and prints its lines.
    pub(super) fn add(&mut self, report: TaskReport) {
        for (engine, outcome) in &report.engines {
            let seconds = cell(outcome.time(), 2, "FAILED");
            let ratio = cell(report.ratios.get(engine).copied(), 2, "-");
            let peak = cell(Some(outcome.peak_rss_mb).filter(|peak| *peak > 0.0), 0, "-");
            let differs = if report.differing.contains(engine) { "  ANSWER DIFFERS" } else { "" };
            println!("{:8}  {:18}{seconds}{ratio}{peak}{differs}", report.task.name(), engine.name());
        }
        if !report.differing.is_empty() {
            eprintln!("DIFFERENT ANSWER: {} in {:?}", report.task, report.differing);
            for (engine, outcome) in &report.engines {
                eprintln!("    {engine}: {:?}", outcome.answer);
            }
        }
        self.tasks.push(report);
    }

    /// The last lines.
    pub(super) fn print_end(&self) {
        for report in self.tasks.iter().filter(|report| !report.is_clean()) {
            for (engine, error) in report.engines.iter().filter_map(|(e, o)| Some((e, o.error.as_ref()?))) {
                println!("FAILED {} {engine}: {error}", report.task);
            }
            if !report.differing.is_empty() {
                println!("DIFFERENT ANSWER {}: {:?}", report.task, report.differing);
            }
        }
        for (engine, reason) in &self.skipped {
            println!("SKIPPED {engine}: {reason}");
        }
    }

    /// No failure, no difference.
    pub(super) fn is_clean(&self) -> bool {
        self.tasks.iter().all(TaskReport::is_clean)
    }

    /// Writes all of it as JSON.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            std::fs::create_dir_all(dir)?;
        }
        Ok(std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")?)
    }
}

fn cell(value: Option<f64>, digits: usize, missing: &str) -> String {
    value.map_or_else(|| format!("{missing:>9}"), |value| format!("{value:>9.digits$}"))
}
