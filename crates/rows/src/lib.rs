//! Rust values as rows of Arrow columns: read as borrowed views, written into column builders.
//!
//! ```text
//!  columns ──Row::reader──► Reader ──Row::view(i)──► View<'_> (&str, i64, tuples of them) ──► the user's closure
//!                                                                                                   │
//!  columns ◄──Row::finish── Builder ◄───────────────────Emit::emit──────────────────────────── what it gives
//! ```
//!
//! A row costs no allocation that the closure does not make itself.
//!
//! | Rust | Arrow | view |
//! |---|---|---|
//! | `i8 … i64`, `u8 … u64`, `f32`, `f64`, `bool` | the same | itself |
//! | `usize`, `isize` | `UInt64`, `Int64` | itself |
//! | `String` | `Utf8` | `&str` |
//! | `bytes::Bytes` | `Binary` | `&[u8]` |
//! | `chrono::NaiveDate` | `Date32` | itself |
//! | `chrono::NaiveDateTime`, `chrono::DateTime<Utc>` | `Timestamp(µs)`, with time zone UTC | itself |
//! | `Option<T>` | `T` with NULLs | `Option` of `T`'s |
//! | `Vec<T>` | `List` | [`List`] |
//! | `[T; N]` | `FixedSizeList` | array of `T`'s |
//! | tuples | `Struct` of `_1`, `_2`, … | tuple of views |
//! | a struct with `#[derive(Row)]` | `Struct` of its fields | a struct of views |
//!
//! The outermost struct of a data set is its columns; everything else stands in one column `_1`. Columns are found by
//! their names for structs, by their places for tuples.
//!
//! Times are cut to microseconds when written, and compared so as keys. Dates and times that `chrono` cannot hold (more
//! than 262,000 years away) are read as the nearest it can.
//!
//! | room | what lives there |
//! |---|---|
//! | [`row`] | the traits [`Row`], [`Emit`], [`Key`] |
//! | `primitive`, `text`, `time`, `option`, `list`, `array`, `tuple` | what implements them |
//! | `support` | columns side by side, for tuples and for the code that `#[derive(Row)]` makes |
//! | [`batch`] | whole record batches as rows and back |
//! | [`check`], [`mod@coerce`] | whether columns fit a type and what differs; what may be cast unasked |
//! | `outcome` | what a closure gives where it may fail |

mod array;
pub mod batch;
pub mod check;
pub mod coerce;
mod list;
mod option;
mod outcome;
mod primitive;
#[cfg(doctest)]
mod refused;
pub mod row;
#[doc(hidden)]
pub mod support;
mod text;
mod time;
mod tuple;

pub use {bytes, chrono};

pub use batch::{BatchBuilder, Rows, schema_of};
pub use check::Mismatch;
pub use dpark_rows_derive::Row;
pub use list::List;
pub use option::Nullable;
pub use outcome::Outcome;
pub use row::{Emit, Key, Row};
