//! What differs between two definitions, field by field.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// One field, by its path: `executor_config.command`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    pub path: String,
    pub old: Option<Value>,
    pub new: Option<Value>,
}

/// In the order of their paths.
pub fn diff(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Change> {
    let (old, new) = (flat(old), flat(new));
    let paths: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |path: &String| Change {
        path: path.clone(),
        old: old.get(path).cloned(),
        new: new.get(path).cloned(),
    };
    paths.into_iter().map(change).filter(|change| change.old != change.new).collect()
}

fn flat(fields: &Map<String, Value>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (key, value) in fields {
        match value {
            Value::Object(inner) => {
                found.extend(flat(inner).into_iter().map(|(rest, v)| (format!("{key}.{rest}"), v)));
            }
            // Off and none are what a field is that nobody mentions.
            Value::Bool(false) => {}
            Value::Number(number) if number.as_u64() == Some(0) => {}
            value => {
                found.insert(key.clone(), value.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_by_their_paths() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let old = map(json!({"a": 1, "m": {"x": "1", "y": "2"}, "off": false, "n": 0}));
        let new = map(json!({"a": 1, "m": {"x": "1", "y": "3"}, "b": "new"}));
        let found = diff(&old, &new);
        let paths: Vec<&str> = found.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["b", "m.y"]);
        assert_eq!((found[0].old.as_ref(), found[0].new.as_ref()), (None, Some(&json!("new"))));
        assert!(diff(&old, &old).is_empty());
    }
}
