//! Which agents will do, by their attributes: `rack:r1,!gpu`.
//!
//! ```text
//!   name          the attribute is there
//!   name:value    it is there with that value
//!   !name         it is not there
//!   !name:value   it is not there with that value (another value, or none at all, will do)
//! ```
//! All terms, separated by commas, must hold. What "with that value" means depends on the attribute's type: equal text;
//! an equal number, to three decimals as everywhere in Mesos; a number or `begin-end` within one of the ranges; an
//! item of the set. An agent may have several attributes of one name; then any of them will do. A value may hold
//! colons but no commas.

use crate::proto::{Attribute, ValueType};
use crate::resources::Units;
use std::fmt;
use std::str::FromStr;

/// What must hold for the attributes of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    wanted: bool,
    name: String,
    value: Option<String>,
}

/// A constraint that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("constraint {term:?}: {detail}; write name, name:value, !name or !name:value")]
pub struct ConstraintError {
    /// The term in question.
    pub term: String,
    /// What is wrong with it.
    pub detail: &'static str,
}

impl FromStr for Constraints {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, ConstraintError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        text.split(',').map(Term::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl Constraints {
    /// Whether all terms hold.
    pub fn matches(&self, attributes: &[Attribute]) -> bool {
        self.first_unmet(attributes).is_none()
    }

    /// The first term that does not hold, for a message to the user.
    pub fn first_unmet(&self, attributes: &[Attribute]) -> Option<String> {
        self.0.iter().find(|term| !term.holds(attributes)).map(Term::to_string)
    }
}

impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(Term::to_string).collect::<Vec<_>>().join(","))
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, ConstraintError> {
        let fail = |detail| Err(ConstraintError { term: text.trim().to_string(), detail });
        let (wanted, rest) = match text.trim().strip_prefix('!') {
            Some(rest) => (false, rest.trim()),
            None => (true, text.trim()),
        };
        let (name, value) = match rest.split_once(':') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (rest, None),
        };
        match (name, value) {
            ("", _) => fail("the name is missing"),
            (_, Some("")) => fail("the value is missing"),
            _ if name.starts_with('!') => fail("a name does not start with !"),
            _ => Ok(Self { wanted, name: name.to_string(), value: value.map(str::to_string) }),
        }
    }

    fn holds(&self, attributes: &[Attribute]) -> bool {
        let named = attributes.iter().filter(|attribute| attribute.name == self.name);
        let found = match &self.value {
            None => named.count() > 0,
            Some(value) => named.into_iter().any(|attribute| has_value(attribute, value)),
        };
        found == self.wanted
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.wanted { "" } else { "!" };
        match &self.value {
            Some(value) => write!(f, "{not}{}:{value}", self.name),
            None => write!(f, "{not}{}", self.name),
        }
    }
}

fn has_value(attribute: &Attribute, value: &str) -> bool {
    match attribute.r#type() {
        ValueType::Text => attribute.text.as_ref().is_some_and(|text| text.value == value),
        ValueType::Scalar => match (&attribute.scalar, value.parse()) {
            (Some(scalar), Ok(number)) => {
                let (have, want) = (Units::from_f64(scalar.value), Units::from_f64(number));
                have.is_some() && have == want
            }
            _ => false,
        },
        ValueType::Ranges => match (&attribute.ranges, range(value)) {
            (Some(ranges), Some((begin, end))) => ranges.range.iter().any(|r| r.begin <= begin && end <= r.end),
            _ => false,
        },
        ValueType::Set => attribute.set.as_ref().is_some_and(|set| set.item.iter().any(|item| item == value)),
    }
}

fn range(text: &str) -> Option<(u64, u64)> {
    let (begin, end) = text.split_once('-').unwrap_or((text, text));
    let (begin, end) = (begin.trim().parse().ok()?, end.trim().parse().ok()?);
    (begin <= end).then_some((begin, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Range, Ranges, Scalar, Set, Text};

    fn attributes() -> Vec<Attribute> {
        let new = |name: &str, t: ValueType| Attribute { name: name.into(), r#type: t.into(), ..Attribute::default() };
        let text =
            |name, value: &str| Attribute { text: Some(Text { value: value.into() }), ..new(name, ValueType::Text) };
        vec![
            text("rack", "r1"),
            text("zone", "a:b"),
            text("zone", "c"),
            Attribute { scalar: Some(Scalar { value: 10.0001 }), ..new("gbit", ValueType::Scalar) },
            Attribute {
                ranges: Some(Ranges { range: vec![Range { begin: 10, end: 20 }] }),
                ..new("vlan", ValueType::Ranges)
            },
            Attribute { set: Some(Set { item: vec!["ssd".into(), "hdd".into()] }), ..new("disk", ValueType::Set) },
        ]
    }

    #[test]
    fn each_type_has_its_own_equality() {
        for (text, holds) in [
            ("", true),
            ("rack", true),
            ("rack:r1", true),
            ("rack:r2", false),
            ("Rack:r1", false),
            ("!rack", false),
            ("!gpu", true),
            ("!rack:r1", false),
            ("!rack:r2", true),
            ("!gpu:yes", true),
            ("gpu", false),
            ("zone:a:b", true),
            ("zone:c", true),
            ("!zone:c", false),
            ("gbit:10", true),
            ("gbit:10.000", true),
            ("gbit:10.001", false),
            ("gbit:ten", false),
            ("vlan:10", true),
            ("vlan:12-20", true),
            ("vlan:12-21", false),
            ("vlan:9", false),
            ("disk:ssd", true),
            ("disk:nvme", false),
            (" rack : r1 , !gpu , disk:ssd ", true),
            ("rack:r1,gpu", false),
        ] {
            let constraints: Constraints = text.parse().unwrap();
            assert_eq!(constraints.matches(&attributes()), holds, "{text}");
        }
        let constraints: Constraints = "rack:r1,gpu,!disk:ssd".parse().unwrap();
        assert_eq!(constraints.first_unmet(&attributes()).unwrap(), "gpu");
    }

    #[test]
    fn nonsense_is_named() {
        for text in [":x", "a,,b", "a:", "!", "!!a", "a,"] {
            let error = text.parse::<Constraints>().unwrap_err().to_string();
            assert!(error.contains("write name"), "{error}");
        }
        assert_eq!("rack:r1,!gpu".parse::<Constraints>().unwrap().to_string(), "rack:r1,!gpu");
    }
}
