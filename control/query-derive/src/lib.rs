//! Derives `FromQuery` for request types.
//!
//! Each named field is a parameter: its name in pascal case, or what `#[query(name = "...")]` says. A field marked
//! `#[query(flatten)]` reads its own parameters from the same level, as `Filter`, `MaxResults` and `NextToken` of the
//! Describe calls. Parameters that no field reads are refused.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, LitStr, parse_macro_input};

/// Derives `FromQuery` for a struct with named fields.
#[proc_macro_derive(FromQuery, attributes(query))]
pub fn derive_from_query(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

struct Parameter<'a> {
    field: &'a Field,
    ident: &'a Ident,
    name: String,
    flatten: bool,
    keep_empty: bool,
}

fn expand(input: &DeriveInput) -> Result<proc_macro2::TokenStream, Error> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(
            input,
            "FromQuery is derived for structs",
        ));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(input, "FromQuery needs named fields"));
    };
    let parameters = fields
        .named
        .iter()
        .map(parameter)
        .collect::<Result<Vec<_>, _>>()?;
    let reads = parameters.iter().map(
        |Parameter {
             field,
             ident,
             name,
             flatten,
             keep_empty,
         }| {
            let ty = &field.ty;
            if *flatten {
                quote! { #ident: <#ty as ::eni_query::FromQuery>::read_flattened(node, path)? }
            } else if *keep_empty {
                quote! { #ident: ::eni_query::QueryNode::read_child_keeping_empty::<#ty>(node, path, #name)? }
            } else {
                quote! { #ident: ::eni_query::QueryNode::read_child::<#ty>(node, path, #name)? }
            }
        },
    );
    let own: Vec<_> = parameters
        .iter()
        .filter(|parameter| !parameter.flatten)
        .map(|parameter| &parameter.name)
        .collect();
    let flattened = parameters
        .iter()
        .filter(|parameter| parameter.flatten)
        .map(|parameter| &parameter.field.ty);
    let ident = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::eni_query::FromQuery for #ident #ty_generics #where_clause {
            fn from_query(
                node: ::core::option::Option<&::eni_query::QueryNode>,
                path: &str,
            ) -> ::core::result::Result<Self, ::eni_query::QueryError> {
                ::eni_query::QueryNode::check_names(node, path, <Self as ::eni_query::FromQuery>::knows)?;
                <Self as ::eni_query::FromQuery>::read_flattened(node, path)
            }

            fn read_flattened(
                node: ::core::option::Option<&::eni_query::QueryNode>,
                path: &str,
            ) -> ::core::result::Result<Self, ::eni_query::QueryError> {
                ::core::result::Result::Ok(Self { #(#reads,)* })
            }

            fn knows(name: &str) -> bool {
                <[&str]>::contains(&[#(#own),*], &name) #(|| <#flattened as ::eni_query::FromQuery>::knows(name))*
            }
        }
    })
}

fn parameter(field: &Field) -> Result<Parameter<'_>, Error> {
    let ident = field
        .ident
        .as_ref()
        .ok_or_else(|| Error::new_spanned(field, "FromQuery needs named fields"))?;
    let mut name = pascal_case(&ident.to_string());
    let (mut flatten, mut keep_empty) = (false, false);
    for attribute in field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("query"))
    {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                name = meta.value()?.parse::<LitStr>()?.value();
            } else if meta.path.is_ident("flatten") {
                flatten = true;
            } else if meta.path.is_ident("keep_empty") {
                keep_empty = true;
            } else {
                return Err(meta.error("expected `name = \"...\"`, `flatten` or `keep_empty`"));
            }
            Ok(())
        })?;
    }
    Ok(Parameter {
        field,
        ident,
        name,
        flatten,
        keep_empty,
    })
}

/// `private_ip_address` to `PrivateIpAddress`.
fn pascal_case(name: &str) -> String {
    name.trim_start_matches("r#")
        .split('_')
        .flat_map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<Vec<_>>()
        })
        .collect()
}
