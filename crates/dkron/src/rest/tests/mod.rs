//! The door in process: requests in, statuses, headers and bodies out.

mod batch;
mod cancel;
mod export;
mod fake;
mod forward;
mod operator;
mod output;
mod scheduling;
mod settings;

use axum::body::to_bytes;
use axum::http::HeaderMap;
use tower::ServiceExt;

use super::*;

struct Client {
    router: Router,
}

struct Got {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).map(|value| value.as_bytes().to_vec());
        String::from_utf8(value.unwrap_or_default()).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

fn client() -> Client {
    client_with(&[])
}

fn client_with(origins: &[&str]) -> Client {
    Client { router: router(app(origins)) }
}

fn app(origins: &[&str]) -> App {
    let http = HttpOptions {
        addr: String::new(),
        ui: true,
        prometheus: false,
        allowed_origins: origins.iter().map(|each| (*each).to_owned()).collect(),
    };
    App {
        service: fake::start(),
        node: "n1".into(),
        http,
        executors: vec!["shell".into()],
        processors: vec!["log".into()],
        metrics: None,
        forward: None,
        encrypted: false,
        command_line: vec!["dkron".into()],
        batches: Default::default(),
    }
}

impl Client {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        let mut request = Request::builder().method(method).uri(path).header("host", "here:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], b"").await
    }

    async fn post(&self, path: &str, body: &str) -> Got {
        self.send("POST", path, &[], body.as_bytes()).await
    }

    /// Creates a job that the fake takes.
    async fn job(&self, name: &str) -> Got {
        let got = self
            .post(
                "/v1/jobs",
                &format!(r#"{{"name":"{name}","schedule":"@manually","executor":"shell"}}"#),
            )
            .await;
        assert_eq!(got.status, 201, "{}", got.body);
        got
    }

    async fn restore(&self, field: &str, file: &str) -> Got {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"f\"\r\n\r\n\
             {file}\r\n--b--\r\n"
        );
        let kind = [("content-type", "multipart/form-data; boundary=b")];
        self.send("POST", "/v1/restore", &kind, body.as_bytes()).await
    }
}

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

#[tokio::test]
async fn unknown_routes_are_a_bare_404() {
    let client = client();
    for (method, path) in [
        ("GET", "/nope"),
        ("GET", "/v1/restore"),
        ("PUT", "/v1/jobs"),
        ("GET", "/metrics"),
        ("OPTIONS", "/v1/jobs"),
        ("BREW", "/v1/jobs"),
    ] {
        let got = client.send(method, path, &[], b"").await;
        assert_eq!((got.status, got.body.as_str()), (404, "404 page not found"), "{path}");
        assert_eq!(got.header("content-type"), "text/plain");
        assert!(!got.headers.contains_key("x-whom"));
    }
    assert_eq!(client.get("/v1/jobs/%zz").await.status, 400);
}

#[tokio::test]
async fn slashes_lead_to_the_other_form() {
    let client = client();
    for (method, path, status, to) in [
        ("GET", "/v1/jobs/", 301, "/v1/jobs"),
        ("GET", "/v1/jobs/?q=a&b", 301, "/v1/jobs?q=a&b"),
        ("POST", "/v1/jobs/", 307, "/v1/jobs"),
        ("GET", "/ui", 301, "/ui/"),
        ("DELETE", "/v1/jobs/x/", 307, "/v1/jobs/x"),
        ("GET", "/v1/jobs/%C3%B1/", 301, "/v1/jobs/%C3%B1"),
    ] {
        let got = client.send(method, path, &[], b"").await;
        assert_eq!((got.status, got.header("location").as_str()), (status, to), "{path}");
        assert!(!got.headers.contains_key("x-whom"));
    }
}

#[tokio::test]
async fn the_body_is_json_whatever_the_content_type() {
    let client = client();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let body = br#"{"name":"a<b","schedule":"@manually"}"#;
    let got = client.send("POST", "/v1/jobs", &kind, body).await;
    assert_eq!(got.body, "Job validation failed: name contains illegal character '<'.");
    assert_eq!((got.status, got.header("content-type").as_str()), (400, TEXT));
    let body = br#"{"name":"a","schedule":"@manually","displayname":"a<b>&c"} trailing"#;
    let got = client.send("POST", "/v1/jobs", &kind, body).await;
    assert_eq!((got.status, got.header("location").as_str()), (201, "/v1/jobs/a"));
    assert_eq!(got.header("content-type"), JSON);
    assert_eq!(got.header("x-whom"), "n1");
    assert!(got.body.contains("a\\u003cb\\u003e\\u0026c"), "{}", got.body);
    let pretty = client.get("/v1/jobs/a?pretty=false").await.body;
    assert!(pretty.starts_with("{\n    \"id\": \"a\",\n    \"name\": \"a\","), "{pretty}");
    let list = client.get("/v1/jobs?pretty").await.body;
    assert!(list.starts_with("[\n    {\n        \"id\": \"a\","), "{list}");
}

#[tokio::test]
async fn payloads_that_are_refused() {
    let client = client();
    for (body, said) in [
        ("", "Unable to parse payload: EOF."),
        ("{", "Unable to parse payload: unexpected EOF."),
        ("null", "Job validation failed: name cannot be empty."),
        (
            r#"{"name":"x","concurrency":"Allow"}"#,
            "Job validation failed: invalid concurrency policy value, use \"allow\" or \"forbid\".",
        ),
        (
            r#"{"name":"x","schedule":"@manually","retries":1000001}"#,
            "Job validation failed: retries: 1000001 is too many, use 0 to 1000000.",
        ),
        (
            r#"{"name":"x","starts_at":""}"#,
            "Unable to parse payload: parsing time \"\" as \"2006-01-02T15:04:05Z07:00\": \
             cannot parse \"\" as \"2006\".",
        ),
    ] {
        let got = client.post("/v1/jobs", body).await;
        assert_eq!((got.status, got.body.as_str()), (400, said), "{body}");
    }
    let parent = client.post("/v1/jobs", r#"{"name":"x","parent_job":"none"}"#).await;
    assert_eq!((parent.status, parent.body.as_str()), (404, "specified parent job not found"));
    let huge = format!(r#"{{"name":"x","owner":"{}"}}"#, "o".repeat(1024 * 1024));
    let got = client.post("/v1/jobs", &huge).await;
    assert_eq!(got.status, 413);
    assert!(got.body.contains("1 MiB"));
    let deep = "[".repeat(1024 * 1024);
    assert_eq!(client.post("/v1/jobs", &deep).await.status, 400);
}

#[tokio::test]
async fn put_and_patch() {
    let client = client();
    let body = br#"{"name":"a","schedule":"@manually"}"#;
    assert_eq!(client.send("PUT", "/v1/jobs/b", &[], body).await.status, 400);
    assert_eq!(client.get("/v1/jobs/a").await.status, 404);
    let got = client.send("PUT", "/v1/jobs/a?x", &[], body).await;
    assert_eq!((got.status, got.header("location").as_str()), (201, "/v1/jobs/a"));
    assert_eq!(client.send("PATCH", "/v1/jobs", &[], body).await.status, 201);
    let merge = [("content-type", "application/merge-patch+json; x=y")];
    let got = client.send("PATCH", "/v1/jobs", &merge, br#"{"name":"a","owner":"ann"}"#).await;
    assert_eq!((got.status, &got.json()["schedule"]), (200, &"@manually".into()));
    let got = client.send("PATCH", "/v1/jobs/b", &merge, body).await;
    assert_eq!((got.status, got.body.contains("can not be renamed")), (400, true));
    assert_eq!(client.send("PATCH", "/v1/jobs/b", &merge, b"{}").await.status, 404);
    // As before where it is no merge patch.
    assert_eq!(client.send("PATCH", "/v1/jobs/a", &[], body).await.status, 404);
    assert_eq!(client.send("PATCH", "/v1/jobs", &[], body).await.json()["owner"], "");
}

#[tokio::test]
async fn a_pause_comes_before_everything_that_is_wrong() {
    let client = client();
    assert_eq!(client.post("/v1/pause", "").await.body, r#"{"paused":true}"#);
    for body in ["", "null", r#"{"name":"a","schedule":"@manually"}"#] {
        let got = client.post("/v1/jobs", body).await;
        let wanted = (503, "New job submissions are currently paused");
        assert_eq!((got.status, got.body.as_str()), wanted, "{body}");
    }
    assert_eq!(client.get("/v1/pause").await.body, r#"{"paused":true}"#);
    assert_eq!(client.post("/v1/unpause", "").await.body, r#"{"paused":false}"#);
    client.job("a").await;
}

#[tokio::test]
async fn names_that_no_node_has_are_warned_of() {
    let client = client();
    assert_eq!(client.job("a").await.header("warning"), "");
    let body = r#"{"name":"a","schedule":"@manually","executor":"no\"pe\n",
        "processors":{"log":{},"x":{}}}"#;
    let warning = client.post("/v1/jobs", body).await.header("warning");
    assert!(warning.starts_with("299 dkron \"no node has executor 'no?pe?'"), "{warning}");
    assert!(warning.contains("processor 'x'") && !warning.contains("'log'"), "{warning}");
}

#[tokio::test]
async fn runs_answer_at_once() {
    let client = client();
    client.job("j").await;
    for path in ["/v1/jobs/j", "/v1/jobs/j/run", "/v1/jobs/j/run?wait=30s"] {
        let got = client.post(path, "ignored").await;
        assert_eq!((got.status, got.header("location").as_str()), (202, path));
        assert_eq!(got.json()["name"], "j");
        assert!(got.header("x-dkron-group").parse::<u64>().unwrap() >= fake::GROUP);
        assert_eq!(got.header("x-dkron-ended") == "true", path.contains("wait"));
    }
    assert_eq!(client.post("/v1/jobs/j/run?wait=soon", "").await.status, 400);
    let list = client.get("/v1/jobs/j/executions?output_size_limit=3").await;
    assert_eq!((list.status, list.header("x-total-count").as_str()), (200, "3"));
    assert_eq!(list.json()[0]["output"], "ef\n");
    assert_eq!(list.json()[0]["output_truncated"], true);
    assert!(list.json()[0]["id"].as_str() > list.json()[1]["id"].as_str());
    let page = client.get("/v1/jobs/j/executions?_start=1&_end=2").await;
    assert_eq!(
        (page.json().as_array().unwrap().len(), page.header("x-total-count").as_str()),
        (1, "3")
    );
    let id = list.json()[0]["id"].as_str().unwrap().to_owned();
    let one = client.get(&format!("/v1/jobs/j/executions/{id}")).await;
    assert_eq!((one.status, one.json()["output"].as_str()), (200, Some("abcdef\n")));
    assert_eq!(client.get(&format!("/v1/jobs/j/executions/{id}x")).await.status, 404);
    assert_eq!(client.get("/v1/jobs/j/executions?_sort=nope").await.status, 400);
    assert_eq!(client.get("/v1/busy").await.json().as_array().unwrap().len(), 3);
    assert_eq!(client.get("/v1/jobs/j/skipped").await.json()[0]["reason"], "missed");
    assert_eq!(client.send("DELETE", "/v1/jobs/j/executions", &[], b"").await.status, 200);
}

#[tokio::test]
async fn figures_over_time() {
    let client = client();
    client.job("j").await;
    let got = client.get("/v1/stats?scope=job&name=j").await;
    let wanted = serde_json::json!({"scope": "job", "name": "j", "span": "hour", "buckets": [{
        "at": "2026-03-10T12:00:00Z", "success": 1, "failed": 0, "timed_out": 0, "cancelled": 0,
        "lost": 0, "skipped": 2, "lag": {"mean_ms": 3, "max_ms": 3},
        "duration": {"mean_ms": 40, "max_ms": 40, "p50_ms": 40, "p90_ms": 40, "p99_ms": 40},
    }]});
    assert_eq!((got.status, got.json()), (200, wanted));
    assert_eq!(client.get("/v1/stats").await.json()["scope"], "cluster");
    assert_eq!(client.get("/v1/stats?scope=node&name=n1&span=minute").await.status, 200);
    assert_eq!(client.get("/v1/stats?scope=node&name=n2").await.status, 404);
    assert_eq!(client.get("/v1/stats?scope=job&name=none").await.status, 404);
    let got = client.get("/v1/stats?span=week").await;
    assert!(got.status == 400 && got.body.starts_with("span: "), "{}", got.body);
}

#[tokio::test]
async fn refusals_have_their_status() {
    let client = client();
    for (name, status, retry) in [
        ("none", 404, false),
        ("busy", 409, false),
        ("nowhere", 404, false),
        ("full", 503, true),
        ("headless", 503, true),
        ("unsure", 503, true),
        ("broken", 500, false),
    ] {
        let got = client.post(&format!("/v1/jobs/{name}/run"), "").await;
        assert_eq!(
            (got.status, got.headers.contains_key("retry-after")),
            (status, retry),
            "{name}"
        );
    }
    for (method, path) in [
        ("GET", "/v1/jobs/none"),
        ("GET", "/v1/jobs/none/executions"),
        ("GET", "/v1/jobs/none/executions/1-x"),
        ("GET", "/v1/jobs/none/skipped"),
        ("DELETE", "/v1/jobs/none"),
        ("DELETE", "/v1/jobs/none/executions"),
        ("POST", "/v1/jobs/none/toggle"),
    ] {
        let got = client.send(method, path, &[], b"").await;
        assert_eq!((got.status, got.body.as_str()), (404, ""), "{path}");
        assert!(!got.headers.contains_key("content-type"));
    }
    client.job("p").await;
    client.post("/v1/jobs", r#"{"name":"c","parent_job":"p"}"#).await;
    let got = client.send("DELETE", "/v1/jobs/p", &[], b"").await;
    assert!(got.status == 409 && got.body.contains("delete children first: c"), "{}", got.body);
}

#[tokio::test]
async fn toggles_and_letters_beyond_ascii() {
    let client = client();
    let got = client.job("j124ñß").await;
    assert_eq!(got.header("location"), "/v1/jobs/j124ñß");
    let path = "/v1/jobs/j124%C3%B1%C3%9F/toggle";
    let got = client.post(path, "").await;
    assert_eq!((got.status, got.header("location").as_str()), (200, path));
    assert_eq!(got.json()["disabled"], true);
    assert_eq!(client.get("/v1/jobs?disabled=true").await.header("x-total-count"), "1");
    assert_eq!(client.get("/v1/jobs?_start=9&_end=-4").await.body, "[]");
    assert_eq!(client.get("/v1/jobs?_sort=nope").await.status, 400);
}

#[tokio::test]
async fn restore_answers_a_list_within_a_text() {
    let client = client();
    let got = client
        .restore(
            "file",
            r#"[{"name":"a","schedule":"@manually"},{"name":"b","schedule":"@manually"}]"#,
        )
        .await;
    assert_eq!(
        (got.status, got.json().as_str()),
        (200, Some(r#"["success create a","success create b"]"#))
    );
    for (field, file) in [
        ("other", "[]"),
        ("file", "nope"),
        ("file", "[null]"),
        ("file", "{}"),
        ("file", r#"[{"name":"A","schedule":"@manually"}]"#),
        ("file", r#"[{"name":"a","schedule":"@manually","concurrency":"x"}]"#),
    ] {
        assert_eq!(client.restore(field, file).await.status, 400, "{file}");
    }
    assert_eq!(client.restore("file", "[]").await.json().as_str(), Some("[]"));
    assert_eq!(client.post("/v1/restore", "[]").await.status, 400);
    let cut = [("content-type", "multipart/form-data; boundary=b")];
    assert_eq!(client.send("POST", "/v1/restore", &cut, b"--b\r\nContent-Disp").await.status, 400);
}

#[tokio::test]
async fn pages_of_others_read_and_do_not_write() {
    let client = client_with(&["https://good.example"]);
    let from = |origin: &'static str| [("origin", origin)];
    let job = br#"{"name":"a","schedule":"@manually"}"#;
    let got = client.send("GET", "/v1/jobs", &from("http://elsewhere.example"), b"").await;
    assert_eq!((got.status, got.header("access-control-allow-origin").as_str()), (200, "*"));
    assert_eq!(got.header("access-control-expose-headers"), "*");
    let got = client.send("GET", "/health", &from("http://elsewhere.example"), b"").await;
    assert!(!got.headers.contains_key("access-control-allow-origin"));
    for origin in
        ["http://elsewhere.example", "null", "http://here:8081", "https://good.example.org"]
    {
        let got = client.send("POST", "/v1/jobs", &from(origin), job).await;
        assert_eq!(got.status, 403, "{origin}");
        assert!(got.body.contains("--http-allowed-origins"));
    }
    for origin in ["http://here:8080", "https://here:8080", "https://good.example"] {
        let got = client.send("POST", "/v1/jobs", &from(origin), job).await;
        assert_eq!(got.status, 201, "{origin}");
        let open = got.headers.contains_key("access-control-allow-origin");
        assert_eq!(open, origin.contains("good"));
    }
    let got = client.send("OPTIONS", "/v1/jobs/x", &from("http://elsewhere.example"), b"").await;
    assert_eq!(got.status, 204);
    for (name, value) in [("origin", "*"), ("methods", "*"), ("headers", "*")] {
        assert_eq!(got.header(&format!("access-control-allow-{name}")), value);
    }
    assert_eq!(got.header("access-control-max-age"), "43200");
    let got = client.send("OPTIONS", "/nope", &from("http://elsewhere.example"), b"").await;
    assert_eq!(got.status, 404);
}

#[tokio::test]
async fn the_node_and_its_cluster() {
    let client = client();
    let members = client.get("/v1/members").await;
    assert_eq!(members.header("x-total-count"), "1");
    assert_eq!(members.json()[0]["statusText"], "alive");
    let leader = client.get("/v1/leader").await.json();
    assert_eq!((leader["Name"].as_str(), leader.get("id")), (Some("n1"), None));
    let got = client.get("/v1/isleader").await;
    assert_eq!((got.status, got.body.as_str()), (200, "\"I am a leader\""));
    assert!(client.post("/v1/leave", "").await.json().is_array());
    let index = client.get("/v1/").await.json();
    assert_eq!((&index["agent"]["name"], &index["serf"]["members"]), (&"n1".into(), &"1".into()));
    let health = client.get("/health?pretty").await;
    assert_eq!((health.status, health.body.as_str()), (200, r#"{"status":"healthy"}"#));
    assert!(!health.headers.contains_key("x-whom"));
    client.job("v").await;
    let vars = client.get("/debug/vars").await.json();
    assert_eq!(vars["cron_entries"]["v"], "\"Job: v, scheduled at: @manually, tags:map[]\"");
    assert_eq!((&vars["scheduler_started"], &vars["node"]), (&1.into(), &"n1".into()));
}

#[tokio::test]
async fn people_find_the_page() {
    let client = client();
    let root = client.get("/").await;
    assert_eq!((root.status, root.header("location").as_str()), (303, "/ui/"));
    let json = client.send("GET", "/", &[("accept", "application/json")], b"").await;
    assert_eq!((json.status, json.body.as_str()), (404, ""));
    let page = client.get("/ui/any/thing.js").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.body.contains("window.DKRON_LEADER = \"n1\";"));
    assert!(page.body.contains("window.DKRON_TOTAL_JOBS = 0;"));
}

#[tokio::test]
async fn a_schedule_is_shown_before_it_is_stored() {
    let client = client();
    let got = client
        .get(
            "/v1/schedule/preview?schedule=0+0+8+*+*+*&timezone=Europe/Berlin\
             &after=2026-03-28T00:00:00Z&n=2",
        )
        .await;
    let wanted = serde_json::json!(["2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"]);
    assert_eq!(got.json()["next"], wanted, "{}", got.body);
    let night = "/v1/schedule/preview?schedule=0+30+2+*+*+*&timezone=Europe/Berlin\
                 &after=2026-03-28T02:00:00Z&n=1";
    let got = client.get(night).await.json();
    assert_eq!(got["next"], serde_json::json!(["2026-03-30T00:30:00Z"]), "not in the gap");
    let got = client.get(&format!("{night}&dst=once")).await.json();
    assert_eq!(got["next"], serde_json::json!(["2026-03-29T01:00:00Z"]), "at its end");
    let got = client.get(&night.replace("n=1", "n=2")).await.json();
    assert_eq!(got["words"], "at 02:30 every day");
    assert_eq!(got["local"][0], serde_json::json!({"at": "2026-03-30T02:30:00+02:00"}));
    let skipped = serde_json::json!([{"wall": "2026-03-29T02:30:00", "count": 1,
        "dst": "the clock goes from 02:00 to 03:00"}]);
    assert_eq!(got["skipped"], skipped, "{got}");
    let got = client.get(&format!("{night}&dst=once")).await.json();
    let instead = serde_json::json!({"at": "2026-03-29T03:00:00+02:00",
        "dst": "instead of 02:30, which the clock skips"});
    assert_eq!((&got["local"][0], &got["skipped"]), (&instead, &serde_json::json!([])));
    let autumn = night.replace("2026-03-28", "2026-10-24").replace("n=1", "n=3");
    let got = client.get(&autumn).await.json();
    let said = |at: usize| got["local"][at]["dst"].as_str().unwrap_or("").to_owned();
    assert!(said(0).ends_with("the first") && said(1).ends_with("the second"), "{got}");
    assert_eq!(said(2), "");
    let every =
        client.get("/v1/schedule/preview?schedule=@every+1m&n=3&after=2026-01-01T00:00:00Z").await;
    assert_eq!(every.json()["next"][2], "2026-01-01T00:03:00Z");
    let none = client.get("/v1/schedule/preview?schedule=@manually").await;
    assert_eq!(none.json()["next"], serde_json::json!([]));
    for (query, field) in [
        ("schedule=0+0+25+*+*+*", "schedule"),
        ("schedule=", "schedule"),
        ("", "schedule"),
        ("schedule=@daily&timezone=Nope/Zone", "timezone"),
        ("schedule=@daily&after=soon", "after"),
        ("schedule=@daily&dst=twice", "dst"),
        ("schedule=@daily&n=101", "n"),
        ("schedule=@daily&n=-1", "n"),
    ] {
        let got = client.get(&format!("/v1/schedule/preview?{query}")).await;
        assert_eq!((got.status, got.json()["field"].as_str()), (400, Some(field)), "{query}");
    }
    let got = client.get("/v1/schedule/preview?schedule=0+0+25+*+*+*").await.json();
    assert_eq!(got["column"], 5, "{got}");
}

#[tokio::test]
async fn runoncreate_starts_a_run_and_its_refusal_changes_nothing() {
    let client = client();
    let body = |name: &str| format!(r#"{{"name":"{name}","schedule":"@manually"}}"#);
    assert_eq!(client.post("/v1/jobs?runoncreate", &body("a")).await.status, 201);
    assert_eq!(client.get("/v1/jobs/a/executions").await.header("x-total-count"), "1");
    assert_eq!(client.post("/v1/jobs?runoncreate=false", &body("busy")).await.status, 201);
    assert_eq!(client.get("/v1/jobs/busy/executions").await.header("x-total-count"), "0");
}

#[tokio::test]
async fn a_head_is_a_get_without_body() {
    let client = client();
    let got = client.send("HEAD", "/v1/jobs", &[], b"").await;
    assert_eq!((got.status, got.header("x-total-count").as_str()), (200, "0"));
}

#[tokio::test]
async fn why_wants_an_instant() {
    let client = client();
    client.job("a").await;
    let got = client.get("/v1/jobs/a/why?at=2026-03-10T02:30:00Z").await;
    assert_eq!((got.status, got.json()["verdict"].as_str()), (200, Some("not_a_slot")));
    assert_eq!(got.json()["slot"], serde_json::Value::Null);
    assert_eq!(client.get("/v1/jobs/b/why?at=2026-03-10T02:30:00Z").await.status, 404);
    for query in ["", "?at=", "?at=yesterday"] {
        let got = client.get(&format!("/v1/jobs/a/why{query}")).await;
        assert_eq!(
            (got.status, got.body.starts_with("at: ")),
            (400, true),
            "{query}: {}",
            got.body
        );
    }
}
