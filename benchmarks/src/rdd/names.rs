//! The tasks, and the engines that do them.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    /// How often each word of 1 GB of text occurs.
    Words,
    /// 10 M records of 100 bytes in the order of their keys.
    Sort,
    /// 10 M pairs with 1 M pairs of the same keys.
    Join,
    /// 10 M pairs as 10,000 groups, then the length and the sum of each.
    Group,
    /// 10 rounds of k-means, 2 M points of 10 dimensions, 10 centres.
    Kmeans,
    /// 10 rounds of PageRank, 1 M vertices, 10 M edges.
    Pagerank,
    /// The same for ids that are indexes, which allows arrays.
    PagerankArrays,
}

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Engine {
    /// A plain program for the task, on one thread: what parallelism has to earn back.
    Single,
    /// DPark's RDDs in threads.
    Local,
    /// DPark's RDDs in worker processes.
    Process,
    /// DPark's SQL in threads.
    LocalDataframe,
    /// DPark's SQL in worker processes.
    ProcessDataframe,
    /// PySpark's RDDs.
    SparkRdd,
    /// PySpark's data frames.
    SparkDataframe,
}

/// How a task is written for an engine that has two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// Closures over rows.
    Rdd,
    /// SQL and DataFrames.
    Dataframe,
}

impl Task {
    /// As on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Task::Words => "words",
            Task::Sort => "sort",
            Task::Join => "join",
            Task::Group => "group",
            Task::Kmeans => "kmeans",
            Task::Pagerank => "pagerank",
            Task::PagerankArrays => "pagerank-arrays",
        }
    }
}

impl Engine {
    /// As on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Engine::Single => "single",
            Engine::Local => "local",
            Engine::Process => "process",
            Engine::LocalDataframe => "local-dataframe",
            Engine::ProcessDataframe => "process-dataframe",
            Engine::SparkRdd => "spark-rdd",
            Engine::SparkDataframe => "spark-dataframe",
        }
    }

    /// What `rdd_spark.py` calls it; None of what runs in this program.
    pub(super) fn spark_api(self) -> Option<&'static str> {
        match self {
            Engine::SparkRdd => Some("rdd"),
            Engine::SparkDataframe => Some("dataframe"),
            _ => None,
        }
    }

    /// How tasks are written for DPark; None of other engines.
    pub(super) fn own_api(self) -> Option<Api> {
        match self {
            Engine::Local | Engine::Process => Some(Api::Rdd),
            Engine::LocalDataframe | Engine::ProcessDataframe => Some(Api::Dataframe),
            Engine::Single | Engine::SparkRdd | Engine::SparkDataframe => None,
        }
    }

    /// Where DPark runs as this engine.
    pub(super) fn master(self, threads: usize) -> String {
        match self {
            Engine::Process | Engine::ProcessDataframe => format!("process[{threads}]"),
            _ => format!("local[{threads}]"),
        }
    }

    /// Whether the task is written for the engine: not all are natural in DPark's SQL, nor arrays in Python.
    pub(super) fn does(self, task: Task) -> bool {
        match self.own_api() {
            Some(Api::Dataframe) => matches!(task, Task::Words | Task::Join | Task::Group),
            _ => self.spark_api().is_none() || task != Task::PagerankArrays,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
