//! What a parsed statement is: one of DataFusion's, or one of the few that DPark adds.

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{self, ObjectName};
use std::fmt;

/// One SQL statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Anything that DataFusion knows.
    DataFusion(Box<DfStatement>),
    /// `EXPLAIN LINEAGE <query>`: stages, their dependencies, partition counts and fragments, without running it.
    ExplainLineage(Box<DfStatement>),
    /// `CACHE [LAZY] TABLE name [AS query]`.
    CacheTable {
        /// The table or view to cache, or the name given to the query.
        name: ObjectName,
        /// The query of the `AS` part.
        query: Option<Box<DfStatement>>,
        /// Compute at the first use instead of now.
        lazy: bool,
    },
    /// `UNCACHE TABLE [IF EXISTS] name`.
    UncacheTable {
        /// The table to free.
        name: ObjectName,
        /// An unknown or uncached table is no error.
        if_exists: bool,
    },
}

/// What a statement gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gives {
    /// Rows to show.
    Rows,
    /// One number, the rows written; the tag names what was done (`COPY`, `INSERT`).
    Count(String),
    /// Nothing; the tag names what was done (`CREATE TABLE`, `SET`).
    Nothing(String),
}

impl Statement {
    /// What to expect of the result.
    pub fn gives(&self) -> Gives {
        let nothing = |tag: &str| Gives::Nothing(tag.to_string());
        match self {
            Statement::ExplainLineage(_) => Gives::Rows,
            Statement::CacheTable { .. } => nothing("CACHE TABLE"),
            Statement::UncacheTable { .. } => nothing("UNCACHE TABLE"),
            Statement::DataFusion(statement) => match statement.as_ref() {
                DfStatement::CreateExternalTable(_) => nothing("CREATE EXTERNAL TABLE"),
                DfStatement::CopyTo(_) => Gives::Count("COPY".to_string()),
                DfStatement::Explain(_) => Gives::Rows,
                DfStatement::Reset(_) => nothing("RESET"),
                DfStatement::Statement(statement) => standard(statement),
            },
        }
    }

    /// Whether this is an `EXPLAIN` of any kind, whose result is text rather than a table.
    pub fn is_explain(&self) -> bool {
        match self {
            Statement::ExplainLineage(_) => true,
            Statement::DataFusion(statement) => matches!(statement.as_ref(), DfStatement::Explain(_)),
            _ => false,
        }
    }
}

fn standard(statement: &ast::Statement) -> Gives {
    use ast::Statement::*;
    match statement {
        Insert(_) => Gives::Count("INSERT".to_string()),
        Update(_) => Gives::Count("UPDATE".to_string()),
        Delete(_) => Gives::Count("DELETE".to_string()),
        Merge(_) => Gives::Count("MERGE".to_string()),
        Query(_) | Execute { .. } | Explain { .. } | ExplainTable { .. } => Gives::Rows,
        ShowFunctions { .. }
        | ShowVariable { .. }
        | ShowTables { .. }
        | ShowColumns { .. }
        | ShowCreate { .. }
        | ShowDatabases { .. }
        | ShowSchemas { .. }
        | ShowStatus { .. }
        | ShowVariables { .. }
        | ShowViews { .. }
        | ShowCollation { .. }
        | ShowCatalogs { .. } => Gives::Rows,
        other => Gives::Nothing(tag(other)),
    }
}

/// The leading keywords of a statement, as a tag: the words of its canonical text up to the first that names something.
fn tag(statement: &ast::Statement) -> String {
    const VERBS: &[&str] = &[
        "CREATE",
        "DROP",
        "ALTER",
        "SET",
        "RESET",
        "USE",
        "PREPARE",
        "DEALLOCATE",
        "TRUNCATE",
        "TABLE",
        "VIEW",
        "SCHEMA",
        "DATABASE",
        "FUNCTION",
        "EXTERNAL",
        "INDEX",
        "START",
        "TRANSACTION",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
    ];
    const SKIPPED: &[&str] = &["OR", "REPLACE", "TEMPORARY", "TEMP", "MATERIALIZED", "IF", "NOT", "EXISTS"];
    let text = statement.to_string();
    let words: Vec<&str> = text
        .split_whitespace()
        .take_while(|word| VERBS.contains(word) || SKIPPED.contains(word))
        .filter(|word| VERBS.contains(word))
        .collect();
    if words.is_empty() { "OK".to_string() } else { words.join(" ") }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statement::DataFusion(statement) => write!(f, "{statement}"),
            Statement::ExplainLineage(statement) => write!(f, "EXPLAIN LINEAGE {statement}"),
            Statement::CacheTable { name, query, lazy } => {
                write!(f, "CACHE {}TABLE {name}", if *lazy { "LAZY " } else { "" })?;
                query.as_ref().map_or(Ok(()), |query| write!(f, " AS {query}"))
            }
            Statement::UncacheTable { name, if_exists } => {
                write!(f, "UNCACHE TABLE {}{name}", if *if_exists { "IF EXISTS " } else { "" })
            }
        }
    }
}
