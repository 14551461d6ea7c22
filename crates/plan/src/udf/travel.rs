//! Functions over closures in a stage's bytes, beside their names: everything that they are.

use super::{Argument, ClosureAggregate, ClosureScalar, Declared};
use crate::codec::{decode_schema, encode_schema, malformed};
use crate::functions::FunctionRef;
use arrow::datatypes::{Field, Schema};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, Volatility};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Stands before what we write, where other functions have at most [another byte](crate::known_functions).
const CLOSURE: u8 = 2;

#[derive(Serialize, Deserialize)]
struct Wire {
    function: FunctionRef,
    /// The arguments, and what the function gives.
    schema: Vec<u8>,
    volatile: bool,
    zero: Option<Vec<u8>>,
}

fn encode(declared: &Declared, zero: Option<&[u8]>, buf: &mut Vec<u8>) -> Result<()> {
    let arguments = declared.arguments.iter();
    let arguments = arguments.map(|argument| Field::new("", argument.data_type.clone(), argument.takes_null));
    let fields: Vec<_> = arguments.chain([Field::new("", declared.returns.clone(), true)]).collect();
    let wire = Wire {
        function: declared.function.clone(),
        schema: encode_schema(&Arc::new(Schema::new(fields)))?,
        volatile: declared.volatility() == Volatility::Volatile,
        zero: zero.map(<[u8]>::to_vec),
    };
    buf.push(CLOSURE);
    buf.extend(postcard::to_stdvec(&wire).map_err(malformed)?);
    Ok(())
}

fn decode(name: &str, buf: &[u8]) -> Result<Option<(Declared, Option<Vec<u8>>)>> {
    let Some((&CLOSURE, bytes)) = buf.split_first() else { return Ok(None) };
    let wire: Wire = postcard::from_bytes(bytes).map_err(malformed)?;
    let schema = decode_schema(&wire.schema)?;
    let Some((returns, arguments)) = schema.fields().split_last() else {
        return internal_err!("the function {name} gives nothing");
    };
    let arguments = arguments
        .iter()
        .map(|field| Argument { data_type: field.data_type().clone(), takes_null: field.is_nullable() })
        .collect();
    let volatility = if wire.volatile { Volatility::Volatile } else { Volatility::Immutable };
    Ok(Some((Declared::new(name, wire.function, arguments, returns.data_type().clone(), volatility), wire.zero)))
}

/// Writes a function over a closure; another is left to others.
pub(crate) fn encode_scalar(function: &ScalarUDF, buf: &mut Vec<u8>) -> Result<bool> {
    let Some(closure) = function.inner().downcast_ref::<ClosureScalar>() else { return Ok(false) };
    encode(closure.declared(), None, buf)?;
    Ok(true)
}

/// Reads what [`encode_scalar`] wrote.
pub(crate) fn decode_scalar(name: &str, buf: &[u8]) -> Result<Option<Arc<ScalarUDF>>> {
    let decoded = decode(name, buf)?;
    Ok(decoded.map(|(declared, _)| Arc::new(ScalarUDF::new_from_impl(ClosureScalar::new(declared)))))
}

/// Writes a function over closures; another is left to others.
pub(crate) fn encode_aggregate(function: &AggregateUDF, buf: &mut Vec<u8>) -> Result<bool> {
    let Some(closure) = function.inner().downcast_ref::<ClosureAggregate>() else { return Ok(false) };
    encode(closure.declared(), Some(closure.zero()), buf)?;
    Ok(true)
}

/// Reads what [`encode_aggregate`] wrote.
pub(crate) fn decode_aggregate(name: &str, buf: &[u8]) -> Result<Option<Arc<AggregateUDF>>> {
    let Some((declared, zero)) = decode(name, buf)? else { return Ok(None) };
    let closure = ClosureAggregate::new(declared, zero.unwrap_or_default().into());
    Ok(Some(Arc::new(AggregateUDF::new_from_impl(closure))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udf::{AggregateCall, GroupStates, ScalarCall, aggregate_ref, scalar_ref};
    use arrow::array::ArrayRef;
    use arrow::datatypes::DataType;
    use datafusion::common::not_impl_err;

    fn scalar(call: &ScalarCall<'_>) -> Result<ArrayRef> {
        Ok(Arc::clone(&call.columns[0]))
    }

    fn aggregate(_: &AggregateCall<'_>) -> Result<Box<dyn GroupStates>> {
        not_impl_err!("a test has no states")
    }

    fn declared(function: FunctionRef, volatility: Volatility) -> Declared {
        let list = DataType::new_list(DataType::Utf8, true);
        let arguments = [(DataType::Int64, false), (list.clone(), true)];
        let arguments = arguments.map(|(data_type, takes_null)| Argument { data_type, takes_null });
        Declared::new("Mine", function, arguments.to_vec(), list, volatility)
    }

    #[test]
    fn functions_come_back_as_they_are() {
        for volatility in [Volatility::Immutable, Volatility::Volatile] {
            let mine = ScalarUDF::new_from_impl(ClosureScalar::new(declared(scalar_ref(scalar, "s"), volatility)));
            let mut buf = vec![];
            assert!(encode_scalar(&mine, &mut buf).unwrap());
            assert_eq!(decode_scalar("Mine", &buf).unwrap().as_deref(), Some(&mine));

            let declared = declared(aggregate_ref(aggregate, "a"), volatility);
            let mine = AggregateUDF::new_from_impl(ClosureAggregate::new(declared, Arc::from([1, 2])));
            let mut buf = vec![];
            assert!(encode_aggregate(&mine, &mut buf).unwrap());
            assert_eq!(decode_aggregate("Mine", &buf).unwrap().as_deref(), Some(&mine));
        }
    }

    #[test]
    fn others_are_left_to_others() {
        assert_eq!(decode_scalar("abs", &[]).unwrap(), None);
        assert_eq!(decode_scalar("to_timestamp", &[1]).unwrap(), None);
    }
}
