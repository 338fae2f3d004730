//! What a plan means: when new or moved jobs fire next, and on which nodes jobs would run now.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::plan::{Action, Item, Plan};
use crate::cli::remote::{Remote, query};
use crate::cli::show::clock;

/// Jobs whose outlook is worked out; a plan of more is not read line by line.
const SHOWN: usize = 50;
const INSTANTS: &str = "3";
/// Names of nodes that are listed.
const NODES: usize = 4;

/// A server that can not answer leaves an outlook open; nothing depends on it.
pub fn add(remote: &Remote, plan: &mut Plan) {
    let members = remote.client.get("/v1/members").and_then(|answer| answer.json());
    let members = members.ok();
    let changed = |item: &&mut Item| matches!(item.action, Action::Create | Action::Update);
    for item in plan.items.iter_mut().filter(changed).take(SHOWN) {
        let moved = |path: &str| item.changes.iter().any(|change| change.path == path);
        let is_new = item.action == Action::Create;
        if is_new || ["schedule", "timezone", "dst"].into_iter().any(moved) {
            item.next = next(remote, &item.job).unwrap_or_default();
        }
        if is_new || item.changes.iter().any(|change| change.path.starts_with("tags")) {
            item.targets = members.as_ref().map(|members| targets(members, &item.job));
        }
    }
}

fn next(remote: &Remote, job: &Map<String, Value>) -> Option<Vec<String>> {
    let said = |key: &str| job.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if said("parent_job").is_some() {
        return None;
    }
    let asked = query(&[
        ("schedule", said("schedule")),
        ("timezone", said("timezone")),
        ("dst", said("dst")),
        ("job", said("name")),
        ("n", Some(INSTANTS)),
    ]);
    let preview = remote.client.get(format!("/v1/schedule/preview{asked}")).ok()?.json().ok()?;
    // Instants are texts, or objects that have one.
    let text = |one: &Value| match &one["at"] {
        Value::Null => clock(one),
        at => clock(at),
    };
    Some(preview["next"].as_array()?.iter().map(text).collect())
}

/// Names of live members whose tags match; of a limited number some of them.
fn targets(members: &Value, job: &Map<String, Value>) -> String {
    let tags = job.get("tags").and_then(Value::as_object);
    let mut limit: Option<usize> = None;
    let mut wanted = BTreeMap::new();
    for (key, text) in tags.into_iter().flatten() {
        let text = text.as_str().unwrap_or("");
        let parts: Vec<&str> = text.split(':').collect();
        if let [_, count] = parts.as_slice() {
            let count = count.parse().unwrap_or(0);
            limit = Some(limit.map_or(count, |least| least.min(count)));
        }
        wanted.insert(key, parts.first().copied().unwrap_or(""));
    }
    let live = members.as_array().into_iter().flatten().filter(|one| one["Status"] == 1);
    let fits = |one: &&Value| wanted.iter().all(|(key, value)| one["Tags"][key.as_str()] == *value);
    let names: Vec<&str> = live.filter(fits).filter_map(|one| one["Name"].as_str()).collect();
    let listed = names.iter().take(NODES).copied().collect::<Vec<_>>().join(", ");
    let more = match names.len().saturating_sub(NODES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match (names.len(), limit) {
        (0, _) => "no node has its tags now".to_owned(),
        (many, Some(limit)) if limit < many => format!("{limit} of {listed}{more}"),
        _ => format!("{listed}{more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nodes_of_a_job() {
        let node = |name: &str, role: &str, status: u8| {
            let tags = json!({ "role": role });
            json!({"Name": name, "Status": status, "Tags": tags})
        };
        let members = json!([node("a", "web", 1), node("b", "web", 1), node("c", "db", 4)]);
        let of = |tags: Value| {
            let job = json!({ "tags": tags });
            targets(&members, job.as_object().unwrap())
        };
        assert_eq!(of(json!({})), "a, b");
        assert_eq!(of(json!({"role": "web:1"})), "1 of a, b");
        assert_eq!(of(json!({"role": "web:5"})), "a, b");
        assert_eq!(of(json!({"role": "db"})), "no node has its tags now");
    }
}
