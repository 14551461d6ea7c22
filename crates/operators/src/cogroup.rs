//! All values of each key, of one or several inputs, as lists. Values are never Rust values here: only their places move.

use crate::grace::KeyTable;
use crate::groups::Groups;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, ListArray, PrimitiveArray, StructArray, UInt32Array,
    downcast_primitive,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, internal_err};
use std::sync::Arc;

/// Values in the lists of one batch, about.
const MAX_VALUES: usize = 1 << 16;

/// The table; see the module. Values of a key are in the order in which their batches came.
pub struct Cogroup {
    groups: Groups,
    inputs: Vec<Values>,
    inputs_schema: Vec<SchemaRef>,
    schema: SchemaRef,
    batch_size: usize,
}

/// The values of one input and the numbers of their keys.
#[derive(Default)]
struct Values {
    arrays: Vec<ArrayRef>,
    numbers: Vec<Vec<u32>>,
    size: usize,
}

impl Cogroup {
    /// Keyed batches of `inputs` go in. Out come batches of `schema`: the key, and a list for one input, or else a struct of
    /// a list for each.
    pub fn new(inputs: Vec<SchemaRef>, schema: SchemaRef, batch_size: usize) -> Result<Self> {
        let groups = Groups::new(schema.field(0))?;
        let values = inputs.iter().map(|_| Values::default()).collect();
        Ok(Self { groups, inputs: values, inputs_schema: inputs, schema, batch_size: batch_size.max(1) })
    }
}

impl KeyTable for Cogroup {
    fn push(&mut self, input: usize, batch: RecordBatch) -> Result<()> {
        let Some(values) = self.inputs.get_mut(input) else {
            return internal_err!("there is no input {input}");
        };
        let numbers = self.groups.numbers(batch.column(0))?;
        values.size += batch.column(1).to_data().get_slice_memory_size()? + 4 * numbers.len();
        values.numbers.push(numbers.iter().map(|number| *number as u32).collect());
        values.arrays.push(Arc::clone(batch.column(1)));
        Ok(())
    }

    fn size(&self) -> usize {
        self.groups.size() + self.inputs.iter().map(|values| values.size).sum::<usize>()
    }

    fn keys(&self) -> usize {
        self.groups.len()
    }

    fn spill(&mut self) -> Result<Vec<(usize, RecordBatch)>> {
        if self.groups.is_empty() {
            return Ok(vec![]);
        }
        let keys = self.groups.take()?;
        let mut batches = vec![];
        for (input, (values, schema)) in self.inputs.iter_mut().zip(&self.inputs_schema).enumerate() {
            let Values { arrays, numbers, .. } = std::mem::take(values);
            for (array, numbers) in arrays.into_iter().zip(numbers) {
                let keys = take(&keys, &UInt32Array::from(numbers), None)?;
                batches.push((input, RecordBatch::try_new(Arc::clone(schema), vec![keys, array])?));
            }
        }
        Ok(batches)
    }

    fn finish(&mut self) -> Result<Vec<RecordBatch>> {
        if self.groups.is_empty() {
            return Ok(vec![]);
        }
        let keys = self.groups.take()?;
        let inputs: Vec<Sorted> =
            self.inputs.iter_mut().map(|values| Sorted::new(std::mem::take(values), keys.len())).collect();
        let mut batches = vec![];
        let mut from = 0;
        while from < keys.len() {
            let mut to = from + 1;
            let values = |to: usize| inputs.iter().map(|input| input.ends[to] - input.ends[from]).sum::<usize>();
            while to < keys.len() && to - from < self.batch_size && values(to + 1) <= MAX_VALUES {
                to += 1;
            }
            batches.push(self.batch(&keys, &inputs, from, to)?);
            from = to;
        }
        Ok(batches)
    }
}

impl Cogroup {
    fn batch(&self, keys: &ArrayRef, inputs: &[Sorted], from: usize, to: usize) -> Result<RecordBatch> {
        let field = self.schema.field(1);
        let column: ArrayRef = match (inputs, field.data_type()) {
            ([one], DataType::List(element)) => Arc::new(one.lists(element, from, to)?),
            (_, DataType::Struct(fields)) if fields.len() == inputs.len() => {
                let lists = inputs.iter().zip(fields).map(|(input, field)| match field.data_type() {
                    DataType::List(element) => Ok(Arc::new(input.lists(element, from, to)?) as ArrayRef),
                    other => internal_err!("the values of a key should be a list, not {other}"),
                });
                Arc::new(StructArray::try_new(fields.clone(), lists.collect::<Result<_>>()?, None)?)
            }
            (_, other) => return internal_err!("the values of a key should be lists, not {other}"),
        };
        crate::combine::keyed(&self.schema, keys.slice(from, to - from), column)
    }
}

/// Values in the order of their keys' numbers.
struct Sorted {
    values: Placed,
    /// Where the values of each key begin, and the end of the last.
    ends: Vec<usize>,
}

enum Placed {
    /// Moved already: numbers and the like are smaller than their places.
    There(ArrayRef),
    /// Where they are: array and row.
    At(Vec<ArrayRef>, Vec<(u32, u32)>),
}

impl Sorted {
    fn new(values: Values, keys: usize) -> Self {
        let mut ends = vec![0; keys + 1];
        for number in values.numbers.iter().flatten() {
            ends[*number as usize + 1] += 1;
        }
        for key in 0..keys {
            ends[key + 1] += ends[key];
        }
        let mut next = ends.clone();
        let values = match moved(&values, &mut next) {
            Some(moved) => Placed::There(moved),
            None => {
                let mut places = vec![(0, 0); ends[keys]];
                for (array, numbers) in (0..).zip(&values.numbers) {
                    for (row, number) in (0..).zip(numbers) {
                        let at = &mut next[*number as usize];
                        places[*at] = (array, row);
                        *at += 1;
                    }
                }
                Placed::At(values.arrays, places)
            }
        };
        Self { values, ends }
    }

    fn lists(&self, element: &FieldRef, from: usize, to: usize) -> Result<ListArray> {
        let (start, end) = (self.ends[from], self.ends[to]);
        let values = match &self.values {
            Placed::There(values) => values.slice(start, end - start),
            Placed::At(arrays, _) if arrays.is_empty() => arrow::array::new_empty_array(element.data_type()),
            Placed::At(arrays, places) => {
                let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
                let places = places[start..end].iter().map(|(array, row)| (*array as usize, *row as usize));
                interleave(&arrays, &places.collect::<Vec<_>>())?
            }
        };
        let offsets = self.ends[from..=to].iter().map(|end| i32::try_from(end - start));
        let Ok(offsets) = offsets.collect::<Result<Vec<i32>, _>>() else {
            return datafusion::common::exec_err!(
                "a key has more than 2^31 values, which is more than a list holds; combine them instead"
            );
        };
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(ListArray::try_new(Arc::clone(element), offsets, values, None)?)
    }
}

/// Values that are numbers or the like, each at the next place of its key. None for others, and if some are NULL.
fn moved(values: &Values, next: &mut [usize]) -> Option<ArrayRef> {
    fn of<T: ArrowPrimitiveType>(values: &Values, next: &mut [usize], kind: &DataType) -> ArrayRef {
        let total = values.arrays.iter().map(|array| array.len()).sum();
        let mut moved = vec![T::Native::default(); total];
        for (array, numbers) in values.arrays.iter().zip(&values.numbers) {
            for (value, number) in array.as_primitive::<T>().values().iter().zip(numbers) {
                let at = &mut next[*number as usize];
                moved[*at] = *value;
                *at += 1;
            }
        }
        Arc::new(PrimitiveArray::<T>::new(moved.into(), None).with_data_type(kind.clone()))
    }
    macro_rules! of {
        ($kind:ty, $data_type:expr) => {
            Some(of::<$kind>(values, next, $data_type))
        };
    }
    if values.arrays.iter().any(|array| array.null_count() > 0) {
        return None;
    }
    let kind = values.arrays.first()?.data_type();
    downcast_primitive! {
        kind => (of, kind),
        _ => None,
    }
}

/// The field of lists of a column's values.
pub fn list_of(name: &str, value: &Field) -> Field {
    let element = value.clone().with_name("item");
    Field::new(name, DataType::List(Arc::new(element)), false)
}
