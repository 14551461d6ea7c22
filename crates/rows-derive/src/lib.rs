//! `#[derive(Row)]` of the crate `dpark-rows`: a struct as a row of Arrow columns.
//!
//! | room | what lives there |
//! |---|---|
//! | `input` | what is read of the struct and its `#[row(…)]`, and what is refused |
//! | `view` | the types of a view's fields |
//! | `expand` | the code that is made |

mod expand;
mod input;
mod view;

use proc_macro::TokenStream;

/// Makes a struct with named fields a row: each field is a column of its name.
///
/// ```text
/// #[derive(Row)]
/// #[row(key)]
/// struct Visit {
///     user: String,
///     #[row(rename = "count")]
///     n: i64,
/// }
/// ```
///
/// Beside the struct stands its view, which borrows from the columns and is what closures are given:
///
/// ```text
/// #[derive(Clone, Copy)]
/// struct VisitView<'a> {
///     user: &'a str,
///     n: i64,
/// }
/// ```
///
/// Closures may give a `Visit`, a `&Visit` or a `VisitView`.
///
/// | on | | |
/// |---|---|---|
/// | a field | `#[row(rename = "x")]` | the column's name, instead of the field's |
/// | the struct | `#[row(key)]` | it can be a key: equality and order are those of its fields, in their order |
/// | the struct | `#[row(crate = "path")]` | where the crate `dpark-rows` is found, instead of `::dpark::rows` |
///
/// Enums, tuple structs and generic structs are refused, and the error says what to do instead.
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    match input::Input::of(&input) {
        Ok(input) => expand::expand(&input).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
