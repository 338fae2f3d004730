//! One wish for many jobs over HTTP.

use serde_json::json;

use super::{Client, client};

async fn finished(client: &Client, id: &str) -> serde_json::Value {
    loop {
        let shown = client.get(&format!("/v1/batch/{id}")).await.json();
        if shown["state"] != "running" {
            return shown;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn many_jobs_are_disabled_by_one_request() {
    let client = client();
    for name in ["db-a", "db-b", "web"] {
        let job = json!({"name": name, "schedule": "@every 1h", "executor": "shell",
            "executor_config": {"command": "true"}});
        assert_eq!(client.post("/v1/jobs", &job.to_string()).await.status, 201);
    }
    let body = r#"{"action": "disable", "names": ["db-a", "db-b", "nobody"]}"#;
    let got = client.post("/v1/batch", body).await;
    assert_eq!(got.status, 202, "{}", got.body);
    let id = got.json()["id"].as_str().unwrap().to_owned();
    let shown = finished(&client, &id).await;
    assert_eq!((&shown["state"], &shown["total"]), (&json!("done"), &json!(3)));
    assert_eq!((&shown["finished"], &shown["failed"]), (&json!(3), &json!(1)));
    let results = shown["results"].as_array().unwrap();
    let failed = results.iter().find(|one| one["outcome"] == "failed").unwrap();
    assert_eq!((&failed["name"], &failed["text"]), (&json!("nobody"), &json!("job not found")));
    assert_eq!(client.get("/v1/jobs/db-a").await.json()["disabled"], true);
    assert_eq!(client.get("/v1/jobs/web").await.json()["disabled"], false);

    let page = client.get(&format!("/v1/batch/{id}?_start=1&_end=2")).await;
    assert_eq!(page.json()["results"].as_array().unwrap().len(), 1);
    assert_eq!(page.header("x-total-count"), "3");
    assert_eq!(client.get("/v1/batch").await.json().as_array().unwrap().len(), 1);
    let got = client.send("DELETE", &format!("/v1/batch/{id}"), &[], b"").await;
    assert_eq!((got.status, &got.json()["state"]), (202, &json!("done")));
    let got = client.get("/v1/batch/x").await;
    assert_eq!((got.status, got.body.starts_with("no batch of the id")), (404, true));
    assert_eq!(client.post("/v1/batch", "{}").await.status, 400);
    // No more than so many are kept.
    for _ in 0..20 {
        let got = client.post("/v1/batch", r#"{"action": "run", "names": []}"#).await;
        finished(&client, got.json()["id"].as_str().unwrap()).await;
    }
    assert_eq!(client.get("/v1/batch").await.header("x-total-count"), "16");
}
