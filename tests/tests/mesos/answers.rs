//! Queries on three agents answer like one process.

use crate::fixture::{on_this, trial};
use datafusion_sqllogictest::{df_value_validator, value_normalizer};
use dpark_test_cluster::{Cluster, Options};
use dpark_tests::oracle::modes::{Flavour, Mode};
use dpark_tests::oracle::queries::{self, Check, Queries, Query};
use dpark_tests::oracle::{self, plain, recorded, tables, tpch};
use dpark_tests::suite::engine::{Engine, Session};
use libtest_mimic::{Failed, Trial};
use sqllogictest::{Runner, strict_column_validator};
use std::path::{Path, PathBuf};

const DATA: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/oracle");

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![];
    for (partitions, flavour) in [(3, Flavour::Memory), (3, Flavour::Spill), (16, Flavour::Memory)] {
        let name = format!("tpch::p{partitions}::{}", format!("{flavour:?}").to_lowercase());
        trials.push(trial(&name, move || on_agents(partitions, flavour, run_tpch)));
    }
    for group in queries::corpus().unwrap() {
        let name = format!("oracle::{}", group.name);
        trials.push(trial(&name, move || on_agents(3, Flavour::Memory, |mode| run_corpus(&group, mode))));
    }
    let mut files: Vec<PathBuf> =
        std::fs::read_dir("tests/sqllogictest").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    for file in files {
        let name = format!("slt::{}", file.file_stem().unwrap().to_string_lossy());
        trials.push(trial(&name, move || run_slt(file)));
    }
    trials
}

fn on_agents(partitions: usize, flavour: Flavour, run: impl FnOnce(Mode) -> oracle::Result<()>) -> Result<(), Failed> {
    let cluster = Cluster::start(Options::default())?;
    // A mode lives as long as the program, which runs one trial.
    let master = Box::leak(cluster.masters().into_boxed_str());
    run(Mode { master, partitions, flavour }).map_err(|error| Failed::from(error.to_string()))?;
    cluster.close()?;
    Ok(())
}

fn run_corpus(group: &Queries, mode: Mode) -> oracle::Result<()> {
    let data = tables::data(Path::new(DATA))?;
    oracle::trial::run(group, &plain::tables(&data, &tables::TABLES), mode, &|_, _| Ok(()))
}

/// The 22 queries, against the oracle and against the recorded answers.
fn run_tpch(mode: Mode) -> oracle::Result<()> {
    let scale = 0.01;
    let data = tpch::data(Path::new(DATA), scale)?;
    let mut group = Queries { name: "tpch".to_owned(), ..Queries::default() };
    for number in 1..=22 {
        let check = Check::Rows { empty: Some(false) };
        group.queries.push(Query { name: format!("q{number:02}"), sql: tpch::query(number, scale)?, check });
    }
    let answers = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("answers/tpch-sf{scale}"));
    let names = tpch::TABLES.map(|(name, _)| name);
    oracle::trial::run(&group, &plain::tables(&data, &names), mode, &|query, answer| {
        recorded::check(&answers.join(format!("{}.csv", query.name)), answer)
    })
}

fn run_slt(path: PathBuf) -> Result<(), Failed> {
    let cluster = Cluster::start(Options::default())?;
    let conf = [("datafusion.optimizer.repartition_file_min_size", "1")];
    on_this(&cluster, &cluster.masters(), &conf, async |ctx| {
        let engine = Engine::new(Session::Dpark(ctx.clone()), false);
        let mut runner = Runner::new(move || {
            let engine = engine.clone();
            async move { Ok(engine) }
        });
        runner.with_column_validator(strict_column_validator);
        runner.with_normalizer(value_normalizer);
        runner.with_validator(df_value_validator);
        runner.run_file_async(&path).await.map_err(|error| Failed::from(error.display(false).to_string()))
    })?;
    cluster.close()?;
    Ok(())
}
