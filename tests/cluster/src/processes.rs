//! Which processes belong to a cluster, told by its directory.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The live processes that have `directory` in their command line, environment or working directory: the nodes of the
/// cluster there, its executors with what they started, and the testbed's own.
pub fn processes_of(directory: &Path) -> Vec<u32> {
    let mark = directory.as_os_str().as_bytes();
    let has_mark = |data: &[u8]| data.windows(mark.len()).any(|window| window == mark);
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        has_mark(&read("cmdline"))
            || has_mark(&read("environ"))
            || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(directory))
    })
    .collect()
}
