//! TPC-H in worker processes: the rows of the oracle, from stages that were all encoded and decoded.

use super::stages::{PARTITIONS, SCALE, job, tpch_session, tpch_tables};
use dpark::{Context, EngineEvent};
use dpark_tests::oracle::{Result, plain, rows, tpch};
use libtest_mimic::{Failed, Trial};
use std::collections::HashSet;

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("codec::result::tpch", || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(all()).map_err(|error| Failed::from(error.to_string()))
    })]
}

async fn all() -> Result<()> {
    let (oracle, planning) = (plain::session(), tpch_session().await?);
    let tested = Context::builder()
        .master("process[2]")
        .conf("shuffle.partitions", PARTITIONS.to_string())
        .conf("shuffle.keep", "0")
        .conf("datafusion.optimizer.repartition_file_min_size", "1")
        .build()?;
    for table in tpch_tables()? {
        oracle.sql(&table).await?.collect().await?;
        tested.sql(&table).await?.collect().await?;
    }
    let mut failures = vec![];
    for number in 1..=22 {
        let text = tpch::query(number, SCALE)?;
        let stages = job(&planning, &text).await?.unified(&[], &planning.task_ctx()).stages.len();
        let expected = plain::answer(oracle.sql(&text).await?).await?;
        if let Err(error) = one(&tested, &text, stages, &expected).await {
            failures.push(format!("q{number:02}: {error}"));
        }
    }
    tested.stop().await;
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// The rows are right, and every stage ran, as many as were looked at by [`super::display`], none in the driver.
async fn one(tested: &Context, text: &str, stages: usize, expected: &rows::Answer) -> Result<()> {
    let mut events = tested.events();
    rows::equal(expected, &plain::answer(tested.sql(text).await?).await?)?;
    let (mut ran, mut listed) = (HashSet::new(), 0);
    while let Ok(event) = events.try_recv() {
        match event {
            EngineEvent::JobStarted { stages, .. } => listed = stages.len(),
            EngineEvent::TaskStarted { task, executor } if executor.0 == 0 => {
                return Err(format!("{task} ran in the driver").into());
            }
            EngineEvent::TaskFinished { task, .. } => drop(ran.insert(task.stage)),
            _ => {}
        }
    }
    if (ran.len(), listed) != (stages, stages) {
        return Err(format!("{} of {listed} stages ran, expected {stages}", ran.len()).into());
    }
    Ok(())
}
