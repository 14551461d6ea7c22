//! SQL text, from script to running plan.
//!
//! A script is cut into statements by its tokens (so a `;` inside a string, a comment or a dollar quote cuts
//! nothing), each statement is parsed by DataFusion's parser with DPark's own statements in front of it, and every
//! error comes back as a [`SqlError`] that knows its line and column.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `source` | positions: line and column to byte offset and back |
//! | `script` | a text cut into statements, one after the other |
//! | `parser` | the dialect extension: `EXPLAIN LINEAGE`, `CACHE TABLE`, `UNCACHE TABLE` |
//! | `from_first` | `FROM t` without `SELECT` |
//! | `statement` | what a parsed statement is and what it gives back |
//! | `error` | the error with its caret |
//! | `cause` | an error's own words |
//! | `locate` | finds the place in the text that a planning error speaks of |
//! | `execute` | a statement run on a [`Context`](crate::Context) |
//! | `caching`, `lineage` | what `CACHE TABLE` and `EXPLAIN LINEAGE` do |
//! | `paths`, `files` | paths in `FROM`: the catalog that knows them, the tables they become |

mod caching;
mod cause;
mod error;
mod execute;
mod files;
mod from_first;
mod lineage;
mod locate;
mod parser;
mod paths;
mod script;
mod source;
mod statement;

pub(crate) use caching::CachedTable;
pub use cause::{cause, message};
pub use error::SqlError;
pub use execute::execute;
pub use locate::locate;
pub use paths::enable_paths;
pub use script::{Parsed, ParserSettings, Script, is_complete, parse};
pub use source::{Position, SourceSpan};
pub use statement::{Gives, Statement};
