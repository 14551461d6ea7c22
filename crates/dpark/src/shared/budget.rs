//! Bad records: those for which a closure fails, left out and counted, as long as they are few.
//!
//! A task counts, in an accumulator of the data set's own, what goes through each closure. When a job is over, the driver
//! looks whether some closure has failed for too many.

use super::accumulate::Accumulate;
use super::accumulator::Accumulator;
use datafusion::common::{Result, internal_err};
use datafusion::execution::TaskContext;
use dpark_executor::shared::TaskShared;
use dpark_plan::argument::Header;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// What is kept of the failures of a closure, at most.
const SAMPLES: usize = 5;

/// Characters of a failure that are kept.
const SAMPLE_LENGTH: usize = 200;

/// What went through one closure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Failures {
    /// Rows.
    pub records: u64,
    /// Rows for which it failed.
    pub bad: u64,
    /// What it said of some of them, each once.
    pub samples: Vec<String>,
}

/// What went through the closures of a data set with an error budget, by closure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BadRecords {
    /// The part of a closure's rows that may be bad; 0 in tasks, which do not know it.
    pub budget: f64,
    /// By the closure's name and place, as `main::parse at src/main.rs:12:30`.
    pub closures: BTreeMap<String, Failures>,
}

impl BadRecords {
    /// How many rows were left out.
    pub fn bad(&self) -> u64 {
        self.closures.values().map(|failures| failures.bad).sum()
    }
}

impl Accumulate for BadRecords {
    type Input = (String, Failures);

    fn add(&mut self, (closure, failures): (String, Failures)) {
        let sum = self.closures.entry(closure).or_default();
        sum.records += failures.records;
        sum.bad += failures.bad;
        for sample in failures.samples {
            if sum.samples.len() < SAMPLES && !sum.samples.contains(&sample) {
                sum.samples.push(sample);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        other.closures.into_iter().for_each(|closure| self.add(closure));
    }

    fn shown(&self) -> String {
        let bad = self.closures.iter().filter(|(_, failures)| failures.bad > 0);
        let shown: Vec<_> = bad.map(|(name, failures)| told(name, failures)).collect();
        if shown.is_empty() { "none".into() } else { shown.join("; ") }
    }

    fn fresh(&self) -> Option<Self> {
        Some(Self { budget: self.budget, closures: BTreeMap::new() })
    }

    fn warning(&self) -> Option<String> {
        (self.bad() > 0).then(|| self.shown())
    }

    fn objection(&self) -> Option<String> {
        let over = |failures: &Failures| failures.bad as f64 > failures.records as f64 * self.budget;
        let (name, failures) = self.closures.iter().find(|(_, failures)| over(failures))?;
        Some(format!("too many bad records: {}; the error budget is {} %", told(name, failures), self.budget * 100.0))
    }
}

fn told(name: &str, failures: &Failures) -> String {
    let Failures { records, bad, samples } = failures;
    format!("{name} failed for {bad} of {records} rows, among them: {}", samples.join(" | "))
}

/// Runs a closure over rows, some of which may be bad.
pub(crate) struct Guard {
    total: Accumulator<BadRecords>,
    closure: String,
}

impl Guard {
    /// The guard of a task's closure, if its data set has an error budget.
    pub(crate) fn of(argument: &[u8], context: &TaskContext) -> Result<Option<Self>> {
        let Ok((Header { budget: Some(budget), .. }, _)) = Header::split(argument) else { return Ok(None) };
        let Some(task) = context.session_config().get_extension::<TaskShared>() else {
            return internal_err!("bad records are counted outside of a task");
        };
        let total = Accumulator::in_task(budget.total, &task).map_err(super::argument::external)?;
        Ok(Some(Self { total, closure: budget.closure }))
    }

    /// Counts the rows of a batch as they go through `each`, which runs them through the given closure one by one.
    pub(crate) fn rows<T>(&self, each: impl FnOnce(&Counting) -> T) -> T {
        let counting = Counting::default();
        let done = each(&counting);
        self.total.add((self.closure.clone(), counting.0.into_inner()));
        done
    }
}

/// The rows of one batch.
#[derive(Default)]
pub(crate) struct Counting(RefCell<Failures>);

impl Counting {
    /// What the closure gives for one row; none if the row is bad.
    pub(crate) fn one<R, E: std::fmt::Display>(&self, closure: impl FnOnce() -> Result<R, E>) -> Option<R> {
        let done = quietly(closure);
        let mut failures = self.0.borrow_mut();
        failures.records += 1;
        let said = match done {
            Ok(Ok(given)) => return Some(given),
            Ok(Err(error)) => shortened(&error.to_string()),
            Err((panic, place)) => panic_message(panic.as_ref(), &place),
        };
        failures.bad += 1;
        if failures.samples.len() < SAMPLES {
            failures.samples.push(said);
        }
        None
    }

    /// The same for a closure that fails only by a panic.
    pub(crate) fn plain<R>(&self, closure: impl FnOnce() -> R) -> Option<R> {
        self.one(|| Ok::<_, std::convert::Infallible>(closure()))
    }
}

thread_local! {
    /// Where the closure of a row panicked that may; None while no such closure runs.
    static PANICKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a closure that may panic. Its panics are counted: they are not printed each by itself with a backtrace.
fn quietly<R>(closure: impl FnOnce() -> R) -> Result<R, (Box<dyn Any + Send>, String)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let other = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let counted = PANICKED.with_borrow_mut(|place| match place {
                Some(place) => {
                    *place = panic.location().map(ToString::to_string).unwrap_or_default();
                    true
                }
                None => false,
            });
            if !counted {
                other(panic);
            }
        }));
    });
    PANICKED.set(Some(String::new()));
    let done = catch_unwind(AssertUnwindSafe(closure));
    let place = PANICKED.take().unwrap_or_default();
    done.map_err(|panic| (panic, place))
}

fn panic_message(panic: &(dyn Any + Send), place: &str) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.map_or_else(|| "without a message".into(), |text| shortened(&text));
    // Empty if the program has a hook of its own by now.
    let place = if place.is_empty() { String::new() } else { format!(" ({place})") };
    format!("panicked: {text}{place}")
}

fn shortened(text: &str) -> String {
    text.chars().take(SAMPLE_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closure_that_fails_too_often_is_named() {
        let mut bad = BadRecords { budget: 0.01, ..BadRecords::default() };
        let of = |records, bad: u64| Failures { records, bad, samples: vec!["no number".into(); bad.min(1) as usize] };
        bad.add(("parse".into(), of(1000, 5)));
        bad.add(("split".into(), of(1_000_000, 0)));
        assert_eq!((bad.objection(), bad.bad()), (None, 5));
        let mut other = BadRecords::default();
        other.add(("parse".into(), of(10, 6)));
        bad.merge(other);
        let said = bad.objection().unwrap();
        assert!(said.contains("parse failed for 11 of 1010 rows") && said.contains("no number"), "{said}");
    }

    #[test]
    fn panics_and_errors_are_left_out() {
        let counting = Counting::default();
        assert_eq!(counting.one(|| Ok::<_, String>(1)), Some(1));
        assert_eq!(counting.one(|| Err::<u8, _>("broken")), None);
        assert_eq!(counting.plain(|| if counting.0.borrow().bad == 1 { panic!("worse") } else { 2 }), None);
        let failures = counting.0.into_inner();
        assert_eq!((failures.records, failures.bad), (3, 2));
        let [broken, worse] = &failures.samples[..] else { panic!("{:?}", failures.samples) };
        assert_eq!(broken, "broken");
        assert!(worse.starts_with("panicked: worse (") && worse.contains("budget.rs:"), "{worse}");
    }
}
