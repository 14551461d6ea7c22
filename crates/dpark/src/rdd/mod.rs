//! Plain Rust closures over typed rows, as nodes of the same plans that SQL and DataFrames make.
//!
//! ```text
//!  Rdd<T>.map(f) ──► MapBatches(entry::<T, U, F>) ──► … ──► stages ──► each task: batch → rows → f → builders → batch
//!  Rdd<(K, V)>.reduce_by_key(f) ──► combine ──► exchange by K ──► combine
//! ```
//!
//! A closure must not capture: what it needs is given with [`Rdd::with`]. Rows are tuples (columns `_1`, `_2`, …) or
//! single values (column `_1`); see [`Row`].

mod cell;
mod entry;
mod row;

pub use cell::Cell;
pub use row::Row;

use crate::Context;
use crate::shared::{DriverOf, to_argument};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::MemTable;
use dpark_plan::functions::FunctionRef;
use dpark_plan::map_batches::{MapBatchesNode, function_ref, map_ref};
use dpark_plan::needs::{Needs, NeedsNode};
use futures::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

/// A distributed data set of rows of type `T`. Lazy: nothing runs before an action.
#[derive(Debug, Clone)]
pub struct Rdd<T> {
    df: DataFrame,
    rows: PhantomData<fn() -> T>,
}

/// An [`Rdd`] with a value that goes along with the next closure; see [`Rdd::with`].
#[derive(Debug, Clone)]
pub struct With<T, K> {
    rdd: Rdd<T>,
    argument: Arc<[u8]>,
    value: PhantomData<fn() -> K>,
}

fn no_argument() -> Arc<[u8]> {
    Arc::from([])
}

fn node(
    df: DataFrame,
    function: FunctionRef,
    argument: Arc<[u8]>,
    schema: SchemaRef,
    keys: Vec<usize>,
) -> Result<DataFrame> {
    let (state, plan) = df.into_parts();
    Ok(DataFrame::new(state, MapBatchesNode::plan(plan, function, argument, schema, keys)?))
}

impl<T: Row> Rdd<T> {
    fn new(df: DataFrame) -> Self {
        Self { df, rows: PhantomData }
    }

    fn then<U: Row>(self, function: FunctionRef, argument: Arc<[u8]>, keys: Vec<usize>) -> Result<Rdd<U>> {
        Ok(Rdd::new(node(self.df, function, argument, U::schema(), keys)?))
    }

    /// One row for each row.
    pub fn map<U: Row, F: Fn(T) -> U + Send + 'static>(self, _closure: F) -> Result<Rdd<U>> {
        self.then(function_ref(entry::map::<T, U, F>, std::any::type_name::<F>()), no_argument(), vec![])
    }

    /// The rows for which the closure says yes.
    pub fn filter<F: Fn(&T) -> bool + Send + 'static>(self, _closure: F) -> Result<Rdd<T>> {
        self.then(function_ref(entry::filter::<T, F>, std::any::type_name::<F>()), no_argument(), vec![])
    }

    /// Any number of rows for each row.
    pub fn flat_map<U, I, F>(self, _closure: F) -> Result<Rdd<U>>
    where
        U: Row,
        I: IntoIterator<Item = U>,
        F: Fn(T) -> I + Send + 'static,
    {
        self.then(function_ref(entry::flat_map::<T, U, I, F>, std::any::type_name::<F>()), no_argument(), vec![])
    }

    /// Gives the next closure a value: serialised here, deserialised once a task.
    pub fn with<K: Serialize + DeserializeOwned>(self, value: &K) -> Result<With<T, K>> {
        let (session, _) = self.df.clone().into_parts();
        let argument = to_argument(&DriverOf::find(&session)?, value)?;
        Ok(With { rdd: self, argument, value: PhantomData })
    }

    /// The rows as a table for SQL and DataFrame operations; columns `_1`, `_2`, ….
    pub fn to_df(&self) -> DataFrame {
        self.df.clone()
    }

    /// The stage that computes these rows asks a cluster for so many cores a task, whatever `task.cpus` says.
    pub fn with_cpus(self, cores: f64) -> Self {
        Self::new(self.df.with_cpus(cores))
    }

    /// The stage that computes these rows asks a cluster for so many MiB a task, whatever `task.memory` says.
    pub fn with_memory(self, mib: u64) -> Self {
        Self::new(self.df.with_memory(mib))
    }

    /// The rows, kept by the executors once computed.
    pub async fn cache(self) -> Result<Self> {
        Ok(Self::new(self.df.cache().await?))
    }

    /// All rows, in partition order.
    pub async fn collect(self) -> Result<Vec<T>> {
        let mut rows = vec![];
        let mut batches = self.df.execute_stream().await?;
        while let Some(batch) = batches.try_next().await? {
            T::read(&batch, &mut |row| {
                rows.push(row);
                Ok(())
            })?;
        }
        Ok(rows)
    }

    /// Number of rows.
    pub async fn count(self) -> Result<usize> {
        self.df.count().await
    }
}

impl<T: Row, K: Serialize + DeserializeOwned + Send + 'static> With<T, K> {
    /// One row for each row.
    pub fn map<U: Row, F: Fn(&K, T) -> U + Send + 'static>(self, _closure: F) -> Result<Rdd<U>> {
        let function = function_ref(entry::map_with::<T, K, U, F>, std::any::type_name::<F>());
        self.rdd.then(function, self.argument, vec![])
    }

    /// The rows for which the closure says yes.
    pub fn filter<F: Fn(&K, &T) -> bool + Send + 'static>(self, _closure: F) -> Result<Rdd<T>> {
        let function = function_ref(entry::filter_with::<T, K, F>, std::any::type_name::<F>());
        self.rdd.then(function, self.argument, vec![])
    }
}

impl<K: Cell + Eq + Hash, V: Cell> Rdd<(K, V)> {
    /// One row a key: all its values combined, first within each partition, then after an exchange by key. The closure
    /// must be associative and commutative. All keys of a partition are held in memory.
    pub fn reduce_by_key<F: Fn(V, V) -> V + Send + 'static>(self, _closure: F) -> Result<Rdd<(K, V)>> {
        let combine = || function_ref(entry::reduce::<K, V, F>, std::any::type_name::<F>());
        let combined: Self = self.then(combine(), no_argument(), vec![])?;
        combined.then(combine(), no_argument(), vec![0])
    }
}

/// What DPark adds to DataFusion's [`DataFrame`].
pub trait DataFrameExt: Sized {
    /// Each batch through a closure that must not capture; the schema stays.
    fn map_batches<F>(self, closure: F) -> Result<DataFrame>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Send + 'static;

    /// Each batch through a closure that must not capture and makes batches of `schema`.
    fn map_batches_to<F>(self, schema: SchemaRef, closure: F) -> Result<DataFrame>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Send + 'static;

    /// The stage that computes these rows asks a cluster for so many cores a task, whatever `task.cpus` says. Elsewhere it
    /// changes nothing.
    fn with_cpus(self, cores: f64) -> DataFrame;

    /// The stage that computes these rows asks a cluster for so many MiB a task, whatever `task.memory` says. Elsewhere it
    /// changes nothing.
    fn with_memory(self, mib: u64) -> DataFrame;

    /// The rows as Rust values. Errors name the first column whose type differs.
    fn rdd<T: Row>(self) -> Result<Rdd<T>>;
}

impl DataFrameExt for DataFrame {
    fn map_batches<F>(self, closure: F) -> Result<DataFrame>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Send + 'static,
    {
        let schema = Arc::clone(self.schema().inner());
        self.map_batches_to(schema, closure)
    }

    fn map_batches_to<F>(self, schema: SchemaRef, closure: F) -> Result<DataFrame>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Send + 'static,
    {
        node(self, map_ref(&closure), no_argument(), schema, vec![])
    }

    fn with_cpus(self, cores: f64) -> DataFrame {
        needing(self, Needs { cpus: Some(((cores * 1000.0).round().min(4_096_000.0) as u32).max(1)), memory: None })
    }

    fn with_memory(self, mib: u64) -> DataFrame {
        needing(self, Needs { cpus: None, memory: Some(mib.max(1)) })
    }

    fn rdd<T: Row>(self) -> Result<Rdd<T>> {
        let (have, want) = (Arc::clone(self.schema().inner()), T::schema());
        check_types(&have, &want)?;
        Ok(Rdd::new(self))
    }
}

fn needing(df: DataFrame, needs: Needs) -> DataFrame {
    let (state, plan) = df.into_parts();
    DataFrame::new(state, NeedsNode::plan(plan, needs))
}

fn check_types(have: &Schema, want: &Schema) -> Result<()> {
    if have.fields().len() != want.fields().len() {
        return plan_err!("the rows have {} columns, the Rust type has {}", have.fields().len(), want.fields().len());
    }
    for (have, want) in have.fields().iter().zip(want.fields()) {
        if !cell::is_readable_as(have.data_type(), want.data_type()) {
            return plan_err!(
                "column {} is {}, which cannot be read as {}; cast it first",
                have.name(),
                have.data_type(),
                want.data_type()
            );
        }
        if have.is_nullable() && !want.is_nullable() {
            tracing::debug!(column = have.name(), "a NULL here would be an error of its task");
        }
    }
    Ok(())
}

impl Context {
    /// Rows of this program as a data set of `partitions` partitions of about equal size.
    pub fn parallelize<T: Row>(&self, rows: impl IntoIterator<Item = T>, partitions: usize) -> Result<Rdd<T>> {
        let rows: Vec<T> = rows.into_iter().collect();
        let size = rows.len().div_ceil(partitions.max(1)).max(1);
        let mut rows = rows.into_iter();
        let mut made = vec![];
        loop {
            let chunk: Vec<T> = rows.by_ref().take(size).collect();
            if chunk.is_empty() {
                break;
            }
            made.push(vec![T::batch(chunk)?]);
        }
        if made.is_empty() {
            made.push(vec![]);
        }
        let table = MemTable::try_new(T::schema(), made)?;
        Ok(Rdd::new(self.session().read_table(Arc::new(table))?))
    }

    /// Makes a data set known to SQL under a name.
    pub fn register<T: Row>(&self, name: &str, rdd: &Rdd<T>) -> Result<()> {
        self.session().register_table(name, rdd.to_df().into_view())?;
        Ok(())
    }
}
