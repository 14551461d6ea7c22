//! What a task's result comes to, small enough to be compared between engines. `rdd_spark.py` makes the same.

use super::data::KEY;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of fractions, which each engine adds up in an order of its own.
const TOLERANCE: f64 = 1e-6;

/// Named figures of a result.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Equal in all engines. As text, since JSON's numbers end at 53 bits.
    exact: BTreeMap<String, String>,
    /// Nearly equal.
    close: BTreeMap<String, Vec<f64>>,
}

impl Answer {
    /// How often each word occurs.
    pub(super) fn words(mut counts: Vec<(String, u64)>) -> Answer {
        counts.sort_unstable_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
        let top: Vec<String> = counts.iter().take(10).map(|(word, count)| format!("{word}:{count}")).collect();
        let total: u64 = counts.iter().map(|(_, count)| count).sum();
        Answer::default().with("distinct", counts.len()).with("total", total).with("top", top.join(" "))
    }

    /// What the sorted partitions have, in their order.
    pub(super) fn sort(partitions: impl IntoIterator<Item = Sorted>) -> Answer {
        let whole = partitions.into_iter().fold(Sorted::default(), Sorted::followed_by);
        Answer::default().with("rows", whole.rows).with("checksum", whole.weighted).with("in order", whole.in_order)
    }

    /// The number of joined rows, and the sum of products of their two values.
    pub(super) fn join(rows: u64, products: u64) -> Answer {
        Answer::default().with("rows", rows).with("products", products)
    }

    /// Key, length and sum of each group.
    pub(super) fn group(groups: impl IntoIterator<Item = (i64, u64, u64)>) -> Answer {
        let (mut count, mut rows, mut squares, mut total) = (0u64, 0u64, 0u64, 0u64);
        let mut largest = (0, 0);
        for (key, length, sum) in groups {
            (count, rows, squares, total) = (count + 1, rows + length, squares + length * length, total + sum);
            largest = largest.max((sum, key));
        }
        let answer = Answer::default().with("groups", count).with("rows", rows).with("squares", squares);
        answer.with("total", total).with("largest", largest.1)
    }

    /// The centres after the last round, in the order in which they began.
    pub(super) fn kmeans(centres: impl IntoIterator<Item = Vec<f64>>) -> Answer {
        let close = centres.into_iter().enumerate().map(|(at, centre)| (format!("centre {at}"), centre)).collect();
        Answer { exact: BTreeMap::new(), close }
    }

    /// Over all vertices: their number, the sum of ranks, the vertex that has the greatest and what it is.
    pub(super) fn pagerank(vertices: u64, sum: f64, top: (i64, f64)) -> Answer {
        let answer = Answer::default().with("vertices", vertices).with("top", top.0);
        Answer { close: BTreeMap::from([("sum".to_owned(), vec![sum]), ("rank".to_owned(), vec![top.1])]), ..answer }
    }

    fn with(mut self, name: &str, value: impl ToString) -> Answer {
        self.exact.insert(name.to_owned(), value.to_string());
        self
    }

    /// Whether both are of one result.
    pub(super) fn agrees(&self, other: &Answer) -> bool {
        let near = |(one, two): (&f64, &f64)| (one - two).abs() <= TOLERANCE * one.abs().max(two.abs()).max(1.0);
        let all_near = |one: &[f64], two: &[f64]| one.len() == two.len() && one.iter().zip(two).all(near);
        self.exact == other.exact
            && self.close.len() == other.close.len()
            && self.close.iter().all(|(name, one)| other.close.get(name).is_some_and(|two| all_near(one, two)))
    }
}

/// A run of sorted records.
///
/// The checksum is that of each record times its position in the whole. A run knows only the position within itself,
/// so that it keeps the plain sum too: what follows so many rows has its sum added so many times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sorted {
    rows: u64,
    plain: u64,
    weighted: u64,
    in_order: bool,
    /// The first and the last key.
    ends: Option<([u8; KEY], [u8; KEY])>,
}

impl Default for Sorted {
    fn default() -> Self {
        Sorted { rows: 0, plain: 0, weighted: 0, in_order: true, ends: None }
    }
}

impl Sorted {
    /// Of records of 100 bytes.
    pub(super) fn of<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> Sorted {
        records.into_iter().fold(Sorted::default(), Sorted::then)
    }

    /// With one more record.
    pub(super) fn then(mut self, record: &[u8]) -> Sorted {
        let value = checksum(record);
        self.rows += 1;
        self.plain = self.plain.wrapping_add(value);
        self.weighted = self.weighted.wrapping_add(value.wrapping_mul(self.rows));
        if let Some(key) = record.first_chunk::<KEY>() {
            let (first, last) = self.ends.unwrap_or((*key, *key));
            self.in_order &= last <= *key;
            self.ends = Some((first, *key));
        }
        self
    }

    /// With a run that comes behind.
    pub(super) fn followed_by(self, next: Sorted) -> Sorted {
        let shift = next.plain.wrapping_mul(self.rows);
        let fits = match (&self.ends, &next.ends) {
            (Some((_, last)), Some((first, _))) => last <= first,
            _ => true,
        };
        let ends = match (self.ends, next.ends) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (one, two) => one.or(two),
        };
        Sorted {
            rows: self.rows + next.rows,
            plain: self.plain.wrapping_add(next.plain),
            weighted: self.weighted.wrapping_add(next.weighted).wrapping_add(shift),
            in_order: self.in_order && next.in_order && fits,
            ends,
        }
    }
}

/// The key, and the part of the payload that is different in each record.
fn checksum(record: &[u8]) -> u64 {
    let number = |at: usize| record[at..at + 8].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    number(0).wrapping_add(number(2)).wrapping_add(number(KEY + 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sort_in_two_runs_is_one() {
        let record = |byte: u8| vec![byte; crate::rdd::data::RECORD];
        let records: Vec<_> = (1..9).map(record).collect();
        let run = |records: &[Vec<u8>]| Sorted::of(records.iter().map(Vec::as_slice));
        let whole = Answer::sort([run(&records)]);
        assert!(whole.agrees(&Answer::sort([run(&records[..3]), Sorted::default(), run(&records[3..])])));
        assert!(!whole.agrees(&Answer::sort([run(&records[3..]), run(&records[..3])])));
        assert_eq!(whole.exact["in order"], "true");
    }

    #[test]
    fn fractions_are_nearly_equal() {
        let centre = |x: f64| Answer::kmeans([vec![x, 1.0]]);
        assert!(centre(50.0).agrees(&centre(50.000_01)));
        assert!(!centre(50.0).agrees(&centre(50.001)));
        assert!(!centre(50.0).agrees(&Answer::join(1, 2)));
    }
}
