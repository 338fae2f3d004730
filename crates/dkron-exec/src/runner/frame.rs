//! Frames on the socket: four bytes of length (little-endian), then the message in postcard.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Room for the largest output tail or payload and its envelope.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// Messages that wait are written together up to this size.
const BATCH_BYTES: usize = 128 << 10;

/// Appends a message.
pub fn encode<T: Serialize>(message: &T, buffer: &mut Vec<u8>) -> io::Result<()> {
    let at = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    let written = postcard::to_io(message, &mut *buffer).map(|_| ());
    let length = buffer.len() - at - 4;
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
    buffer[at..at + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// The next message; nothing at the end of the stream. Not cancel-safe.
pub async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    match stream.read_exact(&mut head).await {
        Ok(_) => {}
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(err) => return Err(err),
    }
    let length = u32::from_le_bytes(head) as usize;
    if length > FRAME_BYTES_MAX {
        let text = format!("a frame of {length} bytes exceeds the limit of {FRAME_BYTES_MAX}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    buffer.resize(length, 0);
    stream.read_exact(buffer).await?;
    let message = postcard::from_bytes(buffer)
        .map_err(|err| io::Error::new(io::ErrorKind::InvalidData, err))?;
    // A large frame is rare; its room is not kept.
    buffer.clear();
    buffer.shrink_to(BATCH_BYTES);
    Ok(Some(message))
}

/// Writes messages until all senders are gone or the stream breaks.
pub async fn write_all<T: Serialize>(
    mut messages: mpsc::Receiver<T>,
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
