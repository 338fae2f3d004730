//! An owner of a ledger that only writes down what it gets, and its rows as frames.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use bytes::{Buf as _, Bytes, BytesMut};
use dkron_raft::{ApplyBatch, Parcel, StateHandle, View};
use tokio::sync::mpsc;

use super::super::{Inbox, Rows};
use crate::rpc::BoxFuture;

type Entries = Vec<(u64, Bytes)>;

#[derive(Default)]
pub struct Owner {
    image: Mutex<(Entries, Option<Bytes>)>,
    grew: Condvar,
}

impl Owner {
    pub fn texts(&self) -> Vec<String> {
        let image = self.image.lock().unwrap();
        image.0.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    pub fn wait_for(&self, count: usize) {
        let image = self.image.lock().unwrap();
        drop(self.grew.wait_while(image, |image| image.0.len() < count).unwrap());
    }

    /// A thread that takes entries; it ends with the sender.
    pub fn work(self: &Arc<Self>) -> mpsc::Sender<ApplyBatch> {
        let (batches, mut received) = mpsc::channel::<ApplyBatch>(8);
        let owner = Arc::clone(self);
        std::thread::spawn(move || {
            while let Some(batch) = received.blocking_recv() {
                let mut image = owner.image.lock().unwrap();
                image.0.extend(batch.entries.into_iter().map(|one| (one.index, one.bytes)));
                image.1 = Some(batch.marker);
                owner.grew.notify_all();
                // Consensus may have ended meanwhile.
                let _ = batch.done.send(());
            }
        });
        batches
    }
}

impl StateHandle for Owner {
    fn marker(&self) -> io::Result<Option<Bytes>> {
        Ok(self.image.lock().unwrap().1.clone())
    }

    fn sync(&self) -> io::Result<Option<Bytes>> {
        self.marker()
    }

    fn view(&self) -> io::Result<View> {
        let (entries, marker) = self.image.lock().unwrap().clone();
        Ok(View { marker, rows: Parcel(Some(Box::new(entries))) })
    }

    fn install(&self, marker: Bytes, rows: Parcel) -> io::Result<()> {
        let entries = rows.0.unwrap().downcast::<Entries>().unwrap();
        *self.image.lock().unwrap() = (*entries, Some(marker));
        self.grew.notify_all();
        Ok(())
    }
}

/// One frame for each entry, an empty one at the end.
#[derive(Default)]
pub struct Frames {
    received: AtomicUsize,
}

impl Frames {
    /// Snapshots that came whole.
    pub fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

impl Rows for Frames {
    fn send(self: Arc<Self>, rows: Parcel, to: mpsc::Sender<Bytes>) -> BoxFuture<io::Result<()>> {
        Box::pin(async move {
            for (index, bytes) in *rows.0.unwrap().downcast::<Entries>().unwrap() {
                let mut frame = BytesMut::from(&index.to_be_bytes()[..]);
                frame.extend_from_slice(&bytes);
                if to.send(frame.freeze()).await.is_err() {
                    return Ok(());
                }
            }
            let _ = to.send(Bytes::new()).await;
            Ok(())
        })
    }

    fn receive(self: Arc<Self>, mut from: Inbox) -> BoxFuture<io::Result<Parcel>> {
        Box::pin(async move {
            let mut entries = Entries::new();
            loop {
                let mut frame = match from.recv().await {
                    Some(Ok(frame)) if frame.is_empty() => break,
                    Some(Ok(frame)) => frame,
                    Some(Err(err)) => return Err(io::Error::other(err)),
                    None => return Err(io::ErrorKind::UnexpectedEof.into()),
                };
                entries.push((frame.get_u64(), frame));
            }
            self.received.fetch_add(1, Ordering::Relaxed);
            Ok(Parcel(Some(Box::new(entries))))
        })
    }
}
