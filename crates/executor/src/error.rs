//! DataFusion's errors to typed task errors, and back to the error one process would have raised.

use crate::shared::SharedError;
use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use dpark_lineage::{FetchFailed, TaskError, UserErrorKind};
use dpark_plan::dataset::ClosureError;
use dpark_shuffle::StoreError;
use std::error::Error;

/// What the scheduler should know of an error that ended a task.
pub fn task_error(error: &DataFusionError) -> TaskError {
    if let Some(failed) = find::<FetchFailed>(error) {
        return TaskError::FetchFailed(failed.clone());
    }
    if let Some(shared) = find::<SharedError>(error) {
        return shared.task_error();
    }
    if let Some(closure) = find::<ClosureError>(error) {
        return TaskError::User { kind: UserErrorKind::Closure, message: closure.to_string() };
    }
    if let Some(store) = find::<StoreError>(error) {
        return TaskError::Io(store.to_string());
    }
    let root = error.find_root();
    let message = root.strip_backtrace();
    let kind = match root {
        DataFusionError::ResourcesExhausted(message) => return TaskError::Oom(message.clone()),
        DataFusionError::IoError(io) if io.kind() != std::io::ErrorKind::NotFound => {
            return TaskError::Io(message);
        }
        DataFusionError::ObjectStore(store) if is_passing(store) => return TaskError::Io(message),
        DataFusionError::ExecutionJoin(join) if join.is_panic() => return TaskError::Bug(message),
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) => UserErrorKind::Data,
        DataFusionError::ArrowError(..) => UserErrorKind::Compute,
        DataFusionError::Plan(_) | DataFusionError::NotImplemented(_) | DataFusionError::SchemaError(..) => {
            UserErrorKind::Plan
        }
        _ => UserErrorKind::Execution,
    };
    TaskError::User { kind, message }
}

/// Whether a store may answer otherwise the next time.
fn is_passing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::Generic { .. })
}

/// A store's refusal as an error that [`task_error`] finds again.
pub fn store_error(error: StoreError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn find<E: Error + 'static>(error: &DataFusionError) -> Option<&E> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<E>() {
            return Some(found);
        }
        // `source` of an external error is the source of what it holds, so what it holds is looked at here.
        let held: Option<&(dyn Error + 'static)> = match current.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(held)) => Some(held.as_ref()),
            Some(DataFusionError::ArrowError(arrow, _)) => Some(arrow.as_ref()),
            Some(DataFusionError::Context(_, inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Shared(inner)) => Some(inner.as_ref()),
            _ => match current.downcast_ref::<ArrowError>() {
                Some(ArrowError::ExternalError(held)) => Some(held.as_ref()),
                _ => None,
            },
        };
        next = held.or_else(|| current.source());
    }
    None
}

/// Makes an error of one family from its words.
type Make<E> = fn(String) -> E;

/// The error a query's own fault would have raised in one process, from its words.
pub fn query_error(message: &str) -> DataFusionError {
    if let Some(arrow) = message.strip_prefix("Arrow error: ") {
        return DataFusionError::ArrowError(Box::new(arrow_error(arrow)), None);
    }
    let families: [(&str, Make<DataFusionError>); 6] = [
        ("Execution error: ", DataFusionError::Execution),
        ("Error during planning: ", DataFusionError::Plan),
        ("This feature is not implemented: ", DataFusionError::NotImplemented),
        ("Resources exhausted: ", DataFusionError::ResourcesExhausted),
        ("Invalid or Unsupported Configuration: ", DataFusionError::Configuration),
        ("External error: ", |text| DataFusionError::External(text.into())),
    ];
    for (prefix, make) in families {
        if let Some(text) = message.strip_prefix(prefix) {
            return make(text.to_owned());
        }
    }
    if let Some(text) = message.strip_prefix("Parquet error: ") {
        let text = text.strip_prefix("Parquet error: ").unwrap_or(text);
        return DataFusionError::ParquetError(Box::new(datafusion::parquet::errors::ParquetError::General(
            text.to_owned(),
        )));
    }
    DataFusionError::External(message.into())
}

fn arrow_error(message: &str) -> ArrowError {
    if message == "Divide by zero error" {
        return ArrowError::DivideByZero;
    }
    let families: [(&str, Make<ArrowError>); 9] = [
        ("Compute error: ", ArrowError::ComputeError),
        ("Cast error: ", ArrowError::CastError),
        ("Arithmetic overflow: ", ArrowError::ArithmeticOverflow),
        ("Parser error: ", ArrowError::ParseError),
        ("Invalid argument error: ", ArrowError::InvalidArgumentError),
        ("Not yet implemented: ", ArrowError::NotYetImplemented),
        ("Schema error: ", ArrowError::SchemaError),
        ("Csv error: ", ArrowError::CsvError),
        ("Json error: ", ArrowError::JsonError),
    ];
    for (prefix, make) in families {
        if let Some(text) = message.strip_prefix(prefix) {
            return make(text.to_owned());
        }
    }
    ArrowError::ExternalError(message.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpark_lineage::{ExecutorId, FetchCause, StageId};

    fn fetch_failed() -> FetchFailed {
        FetchFailed {
            stage: StageId(1),
            map: 2,
            attempt: 0,
            executor: ExecutorId(3),
            cause: FetchCause::Gone,
            detail: "no such output".into(),
        }
    }

    #[test]
    fn fetch_failures_are_found_under_any_wrapping() {
        let external = || DataFusionError::External(Box::new(fetch_failed()));
        let wrapped = [
            external(),
            external().context("while joining"),
            DataFusionError::Shared(std::sync::Arc::new(external())),
            DataFusionError::ArrowError(Box::new(ArrowError::ExternalError(Box::new(external()))), None),
            DataFusionError::External(Box::new(external())),
        ];
        for error in wrapped {
            assert_eq!(task_error(&error), TaskError::FetchFailed(fetch_failed()), "{error:?}");
        }
    }

    #[test]
    fn query_errors_come_back_as_they_were() {
        let errors = [
            DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None),
            DataFusionError::ArrowError(Box::new(ArrowError::CastError("Cannot cast 'x'".into())), None),
            DataFusionError::Execution("two rows".into()),
            DataFusionError::Plan("no such thing".into()),
            DataFusionError::NotImplemented("later".into()),
        ];
        for error in errors {
            let own = task_error(&error);
            assert!(matches!(own, TaskError::User { .. }), "{own:?}");
            assert_eq!(query_error(&own.to_string()).to_string(), error.to_string());
        }
    }
}
