//! When to ask the master for offers, and when to tell it that none are wanted. Pure.
//!
//! A revived framework hears of everything that is free within milliseconds, a patient one only at the master's next
//! allocation, up to a second later. So whenever there is something new to hope for (tasks became ready, or one of ours
//! has ended, so that its resources are free), the master is asked. A framework that wants nothing says so, to leave its
//! share to the others; but not in the moments between two stages.

use std::time::Duration;

/// How long nothing must be wanted before the master is told.
const QUIET: Duration = Duration::from_millis(1000);

/// An asking that brought nothing is repeated after this: a filter of ours may be in the way, or a message was lost.
const AGAIN: Duration = Duration::from_secs(5);

/// When only copies of slow tasks would use an offer, none is asked for any longer than this.
const TIRED: Duration = Duration::from_secs(10);

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    Revive,
    Suppress,
}

/// See the module. Times are those of one clock.
#[derive(Debug, Default)]
pub(super) struct Appetite {
    wanted: usize,
    /// Copies of slow tasks that another machine could run. Nothing depends on them.
    copies: usize,
    /// There is something new to hope for.
    news: bool,
    /// A call is under way.
    asking: bool,
    /// The master was told that nothing is wanted.
    suppressed: bool,
    asked: Duration,
    /// Since when nothing is wanted.
    sated: Duration,
    /// Since when tasks wait and nothing was launched.
    starving: Option<Duration>,
}

impl Appetite {
    /// So many tasks wait now, and so many copies of slow ones would run if there were room.
    pub(super) fn wants(&mut self, tasks: usize, copies: usize, now: Duration) {
        self.news |= copies > self.copies;
        self.copies = copies;
        if tasks == 0 && self.wanted > 0 {
            self.sated = now;
        }
        if tasks == 0 {
            self.starving = None;
        } else if self.starving.is_none() {
            self.starving = Some(now);
        }
        self.news |= tasks > self.wanted;
        self.wanted = tasks;
    }

    /// What did not fit before may fit now: resources that were ours are free, or tasks may run in more places.
    pub(super) fn hopes(&mut self) {
        self.news = true;
    }

    /// A new subscription: the master remembers whether we were suppressed, but not what it was asked.
    pub(super) fn connected(&mut self) {
        self.news = true;
        self.asking = false;
    }

    /// Tasks were launched.
    pub(super) fn fed(&mut self, now: Duration) {
        self.starving = (self.wanted > 0).then_some(now);
    }

    /// The call is through.
    pub(super) fn said(&mut self, say: Say, well: bool) {
        self.asking = false;
        match say {
            Say::Revive if well => self.suppressed = false,
            Say::Suppress if well => self.suppressed = true,
            // Said again when there is a connection.
            Say::Revive => self.news = true,
            Say::Suppress => {}
        }
    }

    /// What to say to the master now, if anything. The caller says it and tells how that went.
    pub(super) fn next(&mut self, now: Duration) -> Option<Say> {
        if self.asking {
            return None;
        }
        let say = if self.wanted > 0 {
            let again = now.saturating_sub(self.asked) >= AGAIN;
            (std::mem::take(&mut self.news) || again || self.suppressed).then_some(Say::Revive)?
        } else if self.copies > 0 && std::mem::take(&mut self.news) {
            Say::Revive
        } else {
            let quiet = now.saturating_sub(self.sated) >= QUIET;
            let tired = self.copies == 0 || now.saturating_sub(self.asked) >= TIRED;
            (quiet && tired && !self.suppressed).then_some(Say::Suppress)?
        };
        self.asking = true;
        self.asked = now;
        Some(say)
    }

    /// How long tasks have been waiting without one being launched.
    pub(super) fn starved_for(&self, now: Duration) -> Duration {
        self.starving.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn asks_at_once_and_once_for_each_news() {
        let mut appetite = Appetite::default();
        appetite.wants(4, 0, ms(10));
        assert_eq!(appetite.next(ms(10)), Some(Say::Revive));
        appetite.hopes();
        assert_eq!(appetite.next(ms(11)), None, "one call at a time");
        appetite.said(Say::Revive, true);
        assert_eq!(appetite.next(ms(12)), Some(Say::Revive));
        appetite.said(Say::Revive, true);
        appetite.wants(3, 0, ms(13));
        assert_eq!(appetite.next(ms(13)), None, "one was launched: nothing new");
        assert_eq!(appetite.next(ms(5100)), Some(Say::Revive), "but not for ever");
    }

    #[test]
    fn falls_silent_after_a_while_and_wakes_up() {
        let mut appetite = Appetite::default();
        appetite.wants(1, 0, ms(0));
        assert_eq!(appetite.next(ms(0)), Some(Say::Revive));
        appetite.said(Say::Revive, true);
        appetite.wants(0, 0, ms(100));
        assert_eq!(appetite.next(ms(150)), None, "between two stages");
        assert_eq!(appetite.next(ms(1100)), Some(Say::Suppress));
        appetite.said(Say::Suppress, true);
        assert_eq!(appetite.next(ms(9000)), None);
        appetite.wants(1, 0, ms(9001));
        assert_eq!(appetite.next(ms(9001)), Some(Say::Revive));
        appetite.said(Say::Revive, false);
        assert_eq!(appetite.next(ms(9002)), Some(Say::Revive), "the call had failed");
    }

    #[test]
    fn knows_how_long_it_starves() {
        let mut appetite = Appetite::default();
        assert_eq!(appetite.starved_for(ms(50)), ms(0));
        appetite.wants(2, 0, ms(100));
        assert_eq!(appetite.starved_for(ms(300)), ms(200));
        appetite.fed(ms(300));
        assert_eq!(appetite.starved_for(ms(350)), ms(50));
        appetite.wants(0, 0, ms(360));
        assert_eq!(appetite.starved_for(ms(900)), ms(0));
    }

    #[test]
    fn copies_of_slow_tasks_are_asked_for_a_while() {
        let mut appetite = Appetite::default();
        appetite.wants(0, 1, ms(5000));
        assert_eq!(appetite.next(ms(5000)), Some(Say::Revive));
        appetite.said(Say::Revive, true);
        for soon in [5001, 9000, 14_999] {
            assert_eq!(appetite.next(ms(soon)), None);
        }
        assert_eq!(appetite.starved_for(ms(14_999)), Duration::ZERO, "nothing depends on them");
        assert_eq!(appetite.next(ms(15_000)), Some(Say::Suppress));
        appetite.said(Say::Suppress, true);
        assert_eq!(appetite.next(ms(30_000)), None);
        appetite.hopes();
        assert_eq!(appetite.next(ms(30_001)), Some(Say::Revive));
    }
}
