//! Users: they ask at random what the first rung's users ask, and are told.

use std::sync::Arc;

use dkron_core::conductor::{Answer, Refusal, Request as Ask, Ticket};
use dkron_core::domain::{ByHand, ExecutionId, Seq};
use dkron_core::ledger::{Cancel, JobSnapshot, Runtime};
use dkron_sim::workload;
use tokio::sync::oneshot;

use super::machine::Machine;
use super::process::Process;
use super::world::{Inner, World};
use crate::service::{Asked, CancelRequest, Error, JobView, Reply, Request, RunView};

type Told = Result<Answer, Refusal>;

impl World {
    /// What somebody wants, at random.
    pub fn wish(&self, number: u64, process: &Process) -> Ask {
        let wall = process.now().wall;
        self.with(|inner| {
            let live = inner.judge.oracle.live();
            let lost_after = inner.plan.settings.lost_after;
            match workload::request(&mut inner.dice, number, wall, &live, lost_after) {
                Ask::Put(mut posted) | Ask::Restore(mut posted) => {
                    // They would run on threads of their own.
                    posted.job.processors.clear();
                    Ask::Put(posted)
                }
                other => other,
            }
        })
    }

    /// Asks a server; what it answers goes before the judge.
    pub fn ask(&self, machine: &Machine, number: u64, ask: Ask) {
        let Some(life) = &machine.life else { return };
        let Some(server) = &life.server else { return };
        let (process, ticket) = (Arc::clone(&life.process), Ticket(number));
        self.say(|| format!("{} is asked {number}: {ask:?}", machine.name));
        let node = |inner: &Inner, seq| {
            let live = inner.judge.oracle.ledger.live(seq);
            live.map(|(_, slot)| slot.target.node.clone()).unwrap_or_default()
        };
        let execution = |seq: Seq| ExecutionId { seq, node: self.with(|inner| node(inner, seq)) };
        let (request, told) = translate(&ask, &execution);
        let inner = match &ask {
            Ask::Asked(asked) => &asked.request,
            ask => ask,
        };
        let id = match inner {
            Ask::Run { id, .. } => Some(id.0),
            Ask::RunByHand { by_hand, .. } => Some(by_hand.id.0),
            _ => None,
        };
        process.ids.lock().unwrap().extend(id);
        self.with(|inner| inner.judge.oracle.asked(process.life, ticket, &ask));
        let sent = server.requests.try_send(request);
        let world = self.clone();
        tokio::spawn(async move {
            // A full channel is an answer of its own; a process that is gone tells nobody.
            let told = if sent.is_ok() { told.await } else { Err(Refusal::Busy) };
            if !process.is_dead() {
                world.with(|inner| {
                    inner.say_told(number, &told);
                    let check = inner.judge.oracle.answered(process.life, ticket, &told);
                    inner.check(check);
                });
            }
        });
    }
}

impl Inner {
    fn say_told(&mut self, number: u64, told: &Told) {
        let word = match told {
            Ok(_) => "done".to_owned(),
            Err(refusal) => format!("{refusal:?}"),
        };
        self.say(|| format!("answer {number}: {word}"));
    }
}

type Telling = std::pin::Pin<Box<dyn Future<Output = Told> + Send>>;

/// In the words of the façade; its answer in those of the conductor, as far as it is judged.
fn translate(ask: &Ask, execution: &dyn Fn(Seq) -> ExecutionId) -> (Request, Telling) {
    match ask.clone() {
        Ask::Put(submission) | Ask::Restore(submission) => {
            told(|reply| Request::Put { submission, reply }, job)
        }
        Ask::Delete(name) => told(|reply| Request::Delete { name, reply }, job),
        Ask::Toggle(name) => told(|reply| Request::Toggle { name, reply }, job),
        Ask::Clear(name) => told(|reply| Request::Clear { name, reply }, job),
        Ask::Pause(paused) => told(|reply| Request::Pause { paused, reply }, |_| Answer::Done),
        Ask::RunByHand { name, by_hand } => {
            let by_hand = Box::new(ByHand::clone(&by_hand));
            told(|reply| Request::RunByHand { name, by_hand, wait: None, reply }, ran)
        }
        Ask::Run { name, .. } => told(|reply| Request::Run { name, wait: None, reply }, ran),
        Ask::Cancel(cancel) => {
            let Cancel { name, execution: seq, by, reason } = *cancel;
            let cancel =
                Box::new(CancelRequest { name, execution: seq.map(execution), by, reason });
            told(|reply| Request::Cancel { cancel, reply }, |_| Answer::Done)
        }
        Ask::PutSettings(settings) => {
            told(|reply| Request::PutSettings { settings, reply }, |_| Answer::Done)
        }
        Ask::SetEligibility(wanted) => {
            told(|reply| Request::SetEligibility { wanted, reply }, |_| Answer::Done)
        }
        // Only whoever asks for it beside something else says it.
        Ask::Note(_) => told(|reply| Request::Pause { paused: false, reply }, |_| Answer::Done),
        Ask::Asked(asked) => {
            let (request, telling) = translate(&asked.request, execution);
            let (demand, origin, verb) = (asked.demand, asked.origin, asked.verb);
            let asked = Arc::new(Asked { demand, origin, verb, ..Asked::default() });
            let receipt = Arc::clone(&asked.receipt);
            let telling = async move {
                let told = telling.await?;
                match receipt.index().filter(|_| receipt.is_repeated()) {
                    Some(index) => Ok(Answer::Again { index, answer: Box::new(told) }),
                    None => Ok(told),
                }
            };
            (Request::Asked { asked, request: Box::new(request) }, Box::pin(telling))
        }
        Ask::PauseScheduling(wanted) => {
            told(|reply| Request::PauseScheduling { wanted, reply }, Answer::SchedulingPaused)
        }
        Ask::ResumeScheduling(wanted) => {
            told(|reply| Request::ResumeScheduling { wanted, reply }, Answer::Resumed)
        }
    }
}

fn told<T: Send + 'static>(
    request: impl FnOnce(Reply<T>) -> Request,
    word: impl FnOnce(T) -> Answer + Send + 'static,
) -> (Request, Telling) {
    let (reply, answer) = oneshot::channel();
    let telling = async move {
        match answer.await {
            Ok(Ok(answer)) => Ok(word(answer)),
            Ok(Err(Error::Unknown)) | Err(_) => Err(Refusal::Unknown),
            Ok(Err(_)) => Err(Refusal::NoLeader),
        }
    };
    (request(reply), Box::pin(telling))
}

fn snapshot(view: JobView) -> Box<JobSnapshot> {
    let JobView { job_no, version, job, .. } = view;
    Box::new(JobSnapshot { job_no, version, job, runtime: Runtime::default() })
}

fn job(view: JobView) -> Answer {
    Answer::Job(snapshot(view))
}

fn ran(view: RunView) -> Answer {
    let RunView { job, group, executions, .. } = view;
    let job = snapshot(job);
    match group {
        Some(group) => Answer::Ran { job, group, executions },
        None => Answer::Queued { job },
    }
}
