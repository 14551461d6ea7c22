//! The matrix: masters × partitions × (in memory | spilled), and at 3 partitions other ways to plan the same query.

use super::Result;
use dpark::Context;

/// Both kinds of masters.
pub const MASTERS: [&str; 2] = ["local[2]", "process[2]"];
/// Few, odd, and more than there are rows in many groups.
pub const PARTITIONS: [usize; 3] = [1, 3, 16];

/// For the small machines of a test's cluster.
pub const MESOS: [(&str, &str); 2] = [("task.memory", "256MB"), ("mesos.executor.memory", "128MB")];

/// What is different from the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Nothing: small build sides are broadcast, shuffled batches stay in memory where they can.
    Memory,
    /// Shuffled batches go to files, and a small memory makes sorts and groupings spill.
    Spill,
    /// Hash joins shuffle both sides, however small.
    Partitioned,
    /// Sort-merge joins.
    SortMerge,
    /// Batches of a few rows: every operator sees many.
    SmallBatches,
}

/// One cell of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// `local[2]`, `process[2]`, or a Mesos cluster whose agents have this program.
    pub master: &'static str,
    /// Buckets of a shuffle.
    pub partitions: usize,
    /// The rest.
    pub flavour: Flavour,
}

/// Every cell.
pub fn all() -> Vec<Mode> {
    let mut modes = Vec::new();
    for master in MASTERS {
        let mut add = |partitions, flavour| modes.push(Mode { master, partitions, flavour });
        for partitions in PARTITIONS {
            add(partitions, Flavour::Memory);
            add(partitions, Flavour::Spill);
        }
        add(3, Flavour::Partitioned);
        add(3, Flavour::SortMerge);
        add(3, Flavour::SmallBatches);
    }
    modes
}

impl Mode {
    /// As it stands in names of tests: `process2::p16::spill`.
    pub fn name(&self) -> String {
        let master = if self.master.contains("://") { "mesos".to_owned() } else { self.master.replace(['[', ']'], "") };
        let flavour = match self.flavour {
            Flavour::Memory => "memory",
            Flavour::Spill => "spill",
            Flavour::Partitioned => "partitioned",
            Flavour::SortMerge => "sortmerge",
            Flavour::SmallBatches => "smallbatches",
        };
        format!("{master}::p{}::{flavour}", self.partitions)
    }

    /// Starts a context of this mode.
    pub fn context(&self) -> Result<Context> {
        // The test files are small; without this none of them would be split.
        let mut conf = vec![("datafusion.optimizer.repartition_file_min_size", "1")];
        let program = std::env::current_exe()?.display().to_string();
        if self.master.contains("://") {
            conf.extend(MESOS.iter().copied());
            conf.push(("mesos.executor.path", program.as_str()));
        }
        conf.extend(match self.flavour {
            Flavour::Memory => vec![],
            Flavour::Spill => {
                vec![("shuffle.memory", "false"), ("executor.memory", "64MB"), ("task.memory", "64MB")]
            }
            Flavour::Partitioned => vec![
                ("datafusion.optimizer.hash_join_single_partition_threshold", "0"),
                ("datafusion.optimizer.hash_join_single_partition_threshold_rows", "0"),
            ],
            Flavour::SortMerge => vec![("datafusion.optimizer.prefer_hash_join", "false")],
            Flavour::SmallBatches => vec![("datafusion.execution.batch_size", "37")],
        });
        let builder = Context::builder().master(self.master).conf("shuffle.partitions", self.partitions.to_string());
        Ok(conf.into_iter().fold(builder, |builder, (key, value)| builder.conf(key, value)).build()?)
    }
}
