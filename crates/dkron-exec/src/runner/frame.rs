//! Frames on the socket: four bytes of length (little-endian), then the message in postcard.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Room for the largest payload and its envelope.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// Messages that wait are written together up to this size.
const BATCH_BYTES: usize = 128 << 10;
const HEAD: usize = 4;

/// Appends a message.
pub fn encode<T: Serialize>(message: &T, buffer: &mut Vec<u8>) -> io::Result<()> {
    let at = buffer.len();
    buffer.extend_from_slice(&[0; HEAD]);
    let written = postcard::to_io(message, &mut *buffer).map(|_| ());
    let length = buffer.len() - at - HEAD;
    if let Err(err) = written {
        buffer.truncate(at);
        return Err(io::Error::new(io::ErrorKind::InvalidData, err));
    }
    if length > FRAME_BYTES_MAX {
        buffer.truncate(at);
        let text = format!("a message of {length} bytes exceeds the limit of {FRAME_BYTES_MAX}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let length = u32::try_from(length).expect("bounded above");
    buffer[at..at + HEAD].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// The message at the head of `bytes` and how many of them it took, if it is there as a whole.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<Option<(T, usize)>> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let length = length(*head)?;
    let Some(body) = rest.get(..length) else {
        return Ok(None);
    };
    Ok(Some((parse(body)?, HEAD + length)))
}

/// The next message; nothing at the end of the stream. Not cancel-safe.
pub async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<Option<T>> {
    let mut head = [0; HEAD];
    match stream.read_exact(&mut head).await {
        Ok(_) => {}
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(err) => return Err(err),
    }
    buffer.resize(length(head)?, 0);
    stream.read_exact(buffer).await?;
    let message = parse(buffer)?;
    // A large frame is rare; its room is not kept.
    buffer.clear();
    buffer.shrink_to(BATCH_BYTES);
    Ok(Some(message))
}

/// Writes messages until all senders are gone or the stream breaks.
pub async fn write_all<T: Serialize>(
    mut messages: mpsc::UnboundedReceiver<T>,
    stream: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(message) = messages.recv().await {
        encode(&message, &mut buffer)?;
        while buffer.len() < BATCH_BYTES {
            match messages.try_recv() {
                Ok(message) => encode(&message, &mut buffer)?,
                Err(_) => break,
            }
        }
        stream.write_all(&buffer).await?;
        buffer.clear();
        buffer.shrink_to(BATCH_BYTES);
    }
    stream.shutdown().await
}

fn length(head: [u8; HEAD]) -> io::Result<usize> {
    let length = u32::from_le_bytes(head) as usize;
    if length > FRAME_BYTES_MAX {
        let text = format!("a frame of {length} bytes exceeds the limit of {FRAME_BYTES_MAX}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(length)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    postcard::from_bytes(body).map_err(|err| io::Error::new(io::ErrorKind::InvalidData, err))
}
