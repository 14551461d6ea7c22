//! What a job did, stage by stage: the numbers of `EXPLAIN ANALYZE`.

use dpark_executor::TaskSuccess;
use dpark_lineage::StageId;
use std::time::Duration;

/// Sums over the tasks of one stage. A task that ran again counts again.
#[derive(Debug, Clone, Default)]
pub(crate) struct StageReport {
    pub(crate) tasks: usize,
    pub(crate) rows: u64,
    pub(crate) bytes_scanned: u64,
    pub(crate) bytes_written: u64,
    pub(crate) bytes_spilled: u64,
    times: Vec<Duration>,
}

impl StageReport {
    pub(crate) fn add(&mut self, done: &TaskSuccess) {
        self.tasks += 1;
        self.rows += done.output.rows();
        self.bytes_scanned += done.metrics.bytes_scanned;
        self.bytes_written += done.output.bytes();
        self.bytes_spilled += done.output.spilled_bytes + done.metrics.operator_spilled_bytes;
        self.times.push(done.metrics.elapsed);
    }

    /// Time of all tasks together.
    pub(crate) fn time(&self) -> Duration {
        self.times.iter().sum()
    }

    /// The longest task's time over the median task's (of two tasks, the shorter one's).
    pub(crate) fn skew(&self) -> Option<f64> {
        let mut times = self.times.clone();
        times.sort_unstable();
        let (median, max) = (times.get(times.len().checked_sub(1)? / 2)?, times.last()?);
        (!median.is_zero()).then(|| max.as_secs_f64() / median.as_secs_f64())
    }
}

/// A finished job.
#[derive(Debug, Clone, Default)]
pub(crate) struct JobReport {
    pub(crate) stages: Vec<(StageId, StageReport)>,
    pub(crate) recomputed: Vec<(StageId, u32)>,
    pub(crate) elapsed: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_compares_the_longest_task_with_the_usual_one() {
        let skew = |times: &[u64]| {
            let times = times.iter().map(|&millis| Duration::from_millis(millis)).collect();
            StageReport { times, ..StageReport::default() }.skew()
        };
        assert_eq!(skew(&[]), None);
        assert_eq!(skew(&[7]), Some(1.0));
        assert_eq!(skew(&[40, 10]), Some(4.0));
        assert_eq!(skew(&[10, 40, 10]), Some(4.0));
        assert_eq!(skew(&[10, 40, 20, 10]), Some(4.0));
        assert_eq!(skew(&[0, 0, 40]), None);
    }
}
