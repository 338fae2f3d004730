//! An owner of a ledger that only writes down what it gets, and a state that can forget.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use dkron_store::Durability;
use dkron_store::log::{self, Log};
use tokio::sync::mpsc;

use crate::{ApplyBatch, Parcel, StateHandle, View};

/// Rows and marker, as one store would hold them.
#[derive(Debug, Clone, Default)]
pub struct Image {
    pub entries: Vec<(u64, Bytes)>,
    pub marker: Option<Bytes>,
}

#[derive(Default)]
pub struct State {
    image: Mutex<Image>,
    grew: Condvar,
    gate: Mutex<bool>,
    opened: Condvar,
}

impl State {
    pub fn of(image: Image) -> Arc<Self> {
        Arc::new(Self { image: Mutex::new(image), gate: Mutex::new(true), ..Self::default() })
    }

    pub fn image(&self) -> Image {
        self.image.lock().unwrap().clone()
    }

    pub fn texts(&self) -> Vec<String> {
        let image = self.image();
        let text = |(_, bytes): &(u64, Bytes)| String::from_utf8(bytes.to_vec()).unwrap();
        image.entries.iter().map(text).collect()
    }

    pub fn wait_for(&self, count: usize) {
        let image = self.image.lock().unwrap();
        drop(self.grew.wait_while(image, |image| image.entries.len() < count).unwrap());
    }

    /// A closed gate holds the owner before it answers.
    pub fn set_gate(&self, open: bool) {
        *self.gate.lock().unwrap() = open;
        self.opened.notify_all();
    }

    /// Runs an owner on a thread of its own; it ends with the sender, or at `fail_at`.
    pub fn owner(self: &Arc<Self>, fail_at: Option<usize>) -> mpsc::Sender<ApplyBatch> {
        let (batches, mut received) = mpsc::channel::<ApplyBatch>(8);
        let state = Arc::clone(self);
        std::thread::spawn(move || {
            while let Some(batch) = received.blocking_recv() {
                let gate = state.gate.lock().unwrap();
                drop(state.opened.wait_while(gate, |open| !*open).unwrap());
                let mut image = state.image.lock().unwrap();
                if fail_at.is_some_and(|count| image.entries.len() >= count) {
                    return;
                }
                for entry in batch.entries {
                    assert!(entry.index <= batch.last_index);
                    let last = image.entries.last().map_or(0, |(index, _)| *index);
                    assert!(entry.index > last, "{} after {last}", entry.index);
                    image.entries.push((entry.index, entry.bytes));
                }
                image.marker = Some(batch.marker);
                state.grew.notify_all();
                let _ = batch.done.send(());
            }
        });
        batches
    }
}

impl StateHandle for State {
    fn marker(&self) -> io::Result<Option<Bytes>> {
        Ok(self.image().marker)
    }

    fn sync(&self) -> io::Result<Option<Bytes>> {
        Ok(self.image().marker)
    }

    fn view(&self) -> io::Result<View> {
        let image = self.image();
        Ok(View { marker: image.marker.clone(), rows: Parcel(Some(Box::new(image))) })
    }

    fn install(&self, marker: Bytes, rows: Parcel) -> io::Result<()> {
        let image = rows.0.and_then(|rows| rows.downcast::<Image>().ok());
        let mut image = *image.expect("an image was sent");
        image.marker = Some(marker);
        *self.image.lock().unwrap() = image;
        self.grew.notify_all();
        Ok(())
    }
}

pub fn open_log(directory: &Path) -> Arc<Log> {
    let options = log::Options { durability: Durability::None, ..log::Options::default() };
    Arc::new(Log::open(&directory.join("log"), options).unwrap())
}
