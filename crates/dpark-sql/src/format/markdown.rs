//! GitHub's tables: numbers to the right, `|` escaped, line breaks as `<br>`.

use super::cell::{Cells, Nested, json_options};
use super::{Layout, RowWriter, names, right_aligned};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::config::FormatOptions;
use datafusion::error::Result;
use std::io::Write;

/// A Markdown writer.
pub(super) struct Markdown {
    values: FormatOptions,
    /// The lines above the rows, until they are written.
    head: Option<String>,
}

impl Markdown {
    pub(super) fn new(schema: &SchemaRef, layout: &Layout) -> Self {
        let names: Vec<String> = names(schema).iter().map(|name| escape(name)).collect();
        let rule: Vec<&str> = right_aligned(schema).iter().map(|right| if *right { "---:" } else { "---" }).collect();
        let head = format!("| {} |\n| {} |\n", names.join(" | "), rule.join(" | "));
        Markdown { values: layout.values.clone(), head: layout.header.then_some(head) }
    }
}

impl RowWriter for Markdown {
    fn batch(&mut self, out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
        if let Some(head) = self.head.take() {
            out.write_all(head.as_bytes())?;
        }
        let json = json_options();
        let mut cells = Cells::new(batch, &self.values, Nested::Arrow, &json)?;
        let (mut line, mut value) = (String::new(), String::new());
        for row in 0..batch.num_rows() {
            line.clear();
            line.push('|');
            for column in 0..batch.num_columns() {
                value.clear();
                let known = cells.write(row, column, &mut value)?;
                line.push(' ');
                line.push_str(&if known { escape(&value) } else { "NULL".to_string() });
                line.push_str(" |");
            }
            line.push('\n');
            out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut dyn Write) -> Result<()> {
        Ok(())
    }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace("\r\n", "<br>").replace(['\n', '\r'], "<br>")
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::samples::{render, strings};

    #[test]
    fn pipes_and_line_breaks() {
        let batch = strings(&[Some("a|b"), None, Some("x\ny")]);
        assert_eq!(render(&[batch], Format::Markdown, |l| l), "| s |\n| --- |\n| a\\|b |\n| NULL |\n| x<br>y |\n");
    }
}
