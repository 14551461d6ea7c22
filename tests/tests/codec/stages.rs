//! The stages of a query, planned as a context plans them.

use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionContext;
use dpark_lineage::StageId;
use dpark_plan::cache::CachePlanner;
use dpark_plan::dataset::DatasetPlanner;
use dpark_plan::{JobPlan, lower, session};
use dpark_tests::oracle::{Result, plain, tpch};
use dpark_tests::tpcds;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Partitions of every exchange.
pub(crate) const PARTITIONS: usize = 3;
/// Of TPC-H; small, but with several files and row groups per table.
pub(crate) const SCALE: f64 = 0.01;

/// A session that plans for tasks, without any that could run them.
fn planning() -> SessionContext {
    let mut config = session::config(PARTITIONS);
    // The test files are small; without this none of them would be split.
    config.options_mut().optimizer.repartition_file_min_size = 1;
    SessionContext::new_with_state(session::state_builder(config, Arc::default()).build())
}

/// Where tests keep data.
pub(crate) fn tmp() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The DDL of TPC-H's tables.
pub(crate) fn tpch_tables() -> Result<Vec<String>> {
    let names: Vec<_> = tpch::TABLES.iter().map(|(name, _)| *name).collect();
    Ok(plain::tables(&tpch::data(tmp(), SCALE)?, &names))
}

/// A session with TPC-H's tables.
pub(crate) async fn tpch_session() -> Result<SessionContext> {
    let session = planning();
    for table in tpch_tables()? {
        session.sql(&table).await?.collect().await?;
    }
    Ok(session)
}

/// A session with TPC-DS' tables.
pub(crate) async fn tpcds_session() -> Result<SessionContext> {
    // Trials of one process must not make the data under one name at the same time.
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tpcds::data::folder(tmp()).map_err(|error| error.to_string()));
    let session = planning();
    tpcds::data::register(folder.as_ref().map_err(String::as_str)?, &session).await?;
    Ok(session)
}

/// Plans and cuts a query.
pub(crate) async fn job(session: &SessionContext, sql: &str) -> Result<JobPlan> {
    let (state, plan) = session.sql(sql).await?.into_parts();
    let planner =
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(CachePlanner), Arc::new(DatasetPlanner)]);
    let plan = planner.create_physical_plan(&state.optimize(&plan)?, &state).await?;
    let next = AtomicU64::new(1);
    Ok(lower(plan, &|| StageId(next.fetch_add(1, Ordering::Relaxed)), false)?)
}
