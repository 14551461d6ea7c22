//! How long to wait before trying again. Pure: the randomness is an argument.

use std::time::Duration;

/// Waits that double up to a cap, each drawn evenly from the upper half of its range: so many clients that lost the
/// same master do not come back in step, and none of them comes back at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    attempts: u32,
}

impl Backoff {
    /// From about `first` up to `cap`.
    pub fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap: cap.max(first), attempts: 0 }
    }

    /// The next wait, for a random number from 0 to 1.
    pub fn next(&mut self, random: f64) -> Duration {
        let doubled = self.first.checked_mul(1u32.checked_shl(self.attempts).unwrap_or(u32::MAX));
        let whole = doubled.map_or(self.cap, |wait| wait.min(self.cap));
        self.attempts = (self.attempts + 1).min(31);
        whole.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }

    /// After a success: start over.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap_within_its_jitter() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let longest: Vec<_> = (0..6).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.next(0.0).as_millis(), 50);
        for _ in 0..100 {
            assert!(backoff.next(2.0) <= Duration::from_secs(1));
        }
    }

    #[test]
    fn a_cap_below_the_first_wait_is_raised_to_it() {
        assert_eq!(Backoff::new(Duration::from_secs(2), Duration::ZERO).next(1.0), Duration::from_secs(2));
    }
}
