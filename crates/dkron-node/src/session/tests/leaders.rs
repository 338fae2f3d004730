//! Leaders that change, and how agents find them.

use std::time::{Duration, Instant};

use dkron_core::domain::State;

use super::town::{A1, S1, S2, Town, ended, opened};

/// Bears T-11.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_lead_says_who_does() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let (one, two) = (town.server(S1), town.server(S2));
    town.elect(&two, &[&one]).await;
    // It knows only of the server that does not lead.
    let _agent = town.agent(A1, home.path(), &[&one]);
    opened(&two, 1).await;
    town.job(&two, "job", "a1", |_| {}).await;
    town.gate.open();
    town.run(&two, "job");
    assert_eq!(ended(&two, 1).await[0].finish.state, State::Success);
}

/// Bears T-06.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_going_run_is_taken_up_by_the_next_leader() {
    let (town, home) = (Town::with(&[S1, S2]), tempfile::tempdir().unwrap());
    let (one, two) = (town.server(S1), town.server(S2));
    town.elect(&one, &[&two]).await;
    let _agent = town.agent(A1, home.path(), &[]);
    opened(&one, 1).await;
    town.job(&one, "job", "a1", |_| {}).await;
    town.run(&one, "job");
    town.gate.started(1).await;
    let begun = Instant::now();
    town.elect(&two, &[&one]).await;
    opened(&two, 1).await;
    let took = begun.elapsed();
    town.run(&two, "job");
    town.gate.started(2).await;
    town.gate.open();
    let records = ended(&two, 2).await;
    assert!(records.iter().all(|record| record.finish.state == State::Success));
    // Not by silence: the old leader says that it leads no more.
    assert!(took < Duration::from_secs(10), "a new session took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_falls_silent_is_left_for_the_next() {
    let (town, home) = (Town::with(&[S1, S2]), tempfile::tempdir().unwrap());
    let (one, two) = (town.server(S1), town.server(S2));
    town.elect(&one, &[&two]).await;
    let _agent = town.agent(A1, home.path(), &[]);
    opened(&one, 1).await;
    town.job(&one, "job", "a1", |_| {}).await;
    town.run(&one, "job");
    town.gate.started(1).await;
    // The machine is gone without a word: what it holds stays open and brings nothing.
    town.hub.mute(S1);
    town.elect(&two, &[]).await;
    opened(&two, 1).await;
    town.run(&two, "job");
    town.gate.started(2).await;
    town.gate.open();
    let records = ended(&two, 2).await;
    assert!(records.iter().all(|record| record.finish.state == State::Success));
}
