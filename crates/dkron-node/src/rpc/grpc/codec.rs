//! The messages of the service: bytes, with one byte before the first of a stream or call.

use bytes::{Buf as _, BufMut as _, Bytes};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Begins an answer.
pub(super) const ANSWER: u8 = 0;
/// Begins a text that says why there is none.
pub(super) const REFUSAL: u8 = 1;

/// A message that is about to be written.
#[derive(Debug)]
pub(super) struct Message {
    head: Option<u8>,
    body: Bytes,
}

impl Message {
    pub fn plain(body: Bytes) -> Message {
        Message { head: None, body }
    }

    /// `head` tells what the body is; it is written without copying the body twice.
    pub fn headed(head: u8, body: Bytes) -> Message {
        Message { head: Some(head), body }
    }

    pub fn refusal(text: String) -> Message {
        Message::headed(REFUSAL, Bytes::from(text))
    }
}

/// Splits what [`Message::headed`] wrote.
pub(super) fn split(mut message: Bytes) -> Option<(u8, Bytes)> {
    message.try_get_u8().ok().map(|head| (head, message))
}

#[derive(Clone, Copy, Default)]
pub(super) struct Raw;

impl Codec for Raw {
    type Encode = Message;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Message;
    type Error = Status;

    fn encode(&mut self, message: Message, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.reserve(message.body.len() + 1);
        if let Some(head) = message.head {
            into.put_u8(head);
        }
        into.put(message.body);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
