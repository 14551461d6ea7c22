//! What a closure gives where it may fail: a row, or a `Result` of one.

use crate::row::{Emit, Row};
use std::fmt::Display;

/// A row ([`Emit`]), or a `Result` of one whose error can be told.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given as a value of a column",
    label = "a closure gave this",
    note = "give a row (numbers, bool, String, Bytes, dates and times, Option, Vec, arrays and tuples of those), or a Result \
            of a row whose error implements Display"
)]
pub trait Outcome {
    /// The row.
    type Row: Row;
    /// Adds the value to the columns, or says in words why there is none.
    fn emit_or_tell(self, builder: &mut <Self::Row as Row>::Builder) -> Result<(), String>;
}

impl<E: Emit> Outcome for E {
    type Row = E::Row;
    #[inline]
    fn emit_or_tell(self, builder: &mut <E::Row as Row>::Builder) -> Result<(), String> {
        self.emit(builder);
        Ok(())
    }
}

impl<T: Emit, E: Display> Outcome for Result<T, E> {
    type Row = T::Row;
    #[inline]
    fn emit_or_tell(self, builder: &mut <T::Row as Row>::Builder) -> Result<(), String> {
        match self {
            Ok(value) => {
                value.emit(builder);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
