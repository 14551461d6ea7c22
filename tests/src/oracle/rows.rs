//! Answers as multisets, and in the order of their keys.

use super::cell::{Cell, TOLERANCE, cells, close};
use super::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use std::collections::BTreeMap;

/// One row.
pub type Row = Vec<Cell>;

/// What a query answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Name and type of each column.
    pub columns: Vec<(String, DataType)>,
    /// The rows in the order in which they came.
    pub rows: Vec<Row>,
    /// The output columns that the query orders its answer by, most significant first.
    pub order: Option<Vec<usize>>,
}

impl Answer {
    /// Reads result batches; every batch must have the announced columns.
    pub fn read(columns: Vec<(String, DataType)>, batches: &[RecordBatch], order: Option<Vec<usize>>) -> Result<Self> {
        let mut rows = Vec::new();
        for batch in batches {
            let found = batch.schema();
            let found = found.fields().iter().map(|field| (field.name().clone(), field.data_type().clone()));
            if !found.eq(columns.iter().cloned()) {
                return Err(format!("a batch has columns {:?}, announced were {columns:?}", batch.schema()).into());
            }
            let table = batch.columns().iter().map(cells).collect::<Result<Vec<_>>>()?;
            rows.extend(
                (0..batch.num_rows()).map(|row| table.iter().map(|column| column[row].clone()).collect::<Row>()),
            );
        }
        Ok(Self { columns, rows, order })
    }

    fn same_columns(&self, actual: &Self) -> Result<()> {
        if self.columns == actual.columns {
            return Ok(());
        }
        Err(format!("columns {:?}, here {:?}", self.columns, actual.columns).into())
    }
}

/// The same rows as multisets, and under `ORDER BY` the same sequence of keys.
pub fn equal(expected: &Answer, actual: &Answer) -> Result<()> {
    expected.same_columns(actual)?;
    let left_over = unmatched(&expected.rows, &actual.rows);
    if let Some(message) = left_over.message(expected.rows.len(), actual.rows.len()) {
        return Err(message);
    }
    ordered(expected, actual)
}

/// As many rows as expected, and each of them (as often) among `all`: what `LIMIT` without `ORDER BY` promises.
pub fn subset(expected: &Answer, all: &Answer, actual: &Answer) -> Result<()> {
    expected.same_columns(actual)?;
    if expected.rows.len() != actual.rows.len() {
        return Err(format!("{} rows, here {}", expected.rows.len(), actual.rows.len()).into());
    }
    match unmatched(&all.rows, &actual.rows).unexpected.first() {
        Some(row) => Err(format!("a row that is none of the unlimited query's: {row:?}").into()),
        None => ordered(expected, actual),
    }
}

/// As many rows, in the same order, with every number within the relative `tolerance`: approximate aggregates.
pub fn near(expected: &Answer, actual: &Answer, tolerance: f64) -> Result<()> {
    expected.same_columns(actual)?;
    if expected.rows.len() != actual.rows.len() {
        return Err(format!("{} rows, here {}", expected.rows.len(), actual.rows.len()).into());
    }
    let number = |cell: &Cell| match cell {
        Cell::Float(value) => Some(*value),
        Cell::Exact(text) => text.parse::<f64>().ok(),
        _ => None,
    };
    for (left, right) in expected.rows.iter().flatten().zip(actual.rows.iter().flatten()) {
        let same = match (number(left), number(right)) {
            (Some(left), Some(right)) => close(left, right, tolerance),
            _ => left == right,
        };
        if !same {
            return Err(format!("{left:?}, here {right:?}, not within {tolerance}").into());
        }
    }
    Ok(())
}

fn ordered(expected: &Answer, actual: &Answer) -> Result<()> {
    for (index, (left, right)) in expected.rows.iter().zip(&actual.rows).enumerate() {
        for &key in expected.order.iter().flatten() {
            if !left[key].same(&right[key], TOLERANCE) {
                let name = &expected.columns[key].0;
                return Err(format!("ORDER BY {name}: row {index} has {:?}, here {:?}", left[key], right[key]).into());
            }
        }
    }
    Ok(())
}

/// Rows without a partner on the other side.
#[derive(Debug, Default)]
struct LeftOver {
    missing: Vec<String>,
    unexpected: Vec<String>,
}

impl LeftOver {
    fn message(&self, expected: usize, actual: usize) -> Option<Error> {
        if self.missing.is_empty() && self.unexpected.is_empty() {
            return None;
        }
        let some = |rows: &[String]| rows.iter().take(3).cloned().collect::<Vec<_>>().join(" and ");
        Some(
            format!(
                "{expected} rows, here {actual}; {} missing: {}; {} unexpected: {}",
                self.missing.len(),
                some(&self.missing),
                self.unexpected.len(),
                some(&self.unexpected)
            )
            .into(),
        )
    }
}

/// Rows with the same exact part, as the floating-point parts of the expected and of the actual ones.
#[derive(Default)]
struct Group(Vec<Vec<f64>>, Vec<Vec<f64>>);

fn unmatched(expected: &[Row], actual: &[Row]) -> LeftOver {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (rows, right) in [(expected, false), (actual, true)] {
        for row in rows {
            let (mut text, mut floats) = (String::new(), Vec::new());
            row.iter().for_each(|cell| cell.split(&mut text, &mut floats));
            let group = groups.entry(text).or_default();
            if right { group.1.push(floats) } else { group.0.push(floats) }
        }
    }
    let mut left_over = LeftOver::default();
    for (text, Group(mut left, mut right)) in groups {
        let sort = |rows: &mut Vec<Vec<f64>>| {
            rows.sort_by(|a, b| {
                let mut pairs = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
                pairs.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
            });
        };
        sort(&mut left);
        sort(&mut right);
        let same = |a: &Vec<f64>, b: &Vec<f64>| a.iter().zip(b).all(|(a, b)| close(*a, *b, TOLERANCE));
        if left.len() == right.len() && left.iter().zip(&right).all(|(a, b)| same(a, b)) {
            continue;
        }
        // Nearly equal numbers may have sorted differently: look for a partner of each.
        for row in left {
            match right.iter().position(|candidate| same(&row, candidate)) {
                Some(partner) => drop(right.swap_remove(partner)),
                None => left_over.missing.push(format!("{text} ~ {row:?}")),
            }
        }
        left_over.unexpected.extend(right.into_iter().map(|row| format!("{text} ~ {row:?}")));
    }
    left_over
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: &[&[Cell]], order: Option<Vec<usize>>) -> Answer {
        let width = rows.first().map_or(0, |row| row.len());
        let columns = (0..width).map(|index| (format!("c{index}"), DataType::Null)).collect();
        Answer { columns, rows: rows.iter().map(|row| row.to_vec()).collect(), order }
    }
    fn text(value: &str) -> Cell {
        Cell::Exact(value.to_owned())
    }
    use Cell::{Float, Null};

    #[test]
    fn multisets() {
        let a = answer(&[&[text("1")], &[text("1")], &[text("2")]], None);
        assert!(equal(&a, &answer(&[&[text("2")], &[text("1")], &[text("1")]], None)).is_ok());
        assert!(equal(&a, &answer(&[&[text("2")], &[text("2")], &[text("1")]], None)).is_err());
        assert!(equal(&a, &answer(&[&[text("2")], &[text("1")]], None)).is_err());
        assert!(equal(&answer(&[&[text("")]], None), &answer(&[&[Null]], None)).is_err());
        assert!(equal(&answer(&[&[text("1.50")]], None), &answer(&[&[text("1.5")]], None)).is_err());
    }

    #[test]
    fn numbers_are_close_and_nan_is_nan() {
        let one = |value| answer(&[&[Float(value)]], None);
        assert!(equal(&one(0.1 + 0.2), &one(0.3)).is_ok());
        assert!(equal(&one(0.3), &one(0.300001)).is_err());
        assert!(equal(&one(f64::NAN), &one(-f64::NAN)).is_ok());
        assert!(equal(&one(f64::NAN), &one(0.0)).is_err());
        assert!(equal(&one(f64::INFINITY), &one(f64::MAX)).is_err());
        assert!(equal(&one(f64::INFINITY), &one(f64::NEG_INFINITY)).is_err());
    }

    #[test]
    fn nearly_equal_numbers_find_their_partner() {
        let (low, high) = (1.0, 1.0 + 1e-12);
        let a = answer(&[&[Float(low), Float(5.0)], &[Float(high), Float(3.0)]], None);
        let b = answer(&[&[Float(high), Float(5.0)], &[Float(low), Float(3.0)]], None);
        assert!(equal(&a, &b).is_ok());
    }

    #[test]
    fn order_binds_keys_but_not_ties() {
        let a = answer(&[&[text("1"), text("x")], &[text("1"), text("y")], &[text("2"), text("z")]], Some(vec![0]));
        let tie = answer(&[&[text("1"), text("y")], &[text("1"), text("x")], &[text("2"), text("z")]], None);
        let moved = answer(&[&[text("2"), text("z")], &[text("1"), text("x")], &[text("1"), text("y")]], None);
        assert!(equal(&a, &tie).is_ok());
        assert!(equal(&a, &moved).is_err());
    }

    #[test]
    fn limits() {
        let all = answer(&[&[text("1")], &[text("1")], &[text("2")]], None);
        let one = answer(&[&[text("1")]], None);
        assert!(subset(&one, &all, &answer(&[&[text("2")]], None)).is_ok());
        assert!(subset(&one, &all, &answer(&[&[text("3")]], None)).is_err());
        assert!(subset(&one, &all, &answer(&[&[text("1")], &[text("2")]], None)).is_err());
        let two = answer(&[&[text("2")], &[text("2")]], None);
        assert!(subset(&two, &all, &two).is_err(), "2 occurs once");
    }

    #[test]
    fn approximations() {
        let one = |value| answer(&[&[text(value)]], None);
        assert!(near(&one("100"), &one("103"), 0.05).is_ok());
        assert!(near(&one("100"), &one("110"), 0.05).is_err());
        assert!(near(&one("a"), &one("b"), 0.05).is_err());
    }
}
