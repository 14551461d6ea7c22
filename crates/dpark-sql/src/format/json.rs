//! JSON: `json` is one array with an object a line, `ndjson` one object a line.
//!
//! Numbers are numbers, also integers beyond 2^53 and decimals, digit for digit; NaN and infinities are null; dates and times are
//! ISO 8601 strings; bytes are hex strings; lists, structs and maps nest. A column name that occurs twice gets `_1`, `_2`, …: a
//! reader of JSON would see only the last.

use super::RowWriter;
use super::cell::json_options;
use arrow::array::StructArray;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::writer::make_encoder;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::Result;
use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

/// A JSON writer.
pub(super) struct Objects {
    schema: SchemaRef,
    array: bool,
    rows: u64,
}

impl Objects {
    pub(super) fn array(schema: &SchemaRef) -> Self {
        Objects { schema: distinct_names(schema), array: true, rows: 0 }
    }

    pub(super) fn lines(schema: &SchemaRef) -> Self {
        Objects { array: false, ..Self::array(schema) }
    }
}

impl RowWriter for Objects {
    fn batch(&mut self, out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let options = json_options();
        let counted = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let schema = Arc::new(named_like(batch.schema_ref(), &self.schema));
        let batch = RecordBatch::try_new_with_options(schema, batch.columns().to_vec(), &counted)?;
        let rows = StructArray::from(batch);
        let field = Arc::new(Field::new("row", DataType::Struct(rows.fields().clone()), false));
        let mut encoder = make_encoder(&field, &rows, &options)?;
        let mut line = Vec::new();
        for row in 0..arrow::array::Array::len(&rows) {
            line.clear();
            line.extend_from_slice(match (self.array, self.rows) {
                (true, 0) => b"[",
                (true, _) => b",\n ",
                (false, _) => b"",
            });
            encoder.encode(row, &mut line);
            if !self.array {
                line.push(b'\n');
            }
            out.write_all(&line)?;
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> Result<()> {
        if self.array {
            out.write_all(if self.rows == 0 { b"[]\n" } else { b"]\n" })?;
        }
        Ok(())
    }
}

/// The batch's own types under the names of the result.
fn named_like(types: &Schema, names: &Schema) -> Schema {
    let renamed = |(field, name): (&Arc<Field>, &Arc<Field>)| field.as_ref().clone().with_name(name.name());
    Schema::new(types.fields().iter().zip(names.fields()).map(renamed).collect::<Vec<_>>())
}

fn distinct_names(schema: &Schema) -> SchemaRef {
    let all: HashSet<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let mut taken: HashSet<String> = HashSet::new();
    let fields = schema.fields().iter().map(|field| {
        let mut name = field.name().clone();
        let mut n = 0;
        while taken.contains(&name) || (n > 0 && all.contains(&name)) {
            n += 1;
            name = format!("{}_{n}", field.name());
        }
        taken.insert(name.clone());
        field.as_ref().clone().with_name(name)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::samples::{render, sample};
    use super::*;

    #[test]
    fn types_keep_their_meaning() {
        let text = render(&[sample()], Format::Ndjson, |l| l);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            r#"{"i":9007199254740993,"f":1.5,"t":"2024-02-29T12:30:00","bin":"00ff","list":[1,null],"d":"2024-02-29","dec":12.30,"b":true}"#
        );
        assert_eq!(lines[1], r#"{"i":-1,"f":null,"t":null,"bin":null,"list":[],"d":null,"dec":null,"b":false}"#);
    }

    #[test]
    fn an_array_is_valid_json_over_several_batches_and_without_rows() {
        let rows = render(&[sample(), sample()], Format::Json, |l| l);
        let parsed: serde_json::Value = serde_json::from_str(&rows).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), 6);
        assert_eq!(render(&[sample().slice(0, 0)], Format::Json, |l| l), "[]\n");
        assert_eq!(render(&[sample().slice(0, 0)], Format::Ndjson, |l| l), "");
    }

    #[test]
    fn names_that_occur_twice_are_told_apart() {
        let field = |name: &str| Field::new(name, DataType::Int32, true);
        let schema = Schema::new(vec![field("id"), field("id"), field("id_1"), field("id")]);
        let names: Vec<String> = super::super::names(&distinct_names(&schema));
        assert_eq!(names, ["id", "id_2", "id_1", "id_3"]);
    }
}
