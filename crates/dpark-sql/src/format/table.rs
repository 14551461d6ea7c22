//! A framed table. The first thousand rows decide the widths; later rows are written as they come.
//!
//! Without a terminal nothing is cut: a later value that is wider than its column pushes the frame out on its line. On a
//! terminal values are cut to the column with an ellipsis and columns that do not fit are left out, and the footer says so.

use super::cell::{Cells, Nested, json_options};
use super::fit::{Fit, fit, total};
use super::text::{cut, lines, pad, width};
use super::{Layout, RowWriter, names, right_aligned};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::config::FormatOptions;
use datafusion::error::Result;
use std::io::Write;

/// Rows that are held to lay out the columns.
pub(super) const HELD: usize = 1000;

/// A row: for each column the lines of its value.
type Row = Vec<Vec<String>>;

/// A table writer.
pub(super) struct Table {
    values: FormatOptions,
    header: Option<Row>,
    right: Vec<bool>,
    terminal: Option<usize>,
    held: Vec<Row>,
    fit: Option<Fit>,
    cut: bool,
}

impl Table {
    pub(super) fn new(schema: &SchemaRef, layout: &Layout) -> Self {
        let header: Row = names(schema).iter().map(|name| lines(name)).collect();
        Table {
            values: layout.values.clone(),
            header: layout.header.then_some(header),
            right: right_aligned(schema),
            terminal: layout.width,
            held: Vec::new(),
            fit: None,
            cut: false,
        }
    }

    fn lay_out(&mut self, out: &mut dyn Write) -> Result<Fit> {
        let natural = natural(self.header.iter().chain(&self.held), self.right.len());
        let fit = fit(&natural, self.terminal);
        let rule = rule(&fit);
        out.write_all(rule.as_bytes())?;
        if let Some(header) = self.header.take() {
            self.row(out, &header, &fit, false)?;
            out.write_all(rule.as_bytes())?;
        }
        for row in std::mem::take(&mut self.held) {
            self.row(out, &row, &fit, true)?;
        }
        self.fit = Some(fit.clone());
        Ok(fit)
    }

    fn row(&mut self, out: &mut dyn Write, row: &Row, fit: &Fit, align: bool) -> Result<()> {
        let height = row.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let mut text = String::new();
        for n in 0..height {
            text.push('|');
            for (column, shown) in fit.widths.iter().enumerate() {
                if fit.gap == Some(column) {
                    text.push_str(" … |");
                }
                let Some(columns) = shown else { continue };
                let line = row.get(column).and_then(|cell| cell.get(n)).map_or("", String::as_str);
                let right = align && self.right.get(column).copied().unwrap_or(false);
                text.push(' ');
                if self.terminal.is_some() {
                    let (line, cut) = cut(line, *columns);
                    self.cut |= cut;
                    pad(&mut text, &line, *columns, right);
                } else {
                    pad(&mut text, line, *columns, right);
                }
                text.push_str(" |");
            }
            text.push('\n');
        }
        Ok(out.write_all(text.as_bytes())?)
    }
}

impl RowWriter for Table {
    fn batch(&mut self, out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
        for row in rows(batch, &self.values)? {
            match self.fit.clone() {
                Some(fit) => self.row(out, &row, &fit, true)?,
                None => {
                    self.held.push(row);
                    if self.held.len() >= HELD {
                        self.lay_out(out)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> Result<()> {
        let fit = match self.fit.take() {
            Some(fit) => fit,
            None => self.lay_out(out)?,
        };
        out.write_all(rule(&fit).as_bytes())?;
        self.fit = Some(fit);
        Ok(())
    }

    fn omitted(&self) -> Option<String> {
        let hidden = self.fit.as_ref()?.widths.iter().filter(|width| width.is_none()).count();
        match (hidden, self.cut) {
            (0, false) => None,
            (0, true) => Some("values cut to fit, \\x shows them whole".to_string()),
            (1, _) => Some("1 column left out, \\x shows all".to_string()),
            (n, _) => Some(format!("{n} columns left out, \\x shows all")),
        }
    }
}

/// How wide a table of these batches would like to be.
pub(super) fn natural_width(batches: &[RecordBatch], layout: &Layout) -> Result<usize> {
    let Some(first) = batches.first() else { return Ok(0) };
    let header: Row = names(first.schema_ref()).iter().map(|name| lines(name)).collect();
    let mut all = vec![header];
    for batch in batches {
        all.extend(rows(batch, &layout.values)?);
    }
    Ok(total(natural(all.iter(), first.num_columns())))
}

fn natural<'a>(rows: impl Iterator<Item = &'a Row>, columns: usize) -> Vec<usize> {
    let mut widths = vec![0; columns];
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = cell.iter().map(|line| width(line)).max().unwrap_or(0).max(*widest);
        }
    }
    widths
}

fn rows(batch: &RecordBatch, values: &FormatOptions) -> Result<Vec<Row>> {
    let json = json_options();
    let mut cells = Cells::new(batch, values, Nested::Arrow, &json)?;
    let mut rows = Vec::with_capacity(batch.num_rows());
    let mut value = String::new();
    for row in 0..batch.num_rows() {
        let mut texts = Vec::with_capacity(batch.num_columns());
        for column in 0..batch.num_columns() {
            value.clear();
            if !cells.write(row, column, &mut value)? {
                value.push_str("NULL");
            }
            texts.push(lines(&value));
        }
        rows.push(texts);
    }
    Ok(rows)
}

fn rule(fit: &Fit) -> String {
    let mut out = String::from("+");
    for (column, shown) in fit.widths.iter().enumerate() {
        if fit.gap == Some(column) {
            out.push_str("---+");
        }
        if let Some(columns) = shown {
            out.extend(std::iter::repeat_n('-', columns + 2));
            out.push('+');
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::samples::{render, sample, strings};
    use super::*;

    #[test]
    fn numbers_stand_right_and_lines_below_each_other() {
        let batch = sample().project(&[0, 7]).unwrap();
        assert_eq!(
            render(&[batch], Format::Table, |l| l),
            "+------------------+-------+\n\
             | i                | b     |\n\
             +------------------+-------+\n\
             | 9007199254740993 | true  |\n\
             |               -1 | false |\n\
             |             NULL | NULL  |\n\
             +------------------+-------+\n"
        );
        assert_eq!(render(&[strings(&[Some("a\nbcd")])], Format::Table, |l| l).lines().nth(4), Some("| bcd |"));
    }

    #[test]
    fn without_a_terminal_nothing_is_lost() {
        let narrow = strings(&vec![Some("x"); HELD]);
        let wide = strings(&[Some("a much wider value")]);
        let text = render(&[narrow, wide], Format::Table, |l| l);
        assert_eq!(text.lines().count(), HELD + 5);
        assert!(text.contains("| a much wider value |"));
    }

    #[test]
    fn a_terminal_is_never_overrun() {
        let long = "z".repeat(300);
        let text = render(&[strings(&[Some(&long), Some("b")])], Format::Table, |l| Layout { width: Some(40), ..l });
        assert!(text.lines().all(|line| width(line) <= 40), "{text}");
        assert!(text.contains('…'));
        let text = render(&[sample()], Format::Table, |l| Layout { width: Some(40), ..l });
        assert!(text.lines().all(|line| width(line) <= 40), "{text}");
    }

    #[test]
    fn no_header_no_rows() {
        let empty = strings(&[]);
        assert_eq!(render(std::slice::from_ref(&empty), Format::Table, |l| l), "+---+\n| s |\n+---+\n+---+\n");
        let bare = |l: Layout| Layout { header: false, ..l };
        assert_eq!(render(&[strings(&[Some("x")])], Format::Table, bare), "+---+\n| x |\n+---+\n");
    }
}
