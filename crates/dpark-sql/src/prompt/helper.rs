//! What the line editor asks while a line is typed.

use super::complete::{Offer, offer};
use super::highlight::highlight;
use super::names::SessionNames;
use dpark::sql::{ParserSettings, is_complete};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use std::borrow::Cow;
use std::cell::Cell;
use std::path::Path;

/// Completion, colours, and whether Enter ends the statement.
#[derive(rustyline::Helper)]
pub(super) struct SqlHelper {
    pub(super) names: SessionNames,
    /// Whether nothing is typed yet.
    pub(super) empty: Cell<bool>,
}

impl Completer for SqlHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &rustyline::Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let pair = |word: String| Pair { display: word.trim_end().to_string(), replacement: word };
        Ok(match offer(line, cursor, &self.names) {
            Offer::Words(start, words) => (start, words.into_iter().map(pair).collect()),
            Offer::Path(start) => paths(&line[start..cursor], start),
        })
    }
}

/// Files whose path continues what is typed; directories end with a slash.
fn paths(typed: &str, start: usize) -> (usize, Vec<Pair>) {
    let (directory, name) =
        typed.rsplit_once('/').map_or(("", typed), |(directory, name)| (&typed[..directory.len() + 1], name));
    let home = || std::env::var("HOME").ok();
    let place = match directory.strip_prefix("~/") {
        Some(rest) => format!("{}/{rest}", home().unwrap_or_default()),
        None if directory.is_empty() => ".".to_string(),
        None => directory.to_string(),
    };
    let entries = std::fs::read_dir(Path::new(&place)).into_iter().flatten().flatten();
    let mut found: Vec<Pair> = entries
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let slash = if entry.path().is_dir() { "/" } else { "" };
            let wanted = file.starts_with(name) && (!file.starts_with('.') || name.starts_with('.'));
            wanted.then(|| Pair { display: format!("{file}{slash}"), replacement: format!("{file}{slash}") })
        })
        .collect();
    found.sort_by(|a, b| a.display.cmp(&b.display));
    (start + directory.len(), found)
}

impl Highlighter for SqlHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(highlight(line))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}

impl Hinter for SqlHelper {
    type Hint = String;

    /// Hints nothing, but is asked after every key: Ctrl-C means one thing on an empty line and another on a full one.
    fn hint(&self, line: &str, _: usize, _: &rustyline::Context<'_>) -> Option<String> {
        self.empty.set(line.trim().is_empty());
        None
    }
}

impl Validator for SqlHelper {
    fn validate(&self, line: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = line.input().trim();
        let whole = text.starts_with('\\')
            || super::is_goodbye(text)
            || is_complete(text, &ParserSettings::of(&self.names.ctx));
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}
