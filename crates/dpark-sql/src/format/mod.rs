//! Results as text. One file per format; each is a [`RowWriter`] that takes batches as they come, so that a result of any
//! size goes through without being held. `table` alone holds its first rows, to lay the columns out.

mod auto;
mod cell;
mod csv;
mod fit;
mod json;
mod markdown;
mod plan;
mod table;
mod text;
mod vertical;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::config::FormatOptions;
use datafusion::error::Result;
use std::io::Write;
use std::str::FromStr;

use table::natural_width;

/// Writes one result.
pub(crate) trait RowWriter: Send {
    /// Writes the rows of a batch, or keeps them for the layout.
    fn batch(&mut self, out: &mut dyn Write, batch: &RecordBatch) -> Result<()>;
    /// Writes what is left; called once, also for a result without rows.
    fn finish(&mut self, out: &mut dyn Write) -> Result<()>;
    /// What was left out for want of room, for a footer.
    fn omitted(&self) -> Option<String> {
        None
    }
}

/// The formats of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Columns in a frame.
    Table,
    /// RFC 4180.
    Csv,
    /// Tabs, with PostgreSQL's escapes.
    Tsv,
    /// One array of objects.
    Json,
    /// One object a line.
    Ndjson,
    /// GitHub's tables.
    Markdown,
    /// One line a value.
    Vertical,
}

impl Format {
    /// Names in the order of the help text.
    pub(crate) const NAMES: [&'static str; 7] = ["table", "csv", "tsv", "json", "ndjson", "markdown", "vertical"];

    const ALL: [Format; 7] =
        [Format::Table, Format::Csv, Format::Tsv, Format::Json, Format::Ndjson, Format::Markdown, Format::Vertical];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|f| f.name() == name.to_ascii_lowercase());
        found.ok_or_else(|| format!("no format '{name}'; there are {}", Self::NAMES.join(", ")))
    }
}

/// How a result is to be laid out.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The format.
    pub(crate) format: Format,
    /// Whether column names are written.
    pub(crate) header: bool,
    /// The columns a terminal has; `None` cuts nothing.
    pub(crate) width: Option<usize>,
    /// Rows wider than the terminal are shown one value a line.
    pub(crate) vertical_if_wide: bool,
    /// The text is a query plan: shown as it is in `table` format.
    pub(crate) plan: bool,
    /// The session's formats for dates and times.
    pub(crate) values: FormatOptions,
}

/// The writer for a result.
pub(crate) fn writer(schema: &SchemaRef, layout: &Layout) -> Result<Box<dyn RowWriter>> {
    let writer: Box<dyn RowWriter> = match layout.format {
        Format::Table if layout.plan && plan::suits(schema) => Box::new(plan::Plan::new(layout)),
        Format::Table if layout.vertical_if_wide => Box::new(auto::Auto::new(schema, layout)),
        Format::Table => Box::new(table::Table::new(schema, layout)),
        Format::Csv => Box::new(csv::Delimited::csv(layout)),
        Format::Tsv => Box::new(csv::Delimited::tsv(layout)),
        Format::Json => Box::new(json::Objects::array(schema)),
        Format::Ndjson => Box::new(json::Objects::lines(schema)),
        Format::Markdown => Box::new(markdown::Markdown::new(schema, layout)),
        Format::Vertical => Box::new(vertical::Vertical::new(schema, layout)),
    };
    Ok(Box::new(Headed { writer, schema: schema.clone() }))
}

/// Gives a writer one empty batch to learn the columns from when a result has no batch at all.
struct Headed {
    writer: Box<dyn RowWriter>,
    schema: SchemaRef,
}

impl RowWriter for Headed {
    fn batch(&mut self, out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
        self.writer.batch(out, batch)
    }

    fn finish(&mut self, out: &mut dyn Write) -> Result<()> {
        self.writer.batch(out, &RecordBatch::new_empty(self.schema.clone()))?;
        self.writer.finish(out)
    }

    fn omitted(&self) -> Option<String> {
        self.writer.omitted()
    }
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// Numbers stand on the right.
fn right_aligned(schema: &Schema) -> Vec<bool> {
    schema.fields().iter().map(|field| field.data_type().is_numeric()).collect()
}

#[cfg(test)]
mod samples;
