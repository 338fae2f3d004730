//! Watching a run to its end: its executions as they come, and what each of them writes.

use std::collections::BTreeSet;
use std::io::Read;
use std::time::Instant;

use serde_json::Value;

use super::run::LOOKS;
use super::{of_job, path};
use crate::cli::remote::{Remote, escaped};
use crate::cli::show;
use crate::client::{Ask, Exit, Failure};

const PIECE: usize = 16 * 1024;

/// One run: all executions of a group.
pub struct Watch<'a> {
    pub remote: &'a Remote,
    pub name: &'a str,
    pub group: &'a str,
    pub until: Option<Instant>,
    /// Whether outputs are shown.
    pub show: bool,
}

impl Watch<'_> {
    /// All executions of the run, once none goes on and none will come.
    pub fn to_the_end(&self) -> anyhow::Result<Vec<Value>> {
        let mut seen = BTreeSet::new();
        let (mut pause, most) = LOOKS;
        loop {
            let (mut executions, ended) = self.look()?;
            executions.sort_by_key(|one| one["id"].as_str().map(number));
            let fresh = |one: &&Value| !seen.contains(one["id"].as_str().unwrap_or(""));
            let next = executions.iter().find(fresh).filter(|_| self.show).cloned();
            if let Some(execution) = next {
                let id = execution["id"].as_str().unwrap_or("").to_owned();
                if executions.len() > 1 {
                    eprintln!("-- {id} on {}", show::cell(&execution["node_name"]));
                }
                follow(self.remote, self.name, &id, self.until)
                    .map_err(|err| if self.is_over() { self.still_runs() } else { err })?;
                seen.insert(id);
                pause = LOOKS.0;
                continue;
            }
            if ended {
                return Ok(executions);
            }
            if self.is_over() {
                return Err(self.still_runs());
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(most);
        }
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn still_runs(&self) -> anyhow::Error {
        let said = format!("job {} still runs, group {}", self.name, self.group);
        Failure::new(Exit::Error, said).into()
    }

    /// Executions as they are now, and whether that is all.
    fn look(&self) -> anyhow::Result<(Vec<Value>, bool)> {
        let target = format!("/executions?group={}&output_size_limit=0", self.group);
        let answer = of_job(self.remote, self.name, Ask::get(path(self.name, &target)))?;
        let Some(ended) = answer.header("x-dkron-ended") else {
            let said =
                "this server does not tell when a run has ended: it is older than this command";
            return Err(Failure::new(Exit::Error, said).into());
        };
        let ended = ended == "true";
        match answer.json()? {
            Value::Array(list) => Ok((list, ended)),
            _ => anyhow::bail!("the server's answer is no list of executions"),
        }
    }
}

/// Ids begin with their number.
fn number(id: &str) -> u64 {
    id.split('-').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

/// Shows what an execution writes until it has ended, or until then.
pub fn follow(remote: &Remote, name: &str, id: &str, until: Option<Instant>) -> anyhow::Result<()> {
    let target = path(name, &format!("/executions/{}/output?follow=true", escaped(id)));
    let patience = until.map(|until| until.saturating_duration_since(Instant::now()));
    let mut stream = remote.client.stream(Ask::get(target).patience(patience))?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = stream.read(&mut piece).map_err(|err| {
            Failure::new(Exit::Unreachable, format!("the server stopped in the middle: {err}"))
        })?;
        if read == 0 {
            return Ok(());
        }
        show::raw(&piece[..read])?;
    }
}
