//! `DISTINCT` beside other aggregates or with `FILTER`, where DataFusion does not make it a `GROUP BY` of its own.
//!
//! Rows are kept in Arrow's comparable row format, of which equal bytes are equal rows. They travel as lists of such bytes
//! and reach the closure when all are there.

use super::ClosureAggregate;
use super::groups::Single;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::Accumulator;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The distinct rows of one group.
pub(super) struct Distinct {
    function: ClosureAggregate,
    converter: RowConverter,
    rows: HashSet<Box<[u8]>>,
    bytes: usize,
}

fn element() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Binary, false))
}

impl Distinct {
    pub(super) fn new(function: ClosureAggregate) -> Result<Self> {
        let types = function.declared().arguments.iter().map(|argument| SortField::new(argument.data_type.clone()));
        let converter = RowConverter::new(types.collect())?;
        Ok(Self { function, converter, rows: HashSet::new(), bytes: 0 })
    }

    /// The type of the column that holds its states.
    pub(super) fn state_type() -> DataType {
        DataType::List(element())
    }

    fn insert(&mut self, row: &[u8]) {
        if !self.rows.contains(row) {
            self.bytes += row.len();
            self.rows.insert(row.into());
        }
    }
}

impl fmt::Debug for Distinct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Distinct").field(&self.function).finish()
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // The other side of an exchange knows the declared types only.
        let columns = values.iter().zip(&self.function.declared().arguments);
        let columns = columns.map(|(column, argument)| match *column.data_type() == argument.data_type {
            true => Ok(Arc::clone(column)),
            false => cast(column, &argument.data_type),
        });
        let rows = self.converter.convert_columns(&columns.collect::<Result<Vec<_>, _>>()?)?;
        rows.iter().for_each(|row| self.insert(row.as_ref()));
        Ok(())
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut single = Single::new(self.function.clone())?;
        let parser = self.converter.parser();
        let columns = self.converter.convert_rows(self.rows.iter().map(|row| parser.parse(row)))?;
        single.update_batch(&columns)?;
        single.evaluate()
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.rows.capacity() * size_of::<Box<[u8]>>() + self.bytes
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let rows = BinaryArray::from_iter_values(self.rows.iter());
        let list = ListArray::new(element(), OffsetBuffer::from_lengths([rows.len()]), Arc::new(rows), None);
        Ok(vec![ScalarValue::List(Arc::new(list))])
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [states] = states else {
            return internal_err!("distinct rows should be in one column");
        };
        for list in states.as_list::<i32>().iter().flatten() {
            list.as_binary::<i32>().iter().flatten().for_each(|row| self.insert(row));
        }
        Ok(())
    }
}
