//! Answers recorded from another engine: `tests/answers/…/qNN.csv`, written by `tests/answers/record.py`.
//!
//! Text, integers and decimals must be the same. Where the other engine answers with a floating-point number and ours
//! with a decimal (averages, quotients), ours may be off by one unit of its last place, which is where it was cut.

use super::Result;
use super::cell::{Cell, close};
use super::rows::{Answer, Row};
use arrow::datatypes::DataType;
use std::fs;
use std::path::Path;

/// Relative difference up to which two floating-point numbers of two engines are the same.
const TOLERANCE: f64 = 1e-9;

/// A recorded field.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    Text(String),
    /// A number, a date or NULL, as it is written.
    Bare(String),
}

/// Compares an answer with the recorded one.
pub fn check(file: &Path, answer: &Answer) -> Result<()> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut recorded: Vec<Vec<Field>> = text.lines().map(fields).collect::<Result<_>>()?;
    if recorded.is_empty() || recorded.remove(0).len() != answer.columns.len() {
        return Err(format!("recorded were not {} columns", answer.columns.len()).into());
    }
    if recorded.len() != answer.rows.len() {
        return Err(format!("recorded were {} rows, here {}", recorded.len(), answer.rows.len()).into());
    }
    let same = |wanted: &[Field], row: &Row| {
        wanted.iter().zip(row).zip(&answer.columns).all(|((field, cell), (_, kind))| same(field, cell, kind))
    };
    // Rows with equal sort keys may come in any order: look for a partner, nearest first.
    let mut left: Vec<&Row> = answer.rows.iter().collect();
    for wanted in &recorded {
        match left.iter().position(|row| same(wanted, row)) {
            Some(partner) => drop(left.remove(partner)),
            None => return Err(format!("recorded was {wanted:?}, here is no such row but {:?}", left.first()).into()),
        }
    }
    Ok(())
}

/// Splits a line; no recorded text has a line break.
fn fields(line: &str) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let mut text = String::new();
            let mut parts = quoted;
            loop {
                let (part, after) = parts.split_once('"').ok_or_else(|| format!("open quote in {line}"))?;
                text.push_str(part);
                let Some(more) = after.strip_prefix('"') else { break (Field::Text(text), after) };
                text.push('"');
                parts = more;
            }
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (Field::Bare(rest[..end].to_owned()), &rest[end..])
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(fields),
        }
    }
}

fn same(field: &Field, cell: &Cell, kind: &DataType) -> bool {
    match (field, cell) {
        (Field::Text(text), Cell::Exact(value)) => text == value,
        (Field::Bare(text), Cell::Null) => text == "NULL",
        (Field::Bare(text), Cell::Float(value)) => {
            text.parse::<f64>().is_ok_and(|recorded| close(recorded, *value, TOLERANCE))
        }
        (Field::Bare(text), Cell::Exact(value)) => {
            shortest(text) == shortest(value) || within_last_place(text, value, kind)
        }
        _ => false,
    }
}

/// A number without zeros at the end of its fraction.
fn shortest(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Whether the recorded number has more digits than our decimal and agrees with it up to a unit of its last place.
fn within_last_place(recorded: &str, ours: &str, kind: &DataType) -> bool {
    let scale = match kind {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => i32::from(*scale),
        _ => return false,
    };
    let digits = recorded.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
    match (recorded.parse::<f64>(), ours.parse::<f64>()) {
        (Ok(recorded), Ok(ours)) => {
            digits > scale && (recorded - ours).abs() <= 10f64.powi(-scale) + TOLERANCE * recorded.abs()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() -> Result<()> {
        let text = |text: &str| Field::Text(text.to_owned());
        let bare = |text: &str| Field::Bare(text.to_owned());
        assert_eq!(
            fields(r#""a, ""b""",1.50,NULL,"NULL","""#)?,
            [text("a, \"b\""), bare("1.50"), bare("NULL"), text("NULL"), text("")]
        );
        assert!(fields("\"a").is_err());
        Ok(())
    }

    #[test]
    fn values() {
        let exact = |value: &str| Cell::Exact(value.to_owned());
        let bare = |text: &str| Field::Bare(text.to_owned());
        let decimal = DataType::Decimal128(19, 2);
        assert!(same(&bare("1.500"), &exact("1.50"), &decimal));
        assert!(!same(&bare("1.51"), &exact("1.50"), &decimal), "a decimal is exact");
        assert!(same(&bare("1.50875"), &exact("1.50"), &decimal), "a float is cut");
        assert!(!same(&bare("1.52875"), &exact("1.50"), &decimal));
        assert!(!same(&bare("10"), &exact("1"), &DataType::Int64));
        assert!(same(&bare("NULL"), &Cell::Null, &DataType::Utf8));
        assert!(!same(&Field::Text("NULL".to_owned()), &Cell::Null, &DataType::Utf8));
        assert!(!same(&bare("0.0"), &Cell::Null, &DataType::Float64));
    }
}
