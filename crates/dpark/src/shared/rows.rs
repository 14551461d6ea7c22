//! [`Rows`]: record batches as the value of a broadcast.

use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use serde::de::Visitor;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Rows of one schema. They travel as Arrow's stream format.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Rows {
    /// Batches of this schema. Errors: a batch of other columns.
    pub fn try_new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Self, ArrowError> {
        let batches = batches.into_iter().map(|batch| {
            // Metadata and nullability of a query's batches may differ from what was planned.
            let rows = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(Arc::clone(&schema), batch.columns().to_vec(), &rows)
        });
        Ok(Self { batches: batches.collect::<Result<_, _>>()?, schema })
    }

    /// Their columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// How many there are.
    pub fn num_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn to_bytes(&self) -> Result<Vec<u8>, ArrowError> {
        let mut writer = StreamWriter::try_new(vec![], &self.schema)?;
        self.batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.into_inner()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, ArrowError> {
        let (mut decoder, mut bytes, mut batches) = (StreamDecoder::new(), Buffer::from(bytes), vec![]);
        // The arrays share this buffer.
        while let Some(batch) = decoder.decode(&mut bytes)? {
            batches.push(batch);
        }
        decoder.finish()?;
        let schema = decoder.schema().ok_or_else(|| ArrowError::IpcError("rows without a schema".into()))?;
        Ok(Self { schema, batches })
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes().map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Rows;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an Arrow stream")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Rows, E> {
                Rows::from_bytes(bytes).map_err(E::custom)
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};

    #[test]
    fn rows_come_back_from_their_bytes() {
        let fields = vec![Field::new("n", DataType::Int64, true), Field::new("s", DataType::Utf8, true)];
        let schema = Arc::new(Schema::new(fields));
        let batch = |n: i64| {
            let columns: Vec<arrow::array::ArrayRef> =
                vec![Arc::new(Int64Array::from(vec![Some(n), None])), Arc::new(StringArray::from(vec!["x", "y"]))];
            RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
        };
        for batches in [vec![], vec![batch(1)], vec![batch(1), batch(2).slice(1, 1)]] {
            let rows = Rows::try_new(Arc::clone(&schema), batches).unwrap();
            let bytes = postcard::to_stdvec(&rows).unwrap();
            assert_eq!(postcard::from_bytes::<Rows>(&bytes).unwrap(), rows);
        }
    }
}
