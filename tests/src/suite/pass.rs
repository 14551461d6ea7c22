//! One file through one engine: a list of steps.

use super::Result;
use super::corpus::SuiteFile;
use super::engine::{Engine, Outcome, Session};
use super::{mirror, ranges};
use datafusion_sqllogictest::{
    DFColumnType, TestContext, df_value_validator, is_spark_path, setup_scratch_dir, value_normalizer,
};
use sqllogictest::{Location, Record, Runner, strict_column_validator};
use std::path::Path;

/// Who runs the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Plain DataFusion with the suite's settings, held to the suite's recorded answers.
    Suite,
    /// Plain DataFusion with small batches.
    Plain,
    /// A master, with small batches.
    Master(String),
}

/// A statement or query and what became of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// `file:line`, the file that the record stands in.
    pub place: String,
    /// The SQL text.
    pub sql: String,
    /// `None`: not run, because it explains a plan.
    pub outcome: Option<Outcome>,
    /// Why the outcome is not the one that the suite records. Only [`Who::Suite`] is held to it.
    pub unexpected: Option<String>,
}

/// Rows per batch for the engine under test: small, so that every exchange sees several batches.
const SMALL_BATCH: (&str, &str) = ("datafusion.execution.batch_size", "100");

/// Runs the file. `None`: the suite leaves the file out itself, because it was built without the feature for it.
pub async fn run(file: &SuiteFile, who: &Who) -> Result<Option<Vec<Step>>> {
    let name = Path::new(&file.name);
    let Some(test_context) = TestContext::try_new_for_test_file(ranges::name_for_context(name)).await else {
        return Ok(None);
    };
    ranges::register(name, test_context.session_ctx())?;
    setup_scratch_dir(name)?;
    let (session, context) = session(&test_context, who)?;
    let steps = steps(file, Engine::new(session, is_spark_path(name)), *who == Who::Suite).await;
    if let Some(context) = context {
        context.stop().await;
    }
    steps.map(Some)
}

/// The session of one engine for one file.
fn session(test_context: &TestContext, who: &Who) -> Result<(Session, Option<dpark::Context>)> {
    let theirs = test_context.session_ctx();
    let Who::Master(master) = who else {
        if *who == Who::Plain {
            theirs.state_ref().write().config_mut().options_mut().set(SMALL_BATCH.0, SMALL_BATCH.1)?;
        }
        return Ok((Session::Plain(theirs.clone()), None));
    };
    let mut options = mirror::options(theirs);
    options.push((SMALL_BATCH.0.to_owned(), SMALL_BATCH.1.to_owned()));
    let mut builder = dpark::Context::builder().master(master.as_str());
    for (key, value) in &options {
        builder = builder.conf(key, value);
    }
    let context = builder.build()?;
    mirror::mirror(theirs, context.session(), &options)?;
    Ok((Session::Dpark(context.clone()), Some(context)))
}

/// Every record of the file, one after another.
async fn steps(file: &SuiteFile, engine: Engine, check: bool) -> Result<Vec<Step>> {
    let connect = engine.clone();
    let mut runner = Runner::new(|| async { Ok(connect.clone()) });
    runner.add_label("Datafusion");
    runner.with_column_validator(strict_column_validator);
    runner.with_normalizer(value_normalizer);
    runner.with_validator(df_value_validator);
    let mut steps = Vec::new();
    for record in file.records()? {
        if let Record::Halt { .. } = record {
            break;
        }
        let Some((place, sql)) = statement(&record) else {
            if let Record::System { loc, .. } | Record::Let { loc, .. } = &record {
                return Err(format!("{loc}: this kind of record is not supported").into());
            }
            runner.apply_record(record).await;
            continue;
        };
        let mut step = Step { place, sql, outcome: None, unexpected: None };
        if !explains(&step.sql) {
            let unexpected = match check {
                true => runner.run_async(record).await.err().map(|error| error.to_string()),
                false => {
                    runner.apply_record(record).await;
                    None
                }
            };
            step.outcome = Some(engine.take_last());
            step.unexpected = unexpected;
        }
        steps.push(step);
    }
    Ok(steps)
}

/// Place and text of a record that runs SQL.
fn statement(record: &Record<DFColumnType>) -> Option<(String, String)> {
    match record {
        Record::Statement { loc, sql, .. } | Record::Query { loc, sql, .. } => Some((place(loc), sql.clone())),
        _ => None,
    }
}

/// `spark/math/abs.slt:12`, without the folder that the suite lies in.
fn place(loc: &Location) -> String {
    let file = loc.file().rsplit_once("test_files/").map_or(loc.file(), |(_, name)| name);
    format!("{file}:{}", loc.line())
}

/// Whether a statement prints a plan.
fn explains(sql: &str) -> bool {
    let code = sql.lines().find(|line| !line.trim_start().starts_with("--") && !line.trim().is_empty());
    code.is_some_and(|line| line.trim_start().get(..7).is_some_and(|start| start.eq_ignore_ascii_case("explain")))
}
