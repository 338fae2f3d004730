//! The forms of maps: written from where they stand, read entry by entry.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use dkron_core::domain::TextMap;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::Word;

impl<V: Word> Word for BTreeMap<String, V> {
    type Form<'a> = Map<'a, V>;

    fn form(&self) -> Map<'_, V> {
        Map::Seen(self)
    }

    fn word(form: Map<'_, V>) -> Self {
        match form {
            Map::Seen(map) => {
                map.iter().map(|(key, value)| (key.clone(), V::word(value.form()))).collect()
            }
            Map::Read(map) => map,
        }
    }
}

/// A map from texts to words.
pub(crate) enum Map<'a, V> {
    Seen(&'a BTreeMap<String, V>),
    Read(BTreeMap<String, V>),
}

impl<V: Word> Serialize for Map<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = match self {
            Map::Seen(map) => map,
            Map::Read(map) => map,
        };
        serializer.collect_map(map.iter().map(|(key, value)| (key.as_str(), value.form())))
    }
}

impl<'de: 'a, 'a, V: Word> Deserialize<'de> for Map<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = deserializer.deserialize_map(Reader::<V>(PhantomData))?;
        Ok(Map::Read(entries.into_iter().collect()))
    }
}

impl Word for TextMap {
    type Form<'a> = Texts<'a>;

    fn form(&self) -> Texts<'_> {
        Texts::Seen(self)
    }

    fn word(form: Texts<'_>) -> Self {
        match form {
            Texts::Seen(map) => map.clone(),
            Texts::Read(map) => map,
        }
    }
}

/// A map from texts to texts.
pub(crate) enum Texts<'a> {
    Seen(&'a TextMap),
    Read(TextMap),
}

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = match self {
            Texts::Seen(map) => map,
            Texts::Read(map) => map,
        };
        serializer.collect_map(map.iter())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = deserializer.deserialize_map(Reader::<String>(PhantomData))?;
        Ok(Texts::Read(entries.into_iter().collect()))
    }
}

struct Reader<V>(PhantomData<V>);

impl<'de, V: Word> Visitor<'de> for Reader<V> {
    type Value = Vec<(String, V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    /// A claimed length gets no room: entries make it as they come.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, form)) = map.next_entry::<&str, V::Form<'de>>()? {
            entries.push((key.to_owned(), V::word(form)));
        }
        Ok(entries)
    }
}
