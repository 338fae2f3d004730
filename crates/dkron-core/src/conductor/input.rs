//! What happens to a conductor.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::demand::Demand;
use crate::domain::{
    BootId, ByHand, HistoryNo, JobName, JobNo, NodeName, Origin, Output, RequestId, Seq, Settings,
    Submission, Verb,
};
use crate::ledger::{
    Cancel, Effect, Note, PauseScheduling, Reply, ResumeScheduling, SetEligibility,
};
use crate::worker::ToLeader;

/// Names a proposal or a request until its answer; unique within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ticket(pub u64);

/// Who this server is, and what it brings to a new cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub server: NodeName,
    pub boot_id: BootId,
    /// Version of the bundled zone data.
    pub zone_data: String,
    /// First settings of a cluster that has none.
    pub settings: Settings,
    /// Region of this server: jobs run on its members.
    pub region: String,
}

/// A member of the cluster that has not left, as far as placement is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RosterMember {
    pub region: String,
    pub tags: BTreeMap<String, String>,
    /// Not known to be dead. A dead one still counts as a member that can not be reached, until it
    /// is given up by the roster.
    pub alive: bool,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Consensus made this server leader, and its lease holds.
    Elected,
    /// The leadership is over; everything that was only remembered is forgotten.
    Deposed,
    /// Members changed: all that have not left.
    Roster(BTreeMap<NodeName, RosterMember>),
    /// A node spoke. `link` names the connection, for the answer to a hello.
    FromNode { node: NodeName, message: Box<ToLeader> },
    /// The way to a node broke. It may be back at any moment, and nothing is known of its runs.
    Parted(NodeName),
    /// What applying an entry asks of the leader.
    Effects(Vec<Effect>),
    /// A proposal's fate.
    Resolved { ticket: Ticket, fate: Fate },
    /// Somebody wants something.
    Request { ticket: Ticket, request: Request },
    /// Processors are done with an output.
    Processed { seq: Seq, output: Output, dropped: u64 },
    /// A job's finished executions before that one are older than they are kept.
    TooOld { job_no: JobNo, first: HistoryNo },
    /// Other voting servers' wall clocks minus this one's, in milliseconds, as compared within the
    /// last 3 s; and how many servers vote, this one included. Once a second, and at once when a
    /// leadership begins: slots wait for it. A server that is alone never needs to say so.
    Clocks { voters: usize, offsets: Vec<(NodeName, i64)> },
    /// The newest cluster version that every server knows; none = one of them has not said.
    Versions { servers: Option<u32> },
    /// The server is going down: results are still taken, nothing new is begun.
    Stop,
    /// Every batch of inputs ends with this: due slots, owed triggers and results go out.
    Alarm,
}

/// What became of a proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    Applied(Reply),
    /// The queue was full; it was not proposed.
    Refused,
    /// It was not proposed: somebody else leads.
    NotLeader,
    /// It may be applied yet.
    Unknown,
}

/// What users ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    Put(Box<Submission>),
    Restore(Box<Submission>),
    Delete(JobName),
    Toggle(JobName),
    Clear(JobName),
    Pause(bool),
    Run {
        name: JobName,
        id: RequestId,
    },
    /// As `Run`, in another way than the definition says.
    RunByHand {
        name: JobName,
        by_hand: Arc<ByHand>,
    },
    /// End what runs and waits under a name: one execution, or all of it.
    Cancel(Box<Cancel>),
    PutSettings(Box<Settings>),
    /// Drain a node, or let it take runs again.
    SetEligibility(Box<SetEligibility>),
    /// Nothing starts by itself.
    PauseScheduling(Box<PauseScheduling>),
    ResumeScheduling(ResumeScheduling),
    /// Word of what was done elsewhere; only where an origin is said.
    Note(Box<Note>),
    /// One of the others, and what its user says beside it.
    Asked(Box<Asked>),
}

/// A request with what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Only for writes of a job.
    pub demand: Demand,
    /// Who asks; `None` = nobody who would be named.
    pub origin: Option<Origin>,
    /// What it is called, if not as its command is.
    pub verb: Option<Verb>,
    pub request: Request,
}

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        match request {
            Request::Asked(asked) => *asked,
            request => Asked { demand: Demand::default(), origin: None, verb: None, request },
        }
    }
}
