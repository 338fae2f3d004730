//! A door whose requests another one carries out: what a client sees must be the same.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use dkron_node::forward::{Arrived, Forward, Front, Pieces, RequestHead, Sent};
use dkron_node::service::Error;

use super::*;

/// The way to a leader within this process.
struct Within {
    front: Option<Front>,
    leads: bool,
    says: Option<Error>,
}

type Future<T> = std::pin::Pin<Box<dyn std::future::Future<Output = Result<T, Error>> + Send>>;

impl Forward for Within {
    fn leads(&self) -> bool {
        self.leads
    }

    fn forward(&self, head: RequestHead, body: Pieces, _: Duration) -> Future<Sent> {
        let (front, says) = (self.front.clone(), self.says.clone());
        Box::pin(async move {
            match (says, front) {
                (Some(err), _) => Err(err),
                (None, None) => Ok(Sent::NoLeader(body)),
                (None, Some(front)) => {
                    let arrived = Arrived { head, body, from_server: true };
                    Ok(Sent::Answered(front(arrived).await))
                }
            }
        })
    }
}

fn follower(way: Within) -> Client {
    let app = App { node: "n2".into(), forward: Some(Arc::new(way)), ..app(&[]) };
    Client { router: router(app) }
}

/// A leader and a follower of it.
fn two() -> (Client, Client) {
    let leader = client();
    let front = Some(front(leader.router.clone()));
    (leader, follower(Within { front, leads: false, says: None }))
}

fn without_whom(got: &Got) -> (u16, String, String) {
    let mut headers = got.headers.clone();
    headers.remove("x-whom");
    let mut shown: Vec<String> = headers.iter().map(|pair| format!("{pair:?}")).collect();
    shown.sort();
    (got.status, shown.join("\n"), got.body.clone())
}

const JOB: &str = r#"{"name":"j","schedule":"@manually","executor":"shell"}"#;

#[tokio::test]
async fn a_write_is_answered_as_the_leader_answers_it() {
    let (leader, follower) = two();
    let other = client();
    for (method, path, body) in [
        ("POST", "/v1/jobs", JOB),
        ("PUT", "/v1/jobs/j?pretty", JOB),
        ("POST", "/v1/jobs", "{"),
        ("POST", "/v1/jobs/j/run", ""),
        ("POST", "/v1/jobs/j/toggle", ""),
        ("DELETE", "/v1/jobs/j", ""),
        ("DELETE", "/v1/jobs/nope", ""),
        ("POST", "/v1/pause", ""),
        ("POST", "/v1/jobs", JOB),
        ("GET", "/v1/busy", ""),
        ("HEAD", "/v1/busy", ""),
        ("GET", "/v1/jobs/j/executions/nope", ""),
    ] {
        let through = follower.send(method, path, &[], body.as_bytes()).await;
        let direct = other.send(method, path, &[], body.as_bytes()).await;
        assert_eq!(without_whom(&through), without_whom(&direct), "{method} {path}");
        assert_eq!(through.header("x-whom"), "n2");
    }
    assert!(leader.get("/v1/pause").await.body.contains("true"));
    assert!(follower.get("/v1/pause").await.body.contains("false"), "reads are its own");
}

#[tokio::test]
async fn large_bodies_and_broken_requests_pass_too() {
    let (_, follower) = two();
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(2 << 20));
    assert_eq!(follower.post("/v1/jobs", &large).await.status, 413);
    assert_eq!(follower.restore("file", "[]").await.status, 200);
    assert_eq!(follower.get("/v1/nope").await.status, 404);
    let foreign = [("origin", "http://evil")];
    let got = follower.send("POST", "/v1/jobs", &foreign, JOB.as_bytes()).await;
    assert_eq!(got.status, 403, "the door that was asked refuses");
}

#[tokio::test]
async fn who_cancels_is_known_behind_the_other_server() {
    let (leader, _) = two();
    let door = front(leader.router.clone());
    leader
        .post(
            "/v1/jobs",
            &JOB.replace("\"shell\"", r#""shell","executor_config":{"command":"endless"}"#),
        )
        .await;
    leader.post("/v1/jobs/j/run", "").await;
    let head = RequestHead {
        method: "POST".into(),
        target: "/v1/jobs/j/cancel".into(),
        headers: Vec::new(),
        client: Some("10.9.8.7".into()),
    };
    let arrived = Arrived { head, body: Pieces::empty(), from_server: true };
    assert_eq!(door(arrived).await.head.status, 202);
    let shown = leader.get("/v1/jobs/j/executions").await.json();
    assert_eq!(shown[0]["cancelled"]["by"], "rest 10.9.8.7");
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let door = front(client().router.clone());
    let head =
        RequestHead { method: "G T".into(), target: "no target".into(), ..Default::default() };
    let arrived = Arrived { head, body: Pieces::of(Bytes::new()), from_server: false };
    assert_eq!(door(arrived).await.head.status, 400);
}

#[tokio::test]
async fn without_a_leader_writes_are_refused_and_reads_go_on() {
    let follower = follower(Within { front: None, leads: false, says: None });
    let got = follower.post("/v1/jobs", JOB).await;
    assert_eq!((got.status, got.body.as_str()), (503, "no leader, try again later"));
    assert_eq!(got.header("retry-after"), "1");
    assert_eq!(follower.get("/v1/busy").await.status, 200);
    assert_eq!(follower.get("/v1/jobs").await.status, 200);
}

#[tokio::test]
async fn an_open_outcome_is_told() {
    let way = Within { front: None, leads: false, says: Some(Error::Unknown) };
    let follower = follower(way);
    let got = follower.post("/v1/jobs", JOB).await;
    assert_eq!(got.status, 503);
    assert!(got.body.starts_with("outcome unknown"), "{}", got.body);
    assert_eq!(follower.get("/v1/busy").await.status, 200, "a read can be asked again here");
}

#[tokio::test]
async fn who_leads_does_it_itself() {
    let leading = follower(Within { front: None, leads: true, says: Some(Error::Busy) });
    assert_eq!(leading.post("/v1/jobs", JOB).await.status, 201);
}
