//! What nodes ask each other.

/// The numbers stand in the traffic: they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Method {
    /// A message of consensus: kind byte, then what `dkron-raft` wrote.
    Consensus = 1,
    /// Stream: the rows of a snapshot.
    Snapshot = 2,
    /// Stream: the conversation between leader and node.
    Session = 3,
    /// The index that a read must have seen; answered by the leader.
    ReadIndex = 4,
    /// Stream: a request of a client, carried out by the leader.
    Forward = 5,
    /// A promise to let one server begin a cluster.
    Promise = 6,
    /// Stream: an output to be stored.
    PutOutput = 7,
    /// Stream: a stored output.
    GetOutput = 8,
    /// A definition by its digest.
    Definition = 9,
    /// A piece of what a going run has written.
    LiveOutput = 10,
    /// The wall clock of the other side.
    Clock = 11,
    /// What a server says of itself: role, indices, versions.
    Status = 12,
    /// A server that leaves asks the leader to take it out of the members.
    Depart = 13,
}

impl Method {
    pub const ALL: [Method; 13] = [
        Method::Consensus,
        Method::Snapshot,
        Method::Session,
        Method::ReadIndex,
        Method::Forward,
        Method::Promise,
        Method::PutOutput,
        Method::GetOutput,
        Method::Definition,
        Method::LiveOutput,
        Method::Clock,
        Method::Status,
        Method::Depart,
    ];

    pub fn from_code(code: u8) -> Option<Method> {
        Method::ALL.into_iter().find(|method| *method as u8 == code)
    }
}

/// Which of the two connections to a node: what is long must not hold up what is urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    Control,
    Bulk,
}
