//! Measures the shell and http executors, each beside what the machine itself can do:
//! `rates shell|http [runs] [at once] [command]`, `rates output [megabytes] [jobs]`.
#![allow(clippy::print_stdout)]

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dkron_exec::executors::{HttpExecutor, ShellExecutor, ShellOptions};
use dkron_exec::output::DEFAULT_LIMIT;
use dkron_exec::runner::{RunnerClient, RunnerOptions, RunnerSettings, runner_main};
use dkron_exec::{CancelToken, Executor, OutputSink, Run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_default();
    if what == "runner" {
        return Ok(runner_main(RunnerSettings { with_agent: true, ..Default::default() })?);
    }
    let mut number = |default: u32| args.next().map_or(Ok(default), |text| text.parse());
    let (first, second) = match what.as_str() {
        "output" => (number(1_000)?, number(10)?),
        _ => (number(5_000)?, number(64)?),
    };
    let command = args.next().unwrap_or_else(|| "/bin/true".to_owned());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match what.as_str() {
        "http" => {
            let address = serve_elsewhere()?;
            let config = vec![("url", format!("http://{address}/")), ("method", "GET".into())];
            let at_once = second as usize;
            let http = Arc::new(HttpExecutor::new());
            runtime.block_on(measure(http, config, first, at_once)).map(drop)
        }
        "shell" => {
            let before = limit(2);
            let config = vec![("command", command)];
            let rate = runtime.block_on(async {
                let (runner, shell) = shell().await?;
                let rate = measure(shell, config, first, second as usize).await;
                runner.shutdown().await;
                rate
            })?;
            let limit = f64::midpoint(before, limit(2));
            println!("limit of two threads: {limit:.0}/s; ratio {:.2}", rate / limit);
            Ok(())
        }
        "output" => runtime.block_on(output(first, second)),
        _ => Err("say `shell`, `http` or `output`".into()),
    }
}

/// `/bin/true` with a wait, by threads that do nothing else; per second.
fn limit(threads: u32) -> f64 {
    let (began, count) = (Instant::now(), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while began.elapsed() < Duration::from_secs(2) {
                    let status = Command::new("/bin/true").stdin(Stdio::null()).status();
                    count.fetch_add(u32::from(status.is_ok()), Ordering::Relaxed);
                }
            });
        }
    });
    f64::from(count.into_inner()) / began.elapsed().as_secs_f64()
}

async fn shell() -> Result<(RunnerClient, Arc<dyn Executor>), Failure> {
    let here = std::env::temp_dir().join(format!("rates-{}", std::process::id()));
    let options = RunnerOptions {
        exe: std::env::current_exe()?,
        args: vec!["runner".into()],
        socket_path: here.with_extension("sock"),
        spool_dir: here,
        log_path: None,
    };
    let (runner, _) = RunnerClient::open(options).await?;
    let shell = ShellExecutor::new(runner.clone(), ShellOptions::default());
    Ok((runner, Arc::new(shell)))
}

/// So many megabytes from so many jobs at once.
async fn output(megabytes: u32, jobs: u32) -> Result<(), Failure> {
    let (runner, shell) = shell().await?;
    let each = u64::from(megabytes) * 1_000_000 / u64::from(jobs);
    let config = vec![("command", format!("head -c {each} /dev/zero"))];
    let (all, began) = (megabytes, Instant::now());
    measure(Arc::clone(&shell), config, jobs, jobs as usize).await?;
    let rate = f64::from(all) / began.elapsed().as_secs_f64();
    let memory = |pid: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
        peak.split_whitespace().nth(1).unwrap_or_default().to_owned()
    };
    let (agent, runner_peak) = (memory("self"), runner_pid().map(|pid| memory(&pid)));
    println!("{rate:.0} MB/s; peak KiB: agent {agent}, runner {runner_peak:?}");
    runner.shutdown().await;
    Ok(())
}

async fn measure(
    executor: Arc<dyn Executor>,
    config: Vec<(&'static str, String)>,
    runs: u32,
    at_once: usize,
) -> Result<f64, Failure> {
    let slots = Arc::new(Semaphore::new(at_once));
    let began = Instant::now();
    for number in 0..runs {
        let slot = Arc::clone(&slots).acquire_owned().await?;
        let run = Run {
            seq: u64::from(number),
            execution_id: format!("{number}-node"),
            job_name: "rates".into(),
            executor_config: config.iter().map(|(k, v)| ((*k).into(), v.clone())).collect(),
            ..Run::default()
        };
        let out = OutputSink::new(DEFAULT_LIMIT);
        let executor = Arc::clone(&executor);
        let running = executor.run(run, out.clone(), CancelToken::new());
        tokio::spawn(async move {
            let outcome = running.await;
            assert!(outcome.is_success(), "{outcome:?}");
            let _ = out.finish();
            executor.forget(u64::from(number));
            drop(slot);
        });
    }
    let _all = slots.acquire_many(u32::try_from(at_once)?).await?;
    let took = began.elapsed();
    let rate = f64::from(runs) / took.as_secs_f64();
    println!("{runs} runs, {at_once} at once: {took:.2?}, {rate:.0} runs/s, cpu {:.2?}", cpu());
    Ok(rate)
}

/// The only child of this process.
fn runner_pid() -> Option<String> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.parse::<u32>().is_ok()).find(|name| {
        let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)) == Some(own.as_str())
    })
}

/// User and system time of this process, the test server within it included.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = stat.split(' ').skip(13).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// A server that answers everything with two bytes, on a thread of its own.
fn serve_elsewhere() -> Result<SocketAddr, Failure> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while matches!(stream.read(&mut buffer).await, Ok(1..)) {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                        if stream.write_all(answer).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
    });
    Ok(address)
}
