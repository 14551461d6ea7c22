//! The functions that tasks enter: one monomorphised instance for each closure, which travels as its address.

use super::cell::Cell;
use super::row::Row;
use crate::shared::from_argument;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_plan::functions::conjure;
use dpark_plan::map_batches::BatchTask;
use futures::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::hash::Hash;

/// Each batch through `make`.
fn per_batch(
    task: BatchTask,
    mut make: impl FnMut(RecordBatch) -> Result<RecordBatch> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let batches = task.input.map(move |batch| make(batch?));
    Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, batches)))
}

fn each<T: Row, U: Row>(batch: &RecordBatch, mut one: impl FnMut(T, &mut Vec<U>)) -> Result<RecordBatch> {
    let mut made = Vec::with_capacity(batch.num_rows());
    T::read(batch, &mut |row| {
        one(row, &mut made);
        Ok(())
    })?;
    U::batch(made)
}

/// The same with the value that was given along, which is read before the first batch.
fn per_batch_with<K: DeserializeOwned + Send + 'static>(
    task: BatchTask,
    mut make: impl FnMut(&K, RecordBatch) -> Result<RecordBatch> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let BatchTask { input, schema, argument, context, .. } = task;
    let batches = futures::stream::once(async move {
        let value: K = from_argument(&argument, &context).await?;
        Ok::<_, DataFusionError>(input.map(move |batch| make(&value, batch?)))
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches.try_flatten())))
}

pub(super) fn map<T: Row, U: Row, F: Fn(T) -> U + Send + 'static>(
    task: BatchTask,
) -> Result<SendableRecordBatchStream> {
    // SAFETY: references to this function are made where a value of `F` is at hand.
    let closure: F = unsafe { conjure() };
    per_batch(task, move |batch| each(&batch, |row, made| made.push(closure(row))))
}

pub(super) fn filter<T: Row, F: Fn(&T) -> bool + Send + 'static>(task: BatchTask) -> Result<SendableRecordBatchStream> {
    // SAFETY: as in `map`.
    let closure: F = unsafe { conjure() };
    per_batch(task, move |batch| {
        each(&batch, |row: T, made| {
            if closure(&row) {
                made.push(row)
            }
        })
    })
}

pub(super) fn flat_map<T, U, I, F>(task: BatchTask) -> Result<SendableRecordBatchStream>
where
    T: Row,
    U: Row,
    I: IntoIterator<Item = U>,
    F: Fn(T) -> I + Send + 'static,
{
    // SAFETY: as in `map`.
    let closure: F = unsafe { conjure() };
    per_batch(task, move |batch| each(&batch, |row, made| made.extend(closure(row))))
}

pub(super) fn map_with<T, K, U, F>(task: BatchTask) -> Result<SendableRecordBatchStream>
where
    T: Row,
    K: DeserializeOwned + Send + 'static,
    U: Row,
    F: Fn(&K, T) -> U + Send + 'static,
{
    // SAFETY: as in `map`.
    let closure: F = unsafe { conjure() };
    per_batch_with(task, move |value: &K, batch| each(&batch, |row, made| made.push(closure(value, row))))
}

pub(super) fn filter_with<T, K, F>(task: BatchTask) -> Result<SendableRecordBatchStream>
where
    T: Row,
    K: DeserializeOwned + Send + 'static,
    F: Fn(&K, &T) -> bool + Send + 'static,
{
    // SAFETY: as in `map`.
    let closure: F = unsafe { conjure() };
    per_batch_with(task, move |value: &K, batch| {
        each(&batch, |row: T, made| {
            if closure(value, &row) {
                made.push(row)
            }
        })
    })
}

pub(super) fn reduce<K, V, F>(task: BatchTask) -> Result<SendableRecordBatchStream>
where
    K: Cell + Eq + Hash,
    V: Cell,
    F: Fn(V, V) -> V + Send + 'static,
{
    // SAFETY: as in `map`.
    let closure: F = unsafe { conjure() };
    let (mut input, schema, batch_size) = (task.input, task.schema, task.batch_size.max(1));
    let made = async move {
        let mut groups: HashMap<K, V> = HashMap::new();
        while let Some(batch) = input.try_next().await? {
            <(K, V)>::read(&batch, &mut |(key, value)| {
                let combined = match groups.remove(&key) {
                    Some(before) => closure(before, value),
                    None => value,
                };
                groups.insert(key, combined);
                Ok(())
            })?;
        }
        let mut rows = groups.into_iter();
        let mut batches = vec![];
        loop {
            let chunk: Vec<(K, V)> = rows.by_ref().take(batch_size).collect();
            if chunk.is_empty() {
                break;
            }
            batches.push(<(K, V)>::batch(chunk));
        }
        Ok::<_, DataFusionError>(futures::stream::iter(batches))
    };
    let batches = futures::stream::once(made).try_flatten();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}
