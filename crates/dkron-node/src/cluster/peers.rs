//! How the other servers of the region are, asked once a second: the ground for the autopilot, for
//! what operators are shown, and for the comparison of clocks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::NodeName;
use dkron_raft::{Handle, Membership};
use dkron_wire::server::ServerStatus;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::clocks;
use crate::cluster::{Book, Mark};
use crate::rpc::{CallError, Lane, Method, Router, Target, Wire};
use crate::versions::cluster_version;

/// Between two questions.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long an answer may take; less than an interval, so that rounds do not overlap.
const PATIENCE: Duration = Duration::from_millis(900);
/// A server that gossip has forgotten is forgotten here, too, after this time without a word.
const FORGET: Duration = Duration::from_secs(60);
/// A clock that was read longer ago is not compared with.
const FRESH: Duration = Duration::from_secs(3);

/// What one server said last.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    pub status: ServerStatus,
    /// When the question was sent that it answered: how it was then is certain.
    pub asked_at: Instant,
    /// Its wall clock minus ours, in nanoseconds, exact to half the round trip.
    pub clock_offset: i64,
    /// Why the last question was not answered, if it was not.
    pub problem: Option<String>,
}

impl PeerStatus {
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.asked_at)
    }
}

/// By id.
pub type Statuses = Arc<Vec<PeerStatus>>;

/// What this server says of itself.
#[derive(Clone)]
pub struct Own {
    pub id: u64,
    pub name: String,
    pub version: String,
    pub protocol_max: u16,
    pub mark: Arc<Mark>,
    /// None in tests of the questions alone.
    pub raft: Option<Handle>,
}

impl Own {
    pub fn status(&self) -> ServerStatus {
        let metrics = self.raft.as_ref().map(|raft| (raft.metrics(), raft.leads_now()));
        let (metrics, leads) = metrics.map_or((None, false), |(m, leads)| (Some(m), leads));
        let index = |index: Option<u64>| index.unwrap_or(0);
        let leader = metrics.as_ref().and_then(|metrics| metrics.leader.as_ref());
        ServerStatus {
            id: self.id,
            name: self.name.clone(),
            cluster: self.mark.get().map(|mark| (mark.cluster.0, mark.generation)),
            version: self.version.clone(),
            protocol_max: self.protocol_max,
            leads,
            leader: leader.map_or(0, |leader| leader.id),
            voter: metrics.as_ref().is_some_and(|m| m.voters.iter().any(|v| v.id == self.id)),
            last_index: index(metrics.as_ref().and_then(|metrics| metrics.last_index)),
            applied_index: index(metrics.as_ref().and_then(|metrics| metrics.applied_index)),
            wall: wall(),
            cluster_version: cluster_version(),
        }
    }
}

fn wall() -> i64 {
    i64::try_from(clocks::wall().unix_nanos()).unwrap_or(i64::MAX)
}

/// Answers the question of other servers.
pub fn register(router: Router, own: Own) -> Router {
    router.call(Method::Status, move |_caller, _message| {
        let answer = Bytes::from(own.status().encode());
        async move { Ok(answer) }
    })
}

pub struct Parts {
    pub wire: Arc<dyn Wire>,
    pub book: Book,
    pub own: u64,
    pub region: String,
    pub statuses: watch::Sender<Statuses>,
}

/// Asks until nobody wants to know any more.
pub async fn run(parts: Parts) {
    let mut known: BTreeMap<u64, PeerStatus> = BTreeMap::new();
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !parts.statuses.is_closed() {
        tick.tick().await;
        let servers = parts.book.servers(&parts.region).into_iter();
        let others: Vec<_> = servers.filter(|entry| entry.id != parts.own).collect();
        let mut asked = JoinSet::new();
        for target in others.iter().filter(|entry| !entry.left).filter_map(|e| e.target()) {
            asked.spawn(ask(&parts.wire, target));
        }
        while let Some(answer) = asked.join_next().await {
            let Ok((id, answer)) = answer else { continue };
            match answer {
                Ok(status) => {
                    known.insert(id, status);
                }
                Err(problem) => {
                    if let Some(status) = known.get_mut(&id) {
                        status.problem = Some(problem.to_string());
                    }
                }
            }
        }
        let now = Instant::now();
        known.retain(|id, status| {
            others.iter().any(|entry| entry.id == *id) || status.age(now) < FORGET
        });
        parts.statuses.send_replace(Arc::new(known.values().cloned().collect()));
    }
}

/// Asks at once, whenever the answer is waited for.
fn ask(
    wire: &Arc<dyn Wire>,
    target: Target,
) -> impl Future<Output = (u64, Result<PeerStatus, CallError>)> + use<> {
    let (asked_at, before) = (Instant::now(), wall());
    let call = wire.call(&target, Lane::Control, Method::Status, Bytes::new(), PATIENCE);
    async move {
        let answer = call.await;
        let round_trip = asked_at.elapsed();
        let read = answer.and_then(|bytes| {
            ServerStatus::decode(&bytes).map_err(|err| CallError::Refused(err.to_string()))
        });
        let status = read.map(|status| {
            let half = i64::try_from(round_trip.as_nanos() / 2).unwrap_or(i64::MAX);
            let clock_offset = status.wall.saturating_sub(before.saturating_add(half));
            PeerStatus { status, asked_at, clock_offset, problem: None }
        });
        (target.id, status)
    }
}

/// What the conductor compares its clock with: how many voters there are, and by how many
/// milliseconds the clocks of the others among them are ahead of ours.
pub fn clocks(
    statuses: &[PeerStatus],
    membership: &Membership,
    now: Instant,
) -> (usize, Vec<(NodeName, i64)>) {
    let voters = membership.voters().count();
    let is_voter = |id: u64| membership.get(id).is_some_and(|server| server.voter);
    let fresh = statuses.iter().filter(|it| is_voter(it.status.id) && it.age(now) < FRESH);
    let offset =
        |it: &PeerStatus| (NodeName::new(it.status.name.clone()), it.clock_offset / 1_000_000);
    (voters, fresh.map(offset).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::stage;
    use crate::rpc::memory::Hub;

    fn own(id: u64, directory: &std::path::Path) -> Own {
        let (name, version) = (format!("s{id}"), "1.0.0".to_owned());
        let (mark, raft) = (Arc::new(Mark::open(directory).unwrap()), None);
        Own { id, name, version, protocol_max: 1, mark, raft }
    }

    #[tokio::test]
    async fn servers_are_asked_and_a_silent_one_grows_old() {
        let directory = tempfile::tempdir().unwrap();
        let hub = Hub::default();
        for id in [1, 2, 3] {
            hub.serve(id, register(Router::default(), own(id, directory.path())));
        }
        let (_members, book) = stage::book(&[1, 2, 3], 3);
        let (statuses, mut seen) = watch::channel(Statuses::default());
        let wire = hub.wire(stage::caller(1));
        let region = stage::REGION.to_owned();
        tokio::spawn(run(Parts { wire, book, own: 1, region, statuses }));
        let both = |all: &Statuses| all.len() == 2;
        seen.wait_for(both).await.unwrap();
        let silent = |all: &Statuses| all[0].problem.is_some() && all[1].problem.is_none();
        hub.cut(1, 2);
        let all = seen.wait_for(silent).await.unwrap().clone();
        assert_eq!((all[0].status.id, all[1].status.name.as_str()), (2, "s3"));
        let now = Instant::now();
        assert!(all[0].age(now) > all[1].age(now));
        assert!(all[1].clock_offset.abs() < 5_000_000_000);
        assert_eq!(clocks(&all, &Membership::default(), now), (0, Vec::new()));
    }

    #[test]
    fn only_fresh_clocks_of_voters_are_compared() {
        let now = Instant::now();
        let status = |id: u64, offset: i64, age: u64| PeerStatus {
            status: ServerStatus {
                id,
                name: format!("s{id}"),
                cluster: None,
                version: String::new(),
                protocol_max: 1,
                leads: false,
                leader: 0,
                voter: true,
                last_index: 0,
                applied_index: 0,
                wall: 0,
                cluster_version: 1,
            },
            asked_at: now - Duration::from_secs(age),
            clock_offset: offset,
            problem: None,
        };
        let statuses = [status(2, -1_500_000, 0), status(3, 7_000_000, 5), status(4, 9, 0)];
        let membership = stage::membership(&[1, 2, 3], &[4]);
        let (voters, offsets) = clocks(&statuses, &membership, now);
        assert_eq!((voters, offsets.len()), (3, 1));
        assert_eq!((offsets[0].0.as_str(), offsets[0].1), ("s2", -1));
    }
}
