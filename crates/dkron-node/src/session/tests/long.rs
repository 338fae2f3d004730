//! What is too long for the control connection: definitions and outputs.

use dkron_core::domain::{Output, State};
use dkron_store::blob::Digest;

use super::town::{A1, S1, Town, ended, opened};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_definition_is_asked_for_once() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let _agent = town.agent(A1, home.path(), &[&server]);
    opened(&server, 1).await;
    let long = "y".repeat(300_000);
    town.job(&server, "job", "a1", |job| {
        job.executor_config = [("long".to_owned(), long.clone())].into_iter().collect();
    })
    .await;
    town.gate.open();
    for count in 1..=3 {
        town.run(&server, "job");
        let records = ended(&server, count).await;
        assert_eq!(records[count - 1].finish.state, State::Success);
        assert_eq!(town.gate.see(|seen| seen.config.get("long").cloned()), Some(long.clone()));
    }
    assert_eq!(town.hub.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_output_is_stored_at_the_leader_before_its_end_is_told() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let _agent = town.agent(A1, home.path(), &[&server]);
    opened(&server, 1).await;
    town.job(&server, "job", "a1", |job| {
        job.executor_config = [("write".to_owned(), "200000".to_owned())].into_iter().collect();
    })
    .await;
    town.gate.open();
    town.run(&server, "job");
    let record = ended(&server, 1).await.remove(0);
    let Output::Stored { digest, len } = record.finish.output else { panic!("{record:?}") };
    assert_eq!(len, 200_000);
    let stored = server.stored.get(&Digest(digest.0)).unwrap().unwrap();
    assert_eq!(stored, vec![b'x'; 200_000]);
}
