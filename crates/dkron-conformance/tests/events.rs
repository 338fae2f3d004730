//! What happens is told as it happens, with ids that are the same on every server: who read at one
//! goes on at another.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use dkron_conformance::cluster::Cluster;
use dkron_conformance::events::{Event, Events};
use dkron_conformance::http::{Request, send};
use dkron_conformance::server::{Server, binary};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(30);

fn put(url: &str, name: &str, more: serde_json::Value) {
    let mut job = json!({ "name": name, "schedule": "@manually", "executor": "noop" });
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let got = send(url, &Request::json("POST", "/v1/jobs", &job), PATIENCE).unwrap();
    assert_eq!(got.status, 201, "{}", got.text());
}

fn post(url: &str, path: &str) {
    let got = send(url, &Request::new("POST", path), PATIENCE).unwrap();
    assert!(got.status < 300, "{path}: {}", got.text());
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

fn about(job: &'static str, name: &'static str) -> impl Fn(&Event) -> bool {
    move |event| event.name == name && event.data["job"] == job
}

#[test]
fn the_life_of_a_job_is_told() {
    let server = Server::start(&binary().unwrap(), &["--dev"]).unwrap();
    let url = &server.url;
    let mut events = Events::open(url, "/v1/events?job=a").unwrap();
    let first = events.next_event().unwrap();
    assert_eq!(
        (first.name.as_str(), first.data[0]["statusText"].as_str()),
        ("members", Some("alive"))
    );
    put(url, "b", json!({}));
    put(url, "a", json!({}));
    put(url, "a", json!({ "owner": "ann" }));
    post(url, "/v1/jobs/a/run?wait=30s");
    post(url, "/v1/jobs/a/toggle");
    send(url, &Request::new("DELETE", "/v1/jobs/a"), PATIENCE).unwrap();
    let told = events.until(about("a", "job.deleted")).unwrap();
    let wanted = [
        "job.created",
        "job.changed",
        "execution.fired",
        "execution.ended",
        "job.changed",
        "job.deleted",
    ];
    assert_eq!(names(&told), wanted);
    assert_eq!(told[1].data["version"], 2);
    let (fired, ended) = (&told[2].data, &told[3].data);
    assert_eq!(fired["cause"], "manual");
    assert_eq!(fired["executions"][0]["id"], ended["id"]);
    assert_eq!((&ended["state"], &ended["success"]), (&json!("success"), &json!(true)));
    // From any place on; of some names only.
    let after = format!("/v1/events?after={}&kind=job.changed,job.deleted", told[1].id);
    let mut again = Events::open(url, &after).unwrap();
    let again = again.until(about("a", "job.deleted")).unwrap();
    assert_eq!(names(&again), ["members", "job.changed", "job.deleted"]);
    assert_eq!(again[1..], told[4..]);
    // Counts instead of events.
    let summary = format!("/v1/events?after={}&view=summary", first.id);
    let mut summary = Events::open(url, &summary).unwrap();
    let summed = summary.until(|event| event.name == "summary").unwrap();
    let counts = &summed.last().unwrap().data;
    assert_eq!((&counts["jobs"], &counts["success"]), (&json!(5), &json!(1)), "{counts}");
    for (query, said) in [("after=x", "after: "), ("kind=x", "kind: "), ("view=x", "view: ")] {
        let got =
            send(url, &Request::new("GET", &format!("/v1/events?{query}")), PATIENCE).unwrap();
        assert!(got.status == 400 && got.text().starts_with(said), "{query}: {}", got.text());
    }
    // A place of another history is ahead of this one.
    let mut strange = Events::open(url, "/v1/events?after=999999999:1").unwrap();
    let reset = strange.until(|event| event.name == "reset").unwrap();
    assert_eq!(names(&reset), ["members", "reset"]);
}

#[test]
fn every_server_tells_the_same_and_any_goes_on_for_another() {
    let cluster = Cluster::start(&binary().unwrap(), 0).unwrap();
    let urls: Vec<&str> = cluster.servers.iter().map(|server| server.url.as_str()).collect();
    let mut events = Events::open(urls[0], "/v1/events").unwrap();
    let begin = events.next_event().unwrap().id;
    put(urls[1], "a", json!({ "tags": { "kind": "server:2" } }));
    for url in &urls {
        post(url, "/v1/jobs/a/run?wait=30s");
    }
    put(urls[2], "z", json!({}));
    let all = events.until(about("z", "job.created")).unwrap();
    let ended = all.iter().filter(|event| event.name == "execution.ended").count();
    assert_eq!(ended, 6, "{:?}", names(&all));
    for url in &urls {
        let mut own = Events::open(url, &format!("/v1/events?after={begin}")).unwrap();
        let own = own.until(about("z", "job.created")).unwrap();
        assert_eq!(own[1..], all, "{url}");
    }
    let half = &all[all.len() / 2];
    let mut rest = Events::open(urls[2], &format!("/v1/events?after={}", half.id)).unwrap();
    let rest = rest.until(about("z", "job.created")).unwrap();
    assert_eq!(rest[1..], all[all.len() / 2 + 1..]);
}
