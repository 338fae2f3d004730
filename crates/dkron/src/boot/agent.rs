//! A node without a server: it runs what the servers give it. Its only door is the RPC port, where
//! operators are heard.

use std::sync::Arc;

use anyhow::Context;
use dkron_core::domain::NodeName;
use dkron_node::forward::{AnswerHead, Answered, Arrived, Front, Pieces};
use dkron_node::{AgentOptions, Farewell};
use tokio::sync::mpsc;

use super::equipment::{Equipment, part};
use super::node::{PATIENCE, retag, tags};
use super::{Reload, announce_between, data, signals};
use crate::config::Options;

/// Runs an agent until it is told to stop, or stops by itself.
pub async fn run(mut options: Options, mut reload: Reload) -> anyhow::Result<()> {
    let directory = data::Directory::prepare(&options.node)?;
    let Equipment { data, durability, executors, runner, held, keep } =
        Equipment::open(&options, directory.path()).await?;
    let agent = dkron_node::start_agent(AgentOptions {
        name: NodeName::new(options.node.name.as_str()),
        region: options.node.region.clone(),
        tags: tags(&options),
        data,
        durability,
        executors,
        runner: Some(runner.clone()),
        held,
        network: options.network.clone(),
    });
    let mut agent = agent.await.context("the agent does not start")?;
    tracing::info!(
        data = %directory.path().display(),
        region = options.node.region,
        "agent: runs what servers of its region give it"
    );
    announce_between(&options, agent.listens);
    let (leave, mut asked) = mpsc::channel(1);
    // Nobody else sets it.
    let _ = agent.front.set(front(leave));
    let retag = retag(agent.retag.clone());
    let stop = signals::stop(move || reload.again(&mut options, &retag))?;
    let farewell = tokio::select! {
        () = stop => if keep { Farewell::HandOver } else { Farewell::Wait },
        Some(()) = asked.recv() => Farewell::Leave,
        reason = agent.ended() => {
            agent.hand_over().await;
            part(&runner, keep).await;
            anyhow::bail!("the agent can not go on: {reason}");
        }
    };
    agent.stop(farewell, PATIENCE).await;
    part(&runner, farewell == Farewell::HandOver).await;
    tracing::info!("agent: stopped");
    Ok(())
}

/// Answers operators: an agent can be told to leave, and nothing else.
fn front(leave: mpsc::Sender<()>) -> Front {
    Arc::new(move |Arrived { head, .. }| {
        let leaves = (head.method.as_str(), head.target.as_str()) == ("POST", "/v1/leave");
        if leaves {
            // It leaves already if the word does not fit.
            let _ = leave.try_send(());
        }
        let (status, body) = match leaves {
            true => (200, "[]"),
            false => (404, r#"{"error":"this node is an agent: ask a server"}"#),
        };
        let json = ("content-type".to_owned(), b"application/json".to_vec());
        let length = u64::try_from(body.len()).ok();
        let head = AnswerHead { status, headers: vec![json], length };
        let body = Pieces::of(body.as_bytes().to_vec().into());
        Box::pin(std::future::ready(Answered { head, body }))
    })
}
