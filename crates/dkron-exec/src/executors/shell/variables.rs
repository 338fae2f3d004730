//! The environment of a shell job: `A=1,B=2`, or a JSON object for values that hold commas.

use serde_json::Value;

/// Names and values in order.
pub fn read(value: &str) -> Result<Vec<(String, String)>, String> {
    if value.trim_start().starts_with('{') {
        return read_object(value);
    }
    // COMPAT(dkron): parts without `=` set nothing and are no error.
    let pairs = value.split(',').filter_map(|part| part.split_once('='));
    Ok(pairs
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

fn read_object(value: &str) -> Result<Vec<(String, String)>, String> {
    let fix = "write `env` as {\"NAME\": \"value\"} or NAME=value,NAME=value";
    let object: serde_json::Map<String, Value> = serde_json::from_str(value)
        .map_err(|err| format!("shell: `env` is no JSON object: {err} ({fix})"))?;
    let mut pairs = Vec::with_capacity(object.len());
    for (name, value) in object {
        if name.is_empty() || name.contains('=') {
            return Err(format!("shell: `env` has an invalid name \"{name}\" ({fix})"));
        }
        let value = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(format!("shell: `env` value of \"{name}\" is no text ({fix})")),
        };
        pairs.push((name, value));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &[(&str, &str)]) {
        let pairs = read(value).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, expected, "{value}");
    }

    #[test]
    fn reads_both_forms() {
        check("", &[]);
        check("A=1,B=two words", &[("A", "1"), ("B", "two words")]);
        check("A=x=y,,B,=z", &[("A", "x=y")]);
        check(r#" {"A": "1,2", "B": 3, "C": true}"#, &[("A", "1,2"), ("B", "3"), ("C", "true")]);
    }

    #[test]
    fn names_what_is_wrong() {
        for value in [r#"{"A": }"#, r#"{"A=B": "1"}"#, r#"{"A": null}"#] {
            assert!(read(value).unwrap_err().contains("`env`"), "{value}");
        }
    }
}
