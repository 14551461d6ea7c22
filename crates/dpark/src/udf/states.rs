//! The states of an aggregate's groups, in their own type.

use super::{argument, mismatch};
use crate::rdd::{Closure, Value};
use arrow::array::{Array, ArrayRef, BinaryArray, BinaryBuilder};
use arrow::buffer::NullBuffer;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, internal_err};
use dpark_plan::dataset::ClosureError;
use dpark_plan::udf::{Argument, GroupStates};
use dpark_rows::{Emit, Outcome, Row};
use std::fmt::Display;

/// So many states are looked at to tell how much memory all of them take.
const SAMPLE: usize = 64;

/// Rows to add to states.
#[doc(hidden)]
#[derive(Debug)]
pub struct Update<'a, S> {
    pub(super) name: &'a str,
    pub(super) zero: &'a S,
    pub(super) states: &'a mut [Option<S>],
    pub(super) columns: &'a [ArrayRef],
    pub(super) called: Option<&'a NullBuffer>,
    pub(super) groups: &'a [usize],
}

/// What a closure that adds a row may give: nothing, or a `Result` whose error can be told.
pub trait Updated {
    /// Says in words what went wrong, if something did.
    fn told(self) -> Result<(), String>;
}

impl Updated for () {
    #[inline]
    fn told(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Updated for Result<(), E> {
    #[inline]
    fn told(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// A closure that adds a row to a state `S`: of `&mut S` and 1 to 6 views. `Args` are the views, and are inferred from the types
/// that the closure's parameters are given: `|state: &mut f64, x: f64| *state += x`.
#[diagnostic::on_unimplemented(
    message = "this closure cannot add rows to an aggregate's state `{S}`",
    label = "not a closure of `&mut {S}` and views that captures nothing",
    note = "give the type of each parameter: `&mut {S}`, then views (numbers, bool, &str, &[u8], dates and times, Option, \
            List<'_, T>, arrays and tuples of those; at most 6)",
    note = "change the state in its place and give nothing, or a Result<(), E>",
    note = "capture nothing"
)]
pub trait UpdateClosure<S, Args>: Closure {
    /// What it takes beside the state.
    #[doc(hidden)]
    fn arguments() -> Vec<Argument>;
    /// Calls it for each row of a batch where it is to be called.
    #[doc(hidden)]
    fn each(&self, update: Update<'_, S>) -> Result<()>;
}

macro_rules! update_closure {
    ($count:literal, $call:ident, $($view:ident $index:tt),*) => {
        /// Tells which of the two ways is meant in which a closure over views can be called.
        fn $call<S, $($view,)* D>(
            closure: impl Fn(&mut S, $($view),*) -> D,
            state: &mut S,
            ($($view,)*): ($($view,)*),
        ) -> D {
            closure(state, $($view),*)
        }

        // The first bound tells the types, the second that it is so for views of any lifetime.
        impl<F, S, D, $($view),*> UpdateClosure<S, ($($view,)*)> for F
        where
            F: Fn(&mut S, $($view),*) -> D + for<'a, 's> Fn(&'s mut S, $(<$view::Row as Row>::View<'a>),*) -> D + Closure,
            S: Value + Clone,
            D: Updated,
            $($view: Emit,)*
        {
            fn arguments() -> Vec<Argument> {
                vec![$(argument::<$view::Row>()),*]
            }
            fn each(&self, update: Update<'_, S>) -> Result<()> {
                let Update { name, zero, states, columns, called, groups } = update;
                if columns.len() != $count {
                    return internal_err!("{name} takes {} arguments, not {}", $count, columns.len());
                }
                let of_column = |index: usize| move |error| mismatch(name, index, error);
                let readers = ($(<$view::Row as Row>::reader(&columns[$index], called).map_err(of_column($index))?,)*);
                for (row, group) in groups.iter().enumerate() {
                    if called.is_some_and(|called| called.is_null(row)) {
                        continue;
                    }
                    let state = states[*group].get_or_insert_with(|| zero.clone());
                    let updated = $call(self, state, ($(<$view::Row as Row>::view(&readers.$index, row),)*));
                    updated.told().map_err(|error| closure_error(name, error))?;
                }
                Ok(())
            }
        }
    };
}

#[allow(non_snake_case, reason = "arguments are named after their types")]
mod closures {
    use super::*;

    update_closure!(1, call1, A 0);
    update_closure!(2, call2, A 0, B 1);
    update_closure!(3, call3, A 0, B 1, C 2);
    update_closure!(4, call4, A 0, B 1, C 2, E 3);
    update_closure!(5, call5, A 0, B 1, C 2, E 3, G 4);
    update_closure!(6, call6, A 0, B 1, C 2, E 3, G 4, H 5);
}

fn closure_error(name: &str, error: String) -> DataFusionError {
    ClosureError::of(format_args!("{name}: {error}"))
}

/// States of type `S`, and the closures over them.
pub(super) struct States<S, M, G> {
    name: String,
    zero: S,
    states: Vec<Option<S>>,
    update: fn(Update<'_, S>) -> Result<()>,
    merge: M,
    finish: G,
    /// Rows since the states were measured, and before that.
    rows: usize,
    measured_rows: usize,
    /// What states have outside of themselves, about, when they were measured.
    heap: usize,
}

impl<S: Value + Clone, M, G> States<S, M, G> {
    pub(super) fn new(name: &str, zero: S, update: fn(Update<'_, S>) -> Result<()>, merge: M, finish: G) -> Self {
        let (name, states) = (name.to_owned(), vec![]);
        Self { name, zero, states, update, merge, finish, rows: 0, measured_rows: 0, heap: 0 }
    }

    fn encoded(&self, state: &S) -> Result<Vec<u8>> {
        postcard::to_stdvec(state).map_err(|error| {
            let kind = std::any::type_name::<S>();
            exec_datafusion_err!("{}: a state of type {kind} cannot be serialised: {error}", self.name)
        })
    }

    /// Counts rows, and measures some states when there are twice as many as the last time: often enough to see them grow, and
    /// seldom enough to cost little. Types without a destructor have nothing outside of themselves.
    fn grown_by(&mut self, rows: usize) {
        self.rows += rows;
        if !std::mem::needs_drop::<S>() || self.rows < self.measured_rows {
            return;
        }
        self.measured_rows += self.rows;
        self.rows = 0;
        let step = self.states.len().div_ceil(SAMPLE).max(1);
        let sample = self.states.iter().step_by(step);
        let bytes = sample.flatten().map(|state| postcard::to_stdvec(state).map_or(0, |bytes| bytes.len()));
        self.heap = bytes.sum::<usize>() * step;
    }
}

impl<S, M, G, R> GroupStates for States<S, M, G>
where
    S: Value + Clone,
    M: Fn(&mut S, S) + Closure,
    G: Fn(&S) -> R + Closure,
    R: Outcome,
{
    fn len(&self) -> usize {
        self.states.len()
    }
    fn grow(&mut self, groups: usize) {
        if groups > self.states.len() {
            self.states.resize_with(groups, || None);
        }
    }
    fn update(&mut self, columns: &[ArrayRef], called: Option<&NullBuffer>, groups: &[usize]) -> Result<()> {
        let (name, zero, states) = (self.name.as_str(), &self.zero, self.states.as_mut_slice());
        (self.update)(Update { name, zero, states, columns, called, groups })?;
        self.grown_by(groups.len());
        Ok(())
    }
    fn merge(&mut self, states: &BinaryArray, groups: &[usize]) -> Result<()> {
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| states.is_valid(*row)) {
            let other: S = postcard::from_bytes(states.value(row)).map_err(|error| {
                let kind = std::any::type_name::<S>();
                exec_datafusion_err!("{}: a state cannot be read as {kind}: {error}", self.name)
            })?;
            match &mut self.states[*group] {
                Some(state) => (self.merge)(state, other),
                state => *state = Some(other),
            }
        }
        self.grown_by(groups.len());
        Ok(())
    }
    fn states(&self, groups: usize) -> Result<BinaryArray> {
        let mut builder = BinaryBuilder::new();
        for state in &self.states[..groups] {
            match state {
                Some(state) => builder.append_value(self.encoded(state)?),
                None => builder.append_null(),
            }
        }
        Ok(builder.finish())
    }
    fn results(&self, groups: usize) -> Result<ArrayRef> {
        let mut values = <R::Row as Row>::Builder::default();
        for state in &self.states[..groups] {
            let given = (self.finish)(state.as_ref().unwrap_or(&self.zero));
            given.emit_or_tell(&mut values).map_err(|error| closure_error(&self.name, error))?;
        }
        Ok(R::Row::finish(&mut values, None))
    }
    fn forget(&mut self, groups: usize) {
        let before = self.states.len().max(1);
        self.states.drain(..groups);
        self.heap = self.heap / before * self.states.len();
        if self.states.is_empty() {
            // Operators that spill ask afterwards what is left.
            self.states = vec![];
            (self.rows, self.measured_rows) = (0, 0);
        }
    }
    fn size(&self) -> usize {
        // As if states had grown since then as they did before.
        let since = self.heap / self.measured_rows.max(1) * self.rows;
        size_of_val(self) + self.states.capacity() * size_of::<Option<S>>() + self.heap + since
    }
}
