//! The states of an aggregate's groups, behind DataFusion's accumulators: of many groups, and of one.
//!
//! A state leaves its process, or its memory when operators spill, as bytes in a column of type `Binary`; a group that
//! has met no row has NULL there, so that what the aggregate starts with is not merged again and again.

use super::{ClosureAggregate, Declared};
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray};
use arrow::buffer::NullBuffer;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use std::fmt;
use std::sync::Arc;

/// The states of groups, numbered from 0. Made by the entry function of an aggregate.
pub trait GroupStates: Send + Sync + 'static {
    /// How many groups there are.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Makes them at least `groups`. New ones have met no row.
    fn grow(&mut self, groups: usize);
    /// Adds each row that `called` does not leave out to its group, which must be there.
    fn update(&mut self, columns: &[ArrayRef], called: Option<&NullBuffer>, groups: &[usize]) -> Result<()>;
    /// Merges states into groups, which must be there.
    fn merge(&mut self, states: &BinaryArray, groups: &[usize]) -> Result<()>;
    /// The states of the first groups.
    fn states(&self, groups: usize) -> Result<BinaryArray>;
    /// The results of the first groups.
    fn results(&self, groups: usize) -> Result<ArrayRef>;
    /// Drops the first groups; the others move up.
    fn forget(&mut self, groups: usize);
    /// About the bytes of all.
    fn size(&self) -> usize;
}

fn encoded(states: &[ArrayRef]) -> Result<&BinaryArray> {
    match states.first().and_then(|column| column.as_binary_opt()) {
        Some(states) => Ok(states),
        None => internal_err!("the states of an aggregate should be a column of bytes"),
    }
}

/// Rows that are not left out: by a NULL, or by `FILTER`.
fn called(declared: &Declared, columns: &[ArrayRef], filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let nulls = declared.called(columns);
    let Some(filter) = filter else { return nulls };
    let passed = match filter.nulls() {
        Some(known) => filter.values() & known.inner(),
        None => filter.values().clone(),
    };
    NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(passed)))
}

/// The groups of a `GROUP BY`.
pub(super) struct Grouped {
    function: ClosureAggregate,
    states: Box<dyn GroupStates>,
}

impl Grouped {
    pub(super) fn new(function: ClosureAggregate) -> Result<Self> {
        Ok(Self { states: function.states()?, function })
    }

    fn emit<T>(&mut self, emit: EmitTo, take: impl FnOnce(&dyn GroupStates, usize) -> Result<T>) -> Result<T> {
        let groups = match emit {
            EmitTo::All => self.states.len(),
            EmitTo::First(groups) => groups,
        };
        let taken = take(self.states.as_ref(), groups)?;
        self.states.forget(groups);
        Ok(taken)
    }
}

impl GroupsAccumulator for Grouped {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.states.grow(total);
        let called = called(self.function.declared(), values, filter);
        self.states.update(values, called.as_ref(), groups)
    }
    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        self.emit(emit, |states, groups| states.results(groups))
    }
    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let states = self.emit(emit, |states, groups| states.states(groups))?;
        Ok(vec![Arc::new(states)])
    }
    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.states.grow(total);
        self.states.merge(encoded(values)?, groups)
    }
    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |column| column.len());
        let mut each = self.function.states()?;
        each.grow(rows);
        let called = called(self.function.declared(), values, filter);
        each.update(values, called.as_ref(), &(0..rows).collect::<Vec<_>>())?;
        Ok(vec![Arc::new(each.states(rows)?)])
    }
    fn size(&self) -> usize {
        self.states.size()
    }
}

/// The one group of an aggregate without `GROUP BY`, or of a window.
pub(super) struct Single {
    function: ClosureAggregate,
    states: Box<dyn GroupStates>,
}

impl Single {
    pub(super) fn new(function: ClosureAggregate) -> Result<Self> {
        let mut states = function.states()?;
        states.grow(1);
        Ok(Self { function, states })
    }
}

impl fmt::Debug for Single {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Single").field(&self.function).finish()
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |column| column.len());
        let called = self.function.declared().called(values);
        self.states.update(values, called.as_ref(), &vec![0; rows])
    }
    // Windows ask again and again, so the state stays.
    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.states.results(1)?, 0)
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.states.size()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::try_from_array(&self.states.states(1)?, 0)?])
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let states = encoded(states)?;
        self.states.merge(states, &vec![0; states.len()])
    }
}
