//! An error with its place in the text.

use super::source::{Position, line_of};
use std::fmt;

/// Longest stretch of a source line that is shown around the caret.
const SHOWN: usize = 160;

/// What is wrong with a statement, and where.
///
/// ```
/// let error = dpark::sql::parse("select 1;\nselect a b c from t").unwrap_err();
/// assert_eq!(
///     error.render("report.sql"),
///     "report.sql:2:12: Expected: end of statement, found: c\n\
///      \x20 |\n\
///      2 | select a b c from t\n\
///      \x20 |            ^"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What is wrong.
    pub message: String,
    /// Line in the script, from 1.
    pub line: usize,
    /// Column in that line in characters, from 1.
    pub column: usize,
    /// How many characters of the line the error speaks of.
    pub length: usize,
    /// The line of the script.
    pub source_line: String,
    /// What may help.
    pub helps: Vec<String>,
}

impl SqlError {
    /// An error at a place of a text; without a place, at its start.
    pub fn new(message: impl Into<String>, text: &str, at: Option<Position>, length: usize) -> Self {
        let at = at.unwrap_or(Position { line: 1, column: 1 });
        SqlError {
            message: message.into(),
            line: at.line,
            column: at.column,
            length: length.max(1),
            source_line: line_of(text, at.line).to_string(),
            helps: Vec::new(),
        }
    }

    /// The error as people read it: `name:line:column: message`, the line, a caret under the place.
    pub fn render(&self, name: &str) -> String {
        let colon = if name.is_empty() { "" } else { ":" };
        let mut out = format!("{name}{colon}{}:{}: {}", self.line, self.column, self.message);
        let (shown, before) = self.window();
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let left = self.column.saturating_sub(1 + before);
        let indent: usize = shown.chars().take(left).map(width).sum();
        let marked: usize = shown.chars().skip(left).take(self.length).map(width).sum();
        out += &format!(
            "\n{gutter} |\n{number} | {shown}\n{gutter} | {}{}",
            " ".repeat(indent),
            "^".repeat(marked.max(1))
        );
        for help in &self.helps {
            out += &format!("\n{gutter} = {help}");
        }
        out
    }

    /// The part of the line to show, and how many characters were cut off before it.
    fn window(&self) -> (String, usize) {
        let line: Vec<char> = self.source_line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before =
            if line.len() <= SHOWN { 0 } else { (self.column - 1).saturating_sub(SHOWN / 2).min(line.len() - SHOWN) };
        (line.into_iter().skip(before).take(SHOWN).collect(), before)
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(""))
    }
}

impl std::error::Error for SqlError {}

/// How many columns a terminal gives a character: two for the wide scripts and pictographs, none for joiners.
fn width(c: char) -> usize {
    match c as u32 {
        0x300..=0x36F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F => 2,
        0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, column: usize, length: usize) -> SqlError {
        SqlError::new("no", text, Some(Position { line: 1, column }), length)
    }

    #[test]
    fn the_caret_stands_under_the_word() {
        assert_eq!(at("\tselect x", 9, 1).render("f"), "f:1:9: no\n  |\n1 |  select x\n  |         ^");
        assert_eq!(at("'日本' x", 6, 1).render(""), "1:6: no\n  |\n1 | '日本' x\n  |        ^");
        assert_eq!(at("select foo", 8, 3).render(""), "1:8: no\n  |\n1 | select foo\n  |        ^^^");
    }

    #[test]
    fn a_long_line_is_shown_in_part() {
        let line = format!("{}X{}", "a".repeat(5000), "b".repeat(5000));
        let shown = at(&line, 5001, 1).render("");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[2].find('X'), lines[3].find('^'));
        assert!(lines[2].len() < 200);
    }

    #[test]
    fn a_place_behind_the_text_is_no_trouble() {
        assert!(at("select", 60, 5).render("").ends_with('^'));
        assert!(SqlError::new("no", "", None, 0).render("x").starts_with("x:1:1: no"));
    }
}
