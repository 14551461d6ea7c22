//! A columnar, SQL-fronted dataset engine.

mod context;
mod progress;

pub use context::{Context, ContextBuilder, init};
pub use datafusion::dataframe::DataFrame;
pub use progress::Progress;
