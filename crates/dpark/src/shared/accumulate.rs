//! What can be accumulated: sums, extremes, collections, and what users make of [`Accumulate`].

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

/// A value to which tasks add. Each task starts with the default, which must change nothing when it is merged; the order
/// in which tasks are merged is not known.
///
/// Numbers add up; [`Max`] and [`Min`] keep extremes; lists, sets and maps collect, and a map accumulates its values: a
/// `HashMap<String, u64>` counts words.
pub trait Accumulate: Clone + Default + Serialize + DeserializeOwned + Send + 'static {
    /// What a closure adds.
    type Input;
    /// Adds one value.
    fn add(&mut self, input: Self::Input);
    /// Adds everything that another one has.
    fn merge(&mut self, other: Self);
    /// An empty one for what the tasks of one job add, if jobs are judged by it: see [`objection`](Self::objection).
    fn fresh(&self) -> Option<Self> {
        None
    }
    /// Why a job that has added this shall fail at its end, if it shall.
    fn objection(&self) -> Option<String> {
        None
    }
    /// What the user of a job that has added this should know at its end.
    fn warning(&self) -> Option<String> {
        None
    }
    /// The value for people, in a few words.
    fn shown(&self) -> String {
        "(not shown)".into()
    }
}

macro_rules! numbers {
    ($($number:ty => $add:path;)*) => {$(
        impl Accumulate for $number {
            type Input = $number;
            fn add(&mut self, input: $number) {
                *self = $add(*self, input);
            }
            fn merge(&mut self, other: $number) {
                self.add(other);
            }
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

// A sum that does not fit stays at the type's end: a wrong sign would be worse, and a panic would end the task.
numbers! {
    i8 => i8::saturating_add;
    i16 => i16::saturating_add;
    i32 => i32::saturating_add;
    i64 => i64::saturating_add;
    i128 => i128::saturating_add;
    isize => isize::saturating_add;
    u8 => u8::saturating_add;
    u16 => u16::saturating_add;
    u32 => u32::saturating_add;
    u64 => u64::saturating_add;
    u128 => u128::saturating_add;
    usize => usize::saturating_add;
    f32 => std::ops::Add::add;
    f64 => std::ops::Add::add;
}

macro_rules! extreme {
    ($(#[$doc:meta])* $name:ident, $better:tt) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
        pub struct $name<T>(pub Option<T>);

        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self(None)
            }
        }

        impl<T> Accumulate for $name<T>
        where
            T: PartialOrd + Clone + std::fmt::Debug + Serialize + DeserializeOwned + Send + 'static,
        {
            type Input = T;
            fn add(&mut self, input: T) {
                // What is not equal to itself is not a number.
                let is_number = input.partial_cmp(&input).is_some();
                if is_number && self.0.as_ref().is_none_or(|best| input $better *best) {
                    self.0 = Some(input);
                }
            }
            fn merge(&mut self, other: Self) {
                if let Some(other) = other.0 {
                    self.add(other);
                }
            }
            fn shown(&self) -> String {
                self.0.as_ref().map_or_else(|| "none".into(), |best| format!("{best:?}"))
            }
        }
    };
}

extreme!(
    /// The largest value that was added, if any was.
    Max, >
);
extreme!(
    /// The smallest value that was added, if any was.
    Min, <
);

impl<T: Clone + Serialize + DeserializeOwned + Send + 'static> Accumulate for Vec<T> {
    type Input = T;
    fn add(&mut self, input: T) {
        self.push(input);
    }
    fn merge(&mut self, mut other: Self) {
        self.append(&mut other);
    }
    fn shown(&self) -> String {
        format!("{} values", self.len())
    }
}

impl<T, S> Accumulate for HashSet<T, S>
where
    T: Eq + Hash + Clone + Serialize + DeserializeOwned + Send + 'static,
    S: BuildHasher + Default + Clone + Send + 'static,
{
    type Input = T;
    fn add(&mut self, input: T) {
        self.insert(input);
    }
    fn merge(&mut self, other: Self) {
        self.extend(other);
    }
    fn shown(&self) -> String {
        format!("{} values", self.len())
    }
}

impl<T: Ord + Clone + Serialize + DeserializeOwned + Send + 'static> Accumulate for BTreeSet<T> {
    type Input = T;
    fn add(&mut self, input: T) {
        self.insert(input);
    }
    fn merge(&mut self, mut other: Self) {
        self.append(&mut other);
    }
    fn shown(&self) -> String {
        format!("{} values", self.len())
    }
}

impl<K, V, S> Accumulate for HashMap<K, V, S>
where
    K: Eq + Hash + Clone + Serialize + DeserializeOwned + Send + 'static,
    V: Accumulate,
    S: BuildHasher + Default + Clone + Send + 'static,
{
    type Input = (K, V::Input);
    fn add(&mut self, (key, input): (K, V::Input)) {
        self.entry(key).or_default().add(input);
    }
    fn merge(&mut self, other: Self) {
        for (key, value) in other {
            self.entry(key).or_default().merge(value);
        }
    }
    fn shown(&self) -> String {
        format!("{} keys", self.len())
    }
}

impl<K: Ord + Clone + Serialize + DeserializeOwned + Send + 'static, V: Accumulate> Accumulate for BTreeMap<K, V> {
    type Input = (K, V::Input);
    fn add(&mut self, (key, input): (K, V::Input)) {
        self.entry(key).or_default().add(input);
    }
    fn merge(&mut self, other: Self) {
        for (key, value) in other {
            self.entry(key).or_default().merge(value);
        }
    }
    fn shown(&self) -> String {
        format!("{} keys", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tasks add one after the other, and the driver merges both.
    fn merged<A: Accumulate>(
        first: impl IntoIterator<Item = A::Input>,
        second: impl IntoIterator<Item = A::Input>,
    ) -> A {
        let of_task = |inputs: Vec<A::Input>| {
            let mut part = A::default();
            inputs.into_iter().for_each(|input| part.add(input));
            part
        };
        let mut total = A::default();
        total.merge(of_task(first.into_iter().collect()));
        total.merge(A::default());
        total.merge(of_task(second.into_iter().collect()));
        total
    }

    #[test]
    fn kinds() {
        assert_eq!(merged::<i64>([1, 2], [-5]), -2);
        assert_eq!(merged::<u8>([200], [100]), 255);
        assert_eq!(merged::<f64>([0.5], [0.25]), 0.75);
        assert_eq!(merged::<Max<i32>>([3, 9], [4]), Max(Some(9)));
        assert_eq!(merged::<Min<f64>>([3.0, f64::NAN], [4.0]), Min(Some(3.0)));
        assert_eq!(merged::<Max<i32>>([], []), Max(None));
        assert_eq!(merged::<Vec<i32>>([1], [2, 3]), [1, 2, 3]);
        assert_eq!(merged::<HashSet<i32>>([1], [1]), HashSet::from([1]));
        assert_eq!(merged::<BTreeMap<char, u64>>([('a', 1), ('b', 2)], [('a', 4)]).shown(), "2 keys");
        let words: HashMap<String, u64> = merged([("a".into(), 1), ("b".into(), 2)], [("a".into(), 4)]);
        assert_eq!(words, HashMap::from([("a".into(), 5), ("b".into(), 2)]));
    }
}
