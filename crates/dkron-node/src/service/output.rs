//! What a run wrote, in pieces: while it goes on and after it, from any offset, at the reader's
//! pace.
//!
//! An offset counts the bytes that the run itself wrote, from 0. What was dropped, and what the
//! scheduler has to say about the end, are texts between them that have no offsets of their own.

use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::{JobName, State};
use tokio::sync::OwnedSemaphorePermit;

use super::{Error, Query, Service};
use crate::outputs::Absent;
pub use crate::outputs::LiveOutput;

/// How soon an execution is looked up again that has no output yet, or whose end is on its way.
const AGAIN: Duration = Duration::from_millis(100);
/// How soon the node of a run is asked again that could not be asked.
const AWAY: Duration = Duration::from_secs(1);

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Offset {
    #[default]
    Start,
    /// Only what is written from now on.
    End,
    At(u64),
}

/// An output as the list of executions shows it: the text of an error, a marker for what was
/// dropped, the tail.
#[derive(Clone, Debug)]
pub struct OutputText {
    pub bytes: Bytes,
    /// Bytes that the run has written so far.
    pub total: u64,
    /// Of these, bytes that are not kept.
    pub dropped: u64,
    /// Terminal once nothing more will come.
    pub state: State,
}

/// A part of an output. It may be empty: then it says only how things stand.
#[derive(Clone, Debug)]
pub struct OutputPiece {
    pub bytes: Bytes,
    /// The offset to go on from, also in a later request.
    pub next: u64,
    /// Bytes that the run has written so far.
    pub total: u64,
    pub state: State,
    /// Nothing follows; `state` is terminal.
    pub done: bool,
}

/// What the reader finds of an execution's output.
#[derive(Debug)]
pub enum Found {
    /// It goes on. Without an output it has not begun on this node, or its end is being recorded.
    Live {
        output: Option<LiveOutput>,
        state: State,
    },
    Ended(Kept),
}

/// The stored output of an execution that has ended.
#[derive(Debug)]
pub struct Kept {
    pub bytes: Bytes,
    /// Bytes at the beginning that the run did not write.
    pub head: usize,
    pub dropped: u64,
    pub state: State,
    /// A share of the room that large outputs have in memory.
    pub room: Option<OwnedSemaphorePermit>,
}

/// Reads an output to its end, waiting for it to grow. Nothing is read ahead: who is slow loses
/// only what the limit of the output takes away meanwhile, and a marker says so.
pub struct Follow {
    service: Service,
    name: JobName,
    id: String,
    from: Offset,
    /// The offset of the next byte, once `from` is known.
    at: u64,
    source: Source,
    /// Whether it was said that the run's node can not be asked.
    away: bool,
}

enum Source {
    /// To be looked up. After the last byte of a live one only its end is missing.
    Unknown {
        whole: bool,
        state: State,
    },
    Live(LiveOutput, State),
    /// Texts that are left, in this order.
    Ended(Vec<Text>, Kept),
    Over,
}

/// A part of what is shown of an ended execution.
struct Text {
    bytes: Bytes,
    /// The offset behind it.
    behind: u64,
    /// Whether the run wrote it, so that each byte has an offset.
    own: bool,
}

impl Service {
    /// The output as a whole, at most its limit.
    pub async fn output_text(&self, name: JobName, id: String) -> Result<OutputText, Error> {
        Ok(match self.find_output(name, id).await? {
            Found::Live { output: None, state } => {
                OutputText { bytes: Bytes::new(), total: 0, dropped: 0, state }
            }
            Found::Live { output: Some(output), state } => {
                let text = output.text(u64::MAX).await;
                let (bytes, dropped, total) = text.unwrap_or_else(|why| (why.line(), 0, 0));
                OutputText { bytes: bytes.into(), total, dropped, state: going(state, total) }
            }
            Found::Ended(kept) => {
                let (total, dropped, state) = (kept.total(), kept.dropped, kept.state);
                OutputText { bytes: kept.bytes, total, dropped, state }
            }
        })
    }

    /// What there is from an offset, at most `max` bytes and some text, without waiting for more.
    pub async fn output(
        &self,
        name: JobName,
        id: String,
        from: Offset,
        max: usize,
    ) -> Result<OutputPiece, Error> {
        let mut follow = self.follow(name, id, from).await?;
        follow.look(max).await
    }

    /// Follows an output from an offset to its end. Unknown jobs and executions are told here.
    pub async fn follow(&self, name: JobName, id: String, from: Offset) -> Result<Follow, Error> {
        let source = Source::Unknown { whole: false, state: State::Pending };
        let mut follow =
            Follow { service: self.clone(), name, id, from, at: 0, source, away: false };
        follow.find(false).await?;
        Ok(follow)
    }

    async fn find_output(&self, name: JobName, id: String) -> Result<Found, Error> {
        self.query(|reply| Query::Output { name, id, reply }).await
    }
}

impl Follow {
    /// The next piece, of at most `max` bytes and some text, once there is one; `None` after the
    /// last. Cancel-safe: what was not returned is returned next.
    pub async fn next(&mut self, max: usize) -> Result<Option<OutputPiece>, Error> {
        loop {
            if matches!(self.source, Source::Over) {
                return Ok(None);
            }
            let piece = self.look(max).await?;
            if !piece.bytes.is_empty() || piece.done {
                return Ok(Some(piece));
            }
            match &self.source {
                Source::Live(output, _) => output.grown(self.at).await,
                _ if self.away => tokio::time::sleep(AWAY).await,
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// One look, without waiting for growth.
    async fn look(&mut self, max: usize) -> Result<OutputPiece, Error> {
        let max = max.max(1);
        if let Source::Unknown { whole, .. } = self.source {
            self.find(whole).await?;
        }
        match &mut self.source {
            Source::Live(output, state) => {
                let from = if self.from == Offset::End { u64::MAX } else { self.at };
                let part = match output.read(from, max).await {
                    Ok(part) => part,
                    // Where the end of the run took it away, what is kept goes on from here.
                    Err(absent) => {
                        let state = *state;
                        self.source = Source::Unknown { whole: false, state };
                        return Ok(self.absent(&absent, state));
                    }
                };
                *state = going(*state, part.total);
                let state = *state;
                self.away = false;
                let gap = match self.from {
                    Offset::End => 0,
                    _ => part.start.saturating_sub(self.at),
                };
                (self.from, self.at) = (Offset::At(0), part.end());
                if part.done && self.at >= part.total {
                    self.source = Source::Unknown { whole: true, state };
                }
                let bytes = if gap > 0 { marked(gap, &part.bytes) } else { part.bytes };
                let (next, total) = (self.at, part.total);
                Ok(OutputPiece { bytes, next, total, state, done: false })
            }
            Source::Ended(texts, kept) => {
                let (mut bytes, mut next) = (Bytes::new(), self.at);
                if let Some(text) = texts.first_mut() {
                    bytes = text.bytes.split_to(max.min(text.bytes.len()));
                    let left = if text.own { text.bytes.len() as u64 } else { 0 };
                    next = text.behind - left;
                    if text.bytes.is_empty() {
                        texts.remove(0);
                    }
                }
                let (total, state, done) = (kept.total(), kept.state, texts.is_empty());
                self.at = next;
                if done {
                    self.source = Source::Over;
                }
                Ok(OutputPiece { bytes, next, total, state, done })
            }
            Source::Unknown { state, .. } => {
                let state = *state;
                Ok(self.nothing(state))
            }
            Source::Over => Ok(self.nothing(State::Pending)),
        }
    }

    /// Nothing, or once why there is nothing.
    fn absent(&mut self, absent: &Absent, state: State) -> OutputPiece {
        let is_new = !std::mem::replace(&mut self.away, matches!(absent, Absent::Away(_)));
        let line = if is_new { absent.line() } else { Vec::new() };
        OutputPiece { bytes: line.into(), ..self.nothing(state) }
    }

    fn nothing(&self, state: State) -> OutputPiece {
        let (next, total) = (self.at, self.at);
        OutputPiece { bytes: Bytes::new(), next, total, state, done: false }
    }

    /// Looks the execution up; `whole` if all that it wrote was read already.
    async fn find(&mut self, whole: bool) -> Result<(), Error> {
        if let Offset::At(at) = self.from {
            self.at = self.at.max(at);
        }
        let found = self.service.find_output(self.name.clone(), self.id.clone()).await?;
        self.source = match found {
            Found::Live { output: Some(output), state } if !whole => Source::Live(output, state),
            Found::Live { state, .. } => {
                if self.from == Offset::End {
                    // Nothing was written yet: all that comes is written from now on.
                    self.from = Offset::At(0);
                }
                Source::Unknown { whole, state }
            }
            Found::Ended(kept) => {
                if self.from == Offset::End {
                    self.at = kept.total();
                }
                let rest = if whole { Rest::End } else { self.rest() };
                Source::Ended(kept.texts(rest), kept)
            }
        };
        Ok(())
    }

    fn rest(&self) -> Rest {
        match (self.from, self.at) {
            (Offset::End, _) => Rest::End,
            (_, 0) => Rest::All,
            (_, at) => Rest::From(at),
        }
    }
}

/// What somebody has yet to see of a stored output.
#[derive(Clone, Copy)]
enum Rest {
    All,
    /// The bytes from an offset, and what is said about the end.
    From(u64),
    /// What is said about the end.
    End,
}

impl Kept {
    fn total(&self) -> u64 {
        self.dropped + (self.bytes.len() - self.head) as u64
    }

    /// What is left to show. Who has read along is told at the end why the run failed.
    fn texts(&self, rest: Rest) -> Vec<Text> {
        let (head, own) = (self.bytes.slice(..self.head), self.bytes.slice(self.head..));
        let total = self.total();
        let mark = marker(self.dropped);
        let error = match self.dropped {
            0 => head.clone(),
            _ => head.slice(..head.strip_suffix(mark.as_bytes()).unwrap_or(&head).len()),
        };
        let said = |bytes: Bytes, behind| Text { bytes, behind, own: false };
        let written = |bytes: Bytes| Text { bytes, behind: total, own: true };
        let mut texts = match rest {
            Rest::All => vec![said(head, self.dropped), written(own)],
            Rest::From(at) if at < self.dropped => {
                vec![said(mark.into(), self.dropped), written(own), said(error, total)]
            }
            Rest::From(at) => {
                let seen = usize::try_from(at - self.dropped).unwrap_or(usize::MAX);
                vec![written(own.slice(seen.min(own.len())..)), said(error, total)]
            }
            Rest::End => vec![said(error, total)],
        };
        texts.retain(|text| !text.bytes.is_empty());
        texts
    }
}

/// Whoever writes runs, although this server may not have heard yet that it does.
fn going(state: State, total: u64) -> State {
    if total > 0 { State::Running } else { state }
}

/// Bytes after others that are gone.
fn marked(gap: u64, bytes: &[u8]) -> Bytes {
    let mut text = marker(gap).into_bytes();
    text.extend_from_slice(bytes);
    text.into()
}

/// The same words as in a stored output.
fn marker(dropped: u64) -> String {
    format!("[... {dropped} bytes dropped ...]\n")
}

#[cfg(test)]
mod tests;
