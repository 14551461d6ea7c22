//! Lines of plain text.

use crate::support::{lines_of, run, stored};
use dpark_formats::{FormatError, LineKind, LineReader, plan_range};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_splits_give_the_lines_of_the_file(
        pieces in prop::collection::vec("[a-zä\r]{0,12}(\n|\r\n|\n\n)?", 0..40),
        size in 1u64..60,
        on_disk in prop::bool::weighted(0.2),
    ) {
        let text = pieces.concat();
        let splits = run(async { stored("a.txt", text.as_bytes(), on_disk).await.lines(size).await }).unwrap();
        // A line belongs to the split in which it starts.
        let mut start = 0;
        let mut expected = vec![Vec::new(); splits.len()];
        for (line, with_end) in lines_of(text.as_bytes()).into_iter().zip(text.split_inclusive('\n')) {
            expected[start / size as usize].push(line);
            start += with_end.len();
        }
        prop_assert_eq!(splits, expected);
    }
}

#[test]
fn a_range_has_the_lines_that_start_in_it() {
    run(async {
        let f = stored("a", b"aa\nbb\ncc\ndd\n", true).await;
        for (range, expected) in
            [(0..1, vec!["aa"]), (1..3, vec![]), (3..7, vec!["bb", "cc"]), (4..12, vec!["cc", "dd"])]
        {
            let mut lines = Vec::new();
            for split in plan_range("", &f.file, None, range, Some(2)) {
                let mut reader = LineReader::open(f.store.clone(), &split, LineKind::Text).await.unwrap();
                while let Some(chunk) = reader.next_chunk().await.unwrap() {
                    lines.extend(chunk.strs().unwrap().map(str::to_string));
                }
            }
            assert_eq!(lines, expected);
        }
    });
}

#[test]
fn long_lines_and_many_chunks() {
    let mut text = vec![b'x'; 5 << 20];
    text.push(b'\n');
    for i in 0..400_000 {
        text.extend_from_slice(format!("{i}\r\n").as_bytes());
    }
    text.extend(vec![b'y'; 3 << 20]);
    run(async {
        for on_disk in [false, true] {
            let f = stored("a", &text, on_disk).await;
            for size in [700_000, 1 << 20, 64 << 20] {
                assert!(f.lines(size).await.unwrap().concat() == lines_of(&text));
            }
        }
    });
}

#[test]
fn the_place_of_a_bad_line_is_told() {
    let mut text = b"good\n".repeat(400_000);
    let bad = text.len();
    text.extend_from_slice(b"b\xffd\ngood\n");
    run(async {
        let f = stored("dir/a.txt", &text, true).await;
        let split = f.splits(1_000_003).swap_remove(1);
        let mut reader = LineReader::open(f.store.clone(), &split, LineKind::Text).await.unwrap();
        let error = loop {
            match reader.next_chunk().await {
                Ok(chunk) => assert!(chunk.unwrap().strs().unwrap().all(|line| line == "good")),
                Err(error) => break error,
            }
        };
        assert!(matches!(&error, FormatError::NotUtf8 { place, .. } if place.offset == bad as u64), "{error}");
        assert!(error.to_string().contains("dir/a.txt"));
        let mut reader = LineReader::open(f.store.clone(), &split, LineKind::Bytes).await.unwrap();
        let mut places = Vec::new();
        while let Some(chunk) = reader.next_chunk().await.unwrap() {
            assert!(chunk.strs().is_none());
            places.extend((0..chunk.len()).map(|i| (chunk.place(i).offset, chunk.record(i).to_vec())));
        }
        assert!(places.contains(&(bad as u64, b"b\xffd".to_vec())));
    });
}

#[test]
fn a_file_that_shrank_or_went_is_told() {
    run(async {
        for on_disk in [false, true] {
            let mut f = stored("a", b"aa\nbb\n", on_disk).await;
            f.file.size = 9;
            let error = f.lines(100).await.unwrap_err();
            assert!(matches!(error, FormatError::Shrunk { expected: 9, offset: 6, .. }), "{error}");
            f.file.location = "b".into();
            assert!(matches!(f.lines(100).await.unwrap_err(), FormatError::NotFound { .. }));
        }
    });
}
