//! Pauses of scheduling over HTTP.

use serde_json::json;

use super::client;

#[tokio::test]
async fn scheduling_is_paused_shown_and_resumed() {
    let client = client();
    let shown = client.get("/v1/scheduling").await.json();
    assert_eq!(shown, json!({"paused": false, "pauses": []}));
    let body = r#"{"reason":"release","until":"2130-01-02T03:04:05Z","scope":{"prefix":"db-"}}"#;
    let got = client.post("/v1/scheduling/pause", body).await;
    assert_eq!(got.status, 201, "{}", got.body);
    let one = json!({
        "id": "1", "since": "2026-03-10T12:00:00Z", "until": "2130-01-02T03:04:05Z",
        "scope": {"prefix": "db-"}, "by": "rest", "reason": "release"
    });
    assert_eq!(got.json(), one);
    // What is over by itself is not shown.
    client.post("/v1/scheduling/pause", r#"{"until":"2020-01-02T03:04:05Z"}"#).await;
    client.post("/v1/scheduling/pause", "").await;
    let shown = client.get("/v1/scheduling").await.json();
    assert_eq!(shown["paused"], true);
    assert_eq!(shown["pauses"].as_array().unwrap().len(), 2);
    assert_eq!(shown["pauses"][0]["since"], "2026-03-10T12:00:00Z");
    assert_eq!(
        (&shown["pauses"][1]["id"], &shown["pauses"][1]["scope"]),
        (&json!("3"), &json!("all"))
    );

    let got = client.send("DELETE", "/v1/scheduling/pause/1", &[], b"").await;
    assert_eq!((got.status, got.body.as_str()), (200, r#"{"resumed":1}"#));
    let got = client.send("DELETE", "/v1/scheduling/pause/1", &[], b"").await;
    assert_eq!(got.status, 404);
    assert!(got.body.starts_with("no pause of scheduling has the id 1"), "{}", got.body);
    let got = client.post("/v1/scheduling/resume", r#"{"id":"x"}"#).await;
    assert_eq!((got.status, got.body.starts_with("id: ")), (400, true));
    let got = client.post("/v1/scheduling/resume", "").await;
    assert_eq!(got.body, r#"{"resumed":2}"#);
    assert_eq!(client.post("/v1/scheduling/pause", "[]").await.status, 400);
}
