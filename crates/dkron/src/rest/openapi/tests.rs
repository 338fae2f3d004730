use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::{described, document};
use crate::rest::decode;
use crate::rest::json::encode;
use crate::rest::route::{Enabled, Route, TABLE};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/openapi.json");
const ALL: Enabled = Enabled { ui: true, metrics: true };

/// Method, path and operation.
fn operations() -> impl Iterator<Item = (String, &'static String, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, op)| (method.to_uppercase(), path, op))
    })
}

#[test]
fn the_file_is_what_the_code_says() {
    let mut text = String::from_utf8(encode(document(), true)).unwrap();
    text.push('\n');
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    let kept = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        kept == text,
        "docs/api/openapi.json is old: UPDATE_EXPECT=1 cargo test -p dkron openapi"
    );
}

#[test]
fn what_is_described_is_routed_there() {
    for (method, path, op) in operations() {
        let sample = path.replace(['{', '}'], "");
        let method: Method = method.parse().unwrap();
        let route = Route::find(&method, &sample, ALL);
        let route = route.unwrap_or_else(|| panic!("{method} {path} is described and not routed"));
        let id = op["operationId"].as_str().unwrap();
        assert!(described(&route).contains(&id), "{method} {path}: {id} is of another route");
    }
}

#[test]
fn what_is_routed_is_described() {
    let ids: Vec<&str> =
        operations().map(|(_, _, op)| op["operationId"].as_str().unwrap()).collect();
    let different: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), different.len(), "two operations have one name");
    for (method, path) in TABLE {
        let route = Route::find(&method.parse().unwrap(), path, ALL).unwrap();
        for id in described(&route) {
            assert!(different.contains(id), "{method} {path} should be described as {id}");
        }
    }
}

#[test]
fn every_shape_that_is_named_is_there() {
    fn names<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|inner| names(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| names(inner, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    names(document(), &mut found);
    assert!(found.len() > 10);
    for name in found {
        let at = name.strip_prefix('#').unwrap();
        assert!(document().pointer(at).is_some(), "{name}");
    }
}

/// What the published page promises: names of operations, codes, and fields.
#[test]
fn it_is_more_than_the_published_page() {
    for (id, code) in [
        ("status", "200"),
        ("getJobs", "200"),
        ("createOrUpdateJob", "201"),
        ("showJobByName", "200"),
        ("runJob", "202"),
        ("deleteJob", "200"),
        ("toggleJob", "200"),
        ("getMember", "200"),
        ("getLeader", "200"),
        ("leave", "200"),
        ("listExecutionsByJob", "200"),
        ("showExecutionByID", "200"),
    ] {
        let op = operations().find(|(_, _, op)| op["operationId"] == id).map(|(_, _, op)| op);
        assert!(op.is_some_and(|op| op["responses"][code].is_object()), "{id} {code}");
    }
    let schemas = &document()["components"]["schemas"];
    let has = |shape: &str, fields: &[&str]| {
        for field in fields {
            assert!(schemas[shape]["properties"][field].is_object(), "{shape} has no {field}");
        }
    };
    has("Job", &["name", "displayname", "schedule", "timezone", "owner", "success_count"]);
    has("Job", &["error_count", "last_success", "last_error", "disabled", "tags", "metadata"]);
    has("Job", &["retries", "parent_job", "dependent_jobs", "processors", "concurrency"]);
    has("Job", &["executor", "executor_config", "status", "next"]);
    has("Execution", &["job_name", "started_at", "finished_at", "success", "output", "node_name"]);
    has("Member", &["Name", "Addr", "Port", "Tags", "Status", "ProtocolMin", "ProtocolMax"]);
    has("Member", &["ProtocolCur", "DelegateMin", "DelegateMax", "DelegateCur"]);
}

/// A body with a wrong type in every field: whatever the decoder knows, it refuses.
#[test]
fn the_decoders_know_every_described_field() {
    let schemas = &document()["components"]["schemas"];
    let fields = |shape: &str| schemas[shape]["properties"].as_object().unwrap().clone();
    for field in fields("JobBody").keys() {
        let wrong = json!({ field: [[]] });
        let known = match decode::job(wrong.to_string().as_bytes()) {
            Ok(draft) => draft.wishes.wrong.is_some(),
            Err(_) => true,
        };
        assert!(known, "a job has no {field}");
    }
    let settings: Map<String, Value> = fields("SettingsBody");
    for field in settings.keys() {
        let wrong = json!({ field: [[]] });
        let said = decode::patched_settings(Default::default(), wrong.to_string().as_bytes());
        let said = said.unwrap_err();
        assert!(said.starts_with(field.as_str()) && !said.contains("no such"), "{said}");
    }
}

#[test]
fn the_page_shows_every_operation_and_brings_nothing_from_outside() {
    let page = super::page();
    for (_, _, op) in operations() {
        let id = op["operationId"].as_str().unwrap();
        assert!(page.contains(&format!("<details id=\"{id}\">")), "{id}");
    }
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
}
