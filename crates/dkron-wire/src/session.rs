//! What a leader and a node say to each other, as bytes.
//!
//! A stream begins with a [`Greeting`] of the node and an [`Answer`] of the server, the same in
//! all versions. After an answer that takes the node, frames hold any number of messages, one
//! behind the other, in the version that the answer names. A run carries its definition, or the
//! digest of a long one, which the node then asks for.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::domain::{
    Cause, Digest, EndReason, Group, Job, JobNo, NodeName, Nominal, Seq, Tenure, Version,
};
use dkron_core::worker::{Order, Run, SessionNo, ToLeader, ToNode};

use crate::body;
use crate::error::Error;
use crate::word::Word;

/// The newest version of the messages that this program speaks; the oldest is 1.
pub const VERSION: u32 = 1;

/// The node's first frame. Who it is the connection knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Greeting {
    /// Of its data directory.
    pub shard: u32,
    /// The newest version of the messages that it speaks.
    pub version: u32,
}

/// The server's first frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The session may begin, with messages of that version.
    Taken { version: u32, tenure: Tenure },
    /// Somebody else leads, or nobody as far as this server knows.
    NotLeader(Option<Hint>),
    /// The leader does not want this node.
    Refused(String),
}

/// Who leads, as another server knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hint {
    pub id: u64,
    pub name: NodeName,
    /// `host:port` of its RPC listener.
    pub address: String,
    /// 0 = not known.
    pub tenure: Tenure,
}

/// An order as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrived {
    pub message: ToNode,
    /// The order is a run, and this is what its definition must be filled with.
    pub lacks: Option<Digest>,
}

pub fn encode_greeting(greeting: Greeting) -> Vec<u8> {
    body::write(Vec::new(), &greeting.form())
}

pub fn decode_greeting(bytes: &[u8]) -> Result<Greeting, Error> {
    body::read_message("greeting", bytes)
}

pub fn encode_answer(answer: &Answer) -> Vec<u8> {
    body::write(Vec::new(), &answer.form())
}

pub fn decode_answer(bytes: &[u8]) -> Result<Answer, Error> {
    body::read_message("answer to a greeting", bytes)
}

pub fn encode_definition(job: &Job) -> Vec<u8> {
    body::write(Vec::new(), &job.form())
}

pub fn decode_definition(bytes: &[u8]) -> Result<Job, Error> {
    body::read_message("definition", bytes)
}

/// Appends an order to a frame. With `lent` its definition stays behind, to be asked for.
pub fn encode_order(frame: &mut Vec<u8>, message: &ToNode, lent: Option<Digest>) {
    let sent = Sent::of(message, lent);
    *frame = body::write(std::mem::take(frame), &sent.form());
}

/// The orders of a frame.
pub fn decode_orders(version: u32, frame: &[u8]) -> Result<Vec<Arrived>, Error> {
    let sent: Vec<Sent> = messages(version, "order", frame)?;
    Ok(sent.into_iter().map(Sent::arrived).collect())
}

/// Appends news to a frame.
pub fn encode_news(frame: &mut Vec<u8>, message: &ToLeader) {
    *frame = body::write(std::mem::take(frame), &message.form());
}

/// The news of a frame.
pub fn decode_news(version: u32, frame: &[u8]) -> Result<Vec<ToLeader>, Error> {
    messages(version, "news", frame)
}

fn messages<T: Word>(version: u32, what: &'static str, frame: &[u8]) -> Result<Vec<T>, Error> {
    if version == 0 || version > VERSION {
        return Err(Error::UnknownProtocol { version });
    }
    let (mut words, mut rest) = (Vec::new(), frame);
    while !rest.is_empty() {
        let (word, behind) = body::take_message(what, rest)?;
        words.push(word);
        rest = behind;
    }
    Ok(words)
}

/// [`ToNode`] as it travels.
pub(crate) struct Sent {
    pub tenure: Tenure,
    pub session: SessionNo,
    pub no: u64,
    pub body: SentOrder,
}

/// [`Order`] as it travels.
pub(crate) enum SentOrder {
    Welcome { hello: u64, lost_after: Duration },
    Refused { hello: u64 },
    Run(Box<SentRun>),
    Kill(Seq),
    Cancel { seq: Seq, reason: EndReason },
    EndCommitted(Seq),
    OutputStored(Seq),
    Beat { sent: Duration },
}

/// [`Run`] as it travels.
pub(crate) struct SentRun {
    pub seq: Seq,
    pub node: NodeName,
    pub job_no: JobNo,
    pub version: Version,
    pub job: Carried,
    pub group: Group,
    pub attempt: u32,
    pub cause: Cause,
    pub nominal: Nominal,
    pub fence: Tenure,
    pub output_limit: u32,
}

pub(crate) enum Carried {
    Whole(Arc<Job>),
    Lent(Digest),
}

impl Sent {
    fn of(message: &ToNode, lent: Option<Digest>) -> Sent {
        let body = match &message.body {
            Order::Welcome { hello, lost_after } => {
                SentOrder::Welcome { hello: *hello, lost_after: *lost_after }
            }
            Order::Refused { hello } => SentOrder::Refused { hello: *hello },
            Order::Run(run) => SentOrder::Run(Box::new(SentRun::of(run, lent))),
            Order::Kill(seq) => SentOrder::Kill(*seq),
            Order::Cancel { seq, reason } => SentOrder::Cancel { seq: *seq, reason: *reason },
            Order::EndCommitted(seq) => SentOrder::EndCommitted(*seq),
            Order::OutputStored(seq) => SentOrder::OutputStored(*seq),
            Order::Beat { sent } => SentOrder::Beat { sent: *sent },
        };
        Sent { tenure: message.tenure, session: message.session, no: message.no, body }
    }

    fn arrived(self) -> Arrived {
        let mut lacks = None;
        let body = match self.body {
            SentOrder::Welcome { hello, lost_after } => Order::Welcome { hello, lost_after },
            SentOrder::Refused { hello } => Order::Refused { hello },
            SentOrder::Run(run) => {
                let (run, missing) = run.arrived();
                lacks = missing;
                Order::Run(Box::new(run))
            }
            SentOrder::Kill(seq) => Order::Kill(seq),
            SentOrder::Cancel { seq, reason } => Order::Cancel { seq, reason },
            SentOrder::EndCommitted(seq) => Order::EndCommitted(seq),
            SentOrder::OutputStored(seq) => Order::OutputStored(seq),
            SentOrder::Beat { sent } => Order::Beat { sent },
        };
        let message = ToNode { tenure: self.tenure, session: self.session, no: self.no, body };
        Arrived { message, lacks }
    }
}

impl SentRun {
    fn of(run: &Run, lent: Option<Digest>) -> SentRun {
        SentRun {
            seq: run.seq,
            node: run.node.clone(),
            job_no: run.job_no,
            version: run.version,
            job: lent.map_or_else(|| Carried::Whole(Arc::clone(&run.job)), Carried::Lent),
            group: run.group,
            attempt: run.attempt,
            cause: run.cause.clone(),
            nominal: run.nominal,
            fence: run.fence,
            output_limit: run.output_limit,
        }
    }

    fn arrived(self) -> (Run, Option<Digest>) {
        let (job, lacks) = match self.job {
            Carried::Whole(job) => (job, None),
            Carried::Lent(digest) => (Arc::default(), Some(digest)),
        };
        let run = Run {
            seq: self.seq,
            node: self.node,
            job_no: self.job_no,
            version: self.version,
            job,
            group: self.group,
            attempt: self.attempt,
            cause: self.cause,
            nominal: self.nominal,
            fence: self.fence,
            output_limit: self.output_limit,
        };
        (run, lacks)
    }
}
