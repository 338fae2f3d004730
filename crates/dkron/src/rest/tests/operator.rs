//! What operators see and order.

use std::time::Duration;

use dkron_core::domain::NodeName;
use dkron_node::service::Error;
use dkron_node::service::operator::{Configuration, Health, Operator, Peer, ServerHealth};
use serde_json::json;

use super::client;

/// A cluster of three of which one is dead.
pub struct Three;

type Future<T> = std::pin::Pin<Box<dyn std::future::Future<Output = Result<T, Error>> + Send>>;

fn ready<T: Send + 'static>(result: Result<T, Error>) -> Future<T> {
    Box::pin(std::future::ready(result))
}

impl Operator for Three {
    fn health(&self) -> Future<Health> {
        let server = |id: u64, alive: bool| ServerHealth {
            id,
            name: format!("n{id}"),
            address: format!("10.0.0.{id}:6868"),
            voter: true,
            alive,
            last_contact: alive.then_some(Duration::from_millis(12)),
            applied: alive.then_some(99),
            lag: alive.then_some(1),
            clock_offset_ms: alive.then_some(-3),
            version: "1".into(),
        };
        ready(Ok(Health {
            leader: Some("n1".into()),
            tenure: Some(7),
            quorum: true,
            cluster: Some("c0".into()),
            generation: 0,
            servers: vec![server(1, true), server(2, true), server(3, false)],
        }))
    }

    fn configuration(&self) -> Future<Configuration> {
        let peer = |id: u64| Peer {
            id,
            name: format!("n{id}"),
            address: format!("10.0.0.{id}:6868"),
            leader: id == 1,
            voter: true,
        };
        ready(Ok(Configuration { servers: vec![peer(1), peer(2)], index: 99 }))
    }

    fn remove_peer(&self, peer: String) -> Future<()> {
        ready(match peer.as_str() {
            "n3" => Ok(()),
            "n1" => Err(Error::Refused("n1 is the last voter, nobody would be left".into())),
            _ => Err(Error::PeerNotFound(peer)),
        })
    }

    fn transfer(&self, to: Option<String>) -> Future<NodeName> {
        ready(Ok(to.as_deref().unwrap_or("n2").into()))
    }
}

#[tokio::test]
async fn health_says_what_one_more_loss_would_mean() {
    let got = client().get("/v1/operator/health").await;
    assert_eq!(got.status, 200);
    let shown = got.json();
    assert_eq!(shown["leader"], "n1");
    assert_eq!((&shown["voters"], &shown["voters_alive"]), (&json!(3), &json!(2)));
    assert_eq!(shown["failure_tolerance"], 0);
    assert!(shown["if_one_more_dies"].as_str().unwrap().starts_with("nobody could lead"));
    let second = json!({
        "name": "n2", "id": "2", "address": "10.0.0.2:6868", "leader": false,
        "voter": true, "alive": true, "last_contact_ms": 12, "applied_index": 99, "lag": 1,
        "clock_offset_ms": -3, "version": "1"
    });
    assert_eq!(shown["servers"][1], second);
    assert_eq!(shown["servers"][2]["last_contact_ms"], json!(null));
}

#[tokio::test]
async fn servers_are_shown_and_taken_out() {
    let client = client();
    let shown = client.get("/v1/operator/raft/configuration").await.json();
    let first = json!({
        "node": "n1", "id": "1", "address": "10.0.0.1:6868", "leader": true,
        "voter": true
    });
    assert_eq!((&shown["servers"][0], &shown["index"]), (&first, &json!(99)));
    for (query, status, body) in [
        ("?name=n3", 200, r#"{"removed":"n3"}"#),
        ("?id=n3", 200, r#"{"removed":"n3"}"#),
        ("?id=n9", 404, r#"id "n9" was not found in the Raft configuration"#),
        ("?id=n1", 409, "n1 is the last voter, nobody would be left"),
        ("", 400, "name the server: ?id=… or ?name=…"),
    ] {
        let got = client.send("DELETE", &format!("/v1/operator/raft/peer{query}"), &[], b"").await;
        assert_eq!(got.status, status, "{query}");
        assert!(got.body.starts_with(body), "{}", got.body);
    }
    let got = client.post("/v1/operator/transfer?to=n2", "").await;
    assert_eq!((got.status, got.body.as_str()), (200, r#"{"leader":"n2"}"#));
    let got = client.get("/v1/operator/state?index=5").await;
    assert_eq!(got.body, r#"{"index":5,"hash":"0000000000000000"}"#);
    assert_eq!(client.get("/v1/operator/state?index=x").await.status, 400);
}

#[tokio::test]
async fn a_node_is_drained_and_comes_back() {
    let client = client();
    let put = async |name: &str, body: &str| {
        let path = format!("/v1/nodes/{name}/eligibility");
        client.send("PUT", &path, &[], body.as_bytes()).await
    };
    let body = r#"{"eligible":false,"deadline":"2030-01-02T03:04:05Z","reason":"disk"}"#;
    let got = put("n1", body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.json()["by"], "rest");
    put("n7", r#"{"eligible":false,"by":"me"}"#).await;
    let got = client.get("/v1/nodes").await;
    assert_eq!(got.header("x-total-count"), "2");
    let shown = got.json();
    assert_eq!(
        shown[0],
        json!({
            "name": "n1", "address": "127.0.0.1:8946", "version": "", "server": false,
            "status": "alive", "eligible": false,
            "drain": {
                "by": "rest", "reason": "disk", "since": "2026-03-10T12:00:00Z",
                "deadline": "2030-01-02T03:04:05Z"
            }
        })
    );
    assert_eq!((&shown[1]["name"], &shown[1]["status"]), (&json!("n7"), &json!("none")));
    put("n1", r#"{"eligible":true}"#).await;
    let shown = client.get("/v1/nodes").await.json();
    assert_eq!((&shown[0]["eligible"], &shown[0]["drain"]), (&json!(true), &json!(null)));
    assert_eq!(put("n1", "{}").await.status, 400);
}
