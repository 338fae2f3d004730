//! Messages over TCP: one question and one answer a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::engine::Command;
use crate::frame::{self, Channel, HEAD_BYTES, Opened, Sealer, Unreadable};
use crate::message::{MESSAGE_BYTES, Message};
use crate::notices::Notices;

/// LIMIT: questions that are answered at a time; others wait in the kernel's queue.
const CONNECTIONS: usize = 64;
/// Longest time for a question with its answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Timeout,
    #[error("what it sent can not be read: {0}")]
    Unreadable(Unreadable),
    #[error("it could not read what it was sent: {0}")]
    Refused(Unreadable),
}

/// Asks and waits for the answer, at most [`PATIENCE`].
pub(crate) async fn ask(
    to: SocketAddr,
    sealer: &Sealer,
    question: &Message,
) -> Result<Message, AskError> {
    let asked = async {
        let mut stream = TcpStream::connect(to).await?;
        write(&mut stream, &sealer.seal(Channel::Stream, &question.encode())).await?;
        let answer = read(&mut stream).await?.map_err(AskError::Unreadable)?;
        match sealer.open(Channel::Stream, &answer).map_err(AskError::Unreadable)? {
            Opened::Body(body) => {
                Message::decode(&body).ok_or(AskError::Unreadable(Unreadable::Damaged))
            }
            Opened::Refused(reason) => Err(AskError::Refused(reason)),
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or(Err(AskError::Timeout))
}

/// Answers for ever.
pub(crate) async fn serve(
    listener: TcpListener,
    sealer: Arc<Sealer>,
    notices: Arc<Notices>,
    commands: mpsc::Sender<Command>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let permit = Arc::clone(&room).acquire_owned().await.expect("it is never closed");
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // No file descriptors, for instance: they come back with time alone.
                tracing::warn!(%error, "gossip can not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (sealer, notices, commands) = (sealer.clone(), notices.clone(), commands.clone());
        tokio::spawn(async move {
            let answered = timeout(PATIENCE, answer(stream, &sealer, &commands)).await;
            if let Ok(Ok(Some(reason))) = answered {
                notices.note(from, reason);
            }
            drop(permit);
        });
    }
}

/// Says why a question could not be read; whoever went away before the end does not matter.
async fn answer(
    mut stream: TcpStream,
    sealer: &Sealer,
    commands: &mpsc::Sender<Command>,
) -> io::Result<Option<Unreadable>> {
    let question = match read(&mut stream).await? {
        Ok(frame) => sealer.open(Channel::Stream, &frame),
        Err(reason) => Err(reason),
    };
    let question = question.and_then(|opened| match opened {
        Opened::Body(body) => Message::decode(&body).ok_or(Unreadable::Damaged),
        Opened::Refused(_) => Err(Unreadable::Damaged),
    });
    let question = match question {
        Ok(question) => question,
        Err(reason @ (Unreadable::Serf | Unreadable::Foreign)) => return Ok(Some(reason)),
        Err(reason) => {
            write(&mut stream, &frame::refusal(reason)).await?;
            return Ok(Some(reason));
        }
    };
    let (reply, answer) = oneshot::channel();
    if commands.send(Command::Question(question, reply)).await.is_ok()
        && let Ok(message) = answer.await
    {
        write(&mut stream, &sealer.seal(Channel::Stream, &message.encode())).await?;
    }
    Ok(None)
}

/// The length stands behind the head, so that what is foreign is seen at its first bytes.
async fn write(stream: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    let (head, body) = frame.split_at(HEAD_BYTES);
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    stream.write_all(&[head, &length.to_be_bytes(), body].concat()).await?;
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> io::Result<Result<Vec<u8>, Unreadable>> {
    let mut head = [0; HEAD_BYTES];
    stream.read_exact(&mut head).await?;
    if let Err(reason) = frame::check_head(&head) {
        return Ok(Err(reason));
    }
    let length = stream.read_u32().await? as usize;
    if length > MESSAGE_BYTES {
        return Ok(Err(Unreadable::Damaged));
    }
    let mut frame = head.to_vec();
    // Grows with what really comes.
    stream.take(length as u64).read_to_end(&mut frame).await?;
    match frame.len() == HEAD_BYTES + length {
        true => Ok(Ok(frame)),
        false => Ok(Err(Unreadable::Damaged)),
    }
}
