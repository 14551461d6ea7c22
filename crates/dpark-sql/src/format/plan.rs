//! Query plans as they are: a heading for each kind of plan, then its lines, unframed and uncut.

use super::cell::{Cells, Nested, json_options};
use super::{Layout, RowWriter};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::config::FormatOptions;
use datafusion::error::Result;
use std::io::Write;

/// A plan writer.
pub(super) struct Plan {
    values: FormatOptions,
    header: bool,
    rows: u64,
}

/// Whether a result looks like plans: one text column, or a name and a text.
pub(super) fn suits(schema: &Schema) -> bool {
    let text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let fields = schema.fields();
    (1..=2).contains(&fields.len()) && fields.iter().all(|field| text(field.data_type()))
}

impl Plan {
    pub(super) fn new(layout: &Layout) -> Self {
        Plan { values: layout.values.clone(), header: layout.header, rows: 0 }
    }
}

impl RowWriter for Plan {
    fn batch(&mut self, out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
        let json = json_options();
        let mut cells = Cells::new(batch, &self.values, Nested::Arrow, &json)?;
        for row in 0..batch.num_rows() {
            if batch.num_columns() == 2 && self.header {
                let mut name = String::new();
                cells.write(row, 0, &mut name)?;
                if self.rows > 0 {
                    writeln!(out)?;
                }
                writeln!(out, "{name}\n{}", "-".repeat(name.len()))?;
            }
            let mut text = String::new();
            cells.write(row, batch.num_columns() - 1, &mut text)?;
            writeln!(out, "{}", text.trim_end_matches('\n'))?;
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut dyn Write) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{render, strings};
    use super::super::{Format, Layout};

    #[test]
    fn a_plan_keeps_its_lines() {
        let text = render(&[strings(&[Some("Sort\n  Scan\n")])], Format::Table, |l| Layout { plan: true, ..l });
        assert_eq!(text, "Sort\n  Scan\n");
    }
}
