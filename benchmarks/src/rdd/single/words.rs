//! Word count: lines into one buffer, a map that copies a word only when it is new.

use crate::Result;
use crate::rdd::answer::Answer;
use hashbrown::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub(super) fn run(path: &Path) -> Result<Answer> {
    let mut input = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        for word in line.trim_ascii_end().split(|byte| *byte == b' ') {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(word.to_vec(), 1);
                }
            }
        }
        line.clear();
    }
    let text = |(word, count)| Ok((String::from_utf8(word)?, count));
    Ok(Answer::words(counts.into_iter().map(text).collect::<Result<_>>()?))
}
