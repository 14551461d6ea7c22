//! How patient a scheduler is.

use std::time::Duration;

/// How patient a scheduler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchedulerConfig {
    /// So many failed attempts at one partition end the jobs that need it. At least 1.
    pub max_failures: u32,
    /// So many attempts at one partition that could not fetch an input, or did not start, end the jobs that need it;
    /// the same number of times the driver may fail to fetch one partition of a result. At least 1.
    pub max_fetch_failures: u32,
    /// For so many ended jobs, `job_progress` and `recomputed` still answer.
    pub remembered_jobs: usize,
    /// A task that had too little memory is tried again with twice as much, up to so many MiB.
    pub max_memory: u64,
    /// When a slow task gets a second attempt beside the first; `None` for never.
    pub speculation: Option<Speculation>,
    /// A partition whose narrow input lies on a busy executor waits for that executor, until its stage has gone so
    /// long without a launch in the right place. Zero for no waiting.
    pub locality_wait: Duration,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            max_failures: 4,
            max_fetch_failures: 16,
            remembered_jobs: 128,
            max_memory: u64::MAX,
            speculation: None,
            locality_wait: Duration::ZERO,
        }
    }
}

impl SchedulerConfig {
    /// Whether anything happens because time passes.
    pub(crate) fn depends_on_time(&self) -> bool {
        self.speculation.is_some() || !self.locality_wait.is_zero()
    }
}

/// When a task counts as slow: once `quantile_percent` of its stage's partitions have output, and it has been running
/// for `multiplier_percent` of the median of those of them that ran, but at least for `minimum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speculation {
    /// So many hundredths of the partitions must have output.
    pub quantile_percent: u32,
    /// So many hundredths of the median time are too long.
    pub multiplier_percent: u32,
    /// Shorter than this is never too long: a second attempt costs something too.
    pub minimum: Duration,
}

impl Default for Speculation {
    fn default() -> Self {
        Self { quantile_percent: 75, multiplier_percent: 300, minimum: Duration::from_secs(1) }
    }
}
