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
    /// DPark on a Mesos cluster of this machine, an agent with one core for each worker process of `Process`.
    Mesos,
}

impl Engine {
    pub(crate) const ALL: [Engine; 6] =
        [Engine::Datafusion, Engine::DatafusionPushdown, Engine::Duckdb, Engine::Local, Engine::Process, Engine::Mesos];
    /// The better of these two is what DPark is measured against.
    pub(crate) const BASELINES: [Engine; 2] = [Engine::Datafusion, Engine::DatafusionPushdown];
    /// DPark's own.
    pub(crate) const OURS: [Engine; 3] = [Engine::Local, Engine::Process, Engine::Mesos];

    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Datafusion => "datafusion",
            Engine::DatafusionPushdown => "datafusion-pushdown",
            Engine::Duckdb => "duckdb",
            Engine::Local => "local",
            Engine::Process => "process",
            Engine::Mesos => "mesos",
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

/// Memory on Mesos: together what a worker process has on a machine of 24 GB.
const MESOS: [(&str, &str); 2] = [("task.memory", "2500MB"), ("mesos.executor.memory", "3GB")];

/// What an agent must have for one task of that and its executor.
pub(crate) const AGENT: &str = "cpus:1.1;mem:5600;disk:65536";

/// A session with the tables registered.
pub(crate) enum Session {
    /// Plain.
    DataFusion(SessionContext),
    /// Ours.
    Dpark(dpark::Context),
}

impl Session {
    /// Opens a session of `engine` on `partitions` threads or processes.
    pub(crate) async fn open(engine: Engine, partitions: usize, dir: &Path, mesos: Option<&str>) -> Result<Session> {
        let session = match engine {
            Engine::Datafusion => Session::DataFusion(plain(partitions, false)),
            Engine::DatafusionPushdown => Session::DataFusion(plain(partitions, true)),
            Engine::Local | Engine::Process => {
                let builder = dpark::Context::builder().master(format!("{engine}[{partitions}]"));
                // The timed run must not find the exchanges of the uncounted one.
                Session::Dpark(builder.conf("shuffle.keep", "0").build()?)
            }
            Engine::Mesos => {
                let program = std::env::current_exe()?.display().to_string();
                let builder = dpark::Context::builder().master(mesos.ok_or("--mesos is missing")?);
                let builder = builder.conf("shuffle.partitions", partitions.to_string()).conf("shuffle.keep", "0");
                let builder = MESOS.iter().fold(builder, |builder, (key, value)| builder.conf(*key, *value));
                Session::Dpark(builder.conf("mesos.executor.path", program).build()?)
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
