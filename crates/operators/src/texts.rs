//! Numbers of text and binary keys: a hash table whose entries hold the first and the last bytes of their keys, so that looking up one
//! of up to sixteen bytes reads the entry and nothing else, and is decided without a loop over bytes.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err, resources_datafusion_err};
use std::sync::Arc;

/// Bytes of each end of a key in its entry.
const HELD: usize = 8;

/// Keys that are looked up together.
const TOGETHER: usize = 32;

/// Bytes of keys that are enough for one table.
const FULL: usize = 3 << 29;

/// Entries of an empty table.
const FIRST: usize = 1 << 10;

/// What is known of a key without a look at all of it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Ends {
    /// The first bytes; zeros behind the end.
    head: u64,
    /// The last bytes, some of which may be in the head, too; 0 if all are there.
    tail: u64,
    length: u32,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    ends: Ends,
    /// One more than the key's number; 0 in a free entry.
    number: u32,
}

/// The keys seen so far; see the module. NULL is a key like others.
pub(crate) struct Texts {
    kind: DataType,
    /// A power of two, and more than half of them free. A key is in the first free or equal entry from where its hash says.
    entries: Vec<Entry>,
    /// By number: where each key ends in `bytes`.
    ends: Vec<i32>,
    bytes: Vec<u8>,
    null: Option<usize>,
}

impl Texts {
    /// No keys yet; None for a type that is not text or bytes with 32-bit offsets.
    pub(crate) fn new(kind: &DataType) -> Option<Self> {
        let kind = match kind {
            DataType::Utf8 | DataType::Binary => kind.clone(),
            _ => return None,
        };
        Some(Self { kind, entries: vec![], ends: vec![0], bytes: vec![], null: None })
    }

    /// Appends the number of each key to `numbers`; new keys get the next.
    pub(crate) fn numbers(&mut self, keys: &ArrayRef, numbers: &mut Vec<usize>) -> Result<()> {
        let (offsets, values) = match (&self.kind, keys.data_type()) {
            (DataType::Utf8, DataType::Utf8) => {
                let keys = keys.as_string::<i32>();
                (keys.offsets(), keys.values())
            }
            (DataType::Binary, DataType::Binary) => {
                let keys = keys.as_binary::<i32>();
                (keys.offsets(), keys.values())
            }
            (kind, other) => return internal_err!("keys of type {kind} are of type {other} now"),
        };
        numbers.reserve(keys.len());
        if let Some(nulls) = keys.nulls().filter(|nulls| nulls.null_count() > 0) {
            for (present, ends) in nulls.iter().zip(offsets.windows(2)) {
                let (start, length) = piece(ends);
                let ends = Ends::of(values, start, length);
                let number = match (present, self.null) {
                    (true, _) => self.number(values, start, ends, hash(ends, values, start))?,
                    (false, Some(number)) => number,
                    (false, None) => {
                        let number = self.add(&[])?;
                        *self.null.insert(number)
                    }
                };
                numbers.push(number);
            }
            return Ok(());
        }
        // A few keys at a time: their entries are fetched before any is looked at, so that the waits for memory overlap.
        let mut asked = [(Ends::default(), 0, Entry::default()); TOGETHER];
        for start in (0..keys.len()).step_by(TOGETHER) {
            if self.entries.is_empty() {
                self.grow();
            }
            let offsets = &offsets[start..=(start + TOGETHER).min(keys.len())];
            for (asked, ends) in asked.iter_mut().zip(offsets.windows(2)) {
                let (start, length) = piece(ends);
                let ends = Ends::of(values, start, length);
                let hash = hash(ends, values, start);
                *asked = (ends, hash, self.entries[self.place(hash)]);
            }
            for ((ends, hash, entry), start) in asked.iter().zip(&offsets[..offsets.len() - 1]) {
                numbers.push(match self.is_key(entry, ends, values, *start as usize) {
                    true => entry.number as usize - 1,
                    false => self.number(values, *start as usize, *ends, *hash)?,
                });
            }
        }
        Ok(())
    }

    #[inline]
    fn is_key(&self, entry: &Entry, ends: &Ends, values: &[u8], start: usize) -> bool {
        entry.number != 0
            && entry.ends == *ends
            && (ends.length as usize <= 2 * HELD || {
                let known = self.ends[entry.number as usize - 1] as usize;
                same(values, start, &self.bytes, known, ends.length as usize)
            })
    }

    fn number(&mut self, values: &[u8], start: usize, ends: Ends, hash: u64) -> Result<usize> {
        if self.entries.len() <= self.len() * 2 {
            self.grow();
        }
        let mask = self.entries.len() - 1;
        let mut at = self.place(hash);
        loop {
            let entry = self.entries[at];
            if entry.number == 0 {
                let number = self.add(&values[start..start + ends.length as usize])?;
                self.entries[at] = Entry { ends, number: number as u32 + 1 };
                return Ok(number);
            }
            if self.is_key(&entry, &ends, values, start) {
                return Ok(entry.number as usize - 1);
            }
            at = (at + 1) & mask;
        }
    }

    fn add(&mut self, key: &[u8]) -> Result<usize> {
        let end = i32::try_from(self.bytes.len() + key.len());
        let (Ok(end), true) = (end, self.ends.len() < u32::MAX as usize) else {
            return Err(resources_datafusion_err!(
                "the keys of one task need more than 2 GiB: use more partitions, so that each has fewer of them"
            ));
        };
        self.bytes.extend_from_slice(key);
        self.ends.push(end);
        Ok(self.ends.len() - 2)
    }

    fn key(&self, number: usize) -> &[u8] {
        &self.bytes[self.ends[number] as usize..self.ends[number + 1] as usize]
    }

    /// The entry at which the search for a hash begins: its upper bits, which depend on all of the key.
    #[inline]
    fn place(&self, hash: u64) -> usize {
        (hash >> (64 - self.entries.len().trailing_zeros())) as usize
    }

    #[cold]
    fn grow(&mut self) {
        self.entries = vec![Entry::default(); (self.entries.len() * 2).max(FIRST)];
        let mask = self.entries.len() - 1;
        for number in (0..self.len()).filter(|number| Some(*number) != self.null) {
            let (start, length) = (self.ends[number] as usize, self.key(number).len());
            let ends = Ends::of(&self.bytes, start, length);
            let mut at = self.place(hash(ends, &self.bytes, start));
            while self.entries[at].number != 0 {
                at = (at + 1) & mask;
            }
            self.entries[at] = Entry { ends, number: number as u32 + 1 };
        }
    }

    /// How many distinct keys there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// Bytes in memory.
    pub(crate) fn size(&self) -> usize {
        // More would soon not be one column any more: there is no memory for it, then it is handed on or goes to files.
        if self.bytes.len() > FULL {
            return usize::MAX / 4;
        }
        self.entries.capacity() * size_of::<Entry>() + self.ends.capacity() * size_of::<i32>() + self.bytes.capacity()
    }

    /// All keys in the order of their numbers. None is left.
    pub(crate) fn take(&mut self) -> Result<ArrayRef> {
        self.entries = vec![];
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let keys = ends.len() - 1;
        let bytes = Buffer::from_vec(std::mem::take(&mut self.bytes));
        let present = |null| NullBuffer::new(BooleanBuffer::collect_bool(keys, |number| number != null));
        let nulls = self.null.take().map(present);
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        Ok(match self.kind {
            DataType::Utf8 => Arc::new(StringArray::try_new(ends, bytes, nulls)?),
            _ => Arc::new(BinaryArray::try_new(ends, bytes, nulls)?),
        })
    }
}

impl Ends {
    #[inline(always)]
    fn of(values: &[u8], start: usize, length: usize) -> Self {
        let tail = if length > HELD { word(values, start + length - HELD, HELD) } else { 0 };
        Self { head: word(values, start, length), tail, length: length as u32 }
    }
}

/// Where a value starts and how long it is, of its two offsets.
#[inline(always)]
fn piece(ends: &[i32]) -> (usize, usize) {
    (ends[0] as usize, (ends[1] - ends[0]) as usize)
}

/// Up to eight bytes as a number, zeros behind the end.
#[inline(always)]
fn word(values: &[u8], start: usize, length: usize) -> u64 {
    match values.get(start..).and_then(|rest| rest.first_chunk()) {
        Some(bytes) if length >= HELD => u64::from_le_bytes(*bytes),
        Some(bytes) => u64::from_le_bytes(*bytes) & ((1 << (8 * length)) - 1),
        // At the end of the values.
        None => values[start..start + length].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Whether two keys of a length and with the same ends are the same. Most are short: a call of `memcmp` would take longer.
#[inline(always)]
fn same(one: &[u8], at: usize, other: &[u8], there: usize, length: usize) -> bool {
    (HELD..length - HELD).step_by(HELD).all(|done| word(one, at + done, HELD) == word(other, there + done, HELD))
}

/// Folded multiplication of 64-bit words, as in wyhash (Wang Yi, "wyhash", <https://github.com/wangyi-fudan/wyhash>).
#[inline(always)]
fn hash(ends: Ends, values: &[u8], start: usize) -> u64 {
    let mut hash = folded(ends.head ^ 0xA076_1D64_78BD_642F, u64::from(ends.length) ^ 0xE703_7ED1_A0B4_28DB);
    for done in (HELD..(ends.length as usize).saturating_sub(HELD)).step_by(HELD) {
        hash = folded(hash ^ word(values, start + done, HELD), 0x8EBC_6AF0_9C88_C6E3);
    }
    folded(hash ^ ends.tail, 0x5899_65CC_7537_4CC3)
}

#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::GenericStringArray;
    use std::collections::HashMap;

    fn numbers(table: &mut Texts, keys: Vec<Option<&str>>) -> Vec<usize> {
        let mut numbers = vec![];
        table.numbers(&(Arc::new(StringArray::from(keys)) as ArrayRef), &mut numbers).unwrap();
        numbers
    }

    #[test]
    fn keys_of_all_lengths_are_told_apart() {
        let mut table = Texts::new(&DataType::Utf8).unwrap();
        let mut known: HashMap<Option<String>, usize> = HashMap::new();
        let text = "abcdefghijklmnopqrstuvwxyz".repeat(4);
        // Prefixes of one text, texts that differ in one byte, zeros at the end, nothing, NULL.
        let mut keys: Vec<Option<String>> = (0..=text.len()).map(|end| Some(text[..end].to_owned())).collect();
        for length in 1..40 {
            for at in 0..length {
                let mut bytes = text.as_bytes()[..length].to_vec();
                bytes[at] = b'_';
                keys.push(Some(String::from_utf8(bytes).unwrap()));
            }
            keys.push(Some("\0".repeat(length)));
        }
        keys.push(None);
        keys.extend((0..5000).map(|at| Some((at * 7919 % 3000).to_string())));
        for batch in keys.chunks(97).chain(keys.chunks(1000)) {
            let expected: Vec<usize> = batch
                .iter()
                .map(|key| {
                    let next = known.len();
                    *known.entry(key.clone()).or_insert(next)
                })
                .collect();
            assert_eq!(numbers(&mut table, batch.iter().map(Option::as_deref).collect()), expected);
        }
        assert_eq!(table.len(), known.len());
        let taken = table.take().unwrap();
        let taken: &GenericStringArray<i32> = taken.as_string();
        assert!(taken.iter().enumerate().all(|(number, key)| known[&key.map(str::to_owned)] == number));
        assert_eq!((table.len(), table.take().unwrap().len()), (0, 0));
        assert_eq!(numbers(&mut table, vec![Some("b"), None, Some("b")]), [0, 1, 0]);
    }

    #[test]
    fn slices_and_bytes() {
        let mut table = Texts::new(&DataType::Binary).unwrap();
        let keys: Vec<&[u8]> = vec![b"x", b"\xff\0", b"\xff", b"x", b"\xff\0\0"];
        let keys = Arc::new(BinaryArray::from(keys)) as ArrayRef;
        let mut numbers = vec![];
        table.numbers(&keys.slice(1, 4), &mut numbers).unwrap();
        table.numbers(&keys.slice(0, 1), &mut numbers).unwrap();
        assert_eq!(numbers, [0, 1, 2, 3, 2]);
        let expected: Vec<&[u8]> = vec![b"\xff\0", b"\xff", b"x", b"\xff\0\0"];
        assert_eq!(&table.take().unwrap(), &(Arc::new(BinaryArray::from(expected)) as ArrayRef));
        assert!(table.numbers(&(Arc::new(StringArray::from(vec!["x"])) as ArrayRef), &mut numbers).is_err());
        assert!(Texts::new(&DataType::LargeUtf8).is_none());
    }
}
