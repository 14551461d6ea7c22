//! Redirects. Pure.

use crate::error::LinkError;
use crate::http::Endpoint;

/// From a follower to the leader is one step; a leadership that changes meanwhile makes it two or three.
const MOST_STEPS: usize = 5;

/// Where redirects have led, to notice those that lead nowhere.
#[derive(Debug, Default)]
pub(super) struct Redirects {
    passed: Vec<Endpoint>,
    target: Option<Endpoint>,
}

impl Redirects {
    /// The address that was redirected to last. If there is none, a new search begins.
    pub(super) fn take(&mut self) -> Option<Endpoint> {
        let target = self.target.take();
        if target.is_none() {
            self.passed.clear();
        }
        target
    }

    pub(super) fn follow(&mut self, from: &Endpoint, location: &str) -> Result<(), LinkError> {
        let fail = |detail| LinkError::Redirect { address: from.to_string(), location: location.to_string(), detail };
        self.passed.push(from.clone());
        let to = from.redirected(location).map_err(fail)?;
        if self.passed.contains(&to) {
            return Err(fail("that is a loop"));
        }
        if self.passed.len() > MOST_STEPS {
            return Err(fail("there were too many redirects before"));
        }
        self.target = Some(to);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Scheme;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text, Scheme::Http, "/api/v1/scheduler", "master").unwrap()
    }

    #[test]
    fn loops_and_long_ways_end() {
        let mut redirects = Redirects::default();
        redirects.follow(&endpoint("a:1"), "//b:1").unwrap();
        let b = redirects.take().unwrap();
        let error = redirects.follow(&b, "//a:1").unwrap_err();
        assert!(error.to_string().contains("loop"), "{error}");
        assert!(redirects.take().is_none());

        // A new search may pass the same masters again.
        redirects.follow(&b, "//a:1").unwrap();
        let mut at = redirects.take().unwrap();
        let mut steps = 1;
        let error = loop {
            match redirects.follow(&at, &format!("//c{steps}:1")) {
                Ok(()) => at = redirects.take().unwrap(),
                Err(error) => break error,
            }
            steps += 1;
        };
        assert!(error.to_string().contains("too many"), "{error}");
        assert_eq!(steps, MOST_STEPS);
        assert!(redirects.follow(&endpoint("a:1"), "//a:1").unwrap_err().to_string().contains("loop"));
    }
}
