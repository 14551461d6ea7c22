//! A job's stages as text: `EXPLAIN LINEAGE`, and with what they did, `EXPLAIN ANALYZE`.

use crate::driver::StageReport;
use datafusion::physical_plan::displayable;
use dpark_lineage::Placement;
use dpark_plan::{JobPlan, StagePlan};
use std::fmt::Write;
use std::time::Duration;

/// One stage: a line of facts, then its fragment, indented.
pub(crate) fn stage_text(stage: &StagePlan, is_target: bool, report: Option<&StageReport>) -> String {
    let mut text = String::new();
    let output = if is_target { "result".to_owned() } else { stage.output.to_string() };
    let _ = write!(text, "{}: {} tasks, output={output}", stage.id, stage.partitions());
    let reads = stage.inputs.iter().map(|input| {
        let names = stage.renamed.iter().filter(|(_, other)| *other == input.stage);
        let names: Vec<_> = names.map(|(name, _)| format!(" as {name}")).collect();
        format!("{}{} ({:?})", input.stage, names.join(","), input.kind)
    });
    let reads: Vec<_> = reads.collect();
    if !reads.is_empty() {
        let _ = write!(text, ", reads {}", reads.join(", "));
    }
    let after: Vec<_> = stage.after.iter().map(|stage| stage.to_string()).collect();
    if !after.is_empty() {
        let _ = write!(text, ", runtime filters from {}", after.join(", "));
    }
    if stage.placement == Placement::Driver {
        text.push_str(", in the driver");
    }
    text.push('\n');
    if let Some(report) = report {
        let _ = writeln!(text, "  {}", report_line(report));
    }
    for line in displayable(stage.plan.as_ref()).indent(false).to_string().lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// The whole lineage of a job, one entry a stage.
pub(crate) fn job_text(plan: &JobPlan) -> Vec<String> {
    plan.stages.iter().map(|stage| stage_text(stage, stage.id == plan.target, None)).collect()
}

fn report_line(report: &StageReport) -> String {
    if report.tasks == 0 {
        return "not run: its output was there".to_owned();
    }
    let mut line = format!(
        "tasks={}, rows={}, read={}, shuffled={}, spilled={}, time={}",
        report.tasks,
        report.rows,
        bytes_text(report.bytes_scanned),
        bytes_text(report.bytes_written),
        bytes_text(report.bytes_spilled),
        time_text(report.time()),
    );
    if let Some(skew) = report.skew() {
        let _ = write!(line, ", skew={skew:.1}");
    }
    line
}

/// Bytes with a binary unit.
pub(crate) fn bytes_text(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

/// Milliseconds below a second, seconds above.
pub(crate) fn time_text(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}
