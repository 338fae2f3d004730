//! The four sources on top of each other: for each option the strongest one that names it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::file::File;
use super::flags::{self, FILE_ONLY, FLAGS, Flag, Kind};
use super::{Error, values};

/// Where a value came from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag,
    Env,
    File(String),
    Default,
}

/// A value before it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    Text(String),
    List(Vec<String>),
}

/// All sources, already read.
#[derive(Debug, Default)]
pub struct Layers {
    /// From the command line: each option with all its texts in order.
    pub flags: BTreeMap<String, Vec<String>>,
    /// The environment, whole.
    pub env: BTreeMap<String, String>,
    pub file: File,
}

impl Layers {
    /// The sources of a process: `flags` from its command line, the rest from where it runs.
    pub fn read(
        flags: BTreeMap<String, Vec<String>>,
        env: BTreeMap<String, String>,
    ) -> Result<Layers, Error> {
        let named = flags.get("config").and_then(|texts| texts.last()).cloned();
        let named = named.or_else(|| env.get("DKRON_CONFIG").cloned()).filter(|p| !p.is_empty());
        let file = File::find(named.as_deref(), env.get("HOME").map(String::as_str))?;
        Ok(Layers { flags, env, file })
    }

    /// The strongest value of an option and where it stands.
    pub fn get(&self, name: &str) -> Result<(Raw, Origin), Error> {
        let flag = flags::find(name).ok_or_else(|| Error::new(format!("no option `{name}`")))?;
        if let Some(texts) = self.flags.get(name) {
            return Ok((from_flags(flag, texts)?, Origin::Flag));
        }
        if let Some(text) = self.env.get(&flag.env()).filter(|text| !text.is_empty()) {
            return Ok((from_env(flag, text)?, Origin::Env));
        }
        if let Some(value) = self.file.get(name) {
            let raw = from_file(flag, value, &self.file.name)?;
            return Ok((raw, Origin::File(self.file.name.clone())));
        }
        let default = match flag.kind {
            Kind::List => Raw::List(Vec::new()),
            _ => Raw::Text(flag.default.to_owned()),
        };
        Ok((default, Origin::Default))
    }

    pub fn text(&self, name: &str) -> Result<String, Error> {
        match self.get(name)?.0 {
            Raw::Text(text) => Ok(text),
            Raw::List(list) => Ok(list.join(",")),
        }
    }

    pub fn list(&self, name: &str) -> Result<Vec<String>, Error> {
        match self.get(name)?.0 {
            Raw::Text(text) => Ok(vec![text]),
            Raw::List(list) => Ok(list),
        }
    }

    pub fn boolean(&self, name: &str) -> Result<bool, Error> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Ok(false);
        }
        values::boolean(&text)
            .ok_or_else(|| Error::new(format!("{name}: `{text}` is not true or false")))
    }

    pub fn int(&self, name: &str) -> Result<i64, Error> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Ok(0);
        }
        text.trim().parse().map_err(|_| Error::new(format!("{name}: `{text}` is not a number")))
    }

    /// A number between two others, both included.
    pub fn int_in(&self, name: &str, least: i64, most: i64) -> Result<i64, Error> {
        let number = self.int(name)?;
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        Err(Error::new(format!("{name}: {number} is out of range, use {least} to {most}")))
    }

    /// Options, and keys that only a file holds, whose values are others in `newer`.
    pub fn differences(&self, newer: &Layers) -> Vec<&'static str> {
        let value = |layers: &Layers, name: &str| layers.get(name).ok().map(|(raw, _)| raw);
        let differs = |name: &&str| value(self, name) != value(newer, name);
        let options = FLAGS.iter().map(|flag| flag.name).filter(differs);
        let in_file = |name: &&str| self.file.get(name) != newer.file.get(name);
        options.chain(FILE_ONLY.iter().copied().filter(in_file)).collect()
    }

    /// Options that some source sets to something else than the default.
    pub fn changed(&self) -> Result<Vec<&'static Flag>, Error> {
        let mut changed = Vec::new();
        for flag in FLAGS {
            let (raw, origin) = self.get(flag.name)?;
            let same = match &raw {
                Raw::Text(text) => text == flag.default || zero(flag, text),
                Raw::List(list) => list.is_empty(),
            };
            if origin != Origin::Default && !same {
                changed.push(flag);
            }
        }
        Ok(changed)
    }
}

/// `false` and `0` are the unwritten defaults of flags without one.
fn zero(flag: &Flag, text: &str) -> bool {
    flag.default.is_empty()
        && (text.is_empty()
            || match flag.kind {
                Kind::Bool => values::boolean(text) == Some(false),
                Kind::Int | Kind::Uint16 => text == "0",
                _ => false,
            })
}

fn from_flags(flag: &Flag, texts: &[String]) -> Result<Raw, Error> {
    if flag.kind != Kind::List {
        return Ok(Raw::Text(texts.last().cloned().unwrap_or_default()));
    }
    let mut items = Vec::new();
    for text in texts {
        items.extend(values::list(text).map_err(|err| named(flag, err))?);
    }
    Ok(Raw::List(items))
}

/// Tags in the environment are separated by white space, other lists by commas.
fn from_env(flag: &Flag, text: &str) -> Result<Raw, Error> {
    Ok(match flag.kind {
        Kind::List if flag.name == "tag" => {
            Raw::List(text.split_whitespace().map(str::to_owned).collect())
        }
        Kind::List => Raw::List(values::list(text).map_err(|err| named(flag, err))?),
        _ => Raw::Text(text.to_owned()),
    })
}

fn from_file(flag: &Flag, value: &Value, file: &str) -> Result<Raw, Error> {
    let wrong =
        |wanted: &str| Error::new(format!("{file}: `{}` wants {wanted}, not {value}", flag.name));
    if flag.kind == Kind::List {
        return match value {
            Value::Null => Ok(Raw::List(Vec::new())),
            Value::Array(items) => {
                let texts = items.iter().map(|item| scalar(item).ok_or_else(|| wrong("texts")));
                Ok(Raw::List(texts.collect::<Result<_, _>>()?))
            }
            other => {
                let text = scalar(other).ok_or_else(|| wrong("a list of texts"))?;
                Ok(Raw::List(values::list(&text).map_err(|err| named(flag, err))?))
            }
        };
    }
    match value {
        Value::Null => Ok(Raw::Text(flag.default.to_owned())),
        other => scalar(other).map(Raw::Text).ok_or_else(|| wrong("a single value")),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn named(flag: &Flag, text: String) -> Error {
    Error::new(format!("{}: {text}", flag.name))
}
