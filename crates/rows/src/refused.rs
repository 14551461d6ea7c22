//! What must not compile, as documentation tests.
//!
//! Floats are no keys:
//! ```compile_fail,E0277
//! fn key<K: dpark_rows::Key>() {}
//! key::<(String, f64)>();
//! ```
//! Integers and texts are:
//! ```
//! fn key<K: dpark_rows::Key>() {}
//! key::<(String, u64)>();
//! ```
//! An `Option` in an `Option` has one NULL for two meanings:
//! ```compile_fail,E0080
//! dpark_rows::schema_of::<Option<Option<i64>>>();
//! ```
//! Arrays have elements:
//! ```compile_fail,E0080
//! dpark_rows::schema_of::<[i64; 0]>();
//! ```
//! Types without columns are refused, in tuples and structs too:
//! ```compile_fail,E0277
//! dpark_rows::schema_of::<(i64, std::time::Instant)>();
//! ```
//! ```compile_fail,E0277
//! #[derive(dpark_rows::Row)]
//! #[row(crate = "dpark_rows")]
//! struct Seen { at: std::time::Instant }
//! ```
//! A struct of which a field is no key:
//! ```compile_fail,E0277
//! #[derive(dpark_rows::Row)]
//! #[row(key, crate = "dpark_rows")]
//! struct Place { x: f64 }
//! ```
//! It can be a row all the same:
//! ```
//! #[derive(dpark_rows::Row)]
//! #[row(crate = "dpark_rows")]
//! struct Place { x: f64 }
//! ```
//! No enums:
//! ```compile_fail
//! #[derive(dpark_rows::Row)]
//! #[row(crate = "dpark_rows")]
//! enum Fruit { Apple, Pear }
//! ```
//! Views cannot outlive their batch:
//! ```compile_fail,E0505
//! let batch = dpark_rows::batch::batches_of(&["a".to_owned()], 1).unwrap().remove(0);
//! let first = dpark_rows::Rows::<String>::of(&batch).unwrap().at(0);
//! drop(batch);
//! first.len();
//! ```
