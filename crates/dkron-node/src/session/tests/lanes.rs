//! Sessions over real sockets, beside what is long.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::State;
use tokio_util::sync::CancellationToken;

use super::town::{A1, S1, Town, ended, member, name_of, opened};
use crate::rpc::grpc::{Client, Identity, IoThread, Listener, protocol};
use crate::rpc::{Lane, Method, Role, Target, Wire};

fn identity(id: u64, name: String, role: Role) -> Arc<Identity> {
    let (mark, key) = (None, None);
    Arc::new(Identity { id, name, role, shard: 0, mark, key, protocol: protocol() })
}

/// While the bulk lane is full of bytes that nobody reads, heartbeats and runs pass.
/// Bears T-15.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_goes_on_while_the_bulk_lane_stands_still() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let router = server.router.clone().stream(Method::LiveOutput, |_, frames| async move {
        // It reads nothing until the other side has left.
        frames.to.closed().await;
    });
    let thread = IoThread::start().unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (port, target) = (address.port(), Target { id: S1, address: address.to_string() });
    let own = identity(S1, "s1".into(), Role::Server);
    let shutdown = CancellationToken::new();
    listener.serve(&thread, own, router, shutdown.clone()).unwrap();
    let client = Client::new(&thread, identity(A1, name_of(A1), Role::Agent));
    let wire: Arc<dyn Wire> = Arc::new(client);
    let _agent = town.agent_over(Arc::clone(&wire), A1, home.path(), vec![member(S1, port)]);
    opened(&server, 1).await;
    town.job(&server, "job", "a1", |_| {}).await;

    let patience = Duration::from_secs(20);
    let bulk = wire.open(&target, Lane::Bulk, Method::LiveOutput, patience).await.unwrap();
    let filling = tokio::spawn(async move {
        while bulk.to.send(Bytes::from(vec![1; 256 << 10])).await.is_ok() {}
    });
    town.gate.open();
    for count in 1..=30 {
        town.run(&server, "job");
        let records = ended(&server, count).await;
        assert_eq!(records[count - 1].finish.state, State::Success);
    }
    assert!(!filling.is_finished(), "the lane is full");
    assert_eq!(server.see(|brain| brain.opened), 1, "the session is the first one");
    filling.abort();
    shutdown.cancel();
}
