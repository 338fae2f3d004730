//! Real processes through a real runner, which is this test program itself.
//! Bears T-08, T-34, T-35 and T-50.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use rustix::net::sockopt::socket_acceptconn;

use super::*;
use crate::executor::{Context, EndedBy, OutcomeState, Terms};
use crate::output::{DEFAULT_LIMIT, OutputReader, StartedProcess};
use crate::process::kernel;
use crate::runner::{Hello, RunnerOptions, RunnerSettings, runner_main};

/// Not tests by themselves: with a listening socket as standard input they are runners.
#[test]
fn runner_process() {
    be_a_runner(RunnerSettings::default());
}

#[test]
fn runner_with_agent() {
    be_a_runner(RunnerSettings { with_agent: true, ..RunnerSettings::default() });
}

#[test]
fn runner_of_little_patience() {
    be_a_runner(RunnerSettings { idle: Duration::from_millis(100), ..RunnerSettings::default() });
}

#[test]
fn runner_of_another_build() {
    let hello = Hello { version: 9, oldest: 8, ..Hello::own() };
    be_a_runner(RunnerSettings { hello, ..RunnerSettings::default() });
}

fn be_a_runner(settings: RunnerSettings) {
    if socket_acceptconn(io::stdin().as_fd()).unwrap_or(false) {
        runner_main(settings).unwrap();
    }
}

pub struct House {
    pub runner: RunnerClient,
    pub shell: ShellExecutor,
    pub dir: tempfile::TempDir,
}

pub fn options(dir: &Path, which: &str) -> RunnerOptions {
    let name = format!("executors::shell::tests::{which}");
    RunnerOptions {
        exe: std::env::current_exe().unwrap(),
        args: [&name, "--exact", "--nocapture", "--test-threads=1"].map(Into::into).into(),
        socket_path: dir.join("runner.sock"),
        spool_dir: dir.join("spool"),
        // A runner that stays must not hold what the test writes to.
        log_path: Some(dir.join("runner.log")),
    }
}

/// Its runner ends with the test, however the test ends.
pub async fn house() -> House {
    house_with("runner_with_agent").await
}

pub async fn house_with(which: &str) -> House {
    let dir = tempfile::tempdir().unwrap();
    let (runner, held) = RunnerClient::open(options(dir.path(), which)).await.unwrap();
    assert!(held.is_empty());
    let shell = ShellExecutor::new(runner.clone(), ShellOptions::default());
    House { runner, shell, dir }
}

pub fn run(seq: u64, config: &[(&str, &str)]) -> Run {
    Run {
        seq,
        execution_id: format!("{seq}-n1"),
        job_name: "job".into(),
        executor_config: config.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        context: Context {
            group: 17,
            attempt: 2,
            scheduled_at: Some("2026-01-01T00:00:00Z".into()),
            node: "n1".into(),
            fence: 99,
        },
        terms: Terms::default(),
    }
}

impl House {
    async fn run(&self, config: &[(&str, &str)]) -> (Outcome, String) {
        let out = OutputSink::new(DEFAULT_LIMIT);
        let outcome = self.shell.run(run(1, config), out.clone(), CancelToken::new()).await;
        self.shell.forget(1);
        (outcome, String::from_utf8(out.finish().bytes.to_vec()).unwrap())
    }

    async fn shell(&self, command: &str, more: &[(&str, &str)]) -> (Outcome, String) {
        let config = [&[("command", command), ("shell", "true")], more].concat();
        self.run(&config).await
    }
}

/// Waits for a condition; the test runner's own patience is the limit.
pub async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Follows an output until it is this.
async fn until_output(reader: &OutputReader, text: &str) {
    loop {
        let piece = reader.read(0, 1000).await.unwrap_or_default();
        if piece.bytes == text {
            return;
        }
        reader.grown(piece.total).await;
        tokio::task::yield_now().await;
    }
}

pub fn alive(pid: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    state.is_ok_and(|line| !line.rsplit_once(") ").unwrap().1.starts_with('Z'))
}

pub fn read_pid(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.strip_suffix('\n')?.parse().ok()
}

#[tokio::test]
async fn ends_are_told_in_the_known_words() {
    let house = house().await;
    for (command, code, error, output) in [
        ("true", Some(0), None, ""),
        ("echo out; echo err 1>&2; echo out", Some(0), None, "out\nerr\nout\n"),
        ("echo before; exit 3", Some(3), Some("exit status 3"), "before\n"),
        ("kill -9 $$", None, Some("signal: killed"), ""),
        ("kill -15 $$", None, Some("signal: terminated"), ""),
    ] {
        let (outcome, text) = house.shell(command, &[]).await;
        assert_eq!((outcome.exit_code, outcome.error.as_deref()), (code, error), "{command}");
        assert_eq!(outcome.is_success(), error.is_none());
        assert_eq!(text, output, "{command}");
    }
}

#[tokio::test]
async fn what_cannot_be_started_fails_with_a_text() {
    let house = house().await;
    let missing = "exec: \"no-such-command-at-all\": executable file not found in $PATH";
    for (config, error) in [
        (vec![("command", "no-such-command-at-all")], missing),
        (vec![("command", "/no/such")], "fork/exec /no/such: no such file or directory"),
        (vec![("command", "/etc/passwd")], "fork/exec /etc/passwd: permission denied"),
        (vec![("command", " ")], "shell: Command missing"),
        (vec![], "shell: Command missing"),
        (vec![("command", "a 'b")], "invalid command line string"),
        (vec![("command", "true"), ("cwd", "/no")], "chdir /no: no such file or directory"),
        (vec![("command", "true"), ("cwd", "/etc/passwd")], "chdir /etc/passwd: not a directory"),
        (vec![("command", "true"), ("timeout", "5")], "shell: Error parsing job timeout"),
        (
            vec![("command", "true"), ("mem_limit", "0")],
            "shell: Error parsing job memory limit: memory limit must be greater than 0",
        ),
        (
            vec![("command", "cat"), ("payload", "aGk!")],
            "illegal base64 data at input byte 3 (correct `payload`)",
        ),
        (vec![("command", "true"), ("su", "no-such-user")], "user: unknown user no-such-user"),
    ] {
        let (outcome, output) = house.run(&config).await;
        assert_eq!(outcome.error.as_deref(), Some(error));
        assert_eq!((outcome.state, output.as_str()), (OutcomeState::Failed, ""));
    }
    let (outcome, _) = house.run(&[("command", "echo a && echo b")]).await;
    assert!(outcome.error.unwrap().contains("`&&`"));
}

#[tokio::test]
async fn environment_directory_and_input_reach_the_process() {
    let house = house().await;
    let more = [("env", "A=1,B=two words,DKRON_JOB=x"), ("cwd", "/tmp")];
    let (_, output) = house.shell("echo $A-$B-$ENV_JOB_NAME; pwd", &more).await;
    assert_eq!(output, "1-two words-job\n/tmp\n");
    let facts = "echo $DKRON_JOB $DKRON_EXECUTION $DKRON_GROUP $DKRON_ATTEMPT \
                 $DKRON_SCHEDULED_AT $DKRON_NODE $DKRON_FENCE";
    let (_, output) = house.shell(facts, &more).await;
    assert_eq!(output, "job 1-n1 17 2 2026-01-01T00:00:00Z n1 99\n");
    let (_, output) = house.run(&[("command", "echo 'a  b' \"c d\" e\\ f $HOME")]).await;
    assert_eq!(output, "a  b c d e f $HOME\n");
    let (_, output) = house.run(&[("command", "cat")]).await;
    assert_eq!(output, "", "standard input is closed");
    let (_, output) =
        house.run(&[("command", "cat"), ("payload", "aGVsbG8\r\ngcGF5bG9hZA==")]).await;
    assert_eq!(output, "hello payload");
}

#[tokio::test]
async fn a_large_payload_does_not_block() {
    let house = house().await;
    let bytes: Vec<u8> = (0..1_048_576u32).map(|n| b'a' + (n % 26) as u8).collect();
    let payload = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let (_, output) = house.run(&[("command", "wc -c"), ("payload", &payload)]).await;
    assert_eq!(output.trim(), "1048576");
    // Read and written at once, with more than either pipe holds.
    let (_, output) = house.run(&[("command", "cat"), ("payload", &payload)]).await;
    assert_eq!(output.as_bytes(), &bytes[bytes.len() - DEFAULT_LIMIT..]);
    // Not read at all.
    assert!(house.run(&[("command", "true"), ("payload", &payload)]).await.0.is_success());
}

#[tokio::test]
async fn of_much_output_the_tail_stays() {
    let house = house().await;
    let out = OutputSink::new(DEFAULT_LIMIT);
    let command = "head -c 10000000 /dev/zero | tr '\\0' x; echo end";
    let config = [("command", command), ("shell", "true")];
    let outcome = house.shell.run(run(1, &config), out.clone(), CancelToken::new()).await;
    assert!(outcome.is_success());
    let tail = out.finish();
    assert_eq!(tail.bytes.len() as u64 + tail.dropped, 10_000_004);
    assert!(tail.bytes.len() == DEFAULT_LIMIT && tail.bytes.ends_with(b"xxend\n"));
}

#[tokio::test]
async fn output_can_be_read_while_it_grows() {
    let house = house().await;
    let gate = house.dir.path().join("gate");
    let command = format!("echo first; while [ ! -e {} ]; do sleep 0.01; done", gate.display());
    let out = OutputSink::new(DEFAULT_LIMIT);
    let reader = out.reader();
    let config = [("command", command.as_str()), ("shell", "true")];
    let running = tokio::spawn(house.shell.run(run(1, &config), out, CancelToken::new()));
    until_output(&reader, "first\n").await;
    assert_eq!(reader.read(2, 3).await.unwrap().bytes, "rst");
    assert_eq!(reader.snapshot().await.unwrap().bytes, "first\n");
    assert!(alive(reader.process().unwrap().process_group));
    std::fs::write(&gate, "").unwrap();
    assert!(running.await.unwrap().is_success());
}

#[tokio::test]
async fn a_timeout_kills_the_whole_group() {
    let house = house().await;
    let file = house.dir.path().join("pid");
    let command = format!("sh -c 'sleep 1000 & echo $! > {}; wait'", file.display());
    let (outcome, output) = house.shell(&command, &[("timeout", "300ms")]).await;
    assert_eq!(outcome.error.as_deref(), Some("signal: killed"));
    assert_eq!(outcome.state, OutcomeState::TimedOut);
    let note = "execution time exceeding defined timeout 300ms. Job was killed";
    assert_eq!(output, format!("shell: Job '{command}' {note}"));
    let grandchild = read_pid(&file).unwrap();
    until(|| !alive(grandchild)).await;
}

#[tokio::test]
async fn children_that_hold_the_output_do_not_hold_the_run() {
    let house = house().await;
    let file = house.dir.path().join("pid");
    let command = format!("sleep 1000 & echo $! > {}; echo hi", file.display());
    let (outcome, output) = house.shell(&command, &[("timeout", "300ms")]).await;
    assert!(outcome.is_success());
    assert!(output.starts_with("hi\nshell: Job '") && output.contains("timeout 300ms"));
    let child = read_pid(&file).unwrap();
    until(|| !alive(child)).await;

    let (outcome, output) = house.shell(&command, &[]).await;
    assert!(outcome.is_success());
    assert!(output.starts_with("hi\nshell: Job '") && output.contains("left processes behind"));
    let child = read_pid(&file).unwrap();
    until(|| !alive(child)).await;
}

#[tokio::test]
async fn children_that_hold_nothing_live_on() {
    let house = house().await;
    let file = house.dir.path().join("pid");
    let command = format!("sleep 1000 > /dev/null 2>&1 & echo $! > {}", file.display());
    let (outcome, output) = house.shell(&command, &[]).await;
    assert!(outcome.is_success() && output.is_empty());
    let child = read_pid(&file).unwrap();
    assert!(alive(child));
    let group = kernel::stat(child).unwrap().group;
    assert!(kernel::signal_group(group, rustix::process::Signal::KILL));
    until(|| !alive(child)).await;
}

#[tokio::test]
async fn too_much_memory_kills_the_tree() {
    let house = house().await;
    // `tail` must keep an endless line; its parent holds next to nothing.
    let command = "tail /dev/zero; echo not reached";
    let (outcome, output) = house.shell(command, &[("mem_limit", "50MB")]).await;
    assert_eq!(outcome.error.as_deref(), Some("signal: killed"));
    assert_eq!(outcome.state, OutcomeState::Failed);
    assert!(output.starts_with(&format!("shell: Job '{command}' memory usage (")), "{output}");
    assert!(output.ends_with("exceeding defined limit (52428800 bytes). Job was killed"));
}

#[tokio::test]
async fn another_user_with_its_groups() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let house = house().await;
    let (outcome, output) = house.shell("id -un; id -G; cd /", &[("su", "nobody")]).await;
    assert!(outcome.is_success(), "{outcome:?}");
    let mut lines = output.lines();
    assert_eq!(lines.next(), Some("nobody"));
    assert!(!lines.next().unwrap().split(' ').any(|group| group == "0"));
    let (_, output) = house.shell("id -u; id -g", &[("su", "nobody:0")]).await;
    assert!(output.ends_with("\n0\n"), "{output}");
}

#[tokio::test]
async fn a_cancelled_run_is_asked_and_then_killed() {
    let house = house().await;
    let ready = house.dir.path().join("ready");
    let touch = format!("touch {}", ready.display());
    let polite = format!("trap 'echo bye; exit 0' TERM; {touch}; while :; do sleep 0.01; done");
    let stubborn = format!("trap '' TERM; {touch}; while :; do sleep 0.01; done");
    let options = ShellOptions { kill_grace: Duration::from_millis(200) };
    let shell = ShellExecutor::new(house.runner.clone(), options);
    for (command, state) in [(&polite, OutcomeState::Success), (&stubborn, OutcomeState::Cancelled)]
    {
        let _ = std::fs::remove_file(&ready);
        let out = OutputSink::new(DEFAULT_LIMIT);
        let cancel = CancelToken::new();
        let config = [("command", command.as_str()), ("shell", "true")];
        let running = tokio::spawn(shell.run(run(1, &config), out.clone(), cancel.clone()));
        until(|| ready.exists()).await;
        cancel.cancel();
        let outcome = running.await.unwrap();
        assert_eq!((outcome.state, outcome.ended_by), (state, EndedBy::Request), "{command}");
        shell.forget(1);
    }
}

#[tokio::test]
async fn many_runs_at_once_keep_their_outputs_apart() {
    let house = house().await;
    let mut all = Vec::new();
    for n in 0..200 {
        let out = OutputSink::new(DEFAULT_LIMIT);
        let config = [("command", format!("echo {n}; echo {n} 1>&2")), ("shell", "1".into())];
        let config: Vec<_> = config.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let run = run(n, &config);
        all.push((n, out.clone(), tokio::spawn(house.shell.run(run, out, CancelToken::new()))));
    }
    for (n, out, running) in all {
        assert!(running.await.unwrap().is_success());
        assert_eq!(out.finish().bytes, format!("{n}\n{n}\n"));
        house.runner.forget(n);
    }
    assert!(house.runner.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn one_execution_is_started_once() {
    let house = house().await;
    let out = OutputSink::new(DEFAULT_LIMIT);
    let reader = out.reader();
    let long = run(1, &[("command", "sleep 1000")]);
    let running = tokio::spawn(house.shell.run(long.clone(), out, CancelToken::new()));
    until(|| reader.process().is_some()).await;
    let listed = house.runner.list().await.unwrap();
    assert_eq!((listed[0].seq, listed[0].process), (1, reader.process()));
    let second = house.shell.run(long, OutputSink::new(10), CancelToken::new()).await;
    assert!(second.error.unwrap().contains("already running"));
    running.abort();
}

#[tokio::test]
async fn a_dead_runner_fails_its_runs_and_is_replaced() {
    let house = house().await;
    let file = house.dir.path().join("pid");
    // The grandchild ignores the end of its parent and holds no pipe.
    let command =
        format!("(sleep 1000 > /dev/null 2>&1 & echo $! > {}); sleep 1000", file.display());
    let told = Arc::new(Mutex::new(None::<StartedProcess>));
    let slot = Arc::clone(&told);
    let out = OutputSink::with_on_started(100, move |process| {
        *slot.lock().unwrap() = Some(process);
    });
    let config = [("command", command.as_str()), ("shell", "true")];
    let running = tokio::spawn(house.shell.run(run(1, &config), out, CancelToken::new()));
    until(|| read_pid(&file).is_some() && told.lock().unwrap().is_some()).await;
    let process = told.lock().unwrap().unwrap();
    assert!(process.start_time > 0 && process.process_group > 1);
    let runner = kernel::stat(process.process_group).unwrap().parent;
    let handle = rustix::process::Pid::from_raw(runner.cast_signed()).unwrap();
    rustix::process::kill_process(handle, rustix::process::Signal::KILL).unwrap();

    let outcome = running.await.unwrap();
    assert_eq!(outcome.state, OutcomeState::Failed);
    assert!(outcome.error.unwrap().contains("runner died"));
    let grandchild = read_pid(&file).unwrap();
    until(|| !alive(process.process_group) && !alive(grandchild)).await;
    let (outcome, output) = house.shell("echo again", &[]).await;
    assert!(outcome.is_success(), "{outcome:?}");
    assert_eq!(output, "again\n");
}

#[tokio::test]
async fn the_end_of_the_agent_ends_everything() {
    let house = house().await;
    let out = OutputSink::new(DEFAULT_LIMIT);
    let reader = out.reader();
    let sleeper = run(1, &[("command", "sleep 1000")]);
    let running = tokio::spawn(house.shell.run(sleeper, out, CancelToken::new()));
    until(|| reader.process().is_some()).await;
    house.runner.shutdown().await;
    assert!(running.await.unwrap().error.unwrap().contains("runner died"));
    let pid = reader.process().unwrap().process_group;
    until(|| !alive(pid)).await;
    assert!(!house.dir.path().join("runner.sock").exists());
    let (outcome, _) = house.shell("true", &[]).await;
    assert!(outcome.error.unwrap().contains("not there"));
}

#[tokio::test]
async fn a_long_directory_name_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("x".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let options = options(&deep, "runner_with_agent");
    let (runner, _) = RunnerClient::open(options).await.unwrap();
    let shell = ShellExecutor::new(runner.clone(), ShellOptions::default());
    let house = House { runner, shell, dir };
    assert!(house.shell("true", &[]).await.0.is_success());
}
