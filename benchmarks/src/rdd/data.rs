//! The data of the RDD tasks as files, made once per scale, byte for byte the same on every machine.
//!
//! | file | rows at scale 1 | what |
//! | --- | --- | --- |
//! | `words.txt` | 1 GB | lines of 5 to 15 words, 50,000 words as frequent as Zipf says |
//! | `records.bin` | 10 M | 100 bytes each: a key of 10 random bytes, a payload of 90 letters and digits |
//! | `left.parquet`, `right.parquet` | 10 M, 1 M | keys that both draw from the same million, and values |
//! | `groups.parquet` | 10 M | 10,000 keys, and values |
//! | `points.parquet` | 2 M | 10 coordinates around 10 centres |
//! | `edges.parquet` | 10 M | between 1 M vertices, each with an edge in and one out at least |
//!
//! Whole numbers are signed in Parquet, since Spark reads unsigned ones of 64 bits as decimals; all are positive.
//! Keys are scattered over 63 bits, so that none can be taken for an index. A file has its name only once it is whole.

use super::random::{Random, mix};
use crate::Result;
use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of a record and of its key.
pub(super) const RECORD: usize = 100;
pub(super) const KEY: usize = 10;
/// Coordinates of a point.
pub(super) const DIMENSIONS: usize = 10;

const WORDS: usize = 50_000;
const ROW_GROUP: usize = 1_000_000;
const BATCH: usize = 50_000;
/// Values are below, so that the sum of ten million products of two fits 64 bits.
const VALUES: u64 = 1 << 20;

/// What makes a file.
type Make = fn(&Path, f64) -> Result<()>;

const FILES: [(&str, Make); 7] = [
    ("words.txt", words),
    ("records.bin", records),
    ("left.parquet", |path, scale| pairs(path, rows(1e7, scale), rows(1e6, scale), 3)),
    ("right.parquet", |path, scale| pairs(path, rows(1e6, scale), rows(1e6, scale), 4)),
    ("groups.parquet", |path, scale| pairs(path, rows(1e7, scale), rows(1e4, scale), 5)),
    ("points.parquet", points),
    ("edges.parquet", edges),
];

/// The directory of a scale below the target directory.
pub(super) fn default_dir(scale: f64) -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let target = exe.parent().and_then(Path::parent).ok_or("the program is in no target directory: use --data")?;
    Ok(target.join("rdd").join(format!("sf{scale}")))
}

/// Makes the files that are not there.
pub(super) fn generate(dir: &Path, scale: f64) -> Result<()> {
    fs::create_dir_all(dir)?;
    for (name, make) in FILES {
        let path = dir.join(name);
        if path.exists() {
            continue;
        }
        let started = Instant::now();
        let partial = dir.join(format!("{name}.tmp"));
        make(&partial, scale).map_err(|error| format!("{}: {error}", partial.display()))?;
        fs::rename(&partial, &path)?;
        println!("made {} in {:.1} s", path.display(), started.elapsed().as_secs_f64());
    }
    Ok(())
}

/// `at_one` rows at scale 1, and never none.
fn rows(at_one: f64, scale: f64) -> u64 {
    (at_one * scale).round().max(1.0) as u64
}

fn words(path: &Path, scale: f64) -> Result<()> {
    let mut random = Random::new(1);
    let vocabulary = vocabulary(&mut random);
    // Each word in as many slots as it is frequent: a draw is one look into the table.
    let harmonic: f64 = (1..=WORDS).map(|rank| 1.0 / rank as f64).sum();
    let slots = |rank: usize| ((1u64 << 20) as f64 / harmonic / rank as f64).round().max(1.0) as usize;
    let table: Vec<&str> =
        vocabulary.iter().enumerate().flat_map(|(at, word)| vec![word.as_str(); slots(at + 1)]).collect();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (mut line, mut written) = (String::new(), 0);
    while written < rows(1e9, scale) {
        line.clear();
        for at in 0..5 + random.below(11) {
            if at > 0 {
                line.push(' ');
            }
            line.push_str(table[random.below(table.len() as u64) as usize]);
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
    }
    Ok(out.flush()?)
}

/// Different words of 3 to 11 letters.
fn vocabulary(random: &mut Random) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut words = Vec::with_capacity(WORDS);
    while words.len() < WORDS {
        let length = 3 + random.below(9);
        let word: String = (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

fn records(path: &Path, scale: f64) -> Result<()> {
    let mut random = Random::new(2);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for row in 0..rows(1e7, scale) {
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&random.next().to_be_bytes());
        record[8..KEY].copy_from_slice(&(random.next() as u16).to_be_bytes());
        // As TeraSort's: which row it was, and runs of letters.
        write!(&mut record[KEY..KEY + 16], "{row:016x}")?;
        for run in record[KEY + 16..].chunks_mut(10) {
            run.fill(b'A' + random.below(26) as u8);
        }
        out.write_all(&record)?;
    }
    Ok(out.flush()?)
}

fn pairs(path: &Path, rows: u64, keys: u64, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    two_columns(path, ["key", "value"], rows, |_| [scattered(random.below(keys)), random.below(VALUES)])
}

/// A number of 63 bits for each small one.
fn scattered(key: u64) -> u64 {
    mix(key + 1) >> 1
}

fn edges(path: &Path, scale: f64) -> Result<()> {
    let mut random = Random::new(7);
    let vertices = rows(1e6, scale);
    // Prime and greater than any number of vertices: multiplying by it only reorders them.
    let shuffled = |vertex: u64| (vertex * 15_485_863 + 12_345) % vertices;
    two_columns(path, ["source", "target"], rows(1e7, scale), |row| {
        if row < vertices {
            return [row, shuffled(row)];
        }
        // A few targets have very many edges.
        let target = (vertices as f64 * random.unit().powi(3)) as u64;
        [random.below(vertices), shuffled(target)]
    })
}

fn points(path: &Path, scale: f64) -> Result<()> {
    let mut random = Random::new(6);
    let centres: Vec<[f64; DIMENSIONS]> = (0..10).map(|_| std::array::from_fn(|_| random.unit() * 100.0)).collect();
    let fields = (0..DIMENSIONS).map(|at| Field::new(format!("x{at}"), DataType::Float64, false)).collect::<Vec<_>>();
    parquet(path, fields, rows(2e6, scale), |rows| {
        let mut columns: Vec<_> = (0..DIMENSIONS).map(|_| Vec::with_capacity(BATCH)).collect();
        for _ in rows {
            let centre = &centres[random.below(centres.len() as u64) as usize];
            for (column, middle) in columns.iter_mut().zip(centre) {
                // Nearly a bell, and wide enough that clusters touch.
                let noise: f64 = (0..4).map(|_| random.unit() - 0.5).sum();
                column.push(middle + 40.0 * noise);
            }
        }
        columns.into_iter().map(|column| Arc::new(Float64Array::from(column)) as ArrayRef).collect()
    })
}

fn two_columns(path: &Path, names: [&str; 2], rows: u64, mut row: impl FnMut(u64) -> [u64; 2]) -> Result<()> {
    let fields = names.map(|name| Field::new(name, DataType::Int64, false)).to_vec();
    parquet(path, fields, rows, |rows| {
        let (mut first, mut second) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        for at in rows {
            let [one, two] = row(at);
            first.push(one.cast_signed());
            second.push(two.cast_signed());
        }
        vec![Arc::new(Int64Array::from(first)), Arc::new(Int64Array::from(second))]
    })
}

fn parquet(
    path: &Path,
    fields: Vec<Field>,
    rows: u64,
    mut columns: impl FnMut(std::ops::Range<u64>) -> Vec<ArrayRef>,
) -> Result<()> {
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, Arc::clone(&schema), Some(properties))?;
    for start in (0..rows).step_by(BATCH) {
        let batch = columns(start..rows.min(start + BATCH as u64));
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), batch)?)?;
    }
    writer.close()?;
    Ok(())
}
