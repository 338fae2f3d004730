//! Who may talk to whom.

use bytes::Bytes;
use dkron_wire::hello::Greeting;
use hyper::http::uri::PathAndQuery;
use tonic::Code;

use super::super::codec::{Message, Raw};
use super::super::{HELLO, derive_key, dial};
use super::node::{ONE, Seed, TWO};
use crate::cluster::Marked;
use crate::rpc::{CallError, Lane, Method, Role, Target};

fn refusal(result: Result<impl std::fmt::Debug, CallError>) -> String {
    match result {
        Err(CallError::Refused(text)) => text,
        other => panic!("not refused: {other:?}"),
    }
}

/// Bears T-45.
#[tokio::test]
async fn two_clusters_do_not_mix_and_the_text_names_both() {
    let one = Seed { mark: Some(ONE), ..Seed::new(1) }.start();
    let two = Seed { mark: Some(TWO), ..Seed::new(2) }.start();
    let text = refusal(one.status(&two).await);
    for part in [ONE.cluster.to_string(), TWO.cluster.to_string(), "`n1`".into(), "`n2`".into()] {
        assert!(text.contains(&part), "{text}");
    }
}

#[tokio::test]
async fn an_older_generation_is_not_heard_from_either_end() {
    let newer = Marked { generation: 1, ..ONE };
    let old = Seed { mark: Some(ONE), ..Seed::new(1) }.start();
    let new = Seed { mark: Some(newer), ..Seed::new(2) }.start();
    for text in [refusal(old.status(&new).await), refusal(new.status(&old).await)] {
        assert!(text.contains("recovered without `n1`"), "{text}");
        assert!(text.contains("generation 0") && text.contains("generation 1"), "{text}");
    }
}

#[tokio::test]
async fn an_agent_goes_along_with_a_recovered_cluster_and_never_back() {
    let newer = Marked { generation: 1, ..ONE };
    let old = Seed { mark: Some(ONE), ..Seed::new(1) }.start();
    let new = Seed { mark: Some(newer), ..Seed::new(2) }.start();
    let agent = Seed { role: Role::Agent, mark: Some(ONE), ..Seed::new(3) }.start();
    drop(agent.open(&old.target, Lane::Control, Method::Session).await);
    assert_eq!(agent.mark.get(), Some(ONE));
    drop(agent.open(&new.target, Lane::Control, Method::Session).await);
    assert_eq!(agent.mark.get(), Some(newer));
    assert!(refusal(agent.status(&old).await).contains("recovered without `n1`"));
}

#[tokio::test]
async fn both_ends_need_the_same_key() {
    let key = Some(derive_key(b"0123456789abcdef"));
    let other = Some(derive_key(b"0123456789abcdeF"));
    let one = Seed { key, ..Seed::new(1) }.start();
    let two = Seed { key, ..Seed::new(2) }.start();
    let foreign = Seed { key: other, ..Seed::new(3) }.start();
    let open = Seed::new(4).start();
    assert_eq!(one.status(&two).await.unwrap(), "2 to n1: hi");
    assert!(refusal(one.status(&foreign).await).contains("another key"));
    assert!(refusal(one.status(&open).await).contains("`n1` has a key (`encrypt`), `n4` has none"));
    assert!(refusal(open.status(&one).await).contains("`n1` has a key (`encrypt`), `n4` has none"));
}

#[tokio::test]
async fn the_lower_of_the_highest_versions_is_spoken() {
    let heard = |seed: Seed| {
        let router = seed.router.clone().call(Method::Clock, |caller, _| async move {
            Ok(Bytes::copy_from_slice(&caller.version.to_be_bytes()))
        });
        Seed { router, ..seed }
    };
    let old = heard(Seed { protocol: (1, 2), ..Seed::new(1) }).start();
    let new = heard(Seed { protocol: (2, 4), ..Seed::new(2) }).start();
    assert_eq!(old.call(&new.target, Method::Clock).await.unwrap(), vec![0, 2]);
    assert_eq!(new.call(&old.target, Method::Clock).await.unwrap(), vec![0, 2]);
}

#[tokio::test]
async fn without_a_common_version_the_text_has_both_ranges() {
    let old = Seed { protocol: (1, 2), ..Seed::new(1) }.start();
    let new = Seed { protocol: (3, 4), ..Seed::new(2) }.start();
    let text = refusal(old.status(&new).await);
    assert!(text.contains("`n1` speaks protocol 1 to 2, `n2` 3 to 4"), "{text}");
}

#[tokio::test]
async fn another_node_at_the_address_is_not_taken_for_the_one_that_was_meant() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    let wrong = Target { id: 3, ..two.target.clone() };
    let Err(CallError::Unreachable(text)) = one.call(&wrong, Method::Status).await else {
        panic!("it was reached");
    };
    assert!(text.contains("`n2` with id 0000000000000002"), "{text}");
}

#[tokio::test]
async fn an_operator_belongs_to_no_cluster_but_needs_the_key() {
    let key = Some(derive_key(b"0123456789abcdef"));
    let server = Seed { key, mark: Some(ONE), ..Seed::new(1) }.start();
    let operator = Seed { id: 0, role: Role::Operator, key, ..Seed::new(0) }.start();
    let stranger = Seed { id: 0, role: Role::Operator, ..Seed::new(0) }.start();
    assert_eq!(operator.status(&server).await.unwrap(), "1 to n0: hi");
    assert!(refusal(stranger.status(&server).await).contains("has none"));
}

#[tokio::test]
async fn consensus_makes_a_new_server_part_of_the_cluster() {
    let server = Seed { mark: Some(ONE), ..Seed::new(1) }.start();
    let new = Seed::new(2).start();
    let foreign = Seed { mark: Some(TWO), ..Seed::new(3) }.start();
    // Nobody is bound by a question.
    assert_eq!(foreign.status(&new).await.unwrap(), "2 to n3: hi");
    assert_eq!(new.mark.get(), None);
    server.call(&new.target, Method::Consensus).await.unwrap();
    assert_eq!(new.mark.get(), Some(ONE));
    // The connection that was good before is not any more.
    assert!(refusal(foreign.status(&new).await).contains("belongs to cluster"));
    server.call(&new.target, Method::Consensus).await.unwrap();
    assert_eq!(server.status(&new).await.unwrap(), "2 to n1: hi");
}

#[tokio::test]
async fn who_joined_a_cluster_says_so_on_a_new_connection() {
    let (one, two) = (Seed::new(1).start(), Seed::new(2).start());
    one.call(&two.target, Method::Consensus).await.unwrap();
    assert_eq!(two.mark.get(), None);
    one.mark.adopt(ONE).unwrap();
    one.call(&two.target, Method::Consensus).await.unwrap();
    assert_eq!(two.mark.get(), Some(ONE));
}

#[tokio::test]
async fn a_session_makes_an_agent_part_of_the_cluster() {
    let server = Seed::new(1).start();
    let agent = Seed { role: Role::Agent, ..Seed::new(2) }.start();
    drop(agent.open(&server.target, Lane::Control, Method::Session).await);
    assert_eq!(agent.mark.get(), None);
    server.mark.adopt(ONE).unwrap();
    drop(agent.open(&server.target, Lane::Control, Method::Session).await);
    assert_eq!(agent.mark.get(), Some(ONE));
}

#[tokio::test]
async fn a_session_from_before_the_cluster_ends_when_it_begins() {
    let router =
        crate::rpc::Router::default().stream(Method::Session, |_caller, frames| async move {
            // Held open until the other side or this node ends it.
            let _held = frames;
            std::future::pending().await
        });
    let server = Seed { router, ..Seed::new(1) }.start();
    let agent = Seed { role: Role::Agent, ..Seed::new(2) }.start();
    let mut early = agent.open(&server.target, Lane::Control, Method::Session).await;
    server.mark.adopt(ONE).unwrap();
    while let Some(Ok(_)) = early.from.recv().await {}
    drop(agent.open(&server.target, Lane::Control, Method::Session).await);
    assert_eq!(agent.mark.get(), Some(ONE));
}

#[tokio::test]
async fn an_agent_binds_nobody() {
    let agent = Seed { role: Role::Agent, mark: Some(ONE), ..Seed::new(1) }.start();
    let server = Seed::new(2).start();
    agent.call(&server.target, Method::Consensus).await.unwrap();
    assert_eq!(server.mark.get(), None);
}

/// Asks for any path on a connection that was not greeted.
async fn bare(target: &Target, path: &'static str, message: Bytes) -> Result<Bytes, tonic::Status> {
    let line = dial::line(target.address.parse().unwrap()).await.unwrap();
    let path = PathAndQuery::from_static(path);
    let mut grpc = line.grpc(1 << 20);
    let answer = grpc.unary(tonic::Request::new(Message::plain(message)), path, Raw).await?;
    Ok(answer.into_inner())
}

#[tokio::test]
async fn nothing_is_answered_before_the_hello() {
    let server = Seed::new(1).start();
    for path in [super::super::CALL, super::super::OPEN] {
        let question = Bytes::from(vec![Method::Status as u8]);
        let status = bare(&server.target, path, question).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
    }
}

#[tokio::test]
async fn a_damaged_hello_is_refused_with_a_text() {
    let server = Seed::new(1).start();
    for words in [&b""[..], b"\x07", b"\x01\x00\xff", b"\x01\x04", b"\x01\x00\x02\x01\x01"] {
        let answer = bare(&server.target, HELLO, Bytes::copy_from_slice(words)).await.unwrap();
        assert!(matches!(Greeting::decode(&answer), Ok(Greeting::Refused(_))), "{words:?}");
    }
}

#[tokio::test]
async fn a_node_of_the_other_implementation_is_told_what_to_do() {
    let server = Seed::new(1).start();
    let paths =
        ["/types.v1.Dkron/GetJob", "/types.Dkron/GetJob", "/types.v1.AgentService/AgentRun"];
    for path in paths {
        let status = bare(&server.target, path, Bytes::new()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("another implementation of Dkron"), "{status}");
    }
    let status = bare(&server.target, "/grpc.health.v1.Health/Check", Bytes::new()).await;
    assert_eq!(status.unwrap_err().code(), Code::Unimplemented);
}
