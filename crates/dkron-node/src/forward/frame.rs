//! One frame of a forwarded request: a byte that says what it is, then the rest.

use bytes::Bytes;
use dkron_wire::forward::{AnswerHead, RequestHead};

use crate::rpc::CallError;

/// LIMIT: bytes of a body in one frame.
const PIECE: usize = 256 * 1024;

const REQUEST: u8 = 1;
const GO: u8 = 2;
const REFUSED: u8 = 3;
const ANSWER: u8 = 4;
const DATA: u8 = 5;
const END: u8 = 6;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Request(RequestHead),
    Go,
    /// Nothing was done, for this reason.
    Refused(Refusal),
    Answer(AnswerHead),
    /// A piece of a body.
    Data(Bytes),
    /// The body is whole.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotLeader,
    Busy,
}

impl Frame {
    pub fn encode(&self) -> Bytes {
        match self {
            Frame::Request(head) => head.write(vec![REQUEST]).into(),
            Frame::Go => Bytes::from_static(&[GO]),
            Frame::Refused(Refusal::NotLeader) => Bytes::from_static(&[REFUSED, 1]),
            Frame::Refused(Refusal::Busy) => Bytes::from_static(&[REFUSED, 2]),
            Frame::Answer(head) => head.write(vec![ANSWER]).into(),
            Frame::Data(piece) => [&[DATA], piece.as_ref()].concat().into(),
            Frame::End => Bytes::from_static(&[END]),
        }
    }

    /// What arrived; the way's end is not expected before `End`.
    pub fn decode(arrived: Option<Result<Bytes, CallError>>) -> Result<Frame, CallError> {
        let bytes = arrived.unwrap_or_else(|| Err(CallError::NoAnswer("it ended early".into())))?;
        let strange = || CallError::NoAnswer("a frame of an unknown form".into());
        let (kind, rest) = bytes.split_first().ok_or_else(strange)?;
        Ok(match (*kind, rest) {
            (REQUEST, rest) => Frame::Request(RequestHead::read(rest).ok_or_else(strange)?),
            (GO, []) => Frame::Go,
            (REFUSED, [2]) => Frame::Refused(Refusal::Busy),
            // Reasons that are not known here yet: the way out is the same.
            (REFUSED, _) => Frame::Refused(Refusal::NotLeader),
            (ANSWER, rest) => Frame::Answer(AnswerHead::read(rest).ok_or_else(strange)?),
            (DATA, _) => Frame::Data(bytes.slice(1..)),
            (END, []) => Frame::End,
            _ => return Err(strange()),
        })
    }
}

/// `piece` in parts that fit into frames.
pub(super) fn parts(mut piece: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let part = piece.split_to(piece.len().min(PIECE));
        (!part.is_empty()).then_some(part)
    })
}
