//! What servers tell each other outside of the log: how they are, and who may begin a cluster.
//!
//! A layout byte, then postcard. Fields are only added at the end: what a newer version says
//! behind those known here is passed over, and enums grow at the end.

use serde::{Deserialize, Serialize};

/// The first byte of every message; another one is another layout.
const LAYOUT: u8 = 1;

/// Bytes that are no message of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    #[error("it speaks in layout {0}, this server knows layout {LAYOUT}: upgrade it")]
    Layout(u8),
    #[error("its message is damaged")]
    Damaged(#[source] postcard::Error),
    #[error("its message is empty")]
    Empty,
}

/// How a server is, as it says itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    pub id: u64,
    pub name: String,
    /// Its cluster and the cluster's generation, unless it belongs to none.
    pub cluster: Option<([u8; 16], u64)>,
    /// Of the program.
    pub version: String,
    /// Highest version of the protocol between nodes that it speaks.
    pub protocol_max: u16,
    pub leads: bool,
    /// Whom it takes for the leader; 0 for nobody.
    pub leader: u64,
    pub voter: bool,
    /// End of its log, and how far it is applied; 0 for an empty one.
    pub last_index: u64,
    pub applied_index: u64,
    /// Its wall clock when it answered, in nanoseconds since 1970.
    pub wall: i64,
    /// The newest version of a cluster that it can be a part of.
    pub cluster_version: u32,
}

/// A question about the beginning of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PromiseAsk {
    /// Are you free?
    Look,
    /// Let me begin this cluster and no other.
    Promise(Candidate),
    /// I shall never begin this cluster.
    Withdraw(Candidate),
}

/// A server that wants to begin a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub id: u64,
    pub name: String,
    pub cluster: [u8; 16],
    /// How many servers it waits for.
    pub expect: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PromiseAnswer {
    /// It belongs to no cluster and has promised nothing.
    Free,
    /// It has promised, durably, to the candidate named.
    Promised(Candidate),
    /// It belongs to a cluster already.
    Member { cluster: [u8; 16], generation: u64 },
    /// It waits for another number of servers.
    Expects(u16),
    /// It has promised never to hear of this cluster again.
    Refused,
}

macro_rules! messages {
    ($($message:ident),*) => {$(
        impl $message {
            pub fn encode(&self) -> Vec<u8> {
                postcard::to_extend(self, vec![LAYOUT])
                    .expect("the buffer grows, and every sequence knows its length")
            }

            pub fn decode(bytes: &[u8]) -> Result<$message, ServerError> {
                let (layout, body) = bytes.split_first().ok_or(ServerError::Empty)?;
                if *layout != LAYOUT {
                    return Err(ServerError::Layout(*layout));
                }
                let (read, _newer) =
                    postcard::take_from_bytes(body).map_err(ServerError::Damaged)?;
                Ok(read)
            }
        }
    )*};
}

// A candidate alone is what stands in the file of a promise.
messages!(ServerStatus, PromiseAsk, PromiseAnswer, Candidate);

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn candidate() -> Candidate {
        Candidate { id: 300, name: "s1".into(), cluster: [0xab; 16], expect: 3 }
    }

    /// Servers of other versions read these bytes: they never change.
    #[test]
    fn messages_keep_their_bytes() {
        let cluster = "ab".repeat(16);
        let one = format!("ac02027331{cluster}03");
        assert_eq!(hex(&candidate().encode()), format!("01{one}"));
        assert_eq!(hex(&PromiseAsk::Look.encode()), "0100");
        assert_eq!(hex(&PromiseAsk::Promise(candidate()).encode()), format!("0101{one}"));
        assert_eq!(hex(&PromiseAsk::Withdraw(candidate()).encode()), format!("0102{one}"));
        let answers = [
            (PromiseAnswer::Free, "0100".to_owned()),
            (PromiseAnswer::Promised(candidate()), format!("0101{one}")),
            (
                PromiseAnswer::Member { cluster: [0xab; 16], generation: 2 },
                format!("0102{cluster}02"),
            ),
            (PromiseAnswer::Expects(5), "010305".to_owned()),
            (PromiseAnswer::Refused, "0104".to_owned()),
        ];
        for (answer, bytes) in answers {
            assert_eq!(hex(&answer.encode()), bytes);
            assert_eq!(PromiseAnswer::decode(&answer.encode()), Ok(answer));
        }
        let status = ServerStatus {
            id: 300,
            name: "s1".into(),
            cluster: Some(([0xab; 16], 0)),
            version: "1".into(),
            protocol_max: 1,
            leads: true,
            leader: 300,
            voter: true,
            last_index: 5,
            applied_index: 4,
            wall: -1,
            cluster_version: 2,
        };
        let bytes = format!("01ac0202733101{cluster}0001310101ac020105040102");
        assert_eq!(hex(&status.encode()), bytes);
        let mut newer = status.encode();
        newer.extend_from_slice(b"a field of tomorrow");
        assert_eq!(ServerStatus::decode(&newer), Ok(status));
    }

    #[test]
    fn damage_is_refused() {
        assert_eq!(PromiseAsk::decode(&[]), Err(ServerError::Empty));
        assert_eq!(PromiseAsk::decode(&[9, 0]), Err(ServerError::Layout(9)));
        assert!(matches!(PromiseAsk::decode(&[1, 7]), Err(ServerError::Damaged(_))));
        assert!(matches!(Candidate::decode(&[1, 7]), Err(ServerError::Damaged(_))));
    }
}
