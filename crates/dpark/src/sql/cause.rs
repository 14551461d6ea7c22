//! What is said of an error: its cause, without the words that only tell through which hands it went.

use datafusion::error::DataFusionError;

/// The words of an error.
pub fn message(error: &DataFusionError) -> String {
    match cause(error) {
        DataFusionError::Context(what, inner) => {
            let option = what.strip_prefix("Error setting config ").map(|key| format!("option {key}"));
            format!("{}: {}", option.as_ref().unwrap_or(what), message(inner))
        }
        DataFusionError::Configuration(text) => text.clone(),
        DataFusionError::External(inner) => inner.to_string(),
        other => other.strip_backtrace(),
    }
}

/// Below what DataFusion adds on the way up (`Optimizer rule 'simplify_expressions' failed`). Only what it adds to the
/// error of a value that cannot be read (`Error parsing 'x' as usize`) says more than the cause.
pub fn cause(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(what, inner) if !what.starts_with("Error ") => cause(inner),
        DataFusionError::Shared(inner) => cause(inner),
        DataFusionError::Collection(all) => all.first().map_or(error, cause),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cause_is_told() {
        let inner = || DataFusionError::External("no digit".into());
        assert_eq!(message(&inner().context("Optimizer rule 'x' failed")), "no digit");
        let value = inner().context("Error parsing 'x' as usize").context("Error setting config a.b");
        assert_eq!(message(&value), "option a.b: Error parsing 'x' as usize: no digit");
        assert_eq!(message(&DataFusionError::Execution("broken".into())), "Execution error: broken");
    }
}
