//! [`ClosureAggregate`]: one value for the rows of each group.

use super::Declared;
use super::distinct::Distinct;
use super::groups::{GroupStates, Grouped, Single};
use crate::functions::FunctionRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature};
use std::sync::Arc;

/// What an entry function makes states of.
#[derive(Debug)]
pub struct AggregateCall<'a> {
    /// The function's name, for messages.
    pub name: &'a str,
    /// The serialised state that each group starts with.
    pub zero: &'a [u8],
}

/// Makes the states of an aggregate's groups: none yet.
pub type AggregateEntry = fn(&AggregateCall<'_>) -> Result<Box<dyn GroupStates>>;

/// The reference to an entry function of this binary, called `name` in messages.
pub fn aggregate_ref(entry: AggregateEntry, name: &str) -> FunctionRef {
    FunctionRef::new(entry as usize, name)
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClosureAggregate {
    declared: Declared,
    zero: Arc<[u8]>,
}

impl ClosureAggregate {
    /// `declared.function` must come from [`aggregate_ref`]; `zero` is what it gets.
    pub fn new(declared: Declared, zero: Arc<[u8]>) -> Self {
        Self { declared, zero }
    }

    /// Its name, types and function.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// The serialised state that each group starts with.
    pub fn zero(&self) -> &[u8] {
        &self.zero
    }

    pub(super) fn states(&self) -> Result<Box<dyn GroupStates>> {
        let address = self.declared.function.address()?;
        // SAFETY: references of aggregates are made only by `aggregate_ref` from this very type, and executors refuse other
        // binaries.
        let entry = unsafe { std::mem::transmute::<usize, AggregateEntry>(address) };
        entry(&AggregateCall { name: &self.declared.name, zero: &self.zero })
    }
}

impl AggregateUDFImpl for ClosureAggregate {
    fn name(&self) -> &str {
        &self.declared.name
    }
    fn aliases(&self) -> &[String] {
        &self.declared.aliases
    }
    fn signature(&self) -> &Signature {
        &self.declared.signature
    }
    fn coerce_types(&self, have: &[DataType]) -> Result<Vec<DataType>> {
        self.declared.coerce(have)
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.declared.returns.clone())
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if !args.ordering_fields.is_empty() {
            let name = self.name();
            return plan_err!("{name} gets the rows of a group in no order: leave out the ORDER BY in its parentheses");
        }
        let name = format_state_name(args.name, if args.is_distinct { "distinct" } else { "state" });
        let data_type = if args.is_distinct { Distinct::state_type() } else { DataType::Binary };
        Ok(vec![Arc::new(Field::new(name, data_type, true))])
    }
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match args.is_distinct {
            true => Box::new(Distinct::new(self.clone())?),
            false => Box::new(Single::new(self.clone())?),
        })
    }
    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }
    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Grouped::new(self.clone())?))
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
    // What it gives for no rows, where a subquery or a window has none.
    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Single::new(self.clone())?.evaluate()
    }
}
