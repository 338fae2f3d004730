//! How a word of the ground floor gets its stored form without being copied.
//!
//! A form borrows: to write, it looks into the word; to read, it looks into the bytes, and only
//! the finished word owns anything. A length that the bytes claim is not believed: room grows
//! with the elements that are really there.

mod list;
mod map;
mod plain;

use serde::{Deserialize, Serialize};

/// Something that is stored.
pub(crate) trait Word: Sized + 'static {
    /// What is stored of it: its type fixes the bytes.
    type Form<'a>: Serialize + Deserialize<'a>;

    fn form(&self) -> Self::Form<'_>;
    fn word(form: Self::Form<'_>) -> Self;
}

pub(crate) type FormOf<'a, T> = <T as Word>::Form<'a>;

/// A word whose form is a struct with these fields in this order.
macro_rules! word_struct {
    ($word:ident { $($field:ident: $ty:ty),* $(,)? }) => {
        const _: () = {
            #[derive(serde::Serialize, serde::Deserialize)]
            pub struct Form<'a> {
                $(#[serde(borrow)] $field: $crate::word::FormOf<'a, $ty>,)*
            }

            impl $crate::word::Word for $word {
                type Form<'a> = Form<'a>;

                fn form(&self) -> Form<'_> {
                    let $word { $($field),* } = self;
                    Form { $($field: $crate::word::Word::form($field)),* }
                }

                fn word(form: Form<'_>) -> Self {
                    $word { $($field: <$ty as $crate::word::Word>::word(form.$field)),* }
                }
            }
        };
    };
}

/// A word whose form is an enum with these variants in this order. A variant holds nothing,
/// `(name: Type)` or `{ field: Type }`.
macro_rules! word_enum {
    ($word:ident { $(
        $variant:ident $(($inner:ident: $inner_ty:ty))? $({ $($field:ident: $ty:ty),* })?
    ),* $(,)? }) => {
        const _: () = {
            #[allow(clippy::large_enum_variant, reason = "it lives for one write or read")]
            #[derive(serde::Serialize, serde::Deserialize)]
            pub enum Form<'a> {
                $($variant
                    $((#[serde(borrow)] $crate::word::FormOf<'a, $inner_ty>))?
                    $({ $(#[serde(borrow)] $field: $crate::word::FormOf<'a, $ty>),* })?
                ),*
            }

            impl $crate::word::Word for $word {
                type Form<'a> = Form<'a>;

                fn form(&self) -> Form<'_> {
                    match self {
                        $($word::$variant $(($inner))? $({ $($field),* })? => Form::$variant
                            $(($crate::word::Word::form($inner)))?
                            $({ $($field: $crate::word::Word::form($field)),* })?
                        ),*
                    }
                }

                fn word(form: Form<'_>) -> Self {
                    match form {
                        $(Form::$variant $(($inner))? $({ $($field),* })? => $word::$variant
                            $((<$inner_ty as $crate::word::Word>::word($inner)))?
                            $({ $($field: <$ty as $crate::word::Word>::word($field)),* })?
                        ),*
                    }
                }
            }
        };
    };
}

/// A word that is one of these names, in this order.
macro_rules! word_names {
    ($word:ident { $($variant:ident),* $(,)? }) => {
        const _: () = {
            #[derive(serde::Serialize, serde::Deserialize)]
            pub enum Form {
                $($variant),*
            }

            impl $crate::word::Word for $word {
                type Form<'a> = Form;

                fn form(&self) -> Form {
                    match self {
                        $($word::$variant => Form::$variant),*
                    }
                }

                fn word(form: Form) -> Self {
                    match form {
                        $(Form::$variant => $word::$variant),*
                    }
                }
            }
        };
    };
}

pub(crate) use {word_enum, word_names, word_struct};
