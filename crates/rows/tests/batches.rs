//! Batches are bounded, in rows and in bytes.

use dpark_rows::batch::batches_of;
use dpark_rows::{BatchBuilder, schema_of};

#[test]
fn no_batch_has_more_rows_than_asked_for() {
    let rows: Vec<(i64, String)> = (0..300).map(|i| (i, i.to_string())).collect();
    for max in [1, 2, 7, 63, 64, 65, 100, 299, 300, 1000] {
        let sizes: Vec<usize> = batches_of(&rows, max).unwrap().iter().map(|batch| batch.num_rows()).collect();
        let (last, full) = sizes.split_last().unwrap();
        assert!(full.iter().all(|size| *size == max), "{max}: {sizes:?}");
        assert_eq!(*last, rows.len() - full.len() * max);
    }
    assert_eq!(batches_of(&rows[..2], 0).unwrap().len(), 2);
    assert!(batches_of(&rows[..0], 5).unwrap().is_empty());
}

#[test]
fn large_rows_make_short_batches() {
    let text = "x".repeat(1 << 20);
    let mut builder = BatchBuilder::<(String, Vec<String>)>::new(schema_of::<(String, Vec<String>)>(), 8192);
    (0..20).for_each(|_| builder.push((text.as_str(), vec![text.as_str()])));
    let full = builder.take_full().unwrap();
    assert_eq!(full.iter().map(|batch| batch.num_rows()).collect::<Vec<_>>(), [8, 8]);
    assert_eq!(builder.pending(), 4);
    assert_eq!(builder.take_all().unwrap()[0].num_rows(), 4);
    assert!(builder.take_all().unwrap().is_empty());
}

#[test]
fn another_schema_is_an_error() {
    let mut builder = BatchBuilder::<i64>::new(schema_of::<String>(), 10);
    builder.push(1i64);
    assert!(builder.take_all().is_err());
}
