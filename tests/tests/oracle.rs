//! Every query of TPC-H and of the corpus in `tests/oracle/` answers the same through the lineage as in one process.
//! See [`dpark_tests::oracle`]. A trial is named after its group and mode (`joins::process2::p16::spill`); what fails in
//! it is named exactly (`joins::inner_equal::process2::p16::spill`). `ORACLE_ONLY=inner` narrows a trial down.

use datafusion::prelude::{SessionConfig, SessionContext};
use dpark_tests::oracle::modes::{self, Flavour, Mode};
use dpark_tests::oracle::queries::{self, Check, Queries, Query};
use dpark_tests::oracle::{Result, generated, plain, recorded, spilled, tables, tpch, trial};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;
use std::process::ExitCode;

const DATA: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/oracle");

fn main() -> Result<ExitCode> {
    dpark::init();
    let arguments = Arguments::from_args();
    // Paths in SQL start at the root of the repository.
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    let mut trials = Vec::new();
    for mode in modes::all() {
        trials.push(test(format!("tpch::{}", mode.name()), move || run_tpch(0.01, mode)));
        // The generated queries are many and their tables tiny: nothing there is worth spilling again at every width.
        let generated = if mode.flavour == Flavour::Spill && mode.partitions != 3 { vec![] } else { generated::all() };
        for mut group in queries::corpus()?.into_iter().chain(generated) {
            if mode.flavour == Flavour::SortMerge {
                group.queries.retain(|query| !generated::breaks_sort_merge_join(&query.name));
            }
            trials.push(test(format!("{}::{}", group.name, mode.name()), move || run_corpus(&group, mode)));
        }
    }
    // Ten times the data, where fewer answers are empty.
    for master in modes::MASTERS {
        let mode = Mode { master, partitions: 3, flavour: Flavour::Memory };
        trials.push(test(format!("tpch_sf0_1::{}", mode.name()), move || run_tpch(0.1, mode)));
    }
    for mode in modes::all().into_iter().filter(|mode| mode.flavour == Flavour::Memory && mode.partitions == 3) {
        trials.push(test(format!("quickstart::{}", mode.name()), move || run_quickstart(mode)));
    }
    trials.push(test("sort_merge_join_still_panics_in_one_process".to_owned(), run_sort_merge_join));
    for mode in modes::all().into_iter().filter(|mode| mode.flavour == Flavour::Spill) {
        trials.push(test(format!("spill_happens::{}", mode.name()), move || run_spill_happens(mode)));
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

fn test(name: String, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || run().map_err(|error| Failed::from(error.to_string())))
}

/// See [`generated::breaks_sort_merge_join`].
fn run_sort_merge_join() -> Result<()> {
    let data = tables::data(Path::new(DATA))?;
    let config = SessionConfig::new()
        .with_target_partitions(3)
        .set_bool("datafusion.optimizer.prefer_hash_join", false)
        .set_usize("datafusion.optimizer.repartition_file_min_size", 1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let query = runtime.spawn(async move {
        let session = SessionContext::new_with_config(config);
        for ddl in plain::tables(&data, &["l", "r"]) {
            session.sql(&ddl).await?;
        }
        session.sql(generated::BREAKS_SORT_MERGE_JOIN).await?.collect().await
    });
    match runtime.block_on(query) {
        Err(error) if error.is_panic() => Ok(()),
        other => Err(format!("DataFusion no longer panics, run these queries again: {other:?}").into()),
    }
}

fn run_corpus(group: &Queries, mode: Mode) -> Result<()> {
    let data = tables::data(Path::new(DATA))?;
    trial::run(group, &plain::tables(&data, &tables::TABLES), mode, &|_, _| Ok(()))
}

/// The tour that the README starts with, over the real data.
fn run_quickstart(mode: Mode) -> Result<()> {
    let text = std::fs::read_to_string("sql/examples/quickstart.sql")?;
    let mut group = Queries { name: "quickstart".to_owned(), ..Queries::default() };
    for (number, sql) in queries::statements(&text).into_iter().enumerate() {
        if sql.contains("CREATE OR REPLACE VIEW") {
            group.setup.push(sql);
        } else {
            let check = Check::Rows { empty: Some(false) };
            group.queries.push(Query { name: format!("statement{}", number + 1), sql, check });
        }
    }
    trial::run(&group, &[], mode, &|_, _| Ok(()))
}

/// The spill modes are about spilling, so something must spill.
fn run_spill_happens(mode: Mode) -> Result<()> {
    let data = tables::data(Path::new(DATA))?;
    let group = queries::corpus()?.into_iter().find(|group| group.name == "spill").ok_or("no spill.sql")?;
    spilled::check(&group, &plain::tables(&data, &tables::TABLES), mode, 3)
}

/// The 22 queries, against the oracle and against the recorded answers.
fn run_tpch(scale: f64, mode: Mode) -> Result<()> {
    let data = tpch::data(Path::new(DATA), scale)?;
    let mut group = Queries { name: "tpch".to_owned(), ..Queries::default() };
    for number in 1..=22 {
        let check = Check::Rows { empty: Some(false) };
        group.queries.push(Query { name: format!("q{number:02}"), sql: tpch::query(number, scale)?, check });
    }
    let answers = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("answers/tpch-sf{scale}"));
    let names = tpch::TABLES.map(|(name, _)| name);
    trial::run(&group, &plain::tables(&data, &names), mode, &|query, answer| {
        recorded::check(&answers.join(format!("{}.csv", query.name)), answer)
    })
}
