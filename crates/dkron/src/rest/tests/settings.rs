//! What the whole cluster agrees on.

use super::*;

#[tokio::test]
async fn settings_are_shown_replaced_and_patched() {
    let client = client();
    let shown = client.get("/v1/settings").await;
    assert_eq!(
        shown.body,
        concat!(
            r#"{"zone":"UTC","keep_executions":100,"keep_for":null,"misfire":"run_once","#,
            r#""misfire_threshold":"10s","start_deadline":"1h0m0s","lost_after":"5m0s","#,
            r#""catch_up_rate":1000,"output_limit":256000}"#
        )
    );
    let patch = br#"{"keep_for":"168h","misfire":"run_all(5)"}"#;
    let got = client.send("PATCH", "/v1/settings", &[], patch).await;
    assert_eq!((got.status, &got.json()["keep_for"]), (200, &"168h0m0s".into()));
    let merge = [("content-type", "application/merge-patch+json")];
    let got = client.send("PATCH", "/v1/settings", &merge, br#"{"keep_for":null}"#).await;
    assert_eq!(got.json()["keep_for"], serde_json::Value::Null);
    assert_eq!(client.get("/v1/settings").await.json()["misfire"], "run_all(5)");
    let put = client.send("PUT", "/v1/settings", &[], shown.body.as_bytes()).await;
    assert_eq!((put.status, put.body == shown.body), (200, true));
    for (method, body, said) in [
        ("PUT", "{}", "zone: it is missing: PUT replaces all settings, PATCH some"),
        ("PATCH", "{\"keep_executions\":0}", "keep_executions: 0 is too few"),
        (
            "PATCH",
            "{\"misfre\":\"skip\"}",
            "misfre: there is no such setting, did you mean \"misfire\"?",
        ),
        ("PATCH", "{\"lost_after\":5}", "lost_after: 5 has no unit, write \"5s\" for seconds"),
    ] {
        let got = client.send(method, "/v1/settings", &[], body.as_bytes()).await;
        assert_eq!((got.status, got.body.as_str()), (400, said), "{body}");
    }
    let origin = [("origin", "http://elsewhere.example")];
    assert_eq!(client.send("PATCH", "/v1/settings", &origin, b"{}").await.status, 403);
}
