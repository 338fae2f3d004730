use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::listen::{Call, Listener, Reply};

fn until(text: &str) -> Until {
    serde_json::from_str(text).unwrap()
}

fn ask(text: &str) -> Ask {
    serde_json::from_str(text).unwrap()
}

#[test]
fn waiting_ends_when_its_condition_holds() {
    let length = until(r#"{"at": "", "length": 2}"#);
    assert!(met(&length, Some(&json!([1, 2]))));
    assert!(!met(&length, Some(&json!([1]))));
    assert!(!met(&length, None));
    let differs = until(r#"{"at": "", "differs": "a"}"#);
    assert!(met(&differs, Some(&json!("b"))));
    assert!(!met(&differs, Some(&json!("a"))));
    assert!(!met(&differs, None));
    let equals = until(r#"{"at": "", "equals": 1}"#);
    assert!(met(&equals, Some(&json!(1))));
    assert!(!met(&equals, None));
}

#[test]
fn bodies_are_built_as_they_were_recorded() {
    let names = Names::from([("echo_url".to_owned(), "http://e".to_owned())]);
    let file = request(&ask(r#"{"method": "POST", "path": "/r", "file": "[]"}"#), &names);
    let wanted = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.json\"\r\n\r\n\
                  []\r\n--b--\r\n";
    assert_eq!(file.body.unwrap(), wanted.as_bytes());
    let json = ask(r#"{"method": "POST", "path": "/ß", "json": {"u": "${echo_url}/${x}"}}"#);
    let json = request(&json, &names);
    assert_eq!(json.target, "/%C3%9F");
    assert_eq!(json.body.unwrap(), br#"{"u":"http://e/${x}"}"#);
    let null = request(&ask(r#"{"method": "POST", "path": "/", "json": null}"#), &names);
    assert_eq!(null.body.unwrap(), b"null");
}

/// A server that knows one job, and whose list is complete at the third question.
fn fake(calls: &AtomicUsize, call: &Call) -> Reply {
    let (status, body) = match (call.method.as_str(), call.target.as_str()) {
        ("GET", "/v1/leader") => (200, json!({"Name": "host"}).to_string()),
        ("GET", "/v1/jobs/a/executions") => {
            let list = vec![json!({"id": "1700000000000000000-host", "node_name": "host"})];
            let ready = calls.fetch_add(1, Ordering::Relaxed) >= 2;
            (200, json!(if ready { list } else { Vec::new() }).to_string())
        }
        ("GET", "/v1/jobs/a/executions/1700000000000000000-host") => (200, "{\"ok\":true}".into()),
        _ => (404, String::new()),
    };
    Reply { status, body: body.into_bytes() }
}

#[test]
fn a_case_waits_captures_and_reports_what_differs() {
    let calls = AtomicUsize::new(0);
    let server = Listener::start(move |call| Some(fake(&calls, &call))).unwrap();
    let steps = r#"[
        {"request": {"method": "GET", "path": "/v1/jobs/a/executions"},
         "until": {"at": "", "length": 1, "timeout": 20},
         "capture": {"id": "/0/id"},
         "recorded": {"status": 200, "body": [{"id": "<execution>", "node_name": "<node>"}]}},
        {"request": {"method": "GET", "path": "/v1/jobs/a/executions/${id}"},
         "recorded": {"status": 404}, "expect": {"status": 200, "body": {"ok": true}}},
        {"request": {"method": "GET", "path": "/nope"}},
        {"request": {"method": "GET", "path": "/nope"}, "expect": {"status": 200}}
    ]"#;
    let case = Case {
        name: "t/one".into(),
        about: String::new(),
        verdict: "fix".into(),
        quirk: None,
        steps: serde_json::from_str(steps).unwrap(),
    };
    let names = names(&server.url, "http://e").unwrap();
    let failures: Vec<_> =
        run_case(&server.url, &case, &names).iter().map(ToString::to_string).collect();
    assert_eq!(failures, ["FAIL t/one [fix] step 3 GET /nope: status: wanted 200, got 404 \"\""]);
}

#[test]
fn the_cases_of_the_repository_are_read_whole() {
    let options = Options::new("http://127.0.0.1:1");
    let cases = case::load(&options.dir).unwrap();
    assert_eq!(cases.len(), 215);
    let groups = groups::split(&cases.iter().collect::<Vec<_>>());
    let grouped: usize = groups.together.iter().map(Vec::len).sum();
    assert_eq!(grouped + groups.alone.len(), 215);
    let widest = groups.together.iter().map(Vec::len).max();
    assert!(widest <= Some(40), "one group holds {widest:?} cases: they would run in a row");
}
