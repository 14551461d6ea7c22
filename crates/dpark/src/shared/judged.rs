//! What the tasks of one job have added to accumulators that judge jobs.
//!
//! An accumulator's value is the sum of all jobs. Whether a job has left out too many rows is a matter of its own rows.

use super::registry::{Registry, Total};
use dpark_executor::shared::Increment;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// See the module.
#[derive(Default)]
pub(crate) struct Judged(HashMap<u64, Arc<dyn Total>>);

impl Judged {
    /// Adds what a task added, if its accumulator judges jobs.
    pub(crate) fn add(&mut self, registry: &Registry, increment: &Increment) {
        let id = increment.accumulator;
        if let Some(fresh) = registry.fresh(id).filter(|_| !self.0.contains_key(&id)) {
            self.0.insert(id, fresh);
        }
        if let Some(part) = self.0.get(&id) {
            // It was read once for the sum of all jobs, which tells of errors.
            let _ = part.merge(increment);
        }
    }

    /// Why the job shall fail, if it shall.
    pub(crate) fn objection(&self) -> Option<String> {
        self.said(|part| part.objection())
    }

    /// What its user should know.
    pub(crate) fn warning(&self) -> Option<String> {
        self.said(|part| part.warning())
    }

    fn said(&self, ask: impl Fn(&dyn Total) -> Option<String>) -> Option<String> {
        // It is a user's code, and runs in the driver's loop.
        self.0.values().find_map(|part| catch_unwind(AssertUnwindSafe(|| ask(&**part))).ok().flatten())
    }
}
