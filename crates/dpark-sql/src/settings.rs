//! What can be set in the shell, besides the session's own options.

use crate::cli::Cli;
use crate::format::Format;
use std::str::FromStr;

/// When rows are shown one value a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expanded {
    /// Never.
    Off,
    /// Always.
    On,
    /// When a table is wider than the terminal.
    Auto,
}

/// The shell's settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How results are written.
    pub(crate) format: Format,
    /// Whether column names are written.
    pub(crate) header: bool,
    /// Whether the time of each statement is reported.
    pub(crate) timing: bool,
    /// Nothing on standard error but errors.
    pub(crate) quiet: bool,
    /// Statements after a failed one run.
    pub(crate) keep_going: bool,
    /// `\x`.
    pub(crate) expanded: Expanded,
    /// Rows shown of a table at the prompt; 0 shows all.
    pub(crate) max_rows: usize,
}

impl Settings {
    /// The names `\set` knows, with what they do.
    pub(crate) const NAMES: [(&'static str, &'static str); 6] = [
        ("format", "table, csv, tsv, json, ndjson, markdown or vertical"),
        ("header", "on or off: column names"),
        ("timing", "on or off: the time of every statement"),
        ("expanded", "on, off or auto: one value a line"),
        ("maxrows", "rows shown of a table, 0 for all"),
        ("pager", "a command for results longer than the screen, or off"),
    ];

    /// As the command line says.
    pub(crate) fn from_cli(cli: &Cli) -> Result<Self, String> {
        Ok(Settings {
            format: Format::from_str(&cli.format)?,
            header: !cli.no_header,
            timing: cli.timing,
            quiet: cli.quiet,
            keep_going: cli.keep_going,
            expanded: Expanded::Off,
            max_rows: 1000,
        })
    }

    /// A setting's value as text; `None` if it is not ours.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let switch = |on: bool| if on { "on" } else { "off" }.to_string();
        Some(match name {
            "format" => self.format.name().to_string(),
            "header" => switch(self.header),
            "timing" => switch(self.timing),
            "expanded" => match self.expanded {
                Expanded::Off => "off",
                Expanded::On => "on",
                Expanded::Auto => "auto",
            }
            .to_string(),
            "maxrows" => self.max_rows.to_string(),
            _ => return None,
        })
    }

    /// Sets one of [`Settings::NAMES`]; `Ok(false)` if the name is not ours.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "format" => self.format = value.parse()?,
            "header" => self.header = switch(value)?,
            "timing" => self.timing = switch(value)?,
            "expanded" => {
                self.expanded = match value.to_ascii_lowercase().as_str() {
                    "auto" => Expanded::Auto,
                    other if switch(other)? => Expanded::On,
                    _ => Expanded::Off,
                }
            }
            "maxrows" => self.max_rows = value.parse().map_err(|_| format!("'{value}' is no number of rows"))?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn switch(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err(format!("'{value}' is neither on nor off")),
    }
}
