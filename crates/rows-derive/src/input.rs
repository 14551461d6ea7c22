//! What is read of the struct and its `#[row(…)]`, and what is refused.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Error, Fields, GenericParam, LitStr, Path, Result, Type, Visibility};

/// A struct that can be a row.
pub(crate) struct Input {
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    /// Where the rows' crate is found.
    pub(crate) rows: Path,
    pub(crate) key: bool,
    pub(crate) fields: Vec<Field>,
}

/// A field and its column.
pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    pub(crate) ty: Type,
    pub(crate) column: String,
    /// The comments above it.
    pub(crate) docs: Vec<Attribute>,
}

impl Input {
    /// Errors: what cannot be a row, each with what to do instead.
    pub(crate) fn of(input: &DeriveInput) -> Result<Self> {
        let fields = match &input.data {
            Data::Struct(data) => &data.fields,
            Data::Enum(data) => {
                let text = "#[derive(Row)] is for structs, since a column has one type: keep an enum as a number or a \
                            String, or make a struct with an Option for each variant";
                return Err(Error::new(data.enum_token.span, text));
            }
            Data::Union(data) => {
                let text = "#[derive(Row)] is for structs: a union's columns are not known";
                return Err(Error::new(data.union_token.span, text));
            }
        };
        if let Some(parameter) = input.generics.params.first() {
            return Err(Error::new_spanned(parameter, generic(parameter, &input.ident)));
        }
        let named = match fields {
            Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
            Fields::Unnamed(fields) if !fields.unnamed.is_empty() => {
                let text = "columns are named as the fields of a struct: give the fields names, or use a tuple, whose \
                            columns are named _1, _2, …";
                return Err(Error::new_spanned(fields, text));
            }
            _ => {
                return Err(Error::new_spanned(&input.ident, "a row has at least one column: give the struct a field"));
            }
        };
        let mut known: Vec<Field> = Vec::with_capacity(named.len());
        for field in named {
            let field = Field::of(field)?;
            if known.iter().any(|other| other.column == field.column) {
                let text = format!("there is a column `{}` already: rename one of them", field.column);
                return Err(Error::new(field.name.span(), text));
            }
            known.push(field);
        }
        let (key, rows) = of_struct(&input.attrs)?;
        let rows = rows.unwrap_or_else(|| syn::parse_quote!(::dpark::rows));
        Ok(Self { name: input.ident.clone(), vis: input.vis.clone(), rows, key, fields: known })
    }
}

impl Field {
    fn of(field: &syn::Field) -> Result<Self> {
        let Some(name) = field.ident.clone() else {
            return Err(Error::new_spanned(field, "give the field a name"));
        };
        let mut column = name.unraw().to_string();
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("row")) {
            attribute.parse_nested_meta(|meta| {
                if !meta.path.is_ident("rename") {
                    return Err(meta.error("a field may have #[row(rename = \"…\")], nothing else"));
                }
                column = meta.value()?.parse::<LitStr>()?.value();
                Ok(())
            })?;
        }
        let docs = field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect();
        Ok(Self { name, vis: field.vis.clone(), ty: field.ty.clone(), column, docs })
    }
}

/// Whether the struct is a key, and where the rows' crate is said to be.
fn of_struct(attributes: &[Attribute]) -> Result<(bool, Option<Path>)> {
    let (mut key, mut rows) = (false, None);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("row")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("key") {
                key = true;
            } else if meta.path.is_ident("crate") {
                rows = Some(meta.value()?.parse::<LitStr>()?.parse_with(Path::parse_mod_style)?);
            } else {
                return Err(meta.error("a struct may have #[row(key)] and #[row(crate = \"…\")], nothing else"));
            }
            Ok(())
        })?;
    }
    Ok((key, rows))
}

/// Why a struct with that parameter is no row.
fn generic(parameter: &GenericParam, name: &Ident) -> String {
    match parameter {
        GenericParam::Lifetime(_) => format!(
            "a row owns its values: use String for &str, Bytes for &[u8] and Vec for slices (closures are given a \
             {name}View<'_>, which borrows)"
        ),
        _ => "a row's columns are of known types: make a struct for each type, or use a tuple".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;

    fn refused(code: &str) -> String {
        Input::of(&syn::parse_str(code).unwrap()).err().unwrap().to_string()
    }

    #[test]
    fn what_cannot_be_a_row_is_refused_with_a_way_out() {
        assert!(refused("enum A { B }").contains("an Option for each variant"));
        assert!(refused("union A { b: u8 }").contains("is for structs"));
        assert!(refused("struct A(i64);").contains("give the fields names"));
        assert!(refused("struct A;").contains("give the struct a field"));
        assert!(refused("struct A {}").contains("give the struct a field"));
        assert!(refused("struct A<'a> { b: &'a str }").contains("use String for &str"));
        assert!(refused("struct A<'a> { b: &'a str }").contains("AView<'_>"));
        assert!(refused("struct A<T> { b: T }").contains("a struct for each type"));
        assert!(refused("struct A<const N: usize> { b: [u8; N] }").contains("a struct for each type"));
        assert!(refused("struct A { b: u8, #[row(rename = \"b\")] c: u8 }").contains("a column `b` already"));
        assert!(refused("struct A { #[row(key)] b: u8 }").contains("rename"));
        assert!(refused("#[row(rename = \"x\")] struct A { b: u8 }").contains("#[row(key)]"));
    }

    #[test]
    fn attributes_and_raw_names_are_read() {
        let code = "#[row(key, crate = \"a::b\")] pub struct A { r#type: u8, #[row(rename = \"x y\")] c: u8 }";
        let input = Input::of(&syn::parse_str(code).unwrap()).unwrap();
        assert!(input.key);
        assert_eq!(input.rows.to_token_stream().to_string(), "a :: b");
        assert_eq!(input.fields.iter().map(|field| field.column.as_str()).collect::<Vec<_>>(), ["type", "x y"]);
        let plain = Input::of(&syn::parse_str("struct A { b: u8 }").unwrap()).unwrap();
        assert!(!plain.key);
        assert_eq!(plain.rows.to_token_stream().to_string(), ":: dpark :: rows");
    }
}
