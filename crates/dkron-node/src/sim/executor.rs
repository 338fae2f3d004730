//! Fake executions: they take a while and end well, badly, or only when somebody ends them.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::Seq;
use dkron_core::domain::config_schema::ConfigSchema;
use dkron_exec::executors::NoopExecutor;
use dkron_exec::{BoxFuture, CancelToken, Executor, Outcome, OutputSink, Run};
use tokio::time::sleep;

use super::process::Process;
use super::world::{Inner, Plant};

pub struct Fake(pub Arc<Process>);

impl Executor for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn schema(&self) -> &'static ConfigSchema {
        NoopExecutor.schema()
    }

    fn run(&self, run: Run, out: OutputSink, cancel: CancelToken) -> BoxFuture<Outcome> {
        let process = Arc::clone(&self.0);
        let seq = Seq(run.seq);
        let world = process.world.clone();
        let (ends_after, outcome, slow) = world.with(|inner| {
            inner.started(seq, process.life);
            draw(inner)
        });
        let calm = world.with(|inner| inner.calm.clone());
        let deaf = world.plant() == Plant::DeafRuns;
        Box::pin(async move {
            let by_itself = async {
                match ends_after {
                    Some(after) => sleep(after).await,
                    None => calm.cancelled().await,
                }
            };
            let over = async {
                tokio::select! {
                    biased;
                    () = cancel.cancelled(), if !deaf => {
                        sleep(slow).await;
                        Outcome::cancelled("told to end")
                    }
                    () = by_itself => outcome,
                }
            };
            let mut outcome = tokio::select! {
                biased;
                // Nobody hears of it, and what it was is dead already.
                () = process.dead.cancelled() => Outcome::success(),
                outcome = over => outcome,
            };
            out.write(format!("{seq}").as_bytes());
            if !process.is_dead() {
                world.with(|inner| inner.ended(seq));
            }
            outcome.finished_at = Some(process.now().wall);
            outcome
        })
    }
}

/// How long it takes, how it ends, and how long it takes to end when told to.
fn draw(inner: &mut Inner) -> (Option<Duration>, Outcome, Duration) {
    let calm = inner.calm.is_cancelled();
    let dice = &mut inner.dice;
    let ends_after = match dice.below(100) {
        _ if calm => Some(dice.millis(5, 1_000)),
        0..30 if inner.plan.silence => Some(dice.millis(20_000, 60_000)),
        0..60 => Some(dice.millis(1, 900)),
        60..85 => Some(dice.millis(900, 5_000)),
        85..95 => Some(dice.millis(5_000, 20_000)),
        _ => None,
    };
    let outcome = match dice.below(100) {
        0..60 => Outcome::success(),
        60..95 => Outcome::failed("it went wrong"),
        _ => Outcome::timed_out("it took too long"),
    };
    (ends_after, outcome, dice.millis(0, 2_000))
}
