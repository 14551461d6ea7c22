//! What data sets of closures mean: each operation beside a plain Rust computation over the same rows, in threads, in
//! worker processes and on a Mesos cluster, with few, odd and many partitions, in memory and spilled.
//!
//! `docs/semantics.md` names a trial for each line; the names there are those of the table below, without the mode.
//!
//! | room | what is tried there |
//! |---|---|
//! | `fixture` | modes, data, comparisons |
//! | `sources`, `narrow`, `partitions` | rows in, row by row, partition by partition |
//! | `keyed`, `joins`, `sets`, `sorting` | what moves rows |
//! | `keys` | which keys are equal |
//! | `actions`, `statistics`, `empty` | what runs a job, also over nothing |
//! | `counts` | what is counted while rows are computed |
//! | `frames` | SQL and DataFrames, before and behind |
//! | `errors` | what is wrong, and how it is told |
//! | `moves` | what does not move, and what is computed once |
//! | `pregel` | graphs, when something is lost on the way |
//! | `spill` | more rows than memory |
//! | `files` | files of records in and out, checkpoints, error budgets, other programs |
//! | `shared` | broadcasts and accumulators |
//! | `udf` | functions of SQL made of closures |
//! | `document` | the page and these trials agree |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

mod actions;
mod counts;
mod document;
mod empty;
mod errors;
mod files;
mod fixture;
mod frames;
mod joins;
mod keyed;
mod keys;
mod moves;
mod narrow;
mod partitions;
mod pregel;
mod sets;
mod shared;
mod sorting;
mod sources;
mod spill;
mod statistics;
mod udf;

use fixture::Trials;
use libtest_mimic::Arguments;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let mut trials = Trials::default();
    sources::add(&mut trials);
    narrow::add(&mut trials);
    partitions::add(&mut trials);
    keyed::add(&mut trials);
    joins::add(&mut trials);
    sets::add(&mut trials);
    sorting::add(&mut trials);
    keys::add(&mut trials);
    actions::add(&mut trials);
    counts::add(&mut trials);
    statistics::add(&mut trials);
    empty::add(&mut trials);
    frames::add(&mut trials);
    errors::add(&mut trials);
    moves::add(&mut trials);
    pregel::add(&mut trials);
    spill::add(&mut trials);
    files::add(&mut trials);
    shared::add(&mut trials);
    udf::add(&mut trials);
    trials.on_cluster();
    document::add(&mut trials);
    libtest_mimic::run(&args, trials.all).exit();
}
