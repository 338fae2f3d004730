//! A list of the servers that are left, as Dkron's servers read it.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

/// LIMIT: bytes of a list of servers.
const LIST_MAX: u64 = 1 << 20;

/// A server on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id, or the name under which the cluster knows it.
    pub key: String,
    /// `host:port` of its RPC listener; none keeps what the cluster knows.
    pub address: Option<String>,
    pub voter: bool,
}

/// Reads a list as Dkron's servers do: `[{"id": …, "address": …, "non_voter": false}]`.
pub fn read(path: &Path) -> io::Result<Vec<Listed>> {
    let length = fs::metadata(path)?.len();
    if length > LIST_MAX {
        return Err(io::Error::other(format!(
            "it has {length} bytes, at most {LIST_MAX} are read"
        )));
    }
    parse(&fs::read(path)?).map_err(|reason| io::Error::new(io::ErrorKind::InvalidData, reason))
}

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Listed>, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|err| err.to_string())?;
    let Value::Array(servers) = value else { return Err("it must be a list".into()) };
    if servers.is_empty() {
        return Err("it lists no server".into());
    }
    servers.iter().enumerate().map(|(at, server)| listed(at + 1, server)).collect()
}

fn listed(at: usize, server: &Value) -> Result<Listed, String> {
    let Value::Object(fields) = server else { return Err(format!("server {at} is no object")) };
    let wrong = |field: &str| format!("`{field}` of server {at} is missing or of the wrong kind");
    let key = match fields.get("id") {
        Some(Value::String(key)) if !key.is_empty() => key.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err(wrong("id")),
    };
    let address = match fields.get("address") {
        Some(Value::String(address)) if !address.is_empty() => Some(address.clone()),
        Some(_) => return Err(wrong("address")),
        None => None,
    };
    let voter = match fields.get("non_voter") {
        Some(Value::Bool(non_voter)) => !non_voter,
        Some(_) => return Err(wrong("non_voter")),
        None => true,
    };
    Ok(Listed { key, address, voter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_not_understood_is_refused_with_the_reason() {
        let reason = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert_eq!(reason("{}"), "it must be a list");
        assert_eq!(reason("[]"), "it lists no server");
        assert_eq!(reason("[1]"), "server 1 is no object");
        assert!(reason(r#"[{"id": "a"}, {}]"#).contains("`id` of server 2"));
        assert!(reason(r#"[{"id": "a", "address": 1}]"#).contains("`address` of server 1"));
        assert!(reason(r#"[{"id": "a", "non_voter": 1}]"#).contains("`non_voter` of server 1"));
        assert!(reason("[").contains("line 1"));
    }
}
