//! [`ClosureScalar`]: one value for each row.

use super::Declared;
use crate::functions::FunctionRef;
use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

/// One batch for an entry function.
#[derive(Debug)]
pub struct ScalarCall<'a> {
    /// The function's name, for messages.
    pub name: &'a str,
    /// Its arguments, of types that can be read as those declared.
    pub columns: &'a [ArrayRef],
    /// Where it is to be called; NULL elsewhere.
    pub called: Option<&'a NullBuffer>,
    /// Rows in each column and in the result.
    pub rows: usize,
}

/// Calls a closure for each row of a batch.
pub type ScalarEntry = fn(&ScalarCall<'_>) -> Result<ArrayRef>;

/// The reference to an entry function of this binary, called `name` in messages.
pub fn scalar_ref(entry: ScalarEntry, name: &str) -> FunctionRef {
    FunctionRef::new(entry as usize, name)
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClosureScalar(Declared);

impl ClosureScalar {
    /// `declared.function` must come from [`scalar_ref`].
    pub fn new(declared: Declared) -> Self {
        Self(declared)
    }

    /// Its name, types and function.
    pub fn declared(&self) -> &Declared {
        &self.0
    }

    fn entry(&self) -> Result<ScalarEntry> {
        let address = self.0.function.address()?;
        // SAFETY: references of scalar functions are made only by `scalar_ref` from this very type, and executors refuse
        // other binaries.
        Ok(unsafe { std::mem::transmute::<usize, ScalarEntry>(address) })
    }
}

impl ScalarUDFImpl for ClosureScalar {
    fn name(&self) -> &str {
        &self.0.name
    }
    fn aliases(&self) -> &[String] {
        &self.0.aliases
    }
    fn signature(&self) -> &Signature {
        &self.0.signature
    }
    fn coerce_types(&self, have: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce(have)
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.0.returns.clone())
    }
    fn is_strict(&self) -> bool {
        !self.0.arguments.iter().any(|argument| argument.takes_null)
    }
    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = self.0.volatility() != Volatility::Volatile
            && call.number_rows > 0
            && call.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { call.number_rows };
        let columns = call.args.iter().map(|argument| argument.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let called = self.0.called(&columns);
        let (name, columns, called) = (self.name(), columns.as_slice(), called.as_ref());
        let made = self.entry()?(&ScalarCall { name, columns, called, rows })?;
        if made.len() != rows {
            return internal_err!("{name} gave {} values for {rows} rows", made.len());
        }
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?),
            false => ColumnarValue::Array(made),
        })
    }
}
