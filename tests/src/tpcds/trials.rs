//! Ten queries × master × partitions per trial.

use super::queries::UNSUPPORTED;
use super::{data, queries};
use crate::suite::compare;
use crate::suite::engine::{self, Answer};
use crate::suite::{Error, Result};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use libtest_mimic::{Failed, Trial};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const PARTITIONS: &str = "datafusion.execution.target_partitions";
/// Queries per trial.
const PER_TRIAL: usize = 10;
/// With many partitions only every so many queries run: that is about scheduling, not about operators.
const MANY_PARTITIONS_STEP: usize = 4;
/// Longer than any query takes by far.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// What plain DataFusion makes of a query.
type Oracle = Result<Answer, String>;

/// The state that the trials share.
pub struct Tpcds {
    runtime: Runtime,
    tmp: PathBuf,
    setup: OnceLock<Result<Setup, String>>,
    /// By query, from 1.
    oracle: Vec<OnceLock<Oracle>>,
}

struct Setup {
    folder: PathBuf,
    texts: Vec<String>,
}

impl Tpcds {
    /// Nothing is made or run yet. `tmp`: where data is kept.
    pub fn new(tmp: PathBuf) -> Result<Arc<Self>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
        let oracle = (0..=queries::COUNT).map(|_| OnceLock::new()).collect();
        Ok(Arc::new(Self { runtime, tmp, setup: OnceLock::new(), oracle }))
    }

    /// `tpcds::local2::p3::q01_q10` and so on.
    pub fn trials(self: &Arc<Self>) -> Vec<Trial> {
        let mut trials = Vec::new();
        for first in (1..=queries::COUNT).step_by(PER_TRIAL) {
            for (partitions, step) in [(3, 1), (16, MANY_PARTITIONS_STEP)] {
                for master in ["local[2]", "process[2]"] {
                    let range = first..=(first + PER_TRIAL - 1).min(queries::COUNT);
                    let short = master.replace(['[', ']'], "");
                    let name = format!("tpcds::{short}::p{partitions}::q{first:02}_q{:02}", range.end());
                    let this = Arc::clone(self);
                    trials.push(Trial::test(name, move || {
                        this.runtime.block_on(this.trial(master, partitions, range, step)).map_err(Failed::from)
                    }));
                }
            }
        }
        trials
    }

    /// Data and texts; made once, by the first trial.
    fn setup(&self) -> Result<&Setup> {
        let make =
            || -> Result<Setup> { Ok(Setup { texts: queries::load(&self.tmp)?, folder: data::folder(&self.tmp)? }) };
        let setup = self.setup.get_or_init(|| make().map_err(|error| error.to_string()));
        setup.as_ref().map_err(|error| Error::from(error.as_str()))
    }

    async fn trial(&self, master: &str, partitions: usize, range: RangeInclusive<usize>, step: usize) -> Result<()> {
        let start = Instant::now();
        let setup = self.setup()?;
        let plain = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(3));
        data::register(&setup.folder, &plain).await?;
        let tested = dpark::Context::builder().master(master).conf(PARTITIONS, partitions.to_string()).build()?;
        data::register(&setup.folder, tested.session()).await?;
        let (mut equal, mut rows, mut empty, mut failures) = (0, 0, 0, Vec::new());
        for query in range.clone().filter(|query| query % step == 0 || step == 1) {
            let text = &setup.texts[query - 1];
            let oracle = match self.oracle[query].get() {
                Some(oracle) => oracle,
                None => {
                    let answer = oracle(&plain, text).await;
                    self.oracle[query].get_or_init(|| answer)
                }
            };
            let mut events = tested.events();
            let answer = ask(&tested, text).await;
            let kept = if master.starts_with("process") { tasks_in_driver(&mut events) } else { 0 };
            match same(query, oracle, &answer) {
                // Every stage survived being encoded and decoded only if every stage was.
                Ok(_) if kept > 0 => failures.push(format!("q{query:02}: {kept} tasks ran in the driver")),
                Ok(count) => {
                    equal += 1;
                    rows += count;
                    empty += usize::from(count == 0);
                }
                Err(difference) => failures.push(format!("q{query:02}: {difference}")),
            }
        }
        tested.stop().await;
        let (first, last, time) = (range.start(), range.end(), start.elapsed());
        println!(
            "{master} p{partitions} q{first:02}-q{last:02}: {equal} equal ({rows} rows, {empty} without any), {} differing [{time:.1?}]",
            failures.len()
        );
        if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
    }
}

/// How many tasks the driver of `process[N]` ran itself, which it does with stages that cannot be encoded.
fn tasks_in_driver(events: &mut tokio::sync::broadcast::Receiver<dpark::EngineEvent>) -> usize {
    let events = std::iter::from_fn(|| events.try_recv().ok());
    events.filter(|event| matches!(event, dpark::EngineEvent::TaskStarted { executor, .. } if executor.0 == 0)).count()
}

/// The answer of plain DataFusion and, under a `LIMIT`, all rows that may be in it.
async fn oracle(context: &SessionContext, text: &str) -> Oracle {
    let frame = context.sql(text).await.map_err(|error| error.to_string())?;
    let unlimited = engine::unlimited(&frame);
    let mut answer = run(frame).await?;
    if let Some(unlimited) = unlimited {
        answer.unlimited = Some(run(unlimited).await?.rows);
    }
    Ok(answer)
}

/// The answer of the engine under test.
async fn ask(context: &dpark::Context, text: &str) -> Oracle {
    let query = async { run(context.sql(text).await.map_err(|error| error.to_string())?).await };
    match tokio::time::timeout(TIME_LIMIT, query).await {
        Ok(answer) => answer,
        Err(_) => {
            context.cancel_all();
            Err(format!("no end within {TIME_LIMIT:?}"))
        }
    }
}

async fn run(frame: DataFrame) -> Oracle {
    engine::answer(frame, false).await.map(|(answer, _)| answer).map_err(|error| error.to_string())
}

/// How many rows both have, or how they differ.
fn same(query: usize, oracle: &Oracle, tested: &Oracle) -> Result<usize, String> {
    let unsupported = UNSUPPORTED.iter().find(|unsupported| unsupported.query == query);
    match (oracle, tested, unsupported) {
        (Ok(_), _, Some(_)) => Err("plain DataFusion runs it now: remove it from UNSUPPORTED".to_owned()),
        (Ok(oracle), Ok(tested), None) => compare::answers(oracle, tested).map(|()| oracle.rows.len()),
        (Ok(_), Err(error), None) => Err(error.clone()),
        (Err(error), _, None) => Err(format!("plain DataFusion fails: {error}")),
        (Err(oracle), Ok(_), Some(_)) => Err(format!("plain DataFusion fails: {oracle}")),
        (Err(oracle), Err(tested), Some(unsupported)) => {
            if !oracle.contains(unsupported.message) {
                return Err(format!("plain DataFusion fails otherwise than recorded: {oracle}"));
            }
            let (oracle, tested) = (compare::message(oracle), compare::message(tested));
            if oracle == tested { Ok(0) } else { Err(format!("error {oracle:?}, here {tested:?}")) }
        }
    }
}
