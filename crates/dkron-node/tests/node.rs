//! A whole node in this process: real consensus, real files, in-process executors.
//! Bears T-05 and T-49.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{Concurrency, Job, JobName, NodeName, Settings, State, Submission};
use dkron_exec::executors::NoopExecutor;
use dkron_exec::{
    BoxFuture, CancelToken, Executor, Outcome, OutputSink, ProcessorRegistry, Registry, Run,
};
use dkron_node::network::{NetworkOptions, Profile};
use dkron_node::service::{Error, ListQuery, Member, ReadMode, Service};
use dkron_node::{Farewell, Node, Options};
use dkron_store::Durability;
use dkron_store::data_dir::{DataDir, Options as DataOptions};

/// Never ends by itself.
struct Endless;

impl Executor for Endless {
    fn name(&self) -> &'static str {
        "endless"
    }

    fn schema(&self) -> &'static dkron_core::domain::config_schema::ConfigSchema {
        NoopExecutor.schema()
    }

    fn run(&self, _: Run, out: OutputSink, cancel: CancelToken) -> BoxFuture<Outcome> {
        out.write(b"so far");
        Box::pin(async move {
            cancel.cancelled().await;
            Outcome::cancelled("told to end")
        })
    }
}

async fn start(path: &Path) -> Node {
    let node = begin(path, true).await;
    until(|| async { node.service.leader().await.unwrap().is_some() }).await;
    node
}

/// Without waiting for a leader.
async fn begin(path: &Path, bootstrap: bool) -> Node {
    let mut data = DataOptions::new([7; 16], "test");
    data.durability = Durability::None;
    let member = Member {
        name: NodeName::from("n1"),
        addr: "127.0.0.1".into(),
        port: 8946,
        tags: [("role", "dkron"), ("region", "global")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        status: 1,
    };
    let executors = [Arc::new(NoopExecutor) as Arc<dyn Executor>, Arc::new(Endless)];
    let node = dkron_node::start(Options {
        member,
        region: "global".into(),
        settings: Settings::default(),
        zone_data: "test".into(),
        data: DataDir::open(path, data).unwrap(),
        durability: Durability::None,
        expect: bootstrap.into(),
        executors: Registry::new(executors),
        runner: None,
        held: Vec::new(),
        processors: ProcessorRegistry::new([]),
        raft_multiplier: 1,
        network: network(),
    });
    node.await.unwrap()
}

/// Free ports on loopback, and nobody to look for.
fn network() -> NetworkOptions {
    let free = "127.0.0.1:0".parse().unwrap();
    NetworkOptions {
        bind: free,
        advertise: free,
        rpc_bind: free,
        rpc_advertise: free,
        key: None,
        profile: Profile::Local,
        join: Vec::new(),
        retry_join: Vec::new(),
        retry_max: None,
        retry_interval: Duration::from_secs(1),
        reconnect_timeout: Duration::from_secs(60),
    }
}

/// Asks again until it is so; a test that waits for ever is ended by its runner.
async fn until<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    while !is_so().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn job(name: &str, schedule: &str, executor: &str) -> Submission {
    let name = JobName::from(name);
    let (schedule, executor) = (schedule.to_owned(), executor.to_owned());
    Submission { job: Job { name, schedule, executor, ..Job::default() }, ..Submission::default() }
}

async fn put(service: &Service, submission: Submission) {
    // A node that has just begun has no session yet, and no room for a run.
    service.put_job(submission).await.unwrap();
}

async fn run(service: &Service, name: &str) -> dkron_node::service::RunView {
    let (name, wait) = (JobName::from(name), Some(Duration::from_secs(60)));
    loop {
        match service.run_job(name.clone(), wait).await {
            Ok(view) => return view,
            Err(Error::NoCapacity(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(err) => panic!("{err}"),
        }
    }
}

#[tokio::test]
async fn a_run_is_in_the_history_when_its_wait_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(dir.path()).await;
    put(&node.service, job("a", "@manually", "noop")).await;
    let ran = run(&node.service, "a").await;
    assert_eq!(ran.ended, Some(true));
    let executions = node.service.executions("a".into()).await.unwrap();
    assert_eq!(executions.len(), 1);
    assert_eq!((executions[0].state, executions[0].group), (State::Success, ran.group.unwrap()));
    let view = node.service.job("a".into()).await.unwrap();
    assert_eq!((view.success_count, view.running), (1, 0));
    node.stop(Farewell::Wait, Duration::ZERO).await;
}

#[tokio::test]
async fn a_running_execution_shows_its_output_and_holds_the_slot() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(dir.path()).await;
    let mut held = job("held", "@manually", "endless");
    held.job.concurrency = Concurrency::Forbid;
    put(&node.service, held).await;
    until(|| async {
        !matches!(node.service.run_job("held".into(), None).await, Err(Error::NoCapacity(_)))
    })
    .await;
    until(|| async {
        let busy = node.service.busy().await.unwrap();
        busy.iter().any(|view| view.output == b"so far" && view.state == State::Running)
    })
    .await;
    let again = node.service.run_job("held".into(), None).await;
    assert!(matches!(again, Err(Error::Overlap(_))), "{again:?}");
    let skipped = node.service.skipped("held".into()).await.unwrap();
    assert_eq!((skipped.len(), skipped[0].count, skipped[0].reason.word()), (1, 1, "overlap"));
    node.stop(Farewell::Wait, Duration::ZERO).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart_and_what_ran_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(dir.path()).await;
    for number in 0..50 {
        put(&node.service, job(&format!("j{number:02}"), "0 0 0 1 1 *", "noop")).await;
    }
    put(&node.service, job("long", "@manually", "endless")).await;
    run(&node.service, "j00").await;
    until(|| async { node.service.run_job("long".into(), None).await.is_ok() }).await;
    until(|| async { !node.service.busy().await.unwrap().is_empty() }).await;
    node.stop(Farewell::Wait, Duration::ZERO).await;

    let node = start(dir.path()).await;
    let page = node.service.list_jobs(ListQuery::default()).await.unwrap();
    assert_eq!(page.total, 51);
    assert_eq!(node.service.job("j00".into()).await.unwrap().success_count, 1);
    until(|| async {
        let executions = node.service.executions("long".into()).await.unwrap();
        executions.len() == 1 && executions[0].state == State::Lost
    })
    .await;
    node.stop(Farewell::Wait, Duration::ZERO).await;
}

#[tokio::test]
async fn a_restore_takes_children_before_parents_and_refuses_whole_files() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(dir.path()).await;
    let mut child = job("child", "", "noop");
    child.job.parent_job = Some("parent".into());
    let bad = vec![child.clone(), job("parent", "nonsense", "noop")];
    assert!(matches!(node.service.restore(bad).await, Err(Error::Invalid(_))));
    assert!(matches!(node.service.job("child".into()).await, Err(Error::JobNotFound)));
    let good = vec![child, job("parent", "@manually", "noop")];
    let stored = node.service.restore(good).await.unwrap();
    let names: Vec<String> = stored.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["parent", "child"]);
    assert!(stored.iter().all(|(_, ok)| *ok));
    run(&node.service, "parent").await;
    until(|| async { node.service.job("child".into()).await.unwrap().success_count == 1 }).await;
    node.stop(Farewell::Wait, Duration::ZERO).await;
}

/// The leader of one server knows for itself that nothing is newer; who waits for a cluster shows
/// what it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_leader_answers_and_says_that_it_may_be_behind() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let leader = start(dirs[0].path()).await;
    let stored = leader.service.put_job(job("a", "@manually", "noop")).await.unwrap();
    let fresh = leader.service.fresh(ReadMode::Consistent).await.unwrap();
    assert!(!fresh.stale && fresh.index.0 > 0);
    assert_eq!(leader.service.job(stored.job.name.clone()).await.unwrap().job, stored.job);
    leader.stop(Farewell::Wait, Duration::ZERO).await;

    let alone = begin(dirs[1].path(), false).await;
    let begun = std::time::Instant::now();
    assert!(alone.service.fresh(ReadMode::Local).await.unwrap().stale);
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(alone.service.fresh(ReadMode::Fresh).await.unwrap().stale);
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(alone.service.fresh(ReadMode::Consistent).await, Err(Error::Stale));
    assert!(alone.service.list_jobs(ListQuery::default()).await.unwrap().jobs.is_empty());
    alone.stop(Farewell::Wait, Duration::ZERO).await;
}
