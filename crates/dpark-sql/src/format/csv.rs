//! CSV and TSV, where NULL and the empty string stay two things.
//!
//! CSV is RFC 4180 with `\n` line ends: a field with a comma, a quote, a line break or blanks at its ends is quoted,
//! quotes are doubled; NULL is an empty field, the empty string is `""`. TSV is PostgreSQL's text format: `\t`, `\n`, `\r` and
//! `\\` for these characters, `\N` for NULL. Nested values are JSON in both.

use super::cell::{Cells, Nested, json_options};
use super::{Layout, RowWriter};
use arrow::record_batch::RecordBatch;
use datafusion::config::FormatOptions;
use datafusion::error::Result;
use std::io::Write;

/// A CSV or TSV writer.
pub(super) struct Delimited {
    values: FormatOptions,
    header: bool,
    tabs: bool,
}

impl Delimited {
    pub(super) fn csv(layout: &Layout) -> Self {
        Delimited { values: layout.values.clone(), header: layout.header, tabs: false }
    }

    pub(super) fn tsv(layout: &Layout) -> Self {
        Delimited { tabs: true, ..Self::csv(layout) }
    }

    fn field(&self, out: &mut String, value: Option<&str>) {
        match (value, self.tabs) {
            (None, true) => out.push_str("\\N"),
            (None, false) => {}
            (Some(value), true) => tsv_field(out, value),
            (Some(value), false) => csv_field(out, value),
        }
    }

    fn separator(&self) -> char {
        if self.tabs { '\t' } else { ',' }
    }
}

impl RowWriter for Delimited {
    fn batch(&mut self, out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
        let mut line = String::new();
        if std::mem::take(&mut self.header) {
            for (column, field) in batch.schema_ref().fields().iter().enumerate() {
                if column > 0 {
                    line.push(self.separator());
                }
                self.field(&mut line, Some(field.name()));
            }
            writeln!(out, "{line}")?;
        }
        let json = json_options();
        let mut cells = Cells::new(batch, &self.values, Nested::Json, &json)?;
        let mut value = String::new();
        for row in 0..batch.num_rows() {
            line.clear();
            for column in 0..batch.num_columns() {
                if column > 0 {
                    line.push(self.separator());
                }
                value.clear();
                let known = cells.write(row, column, &mut value)?;
                self.field(&mut line, known.then_some(&value));
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

fn csv_field(out: &mut String, value: &str) {
    let quoted = value.is_empty() || value.contains([',', '"', '\n', '\r']) || value.trim() != value;
    if !quoted {
        out.push_str(value);
        return;
    }
    out.push('"');
    out.push_str(&value.replace('"', "\"\""));
    out.push('"');
}

fn tsv_field(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{render, sample, strings};
    use super::super::{Format, Layout};

    #[test]
    fn null_and_empty_stay_apart() {
        let batch =
            strings(&[Some(""), None, Some("a,b"), Some("say \"x\""), Some("two\nlines"), Some(" pad"), Some("\\")]);
        assert_eq!(
            render(std::slice::from_ref(&batch), Format::Csv, |l| l),
            "s\n\"\"\n\n\"a,b\"\n\"say \"\"x\"\"\"\n\"two\nlines\"\n\" pad\"\n\\\n"
        );
        let no_header = |l: Layout| Layout { header: false, ..l };
        assert_eq!(render(&[batch], Format::Tsv, no_header), "\n\\N\na,b\nsay \"x\"\ntwo\\nlines\n pad\n\\\\\n");
    }

    #[test]
    fn values_of_every_kind() {
        let text = render(&[sample()], Format::Csv, |l| l);
        assert_eq!(
            text,
            "i,f,t,bin,list,d,dec,b\n\
             9007199254740993,1.5,2024-02-29T12:30:00,00ff,\"[1,null]\",2024-02-29,12.30,true\n\
             -1,NaN,,,[],,,false\n\
             ,,,,,,,\n"
        );
    }

    #[test]
    fn a_result_without_rows_has_its_header() {
        let empty = sample().slice(0, 0);
        assert_eq!(render(&[empty], Format::Tsv, |l| l), "i\tf\tt\tbin\tlist\td\tdec\tb\n");
    }
}
