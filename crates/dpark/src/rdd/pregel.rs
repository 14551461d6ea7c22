//! Graphs, vertex by vertex: Pregel (Malewicz and others, "Pregel: a system for large-scale graph processing", 2010).
//!
//! A computation goes in supersteps. In each, a closure sees every vertex that is awake or has received messages: its state,
//! its out edges, and what the messages sent to it in the superstep before were combined to. It changes the state, sends
//! messages to vertices whose ids it knows, may tell something to all (an [`Aggregate`]), and may halt the vertex, which then
//! sleeps until the next message. The end is when all sleep and no message is under way.
//!
//! ```no_run
//! # use dpark::prelude::*;
//! # async fn example(vertices: Rdd<(u64, (u64, Vec<u64>))>) -> dpark::Result<()> {
//! use dpark::rdd::pregel::Pregel;
//!
//! // The smallest id of each connected component.
//! let components = Pregel::new(&vertices)
//!     .max_supersteps(100)
//!     .run(u64::min, |step, vertex, smallest, out| {
//!         let before = vertex.state;
//!         vertex.state = smallest.unwrap_or(vertex.id).min(before);
//!         if step.number == 0 || vertex.state < before {
//!             vertex.edges.into_iter().for_each(|to| out.send(to, vertex.state));
//!         }
//!         vertex.halt();
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! Vertices are partitioned by their ids once and stay where they are: a superstep is one job, in which messages are combined
//! within each partition, move, and are joined to the vertices. What it makes is cached, and what the one before has made is
//! freed, so a long computation costs each superstep once. A lost partition is computed again from its lineage, as
//! everywhere.

use super::closure::{Closure, Out, Value, at_end, each_batch, to_rows, with_value};
use super::{Argument, Key, List, Rdd, Row};
use arrow::array::{AsArray, StructArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use datafusion::common::{Result, internal_err};
use dpark_operators::combine::external;
use dpark_plan::dataset::BatchTask;
use dpark_rows::Rows;
use std::fmt;
use std::ops::Add;
use std::sync::Arc;

/// A computation over the vertices of a graph; see the module.
#[must_use = "it computes nothing before `run`"]
pub struct Pregel<K, S, E, A = (), P = ()> {
    vertices: Rdd<(K, (S, Vec<E>))>,
    max_supersteps: usize,
    aggregated: A,
    value: P,
}

/// What vertices tell in a superstep, put together; in the next one all vertices see it.
pub trait Aggregate: Value + Clone + Default {
    /// Puts together what was told; must be associative and commutative, and the default neutral.
    fn merge(self, other: Self) -> Self;
}

impl Aggregate for () {
    fn merge(self, _: Self) {}
}

/// A sum, as an [`Aggregate`].
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sum<T>(pub T);

impl<T: Value + Clone + Default + Add<Output = T>> Aggregate for Sum<T> {
    fn merge(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// What all vertices see in a superstep.
#[derive(Debug)]
pub struct Superstep<'a, A, P> {
    /// Counted from 0.
    pub number: usize,
    /// What vertices told in the superstep before.
    pub aggregated: &'a A,
    /// The value of [`Pregel::with`].
    pub value: &'a P,
}

/// A vertex in a superstep.
pub struct Vertex<'a, K: Row, S, E: Row> {
    /// Its id.
    pub id: K::View<'a>,
    /// Its state, to be changed.
    pub state: S,
    /// Its out edges: ids, or ids and something else.
    pub edges: List<'a, E>,
    awake: bool,
}

impl<K: Row, S, E: Row> Vertex<'_, K, S, E> {
    /// Nothing more to do, unless there are messages.
    pub fn halt(&mut self) {
        self.awake = false;
    }
}

/// What a vertex says in a superstep.
pub struct Outbox<K, M, A> {
    messages: Vec<(K, M)>,
    told: Option<A>,
}

impl<K: Row, M, A: Aggregate> Outbox<K, M, A> {
    /// Sends a message to a vertex; if there is none of this id, it is dropped.
    pub fn send(&mut self, to: K::View<'_>, message: M) {
        self.messages.push((K::owned(to), message));
    }

    /// Tells something to all vertices.
    pub fn aggregate(&mut self, value: A) {
        self.told = Some(match self.told.take() {
            Some(told) => told.merge(value),
            None => value,
        });
    }
}

/// What came out of a computation.
pub struct Outcome<K, S, A> {
    /// The vertices' states. The rows are kept; see [`Outcome::unpersist`].
    pub vertices: Rdd<(K, S)>,
    /// How many supersteps there were.
    pub supersteps: usize,
    /// What vertices told in the last superstep.
    pub aggregated: A,
    /// Whether all vertices had halted; otherwise it was the allowed number of supersteps that ended it.
    pub halted: bool,
    plan: datafusion::logical_expr::LogicalPlan,
}

impl<K: Row, S: Row, A> Outcome<K, S, A> {
    /// Frees the rows. The data set stays usable, but the next job over it computes, and keeps, all supersteps anew.
    pub fn unpersist(&self) {
        self.vertices.context().unpersist_plan(&self.plan);
    }
}

impl<K: Row, S: Row, A: fmt::Debug> fmt::Debug for Outcome<K, S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vertices, supersteps, aggregated, halted, .. } = self;
        write!(f, "Outcome({vertices:?}, {supersteps} supersteps, halted: {halted}, aggregated: {aggregated:?})")
    }
}

/// State, out edges, whether awake.
type Resting<K, S, E> = (K, (S, Vec<E>, bool));
/// With the messages that it was sent.
type Called<K, S, E, M> = (K, ((S, Vec<E>, bool), Option<M>));
/// With the messages that it sends, and now and then what vertices tell to all.
type Done<K, S, E, M> = (K, (S, Vec<E>, bool, Vec<(K, M)>, Option<Bytes>));

/// What the driver learns of a superstep.
struct Summary<A> {
    messages: u64,
    awake: u64,
    aggregated: A,
}

impl<K: Key, S: Row, E: Row> Pregel<K, S, E> {
    /// Over vertices with an id each, a state to begin with, and out edges. They are partitioned as
    /// [`Rdd::with_partitions`] says.
    pub fn new(vertices: &Rdd<(K, (S, Vec<E>))>) -> Self {
        Self { vertices: vertices.clone(), max_supersteps: usize::MAX, aggregated: (), value: () }
    }
}

impl<K: Key, S: Row, E: Row, A: Aggregate, P: Value> Pregel<K, S, E, A, P> {
    /// Ends after so many supersteps (at least one), if not all vertices have halted before.
    pub fn max_supersteps(self, supersteps: usize) -> Self {
        Self { max_supersteps: supersteps, ..self }
    }

    /// Vertices may tell something to all.
    pub fn aggregate<B: Aggregate>(self) -> Pregel<K, S, E, B, P> {
        let Self { vertices, max_supersteps, value, .. } = self;
        Pregel { vertices, max_supersteps, aggregated: B::default(), value }
    }

    /// Gives the closure a value.
    pub fn with<Q: Value>(self, value: Q) -> Pregel<K, S, E, A, Q> {
        let Self { vertices, max_supersteps, aggregated, .. } = self;
        Pregel { vertices, max_supersteps, aggregated, value }
    }

    /// Computes supersteps to the end. `combine` makes one of two messages to one vertex; it must be associative and
    /// commutative. If all messages are needed, let them be lists of one and `combine` append.
    pub async fn run<M, C, F>(self, combine: C, compute: F) -> Result<Outcome<K, S, A>>
    where
        M: Row,
        C: Fn(M, M) -> M + Closure,
        F: Fn(&Superstep<'_, A, P>, &mut Vertex<'_, K, S, E>, Option<M>, &mut Outbox<K, M, A>) + Closure,
    {
        let vertices = self.vertices.partition_by_key();
        let partitions = vertices.partition_count().await?;
        let (mut number, mut aggregated) = (0, self.aggregated);
        let mut called: Rdd<Called<K, S, E, M>> = vertices.flat_map_values(|(state, edges), out| {
            out.push(((state, edges, true), None::<M>));
        });
        let mut before: Option<Kept<Done<K, S, E, M>>> = None;
        loop {
            let argument = called.argument(&(number, &aggregated, &self.value));
            let done = Kept { rdd: called.computed::<A, P, F>(compute, argument).cache(), free: true };
            let summary = done.rdd.summary::<A>().await?;
            // Those of the superstep before are not needed any more.
            drop(before);
            (number, aggregated) = (number + 1, summary.aggregated);
            let halted = summary.awake == 0 && summary.messages == 0;
            if halted || number >= self.max_supersteps {
                let done = done.stay();
                let plan = done.to_df()?.into_unoptimized_plan();
                let vertices = done.flat_map_values(|(state, ..), out| out.push(state));
                return Ok(Outcome { vertices, supersteps: number, aggregated, halted, plan });
            }
            let messages: Rdd<(K, M)> = done.rdd.flat_map(|(_, (_, _, _, messages, _)), out| {
                messages.iter().for_each(|message| out.push(message));
            });
            called = done.rdd.resting().left_join(&messages.with_partitions(partitions).reduce_by_key(combine));
            before = Some(done);
        }
    }
}

impl<K: Key, S: Row, E: Row, M: Row> Rdd<Called<K, S, E, M>> {
    /// A superstep of each partition.
    fn computed<A, P, F>(&self, compute: F, argument: Argument) -> Rdd<Done<K, S, E, M>>
    where
        A: Aggregate,
        P: Value,
        F: Fn(&Superstep<'_, A, P>, &mut Vertex<'_, K, S, E>, Option<M>, &mut Outbox<K, M, A>) + Closure,
    {
        let body = move |task| {
            with_value::<(usize, A, P)>(task, move |(number, aggregated, value), task| {
                to_rows(task, move |batch, out: &mut Out<Done<K, S, E, M>>| {
                    let step = Superstep { number, aggregated: &aggregated, value: &value };
                    let mut told = None;
                    for (row, called) in (1..).zip(Rows::<Called<K, S, E, M>>::of(batch).map_err(external)?) {
                        let (id, ((state, edges, awake), message)) = called;
                        let mut vertex = Vertex { id, state: S::owned(state), edges, awake: true };
                        let mut outbox = Outbox { messages: vec![], told: told.take() };
                        match awake || message.is_some() {
                            true => compute(&step, &mut vertex, message.map(M::owned), &mut outbox),
                            false => vertex.halt(),
                        }
                        told = outbox.told;
                        // What the vertices of a batch tell goes with its last one.
                        let goes = if row == batch.num_rows() { told.take() } else { None };
                        let goes = goes.map(|told| postcard::to_stdvec(&told)).transpose().map_err(external)?;
                        out.push((id, (vertex.state, edges, vertex.awake, outbox.messages, goes.map(Bytes::from))));
                    }
                    Ok(())
                })
            })
        };
        self.step(&compute, body, argument, true)
    }
}

impl<K: Key, S: Row, E: Row, M: Row> Rdd<Done<K, S, E, M>> {
    /// Without what was said. No row is touched.
    fn resting(&self) -> Rdd<Resting<K, S, E>> {
        let body = move |task: BatchTask| {
            let schema = Arc::clone(&task.schema);
            each_batch(task, move |batch| {
                let (Some(all), DataType::Struct(kept)) =
                    (batch.column(1).as_struct_opt(), schema.field(1).data_type())
                else {
                    return internal_err!("a vertex has columns of its own");
                };
                let columns = all.columns().iter().take(kept.len()).cloned().collect();
                let kept = StructArray::try_new(kept.clone(), columns, None)?;
                let columns = vec![Arc::clone(batch.column(0)), Arc::new(kept)];
                Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
            })
        };
        self.step(&body, body, Argument::none(), true)
    }

    /// Computes the superstep.
    async fn summary<A: Aggregate>(&self) -> Result<Summary<A>> {
        let body = move |task| {
            at_end::<(u64, u64, Bytes), (u64, u64, A)>(
                task,
                Default::default(),
                |(messages, awake, aggregated), batch| {
                    for (_, (_, _, is_awake, sent, told)) in Rows::<Done<K, S, E, M>>::of(&batch).map_err(external)? {
                        *messages += sent.len() as u64;
                        *awake += u64::from(is_awake);
                        if let Some(told) = told {
                            let told = postcard::from_bytes(told).map_err(external)?;
                            *aggregated = std::mem::take(aggregated).merge(told);
                        }
                    }
                    Ok(())
                },
                |(messages, awake, aggregated), out| {
                    let aggregated = postcard::to_stdvec(&aggregated).map_err(external)?;
                    out.push((messages, awake, aggregated.as_slice()));
                    Ok(())
                },
            )
        };
        let parts: Rdd<(u64, u64, Bytes)> = self.step(&body, body, Argument::none(), false);
        let mut all = Summary { messages: 0, awake: 0, aggregated: A::default() };
        for (messages, awake, aggregated) in parts.collect().await? {
            all.messages += messages;
            all.awake += awake;
            all.aggregated = all.aggregated.merge(postcard::from_bytes(&aggregated).map_err(external)?);
        }
        Ok(all)
    }
}

/// A cached data set that is freed when it goes out of sight, also by an error or when nobody waits any more.
struct Kept<T: Row> {
    rdd: Rdd<T>,
    free: bool,
}

impl<T: Row> Kept<T> {
    /// The data set, which is not freed then.
    fn stay(mut self) -> Rdd<T> {
        self.free = false;
        self.rdd.clone()
    }
}

impl<T: Row> Drop for Kept<T> {
    fn drop(&mut self) {
        if self.free {
            self.rdd.unpersist();
        }
    }
}
