//! What Mesos says, in our words. Pure, but for the clock.

use mesos_rs::proto::{StatusReason, TaskState, Url};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// As people write cores.
pub(super) fn cores(thousandths: u32) -> f64 {
    f64::from(thousandths) / 1000.0
}

/// `host:port` of an agent's own server.
pub(super) fn http_of(url: &Url) -> Option<String> {
    let address = &url.address;
    let host = address.ip.clone().or_else(|| address.hostname.clone())?;
    Some(format!("{host}:{}", address.port))
}

/// Wall-clock time, in which maintenance is planned.
pub(super) fn clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// No more will be heard of the task, and its resources are free. Of an unknown one the master knows nothing to wait for.
pub(super) fn is_over(state: TaskState) -> bool {
    state.is_terminal() || state == TaskState::Unknown
}

pub(super) fn state_name(state: TaskState) -> String {
    format!("{state:?}").to_lowercase()
}

/// It is the executor that is gone, not the one task.
pub(super) fn is_end_of_executor(reason: StatusReason) -> bool {
    use StatusReason::*;
    matches!(
        reason,
        ExecutorTerminated
            | ExecutorRegistrationTimeout
            | ExecutorReregistrationTimeout
            | ExecutorUnregistered
            | ContainerLaunchFailed
            | ContainerLimitation
            | ContainerLimitationDisk
            | ContainerLimitationMemory
            | ContainerPreempted
            | AgentRemoved
            | AgentRemovedByOperator
    )
}

/// A status as `waitpid` gives it, in words.
pub(super) fn wait_status(status: i32) -> String {
    match status & 0x7f {
        0 => format!("exit status {}", (status >> 8) & 0xff),
        signal => format!("signal {signal}"),
    }
}
