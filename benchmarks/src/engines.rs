//! The engines that are compared, and a session of each that is written in Rust.

use crate::{Result, data};
use arrow::array::RecordBatch;
use clap::ValueEnum;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Engine {
    /// DataFusion at its defaults.
    Datafusion,
    /// DataFusion with Parquet filter pushdown.
    DatafusionPushdown,
    /// DuckDB, through its Python package.
    Duckdb,
    /// DPark in threads.
    Local,
    /// DPark in worker processes.
    Process,
}

impl Engine {
    pub(crate) const ALL: [Engine; 5] =
        [Engine::Datafusion, Engine::DatafusionPushdown, Engine::Duckdb, Engine::Local, Engine::Process];
    /// The better of these two is what DPark is measured against.
    pub(crate) const BASELINES: [Engine; 2] = [Engine::Datafusion, Engine::DatafusionPushdown];
    /// DPark's own.
    pub(crate) const OURS: [Engine; 2] = [Engine::Local, Engine::Process];

    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Datafusion => "datafusion",
            Engine::DatafusionPushdown => "datafusion-pushdown",
            Engine::Duckdb => "duckdb",
            Engine::Local => "local",
            Engine::Process => "process",
        }
    }

    /// For a column's head.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Engine::DatafusionPushdown => "df-pushdown",
            other => other.name(),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A session with the tables registered.
pub(crate) enum Session {
    /// Plain.
    DataFusion(SessionContext),
    /// Ours.
    Dpark(dpark::Context),
}

impl Session {
    /// Opens a session of `engine` on `partitions` threads or processes.
    pub(crate) async fn open(engine: Engine, partitions: usize, dir: &Path) -> Result<Session> {
        let session = match engine {
            Engine::Datafusion => Session::DataFusion(plain(partitions, false)),
            Engine::DatafusionPushdown => Session::DataFusion(plain(partitions, true)),
            Engine::Local | Engine::Process => {
                let builder = dpark::Context::builder().master(format!("{engine}[{partitions}]"));
                // The timed run must not find the exchanges of the uncounted one.
                Session::Dpark(builder.conf("shuffle.keep", "0").build()?)
            }
            Engine::Duckdb => return Err("DuckDB runs in benchmarks/duckdb_run.py".into()),
        };
        for (table, _) in data::TABLES {
            let path = data::file(dir, table);
            let path = path.to_str().ok_or("the data directory's name is not text")?;
            session.context().register_parquet(table, path, ParquetReadOptions::default()).await?;
        }
        Ok(session)
    }

    fn context(&self) -> &SessionContext {
        match self {
            Session::DataFusion(context) => context,
            Session::Dpark(context) => context.session(),
        }
    }

    /// All rows of a query.
    pub(crate) async fn collect(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let rows = match self {
            Session::DataFusion(context) => context.sql(sql).await?,
            Session::Dpark(context) => context.sql(sql).await?,
        };
        Ok(rows.collect().await?)
    }

    /// Stops what runs.
    pub(crate) async fn close(self) {
        if let Session::Dpark(context) = self {
            context.stop().await;
        }
    }
}

fn plain(partitions: usize, pushdown: bool) -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(partitions);
    config.options_mut().execution.parquet.pushdown_filters = pushdown;
    SessionContext::new_with_config(config)
}
