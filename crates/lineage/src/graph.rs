//! From a job's spec to its lineage: which stages the target needs, inputs first; or why the spec makes no sense.
//!
//! Nothing is registered before the whole spec has been found sound, so a bad job leaves no trace.

use crate::ids::StageId;
use crate::job_error::JobError;
use crate::spec::{JobSpec, StageSpec};
use std::collections::{BTreeMap, BTreeSet};

/// A stage keeps some hundred bytes per partition, so an absurd count (a bug, an overflow) must not reach an allocator.
pub(crate) const MAX_PARTITIONS: u32 = 1 << 24;

/// The stages a target needs and itself, every stage after what it refers to, and the specs among them that are new.
#[derive(Debug)]
pub(crate) struct Lineage {
    pub(crate) order: Vec<StageId>,
    pub(crate) new: Vec<StageSpec>,
}

/// Checks a job's spec and puts its stages in order. `known` gives the spec of stages the scheduler has already.
pub(crate) fn resolve<'a>(
    job: JobSpec,
    known: impl Fn(StageId) -> Option<&'a StageSpec>,
) -> Result<Lineage, Box<JobError>> {
    let mut listed: BTreeMap<StageId, StageSpec> = BTreeMap::new();
    for spec in job.stages {
        let stage = spec.id;
        if spec.partitions > MAX_PARTITIONS {
            return Err(Box::new(JobError::TooManyPartitions { stage, partitions: spec.partitions }));
        }
        let other = known(stage).or_else(|| listed.get(&stage));
        if other.is_some_and(|o| o.partitions != spec.partitions || o.inputs != spec.inputs) {
            return Err(Box::new(JobError::Conflicting { stage }));
        }
        if other.is_none() {
            listed.insert(stage, spec);
        }
    }
    let order = inputs_first(job.target, |stage| listed.get(&stage).or_else(|| known(stage)))?;
    let new = order.iter().filter_map(|stage| listed.remove(stage)).collect();
    Ok(Lineage { order, new })
}

/// The target's ancestors and the target in post-order. A loop with its own stack: a long iteration makes lineages
/// deeper than a thread's stack.
fn inputs_first<'a>(
    target: StageId,
    spec: impl Fn(StageId) -> Option<&'a StageSpec>,
) -> Result<Vec<StageId>, Box<JobError>> {
    let parents = |stage, needed_by| match spec(stage) {
        Some(spec) => Ok(spec.parents().collect::<Vec<_>>().into_iter()),
        None => Err(Box::new(JobError::UnknownStage { stage, needed_by })),
    };
    let mut order = Vec::new();
    let mut done = BTreeSet::new();
    let mut open = BTreeSet::from([target]);
    let mut path = vec![(target, parents(target, None)?)];
    while let Some((stage, rest)) = path.last_mut() {
        let stage = *stage;
        match rest.next() {
            Some(parent) if done.contains(&parent) => {}
            Some(parent) => {
                if !open.insert(parent) {
                    return Err(Box::new(JobError::Cyclic { stage: parent }));
                }
                let next = parents(parent, Some(stage))?;
                path.push((parent, next));
            }
            None => {
                path.pop();
                open.remove(&stage);
                done.insert(stage);
                order.push(stage);
            }
        }
    }
    Ok(order)
}
