//! Agents come and go, runners die, leases run out: real processes through a real runner.
//! Bears T-35.

use std::path::PathBuf;

use super::tests::{House, alive, house, house_with, options, read_pid, run, until};
use super::*;
use crate::executor::{EndedBy, OutcomeState, Terms};
use crate::output::{DEFAULT_LIMIT, OutputReader};
use crate::process::kernel;
use crate::runner::Hello;

type Running = tokio::task::JoinHandle<Outcome>;

/// A run that was started and tells what became of it.
struct Job {
    reader: OutputReader,
    out: OutputSink,
    running: Running,
    cancel: CancelToken,
}

fn begin(house: &House, run: Run, limit: usize) -> Job {
    let (out, cancel) = (OutputSink::new(limit), CancelToken::new());
    let running = tokio::spawn(house.shell.run(run, out.clone(), cancel.clone()));
    Job { reader: out.reader(), out, running, cancel }
}

impl Job {
    async fn group(&self) -> u32 {
        until(|| self.reader.process().is_some()).await;
        self.reader.process().unwrap().process_group
    }

    async fn end(self) -> (Outcome, String) {
        let outcome = self.running.await.unwrap();
        (outcome, String::from_utf8(self.out.finish().bytes.to_vec()).unwrap())
    }
}

fn shell_run(seq: u64, command: &str, terms: Terms) -> Run {
    Run { terms, ..run(seq, &[("command", command), ("shell", "true")]) }
}

/// Waits for a file, then says how it was called and ends.
fn gated(gate: &std::path::Path, seq: u64) -> String {
    format!("echo begun; while [ ! -e {} ]; do sleep 0.01; done; echo {seq}", gate.display())
}

impl House {
    /// The agent goes without a word, as with `kill -9`, and another one comes.
    async fn next_agent(self) -> (House, Vec<Held>) {
        let House { runner, dir, .. } = self;
        runner.detach().await;
        let (runner, held) =
            RunnerClient::open(options(dir.path(), "runner_process")).await.unwrap();
        let shell = ShellExecutor::new(runner.clone(), ShellOptions::default());
        (House { runner, shell, dir }, held)
    }

    fn resume(&self, held: &Held) -> Job {
        let (out, cancel) = (OutputSink::new(DEFAULT_LIMIT), CancelToken::new());
        let running = self.shell.resume(held, out.clone(), cancel.clone()).unwrap();
        Job { reader: out.reader(), out, running: tokio::spawn(running), cancel }
    }
}

#[tokio::test]
async fn another_agent_takes_up_what_runs_and_what_has_ended() {
    let house = house_with("runner_process").await;
    let gate = house.dir.path().join("gate");
    for seq in 1..=20 {
        let job = begin(&house, shell_run(seq, &gated(&gate, seq), Terms::default()), 1000);
        job.group().await;
    }
    let ended = begin(&house, shell_run(21, "echo early; exit 7", Terms::default()), 1000);
    let unread = ended.end().await.0;
    assert_eq!(unread.exit_code, Some(7));
    let broken = begin(&house, run(22, &[("command", "/no/such")]), 1000);
    broken.end().await;

    let (house, held) = house.next_agent().await;
    assert_eq!(held.len(), 22);
    let exits = held.iter().filter(|one| one.exit.is_some()).map(|one| one.seq);
    assert_eq!(exits.collect::<Vec<_>>(), [21, 22]);
    assert!(held[21].process.is_none() && held[20].process.is_some());
    let jobs: Vec<Job> = held.iter().map(|one| house.resume(one)).collect();
    std::fs::write(&gate, "").unwrap();
    for (index, job) in jobs.into_iter().enumerate() {
        let seq = index as u64 + 1;
        let (outcome, output) = job.end().await;
        match seq {
            21 => {
                assert_eq!((outcome.exit_code, output.as_str()), (Some(7), "early\n"));
                assert_eq!(outcome.finished_at, unread.finished_at);
            }
            22 => assert!(outcome.error.unwrap().contains("no such file")),
            _ => assert_eq!((outcome.exit_code, output), (Some(0), format!("begun\n{seq}\n"))),
        }
        house.runner.forget(seq);
    }
    assert!(house.runner.list().await.unwrap().is_empty());
    house.runner.shutdown().await;
}

#[tokio::test]
async fn the_newer_of_two_agents_counts_and_may_kill() {
    let house = house_with("runner_process").await;
    let job = begin(&house, shell_run(5, "echo $$; sleep 1000", Terms::default()), 1000);
    let group = job.group().await;
    let (newer, held) =
        RunnerClient::open(options(house.dir.path(), "runner_process")).await.unwrap();
    assert_eq!((held.len(), held[0].process), (1, job.reader.process()));
    let process = newer.resume(5, OutputSink::new(1000)).unwrap();
    process.kill(Duration::from_secs(10));
    until(|| !alive(group)).await;
    newer.shutdown().await;
}

#[tokio::test]
async fn an_agent_that_shares_no_version_starts_nothing_there() {
    let dir = tempfile::tempdir().unwrap();
    let opened = RunnerClient::open(options(dir.path(), "runner_of_another_build")).await;
    assert!(matches!(opened, Err(RunnerError::Greeting { .. })));
}

#[tokio::test]
async fn a_retired_runner_finishes_what_it_has_beside_a_new_one() {
    let house = house_with("runner_process").await;
    let (gate, done) = (house.dir.path().join("gate"), house.dir.path().join("done"));
    let command = format!("{}; echo > {}", gated(&gate, 1), done.display());
    let job = begin(&house, shell_run(1, &command, Terms::default()), 1000);
    let former = runner_of(job.group().await);
    house.runner.detach().await;
    // An agent of a later build, which speaks none of this one's versions.
    let mut later = std::os::unix::net::UnixStream::connect(house.dir.path().join("runner.sock"));
    let stranger = Hello { version: 99, oldest: 99, ..Hello::own() };
    let greeting = [&stranger.encode()[..], b"R"].concat();
    std::io::Write::write_all(later.as_mut().unwrap(), &greeting).unwrap();
    until(|| {
        std::os::unix::net::UnixStream::connect(house.dir.path().join("runner.sock")).is_err()
    })
    .await;

    let (house, held) = house.next_agent().await;
    assert!(held.is_empty());
    let (outcome, _) = begin(&house, shell_run(1, "true", Terms::default()), 1000).end().await;
    assert!(outcome.is_success());
    assert!(alive(former));
    std::fs::write(&gate, "").unwrap();
    until(|| done.exists() && !alive(former)).await;
    house.runner.shutdown().await;
}

#[tokio::test]
async fn a_stale_socket_is_no_runner() {
    let dir = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("runner.sock")).unwrap());
    let (runner, held) = RunnerClient::open(options(dir.path(), "runner_process")).await.unwrap();
    assert!(held.is_empty());
    runner.shutdown().await;
    assert!(!dir.path().join("runner.sock").exists());
}

fn runner_of(group: u32) -> u32 {
    kernel::stat(group).unwrap().parent
}

#[tokio::test]
async fn a_runner_that_nobody_needs_ends_and_one_with_results_stays() {
    let house = house_with("runner_of_little_patience").await;
    let job = begin(&house, shell_run(1, "sleep 1000", Terms::default()), 1000);
    let runner = runner_of(job.group().await);
    house.runner.detach().await;
    let (again, held) =
        RunnerClient::open(options(house.dir.path(), "runner_of_little_patience")).await.unwrap();
    assert_eq!(held.len(), 1, "it stayed with its run");
    let mut process = again.resume(1, OutputSink::new(100)).unwrap();
    process.kill(Duration::ZERO);
    process.wait().await.unwrap();
    again.forget(1);
    again.detach().await;
    until(|| !alive(runner)).await;
}

#[tokio::test]
async fn leases_and_longest_times_hold_without_an_agent() {
    let house = house_with("runner_process").await;
    let short = Duration::from_millis(300);
    let lease = Terms { lease: Some(short), grace: short, ..Terms::default() };
    let longest = Terms { max_runtime: Some(short), grace: short, ..Terms::default() };
    let long = Terms { lease: Some(Duration::from_secs(1000)), ..Terms::default() };
    // Deaf to the polite request, with a child that is as deaf.
    let deaf = "trap '' TERM; sh -c \"trap '' TERM; sleep 1000\" & sleep 1000; sleep 1000";
    let jobs = [
        begin(&house, shell_run(1, deaf, lease), 1000),
        begin(&house, shell_run(2, deaf, longest), 1000),
        begin(&house, shell_run(3, "sleep 1000", long), 1000),
    ];
    let mut groups = Vec::new();
    for job in &jobs {
        groups.push(job.group().await);
    }
    house.runner.detach().await;
    until(|| !kernel::group_exists(groups[0]) && !kernel::group_exists(groups[1])).await;
    assert!(alive(groups[2]), "its lease has not run out");

    let (house, held) = house.next_agent().await;
    let (fenced, text) = house.resume(&held[0]).end().await;
    assert_eq!((fenced.state, fenced.ended_by), (OutcomeState::Failed, EndedBy::Lease));
    assert!(text.contains("no leader was heard for 300ms"), "{text}");
    let (late, text) = house.resume(&held[1]).end().await;
    assert_eq!((late.state, late.ended_by), (OutcomeState::TimedOut, EndedBy::MaxRuntime));
    assert!(text.contains("max_runtime of 300ms"), "{text}");
    house.runner.shutdown().await;
    until(|| !alive(groups[2])).await;
}

#[tokio::test]
async fn a_renewed_lease_goes_on() {
    let house = house().await;
    let gate = house.dir.path().join("gate");
    let terms = Terms { lease: Some(Duration::from_millis(400)), ..Terms::default() };
    let job = begin(&house, shell_run(1, &gated(&gate, 1), terms), 1000);
    job.group().await;
    let begun = std::time::Instant::now();
    until(|| {
        house.runner.renew(Duration::ZERO);
        begun.elapsed() > Duration::from_millis(1200)
    })
    .await;
    std::fs::write(&gate, "").unwrap();
    assert!(job.end().await.0.is_success());
}

#[tokio::test]
async fn two_hundred_cancelled_runs_leave_nothing() {
    let house = house().await;
    let dir = house.dir.path().to_owned();
    // A child in the background, without the output, and one in front.
    let command = |seq: u64| {
        let file = dir.join(format!("{seq}.pid"));
        format!("sleep 1000 > /dev/null 2>&1 & echo $! > {}; sleep 1000", file.display())
    };
    let jobs: Vec<Job> = (0..200)
        .map(|seq| begin(&house, shell_run(seq, &command(seq), Terms::default()), 1000))
        .collect();
    let files: Vec<PathBuf> = (0..200).map(|seq| dir.join(format!("{seq}.pid"))).collect();
    until(|| files.iter().all(|file| read_pid(file).is_some())).await;
    let mut groups = Vec::new();
    for job in &jobs {
        groups.push(job.group().await);
        job.cancel.cancel();
    }
    for (seq, job) in jobs.into_iter().enumerate() {
        let (outcome, _) = job.end().await;
        assert_eq!(outcome.state, OutcomeState::Cancelled);
        house.runner.forget(seq as u64);
        // Nothing is left by the time that the end is told.
        assert!(!alive(read_pid(&files[seq]).unwrap()), "{seq}");
    }
    until(|| groups.iter().all(|group| !kernel::group_exists(*group))).await;
    assert!(house.runner.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_loud_child_in_the_background_keeps_nobody_waiting() {
    let house = house().await;
    let loud = begin(&house, shell_run(1, "yes & exit 0", Terms::default()), 1000);
    loud.group().await;
    let other = begin(&house, shell_run(2, "echo other", Terms::default()), 1000);
    assert_eq!(other.end().await.1, "other\n");
    let (outcome, output) = loud.end().await;
    assert!(outcome.is_success() && output.contains("left processes behind"), "{output}");
}

#[tokio::test]
async fn a_deaf_child_in_the_background_goes_with_the_grace() {
    let house = house().await;
    let file = house.dir.path().join("pid");
    let command = format!(
        "sh -c \"trap '' TERM; echo \\$\\$ > {}; while :; do sleep 0.01; done\" > /dev/null 2>&1 & \
         wait",
        file.display()
    );
    let options = ShellOptions { kill_grace: Duration::from_millis(300) };
    let shell = ShellExecutor::new(house.runner.clone(), options);
    let (out, cancel) = (OutputSink::new(100), CancelToken::new());
    let run = shell_run(1, &command, Terms::default());
    let running = tokio::spawn(shell.run(run, out, cancel.clone()));
    until(|| read_pid(&file).is_some()).await;
    cancel.cancel();
    assert_eq!(running.await.unwrap().state, OutcomeState::Cancelled);
    let child = read_pid(&file).unwrap();
    until(|| !alive(child)).await;
}

#[tokio::test]
async fn a_large_tail_is_spooled_read_in_pieces_and_brought() {
    let house = house_with("runner_process").await;
    let gate = house.dir.path().join("gate");
    let command = format!("seq 1 400000; {}", gated(&gate, 1));
    let job = begin(&house, shell_run(1, &command, Terms::default()), 1 << 20);
    let whole: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    let expected = format!("{whole}begun\n");
    let mut seen = 0;
    while seen < expected.len() as u64 {
        job.reader.grown(seen).await;
        let piece = job.reader.read(seen, 1 << 20).await.unwrap_or_default();
        let (start, end) = (piece.start as usize, piece.end() as usize);
        assert_eq!(piece.bytes, &expected.as_bytes()[start..end]);
        seen = seen.max(piece.end());
        tokio::task::yield_now().await;
    }
    assert_eq!(std::fs::read_dir(house.dir.path().join("spool")).unwrap().count(), 0);
    std::fs::write(&gate, "").unwrap();
    assert!(job.running.await.unwrap().is_success());
    let tail = job.out.finish();
    let expected = format!("{expected}1\n");
    assert_eq!((tail.bytes.len(), tail.dropped as usize), (1 << 20, expected.len() - (1 << 20)));
    assert_eq!(tail.bytes, &expected.as_bytes()[expected.len() - (1 << 20)..]);
    house.runner.shutdown().await;
}
