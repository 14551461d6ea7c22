//! What `#[derive(Row)]` makes.

#![deny(warnings, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, reason = "a test")]

use arrow::datatypes::DataType;
use dpark_rows::batch::batches_of;
use dpark_rows::{BatchBuilder, Row, Rows, schema_of};
use std::fmt::Debug;

/// What users may see of a library.
pub mod library {
    use dpark_rows::Row;

    /// Of the library only.
    #[derive(Row, Clone)]
    #[row(crate = "dpark_rows")]
    struct Inner {
        n: i64,
    }

    /// A public struct with private parts.
    #[derive(Row, Clone)]
    #[row(key, crate = "dpark_rows")]
    pub struct Name {
        /// The first.
        pub first: String,
        /// A word of the language.
        pub(crate) r#type: Option<(String, [u8; 2])>,
        #[row(rename = "last name")]
        last: Vec<String>,
    }

    /// Has columns of a private type.
    #[derive(Row, Clone)]
    #[row(crate = "dpark_rows")]
    pub struct Outer {
        inner: Inner,
        names: Vec<Name>,
    }

    /// A name.
    pub fn name() -> Name {
        Name { first: "A".into(), r#type: Some(("b".into(), [1, 2])), last: vec!["C".into()] }
    }

    /// A struct of structs.
    pub fn outer() -> Outer {
        Outer { inner: Inner { n: 5 }, names: vec![name()] }
    }

    impl OuterView<'_> {
        /// Views have methods too.
        pub fn n(self) -> i64 {
            self.inner.n + self.names.into_iter().map(|name| name.last.len() as i64).sum::<i64>()
        }
    }
}

use library::{Name, NameView, Outer, name, outer};

#[derive(Row, Debug, PartialEq, Clone, Copy)]
#[row(crate = "dpark_rows")]
struct Numbers {
    a: i64,
    b: f64,
}

#[test]
fn columns_are_named_as_the_fields() {
    let schema = schema_of::<Name>();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["first", "type", "last name"]);
    assert_eq!(schema.fields().iter().map(|field| field.is_nullable()).collect::<Vec<_>>(), [false, true, false]);
    assert!(matches!(Outer::data_type(), DataType::Struct(fields) if fields.len() == 2));
}

#[test]
fn a_struct_a_reference_and_a_view_can_be_given() {
    let mut builder = BatchBuilder::<Name>::new(schema_of::<Name>(), 10);
    let value = name();
    builder.push(&value);
    builder.push(value.as_view());
    builder.push(Name::owned(value.as_view()));
    builder.push(value);
    let batch = builder.take_all().unwrap().remove(0);
    let views: Vec<NameView<'_>> = Rows::<Name>::of(&batch).unwrap().collect();
    assert_eq!(views.len(), 4);
    assert!(views.iter().all(|view| view.first == "A" && view.r#type == Some(("b", [1, 2]))));
    let shown = "NameView { first: \"A\", type: Some((\"b\", [1, 2])), last: [\"C\"] }";
    assert!(views.iter().all(|view| format!("{view:?}") == shown));
}

#[test]
fn private_parts_and_methods_of_views() {
    let batch = batches_of(&[outer()], 1).unwrap().remove(0);
    assert_eq!(Rows::<Outer>::of(&batch).unwrap().at(0).n(), 6);
}

#[test]
fn views_of_plain_values_can_be_stored() {
    let value = Numbers { a: 1, b: 2.0 };
    let NumbersView { a, b } = value.as_view();
    assert_eq!((a, b, Numbers::owned(value.as_view())), (1, 2.0, value));
}

#[derive(Row)]
#[row(crate = "dpark_rows")]
struct Short {
    name: String,
    pair: (Option<String>, u8),
}

/// Views can be handled alike although their lifetimes differ.
fn longer<'a>(a: ShortView<'a>, b: ShortView<'static>) -> ShortView<'a> {
    if a.name.len() > b.name.len() { a } else { b }
}

#[test]
fn views_are_covariant() {
    let short = Short { name: "ab".into(), pair: (None, 1) };
    let longest = longer(short.as_view(), ShortView { name: "abc", pair: (Some("x"), 2) });
    assert_eq!((longest.name, longest.pair), ("abc", (Some("x"), 2)));
}

macro_rules! wide {
    ($($field:ident)*) => {
        #[derive(Row, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        #[row(key, crate = "dpark_rows")]
        struct Wide { $($field: Option<String>),* }
        impl Wide {
            fn of(text: &str) -> Self {
                Self { $($field: Some(format!("{}{text}", stringify!($field)))),* }
            }
        }
    };
}
wide!(a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd);

#[test]
fn thirty_fields() {
    let values = [Wide::of("x"), Wide::of("y")];
    let batch = batches_of(&values, 10).unwrap().remove(0);
    assert_eq!(batch.num_columns(), 30);
    assert_eq!(Rows::<Wide>::of(&batch).unwrap().map(Wide::owned).collect::<Vec<_>>(), values);
}
