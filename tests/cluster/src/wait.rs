//! Waiting for what a cluster does in its own time.

use crate::Error;
use std::time::{Duration, Instant};

/// Asks `check` every 20 ms until it says something, at most for `limit`. An error of it is not the end: a master that
/// is just away refuses connections.
pub fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut check: impl FnMut() -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let start = Instant::now();
    loop {
        let last = match check() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(error) => Some(error.to_string()),
        };
        if start.elapsed() >= limit {
            return Err(Error::TimedOut { what: what.to_owned(), waited: limit, last });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
