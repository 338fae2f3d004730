//! Measures runs per second of the shell and http executors:
//! `rates shell|http [runs] [at once] [command]`.
#![allow(clippy::print_stdout)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dkron_exec::executors::{HttpExecutor, ShellExecutor, ShellOptions};
use dkron_exec::output::DEFAULT_LIMIT;
use dkron_exec::runner::{RunnerClient, RunnerOptions, runner_main};
use dkron_exec::{CancelToken, Executor, OutputSink, Run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_default();
    if what == "runner" {
        return Ok(runner_main()?);
    }
    let runs = args.next().map_or(Ok(5_000), |text| text.parse())?;
    let at_once = args.next().map_or(Ok(64), |text| text.parse())?;
    let command = args.next().unwrap_or_else(|| "/bin/true".to_owned());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match what.as_str() {
        "http" => {
            let address = serve_elsewhere()?;
            let config = vec![("url", format!("http://{address}/")), ("method", "GET".into())];
            runtime.block_on(measure(Arc::new(HttpExecutor::new()), config, runs, at_once))
        }
        "shell" => runtime.block_on(async {
            let socket_path = std::env::temp_dir().join(format!("rates-{}", std::process::id()));
            let exe = std::env::current_exe()?;
            let options = RunnerOptions { exe, args: vec!["runner".into()], socket_path };
            let runner = RunnerClient::spawn(options).await?;
            let shell = ShellExecutor::new(runner.clone(), ShellOptions::default());
            let config = vec![("command", command)];
            measure(Arc::new(shell), config, runs, at_once).await?;
            runner.shutdown().await;
            Ok(())
        }),
        _ => Err("say `shell` or `http`".into()),
    }
}

async fn measure(
    executor: Arc<dyn Executor>,
    config: Vec<(&'static str, String)>,
    runs: u32,
    at_once: usize,
) -> Result<(), Failure> {
    let slots = Arc::new(Semaphore::new(at_once));
    let began = Instant::now();
    for number in 0..runs {
        let slot = Arc::clone(&slots).acquire_owned().await?;
        let run = Run {
            execution_id: format!("{number}-node"),
            job_name: "rates".into(),
            executor_config: config.iter().map(|(k, v)| ((*k).into(), v.clone())).collect(),
            ..Run::default()
        };
        let out = OutputSink::new(DEFAULT_LIMIT);
        let running = executor.run(run, out.clone(), CancelToken::new());
        tokio::spawn(async move {
            let outcome = running.await;
            assert!(outcome.is_success(), "{outcome:?}");
            drop(slot);
        });
    }
    let _all = slots.acquire_many(u32::try_from(at_once)?).await?;
    let took = began.elapsed();
    let rate = f64::from(runs) / took.as_secs_f64();
    println!("{runs} runs, {at_once} at once: {took:.2?}, {rate:.0} runs/s, cpu {:.2?}", cpu());
    Ok(())
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
