//! Data sets of Rust rows and closures over them, on the same lineage as SQL and DataFrames.
//!
//! ```text
//!  Rdd<T> ── map, filter, … ──► Dataset graph ──► stages ──► each task: columns → views → closure → builders → columns
//!    │  ▲                            ▲
//!    │  └── DataFrame::rdd()         └── exchanges by key, by range
//!    └── actions: collect, count, reduce, take, … ──► one job each
//! ```
//!
//! Transformations are lazy and never fail: what is wrong with one is told by the first action. A closure must not capture:
//! what it needs is given with [`Rdd::with`]. Closures see views ([`Row::View`]) and give anything that can be a row
//! ([`Emit`]).
//!
//! | room | what lives there |
//! |---|---|
//! | [`closure`] | what a closure may be |
//! | `narrow`, [`with`] | row by row |
//! | `partitions` | partition by partition, and their number |
//! | `keyed`, `joins`, `sets` | by key: combine, group, join; distinct, intersection, subtract |
//! | `sorting` | order |
//! | `checkpoint`, `pipe` | rows in files that outlive the program; rows through another program |
//! | `actions`, `statistics`, `total` | what runs a job; floats as scores |
//! | `dataframe` | to SQL and DataFrames and back |
//! | [`sources`], [`savers`] | where rows come from and go to |
//! | [`pregel`] | graphs, vertex by vertex |

mod actions;
mod checkpoint;
pub mod closure;
mod dataframe;
mod joins;
mod keyed;
mod narrow;
mod partitions;
mod pipe;
pub mod pregel;
pub mod savers;
mod sets;
mod skew;
mod sorting;
pub mod sources;
mod statistics;
mod total;
pub mod with;

pub use closure::{Closure, Out, Records, Sink, Value};
pub use dataframe::DataFrameExt;
pub use dpark_rows::{Emit, Key, List, Row};
pub use keyed::Group;
pub use narrow::Values;
pub use skew::Skewed;
pub use sources::{Codec, CsvDialect};
pub use statistics::{Histogram, Stats};
pub use total::Total;
pub use with::With;

use crate::Context;
use crate::shared::{Accumulator, BadRecords, to_argument, with_budget};
use closure::{Body, function, name_at};
use datafusion::common::{DataFusionError, Result, plan_datafusion_err, plan_err};
use dpark_plan::dataset::mapping::Mapping;
use dpark_plan::dataset::{Dataset, Scheme};
use dpark_rows::schema_of;
use serde::Serialize;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// A distributed data set of rows of type `T`. Lazy: nothing runs before an action. Cheap to clone.
#[must_use = "a data set is lazy, and operations do not change it: use the one they give"]
pub struct Rdd<T> {
    ctx: Context,
    /// What is wrong with the data set, if something is, is told when it is used.
    dataset: Result<Arc<Dataset>, Arc<DataFusionError>>,
    /// See [`Rdd::with_partitions`].
    partitions: Option<usize>,
    /// See [`Rdd::error_budget`].
    budget: Option<Accumulator<BadRecords>>,
    rows: PhantomData<fn() -> T>,
}

impl<T> Clone for Rdd<T> {
    fn clone(&self) -> Self {
        let (ctx, dataset, budget) = (self.ctx.clone(), self.dataset.clone(), self.budget.clone());
        Self { ctx, dataset, partitions: self.partitions, budget, rows: PhantomData }
    }
}

impl<T> fmt::Debug for Rdd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.dataset {
            Ok(dataset) => write!(f, "Rdd({})", dataset.id()),
            Err(error) => write!(f, "Rdd({error})"),
        }
    }
}

impl<T: Row> Rdd<T> {
    pub(crate) fn new(ctx: Context, dataset: Result<Arc<Dataset>>) -> Self {
        let budget = ctx.error_budget().map(|budget| bad_records(&ctx, budget));
        Self { ctx, dataset: dataset.map_err(Arc::new), partitions: None, budget, rows: PhantomData }
    }

    /// The data set, or what is wrong with it.
    pub(crate) fn dataset(&self) -> Result<Arc<Dataset>> {
        self.dataset.clone().map_err(DataFusionError::Shared)
    }

    /// The context whose executors compute it.
    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// The partition count of the next operation that moves rows between partitions, such as
    /// [`reduce_by_key`](Rdd::reduce_by_key), [`join`](Rdd::join) or [`sort_by`](Rdd::sort_by). Otherwise that is the
    /// session's `shuffle.partitions`, or as many as the data set is partitioned by key already.
    pub fn with_partitions(&self, partitions: usize) -> Self {
        self.partitioned_as(Some(partitions.max(1)))
    }

    /// With the partition count that is set on another.
    fn with_partitions_of<U>(&self, other: &Rdd<U>) -> Self {
        self.partitioned_as(other.partitions)
    }

    fn partitioned_as(&self, partitions: Option<usize>) -> Self {
        Self { partitions, ..self.clone() }
    }

    /// Lets closures from here on fail for a part of their rows, such as 0.001: rows for which one panics, or gives an error
    /// (see [`try_map`](Rdd::try_map)), are left out, counted and sampled in the report. A job in which some closure fails
    /// for a larger part of its rows fails at its end, with the closure's name and place; then nothing is saved.
    ///
    /// That goes for `map`, `try_map`, `filter`, `flat_map`, `key_by`, `map_values` and `flat_map_values`. What `flat_map` has pushed before it
    /// fails stays. `--err` on the command line of a [program](crate::main) does the same for all data sets.
    /// Errors: a part that is not from 0 to 1.
    pub fn error_budget(&self, part: f64) -> Self {
        let budget = Some(bad_records(&self.ctx, part));
        Self {
            budget,
            ..self.checked((0.0..=1.0).contains(&part), "error_budget", part, "a part of the rows, from 0 to 1")
        }
    }

    /// The same data set, or one that tells that an operation was given a number it cannot be given.
    fn checked(&self, is_right: bool, operation: &str, given: f64, wanted: &str) -> Self {
        match is_right {
            true => self.clone(),
            false => self.made(|_| plan_err!("{operation}({given}): expected {wanted}")).with_partitions_of(self),
        }
    }

    /// The rows that were left out so far; see [`error_budget`](Rdd::error_budget).
    pub fn bad_records(&self) -> crate::Result<BadRecords> {
        self.budget.as_ref().map_or_else(|| Ok(BadRecords::default()), Accumulator::value)
    }

    /// What a closure is given along, with where and under which name its failures are counted.
    fn budgeted(&self, argument: Argument, name: impl FnOnce() -> String) -> Result<Arc<[u8]>> {
        match &self.budget {
            Some(budget) => with_budget(&self.ctx.driver, &argument.bytes?, budget, name()),
            None => argument.bytes,
        }
    }

    /// A data set made of this one's.
    fn made<U: Row>(&self, make: impl FnOnce(Arc<Dataset>) -> Result<Arc<Dataset>>) -> Rdd<U> {
        let dataset = self.dataset().and_then(make).map_err(Arc::new);
        Rdd { ctx: self.ctx.clone(), dataset, partitions: None, budget: self.budget.clone(), rows: PhantomData }
    }

    /// A function over each partition.
    #[track_caller]
    fn step<U: Row, F, B: Body>(&self, named_after: &F, body: B, argument: Argument, keeps_key: bool) -> Rdd<U> {
        self.mapped(Mapping::Same, body, named_after, argument, keeps_key)
    }

    /// A function over partitions of this data set alone.
    #[track_caller]
    fn mapped<U: Row, F, B: Body>(
        &self,
        mapping: Mapping,
        body: B,
        _named_after: &F,
        argument: Argument,
        keeps_key: bool,
    ) -> Rdd<U> {
        let place = Location::caller();
        self.made(|input| {
            let function = function::<F, B>(body);
            let argument = self.budgeted(argument, || name_at::<F>(place))?;
            Dataset::closure(vec![input], mapping, schema_of::<U>(), function, argument, keeps_key)
        })
    }

    /// A function over partitions of this data set and others of one context.
    fn with_others<U: Row, F, B: Body>(
        &self,
        others: Vec<Result<Arc<Dataset>>>,
        mapping: Mapping,
        body: B,
        _named_after: &F,
        argument: Argument,
        keeps_key: bool,
    ) -> Rdd<U> {
        self.made(|input| {
            let mut inputs = vec![input];
            for other in others {
                inputs.push(other?);
            }
            Dataset::closure(inputs, mapping, schema_of::<U>(), function::<F, B>(body), argument.bytes?, keeps_key)
        })
    }

    /// The same rows, where their hash by the first column says.
    fn exchanged(&self, partitions: Option<usize>) -> Rdd<T> {
        self.made(|input| Dataset::exchange(input, Scheme::Key { partitions }))
    }

    /// The data set of another, which must be of the same context.
    fn joined_to<U: Row>(&self, other: &Rdd<U>) -> Result<Arc<Dataset>> {
        if !Arc::ptr_eq(&self.ctx.driver, &other.ctx.driver) {
            return Err(of_two_contexts());
        }
        other.dataset()
    }

    /// The same data set for a job that runs beside an action: it does not count in accumulators.
    fn aside(&self) -> Result<Self> {
        Ok(Self { ctx: self.ctx.aside()?, ..self.clone() })
    }

    /// A value that goes along with a closure.
    fn argument<K: Serialize>(&self, value: &K) -> Argument {
        Argument { bytes: to_argument(&self.ctx.driver, value) }
    }
}

/// A place to count bad records.
fn bad_records(ctx: &Context, budget: f64) -> Accumulator<BadRecords> {
    ctx.accumulator_named("bad records", BadRecords { budget, ..BadRecords::default() })
}

fn of_two_contexts() -> DataFusionError {
    plan_datafusion_err!(
        "two data sets of different contexts cannot be used together: make both with one Context, or collect one of them and \
         parallelize its rows"
    )
}

/// The bytes of a value that goes along with a closure, or why there are none.
pub(crate) struct Argument {
    bytes: Result<Arc<[u8]>>,
}

impl Argument {
    /// Nothing goes along.
    fn none() -> Self {
        Self { bytes: Ok(Arc::from([])) }
    }
}
