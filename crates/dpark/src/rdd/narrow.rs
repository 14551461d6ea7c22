//! Row by row: nothing moves between partitions.

use super::closure::{Closure, Out, Value, each_batch, each_row, each_row_or_error, guard, with_value};
use super::with::With;
use super::{Argument, Emit, Rdd, Row};
use arrow::array::{ArrayRef, BooleanArray, StructArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use dpark_operators::combine::external;
use dpark_plan::dataset::BatchTask;
use dpark_rows::Rows;
use std::fmt::Display;
use std::sync::Arc;

impl<T: Row> Rdd<T> {
    /// Gives the next closure a value: serialised here, deserialised once a task.
    pub fn with<K: Value>(&self, value: &K) -> With<T, K> {
        With::new(self.clone(), self.argument(value))
    }

    /// One row for each row.
    #[track_caller]
    pub fn map<R: Emit, F: Fn(T::View<'_>) -> R + Closure>(&self, closure: F) -> Rdd<R::Row> {
        let body = move |task| each_row::<T, R::Row>(task, move |row, out| out.push(closure(row)));
        self.step(&closure, body, Argument::none(), false)
    }

    /// One row for each row, or an error: then the task fails, and the job after as many attempts as `task.max_failures`
    /// allows, with what the closure said.
    #[track_caller]
    pub fn try_map<R: Emit, E: Display, F>(&self, closure: F) -> Rdd<R::Row>
    where
        F: Fn(T::View<'_>) -> Result<R, E> + Closure,
    {
        let body = move |task| each_row_or_error::<T, R::Row, R, E>(task, closure);
        self.step(&closure, body, Argument::none(), false)
    }

    /// Any number of rows for each row: what the closure pushes.
    #[track_caller]
    pub fn flat_map<U: Row, F: Fn(T::View<'_>, &mut Out<U>) + Closure>(&self, closure: F) -> Rdd<U> {
        let body = move |task| each_row::<T, U>(task, closure);
        self.step(&closure, body, Argument::none(), false)
    }

    /// The rows for which the closure says yes.
    #[track_caller]
    pub fn filter<F: Fn(T::View<'_>) -> bool + Closure>(&self, closure: F) -> Rdd<T> {
        let body = move |task| filtered::<T>(task, closure);
        self.step(&closure, body, Argument::none(), true)
    }

    /// Each row with a key that the closure gives.
    #[track_caller]
    pub fn key_by<R: Emit, F: Fn(T::View<'_>) -> R + Closure>(&self, closure: F) -> Rdd<(R::Row, T)> {
        let body = move |task: BatchTask| {
            if guard(&task)?.is_some() {
                return each_row::<T, (R::Row, T)>(task, move |row, out| out.push((closure(row), row)));
            }
            let schema = Arc::clone(&task.schema);
            each_batch(task, move |batch| {
                let mut keys = <R::Row as Row>::Builder::default();
                Rows::<T>::of(&batch).map_err(external)?.for_each(|row| closure(row).emit(&mut keys));
                let keys = <R::Row as Row>::finish(&mut keys, None);
                Ok(RecordBatch::try_new(Arc::clone(&schema), vec![keys, as_column::<T>(&batch)?])?)
            })
        };
        self.step(&closure, body, Argument::none(), false)
    }
}

impl<T: Row, K: Value> With<T, K> {
    /// See [`Rdd::map`].
    #[track_caller]
    pub fn map<R: Emit, F: Fn(&K, T::View<'_>) -> R + Closure>(self, closure: F) -> Rdd<R::Row> {
        let body = move |task| {
            with_value::<K>(task, move |value, task| {
                each_row::<T, R::Row>(task, move |row, out| out.push(closure(&value, row)))
            })
        };
        self.rdd.step(&closure, body, self.argument, false)
    }

    /// See [`Rdd::try_map`].
    #[track_caller]
    pub fn try_map<R: Emit, E: Display, F>(self, closure: F) -> Rdd<R::Row>
    where
        F: Fn(&K, T::View<'_>) -> Result<R, E> + Closure,
    {
        let body = move |task| {
            with_value::<K>(task, move |value, task| {
                each_row_or_error::<T, R::Row, R, E>(task, move |row| closure(&value, row))
            })
        };
        self.rdd.step(&closure, body, self.argument, false)
    }

    /// See [`Rdd::flat_map`].
    #[track_caller]
    pub fn flat_map<U: Row, F: Fn(&K, T::View<'_>, &mut Out<U>) + Closure>(self, closure: F) -> Rdd<U> {
        let body = move |task| {
            with_value::<K>(task, move |value, task| each_row::<T, U>(task, move |row, out| closure(&value, row, out)))
        };
        self.rdd.step(&closure, body, self.argument, false)
    }

    /// See [`Rdd::filter`].
    #[track_caller]
    pub fn filter<F: Fn(&K, T::View<'_>) -> bool + Closure>(self, closure: F) -> Rdd<T> {
        let body =
            move |task| with_value::<K>(task, move |value, task| filtered::<T>(task, move |row| closure(&value, row)));
        self.rdd.step(&closure, body, self.argument, true)
    }
}

impl<T: Row, P: Value> With<T, P> {
    /// See [`Rdd::key_by`].
    #[track_caller]
    pub fn key_by<R: Emit, F: Fn(&P, T::View<'_>) -> R + Closure>(self, closure: F) -> Rdd<(R::Row, T)> {
        let body = move |task| {
            with_value::<P>(task, move |value, task| {
                each_row::<T, (R::Row, T)>(task, move |row, out| out.push((closure(&value, row), row)))
            })
        };
        self.rdd.step(&closure, body, self.argument, false)
    }
}

impl<K: Row, V: Row, P: Value> With<(K, V), P> {
    /// See [`Rdd::flat_map_values`].
    #[track_caller]
    pub fn flat_map_values<U: Row, F: Fn(&P, V::View<'_>, &mut Values<U>) + Closure>(self, closure: F) -> Rdd<(K, U)> {
        let body = move |task| {
            with_value::<P>(task, move |given, task| {
                many_values::<V, U>(task, move |value, values| closure(&given, value, values))
            })
        };
        self.rdd.step(&closure, body, self.argument, true)
    }

    /// See [`Rdd::map_values`].
    #[track_caller]
    pub fn map_values<R: Emit, F: Fn(&P, V::View<'_>) -> R + Closure>(self, closure: F) -> Rdd<(K, R::Row)> {
        let body = move |task| {
            with_value::<P>(task, move |given, task| {
                each_row::<(K, V), (K, R::Row)>(task, move |(key, value), out| out.push((key, closure(&given, value))))
            })
        };
        self.rdd.step(&closure, body, self.argument, true)
    }
}

impl<K: Row, V: Row> Rdd<(K, V)> {
    /// Another value for each value; keys stay, and where they are.
    #[track_caller]
    pub fn map_values<R: Emit, F: Fn(V::View<'_>) -> R + Closure>(&self, closure: F) -> Rdd<(K, R::Row)> {
        let body = move |task: BatchTask| {
            if guard(&task)?.is_some() {
                return each_row::<(K, V), (K, R::Row)>(task, move |(key, value), out| out.push((key, closure(value))));
            }
            let schema = Arc::clone(&task.schema);
            each_batch(task, move |batch| {
                let reader = V::reader(batch.column(1), None).map_err(external)?;
                let mut values = <R::Row as Row>::Builder::default();
                (0..batch.num_rows()).for_each(|row| closure(V::view(&reader, row)).emit(&mut values));
                let values = <R::Row as Row>::finish(&mut values, None);
                Ok(RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(batch.column(0)), values])?)
            })
        };
        self.step(&closure, body, Argument::none(), true)
    }

    /// Any number of values for each value; keys stay where they are.
    #[track_caller]
    pub fn flat_map_values<U: Row, F: Fn(V::View<'_>, &mut Values<U>) + Closure>(&self, closure: F) -> Rdd<(K, U)> {
        let body = move |task| many_values::<V, U>(task, closure);
        self.step(&closure, body, Argument::none(), true)
    }

    /// The keys.
    pub fn keys(&self) -> Rdd<K> {
        let body = move |task| column::<K>(task, 0);
        self.step(&body, body, Argument::none(), false)
    }

    /// The values.
    pub fn values(&self) -> Rdd<V> {
        let body = move |task| column::<V>(task, 1);
        self.step(&body, body, Argument::none(), false)
    }

    /// Value and key in each other's place.
    pub fn swap(&self) -> Rdd<(V, K)> {
        let body = move |task: BatchTask| {
            let schema = Arc::clone(&task.schema);
            each_batch(task, move |batch| {
                let columns = vec![Arc::clone(batch.column(1)), Arc::clone(batch.column(0))];
                Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
            })
        };
        self.step(&body, body, Argument::none(), false)
    }
}

/// Takes the values that a closure gives for one key.
pub struct Values<U: Row> {
    builder: U::Builder,
    given: usize,
}

impl<U: Row> Values<U> {
    /// Gives one more value.
    pub fn push<E: Emit<Row = U>>(&mut self, value: E) {
        value.emit(&mut self.builder);
        self.given += 1;
    }
}

/// A stream of what `closure` gives for the values of each batch, with their keys.
fn many_values<V: Row, U: Row>(
    task: BatchTask,
    closure: impl Fn(V::View<'_>, &mut Values<U>) + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let schema = Arc::clone(&task.schema);
    let guard = guard(&task)?;
    each_batch(task, move |batch| {
        let reader = V::reader(batch.column(1), None).map_err(external)?;
        let mut values = Values::<U> { builder: U::Builder::default(), given: 0 };
        let mut rows: Vec<u32> = vec![];
        let mut each = |row: usize, run: &dyn Fn(&mut Values<U>)| {
            run(&mut values);
            rows.resize(values.given, row as u32);
        };
        let all = 0..batch.num_rows();
        match &guard {
            None => all.for_each(|row| each(row, &|values| closure(V::view(&reader, row), values))),
            Some(guard) => guard.rows(|counting| {
                all.for_each(|row| {
                    each(row, &|values| {
                        let _ = counting.plain(|| closure(V::view(&reader, row), values));
                    });
                });
            }),
        }
        let keys = take(batch.column(0), &UInt32Array::from(rows), None)?;
        let values = U::finish(&mut values.builder, None);
        Ok(RecordBatch::try_new(Arc::clone(&schema), vec![keys, values])?)
    })
}

fn filtered<T: Row>(
    task: BatchTask,
    keep: impl Fn(T::View<'_>) -> bool + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let guard = guard(&task)?;
    each_batch(task, move |batch| {
        let rows = Rows::<T>::of(&batch).map_err(external)?;
        let kept = match &guard {
            None => BooleanBuffer::collect_bool(batch.num_rows(), |row| keep(rows.at(row))),
            Some(guard) => guard.rows(|counting| {
                let keep = |row| counting.plain(|| keep(rows.at(row))).unwrap_or(false);
                BooleanBuffer::collect_bool(batch.num_rows(), keep)
            }),
        };
        Ok(filter_record_batch(&batch, &BooleanArray::new(kept, None))?)
    })
}

/// A whole row as one column.
pub(super) fn as_column<T: Row>(batch: &RecordBatch) -> Result<ArrayRef> {
    Ok(match T::columns() {
        // With the names that `T` gives, whatever the batch's are.
        Some(fields) => Arc::new(StructArray::try_new(fields, batch.columns().to_vec(), None)?),
        None => Arc::clone(batch.column(0)),
    })
}

/// A whole row again of such a column.
pub(super) fn of_column<T: Row>(schema: &SchemaRef, column: &ArrayRef) -> Result<RecordBatch> {
    let columns = match (T::columns(), arrow::array::AsArray::as_struct_opt(column)) {
        (Some(_), Some(rows)) => rows.columns().to_vec(),
        _ => vec![Arc::clone(column)],
    };
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// One column as whole rows.
pub(super) fn column<T: Row>(task: BatchTask, index: usize) -> Result<SendableRecordBatchStream> {
    let schema = Arc::clone(&task.schema);
    each_batch(task, move |batch| of_column::<T>(&schema, batch.column(index)))
}
