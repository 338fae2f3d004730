//! A server's store in memory: rows of an entry come together with the marker of consensus, and a
//! crash takes the newest entries that were not flushed. It goes to other servers as a snapshot.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use dkron_core::domain::LogIndex;
use dkron_core::ledger::{Ledger, Loader};
use dkron_raft::{Parcel, StateHandle, View};
use dkron_sim::Dice;
use dkron_store::state::{Keyspace, Op, State};
use dkron_wire::Table;
use tokio::sync::{mpsc, oneshot};

use crate::consensus::{self, Inbox};
use crate::event::Event;
use crate::reader::{Around, Index};
use crate::rows::{MARKER, RowStore, marker};
use crate::rpc::BoxFuture;
use crate::snapshot::Installed;

type Key = (u8, Vec<u8>);

/// What a disk holds.
#[derive(Clone, Default)]
pub struct Content {
    pub rows: BTreeMap<Key, Vec<u8>>,
    applied: Option<u64>,
}

impl Content {
    fn write(&mut self, index: u64, ops: Vec<Op>) {
        self.applied = Some(index);
        self.put(ops);
    }

    fn put(&mut self, ops: Vec<Op>) {
        for op in ops {
            let key = (op.keyspace.code(), op.key);
            match op.value {
                Some(value) => drop(self.rows.insert(key, value)),
                None => drop(self.rows.remove(&key)),
            }
        }
    }

    fn marker(&self) -> Option<Bytes> {
        let key = (Keyspace::Meta.code(), MARKER.to_vec());
        self.rows.get(&key).map(|bytes| Bytes::from(bytes.clone()))
    }

    /// All but the marker.
    pub fn without_marker(mut self) -> BTreeMap<Key, Vec<u8>> {
        self.rows.remove(&(Keyspace::Meta.code(), MARKER.to_vec()));
        self.rows
    }

    pub fn ledger(&self) -> Ledger {
        let mut loader = Loader::new(LogIndex(self.applied.unwrap_or(0)));
        for ((code, key), value) in &self.rows {
            let table = Table::from_code(*code).expect("a known table");
            if table.is_working_set() && (table != Table::Meta || *key != MARKER) {
                loader.take(dkron_wire::row::decode(table, key, value).expect("a whole row"));
            }
        }
        loader.finish().expect("the rows fit together")
    }
}

/// One life's view of it.
pub struct Rows {
    inner: Mutex<Inner>,
    events: mpsc::UnboundedSender<Event>,
    around: Around,
}

#[derive(Default)]
struct Inner {
    view: Content,
    durable: Content,
    unflushed: VecDeque<(u64, Vec<Op>)>,
}

impl Rows {
    pub fn open(
        durable: Content,
        events: mpsc::UnboundedSender<Event>,
        around: Around,
    ) -> Arc<Rows> {
        let inner = Inner { view: durable.clone(), durable, ..Inner::default() };
        Arc::new(Rows { inner: Mutex::new(inner), events, around })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn flush(&self) {
        let mut inner = self.inner();
        while let Some((index, ops)) = inner.unflushed.pop_front() {
            inner.durable.write(index, ops);
        }
    }

    pub fn view(&self) -> Content {
        self.inner().view.clone()
    }

    /// The process is gone: what the next one finds.
    pub fn crash(&self, dice: &mut Dice) -> Content {
        let kept = dice.below(self.inner().unflushed.len() as u64 + 1) as usize;
        self.inner().unflushed.truncate(kept);
        self.flush();
        std::mem::take(&mut self.inner().durable)
    }
}

impl RowStore for Rows {
    fn push(&self, index: u64, ops: Vec<Op>) -> Result<(), dkron_store::Error> {
        let mut inner = self.inner();
        let expected = inner.view.applied;
        if let Some(expected) = expected.filter(|expected| index <= *expected) {
            return Err(dkron_store::Error::Order { what: "rows", index, expected });
        }
        inner.view.write(index, ops.clone());
        inner.unflushed.push_back((index, ops));
        Ok(())
    }

    fn pending_len(&self) -> usize {
        self.inner().unflushed.len()
    }

    fn on_disk(self: Arc<Self>) -> Option<Arc<State>> {
        None
    }
}

impl StateHandle for Rows {
    fn marker(&self) -> io::Result<Option<Bytes>> {
        Ok(self.inner().view.marker())
    }

    fn sync(&self) -> io::Result<Option<Bytes>> {
        self.flush();
        self.marker()
    }

    fn view(&self) -> io::Result<View> {
        let content = self.inner().view.clone();
        Ok(View { marker: content.marker(), rows: Parcel(Some(Box::new(content))) })
    }

    fn replace(self: Arc<Self>, bytes: Bytes, rows: Parcel) -> BoxFuture<io::Result<()>> {
        Box::pin(async move {
            let mut content = unpack(rows)?;
            content.put(vec![marker(&bytes)]);
            let ledger = content.ledger();
            let index = Index::new(&ledger, self.around.clone());
            {
                let mut inner = self.inner();
                inner.unflushed.clear();
                (inner.view, inner.durable) = (content.clone(), content);
            }
            let (done, taken) = oneshot::channel();
            let gone = |_| io::Error::other("the scheduling thread has ended");
            let event = Event::Installed(Box::new(Installed { ledger, index, done }));
            self.events.send(event).map_err(|_| io::Error::other("it ends"))?;
            taken.await.map_err(gone)
        })
    }
}

fn unpack(rows: Parcel) -> io::Result<Content> {
    let content = rows.0.and_then(|rows| rows.downcast::<Content>().ok());
    content.map(|content| *content).ok_or_else(|| io::Error::other("not rows of this world"))
}

/// Rows of one frame.
const PIECE: usize = 64;

/// Rows as frames: those of a piece one behind the other, then the index, alone.
pub struct Frames;

impl consensus::Rows for Frames {
    fn send(self: Arc<Self>, rows: Parcel, to: mpsc::Sender<Bytes>) -> BoxFuture<io::Result<()>> {
        Box::pin(async move {
            let content = unpack(rows)?;
            let rows: Vec<_> = content.rows.into_iter().collect();
            for piece in rows.chunks(PIECE) {
                let mut frame = BytesMut::new();
                for ((code, key), value) in piece {
                    frame.put_u8(*code);
                    frame.put_u32(key.len() as u32);
                    frame.put_slice(key);
                    frame.put_u32(value.len() as u32);
                    frame.put_slice(value);
                }
                if to.send(frame.freeze()).await.is_err() {
                    return Ok(());
                }
            }
            let last = Bytes::copy_from_slice(&content.applied.unwrap_or(0).to_be_bytes());
            // Nobody receives any more if it gave up.
            let _ = to.send(last).await;
            Ok(())
        })
    }

    fn receive(self: Arc<Self>, mut from: Inbox) -> BoxFuture<io::Result<Parcel>> {
        Box::pin(async move {
            let mut content = Content::default();
            while let Some(frame) = from.recv().await {
                let mut frame = frame.map_err(io::Error::other)?;
                if frame.len() == 8 {
                    content.applied = Some(frame.get_u64());
                    return Ok(Parcel(Some(Box::new(content))));
                }
                while frame.has_remaining() {
                    let code = frame.get_u8();
                    let len = frame.get_u32() as usize;
                    let key = frame.split_to(len).to_vec();
                    let len = frame.get_u32() as usize;
                    content.rows.insert((code, key), frame.split_to(len).to_vec());
                }
            }
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the snapshot ended before its end"))
        })
    }
}
