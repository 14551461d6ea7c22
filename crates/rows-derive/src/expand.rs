//! The code that is made: the view, and what makes struct and view rows.
//!
//! Reader and builder are structs too, not tuples: they may have any number of fields, and a public struct may have
//! private fields of private types. They live in a nameless constant, out of the way of the user's names.

use crate::input::Input;
use crate::view;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

/// All that is made for a struct.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let name = input.name.unraw();
    let names = Names {
        view: format_ident!("{name}View", span = input.name.span()),
        reader: format_ident!("__{name}Reader"),
        builder: format_ident!("__{name}Builder"),
    };
    let view = view_struct(input, &names);
    let (helpers, row, emits, key) = (helpers(input, &names), row(input, &names), emits(input, &names), key(input));
    quote! {
        #view
        #[allow(
            deprecated, non_camel_case_types, non_snake_case, missing_docs, unreachable_pub, unused_qualifications,
            clippy::all, clippy::pedantic
        )]
        const _: () = { #helpers #row #emits #key };
    }
}

/// Each field's type as what it must be, at the place of the field: there an error is shown if it is not.
fn casts(input: &Input, what: &str) -> Vec<TokenStream> {
    let (rows, what) = (&input.rows, format_ident!("{what}"));
    let cast = |ty: &syn::Type| quote_spanned!(ty.span()=> <#ty as #rows::#what>);
    input.fields.iter().map(|field| cast(&field.ty)).collect()
}

struct Names {
    view: Ident,
    reader: Ident,
    builder: Ident,
}

fn view_struct(input: &Input, names: &Names) -> TokenStream {
    let (vis, view) = (&input.vis, &names.view);
    let doc = format!("A [`{}`] as it stands in the columns of a data set.", input.name.unraw());
    let types = view::types(input);
    let fields = input.fields.iter().zip(types).map(|(field, ty)| {
        let (docs, vis, name) = (&field.docs, &field.vis, &field.name);
        quote!(#(#docs)* #vis #name: #ty)
    });
    quote! {
        #[doc = #doc]
        #[allow(missing_docs, non_camel_case_types, non_snake_case, unreachable_pub, clippy::all, clippy::pedantic)]
        #vis struct #view<'a> { #(#fields,)* }
    }
}

/// The reader and the builder, and what they and the view derive.
fn helpers(input: &Input, Names { view, reader, builder }: &Names) -> TokenStream {
    let vis = &input.vis;
    let fields: Vec<_> = input.fields.iter().map(|field| &field.name).collect();
    let casts = casts(input, "Row");
    let view_name = view.to_string();
    let labels = fields.iter().map(|field| field.unraw().to_string());
    quote! {
        #[doc(hidden)]
        #vis struct #reader<'a> { #(#fields: #casts::Reader<'a>,)* }
        #[doc(hidden)]
        #vis struct #builder { #(#fields: #casts::Builder,)* }

        #[automatically_derived]
        impl ::core::clone::Clone for #reader<'_> {
            #[inline]
            fn clone(&self) -> Self { *self }
        }
        #[automatically_derived]
        impl ::core::marker::Copy for #reader<'_> {}
        #[automatically_derived]
        impl ::core::default::Default for #builder {
            fn default() -> Self {
                Self { #(#fields: ::core::default::Default::default(),)* }
            }
        }
        #[automatically_derived]
        impl ::core::clone::Clone for #view<'_> {
            #[inline]
            fn clone(&self) -> Self { *self }
        }
        #[automatically_derived]
        impl ::core::marker::Copy for #view<'_> {}
        #[automatically_derived]
        impl<'a> ::core::fmt::Debug for #view<'a>
        where
            #(#casts::View<'a>: ::core::fmt::Debug,)*
        {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let mut shown = f.debug_struct(#view_name);
                #(shown.field(#labels, &self.#fields as &dyn ::core::fmt::Debug);)*
                shown.finish()
            }
        }
    }
}

fn row(input: &Input, Names { view, reader, builder }: &Names) -> TokenStream {
    let (name, rows) = (&input.name, &input.rows);
    let (fields, types): (Vec<_>, Vec<_>) = input.fields.iter().map(|field| (&field.name, &field.ty)).unzip();
    let casts = casts(input, "Row");
    let columns = input.fields.iter().map(|field| &field.column);
    let index: Vec<usize> = (0..fields.len()).collect();
    let support = quote!(#rows::support);
    let nulls = quote!(::core::option::Option<#support::NullBuffer>);
    let parents = quote!(::core::option::Option<&#support::NullBuffer>);
    let result = quote!(::core::result::Result<Self::Reader<'a>, #rows::Mismatch>);
    quote! {
        #[automatically_derived]
        impl #rows::Row for #name {
            type View<'a> = #view<'a>;
            type Reader<'a> = #reader<'a>;
            type Builder = #builder;

            fn data_type() -> #support::DataType {
                #support::DataType::Struct(#support::fields::<Self>())
            }
            fn columns() -> ::core::option::Option<#support::Fields> {
                ::core::option::Option::Some(#support::named(::std::vec![#(
                    (#columns, #casts::data_type(), #casts::NULLABLE),
                )*]))
            }
            fn reader<'a>(array: &'a #support::ArrayRef, parents: #parents) -> #result {
                let columns = #support::Columns::of_struct(array, parents, #support::fields::<Self>())?;
                ::core::result::Result::Ok(#reader { #(#fields: columns.reader::<#types>(#index)?,)* })
            }
            fn reader_of<'a>(columns: &'a [#support::ArrayRef]) -> #result {
                let columns = #support::Columns::of_batch(columns, #support::fields::<Self>())?;
                ::core::result::Result::Ok(#reader { #(#fields: columns.reader::<#types>(#index)?,)* })
            }
            #[inline]
            fn view<'a>(reader: &Self::Reader<'a>, row: ::core::primitive::usize) -> Self::View<'a> {
                #view { #(#fields: #casts::view(&reader.#fields, row),)* }
            }
            fn owned(view: Self::View<'_>) -> Self {
                Self { #(#fields: #casts::owned(view.#fields),)* }
            }
            #[inline]
            fn as_view(&self) -> Self::View<'_> {
                #view { #(#fields: #casts::as_view(&self.#fields),)* }
            }
            fn emit_default(builder: &mut Self::Builder) {
                #(#casts::emit_default(&mut builder.#fields);)*
            }
            fn finish(builder: &mut Self::Builder, nulls: #nulls) -> #support::ArrayRef {
                #support::finish_struct::<Self>(builder, nulls)
            }
            fn finish_columns(builder: &mut Self::Builder) -> ::std::vec::Vec<#support::ArrayRef> {
                ::std::vec![#(
                    #casts::finish(&mut builder.#fields, ::core::option::Option::None),
                )*]
            }
            #[inline]
            fn size(builder: &Self::Builder) -> ::core::primitive::usize {
                0usize #(.saturating_add(#casts::size(&builder.#fields)))*
            }
        }
    }
}

fn emits(input: &Input, Names { view, builder, .. }: &Names) -> TokenStream {
    let (name, rows) = (&input.name, &input.rows);
    let fields: Vec<_> = input.fields.iter().map(|field| &field.name).collect();
    let casts = casts(input, "Row");
    quote! {
        #[automatically_derived]
        impl #rows::Emit for #name {
            type Row = #name;
            #[inline]
            fn emit(self, builder: &mut #builder) {
                #(#rows::Emit::emit(self.#fields, &mut builder.#fields);)*
            }
        }
        #[automatically_derived]
        impl #rows::Emit for #view<'_> {
            type Row = #name;
            #[inline]
            fn emit(self, builder: &mut #builder) {
                #(#rows::Emit::emit(self.#fields, &mut builder.#fields);)*
            }
        }
        #[automatically_derived]
        impl #rows::Emit for &#name {
            type Row = #name;
            #[inline]
            fn emit(self, builder: &mut #builder) {
                #(#rows::Emit::emit(#casts::as_view(&self.#fields), &mut builder.#fields);)*
            }
        }
    }
}

fn key(input: &Input) -> Option<TokenStream> {
    let (name, rows) = (&input.name, &input.rows);
    let fields: Vec<_> = input.fields.iter().map(|field| &field.name).collect();
    let casts = casts(input, "Key");
    input.key.then(|| {
        quote! {
            #[automatically_derived]
            impl #rows::Key for #name {
                #[inline]
                fn same(a: Self::View<'_>, b: Self::View<'_>) -> ::core::primitive::bool {
                    true #(&& #casts::same(a.#fields, b.#fields))*
                }
                fn order(a: Self::View<'_>, b: Self::View<'_>) -> ::core::cmp::Ordering {
                    ::core::cmp::Ordering::Equal
                        #(.then_with(|| #casts::order(a.#fields, b.#fields)))*
                }
                #[inline]
                fn hash<__H: ::core::hash::Hasher>(view: Self::View<'_>, state: &mut __H) {
                    #(#casts::hash(view.#fields, state);)*
                }
            }
        }
    })
}
