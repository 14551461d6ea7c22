//! How long to keep away from an agent where our executors die. Pure.
//!
//! The first death is nobody's fault; from the second on the agent is left alone, each time for twice as long. A minute
//! without a death halves the count.

use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(60);
const FORGIVEN: Duration = Duration::from_secs(60);

/// One agent's record.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Health {
    deaths: u32,
    last: Duration,
}

impl Health {
    /// An executor died there.
    pub(super) fn died(&mut self, now: Duration) {
        self.deaths = self.count(now) + 1;
        self.last = now;
    }

    fn count(&self, now: Duration) -> u32 {
        let minutes = now.saturating_sub(self.last).as_secs() / FORGIVEN.as_secs();
        self.deaths.checked_shr(u32::try_from(minutes).unwrap_or(u32::MAX)).unwrap_or(0)
    }

    /// How much longer to keep away.
    pub(super) fn away_for(&self, now: Duration) -> Duration {
        let Some(steps) = self.deaths.checked_sub(2) else { return Duration::ZERO };
        let away = Duration::from_secs(1).saturating_mul(1 << steps.min(6)).min(LONGEST);
        (self.last + away).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_shrinks_and_comes_back() {
        let at = Duration::from_secs;
        let mut health = Health::default();
        assert_eq!(health.away_for(at(0)), at(0));
        health.died(at(10));
        assert_eq!(health.away_for(at(10)), at(0));
        health.died(at(11));
        assert_eq!(health.away_for(at(11)), at(1));
        health.died(at(12));
        assert_eq!(health.away_for(at(12)), at(2));
        assert_eq!(health.away_for(at(13)), at(1));
        for _ in 0..20 {
            health.died(at(14));
        }
        assert_eq!(health.away_for(at(14)), LONGEST);
        let mut later = health;
        later.died(at(14 + 60 * 10));
        assert_eq!(later.away_for(at(14 + 60 * 10)), at(0), "long ago");
    }
}
