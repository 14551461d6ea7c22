//! Peak memory, and memory before a measurement.
//!
//! A peak is as the kernel kept it: `VmHWM` of this process and of the worker processes below it.
//!
//! It is read by the child itself, after its runs and before it stops its workers. `ru_maxrss` of `wait4` would do for
//! the engines that are one process, but it cannot add up workers, and it begins at what the *parent* held when it
//! started the child. The sum over processes is an upper bound: their peaks need not coincide, and the pages of the
//! program itself, which they share, count in each.

use crate::Result;
use std::fs;

/// Bytes in a megabyte.
pub(crate) const MB: f64 = 1024.0 * 1024.0;

/// What an executor on Mesos has in its environment.
const MESOS: &[u8] = b"DPARK_WORKER=mesos";

/// Peak resident bytes of this process and of each of its direct children; with Mesos, of each executor.
pub(crate) fn peaks() -> Result<Vec<u64>> {
    let me = std::process::id();
    let mut peaks = vec![high_water(me).ok_or("/proc/self/status has no VmHWM: Linux only")?];
    for entry in fs::read_dir("/proc")? {
        let pid = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        // A process may be gone by the time it is looked at.
        let counts = |pid: &u32| parent(*pid) == Some(me) || is_executor(*pid);
        peaks.extend(pid.filter(counts).and_then(high_water));
    }
    Ok(peaks)
}

/// Of the memory that is free, so much is used before a measurement, and no more bytes than that.
const TOUCHED: (u64, u64) = (3, 8 << 30);

/// Uses free memory once, and leaves it. The host of a virtual machine takes back what is free for some seconds and gives it again page
/// by page: a first touch then takes ten times as long as another, and whoever comes first would pay for it.
pub(crate) fn touch() -> Result<()> {
    let (part, most) = TOUCHED;
    let free = field(&fs::read_to_string("/proc/meminfo")?, "MemAvailable:").unwrap_or(0) * 1024;
    std::hint::black_box(vec![1u8; usize::try_from((free / part).min(most))?]);
    Ok(())
}

/// Executors on Mesos are children of their agents, and copies of this program.
fn is_executor(pid: u32) -> bool {
    let program = |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let is_copy = program(&pid.to_string()).is_some_and(|of| Some(of) == program("self"));
    is_copy && fs::read(format!("/proc/{pid}/environ")).is_ok_and(|all| all.split(|b| *b == 0).any(|v| v == MESOS))
}

fn high_water(pid: u32) -> Option<u64> {
    field(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:").map(|kilobytes| kilobytes * 1024)
}

fn parent(pid: u32) -> Option<u32> {
    field(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "PPid:").and_then(|pid| pid.try_into().ok())
}

/// The number after `name` in a text of lines "name: number".
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
