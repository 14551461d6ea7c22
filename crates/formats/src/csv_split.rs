//! Where CSV records start. A newline ends a record unless it is quoted, and whether it is can only be told from the
//! start of the file on; so a file of more than one split is read once, looking at quotes and little else.

use crate::codec::Codec;
use crate::error::FormatError;
use crate::source::{Object, Source};
use crate::split::{FileEntry, SPLIT_SIZE, Split};
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const READ: usize = 1 << 20;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How fields are told apart. A quote within a quoted field is written twice; records end with `\n`, `\r\n` or `\r`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvDialect {
    /// Between fields.
    pub delimiter: u8,
    /// Around fields that hold delimiters or newlines; None if no byte has that meaning.
    pub quote: Option<u8>,
}

impl Default for CsvDialect {
    fn default() -> CsvDialect {
        CsvDialect { delimiter: b',', quote: Some(b'"') }
    }
}

/// Splits of CSV files in their order, each from the start of a record to the start of another. A compressed file is
/// one split.
pub async fn plan_csv_splits(
    store_url: &str,
    store: &Arc<dyn ObjectStore>,
    files: &[FileEntry],
    codec: Option<Codec>,
    split_size: Option<u64>,
    dialect: CsvDialect,
) -> Result<Vec<Split>, FormatError> {
    let mut splits = Vec::new();
    for file in files.iter().filter(|f| f.size > 0) {
        let whole = Split::whole(store_url, file, codec);
        if whole.codec != Codec::Plain {
            splits.push(whole);
            continue;
        }
        let starts = csv_record_starts(store, file, split_size.unwrap_or(SPLIT_SIZE), dialect).await?;
        let ends = starts.iter().skip(1).copied().chain([file.size]);
        splits.extend(starts.iter().zip(ends).map(|(&start, end)| Split { range: start..end, ..whole.clone() }));
    }
    Ok(splits)
}

/// The first start of a record at or after every multiple of `split_size`, each once. Files of one split are not read.
pub async fn csv_record_starts(
    store: &Arc<dyn ObjectStore>,
    file: &FileEntry,
    split_size: u64,
    dialect: CsvDialect,
) -> Result<Vec<u64>, FormatError> {
    let object = Object { store: store.clone(), location: file.location.clone(), len: file.size };
    let mut scan = Scan::new(dialect, split_size.max(1));
    if file.size > scan.border {
        let mut source = Source::new(object, 0, file.size);
        let mut buf = Vec::with_capacity(READ);
        while source.fill(&mut buf, READ).await? > 0 {
            // A mark of UTF-8 is no part of the first field: look at the start as a whole.
            if scan.at > 0 || buf.len() >= BOM.len() {
                scan.feed(&buf);
                buf.clear();
            }
        }
        scan.feed(&buf);
    }
    scan.starts.retain(|&start| start < file.size);
    Ok(scan.starts)
}

enum State {
    /// Not in quotes; whether a quote here would open a field.
    Outside {
        edge: bool,
    },
    Quoted,
    /// Behind a quote in a quoted field: the first of two, or the closing one.
    Quote,
}

struct Scan {
    dialect: CsvDialect,
    state: State,
    /// Offset of the next byte.
    at: u64,
    size: u64,
    /// A start at or after this is looked for.
    border: u64,
    starts: Vec<u64>,
}

impl Scan {
    fn new(dialect: CsvDialect, size: u64) -> Scan {
        Scan { dialect, state: State::Outside { edge: true }, at: 0, size, border: size, starts: vec![0] }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut i = if self.at == 0 && bytes.starts_with(BOM) { BOM.len() } else { 0 };
        while i < bytes.len() {
            match self.state {
                State::Outside { edge } => {
                    let quote = self.dialect.quote.and_then(|q| memchr::memchr(q, &bytes[i..])).map(|n| i + n);
                    let upto = quote.unwrap_or(bytes.len());
                    self.newlines(bytes, i, upto);
                    let edge = if upto > i { self.is_edge(bytes[upto - 1]) } else { edge };
                    self.state = if quote.is_some() && edge {
                        State::Quoted
                    } else {
                        State::Outside { edge: edge && quote.is_none() }
                    };
                    i = upto + usize::from(quote.is_some());
                }
                State::Quoted => match self.dialect.quote.and_then(|q| memchr::memchr(q, &bytes[i..])) {
                    Some(n) => {
                        self.state = State::Quote;
                        i += n + 1;
                    }
                    None => i = bytes.len(),
                },
                State::Quote => {
                    if self.dialect.quote == Some(bytes[i]) {
                        self.state = State::Quoted;
                        i += 1;
                    } else {
                        self.state = State::Outside { edge: false };
                    }
                }
            }
        }
        self.at += bytes.len() as u64;
    }

    fn is_edge(&self, byte: u8) -> bool {
        byte == self.dialect.delimiter || byte == b'\n' || byte == b'\r'
    }

    /// Takes the starts behind newlines in `bytes[from..upto]`, none of which is quoted.
    fn newlines(&mut self, bytes: &[u8], from: usize, upto: usize) {
        // The newline before a start at the border lies one byte before it.
        let mut from = from.max((self.border - 1).saturating_sub(self.at).min(upto as u64) as usize);
        while from < upto {
            let Some(n) = memchr::memchr(b'\n', &bytes[from..upto]) else { return };
            let start = self.at + (from + n) as u64 + 1;
            self.starts.push(start);
            self.border = (start / self.size + 1).saturating_mul(self.size);
            from = (from + n + 1).max((self.border - 1).saturating_sub(self.at).min(upto as u64) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(text: &str, size: u64, piece: usize) -> Vec<u64> {
        let mut scan = Scan::new(CsvDialect::default(), size);
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            let n = if scan.at == 0 { piece.max(3) } else { piece }.min(bytes.len());
            scan.feed(&bytes[..n]);
            bytes = &bytes[n..];
        }
        scan.starts.retain(|&s| s < text.len() as u64);
        scan.starts
    }

    #[test]
    fn quoted_newlines_start_nothing() {
        for piece in 1..20 {
            assert_eq!(starts("a,\"x\ny\"\nb\nc\n", 1, piece), [0, 8, 10], "{piece}");
            assert_eq!(starts("\"\"\"\n\"\"\"\n1\n", 1, piece), [0, 8], "{piece}");
            assert_eq!(starts("\u{feff}\"\n\"\n1\n", 1, piece), [0, 7], "{piece}");
        }
    }

    #[test]
    fn a_quote_inside_a_bare_field_is_a_byte() {
        for piece in 1..9 {
            assert_eq!(starts("5\" disk\n3\" disk\n", 1, piece), [0, 8], "{piece}");
            assert_eq!(starts("\"a\"b\"\n\"c\n\"\n", 1, piece), [0, 6], "{piece}");
        }
    }

    #[test]
    fn borders_are_kept_apart() {
        assert_eq!(starts("aa\nbb\ncc\ndd\n", 6, 5), [0, 6]);
        assert_eq!(starts("aa\nbb\ncc\ndd\n", 5, 5), [0, 6]);
        assert_eq!(starts("aaaaaaaaaaaaaaaa\nbb\ncc\ndd\n", 4, 5), [0, 17, 20]);
    }
}
