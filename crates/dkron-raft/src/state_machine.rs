//! The library's state machine: cuts committed entries into batches and hands them to the owner
//! of the ledger. It keeps only how far that went and who the members are.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{OptionalSend, RaftSnapshotBuilder};
use tokio::sync::{mpsc, oneshot};

use crate::codec::{self, Marker};
use crate::config::{LogId, Payload, SnapshotMeta, StoredMembership, Types};
use crate::state::{AppliedEntry, ApplyBatch, Parcel, StateHandle};

type Snapshot = openraft::alias::SnapshotOf<Types, Parcel>;
type Responder = ApplyResponder<Types>;

/// Batches handed over before the first of them is answered.
const AHEAD: usize = 4;

pub(crate) struct StateMachine {
    state: Arc<dyn StateHandle>,
    batches: mpsc::Sender<ApplyBatch>,
    batch_max: usize,
    /// As handed over; the stored marker follows.
    marker: Marker,
}

impl StateMachine {
    pub(crate) fn new(
        state: Arc<dyn StateHandle>,
        batches: mpsc::Sender<ApplyBatch>,
        batch_max: usize,
    ) -> io::Result<Self> {
        let marker = read_marker(state.marker()?)?;
        Ok(Self { state, batches, batch_max: batch_max.max(1), marker })
    }

    async fn hand_over(&mut self, draft: Draft) -> io::Result<Pending> {
        let (done, answered) = oneshot::channel();
        let batch = ApplyBatch {
            entries: draft.entries,
            last_index: self.marker.applied.map_or(0, |id| id.index),
            marker: codec::marker(&self.marker),
            done,
        };
        self.batches.send(batch).await.map_err(|_| owner_gone())?;
        Ok(Pending { answered, responders: draft.responders })
    }
}

#[derive(Default)]
struct Draft {
    entries: Vec<AppliedEntry>,
    responders: Vec<Responder>,
    count: usize,
}

struct Pending {
    answered: oneshot::Receiver<()>,
    responders: Vec<Responder>,
}

impl Pending {
    async fn settle(self) -> io::Result<()> {
        self.answered.await.map_err(|_| owner_gone())?;
        for responder in self.responders {
            responder.send(());
        }
        Ok(())
    }
}

fn owner_gone() -> io::Error {
    io::Error::other("the owner of the ledger stopped applying entries")
}

fn read_marker(bytes: Option<bytes::Bytes>) -> io::Result<Marker> {
    let marker = bytes.map(|bytes| codec::read_marker(&bytes)).transpose();
    Ok(marker.map_err(io::Error::other)?.unwrap_or_default())
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotData = Parcel;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.marker.applied, self.marker.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        let mut pending = VecDeque::new();
        let mut draft = Draft::default();
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let index = entry.log_id.index;
            self.marker.applied = Some(entry.log_id);
            match entry.payload {
                Payload::Blank => {}
                Payload::Normal(command) => {
                    draft.entries.push(AppliedEntry { index, bytes: command.0 });
                }
                Payload::Membership(membership) => {
                    self.marker.membership = StoredMembership::new(Some(entry.log_id), membership);
                }
            }
            draft.responders.extend(responder);
            draft.count += 1;
            if draft.count >= self.batch_max {
                let full = std::mem::take(&mut draft);
                pending.push_back(self.hand_over(full).await?);
            }
            if pending.len() >= AHEAD
                && let Some(oldest) = pending.pop_front()
            {
                oldest.settle().await?;
            }
        }
        if draft.count > 0 {
            pending.push_back(self.hand_over(draft).await?);
        }
        for batch in pending {
            batch.settle().await?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self::SnapshotBuilder {
        Builder { state: Arc::clone(&self.state) }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        rows: Parcel,
    ) -> Result<(), io::Error> {
        let marker = Marker { applied: meta.last_log_id, membership: meta.last_membership.clone() };
        Arc::clone(&self.state).replace(codec::marker(&marker), rows).await?;
        self.marker = marker;
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        let state = Arc::clone(&self.state);
        let view = blocking(move || state.view()).await?;
        let Some(bytes) = view.marker else {
            return Ok(None);
        };
        let meta = meta(read_marker(Some(bytes))?);
        Ok(Some(Snapshot { meta, snapshot: view.rows }))
    }
}

/// Building a snapshot copies nothing: the stored rows are the snapshot once they are synced.
pub(crate) struct Builder {
    state: Arc<dyn StateHandle>,
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = Parcel;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let state = Arc::clone(&self.state);
        let bytes = blocking(move || state.sync()).await?;
        Ok(Snapshot { meta: meta(read_marker(bytes)?), snapshot: Parcel(None) })
    }
}

fn meta(marker: Marker) -> SnapshotMeta {
    SnapshotMeta { last_log_id: marker.applied, last_membership: marker.membership }
}

/// A sync may take a quarter of a second: never on the consensus thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    #[cfg(feature = "simulation")]
    if crate::simulated::is_on() {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
