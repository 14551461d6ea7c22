//! `\x auto`: a table if it fits the terminal, else one line a value.

use super::table::HELD;
use super::{Format, Layout, RowWriter, natural_width, writer};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use std::io::Write;

/// Holds the first rows until it can tell.
pub(super) struct Auto {
    schema: SchemaRef,
    layout: Layout,
    held: Vec<RecordBatch>,
    rows: usize,
    chosen: Option<Box<dyn RowWriter>>,
}

impl Auto {
    pub(super) fn new(schema: &SchemaRef, layout: &Layout) -> Self {
        let layout = Layout { vertical_if_wide: false, ..layout.clone() };
        Auto { schema: schema.clone(), layout, held: Vec::new(), rows: 0, chosen: None }
    }

    fn choose(&mut self, out: &mut dyn Write) -> Result<&mut Box<dyn RowWriter>> {
        let wide = match self.layout.width {
            Some(terminal) => natural_width(&self.held, &self.layout)? > terminal,
            None => false,
        };
        let format = if wide { Format::Vertical } else { Format::Table };
        let mut chosen = writer(&self.schema, &Layout { format, ..self.layout.clone() })?;
        for batch in std::mem::take(&mut self.held) {
            chosen.batch(out, &batch)?;
        }
        Ok(self.chosen.insert(chosen))
    }
}

impl RowWriter for Auto {
    fn batch(&mut self, out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
        if let Some(chosen) = &mut self.chosen {
            return chosen.batch(out, batch);
        }
        self.rows += batch.num_rows();
        self.held.push(batch.clone());
        if self.rows >= HELD {
            self.choose(out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> Result<()> {
        match &mut self.chosen {
            Some(chosen) => chosen.finish(out),
            None => self.choose(out)?.finish(out),
        }
    }

    fn omitted(&self) -> Option<String> {
        self.chosen.as_ref()?.omitted()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{render, strings};
    use super::*;

    #[test]
    fn wide_rows_turn_vertical() {
        let auto = |l: Layout| Layout { vertical_if_wide: true, width: Some(20), ..l };
        assert!(render(&[strings(&[Some("short")])], Format::Table, auto).starts_with('+'));
        assert!(
            render(&[strings(&[Some("longer than twenty columns")])], Format::Table, auto).starts_with("-[ RECORD 1")
        );
    }
}
