//! Processor time of one thread.

use crate::Result;

/// Seconds this thread has run so far, as the kernel's scheduler accounts for it.
pub(super) fn thread_time() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().ok_or("empty schedstat")?.parse::<f64>()?;
    Ok(nanoseconds / 1e9)
}
