use serde_json::json;

use super::*;

fn names() -> Names {
    let pairs = [("echo_url", "http://127.0.0.1:999"), ("node", "host")];
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn answer(status: u16, body: Value) -> Answer {
    Answer { status, headers: BTreeMap::new(), text: body.to_string(), body }
}

fn want(text: &str) -> Want {
    serde_json::from_str(text).unwrap()
}

#[track_caller]
fn differs(want: Value, got: Value, problem: Option<&str>) {
    assert_eq!(difference(&want, &got, "").as_deref(), problem);
}

#[test]
fn extra_keys_are_allowed_and_missing_ones_are_named() {
    differs(json!({"a": 1}), json!({"a": 1, "b": 2}), None);
    differs(json!({"a": {"c": null}}), json!({"a": {}}), Some("/a/c: missing"));
    differs(json!({}), json!([]), Some("/: wanted an object, got []"));
}

#[test]
fn lists_have_the_same_length() {
    differs(json!([1]), json!([1]), None);
    differs(json!([1]), json!([1, 2]), Some("/: wanted 1 items, got [1, 2]"));
    differs(json!({"a": [{"b": 1}]}), json!({"a": [{"b": 2}]}), Some("/a/0/b: wanted 1, got 2"));
}

#[test]
fn kinds_of_values_are_not_confused() {
    differs(json!(1), json!(1.0), None);
    differs(json!(1), json!(true), Some("/: wanted 1, got true"));
    differs(json!(null), json!(0), Some("/: wanted null, got 0"));
    differs(json!("1"), json!(1), Some("/: wanted \"1\", got 1"));
}

#[test]
fn rules_fit() {
    differs(json!("<any>"), json!(null), None);
    differs(json!("<time>"), json!("2026-01-02T03:04:05.123456789Z"), None);
    differs(json!("<at 2030-01-01T00:00:00+02:00>"), json!("2029-12-31T22:00:00Z"), None);
    differs(json!(r"<match 20\d\d-12-31T23:00:00Z>"), json!("2029-12-31T23:00:00Z"), None);
    differs(json!("<id>"), json!("anything"), None);
    let year_one = json!("0001-01-01T00:00:00Z");
    assert!(difference(&json!("<time>"), &year_one, "").is_some());
    differs(year_one.clone(), year_one, None);
    assert!(difference(&json!("<match a>"), &json!("aa"), "").is_some());
    assert!(difference(&json!("<id>"), &json!(""), "").is_some());
}

#[test]
fn what_differs_from_run_to_run_is_named() {
    let got = answer(
        200,
        json!({
            "group": 17_000_000_000_000_000_000_u64,
            "id": "1700000000000000000-host",
            "member": "0190163d-8694-739b-aea5-966c26f8ad91",
            "node_name": "host",
            "output": "called http://127.0.0.1:999/x of 1700000000000000000-host",
            "at": "2026-01-02T03:04:05Z",
            "list": ["host", "hosts"],
        }),
    );
    let plain = got.plain(&names()).body;
    let wanted = json!({
        "group": "<group>", "id": "<execution>", "member": "<id>", "node_name": "<node>",
        "output": "called <echo>/x of <execution>", "at": "2026-01-02T03:04:05Z",
        "list": ["<node>", "hosts"],
    });
    assert_eq!(plain, wanted);
}

#[test]
fn pointers_lead_through_lists_and_objects() {
    let value = json!([{"a": [1, 2]}]);
    assert_eq!(pointer(&value, "/0/a/1"), Some(&json!(2)));
    assert_eq!(pointer(&value, ""), Some(&value));
    assert_eq!(pointer(&value, "/0/b"), None);
    assert_eq!(pointer(&value, "/x"), None);
}

#[test]
fn headers_compare_without_case_and_blanks() {
    let mut got = answer(200, json!(null));
    got.headers.insert("content-type".into(), "Application/JSON;charset=utf-8".into());
    got.headers.insert("location".into(), "/v1/jobs/%C3%9F".into());
    let same = r#"{"status": 200, "headers":
        {"content-type": "application/json; charset=utf-8", "location": "/v1/jobs/ß"}}"#;
    assert_eq!(check(&want(same), &got), None);
    let other = want(r#"{"status": 200, "headers": {"x-total-count": "3"}}"#);
    assert!(check(&other, &got).is_some_and(|p| p.starts_with("header x-total-count")));
}

#[test]
fn parts_of_body_and_text_are_found() {
    let got = answer(400, json!("bad schedule"));
    assert_eq!(check(&want(r#"{"status": [400, 404], "contains": ["schedule"]}"#), &got), None);
    assert!(check(&want(r#"{"status": 400, "contains": ["zone"]}"#), &got).is_some());
    assert!(check(&want(r#"{"status": 400, "text": ["zone"]}"#), &got).is_some());
    assert!(check(&want(r#"{"status": 200}"#), &got).is_some());
    assert!(check(&want(r#"{"status": 400, "body": null}"#), &got).is_some());
}
