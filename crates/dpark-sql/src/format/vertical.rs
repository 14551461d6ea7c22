//! One line a value, a heading a record: for wide rows, as psql's `\x`.

use super::cell::{Cells, Nested, json_options};
use super::text::{lines, pad, width};
use super::{Layout, RowWriter, names};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::config::FormatOptions;
use datafusion::error::Result;
use std::io::Write;

/// A vertical writer.
pub(super) struct Vertical {
    values: FormatOptions,
    names: Vec<String>,
    columns: usize,
    records: u64,
}

impl Vertical {
    pub(super) fn new(schema: &SchemaRef, layout: &Layout) -> Self {
        let names: Vec<String> = names(schema).iter().map(|name| lines(name).join("\\n")).collect();
        let columns = names.iter().map(|name| width(name)).max().unwrap_or(0);
        Vertical { values: layout.values.clone(), names, columns, records: 0 }
    }
}

impl RowWriter for Vertical {
    fn batch(&mut self, out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
        let json = json_options();
        let mut cells = Cells::new(batch, &self.values, Nested::Arrow, &json)?;
        let mut value = String::new();
        for row in 0..batch.num_rows() {
            self.records += 1;
            let mut text = format!("-[ RECORD {} ]", self.records);
            let dashes = (self.columns + 20).saturating_sub(text.len()).max(3);
            text.extend(std::iter::repeat_n('-', dashes));
            text.push('\n');
            for (column, name) in self.names.iter().enumerate() {
                value.clear();
                if !cells.write(row, column, &mut value)? {
                    value.push_str("NULL");
                }
                for (n, line) in lines(&value).iter().enumerate() {
                    pad(&mut text, if n == 0 { name } else { "" }, self.columns, false);
                    text.push_str(if n == 0 { " | " } else { " + " });
                    text.push_str(line);
                    text.push('\n');
                }
            }
            out.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut dyn Write) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::samples::{render, strings};

    #[test]
    fn records_are_numbered_across_batches() {
        let text = render(&[strings(&[Some("a\nb")]), strings(&[None])], Format::Vertical, |l| l);
        assert_eq!(text, "-[ RECORD 1 ]--------\ns | a\n  + b\n-[ RECORD 2 ]--------\ns | NULL\n");
    }
}
