//! [`Groups`]: the distinct keys seen so far, numbered.

use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use std::sync::Arc;

/// See the module. NULL is a key like others.
pub struct Groups {
    values: Box<dyn GroupValues>,
    numbers: Vec<usize>,
}

impl Groups {
    /// No keys yet, of the type of `key`.
    pub fn new(key: &Field) -> Result<Self> {
        let schema = Arc::new(Schema::new(vec![key.clone()]));
        Ok(Self { values: new_group_values(schema, &GroupOrdering::None)?, numbers: vec![] })
    }

    /// The number of each key; new keys get the next.
    pub fn numbers(&mut self, keys: &ArrayRef) -> Result<&[usize]> {
        self.numbers.clear();
        self.values.intern(&[Arc::clone(keys)], &mut self.numbers)?;
        Ok(&self.numbers)
    }

    /// How many distinct keys there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        self.values.size() + self.numbers.capacity() * size_of::<usize>()
    }

    /// All keys in the order of their numbers. None is left.
    pub fn take(&mut self) -> Result<ArrayRef> {
        let taken = self.values.emit(EmitTo::All)?.pop();
        self.values.clear_shrink(0);
        match taken {
            Some(keys) => Ok(keys),
            None => internal_err!("keys are one column"),
        }
    }
}
