//! A value that goes along with a closure, as bytes.

use crate::driver::Driver;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::execution::TaskContext;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

pub(crate) fn to_argument<K: Serialize>(_driver: &Arc<Driver>, value: &K) -> Result<Arc<[u8]>> {
    match postcard::to_stdvec(value) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => plan_err!("the value given by .with() cannot be serialised: {error}"),
    }
}

pub(crate) async fn from_argument<K: DeserializeOwned>(argument: &[u8], _context: &TaskContext) -> Result<K> {
    match postcard::from_bytes(argument) {
        Ok(value) => Ok(value),
        Err(error) => exec_err!("the value given by .with() cannot be read: {error}"),
    }
}
