//! [`Groups`]: the distinct keys seen so far, numbered.

use crate::dense::{Dense, dense};
use crate::texts::Texts;
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use std::sync::Arc;

/// See the module. NULL is a key like others.
pub struct Groups {
    schema: SchemaRef,
    table: Table,
    numbers: Vec<usize>,
}

enum Table {
    /// Whole numbers, as long as they lie close together.
    Dense(Box<dyn Dense>),
    /// Others; and what takes note of whole numbers, which may turn out to lie close together when there are more.
    Hashed(Box<dyn GroupValues>, Option<Box<dyn Dense>>),
    /// Text and bytes.
    Texts(Texts),
}

impl Groups {
    /// No keys yet, of the type of `key`.
    pub fn new(key: &Field) -> Result<Self> {
        let schema = Arc::new(Schema::new(vec![key.clone()]));
        let table = match (dense(key.data_type()), Texts::new(key.data_type())) {
            (Some(dense), _) => Table::Dense(dense),
            (None, Some(texts)) => Table::Texts(texts),
            (None, None) => Table::Hashed(hashed(&schema)?, None),
        };
        Ok(Self { schema, table, numbers: vec![] })
    }

    /// The number of each key; new keys get the next.
    pub fn numbers(&mut self, keys: &ArrayRef) -> Result<&[usize]> {
        self.numbers.clear();
        if let Table::Texts(texts) = &mut self.table {
            texts.numbers(keys, &mut self.numbers)?;
            return Ok(&self.numbers);
        }
        if let Table::Dense(dense) = &mut self.table {
            if dense.numbers(keys, &mut self.numbers) {
                return Ok(&self.numbers);
            }
            self.table = self.scattered()?;
        }
        self.hash(keys)?;
        Ok(&self.numbers)
    }

    /// [`numbers`](Self::numbers) of a hash table.
    fn hash(&mut self, keys: &ArrayRef) -> Result<()> {
        if let Table::Hashed(values, later) = &mut self.table {
            self.numbers.clear();
            values.intern(&[Arc::clone(keys)], &mut self.numbers)?;
            if keys.null_count() > 0 {
                *later = None;
            }
            if let Some(dense) = later.take_if(|dense| dense.would_do(keys, values.len())) {
                self.table = Table::Dense(together(dense, &mut **values)?);
            }
        }
        Ok(())
    }

    /// The keys in a hash table, with the numbers they have.
    fn scattered(&mut self) -> Result<Table> {
        let mut values = hashed(&self.schema)?;
        let Table::Dense(dense) = &mut self.table else { return internal_err!("the keys are hashed already") };
        let known = dense.take();
        values.intern(&[Arc::clone(&known)], &mut self.numbers)?;
        let mut later = crate::dense::dense(known.data_type());
        if let Some(later) = &mut later {
            later.would_do(&known, 0);
        }
        Ok(Table::Hashed(values, later))
    }

    /// How many distinct keys there are.
    pub fn len(&self) -> usize {
        match &self.table {
            Table::Dense(dense) => dense.len(),
            Table::Hashed(values, _) => values.len(),
            Table::Texts(texts) => texts.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        let table = match &self.table {
            Table::Dense(dense) => dense.size(),
            Table::Hashed(values, _) => values.size(),
            Table::Texts(texts) => texts.size(),
        };
        table + self.numbers.capacity() * size_of::<usize>()
    }

    /// All keys in the order of their numbers. None is left.
    pub fn take(&mut self) -> Result<ArrayRef> {
        match &mut self.table {
            Table::Dense(dense) => Ok(dense.take()),
            Table::Hashed(values, _) => all(&mut **values),
            Table::Texts(texts) => texts.take(),
        }
    }
}

/// All keys of a hash table. None is left.
fn all(values: &mut dyn GroupValues) -> Result<ArrayRef> {
    let taken = values.emit(EmitTo::All)?.pop();
    values.clear_shrink(0);
    match taken {
        Some(keys) => Ok(keys),
        None => internal_err!("keys are one column"),
    }
}

/// The keys of a hash table in one for keys that lie close together, with the numbers they have.
fn together(mut dense: Box<dyn Dense>, values: &mut dyn GroupValues) -> Result<Box<dyn Dense>> {
    match dense.numbers(&all(values)?, &mut vec![]) {
        true => Ok(dense),
        false => internal_err!("keys that were found to lie close together do not"),
    }
}

fn hashed(schema: &SchemaRef) -> Result<Box<dyn GroupValues>> {
    new_group_values(Arc::clone(schema), &GroupOrdering::None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;
    use arrow::datatypes::DataType;

    #[test]
    fn numbers_stay_when_keys_turn_out_to_be_scattered() {
        let mut groups = Groups::new(&Field::new("_1", DataType::Int64, true)).unwrap();
        let mut numbers = |keys: Vec<Option<i64>>| {
            let keys = Arc::new(Int64Array::from(keys)) as ArrayRef;
            groups.numbers(&keys).unwrap().to_vec()
        };
        assert_eq!(numbers(vec![Some(7), Some(5), Some(7)]), [0, 1, 0]);
        assert_eq!(numbers(vec![Some(1 << 50), Some(5), None]), [2, 1, 3]);
        assert_eq!(numbers(vec![None, Some(7)]), [3, 0]);
        let keys = Arc::new(Int64Array::from(vec![Some(7), Some(5), Some(1 << 50), None])) as ArrayRef;
        assert_eq!((groups.len(), &groups.take().unwrap()), (4, &keys));
        assert!(groups.is_empty());
    }

    #[test]
    fn numbers_stay_when_keys_turn_out_to_lie_close() {
        let mut groups = Groups::new(&Field::new("_1", DataType::Int64, true)).unwrap();
        let mut known = std::collections::HashMap::new();
        let mut kinds = vec![];
        // Every key up to 100,000 in an order that jumps about, some of them twice; far ones in between, once they lie close.
        for batch in 0..200i64 {
            let far = if batch == 150 { 1 << 60 } else { 0 };
            let keys: Vec<i64> = (0..1000).map(|at| (batch * 1000 + at) * 70_001 % 100_000 + far).collect();
            let expected: Vec<usize> = keys
                .iter()
                .map(|key| {
                    let next = known.len();
                    *known.entry(*key).or_insert(next)
                })
                .collect();
            let keys = Arc::new(Int64Array::from(keys)) as ArrayRef;
            assert_eq!(groups.numbers(&keys).unwrap(), expected);
            kinds.push(matches!(groups.table, Table::Dense(_)));
        }
        kinds.dedup();
        assert_eq!(kinds, [false, true, false]);
        assert_eq!((groups.len(), groups.take().unwrap().len()), (known.len(), known.len()));
    }
}
