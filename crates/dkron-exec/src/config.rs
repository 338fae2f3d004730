//! Reading values of a configuration map, in which everything is text.

use std::collections::BTreeMap;

/// A configuration map as a job carries it.
pub type ConfigMap = BTreeMap<String, String>;

/// The value of a key; an absent key reads as empty.
#[must_use]
pub fn text<'a>(config: &'a ConfigMap, key: &str) -> &'a str {
    config.get(key).map_or("", String::as_str)
}

/// A boolean in Go's notation, or nothing if the text is no boolean.
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A boolean key; absent and unreadable values are false.
// COMPAT(dkron): a value such as `yes` counts as false and is not reported.
#[must_use]
pub fn flag(config: &ConfigMap, key: &str) -> bool {
    parse_bool(text(config, key)).unwrap_or(false)
}
