//! Runs that are ended, and runs that wait for their turn.

use super::*;

/// A job whose runs never end, and one that runs.
pub async fn endless(client: &Client, name: &str, concurrency: &str) -> String {
    let body = format!(
        r#"{{"name":"{name}","schedule":"@manually","executor":"shell",
            "concurrency":"{concurrency}","executor_config":{{"command":"endless"}}}}"#
    );
    assert_eq!(client.post("/v1/jobs", &body).await.status, 201);
    assert_eq!(client.post(&format!("/v1/jobs/{name}/run"), "").await.status, 202);
    let list = client.get(&format!("/v1/jobs/{name}/executions")).await.json();
    list[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn runs_are_cancelled_one_or_all() {
    let client = client();
    let id = endless(&client, "e", "allow").await;
    let path = format!("/v1/jobs/e/executions/{id}/cancel");
    let got = client.post(&path, r#"{"reason":"too slow","by":"ann"}"#).await;
    assert_eq!(got.status, 202, "{}", got.body);
    assert_eq!(got.json(), serde_json::json!({"executions": [id], "retries": 0, "queued": 0}));
    let shown = client.get(&format!("/v1/jobs/e/executions/{id}")).await.json();
    let cancelled = serde_json::json!(
        {"at": "2026-03-10T12:00:02Z", "by": "ann", "reason": "too slow"});
    assert_eq!(shown["cancelled"], cancelled);
    let got = client.post("/v1/jobs/e/cancel?by=bob&reason=over", "").await;
    assert_eq!(got.json()["executions"][0], id.as_str());
    let shown = client.get(&format!("/v1/jobs/e/executions/{id}")).await.json();
    assert_eq!((shown["cancelled"]["by"].as_str()), Some("bob"));
    client.post("/v1/jobs/e/cancel", "{}").await;
    let shown = client.get(&format!("/v1/jobs/e/executions/{id}")).await.json();
    assert_eq!((shown["cancelled"]["by"].as_str()), Some("rest"), "nobody said who");
}

#[tokio::test]
async fn what_can_not_be_cancelled_is_told() {
    let client = client();
    client.job("j").await;
    client.post("/v1/jobs/j/run", "").await;
    let id = client.get("/v1/jobs/j/executions").await.json()[0]["id"].as_str().unwrap().to_owned();
    let nothing = client.post("/v1/jobs/j/cancel", "").await;
    assert_eq!(nothing.status, 202);
    assert_eq!(nothing.body, r#"{"executions":[],"retries":0,"queued":0}"#);
    for (path, status, said) in [
        ("/v1/jobs/none/cancel".to_owned(), 404, "job \"none\" not found".to_owned()),
        (
            "/v1/jobs/none/executions/1-n/cancel".to_owned(),
            404,
            "job \"none\" not found".to_owned(),
        ),
        (
            "/v1/jobs/j/executions/7-n1/cancel".to_owned(),
            404,
            "job \"j\" has no execution \"7-n1\"".to_owned(),
        ),
        (
            "/v1/jobs/j/executions/what/cancel".to_owned(),
            404,
            "job \"j\" has no execution \"what\"".to_owned(),
        ),
        (
            format!("/v1/jobs/j/executions/{id}/cancel"),
            409,
            format!("execution {id} has ended already: success"),
        ),
    ] {
        let got = client.post(&path, "").await;
        assert_eq!((got.status, got.body), (status, said), "{path}");
    }
    for (body, said) in [
        ("x", "the body wants JSON such as"),
        ("[]", "the body wants a JSON object"),
        (r#"{"why":"x"}"#, "a cancellation has no \"why\", use \"by\" or \"reason\""),
        (r#"{"by":5}"#, "by: it wants a text, not a number"),
    ] {
        let got = client.post("/v1/jobs/j/cancel", body).await;
        assert!(got.status == 400 && got.body.starts_with(said), "{body}: {}", got.body);
    }
    let large = format!(r#"{{"reason":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(client.post("/v1/jobs/j/cancel", &large).await.status, 413);
    let origin = [("origin", "http://elsewhere.example")];
    assert_eq!(client.send("POST", "/v1/jobs/j/cancel", &origin, b"").await.status, 403);
}

#[tokio::test]
async fn a_run_that_waits_for_its_turn_says_so() {
    let client = client();
    endless(&client, "q", "queue").await;
    let got = client.post("/v1/jobs/q/run?wait=1s", "").await;
    assert_eq!((got.status, got.header("x-dkron-queued").as_str()), (202, "true"));
    assert_eq!(got.header("x-dkron-ended"), "false");
    assert!(!got.headers.contains_key("x-dkron-group"));
    assert_eq!(got.json()["concurrency"], "queue");
}

#[tokio::test]
async fn the_executions_of_one_run() {
    let client = client();
    endless(&client, "j", "allow").await;
    let path = format!("/v1/jobs/j/executions?group={}", fake::GROUP);
    let got = client.get(&path).await;
    assert_eq!((got.status, got.json().as_array().unwrap().len()), (200, 1), "{}", got.body);
    assert_eq!(got.header("x-dkron-ended"), "false");
    let got = client.get("/v1/jobs/j/executions?group=7").await;
    assert_eq!((got.body.as_str(), got.header("x-dkron-ended").as_str()), ("[]", "true"));
    let got = client.get("/v1/jobs/j/executions?group=x").await;
    assert_eq!(got.status, 400);
    assert!(got.body.starts_with("group: "), "{}", got.body);
}
