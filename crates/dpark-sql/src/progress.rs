//! The progress line of a running query: on standard error, only where someone looks, gone before results come.

use crate::console;
use dpark::Progress;
use std::time::{Duration, Instant};

/// A query shorter than this shows no progress.
const PATIENCE: Duration = Duration::from_millis(300);

/// A line that is redrawn in place.
pub(crate) struct ProgressLine {
    enabled: bool,
    drawn: bool,
    started: Instant,
}

impl ProgressLine {
    /// A line for a query that starts now.
    pub(crate) fn start(enabled: bool) -> Self {
        ProgressLine { enabled: enabled && console::watched(), drawn: false, started: Instant::now() }
    }

    /// Whether it pays to call [`ProgressLine::draw`].
    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    /// Shows a snapshot.
    pub(crate) fn draw(&mut self, progress: &Progress) {
        let elapsed = self.started.elapsed();
        if !self.enabled || elapsed < PATIENCE {
            return;
        }
        let columns = console::terminal_size().map_or(80, |(columns, _)| columns);
        let line: String = describe(progress, elapsed).chars().take(columns.saturating_sub(1)).collect();
        console::draw(&format!("\r{line}\x1b[K"));
        self.drawn = true;
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            console::draw("\r\x1b[K");
        }
    }

    /// Takes the line away for good.
    pub(crate) fn end(&mut self) {
        self.clear();
        self.enabled = false;
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

fn describe(progress: &Progress, elapsed: Duration) -> String {
    let seconds = format!("{:.1} s", elapsed.as_secs_f64());
    if progress.jobs == 0 {
        return format!("running  {seconds}");
    }
    let (stages, all_stages) = progress.stages;
    let (tasks, all_tasks) = progress.tasks;
    let bar = bar(tasks, all_tasks);
    let rows = scaled(progress.rows, 1000.0, ["", " k", " M", " G", " T"]);
    let bytes = scaled(progress.bytes, 1024.0, [" B", " KiB", " MiB", " GiB", " TiB"]);
    format!("{bar} stages {stages}/{all_stages}  tasks {tasks}/{all_tasks}  {rows} rows  {bytes}  {seconds}")
}

fn bar(done: usize, all: usize) -> String {
    const CELLS: usize = 20;
    let full = (done * CELLS).checked_div(all).unwrap_or(0).min(CELLS);
    format!("[{}{}]", "#".repeat(full), " ".repeat(CELLS - full))
}

/// A number with a unit, in three digits or so.
pub(crate) fn scaled(n: u64, step: f64, units: [&str; 5]) -> String {
    let mut value = n as f64;
    let mut unit = 0;
    while value >= step && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 100.0 { 0 } else { 1 };
    format!("{value:.digits$}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_state() {
        let progress = Progress {
            jobs: 1,
            stages: (1, 3),
            tasks: (5, 10),
            rows: 1_234_567,
            bytes: 3 << 20,
            elapsed: Duration::ZERO,
        };
        assert_eq!(
            describe(&progress, Duration::from_millis(2345)),
            "[##########          ] stages 1/3  tasks 5/10  1.2 M rows  3.0 MiB  2.3 s"
        );
        assert_eq!(describe(&Progress::default(), Duration::from_secs(1)), "running  1.0 s");
    }
}
