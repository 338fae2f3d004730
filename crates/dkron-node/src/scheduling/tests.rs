//! The thread by itself, with real consensus of one server.

use std::sync::Arc;
use std::time::Duration;

use dkron_core::conductor::{Conductor, Options};
use dkron_core::domain::{BootId, NodeName, Settings};
use dkron_core::ledger::Ledger;
use dkron_exec::ProcessorRegistry;
use dkron_raft::{Alone, Leadership};
use dkron_store::Durability;
use dkron_store::data_dir::{DataDir, Options as DataOptions};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Parts, Scheduling};
use crate::event::Event;
use crate::identity::Mint;
use crate::outputs::{Keeper, Store};
use crate::reader::Around;
use crate::rows::Markers;
use crate::service::Member;
use crate::session::Sessions;

const LONG: Duration = Duration::from_secs(30);

fn conductor() -> Conductor {
    Conductor::new(Options {
        server: NodeName::from("n1"),
        boot_id: BootId([1; 16]),
        zone_data: "test".into(),
        settings: Settings::default(),
        region: "global".into(),
    })
}

/// The word that this server leads may be there before the thread has consensus in its hands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lead_may_come_before_consensus_is_in_hand() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = DataOptions::new([7; 16], "test");
    options.durability = Durability::None;
    let data = DataDir::open(directory.path(), options).unwrap();
    let (state, blobs) = (data.state().unwrap(), data.blobs().unwrap());
    let store = Store::alone(blobs);
    let (_keeper, outputs) = Keeper::new(store.clone());
    let (apply, apply_inbox) = mpsc::channel(4);
    let (events, event_inbox) = mpsc::unbounded_channel();
    let (_requests, request_inbox) = mpsc::channel(4);
    let (reader, mut updates) = mpsc::unbounded_channel();
    let (_disk, disk_full) = watch::channel(false);
    let (node, _node_inbox) = mpsc::channel(4);
    let (leave, _left) = mpsc::unbounded_channel();
    let (give_raft, raft) = oneshot::channel();
    let parts = Parts {
        ledger: Ledger::default(),
        conductor: conductor(),
        mint: Mint::new().unwrap(),
        state: state.clone(),
        apply: apply_inbox,
        events: event_inbox,
        requests: request_inbox,
        reader,
        reader_behind: Arc::default(),
        outputs,
        disk_full,
        sessions: Sessions::new("n1".into(), node),
        processors: ProcessorRegistry::new([]),
        store,
        node_name: NodeName::from("n1"),
        event_sender: events.clone(),
        raft,
        pool: tokio::runtime::Handle::current(),
        leave,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    std::thread::spawn(move || runtime.block_on(Scheduling::run(parts)));

    let own = Member {
        name: NodeName::from("n1"),
        addr: String::new(),
        port: 0,
        tags: [].into(),
        status: 1,
    };
    let around = Around::nobody(own);
    let markers = Arc::new(Markers { state, events: events.clone(), around });
    let options = dkron_raft::Options::new(7);
    let log = data.log().unwrap();
    let handle = dkron_raft::start(options, log, markers, apply, Arc::new(Alone)).await.unwrap();
    handle.initialize_single("n1", "127.0.0.1:6868").await.unwrap();
    let mut leadership = handle.leadership();
    let leads = leadership.wait_for(Leadership::is_leader).await.unwrap().clone();
    let Leadership::Leader { epoch } = leads else { panic!("nobody leads") };
    events.send(Event::Leadership(Some(epoch))).unwrap();
    give_raft.send(handle).ok().unwrap();
    let office = async {
        while let Some(update) = updates.recv().await {
            if matches!(update.office, Some(Some(_))) {
                return true;
            }
        }
        false
    };
    assert!(tokio::time::timeout(LONG, office).await.unwrap());
}
