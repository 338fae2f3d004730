//! Forms of plain values, and of what holds one word or none.

use std::sync::Arc;

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::Word;

macro_rules! plain {
    ($($ty:ty),*) => {$(
        impl Word for $ty {
            type Form<'a> = $ty;

            fn form(&self) -> $ty {
                *self
            }

            fn word(form: $ty) -> $ty {
                form
            }
        }
    )*};
}

plain!(bool, u32, u64, i32, [u8; 16], [u8; 32]);

impl Word for String {
    type Form<'a> = &'a str;

    fn form(&self) -> &str {
        self
    }

    fn word(form: &str) -> String {
        form.to_owned()
    }
}

impl Word for Arc<[u8]> {
    type Form<'a> = Bytes<'a>;

    fn form(&self) -> Bytes<'_> {
        Bytes(self)
    }

    fn word(form: Bytes<'_>) -> Arc<[u8]> {
        Arc::from(form.0)
    }
}

/// Bytes in one piece: a plain slice would be visited byte by byte.
pub(crate) struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a [u8]>::deserialize(deserializer).map(Bytes)
    }
}

impl<T: Word> Word for Option<T> {
    type Form<'a> = Option<T::Form<'a>>;

    fn form(&self) -> Option<T::Form<'_>> {
        self.as_ref().map(T::form)
    }

    fn word(form: Option<T::Form<'_>>) -> Option<T> {
        form.map(T::word)
    }
}

impl<T: Word> Word for Box<T> {
    type Form<'a> = T::Form<'a>;

    fn form(&self) -> T::Form<'_> {
        T::form(self)
    }

    fn word(form: T::Form<'_>) -> Box<T> {
        Box::new(T::word(form))
    }
}

impl<T: Word> Word for Arc<T> {
    type Form<'a> = T::Form<'a>;

    fn form(&self) -> T::Form<'_> {
        T::form(self)
    }

    fn word(form: T::Form<'_>) -> Arc<T> {
        Arc::new(T::word(form))
    }
}

impl<A: Word, B: Word> Word for (A, B) {
    type Form<'a> = (A::Form<'a>, B::Form<'a>);

    fn form(&self) -> Self::Form<'_> {
        (self.0.form(), self.1.form())
    }

    fn word((a, b): Self::Form<'_>) -> (A, B) {
        (A::word(a), B::word(b))
    }
}

impl<A: Word, B: Word, C: Word> Word for (A, B, C) {
    type Form<'a> = (A::Form<'a>, B::Form<'a>, C::Form<'a>);

    fn form(&self) -> Self::Form<'_> {
        (self.0.form(), self.1.form(), self.2.form())
    }

    fn word((a, b, c): Self::Form<'_>) -> (A, B, C) {
        (A::word(a), B::word(b), C::word(c))
    }
}
