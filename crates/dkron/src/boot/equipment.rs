//! What runs jobs on a node, server or agent: its data directory, the process that starts
//! processes, and the executors.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use dkron_exec::executors::{HttpExecutor, NoopExecutor, ShellExecutor, ShellOptions};
use dkron_exec::runner::{Held, RunnerClient, RunnerOptions};
use dkron_exec::{Executor, Registry};
use dkron_store::Durability;
use dkron_store::data_dir::{DataDir, Options as DataOptions};

use crate::cli;
use crate::config::Options;

/// What a node is equipped with, opened.
pub struct Equipment {
    pub data: DataDir,
    pub durability: Durability,
    pub executors: Registry,
    pub runner: RunnerClient,
    /// Runs of earlier lives.
    pub held: Vec<Held>,
    /// Whether runs outlive this process.
    pub keep: bool,
}

impl Equipment {
    /// Opens the data directory and the runner.
    pub async fn open(options: &Options, path: &Path) -> anyhow::Result<Equipment> {
        let durability = match options.node.temporary {
            true => Durability::None,
            false => Durability::Fsync,
        };
        let (data, keep) = (open(path, durability)?, !options.node.temporary);
        let runner = RunnerClient::open(runner_options(&data, keep)?).await;
        let (runner, held) = runner.context("no process runner")?;
        let shell = ShellExecutor::new(runner.clone(), ShellOptions::default());
        let executors = Registry::new([
            Arc::new(shell) as Arc<dyn Executor>,
            Arc::new(HttpExecutor::new()),
            Arc::new(NoopExecutor),
        ]);
        Ok(Equipment { data, durability, executors, runner, held, keep })
    }
}

fn open(path: &Path, durability: Durability) -> anyhow::Result<DataDir> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).context("the system gave no random bytes")?;
    let mut options = DataOptions::new(id, env!("CARGO_PKG_VERSION"));
    options.durability = durability;
    DataDir::open(path, options).map_err(|err| anyhow::anyhow!("{}", err.chain()))
}

/// This program again, as the process that starts processes. One that is to be kept goes on when
/// this agent is gone, so it does not write where the agent's words go.
fn runner_options(data: &DataDir, keep: bool) -> anyhow::Result<RunnerOptions> {
    let exe = std::env::current_exe().context("this program's own path is unknown")?;
    let mut args = vec![OsString::from(cli::RUNNER)];
    if !keep {
        args.push(OsString::from(cli::RUNNER_WITH_AGENT));
    }
    let (socket_path, spool_dir) = (data.runner_socket_path(), data.spool_path());
    let log_path = keep.then(|| data.path().join("runner.log"));
    Ok(RunnerOptions { exe, args, socket_path, spool_dir, log_path })
}

/// Parts from the runner, which goes on or not.
pub async fn part(runner: &RunnerClient, keep: bool) {
    if keep {
        runner.detach().await;
    } else {
        runner.shutdown().await;
    }
}
