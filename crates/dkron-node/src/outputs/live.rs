//! Outputs of the executions that go on, readable while they grow: those of this node, and one
//! that some other node has (`afar`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dkron_core::domain::Seq;
use dkron_exec::OutputReader;
use dkron_exec::output::{OutputTail, Piece, stored_output};

use super::afar::There;

/// Those of this node. Clones share it.
#[derive(Clone, Default)]
pub struct LiveOutputs {
    by_seq: Arc<Mutex<HashMap<Seq, LiveOutput>>>,
}

/// One output that may still grow. Reading it costs its writer nothing.
#[derive(Clone)]
pub struct LiveOutput {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Here { reader: OutputReader, limit: usize },
    There(There),
}

/// Why a live output can not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The run has not begun there, or its end is on its way.
    Gone,
    /// Its node can not be asked; why.
    Away(String),
}

impl Absent {
    /// What a reader is shown in its place.
    pub fn line(&self) -> Vec<u8> {
        match self {
            Absent::Gone => Vec::new(),
            Absent::Away(why) => {
                format!("[... what it writes can not be read now: {why} ...]\n").into()
            }
        }
    }
}

impl LiveOutputs {
    pub fn add(&self, seq: Seq, reader: OutputReader, limit: usize) {
        self.lock().insert(seq, LiveOutput::new(reader, limit));
    }

    pub fn remove(&self, seq: Seq) {
        self.lock().remove(&seq);
    }

    pub fn get(&self, seq: Seq) -> Option<LiveOutput> {
        self.lock().get(&seq).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Seq, LiveOutput>> {
        self.by_seq.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for LiveOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveOutput").finish_non_exhaustive()
    }
}

impl LiveOutput {
    pub fn new(reader: OutputReader, limit: usize) -> LiveOutput {
        LiveOutput { source: Source::Here { reader, limit } }
    }

    pub(super) fn there(there: There) -> LiveOutput {
        LiveOutput { source: Source::There(there) }
    }

    /// All that is kept, of what is far away at most about `most` bytes, with a marker for what is
    /// not shown; how much that is, and how much was written.
    pub async fn text(&self, most: u64) -> Result<(Vec<u8>, u64, u64), Absent> {
        let (tail, limit) = match &self.source {
            // A runner that has just gone holds nothing any more.
            Source::Here { reader, limit } => (reader.snapshot().await.unwrap_or_default(), *limit),
            Source::There(there) => (tail(there, most).await?, usize::MAX),
        };
        let total = tail.dropped + tail.bytes.len() as u64;
        let stored = stored_output(None, &tail, limit);
        Ok((stored.bytes, stored.dropped, total))
    }

    /// At most `max` bytes from that offset, or from the oldest that is kept.
    pub async fn read(&self, from: u64, max: usize) -> Result<Piece, Absent> {
        match &self.source {
            Source::Here { reader, .. } => reader.read(from, max).await.map_err(|_| Absent::Gone),
            Source::There(there) => there.read(from, max).await,
        }
    }

    /// Waits until there may be more than `seen` bytes. Cancel-safe.
    pub async fn grown(&self, seen: u64) {
        match &self.source {
            Source::Here { reader, .. } => reader.grown(seen).await,
            Source::There(there) => there.grown(seen).await,
        }
    }
}

/// What another node keeps now, piece by piece; of a long one the end.
async fn tail(there: &There, most: u64) -> Result<OutputTail, Absent> {
    let from = match most {
        u64::MAX => 0,
        most => there.read(u64::MAX, 0).await?.total.saturating_sub(most),
    };
    let mut piece = there.read(from, usize::MAX).await?;
    let (mut dropped, goal) = (piece.start, piece.total);
    let mut bytes = Vec::new();
    loop {
        if piece.start > dropped + bytes.len() as u64 {
            // It went on faster than it was read; the newer end counts.
            (dropped, bytes) = (piece.start, Vec::new());
        }
        bytes.extend_from_slice(&piece.bytes);
        if piece.bytes.is_empty() || piece.end() >= goal {
            return Ok(OutputTail { bytes: bytes.into(), dropped });
        }
        piece = there.read(piece.end(), usize::MAX).await?;
    }
}
