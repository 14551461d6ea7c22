//! Completion: what could stand at the cursor, judged by the tokens before it.

use super::commands::COMMANDS;
use super::keywords::{KEYWORDS, is_keyword};
use super::names::Names;
use super::tokens::{Spanned, spanned};
use crate::settings::Settings;
use datafusion::sql::sqlparser::tokenizer::{Token, Whitespace};

/// What completion offers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// Replacements for the text from an offset to the cursor.
    Words(usize, Vec<String>),
    /// A file path starts at the offset.
    Path(usize),
}

/// What could stand at `cursor`.
pub(super) fn offer(line: &str, cursor: usize, names: &dyn Names) -> Offer {
    let before = &line[..cursor];
    if before.trim_start().starts_with('\\') {
        return command(before, names);
    }
    let (tokens, broken) = spanned(before);
    if let Some(at) = broken {
        let string = before[at..].starts_with('\'');
        return if string { Offer::Path(at + 1) } else { Offer::Words(cursor, Vec::new()) };
    }
    let statement = tokens.iter().rposition(|t| t.token == Token::SemiColon).map_or(&tokens[..], |n| &tokens[n + 1..]);
    let (whole, _) = spanned(line);
    if let Some(offer) = option(before, statement, names) {
        return offer;
    }
    if matches!(statement.last().map(|t| &t.token), Some(Token::Whitespace(space)) if !matches!(space, Whitespace::Space | Whitespace::Tab | Whitespace::Newline))
    {
        return Offer::Words(cursor, Vec::new()); // in a comment
    }
    let (start, prefix, solid) = word_at_end(statement, cursor);
    let mut found = match solid.as_slice() {
        [.., owner, dot] if dot.token == Token::Period => qualified(owner, &whole, names),
        [.., last] if wants_table(&last.token) => names.tables(),
        [.., last] if last.token == Token::Comma && in_from(&solid) => names.tables(),
        _ if prefix.is_empty() => Vec::new(),
        _ => anything(&prefix, &whole, names),
    };
    let lower = prefix.to_lowercase();
    found.retain(|name| name.trim_start_matches('"').to_lowercase().starts_with(lower.trim_start_matches('"')));
    found.sort();
    found.dedup();
    Offer::Words(start, found)
}

/// The word the cursor ends, where it starts, and the tokens before it without blanks.
fn word_at_end(statement: &[Spanned], cursor: usize) -> (usize, String, Vec<&Spanned>) {
    let mut solid: Vec<&Spanned> = statement.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    match solid.last() {
        Some(Spanned { token: Token::Word(word), start, end }) if *end == cursor => {
            let (start, prefix) = (*start, word.to_string());
            solid.pop();
            (start, prefix, solid)
        }
        _ => (cursor, String::new(), solid),
    }
}

fn keyword(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    }
}

fn wants_table(token: &Token) -> bool {
    const BEFORE_TABLE: [&str; 9] = ["FROM", "JOIN", "INTO", "TABLE", "UPDATE", "DESCRIBE", "VIEW", "COPY", "DESC"];
    keyword(token).is_some_and(|word| BEFORE_TABLE.contains(&word.as_str()))
}

/// Whether the last clause begun is `FROM`.
fn in_from(tokens: &[&Spanned]) -> bool {
    const CLAUSES: [&str; 8] = ["SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "ON", "SET"];
    let last = tokens.iter().rev().filter_map(|t| keyword(&t.token)).find(|word| CLAUSES.contains(&word.as_str()));
    last.as_deref() == Some("FROM")
}

/// Columns of a table or alias before a dot, or tables of a schema.
fn qualified(owner: &Spanned, whole: &[Spanned], names: &dyn Names) -> Vec<String> {
    let Token::Word(owner) = &owner.token else { return Vec::new() };
    let known = mentioned(whole, names);
    let table = known.iter().find(|(_, alias)| alias.eq_ignore_ascii_case(&owner.value));
    if let Some((table, _)) = table {
        return names.columns(table);
    }
    let schema = format!("{}.", owner.value);
    names.tables().iter().filter_map(|name| name.strip_prefix(&schema).map(str::to_string)).collect()
}

/// Columns of the tables in the statement, functions, tables and keywords.
fn anything(prefix: &str, whole: &[Spanned], names: &dyn Names) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (table, alias) in mentioned(whole, names) {
        found.extend(names.columns(&table));
        found.push(alias);
    }
    found.extend(names.tables());
    found.extend(names.functions().into_iter().map(|name| format!("{name}(")));
    let lower = prefix.chars().all(|c| !c.is_uppercase());
    let keywords = KEYWORDS.iter().map(|word| if lower { word.to_lowercase() } else { word.to_string() });
    found.extend(keywords.map(|word| format!("{word} ")));
    found
}

/// The tables a statement names after FROM, JOIN and the like, each with the name it goes by.
fn mentioned(whole: &[Spanned], names: &dyn Names) -> Vec<(String, String)> {
    let tables = names.tables();
    let solid: Vec<&Spanned> = whole.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    let mut found: Vec<(String, String)> = Vec::new();
    for (n, token) in solid.iter().enumerate() {
        let before = n.checked_sub(1).map(|n| &solid[n].token);
        let table = match &token.token {
            Token::SingleQuotedString(path) if before.is_some_and(wants_table) => format!("'{path}'"),
            Token::Word(word) if tables.contains(&word.to_string()) => word.to_string(),
            _ => continue,
        };
        let alias = solid[n + 1..].iter().map(|t| &t.token).find(|t| keyword(t).as_deref() != Some("AS"));
        let alias = match alias {
            Some(Token::Word(word)) if word.quote_style.is_some() || !is_keyword(&word.value) => word.to_string(),
            _ => table.clone(),
        };
        found.push((table, alias));
    }
    found
}

/// The option after `SET`, `SHOW` or `RESET`: a dotted name, completed as a whole.
fn option(before: &str, statement: &[Spanned], names: &dyn Names) -> Option<Offer> {
    let first = statement.iter().find(|t| !matches!(t.token, Token::Whitespace(_)))?;
    if !["SET", "SHOW", "RESET"].contains(&keyword(&first.token)?.as_str()) {
        return None;
    }
    let typed = before[first.end..].trim_start();
    if first.end == before.len() || typed.contains(|c: char| c.is_whitespace() || c == '=') {
        return None;
    }
    let mut found = names.options();
    if keyword(&first.token).as_deref() == Some("SHOW") {
        found.extend(["ALL", "COLUMNS FROM ", "FUNCTIONS", "TABLES"].map(str::to_string));
    }
    let lower = typed.to_lowercase();
    found.retain(|name| name.to_lowercase().starts_with(&lower));
    found.sort();
    Some(Offer::Words(before.len() - typed.len(), found))
}

/// After a backslash: the command, then what it takes.
fn command(before: &str, names: &dyn Names) -> Offer {
    let start = before.len() - before.trim_start().len();
    let typed = &before[start..];
    let Some((command, argument)) = typed.split_once(char::is_whitespace) else {
        let found = COMMANDS.iter().map(|(name, ..)| name.to_string()).filter(|name| name.starts_with(typed));
        return Offer::Words(start, found.collect());
    };
    let argument = argument.trim_start();
    let at = before.len() - argument.len();
    let mut found: Vec<String> = match command {
        "\\i" | "\\o" => return Offer::Path(at),
        "\\d" => names.tables(),
        "\\x" => ["on", "off", "auto"].map(str::to_string).to_vec(),
        "\\timing" => ["on", "off"].map(str::to_string).to_vec(),
        "\\set" => Settings::NAMES.iter().map(|(name, _)| name.to_string()).chain(names.options()).collect(),
        _ => Vec::new(),
    };
    found.retain(|name| name.starts_with(argument));
    found.sort();
    Offer::Words(at, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Names for Fixed {
        fn tables(&self) -> Vec<String> {
            ["flights", "planes", "s.flown"].map(str::to_string).to_vec()
        }
        fn columns(&self, table: &str) -> Vec<String> {
            match table {
                "flights" => vec!["carrier".into(), "flight".into()],
                "planes" => vec!["tailnum".into(), "\"Type\"".into()],
                "'x.csv'" => vec!["in_file".into()],
                _ => vec![],
            }
        }
        fn functions(&self) -> Vec<String> {
            ["count", "floor"].map(str::to_string).to_vec()
        }
        fn options(&self) -> Vec<String> {
            vec!["datafusion.execution.batch_size".into()]
        }
    }

    fn words(before: &str) -> Vec<String> {
        match offer(before, before.len(), &Fixed) {
            Offer::Words(_, found) => found,
            Offer::Path(at) => vec![format!("path at {at}")],
        }
    }

    #[test]
    fn by_place() {
        assert_eq!(words("sel"), ["select "]);
        assert_eq!(words("SEL"), ["SELECT "]);
        assert_eq!(words("select * from fl"), ["flights"]);
        assert_eq!(words("select * from flights, pl"), ["planes"]);
        assert_eq!(words("select * from s."), ["flown"]);
        assert_eq!(words("select 1 from flights where carr"), ["carrier"]);
        assert_eq!(words("select p.t from planes p; select 1 from planes as p where p.ty"), ["\"Type\""]);
        assert_eq!(words("select 1 from 'x.csv' where in_"), ["in_file"]);
        assert_eq!(words("select 1 from 'data/"), ["path at 15"]);
        assert_eq!(words("select -- se"), Vec::<String>::new());
        assert_eq!(words("set datafusion.execution.b"), ["datafusion.execution.batch_size"]);
        assert_eq!(words("show ta"), ["TABLES"]);
    }

    #[test]
    fn the_text_after_the_cursor_counts() {
        let line = "select fl from flights";
        let Offer::Words(start, found) = offer(line, 9, &Fixed) else { panic!() };
        assert_eq!(start, 7);
        assert_eq!(found, ["flight", "flights", "floor("]);
    }

    #[test]
    fn backslash_commands() {
        assert_eq!(words("\\ti"), ["\\timing"]);
        assert_eq!(words("\\d pl"), ["planes"]);
        assert_eq!(words("\\x a"), ["auto"]);
        assert_eq!(words("\\i sql/"), ["path at 3"]);
        assert!(words("\\set ma").contains(&"maxrows".to_string()));
    }
}
