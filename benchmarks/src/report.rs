//! What is printed and saved of a TPC-H run.

use crate::answer::Answer;
use crate::engines::Engine;
use crate::machine::Machine;
use crate::run_one::Measured;
use crate::stats::{geometric_mean, median};
use crate::{Result, memory};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One engine's runs of one query.
#[derive(Default, Serialize)]
pub(crate) struct Outcome {
    median_ms: Option<f64>,
    times_ms: Vec<f64>,
    first_ms: Vec<f64>,
    startup_ms: Vec<f64>,
    /// The largest of all rounds; workers added up.
    peak_rss_mb: f64,
    answer: Option<Answer>,
    /// None when it worked.
    pub(crate) error: Option<String>,
}

impl Outcome {
    /// Adds a round.
    pub(crate) fn add(&mut self, measured: Measured) {
        self.times_ms.extend(measured.times_ms);
        self.first_ms.push(measured.first_ms);
        self.startup_ms.push(measured.startup_ms);
        self.median_ms = median(&self.times_ms);
        let peak = measured.peak_rss.iter().sum::<u64>() as f64 / memory::MB;
        self.peak_rss_mb = self.peak_rss_mb.max(peak.round());
        if self.answer.as_ref().is_some_and(|before| !before.agrees(&measured.answer)) {
            self.error = Some("answers of two rounds differ".into());
        }
        self.answer.get_or_insert(measured.answer);
    }

    fn time(&self) -> Option<f64> {
        self.median_ms.filter(|_| self.error.is_none())
    }
}

/// One query in all engines.
#[derive(Serialize)]
pub(crate) struct QueryReport {
    query: usize,
    /// Times over that of the faster DataFusion.
    ratios: BTreeMap<Engine, f64>,
    /// Engines whose answer is not that of the most.
    differing: Vec<Engine>,
    engines: BTreeMap<Engine, Outcome>,
}

impl QueryReport {
    pub(crate) fn new(query: usize, engines: BTreeMap<Engine, Outcome>) -> QueryReport {
        let time = |engine: &Engine| engines.get(engine).and_then(Outcome::time);
        let best = Engine::BASELINES.iter().filter_map(time).min_by(f64::total_cmp);
        let ratios = Engine::OURS.iter().filter_map(|engine| Some((*engine, time(engine)? / best?))).collect();
        let answers: Vec<_> = engines.iter().filter_map(|(e, outcome)| Some((*e, outcome.answer.as_ref()?))).collect();
        let friends = |answer: &Answer| answers.iter().filter(|(_, other)| answer.agrees(other)).count();
        let agreed = answers.iter().max_by_key(|(_, answer)| friends(answer)).map(|(_, answer)| *answer);
        let differing =
            answers.iter().filter(|(_, answer)| agreed.is_some_and(|a| !a.agrees(answer))).map(|(e, _)| *e).collect();
        QueryReport { query, ratios, differing, engines }
    }

    fn time(&self, engine: Engine) -> Option<f64> {
        self.engines.get(&engine).and_then(Outcome::time)
    }

    fn is_clean(&self) -> bool {
        self.differing.is_empty() && self.engines.values().all(|outcome| outcome.error.is_none())
    }
}

/// Sums over the queries that every engine answered.
#[derive(Serialize)]
struct Totals {
    queries: usize,
    total_ms: BTreeMap<Engine, f64>,
    /// Total over that of the faster DataFusion.
    ratios: BTreeMap<Engine, f64>,
    /// Over the ratios of the queries.
    geometric_mean: BTreeMap<Engine, f64>,
    /// The largest of all queries.
    peak_rss_mb: BTreeMap<Engine, f64>,
}

/// A whole run.
#[derive(Serialize)]
pub(crate) struct Report {
    machine: Machine,
    scale: f64,
    partitions: usize,
    rounds: usize,
    /// In the order in which they take turns.
    pub(crate) engines: Vec<Engine>,
    skipped: BTreeMap<Engine, String>,
    totals: Option<Totals>,
    queries: Vec<QueryReport>,
}

impl Report {
    pub(crate) fn new(
        machine: Machine,
        scale: f64,
        partitions: usize,
        rounds: usize,
        mut engines: Vec<Engine>,
        skipped: BTreeMap<Engine, String>,
    ) -> Report {
        engines.sort();
        engines.dedup();
        Report { machine, scale, partitions, rounds, engines, skipped, totals: None, queries: vec![] }
    }

    /// The machine and the table's head.
    pub(crate) fn print_head(&self) {
        println!("{}", self.machine.line());
        println!(
            "TPC-H scale {} · {} threads or processes · medians of {} interleaved runs, each in a process of its own after \
             one that is not counted",
            self.scale, self.partitions, self.rounds
        );
        println!("milliseconds; ratios to the faster DataFusion; peak memory in MB\n");
        let heads = self.engines.iter().map(|engine| format!("{:>12}", engine.short()));
        let peaks = self.engines.iter().map(|engine| format!("{:>12}", engine.short()));
        println!(
            "query{} | local/df  proc/df mesos/df |  rows answers | MB{}",
            heads.collect::<String>(),
            peaks.collect::<String>()
        );
    }

    /// Adds a query and prints its line.
    pub(crate) fn add(&mut self, report: QueryReport) {
        let times = self.engines.iter().map(|engine| cell(report.time(*engine), 12, 1, "FAILED"));
        let ratios = Engine::OURS.iter().map(|engine| cell(report.ratios.get(engine).copied(), 9, 2, "-"));
        let outcomes = || self.engines.iter().filter_map(|engine| report.engines.get(engine));
        let rows = outcomes().find_map(|outcome| outcome.answer.as_ref()).map(|answer| answer.rows as f64);
        let peaks = outcomes().map(|outcome| cell(Some(outcome.peak_rss_mb), 12, 0, "-"));
        let same = if report.differing.is_empty() { "equal" } else { "DIFFER" };
        println!(
            "q{:02}  {} |{} | {} {same:>7} |   {}",
            report.query,
            times.collect::<String>(),
            ratios.collect::<String>(),
            cell(rows, 5, 0, "-"),
            peaks.collect::<String>()
        );
        if !report.differing.is_empty() {
            eprintln!("DIFFERENT ANSWER: q{:02} in {:?}", report.query, report.differing);
            for (engine, outcome) in &report.engines {
                eprintln!("    {engine}: {:?}", outcome.answer);
            }
        }
        self.queries.push(report);
        self.totals = self.totals();
    }

    fn totals(&self) -> Option<Totals> {
        let common: Vec<_> =
            self.queries.iter().filter(|query| self.engines.iter().all(|e| query.time(*e).is_some())).collect();
        let each = |value: &dyn Fn(Engine) -> Option<f64>| {
            self.engines.iter().filter_map(|engine| Some((*engine, value(*engine)?))).collect::<BTreeMap<_, _>>()
        };
        let total_ms = each(&|engine| common.iter().map(|query| query.time(engine)).sum());
        let best = Engine::BASELINES.iter().filter_map(|engine| total_ms.get(engine)).copied().min_by(f64::total_cmp);
        let ratios = each(&|engine| Some(total_ms.get(&engine)? / best?));
        let geometric_mean = each(&|engine| {
            let ratios: Vec<f64> = common.iter().filter_map(|query| query.ratios.get(&engine).copied()).collect();
            geometric_mean(&ratios)
        });
        let peak = |engine| self.queries.iter().filter_map(move |q| Some(q.engines.get(&engine)?.peak_rss_mb));
        let peak_rss_mb = each(&|engine| peak(engine).max_by(f64::total_cmp));
        (!common.is_empty()).then_some(Totals { queries: common.len(), total_ms, ratios, geometric_mean, peak_rss_mb })
    }

    /// The last lines.
    pub(crate) fn print_totals(&self) {
        let Some(totals) = &self.totals else {
            eprintln!("no query was answered by every engine: no totals");
            return;
        };
        println!("\nover the {} queries that every engine answered:", totals.queries);
        let line = |name: &str, values: &BTreeMap<Engine, f64>, digits: usize| {
            let values = self.engines.iter().map(|engine| cell(values.get(engine).copied(), 12, digits, "-"));
            println!("{name:28}{}", values.collect::<String>());
        };
        println!("{:28}{}", "", self.engines.iter().map(|e| format!("{:>12}", e.short())).collect::<String>());
        line("total ms", &totals.total_ms, 0);
        line("total / faster DataFusion", &totals.ratios, 2);
        line("geometric mean of ratios", &totals.geometric_mean, 2);
        line("largest peak MB", &totals.peak_rss_mb, 0);
        for query in self.queries.iter().filter(|query| !query.is_clean()) {
            for (engine, error) in query.engines.iter().filter_map(|(e, o)| Some((e, o.error.as_ref()?))) {
                println!("FAILED q{:02} {engine}: {error}", query.query);
            }
            if !query.differing.is_empty() {
                println!("DIFFERENT ANSWER q{:02}: {:?}", query.query, query.differing);
            }
        }
        for (engine, reason) in &self.skipped {
            println!("SKIPPED {engine}: {reason}");
        }
    }

    /// No failure, no difference.
    pub(crate) fn is_clean(&self) -> bool {
        self.queries.iter().all(QueryReport::is_clean)
    }

    /// Writes all of it as JSON.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            std::fs::create_dir_all(dir)?;
        }
        Ok(std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")?)
    }
}

fn cell(value: Option<f64>, width: usize, digits: usize, missing: &str) -> String {
    value.map_or_else(|| format!("{missing:>width$}"), |value| format!("{value:>width$.digits$}"))
}
