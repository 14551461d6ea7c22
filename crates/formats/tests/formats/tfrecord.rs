//! TFRecords.

use crate::support::{PACKED, Random, run, stored};
use dpark_formats::{Codec, FormatError, TfRecordWriter};
use proptest::prelude::*;

fn write(records: &[Vec<u8>], codec: Codec) -> Vec<u8> {
    let mut writer = TfRecordWriter::new(Vec::new(), codec).unwrap();
    records.iter().for_each(|record| writer.record(record).unwrap());
    writer.finish().unwrap()
}

fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(prop::num::u8::ANY, 0..100), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_splits_give_the_records_of_the_file(records in records(), size in 1u64..300, on_disk in prop::bool::weighted(0.2)) {
        let file = write(&records, Codec::Plain);
        let splits = run(async { stored("a", &file, on_disk).await.tfrecords(size).await }).unwrap();
        let mut start = 0;
        let mut expected = vec![Vec::new(); splits.len()];
        for record in &records {
            expected[start / size as usize].push(record.clone());
            start += record.len() + 16;
        }
        prop_assert_eq!(splits, expected);
    }

    #[test]
    fn a_flipped_bit_is_told(records in records(), at: prop::sample::Index, bit in 0u8..8, size in 1u64..300) {
        prop_assume!(!records.is_empty());
        let mut file = write(&records, Codec::Plain);
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        let error = run(async { stored("dir/a", &file, false).await.tfrecords(size).await }).unwrap_err();
        let mut start = 0;
        let hit = records.iter().map(|r| { let s = start; start += r.len() + 16; s }).take_while(|&s| s <= at).last().unwrap();
        match &error {
            FormatError::Corrupt { place, .. } => prop_assert_eq!(place.offset, hit as u64),
            e => prop_assert!(false, "{}", e),
        }
        prop_assert!(error.to_string().contains("dir/a"));
    }

    #[test]
    fn a_cut_file_is_told(records in records(), at: prop::sample::Index, size in 1u64..300) {
        prop_assume!(!records.is_empty());
        let whole = write(&records, Codec::Plain);
        let at = at.index(whole.len());
        let result = run(async { stored("a", &whole[..at], false).await.tfrecords(size).await });
        let mut start = 0;
        let borders: Vec<usize> = records.iter().map(|r| { let s = start; start += r.len() + 16; s }).collect();
        prop_assert_eq!(result.is_ok(), borders.contains(&at));
    }

    #[test]
    fn compressed_files_split_too(codec in prop::sample::select(&PACKED[..]), seed: u64, n in 0usize..40, size in 50_000u64..900_000) {
        let mut random = Random(seed);
        let records: Vec<Vec<u8>> = (0..n).map(|_| { let len = random.below(80_000); random.text(len, 100) }).collect();
        let file = write(&records, codec);
        let splits = run(async { stored(&format!("a{}", codec.suffix()), &file, false).await.tfrecords(size).await });
        prop_assert!(splits.unwrap().concat() == records);
    }
}

#[test]
fn records_in_records_are_not_taken_for_records() {
    let inner = write(&[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()], Codec::Plain);
    let records = vec![b"x".to_vec(), inner, b"y".to_vec()];
    let file = write(&records, Codec::Plain);
    run(async {
        let f = stored("a", &file, false).await;
        for size in 1..200 {
            match f.tfrecords(size).await {
                Ok(splits) => assert_eq!(splits.concat(), records),
                Err(FormatError::FalseStart { .. } | FormatError::Corrupt { .. }) => assert!(size < file.len() as u64),
                Err(e) => panic!("{e}"),
            }
        }
    });
}

#[test]
fn large_records() {
    let mut random = Random(1);
    let records: Vec<Vec<u8>> = [3 << 20, 10, 0, 5 << 20, 100].iter().map(|&n| random.text(n, 1000)).collect();
    let file = write(&records, Codec::Plain);
    run(async {
        let f = stored("a", &file, true).await;
        for size in [1 << 20, 3 << 20, 64 << 20] {
            assert!(f.tfrecords(size).await.unwrap().concat() == records);
        }
    });
}
