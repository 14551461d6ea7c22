//! Parts measured alone: what one core does per second.
//!
//! Rates of data are per second of processor time of the one thread that works, so they mean "per core" and hold on a
//! machine that is busy with other things. Bytes are those of the arrays before any encoding, so that lines compare.

mod clock;
mod copy;
mod repartition;
mod scheduler;
mod shuffle;
mod startup;

use crate::machine::Machine;
use crate::{Result, data};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::Partitioning;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many partitions rows are dealt to.
    #[arg(long, default_value_t = 8)]
    buckets: usize,
    /// How often the input, 600,000 rows of lineitem, is gone through: the map tasks of the shuffle.
    #[arg(long, default_value_t = 8)]
    passes: usize,
    /// Where the shuffle's disk tier writes.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Writes the results as JSON.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// The same rows for everything that moves rows.
struct Input {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    buckets: usize,
    passes: usize,
}

impl Input {
    fn new(args: &Args) -> Result<Input> {
        let batches = data::lineitem(0.1)?;
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let bytes = batches.iter().flat_map(RecordBatch::columns).map(|column| bytes(column.as_ref())).sum();
        Ok(Input { batches, rows, bytes, buckets: args.buckets.max(1), passes: args.passes.max(1) })
    }

    /// By the hash of `l_orderkey`, as a join or an aggregate would.
    fn partitioning(&self) -> Partitioning {
        Partitioning::Hash(vec![Arc::new(Column::new("l_orderkey", 0))], self.buckets)
    }

    /// What `seconds` for all passes come to.
    fn rate(&self, name: impl Into<String>, seconds: f64) -> Figure {
        let rows = (self.rows * self.passes) as f64;
        let bytes = (self.bytes * self.passes) as f64;
        Figure { name: name.into(), value: bytes / seconds / 1e9, unit: "GB/s", rows: Some(rows / seconds / 1e6) }
    }
}

fn bytes(column: &dyn Array) -> usize {
    match column.data_type() {
        DataType::Utf8View => column.len() * 16 + column.as_string_view().total_buffer_bytes_used(),
        kind => column.len() * kind.primitive_width().unwrap_or(0),
    }
}

/// One line of the result.
#[derive(Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// Million rows per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<f64>,
}

impl Figure {
    fn print(self, all: &mut Vec<Figure>) {
        let rows = self.rows.map_or(String::new(), |rows| format!("{rows:10.2} Mrow/s"));
        println!("{:44}{:12.3} {:12}{rows}", self.name, self.value, self.unit);
        all.push(self);
    }
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    buckets: usize,
    passes: usize,
    figures: Vec<Figure>,
}

/// Runs all of them.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let machine = Machine::here("duckdb", None);
    println!("{}\n", machine.line());
    let mut figures = Vec::new();
    copy::measure()?.print(&mut figures);
    let input = Input::new(args)?;
    println!(
        "{} rows of lineitem, {} MB, {} times to {} partitions",
        input.rows,
        input.bytes / 1_000_000,
        input.passes,
        input.buckets
    );
    repartition::measure(&input)?.print(&mut figures);
    let dir = args.dir.clone().unwrap_or_else(|| std::env::temp_dir().join("dpark-benchmarks"));
    for tier in shuffle::TIERS {
        for figure in shuffle::measure(&input, &dir, tier)? {
            figure.print(&mut figures);
        }
    }
    for tasks in [1_000, 10_000, 100_000] {
        scheduler::measure(tasks).print(&mut figures);
    }
    startup::measure(&mut figures)?;
    if let Some(out) = &args.out {
        let report = Report { machine, buckets: input.buckets, passes: input.passes, figures };
        std::fs::write(out, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(true)
}
