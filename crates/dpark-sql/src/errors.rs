//! What is said of an error of a statement.

use datafusion::error::DataFusionError;
use dpark::sql::{Parsed, SqlError, cause, locate, message};

/// An error of a statement, with its place in the text.
pub(crate) fn of_statement(error: &DataFusionError, text: &str, parsed: &Parsed) -> SqlError {
    let cause = cause(error);
    let mut found = locate(cause, text, &parsed.span);
    found.message = match cause {
        DataFusionError::Context(..) | DataFusionError::External(_) | DataFusionError::Configuration(_) => {
            message(cause)
        }
        // DataFusion says so of every column that is neither grouped nor aggregated, wildcard or not.
        _ => found.message.replacen(": While expanding wildcard, column", ": column", 1),
    };
    found
}
