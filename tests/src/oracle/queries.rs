//! The files of the corpus: named queries and how each is compared.
//!
//! ```text
//! -- What the file is about.
//! -- setup
//! create view …;                    statements that both sides run first, in the order of the file
//! -- name: some_name                the query, up to the next marker
//! -- check: subset                  optional; without it: the same rows, and the order of the keys under ORDER BY
//! select …;
//! ```
//!
//! | check | what is asked |
//! |---|---|
//! | `empty` | as without, and no rows; a query that has none must say so, else it would prove nothing |
//! | `subset` | a second statement follows, the query without its LIMIT: as many rows, each one of those |
//! | `near X` | numbers within the relative tolerance X, rows in the same order |
//! | `error` | both fail, with the same message |

use super::Result;
use std::fs;
use std::path::Path;

/// How the answers of a query are compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// The same rows.
    Rows {
        /// Whether there must be none, or some; not known for generated queries.
        empty: Option<bool>,
    },
    /// As many rows, each among those of the given query.
    Subset(String),
    /// Numbers within a relative tolerance.
    Near(f64),
    /// The same error.
    Error,
}

/// One query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Its name within the file.
    pub name: String,
    /// The statement.
    pub sql: String,
    /// How it is compared.
    pub check: Check,
}

/// A file of queries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Queries {
    /// The name of the file.
    pub name: String,
    /// Statements to run first.
    pub setup: Vec<String>,
    /// The queries.
    pub queries: Vec<Query>,
}

/// Every file of the corpus, by name.
pub fn corpus() -> Result<Vec<Queries>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle");
    let mut files = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path)?;
            files.push(parse(&name, &text).map_err(|error| format!("{}: {error}", path.display()))?);
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Reads one file.
pub fn parse(name: &str, text: &str) -> Result<Queries> {
    let mut file = Queries { name: name.to_owned(), ..Queries::default() };
    // The name (none: setup), the check and the lines of the section that is being read.
    let mut section: Option<(Option<&str>, &str, String)> = None;
    for line in text.lines().chain(["-- setup"]) {
        let name = line.strip_prefix("-- name: ").map(str::trim);
        if name.is_some() || line == "-- setup" {
            if let Some((name, check, sql)) = section.replace((name, "", String::new())) {
                finish(&mut file, name, check, &sql)?;
            }
        } else if let Some((_, check, sql)) = &mut section {
            match line.strip_prefix("-- check: ") {
                Some(text) => *check = text.trim(),
                None => *sql += &format!("{line}\n"),
            }
        }
    }
    if file.queries.is_empty() {
        return Err("no queries".into());
    }
    Ok(file)
}

fn finish(file: &mut Queries, name: Option<&str>, check: &str, sql: &str) -> Result<()> {
    let mut statements = statements(sql);
    let Some(name) = name else {
        file.setup.extend(statements);
        return Ok(());
    };
    let fail = |what: &str| Err(format!("{name}: {what}").into());
    if file.queries.iter().any(|query| query.name == name) {
        return fail("a second query of this name");
    }
    let check = match check.split_once(' ').unwrap_or((check, "")) {
        ("", _) => Check::Rows { empty: Some(false) },
        ("empty", "") => Check::Rows { empty: Some(true) },
        ("error", "") => Check::Error,
        ("near", tolerance) => Check::Near(tolerance.parse()?),
        ("subset", "") => match statements.pop() {
            Some(all) => Check::Subset(all),
            None => return fail("no statement"),
        },
        _ => return fail("an unknown check"),
    };
    match <[String; 1]>::try_from(statements) {
        Ok([sql]) => file.queries.push(Query { name: name.to_owned(), sql, check }),
        Err(statements) => return fail(&format!("{} statements where one is wanted", statements.len())),
    }
    Ok(())
}

/// Statements end with a `;` at the end of a line.
pub fn statements(sql: &str) -> Vec<String> {
    let parts = sql.split(";\n").map(str::trim);
    let code = |part: &&str| part.lines().any(|line| !line.trim().is_empty() && !line.starts_with("--"));
    parts.filter(code).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections() -> Result<()> {
        let text = "-- About.\n-- setup\ncreate view a as select 1;\ncreate view b as\nselect 2;\n\n-- name: x\nselect 1;\n\
                    -- name: y\n-- check: subset\nselect ';' from a limit 1;\nselect ';' from a;\n-- name: z\n-- check: near 0.1\nselect 3;\n";
        let file = parse("f", text)?;
        assert_eq!(file.setup, ["create view a as select 1", "create view b as\nselect 2"]);
        let names: Vec<_> = file.queries.iter().map(|query| query.name.as_str()).collect();
        assert_eq!(names, ["x", "y", "z"]);
        assert_eq!(file.queries[0].check, Check::Rows { empty: Some(false) });
        assert_eq!(file.queries[1].sql, "select ';' from a limit 1");
        assert_eq!(file.queries[1].check, Check::Subset("select ';' from a".to_owned()));
        assert_eq!(file.queries[2].check, Check::Near(0.1));
        Ok(())
    }

    #[test]
    fn mistakes_are_errors() {
        for text in [
            "",
            "-- name: x\n",
            "-- name: x\nselect 1;\nselect 2;\n",
            "-- name: x\n-- check: what\nselect 1;\n",
            "-- name: x\n-- check: subset\nselect 1;\n",
            "-- name: x\nselect 1;\n-- name: x\nselect 1;\n",
        ] {
            assert!(parse("f", text).is_err(), "{text:?}");
        }
    }
}
