//! CSV records as fields, quotes resolved.

use crate::chunk::CHUNK;
use crate::csv_split::CsvDialect;
use crate::error::{FormatError, Place};
use crate::input::{Edge, Input};
use crate::split::Split;
use csv_core::ReadRecordResult;
use object_store::ObjectStore;
use std::sync::Arc;

/// Consecutive records.
#[derive(Debug, Clone)]
pub struct CsvChunk {
    /// All fields, back to back.
    data: Vec<u8>,
    /// Where each field ends in `data`.
    ends: Vec<usize>,
    /// How many fields there are up to the end of each record.
    records: Vec<usize>,
    places: Vec<Place>,
}

impl CsvChunk {
    /// How many records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none. The reader hands out no such chunk.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The fields of a record; none if there is no such record.
    pub fn record(&self, i: usize) -> impl ExactSizeIterator<Item = &[u8]> {
        let to = self.records.get(i).copied().unwrap_or(0);
        let from = i.checked_sub(1).and_then(|i| self.records.get(i)).map_or(0, |&from| from.min(to));
        (from..to).map(|f| {
            let start = f.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.data[start..self.ends[f]]
        })
    }

    /// All records.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = impl ExactSizeIterator<Item = &[u8]>> {
        (0..self.len()).map(|i| self.record(i))
    }

    /// Where a record starts in its file, empty lines before it included.
    pub fn place(&self, i: usize) -> Option<Place> {
        self.places.get(i).copied()
    }
}

/// The records of a split that `plan_csv_splits` made. A header is a record like others; empty lines are none.
pub struct CsvReader {
    input: Option<Input>,
    csv: Box<csv_core::Reader>,
    buf: Vec<u8>,
    /// How much of `buf` has been parsed.
    parsed: usize,
    /// How many bytes lie before `buf`.
    base: u64,
}

impl CsvReader {
    /// Opens the split.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        split: &Split,
        dialect: CsvDialect,
    ) -> Result<CsvReader, FormatError> {
        let input = Input::open(store, split, Edge::Exact).await?;
        let mut csv = csv_core::ReaderBuilder::new();
        csv.delimiter(dialect.delimiter).quoting(dialect.quote.is_some());
        if let Some(quote) = dialect.quote {
            csv.quote(quote);
        }
        let mut csv = Box::new(csv.build());
        if split.range.start > 0 {
            // After an empty line the parser no longer takes U+FEFF for a mark at the start of the file.
            csv.read_record(b"\n", &mut [], &mut []);
        }
        Ok(CsvReader { input, csv, buf: Vec::new(), parsed: 0, base: 0 })
    }

    /// The next records, None after the last.
    pub async fn next_chunk(&mut self) -> Result<Option<CsvChunk>, FormatError> {
        // Resolving quotes only makes records shorter; `data` and `ends` grow only for what was begun before.
        let mut chunk = CsvChunk { data: vec![0; CHUNK * 2], ends: vec![0; 1 << 12], records: vec![], places: vec![] };
        let (mut data, mut ends) = (0, 0);
        // Where the record begins: in `data`, in `ends` and in the file.
        let (mut data_from, mut ends_from) = (0, 0);
        let mut begin = self.base + self.parsed as u64;
        let mut last = false;
        while let Some(input) = &mut self.input {
            if self.parsed == self.buf.len() && !last {
                self.base += self.buf.len() as u64;
                self.buf.clear();
                self.parsed = 0;
                last = !input.fill(&mut self.buf, CHUNK).await?;
                if self.buf.is_empty() && !last {
                    continue;
                }
            }
            let (result, read, written, fields) =
                self.csv.read_record(&self.buf[self.parsed..], &mut chunk.data[data..], &mut chunk.ends[ends..]);
            self.parsed += read;
            data += written;
            ends += fields;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => chunk.data.resize(chunk.data.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => chunk.ends.resize(chunk.ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    chunk.ends[ends_from..ends].iter_mut().for_each(|end| *end += data_from);
                    chunk.records.push(ends);
                    chunk.places.push(input.place(begin));
                    (data_from, ends_from) = (data, ends);
                    begin = self.base + self.parsed as u64;
                    if data >= CHUNK {
                        break;
                    }
                }
                ReadRecordResult::End => self.input = None,
            }
        }
        chunk.data.truncate(data_from);
        chunk.ends.truncate(ends_from);
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}
