//! User-defined functions over closures: DataFusion's functions around a [`FunctionRef`], so that they travel.
//!
//! ```text
//!  dpark::udf: a closure ──entry function──► FunctionRef ──► ClosureScalar, ClosureAggregate ──► DataFusion's registry
//!                                                                  │ travel: beside the name in a stage's bytes
//!  executor: FunctionRef ──resolve──► entry function ──► typed loop over the columns ──► closure
//! ```
//!
//! What is typed (reading columns, calling the closure) is in the entry functions, which `dpark::udf` makes; what DataFusion
//! asks of a function (types, coercion, accumulators) is here and the same for all.
//!
//! | room | what lives there |
//! |---|---|
//! | [`scalar`] | [`ClosureScalar`] |
//! | [`aggregate`] | [`ClosureAggregate`] |
//! | [`groups`] | the states of groups behind DataFusion's accumulators |
//! | `distinct` | `DISTINCT` where DataFusion does not rewrite it |
//! | `travel` | both functions in a stage's bytes |

pub mod aggregate;
mod distinct;
pub mod groups;
pub mod scalar;
pub(crate) mod travel;

pub use aggregate::{AggregateCall, AggregateEntry, ClosureAggregate, aggregate_ref};
pub use groups::GroupStates;
pub use scalar::{ClosureScalar, ScalarCall, ScalarEntry, scalar_ref};

use crate::functions::FunctionRef;
use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Signature, Volatility};
use dpark_rows::coerce::coerced;

/// What a closure takes for an argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Argument {
    /// The column's type.
    pub data_type: DataType,
    /// Whether the closure sees NULLs. If not, it is not called for a row that has one here.
    pub takes_null: bool,
}

/// What the functions of all kinds have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Declared {
    name: String,
    /// The name as SQL writes it without quotes, if that differs.
    aliases: Vec<String>,
    function: FunctionRef,
    arguments: Vec<Argument>,
    returns: DataType,
    signature: Signature,
}

impl Declared {
    /// A function called `name` that takes `arguments` and gives `returns`, by the entry function at `function`.
    pub fn new(
        name: &str,
        function: FunctionRef,
        arguments: Vec<Argument>,
        returns: DataType,
        volatility: Volatility,
    ) -> Self {
        let unquoted = name.to_lowercase();
        let aliases = if unquoted == name { vec![] } else { vec![unquoted] };
        let signature = Signature::user_defined(volatility);
        Self { name: name.to_owned(), aliases, function, arguments, returns, signature }
    }

    fn volatility(&self) -> Volatility {
        self.signature.volatility
    }

    /// What to cast arguments of types `have` to.
    fn coerce(&self, have: &[DataType]) -> Result<Vec<DataType>> {
        let name = &self.name;
        if have.len() != self.arguments.len() {
            let want = self.arguments.len();
            return plan_err!("{name} takes {want} arguments ({}), not {}", self.types(), have.len());
        }
        let arguments = have.iter().zip(&self.arguments).enumerate();
        let cast = arguments.map(|(i, (have, want))| match coerced(have, &want.data_type) {
            Some(cast) => Ok(cast),
            None => plan_err!(
                "{name}({}): argument {} is {have}, which does not become {} by itself; cast it: CAST(… AS …)",
                self.types(),
                i + 1,
                want.data_type
            ),
        });
        cast.collect()
    }

    fn types(&self) -> String {
        let types: Vec<_> = self.arguments.iter().map(|argument| argument.data_type.to_string()).collect();
        types.join(", ")
    }

    /// The rows for which the closure is called are valid; `None` if those are all.
    fn called(&self, columns: &[ArrayRef]) -> Option<NullBuffer> {
        let strict = columns.iter().zip(&self.arguments).filter(|(_, argument)| !argument.takes_null);
        let nulls =
            strict.fold(None, |nulls, (column, _)| NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref()));
        nulls.filter(|nulls| nulls.null_count() > 0)
    }
}
