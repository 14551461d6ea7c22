//! Grouping: a vector of values for each key.

use super::pairs;
use crate::Result;
use crate::rdd::answer::Answer;
use hashbrown::HashMap;
use std::path::Path;

pub(super) fn run(path: &Path) -> Result<Answer> {
    let mut groups: HashMap<i64, Vec<i64>> = HashMap::new();
    pairs(path, |key, value| groups.entry(key).or_default().push(value))?;
    let sum = |values: &[i64]| values.iter().sum::<i64>().cast_unsigned();
    Ok(Answer::group(groups.iter().map(|(key, values)| (*key, values.len() as u64, sum(values)))))
}
