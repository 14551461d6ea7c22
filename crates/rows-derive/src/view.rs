//! The types of a view's fields.
//!
//! `<T as Row>::View<'a>` would do for all of them, but a struct with such a field is invariant: two views with
//! different lifetimes could not be handled alike, as `&str`s are. So types that are known by name are written out,
//! which reads better in documentation too.

use crate::input::Input;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, Path, PathArguments, Type};

const PLAIN: [&str; 13] =
    ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool", "usize", "isize"];

/// The types of a view's fields, at least one of which has the lifetime `'a`.
pub(crate) fn types(input: &Input) -> Vec<TokenStream> {
    let mut types: Vec<_> = input.fields.iter().map(|field| of(&field.ty, &input.rows)).collect();
    if types.iter().all(|(_, borrows)| !borrows) {
        // A lifetime must be used by some field.
        if let (Some(first), Some(field)) = (types.first_mut(), input.fields.first()) {
            *first = (any(&field.ty, &input.rows), true);
        }
    }
    types.into_iter().map(|(ty, _)| ty).collect()
}

fn any(ty: &Type, rows: &Path) -> TokenStream {
    quote_spanned!(ty.span()=> <#ty as #rows::Row>::View<'a>)
}

/// The type of a view, and whether it has the lifetime.
fn of(ty: &Type, rows: &Path) -> (TokenStream, bool) {
    match ty {
        Type::Path(path) if path.qself.is_none() => match one(&path.path) {
            Some((name, None)) if PLAIN.contains(&name.as_str()) => (quote!(#ty), false),
            Some((name, None)) if name == "String" => (quote!(&'a ::core::primitive::str), true),
            Some((name, Some(inner))) if name == "Option" => {
                let (inner, borrows) = of(inner, rows);
                (quote!(::core::option::Option<#inner>), borrows)
            }
            _ => (any(ty, rows), true),
        },
        Type::Tuple(tuple) if !tuple.elems.is_empty() => {
            let (types, borrow): (Vec<_>, Vec<_>) = tuple.elems.iter().map(|ty| of(ty, rows)).unzip();
            (quote!((#(#types,)*)), borrow.contains(&true))
        }
        Type::Array(array) => {
            let (inner, borrows) = of(&array.elem, rows);
            let length = &array.len;
            (quote!([#inner; #length]), borrows)
        }
        _ => (any(ty, rows), true),
    }
}

/// The name and the argument of a path of one segment with at most one argument.
fn one(path: &Path) -> Option<(String, Option<&Type>)> {
    let segment = path.segments.first().filter(|_| path.segments.len() == 1 && path.leading_colon.is_none())?;
    let inner = match &segment.arguments {
        PathArguments::None => None,
        PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => match arguments.args.first() {
            Some(GenericArgument::Type(ty)) => Some(ty),
            _ => return None,
        },
        _ => return None,
    };
    Some((segment.ident.to_string(), inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(code: &str) -> String {
        of(&syn::parse_str(code).unwrap(), &syn::parse_quote!(r)).0.to_string().replace(' ', "")
    }

    #[test]
    fn known_types_are_written_out() {
        assert_eq!(view("i64"), "i64");
        assert_eq!(view("Option<(String, u8)>"), "::core::option::Option<(&'a::core::primitive::str,u8,)>");
        assert_eq!(view("[f32; 3]"), "[f32;3]");
        assert_eq!(view("Vec<u8>"), "<Vec<u8>asr::Row>::View<'a>");
        assert_eq!(view("my::String"), "<my::Stringasr::Row>::View<'a>");
    }
}
