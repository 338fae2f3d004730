//! Runs on agents: started, reported, cut off, restarted.

use std::time::{Duration, Instant};

use dkron_core::domain::{EndReason, Job, Output, State};

use super::town::{A1, A2, S1, Town, ended, forbid, opened, until};
use crate::hands::Farewell;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_on_an_agent_is_recorded() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let agent = town.agent(A1, home.path(), &[&server]);
    opened(&server, 1).await;
    town.job(&server, "job", "a1", |_| {}).await;
    town.run(&server, "job");
    town.gate.started(1).await;
    town.gate.open();
    let record = ended(&server, 1).await.remove(0);
    assert_eq!((record.finish.state, record.node.as_str()), (State::Success, "a1"));
    assert_eq!(record.finish.output, Output::Inline((*b"xx").into()));
    // The end is acknowledged: nothing is left to wait for.
    let begun = Instant::now();
    agent.stop(Farewell::Wait, Duration::from_secs(20)).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// Bears T-12.
/// Bears T-20.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_and_a_heal_leave_one_start_and_one_end() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let _agent = town.agent(A1, home.path(), &[&server]);
    opened(&server, 1).await;
    town.job(&server, "job", "a1", |_| {}).await;
    town.run(&server, "job");
    town.gate.started(1).await;
    town.cut(S1, A1);
    // It ends while nobody can hear of it.
    town.gate.open();
    until(|| town.gate.see(|seen| seen.finished.len()) == 1).await;
    assert_eq!(server.see(|brain| brain.ended.len()), 0);
    town.hub.heal();
    let record = ended(&server, 1).await.remove(0);
    assert_eq!(record.finish.state, State::Success);
    town.gate.started(1).await;
    assert_eq!(server.see(|brain| brain.ledger.live_count()), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_never_arrived_is_sent_again() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let _agent = town.agent(A1, home.path(), &[&server]);
    opened(&server, 1).await;
    town.job(&server, "job", "a1", |_| {}).await;
    town.run(&server, "job");
    town.gate.started(1).await;
    // The node still counts as there, but the order is lost on its way.
    town.cut(S1, A1);
    town.run(&server, "job");
    until(|| server.see(|brain| brain.ledger.live_count()) == 2).await;
    town.gate.started(1).await;
    town.hub.heal();
    town.gate.started(2).await;
    town.gate.open();
    let states = ended(&server, 2).await;
    assert!(states.iter().all(|record| record.finish.state == State::Success));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_ends_exclusive_runs_before_they_count_as_lost() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let _agent = town.agent(A1, home.path(), &[&server]);
    opened(&server, 1).await;
    town.job(&server, "alone", "a1", forbid).await;
    town.job(&server, "beside", "a1", |_| {}).await;
    town.run(&server, "alone");
    town.gate.started(1).await;
    town.run(&server, "beside");
    town.gate.started(2).await;
    let cut = Instant::now();
    town.cut(S1, A1);
    until(|| town.gate.see(|seen| seen.cancelled.len()) == 1).await;
    // Five of the twenty seconds, from the last beat that was acknowledged: up to a second ago.
    let silent = cut.elapsed();
    assert!(silent > Duration::from_millis(3500), "fenced after {silent:?}");
    assert!(silent < Duration::from_secs(20), "fenced after {silent:?}");
    assert_eq!(server.see(|brain| brain.ended.len()), 0, "nothing is given up meanwhile");
    town.hub.heal();
    let record = ended(&server, 1).await.remove(0);
    let finish = &record.finish;
    assert_eq!((finish.state, finish.reason), (State::Failed, EndReason::Fenced));
    assert_eq!(record.job_name.as_str(), "alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_comes_back_says_what_is_gone() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let agent = town.agent(A1, home.path(), &[&server]);
    opened(&server, 1).await;
    town.job(&server, "job", "a1", |_| {}).await;
    town.run(&server, "job");
    town.gate.started(1).await;
    // Nothing is written down any more, as if it were killed.
    agent.hand_over().await;
    drop(agent);
    let _agent = town.agent(A1, home.path(), &[&server]);
    opened(&server, 2).await;
    let record = ended(&server, 1).await.remove(0);
    assert_eq!((record.finish.state, record.finish.reason), (State::Lost, EndReason::Gone));
    town.gate.open();
    town.run(&server, "job");
    let again = ended(&server, 2).await.remove(1);
    assert_eq!(again.finish.state, State::Success);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_agent_does_not_wait_for_another() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let (one, two) = (home.path().join("1"), home.path().join("2"));
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let _one = town.agent(A1, &one, &[&server]);
    let _two = town.agent(A2, &two, &[&server]);
    opened(&server, 2).await;
    town.job(&server, "one", "a1", |_| {}).await;
    town.job(&server, "two", "a2", |_| {}).await;
    town.run(&server, "one");
    town.gate.started(1).await;
    town.cut(S1, A1);
    town.run(&server, "two");
    town.gate.started(2).await;
    town.gate.open();
    let record = ended(&server, 1).await.remove(0);
    assert_eq!(record.node.as_str(), "a2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_stops_is_given_nothing_that_another_can_do() {
    let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
    let (one, two) = (home.path().join("1"), home.path().join("2"));
    let server = town.server(S1);
    town.elect(&server, &[]).await;
    let _one = town.agent(A1, &one, &[&server]);
    let two = town.agent(A2, &two, &[&server]);
    opened(&server, 2).await;
    let any = |job: &mut Job| job.tags = [("kind".to_owned(), "agent:1".to_owned())].into();
    town.job(&server, "job", "a1", any).await;
    two.stop(Farewell::HandOver, Duration::from_secs(10)).await;
    for count in 1..=4 {
        town.run(&server, "job");
        town.gate.started(count).await;
    }
    town.gate.open();
    let records = ended(&server, 4).await;
    assert!(records.iter().all(|record| record.node.as_str() == "a1"), "{records:?}");
}
