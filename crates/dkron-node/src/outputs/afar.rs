//! Outputs of runs that go on at another node. A server asks the node that runs it for one piece
//! after the other, so nothing is sent that nobody has room for, and a reader that is slow holds
//! up itself alone.
//!
//! ```text
//!   LiveOutput  asks     execution u64 | offset u64 | most bytes u32 | patience in ms u32
//!               answers  0 = it does not run here, or
//!                        1 | start u64 | written u64 | 1 = nothing will follow | the bytes
//! ```
//!
//! With a patience the answer waits so long for something behind the offset.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use dkron_core::domain::{ExecutionId, NodeName, Seq, limits};
use dkron_exec::output::Piece;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Absent, LiveOutput, LiveOutputs};
use crate::cluster::Book;
use crate::rpc::{CallError, Lane, Method, Role, Router, Wire};
use crate::service::ExecutionView;

/// How long a node may take for an answer that does not wait.
const ANSWER: Duration = Duration::from_secs(2);
/// How long an answer waits for more.
const GROWTH: Duration = Duration::from_secs(10);
/// Between looks at a node that does not answer.
const AGAIN: Duration = Duration::from_secs(1);
/// LIMIT: bytes of one piece.
const PIECE: usize = 1 << 20;
/// LIMIT: bytes of an output of another node in a list.
const LISTED_BYTES: u64 = limits::OUTPUT_BYTES as u64;
/// LIMIT: questions at a time that one node answers; more are told so.
const ASKED: usize = 1024;
/// LIMIT: outputs of other nodes in one list, the first ones.
const LISTED: usize = 16;
/// How long a list waits for them.
const LIST: Duration = Duration::from_secs(1);
/// How long one that is shown alone is waited for.
const WHOLE: Duration = Duration::from_secs(10);

/// All live outputs, wherever they are.
#[derive(Clone)]
pub struct Afar {
    here: LiveOutputs,
    way: Option<Way>,
}

/// The way to other nodes.
#[derive(Clone)]
struct Way {
    own: NodeName,
    wire: Arc<dyn Wire>,
    book: Book,
}

/// One that another node has.
#[derive(Clone)]
pub struct There {
    way: Way,
    node: NodeName,
    seq: Seq,
}

/// How much of the live outputs is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Those of this node, and the ends of a few of other nodes.
    Listed,
    /// All there is.
    Whole,
}

impl Afar {
    pub fn new(own: NodeName, here: LiveOutputs, wire: Arc<dyn Wire>, book: Book) -> Afar {
        Afar { here, way: Some(Way { own, wire, book }) }
    }

    /// Without other nodes.
    #[cfg(test)]
    pub fn alone(here: LiveOutputs) -> Afar {
        Afar { here, way: None }
    }

    /// Where the output of a run is to be read; none if it has not begun here.
    pub fn find(&self, id: &ExecutionId) -> Option<LiveOutput> {
        self.here.get(id.seq).or_else(|| self.there(id))
    }

    fn there(&self, id: &ExecutionId) -> Option<LiveOutput> {
        let way = self.way.as_ref().filter(|way| way.own != id.node)?;
        Some(LiveOutput::there(There { way: way.clone(), node: id.node.clone(), seq: id.seq }))
    }

    /// Puts what was written so far into views of running executions.
    pub async fn fill(&self, mut views: Vec<ExecutionView>, shown: Shown) -> Vec<ExecutionView> {
        let mut asked = JoinSet::new();
        for (at, view) in views.iter_mut().enumerate() {
            if let Some(output) = self.here.get(view.id.seq) {
                if let Ok((text, dropped, _)) = output.text(u64::MAX).await {
                    (view.output, view.dropped) = (text, dropped);
                }
            } else if asked.len() < LISTED
                && let Some(output) = self.there(&view.id)
            {
                let most = if shown == Shown::Whole { u64::MAX } else { LISTED_BYTES };
                asked.spawn(async move { (at, output.text(most).await) });
            }
        }
        let patience = if shown == Shown::Whole { WHOLE } else { LIST };
        let answers = async {
            while let Some(answer) = asked.join_next().await {
                let Ok((at, text)) = answer else { continue };
                let text = text.unwrap_or_else(|absent| (absent.line(), 0, 0));
                (views[at].output, views[at].dropped, _) = text;
            }
        };
        // What does not come in time is not shown.
        let _ = timeout(patience, answers).await;
        views
    }
}

impl There {
    pub(super) async fn read(&self, from: u64, max: usize) -> Result<Piece, Absent> {
        self.ask(from, max, Duration::ZERO).await
    }

    /// Waits until there may be more than `seen` bytes.
    pub(super) async fn grown(&self, seen: u64) {
        if let Err(Absent::Away(_)) = self.ask(seen, 0, GROWTH).await {
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn ask(&self, from: u64, max: usize, wait: Duration) -> Result<Piece, Absent> {
        let node = &self.node;
        let target = self.way.book.named(node.as_str());
        let target = target.ok_or_else(|| Absent::Away(format!("node {node} is no member")))?;
        let question = Question { seq: self.seq.0, from, max: max.min(PIECE), wait };
        let (wire, patience) = (&self.way.wire, ANSWER + wait);
        let (method, lane) = (Method::LiveOutput, Lane::Bulk);
        let answer = wire.call(&target, lane, method, question.encode(), patience).await;
        match answer {
            Ok(answer) => decode(answer).unwrap_or_else(|| {
                Err(Absent::Away(format!("node {node} gave an answer that is none")))
            }),
            Err(CallError::Refused(why)) => Err(Absent::Away(format!("node {node}: {why}"))),
            Err(_) => Err(Absent::Away(format!("node {node} does not answer"))),
        }
    }
}

struct Question {
    seq: u64,
    from: u64,
    max: usize,
    wait: Duration,
}

impl Question {
    fn encode(&self) -> Bytes {
        let small = |number: u128| u32::try_from(number).unwrap_or(u32::MAX);
        let mut bytes = BytesMut::with_capacity(24);
        bytes.put_u64(self.seq);
        bytes.put_u64(self.from);
        bytes.put_u32(small(self.max as u128));
        bytes.put_u32(small(self.wait.as_millis()));
        bytes.freeze()
    }

    fn decode(mut bytes: Bytes) -> Option<Question> {
        if bytes.len() != 24 {
            return None;
        }
        let (seq, from, max) = (bytes.get_u64(), bytes.get_u64(), bytes.get_u32());
        let wait = Duration::from_millis(bytes.get_u32().into());
        let max = usize::try_from(max).unwrap_or(PIECE).min(PIECE);
        Some(Question { seq, from, max, wait: wait.min(GROWTH) })
    }
}

/// None if it is no answer.
fn decode(mut answer: Bytes) -> Option<Result<Piece, Absent>> {
    match answer.try_get_u8().ok()? {
        0 => return Some(Err(Absent::Gone)),
        1 => {}
        _ => return None,
    }
    let (start, total) = (answer.try_get_u64().ok()?, answer.try_get_u64().ok()?);
    let done = answer.try_get_u8().ok()? == 1;
    Some(Ok(Piece { bytes: answer, start, total, done }))
}

fn encode(piece: Result<Piece, Absent>) -> Bytes {
    let Ok(piece) = piece else { return Bytes::from_static(&[0]) };
    let mut answer = BytesMut::with_capacity(18 + piece.bytes.len());
    answer.put_u8(1);
    answer.put_u64(piece.start);
    answer.put_u64(piece.total);
    answer.put_u8(u8::from(piece.done));
    answer.put(piece.bytes);
    answer.freeze()
}

/// Answers servers whose clients look at what runs here.
#[must_use]
pub fn register_live(router: Router, outputs: LiveOutputs) -> Router {
    let places = Arc::new(Semaphore::new(ASKED));
    router.call(Method::LiveOutput, move |caller, message| {
        let (outputs, places) = (outputs.clone(), Arc::clone(&places));
        async move {
            if caller.role != Role::Server {
                return Err("only servers ask for outputs".into());
            }
            let question = Question::decode(message).ok_or("a question that is none")?;
            let _place = places.try_acquire().map_err(|_| "too many ask for outputs at a time")?;
            let Some(output) = outputs.get(Seq(question.seq)) else {
                return Ok(encode(Err(Absent::Gone)));
            };
            if !question.wait.is_zero() {
                // Nothing new is an answer too.
                let _ = timeout(question.wait, output.grown(question.from)).await;
            }
            Ok(encode(output.read(question.from, question.max).await))
        }
    })
}

#[cfg(test)]
mod tests;
