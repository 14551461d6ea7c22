//! Join: the smaller side in a map, whose keys' rows are chained through one vector.

use super::pairs;
use crate::Result;
use crate::rdd::answer::Answer;
use hashbrown::HashMap;
use std::path::Path;

/// Ends a chain.
const NONE: u32 = u32::MAX;

pub(super) fn run(left: &Path, right: &Path) -> Result<Answer> {
    // The last row of a key; each row has the one before it.
    let mut last: HashMap<i64, u32> = HashMap::new();
    let mut rows: Vec<(i64, u32)> = vec![];
    pairs(right, |key, value| {
        let before = last.insert(key, rows.len() as u32).unwrap_or(NONE);
        rows.push((value, before));
    })?;
    let (mut joined, mut products) = (0, 0u64);
    pairs(left, |key, value| {
        let mut at = last.get(&key).copied().unwrap_or(NONE);
        while let Some((other, before)) = rows.get(at as usize) {
            joined += 1;
            products = products.wrapping_add((value * other).cast_unsigned());
            at = *before;
        }
    })?;
    Ok(Answer::join(joined, products))
}
