//! CSV with whatever in its fields.

use crate::support::{Stored, member, run, stored};
use dpark_formats::{Codec, CsvDialect, CsvReader, FormatError, plan_csv_splits};
use proptest::prelude::*;

type Records = Vec<Vec<Vec<u8>>>;

async fn read(f: &Stored, size: u64, dialect: CsvDialect) -> Result<Vec<Records>, FormatError> {
    let mut all = Vec::new();
    let files = [f.file.clone()];
    for split in plan_csv_splits("", &f.store, &files, None, Some(size), dialect).await? {
        let mut reader = CsvReader::open(f.store.clone(), &split, dialect).await?;
        let mut records = Vec::new();
        while let Some(chunk) = reader.next_chunk().await? {
            assert!(!chunk.is_empty() && chunk.place(chunk.len() - 1).is_some());
            records.extend(chunk.iter().map(|record| record.map(<[u8]>::to_vec).collect::<Vec<_>>()));
        }
        all.push(records);
    }
    Ok(all)
}

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_splits_give_the_fields_that_were_written(
        records in prop::collection::vec(prop::collection::vec("[ab,\"\n\r\u{feff}]{0,6}", 1..4), 0..30),
        size in 1u64..100, crlf: bool, on_disk in prop::bool::weighted(0.2),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let text: String = records.iter().map(|r| r.iter().map(|f| quoted(f)).collect::<Vec<_>>().join(",") + end).collect();
        let expected: Records = records.iter().map(|r| r.iter().map(|f| f.as_bytes().to_vec()).collect()).collect();
        let splits = run(async { read(&stored("a", text.as_bytes(), on_disk).await, size, CsvDialect::default()).await }).unwrap();
        prop_assert_eq!(splits.concat(), expected);
    }

    /// Whatever the text, splits must read what one reader reads.
    #[test]
    fn any_text_is_read_as_in_one_split(text in "[ab,;\"'\n\r\u{feff}]{0,120}", size in 1u64..100, other: bool) {
        let dialect = if other { CsvDialect { delimiter: b';', quote: Some(b'\'') } } else { CsvDialect::default() };
        let (splits, one) = run(async {
            let f = stored("a", text.as_bytes(), false).await;
            (read(&f, size, dialect).await.unwrap().concat(), read(&f, 1 << 20, dialect).await.unwrap().concat())
        });
        prop_assert_eq!(splits, one);
    }

    #[test]
    fn without_quotes_every_newline_ends_a_record(text in "[ab,\"\n]{0,120}", size in 1u64..100) {
        let dialect = CsvDialect { quote: None, ..CsvDialect::default() };
        let splits = run(async { read(&stored("a", text.as_bytes(), false).await, size, dialect).await }).unwrap();
        let expected: Records = text.split('\n').filter(|l| !l.is_empty())
            .map(|l| l.split(',').map(|f| f.as_bytes().to_vec()).collect()).collect();
        prop_assert_eq!(splits.concat(), expected);
    }
}

#[test]
fn large_files_and_compressed_ones() {
    let mut text = String::new();
    let mut expected = Records::new();
    for i in 0..300_000 {
        let fields = [i.to_string(), format!("say \"{i}\"\n, twice"), String::new()];
        text.push_str(&format!("{},{},\n", fields[0], quoted(&fields[1])));
        expected.push(fields.iter().map(|f| f.as_bytes().to_vec()).collect());
    }
    let wide = vec!["w".repeat(2 << 20); 2];
    text.push_str(&wide.join(","));
    expected.push(wide.iter().map(|f| f.as_bytes().to_vec()).collect());
    let narrow = vec!["n"; 10_000];
    text.push_str(&format!("\n{}\n", narrow.join(",")));
    expected.push(narrow.iter().map(|f| f.as_bytes().to_vec()).collect());
    run(async {
        let f = stored("a", text.as_bytes(), true).await;
        for size in [1 << 20, 1_500_007, 64 << 20] {
            let splits = read(&f, size, CsvDialect::default()).await.unwrap();
            assert!(splits.len() > 3 || size == 64 << 20);
            assert!(splits.concat() == expected);
        }
        let f = stored("a.gz", &member(Codec::Gzip, text.as_bytes(), 1), true).await;
        let splits = read(&f, 1000, CsvDialect::default()).await.unwrap();
        assert!(splits.len() == 1 && splits[0] == expected);
    });
}
