//! The form of a sequence.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::Word;

impl<T: Word> Word for Vec<T> {
    type Form<'a> = List<'a, T>;

    fn form(&self) -> List<'_, T> {
        List::Seen(self)
    }

    fn word(form: List<'_, T>) -> Vec<T> {
        match form {
            List::Seen(words) => words.iter().map(|word| T::word(word.form())).collect(),
            List::Read(words) => words,
        }
    }
}

/// A sequence: written from where it stands, read straight into words.
pub(crate) enum List<'a, T> {
    Seen(&'a [T]),
    Read(Vec<T>),
}

impl<T: Word> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words = match self {
            List::Seen(words) => words,
            List::Read(words) => words.as_slice(),
        };
        serializer.collect_seq(words.iter().map(T::form))
    }
}

impl<'de: 'a, 'a, T: Word> Deserialize<'de> for List<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Reader(PhantomData)).map(List::Read)
    }
}

struct Reader<T>(PhantomData<T>);

/// LIMIT: elements that room is made for before they are seen.
const TRUSTED: usize = 16;

impl<'de, T: Word> Visitor<'de> for Reader<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut words = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(TRUSTED));
        while let Some(form) = seq.next_element::<T::Form<'de>>()? {
            words.push(T::word(form));
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::Error;
    use serde::de::{DeserializeSeed, IntoDeserializer};

    use super::*;

    /// Claims any number of elements and has one.
    struct Liar(Option<u64>);

    impl<'de> SeqAccess<'de> for Liar {
        type Error = Error;

        fn next_element_seed<S: DeserializeSeed<'de>>(
            &mut self,
            seed: S,
        ) -> Result<Option<S::Value>, Error> {
            let next = self.0.take();
            next.map(|number| seed.deserialize(number.into_deserializer())).transpose()
        }

        fn size_hint(&self) -> Option<usize> {
            Some(usize::MAX)
        }
    }

    #[test]
    fn a_claimed_length_gets_no_room() {
        let words = Reader::<u64>(PhantomData).visit_seq(Liar(Some(7))).unwrap();
        assert_eq!(words, [7]);
        assert!(words.capacity() <= TRUSTED);
    }
}
