//! Records of one length.

use crate::support::{Random, collect, member, run, stored};
use dpark_formats::{Codec, FixedReader, FormatError, plan_fixed_splits};

async fn read(name: &str, bytes: &[u8], record: u64, size: u64) -> Result<Vec<Vec<Vec<u8>>>, FormatError> {
    let f = stored(name, bytes, true).await;
    let mut all = Vec::new();
    for split in plan_fixed_splits("", std::slice::from_ref(&f.file), None, record, Some(size))? {
        let mut reader = FixedReader::open(f.store.clone(), &split, record).await?;
        let mut records = Vec::new();
        while let Some(chunk) = reader.next_chunk().await? {
            collect(&chunk, &mut records);
        }
        all.push(records);
    }
    Ok(all)
}

#[test]
fn records_are_whole_in_splits_of_any_size() {
    let bytes = Random(1).text(3_000_000, 50);
    run(async {
        for (record, size) in
            [(1, 700_000), (7, 100), (8, 1_000_001), (12_000, 5), (1_500_000, 64 << 20), (3_000_000, 1)]
        {
            let len = bytes.len() - bytes.len() % record;
            let bytes = if size < 1000 { &bytes[..len.min(record * 20)] } else { &bytes[..len] };
            let expected: Vec<Vec<u8>> = bytes.chunks(record).map(<[u8]>::to_vec).collect();
            let splits = read("a", bytes, record as u64, size).await.unwrap();
            assert!(splits.iter().all(|s| !s.is_empty()));
            assert!(splits.concat() == expected, "{record} {size}");
            let packed = member(Codec::Gzip, bytes, 1);
            let splits = read("a.gz", &packed, record as u64, size).await.unwrap();
            assert!(splits.len() == 1 && splits[0] == expected, "{record} {size}");
        }
    });
}

#[test]
fn a_part_of_a_record_is_told() {
    run(async {
        for (name, bytes) in [("dir/a", vec![1; 10]), ("dir/a.gz", member(Codec::Gzip, &[1; 10], 6))] {
            let error = read(name, &bytes, 4, 100).await.unwrap_err();
            assert!(matches!(error, FormatError::NotWhole { size: 10, record: 4, .. }), "{error}");
            assert!(error.to_string().contains(name));
        }
        assert!(matches!(read("a", b"12", 0, 100).await, Err(FormatError::Invalid(_))));
    });
}
