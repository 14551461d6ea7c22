//! Batches for the format tests.

use super::{Format, Layout, writer};
use arrow::array::*;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::config::FormatOptions;
use std::sync::Arc;

/// One column `s` of strings.
pub(super) fn strings(values: &[Option<&str>]) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("s", DataType::Utf8, true)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(StringArray::from(values.to_vec()))]).unwrap()
}

/// Three rows of many types, the last all NULL.
pub(super) fn sample() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![]), None]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i", Arc::new(Int64Array::from(vec![Some(9007199254740993), Some(-1), None]))),
        ("f", Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), None]))),
        ("t", Arc::new(TimestampSecondArray::from(vec![Some(1709209800), None, None]))),
        ("bin", Arc::new(BinaryArray::from(vec![Some(&[0u8, 255][..]), None, None]))),
        ("list", Arc::new(list)),
        ("d", Arc::new(Date32Array::from(vec![Some(19782), None, None]))),
        ("dec", Arc::new(Decimal128Array::from(vec![Some(1230), None, None]).with_precision_and_scale(10, 2).unwrap())),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
    ];
    assert_eq!(columns[2].1.data_type(), &DataType::Timestamp(TimeUnit::Second, None));
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// What a format makes of batches.
pub(super) fn render(batches: &[RecordBatch], format: Format, change: impl Fn(Layout) -> Layout) -> String {
    let layout = Layout {
        format,
        header: true,
        width: None,
        plan: false,
        vertical_if_wide: false,
        values: FormatOptions::default(),
    };
    let mut writer = writer(&batches[0].schema(), &change(layout)).unwrap();
    let mut out = Vec::new();
    for batch in batches {
        writer.batch(&mut out, batch).unwrap();
    }
    writer.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}
