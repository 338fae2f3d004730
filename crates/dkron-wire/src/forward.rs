//! The heads of a request that travels from one server to another, and of its answer.
//!
//! They are no words of the ground floor: method, target and headers of HTTP as they are. The
//! version of the connection's protocol decides their form; this is the one of version 1.

use serde::{Deserialize, Serialize};

/// What a client asked for, but for its body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestHead {
    pub method: String,
    /// Path and query as the client wrote them.
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    /// The client's address, for records of who did something.
    pub client: Option<String>,
}

/// The answer, but for its body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerHead {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes of the body, if that is known.
    pub length: Option<u64>,
}

impl RequestHead {
    /// Behind what `bytes` holds already.
    pub fn write(&self, bytes: Vec<u8>) -> Vec<u8> {
        write(self, bytes)
    }

    /// None: these bytes are no head.
    pub fn read(bytes: &[u8]) -> Option<RequestHead> {
        read(bytes)
    }
}

impl AnswerHead {
    /// Behind what `bytes` holds already.
    pub fn write(&self, bytes: Vec<u8>) -> Vec<u8> {
        write(self, bytes)
    }

    /// None: these bytes are no head.
    pub fn read(bytes: &[u8]) -> Option<AnswerHead> {
        read(bytes)
    }
}

fn write(head: &impl Serialize, bytes: Vec<u8>) -> Vec<u8> {
    postcard::to_extend(head, bytes).expect("the buffer grows, and every sequence knows its length")
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let (head, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_forms_of_version_1_stay() {
        let request = RequestHead {
            method: "PUT".into(),
            target: "/v1/jobs/j?pretty".into(),
            headers: vec![("accept".into(), b"*/*".to_vec())],
            client: Some("10.0.0.9:5".into()),
        };
        let bytes = request.write(vec![1]);
        let wanted = "0103505554112f76312f6a6f62732f6a3f707265747479010661636365707403\
                      2a2f2a010a31302e302e302e393a35";
        assert_eq!(hex(&bytes), wanted);
        assert_eq!(RequestHead::read(&bytes[1..]), Some(request));
        let answer = AnswerHead {
            status: 201,
            headers: vec![("x-a".into(), vec![0xff])],
            length: Some(300),
        };
        let bytes = answer.write(Vec::new());
        assert_eq!(hex(&bytes), "c9010103782d6101ff01ac02");
        assert_eq!(AnswerHead::read(&bytes), Some(answer));
    }

    #[test]
    fn damage_is_no_head() {
        let bytes = RequestHead::default().write(Vec::new());
        assert_eq!(RequestHead::read(&bytes[..bytes.len() - 1]), None);
        assert_eq!(RequestHead::read(&[bytes.as_slice(), b"x"].concat()), None);
        assert_eq!(AnswerHead::read(&[0xff; 40]), None);
    }
}
