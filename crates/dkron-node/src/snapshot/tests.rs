//! A server that lags is sent a snapshot: real consensus of one server decides, a second server
//! gets some of its batches, then a snapshot, then batches again.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dkron_core::conductor::{self, Conductor};
use dkron_core::domain::{
    BootId, EndReason, Job, JobName, JobNo, JournalId, LogIndex, Nominal, RequestId, Settings,
    Submission, Target, Tenure, Timestamp, Version,
};
use dkron_core::ledger::{Account, Command, Decision, Fire, Place, PutJob, TakeOffice, Trigger};
use dkron_exec::ProcessorRegistry;
use dkron_raft::{Alone, ApplyBatch, Handle, Lane, Outcome, StateHandle};
use dkron_store::Durability;
use dkron_store::blob::{self, Blobs};
use dkron_store::state;
use tokio::sync::watch;

use super::*;
use crate::chronicle::Chronicle;
use crate::identity::Mint;
use crate::outputs::{Afar, Keeper, LiveOutputs, Store};
use crate::reader::{self, Around, Reader};
use crate::reads::{Telling, Told};
use crate::rows::{self, Markers};
use crate::scheduling::{self, Scheduling};
use crate::service::{ListQuery, Member, Service, StateHash};
use crate::session::Sessions;

/// Jobs in the snapshot.
const JOBS: u64 = 10_000;

/// Ledger, rows and reader of one server, without hands.
struct Server {
    state: Arc<State>,
    markers: Arc<Markers>,
    apply: mpsc::Sender<ApplyBatch>,
    service: Service,
    told: Told,
    give_raft: std::sync::Mutex<Option<oneshot::Sender<Handle>>>,
    // Threads end when nobody can send to them.
    _open: std::sync::Mutex<Box<dyn std::any::Any + Send>>,
}

fn server(dir: &Path, name: &str) -> Server {
    let options = state::Options { durability: Durability::None, ..state::Options::default() };
    let state = Arc::new(State::open(&dir.join("state"), options).unwrap());
    let options = blob::Options { durability: Durability::None, ..blob::Options::default() };
    let blobs = Blobs::open(&dir.join("blobs"), options).unwrap();
    let store = Store::alone(Arc::new(blobs));
    let ledger = rows::load(&state).unwrap();
    let own =
        Member { name: name.into(), addr: String::new(), port: 0, tags: [].into(), status: 1 };
    let around = Around::nobody(own);
    let (telling, told) = Telling::new(ledger.applied());
    let behind = Arc::new(AtomicUsize::new(0));
    let (updates, update_inbox) = mpsc::unbounded_channel();
    let (queries, query_inbox) = mpsc::channel(64);
    let (requests, request_inbox) = mpsc::channel(64);
    let (events, event_inbox) = mpsc::unbounded_channel();
    let (apply, apply_inbox) = mpsc::channel(4);
    let (node, node_inbox) = mpsc::channel(16);
    let (give_raft, raft) = oneshot::channel();
    let (disk, disk_full) = watch::channel(false);
    let (leave, left) = mpsc::unbounded_channel();
    let pool = tokio::runtime::Handle::current();
    tokio::spawn(Reader::run(reader::Parts {
        index: Index::new(&ledger, around.clone()),
        chronicle: Arc::new(Chronicle::new(ledger.applied())),
        telling,
        updates: update_inbox,
        behind: Arc::clone(&behind),
        queries: query_inbox,
        state: Arc::clone(&state),
        store: store.clone(),
        outputs: Afar::alone(LiveOutputs::default()),
        pool: pool.clone(),
    }));
    let (keeper, outputs) = Keeper::new(store.clone());
    tokio::spawn(keeper.run(Arc::clone(&state)));
    tokio::spawn(Scheduling::run(scheduling::Parts {
        ledger,
        conductor: Conductor::new(conductor::Options {
            server: name.into(),
            boot_id: BootId::default(),
            zone_data: "test".into(),
            settings: Settings::default(),
            region: "global".into(),
        }),
        mint: Mint::new().unwrap(),
        state: state.clone(),
        apply: apply_inbox,
        events: event_inbox,
        requests: request_inbox,
        reader: updates,
        reader_behind: behind,
        outputs,
        disk_full,
        sessions: Sessions::new(name.into(), node),
        processors: ProcessorRegistry::new([]),
        store,
        node_name: name.into(),
        event_sender: events.clone(),
        raft,
        pool,
        leave,
    }));
    let markers = Arc::new(Markers { state: Arc::clone(&state), events, around });
    let service = Service::new(requests, queries);
    let give_raft = std::sync::Mutex::new(Some(give_raft));
    let _open = std::sync::Mutex::new(Box::new((node_inbox, disk, left)) as Box<_>);
    Server { state, markers, apply, service, told, give_raft, _open }
}

impl Server {
    /// The thread hears no news before it has consensus in hand, be it another server's.
    fn wants_raft(&self) -> oneshot::Sender<Handle> {
        self.give_raft.lock().unwrap().take().unwrap()
    }

    async fn hand_over(&self, batch: &ApplyBatch) {
        let (done, applied) = oneshot::channel();
        let (entries, last_index) = (batch.entries.clone(), batch.last_index);
        let batch = ApplyBatch { entries, last_index, marker: batch.marker.clone(), done };
        self.apply.send(batch).await.unwrap();
        applied.await.unwrap();
    }

    async fn seen(&self, index: u64) {
        let mut told = self.told.index.clone();
        told.wait_for(|seen| seen.0 >= index).await.unwrap();
    }

    /// Everything that a client can see of jobs and of some histories.
    async fn shown(&self) -> Vec<String> {
        let page = self.service.list_jobs(ListQuery::default()).await.unwrap();
        let mut shown: Vec<String> = page.jobs.iter().map(|job| format!("{job:?}")).collect();
        for job in page.jobs.iter().step_by(501) {
            let name = job.job.name.clone();
            shown.push(format!("{:?}", self.service.executions(name.clone()).await.unwrap()));
            shown.push(format!("{:?}", self.service.skipped(name).await.unwrap()));
        }
        shown
    }

    async fn hash(&self) -> StateHash {
        self.service.state_hash(LogIndex(0)).await.unwrap()
    }
}

/// Consensus of one server; its batches go to the first server, and to the second while it is
/// attached.
async fn consensus(dir: &Path, one: Arc<Server>, two: Arc<Server>) -> (Handle, Arc<AtomicBool>) {
    let options = dkron_store::log::Options {
        durability: Durability::None,
        ..dkron_store::log::Options::default()
    };
    let log = Arc::new(dkron_store::log::Log::open(&dir.join("log"), options).unwrap());
    let (apply, mut batches) = mpsc::channel(4);
    let attached = Arc::new(AtomicBool::new(true));
    let (markers, is_attached) = (Arc::clone(&one.markers), Arc::clone(&attached));
    let waiting = [one.wants_raft(), two.wants_raft()];
    tokio::spawn(async move {
        while let Some(batch) = batches.recv().await {
            if is_attached.load(Ordering::SeqCst) {
                two.hand_over(&batch).await;
            }
            one.apply.send(batch).await.unwrap();
        }
    });
    let options = dkron_raft::Options::new(1);
    let raft = dkron_raft::start(options, log, markers, apply, Arc::new(Alone)).await.unwrap();
    for server in waiting {
        server.send(raft.clone()).ok().unwrap();
    }
    raft.initialize_single("s1", "nowhere").await.unwrap();
    raft.leadership().wait_for(|leadership| leadership.is_leader()).await.unwrap();
    (raft, attached)
}

/// Proposes all and waits for their outcome; the last index.
async fn propose(raft: &Handle, tenure: Tenure, commands: Vec<Command>) -> u64 {
    let mut last = 0;
    for some in commands.chunks(2_000) {
        let encode = |command| dkron_wire::encode_entry(at(9), tenure, None, command);
        let proposals: Vec<_> = some
            .iter()
            .map(|command| raft.try_propose(Lane::Conductor, encode(command).into()).unwrap())
            .collect();
        for proposal in proposals {
            let Outcome::Committed { index } = proposal.await else { panic!("not committed") };
            last = index;
        }
    }
    last
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_830_000_000 + secs)
}

fn put(n: u64) -> Command {
    let name = JobName::new(format!("job-{n:05}"));
    let job = Job { name, schedule: "@manually".into(), executor: "noop".into(), ..Job::default() };
    Command::PutJob(Box::new(PutJob {
        submission: Submission { job, ..Submission::default() },
        base: None,
        account: Account::Restart { next: None, anchor: true },
        undecided: None,
    }))
}

/// An execution that ends as it begins, and with it a row of history.
fn run(job_no: JobNo, n: u64) -> Command {
    let journal_id = JournalId::default();
    let target = Target { node: "n1".into(), boot_id: BootId::default(), journal_id };
    let place = Place { target, born_failed: Some(EndReason::NodeUnreachable) };
    Command::Fire(vec![Fire {
        job_no,
        version: Version(1),
        trigger: Trigger::Manual(RequestId(u128::from(n).to_be_bytes())),
        nominal: Nominal(at(10)),
        next: None,
        decision: Decision::Run(vec![place]),
    }])
}

async fn runs(server: &Server, first: u64, every: usize) -> Vec<Command> {
    let page = server.service.list_jobs(ListQuery::default()).await.unwrap();
    let jobs = page.jobs.iter().step_by(every).zip(first..);
    jobs.map(|(job, n)| run(job.job_no, n)).collect()
}

/// The view of one server through frames into the other one.
async fn send(one: &Server, two: &Server) -> io::Result<()> {
    let view = one.markers.view()?;
    let (to, mut frames) = mpsc::channel(4);
    let (forward, from) = mpsc::channel(4);
    let rows = SnapshotRows::of(view.rows)?;
    let (sent, _, received) = tokio::join!(
        rows.send(to),
        async move {
            while let Some(frame) = frames.recv().await {
                if forward.send(Ok(frame)).await.is_err() {
                    return;
                }
            }
        },
        receive(Arc::clone(&two.state), from),
    );
    sent?;
    let (markers, marker, parcel) = (Arc::clone(&two.markers), view.marker.unwrap(), received?);
    blocking(move || markers.install(marker, parcel)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lags_shows_everything_after_a_snapshot_and_goes_on_from_there() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let one = Arc::new(server(dirs[0].path(), "s1"));
    let two = Arc::new(server(dirs[1].path(), "s2"));
    let (raft, attached) = consensus(dirs[0].path(), one.clone(), two.clone()).await;
    let office = Command::TakeOffice(TakeOffice {
        server: "s1".into(),
        boot_id: BootId::default(),
        zone_data: "test".into(),
        rules: 1,
    });
    let tenure = Tenure(propose(&raft, Tenure(0), vec![office]).await);
    let index = propose(&raft, tenure, (0..50).map(put).collect()).await;
    two.seen(index).await;
    let before = two.hash().await;
    assert_eq!(before, one.hash().await);

    attached.store(false, Ordering::SeqCst);
    propose(&raft, tenure, (50..JOBS).map(put).collect()).await;
    one.seen(index + JOBS - 50).await;
    for round in 0..2 {
        let commands = runs(&one, round * JOBS, 5).await;
        propose(&raft, tenure, commands).await;
    }
    let delete = one.service.job("job-00003".into()).await.unwrap();
    let delete = dkron_core::ledger::OfJob { name: "job-00003".into(), job_no: delete.job_no };
    let index = propose(&raft, tenure, vec![Command::DeleteJob(delete)]).await;
    one.seen(index).await;
    assert_eq!(two.hash().await, before);

    one.state.flush().unwrap();
    send(&one, &two).await.unwrap();
    two.seen(index).await;
    assert_eq!(two.hash().await, one.hash().await);
    assert!(two.shown().await == one.shown().await);
    assert_eq!(two.service.counts().await.unwrap().total as u64, JOBS - 1);

    attached.store(true, Ordering::SeqCst);
    let mut commands: Vec<Command> = (JOBS..JOBS + 100).map(put).collect();
    commands.extend(runs(&one, 7 * JOBS, 7).await);
    let index = propose(&raft, tenure, commands).await;
    two.seen(index).await;
    one.seen(index).await;
    assert_eq!(two.hash().await, one.hash().await);
    assert!(two.shown().await == one.shown().await);
    // And the rows tell the same story once more.
    two.state.flush().unwrap();
    let loaded = rows::load(&two.state).unwrap();
    assert_eq!(loaded.applied(), LogIndex(index));
    assert_eq!(loaded.state_hash(), two.hash().await.hash);
    raft.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_breaks_off_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let two = server(dir.path(), "s2");
    let (forward, from) = mpsc::channel(4);
    let broke = CallError::NoAnswer("the way is cut".into());
    forward.send(Err(broke)).await.unwrap();
    let received = receive(Arc::clone(&two.state), from).await;
    assert!(received.unwrap_err().to_string().contains("the way is cut"));
    let (forward, from) = mpsc::channel(4);
    drop(forward);
    let received = receive(Arc::clone(&two.state), from).await;
    assert_eq!(received.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(SnapshotRows::of(Parcel(None)).is_err());
    assert!(staged(Parcel(Some(Box::new(1)))).is_err());
}

/// Servers are compared at one entry, also while others follow it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hash_is_of_the_entry_that_was_asked_for() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let one = Arc::new(server(dirs[0].path(), "s1"));
    let two = Arc::new(server(dirs[1].path(), "s2"));
    let (raft, _attached) = consensus(dirs[0].path(), one.clone(), two.clone()).await;
    let base = propose(&raft, Tenure(0), (0..10).map(put).collect()).await;
    one.seen(base).await;
    let ask = |server: &Arc<Server>, index| {
        let service = server.service.clone();
        tokio::spawn(async move { service.state_hash(LogIndex(index)).await.unwrap() })
    };
    let wanted: Vec<u64> = (1..=6).map(|n| base + n * 10).collect();
    let asked: Vec<_> = wanted.iter().map(|at| (ask(&one, *at), ask(&two, *at))).collect();
    // Both threads have the questions once they have answered a later one.
    one.hash().await;
    two.hash().await;
    let last = propose(&raft, Tenure(0), (10..100).map(put).collect()).await;
    let mut hashes = std::collections::BTreeSet::new();
    for ((first, second), at) in asked.into_iter().zip(wanted) {
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!(first, second);
        assert_eq!(first.index, LogIndex(at));
        hashes.insert(first.hash);
    }
    assert_eq!(hashes.len(), 6);
    // One that does not come is answered for what there is.
    let begun = std::time::Instant::now();
    assert_eq!(ask(&one, last + 1_000).await.unwrap().index, LogIndex(last));
    assert!(begun.elapsed() >= Duration::from_secs(4));
    raft.shutdown().await;
}
