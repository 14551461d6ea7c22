//! To SQL and DataFrames, and back.

use super::{Rdd, Row};
use crate::Context;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{cast, col};
use dpark_operators::combine::external;
use dpark_plan::cache::{CacheNode, CachedDataset};
use dpark_plan::dataset::mapping::Mapping;
use dpark_plan::dataset::{Dataset, DatasetNode, map_ref};
use dpark_plan::needs::{Needs, NeedsNode};
use dpark_rows::{check, schema_of};
use dpark_shuffle::Keep;
use std::sync::Arc;

impl<T: Row> Rdd<T> {
    /// The rows as a table for SQL and DataFrame operations: columns `_1`, `_2`, … of a tuple, the fields of a struct.
    pub fn to_df(&self) -> Result<DataFrame> {
        Ok(DataFrame::new(self.ctx.session().state(), DatasetNode::plan(&self.dataset()?)))
    }

    /// The rows, kept by the executors once computed: in memory while there is room, then on disk.
    pub fn cache(&self) -> Self {
        self.persist(Keep::MemoryAndDisk)
    }

    /// The rows, kept by the executors once computed, where `keep` says. Partitions that are lost, or were given up, are
    /// computed again when they are needed.
    pub fn persist(&self, keep: Keep) -> Self {
        self.made(|dataset| {
            let kept = CachedDataset::new(DatasetNode::plan(&dataset), keep);
            Dataset::rows(CacheNode::plan(if self.ctx.is_aside() { kept.aside() } else { kept }))
        })
    }

    /// Frees the rows kept by [`cache`](Self::cache) or [`persist`](Self::persist). The data set stays usable: the next job
    /// computes and keeps them anew.
    pub fn unpersist(&self) {
        if let Ok(dataset) = self.dataset() {
            self.ctx.unpersist_plan(&DatasetNode::plan(&dataset));
        }
    }

    /// Rows that a query makes of this context's.
    pub(super) fn of_query<U: Row>(&self, rows: Result<DataFrame>) -> Rdd<U> {
        let dataset = rows.and_then(|df| df_dataset::<U>(df));
        Rdd::new(self.ctx.clone(), dataset)
    }
}

/// A query's rows with the columns of `T`, in its types.
fn df_dataset<T: Row>(df: DataFrame) -> Result<Arc<Dataset>> {
    let (have, want) = (Arc::clone(df.schema().inner()), schema_of::<T>());
    let places = check::places::<T>(&have).map_err(external)?;
    if have.fields().len() == places.len()
        && places.iter().zip(want.fields()).enumerate().all(|(i, (place, want))| {
            let have = have.field(*place);
            *place == i && have.name() == want.name() && have.data_type() == want.data_type()
        })
    {
        return Dataset::rows(df.into_unoptimized_plan());
    }
    let columns = df.schema().columns();
    let columns = places.iter().zip(want.fields()).filter_map(|(place, want)| {
        let column = columns.get(*place)?;
        let same = have.field(*place).data_type() == want.data_type();
        let value = col(column.clone());
        let value = if same { value } else { cast(value, want.data_type().clone()) };
        Some(value.alias(want.name()))
    });
    let columns = columns.collect::<Vec<_>>();
    Dataset::rows(df.select(columns)?.into_unoptimized_plan())
}

/// What DPark adds to DataFusion's [`DataFrame`].
pub trait DataFrameExt: Sized {
    /// Each batch through a closure that must not capture; the schema stays.
    fn map_batches<F>(self, closure: F) -> Result<DataFrame>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Copy + Send + 'static;

    /// Each batch through a closure that must not capture and makes batches of `schema`.
    fn map_batches_to<F>(self, schema: SchemaRef, closure: F) -> Result<DataFrame>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Copy + Send + 'static;

    /// The stage that computes these rows asks a cluster for so many cores a task, whatever `task.cpus` says. Elsewhere it
    /// changes nothing.
    fn with_cpus(self, cores: f64) -> DataFrame;

    /// The stage that computes these rows asks a cluster for so many MiB a task, whatever `task.memory` says. Elsewhere it
    /// changes nothing.
    fn with_memory(self, mib: u64) -> DataFrame;

    /// The rows as Rust values: a tuple's columns by position, a struct's by name. Errors: columns that differ, by name; rows of
    /// no running context. A NULL where `T` takes none is an error of the task that meets it.
    fn rdd<T: Row>(self) -> Result<Rdd<T>>;
}

impl DataFrameExt for DataFrame {
    fn map_batches<F>(self, closure: F) -> Result<DataFrame>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Copy + Send + 'static,
    {
        let schema = Arc::clone(self.schema().inner());
        self.map_batches_to(schema, closure)
    }

    fn map_batches_to<F>(self, schema: SchemaRef, closure: F) -> Result<DataFrame>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Copy + Send + 'static,
    {
        let (state, plan) = self.into_parts();
        let input = vec![Dataset::rows(plan)?];
        let mapped = Dataset::closure(input, Mapping::Same, schema, map_ref(&closure), Arc::from([]), false)?;
        Ok(DataFrame::new(state, DatasetNode::plan(&mapped)))
    }

    fn with_cpus(self, cores: f64) -> DataFrame {
        needing(self, Needs::cpus(cores))
    }

    fn with_memory(self, mib: u64) -> DataFrame {
        needing(self, Needs::memory(mib))
    }

    fn rdd<T: Row>(self) -> Result<Rdd<T>> {
        let (session, plan) = self.into_parts();
        let ctx = Context::of(session.clone())?;
        Ok(Rdd::new(ctx, Ok(df_dataset::<T>(DataFrame::new(session, plan))?)))
    }
}

fn needing(df: DataFrame, needs: Needs) -> DataFrame {
    let (state, plan) = df.into_parts();
    DataFrame::new(state, NeedsNode::plan(plan, needs))
}

impl Context {
    /// The same as `df.rdd()`, for rows of this context only.
    pub fn rdd<T: Row>(&self, df: DataFrame) -> Result<Rdd<T>> {
        let rdd: Rdd<T> = df.rdd()?;
        if !Arc::ptr_eq(&rdd.ctx.driver, &self.driver) {
            return Err(super::of_two_contexts());
        }
        Ok(rdd)
    }

    /// Makes a data set known to SQL under a name.
    pub fn register<T: Row>(&self, name: &str, rdd: &Rdd<T>) -> Result<()> {
        if !Arc::ptr_eq(&rdd.ctx.driver, &self.driver) {
            return Err(super::of_two_contexts());
        }
        self.session().register_table(name, rdd.to_df()?.into_view())?;
        Ok(())
    }
}
