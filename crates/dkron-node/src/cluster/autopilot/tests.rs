//! Which change follows from what is known, and a cluster that grows, heals and shrinks by it.
//! Bears T-46 and T-48.

use std::sync::Arc;
use std::time::Duration;

use dkron_gossip::{Member, Status};
use dkron_raft::{Change, Membership};
use dkron_wire::server::ServerStatus;
use tokio::sync::watch;
use tokio::time::Instant;

use super::plan::{View, plan};
use super::{Parts, RemoveError, remove_peer, run};
use crate::cluster::peers::{self, PeerStatus, Statuses};
use crate::cluster::stage::{
    self, Actor, REGION, Stage, directories, member, membership, peer, until,
};
use crate::cluster::{Entry, bootstrap};

/// A table's line: who is what, and what is to be done.
struct Case {
    membership: Membership,
    servers: Vec<Entry>,
    /// By id, how many seconds ago each one answered.
    heard: Vec<(u64, u64)>,
    expect: u16,
}

impl Case {
    /// Voters and learners, all alive and well.
    fn of(voters: &[u64], learners: &[u64]) -> Case {
        let all: Vec<u64> = voters.iter().chain(learners).copied().collect();
        Case {
            membership: membership(voters, learners),
            servers: all.iter().map(|id| Entry::of(&member(*id, 3))).collect(),
            heard: all.iter().map(|id| (*id, 0)).collect(),
            expect: 3,
        }
    }

    fn joins(mut self, id: u64) -> Case {
        self.servers.push(Entry::of(&member(id, 3)));
        self.heard.push((id, 0));
        self
    }

    fn named(mut self, id: u64, name: &str) -> Case {
        self.servers.iter_mut().find(|entry| entry.id == id).unwrap().name = name.to_owned();
        self
    }

    fn forgotten(mut self, id: u64) -> Case {
        self.servers.retain(|entry| entry.id != id);
        self.silent(id, 60)
    }

    fn fails(self, id: u64, seconds: u64) -> Case {
        self.status(id, Status::Failed).silent(id, seconds)
    }

    fn status(mut self, id: u64, status: Status) -> Case {
        let name = self.servers.iter().find(|entry| entry.id == id).unwrap().name.clone();
        self.servers.retain(|entry| entry.id != id);
        self.servers.push(Entry::of(&Member { status, name, ..member(id, 3) }));
        self
    }

    fn silent(mut self, id: u64, seconds: u64) -> Case {
        self.heard.retain(|(heard, _)| *heard != id);
        self.heard.push((id, seconds));
        self
    }

    fn expects(mut self, expect: u16) -> Case {
        self.expect = expect;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Membership)) -> Case {
        change(&mut self.membership);
        self
    }

    fn plan(&self) -> Option<Change> {
        self.plan_since(3600)
    }

    /// With a leadership that began so many seconds ago.
    fn plan_since(&self, seconds: u64) -> Option<Change> {
        let now = Instant::now() + Duration::from_secs(7200);
        let status = |(id, age): &(u64, u64)| PeerStatus {
            status: ServerStatus {
                id: *id,
                name: String::new(),
                cluster: None,
                version: String::new(),
                protocol_max: 1,
                leads: false,
                leader: 1,
                voter: true,
                last_index: 0,
                applied_index: 0,
                wall: 0,
                cluster_version: 1,
            },
            asked_at: now - Duration::from_secs(*age),
            clock_offset: 0,
            problem: None,
        };
        let statuses: Vec<PeerStatus> = self.heard.iter().map(status).collect();
        plan(&View {
            own: 1,
            membership: &self.membership,
            servers: &self.servers,
            statuses: &statuses,
            expect: self.expect,
            now,
            since: now - Duration::from_secs(seconds),
        })
    }
}

fn learn(id: u64, replaces: &[u64]) -> Option<Change> {
    Some(Change::AddLearner { peer: peer(id), replaces: replaces.to_vec() })
}

fn promote(id: u64, replaces: &[u64]) -> Option<Change> {
    Some(Change::Promote { id, replaces: replaces.to_vec() })
}

fn remove(id: u64) -> Option<Change> {
    Some(Change::Remove { ids: vec![id] })
}

#[test]
fn nothing_is_changed_while_all_is_well_or_a_change_is_under_way() {
    assert_eq!(Case::of(&[1, 2, 3], &[]).plan(), None);
    let unsettled = Case::of(&[1], &[]).joins(2).with(|it| it.is_settled = false);
    assert_eq!(unsettled.plan(), None);
    let joint = Case::of(&[1], &[]).joins(2).with(|it| it.is_joint = true);
    assert_eq!(joint.plan(), Some(Change::Settle));
}

#[test]
fn a_new_server_is_taken_in_once_it_answers() {
    assert_eq!(Case::of(&[1], &[]).joins(2).plan(), learn(2, &[]));
    assert_eq!(Case::of(&[1], &[]).joins(2).silent(2, 3).plan(), None);
    let left = Case::of(&[1], &[]).joins(2).status(2, Status::Left);
    assert_eq!(left.plan(), None);
}

#[test]
fn a_wiped_server_takes_the_place_of_the_old_one() {
    let back = || Case::of(&[1, 2, 3], &[]).joins(7).named(7, "s2");
    let expected = dkron_raft::Peer { name: "s2".into(), ..peer(7) };
    let expected = Change::AddLearner { peer: expected, replaces: vec![2] };
    assert_eq!(back().forgotten(2).plan(), Some(expected.clone()));
    assert_eq!(back().fails(2, 10).fails(2, 11).plan(), Some(expected));
    // Two of one name, or one that bears the leader's: whoever is in stays.
    assert_eq!(back().plan(), None);
    assert_eq!(back().fails(2, 5).plan(), None);
    assert_eq!(Case::of(&[1, 2, 3], &[]).joins(7).named(7, "s1").plan(), None);
}

#[test]
fn a_learner_votes_once_it_has_caught_up_and_answers() {
    assert_eq!(Case::of(&[1, 2], &[3]).plan(), promote(3, &[]));
    let far = Case::of(&[1, 2], &[3]).with(|it| it.last_index = Some(1_011));
    assert_eq!(far.plan(), None);
    let near = Case::of(&[1, 2], &[3]).with(|it| it.last_index = Some(1_010));
    assert_eq!(near.plan(), promote(3, &[]));
    assert_eq!(Case::of(&[1, 2], &[3]).silent(3, 3).plan(), None);
    let slow = Case::of(&[1, 2], &[3]).with(|it| {
        it.servers[2].last_contact = Some(Duration::from_secs(3));
    });
    assert_eq!(slow.plan(), None);
    let unknown = Case::of(&[1, 2], &[3]).with(|it| it.servers[2].matched_index = None);
    assert_eq!(unknown.plan(), None);
}

#[test]
fn a_dead_voter_goes_if_enough_are_left_or_another_takes_its_place() {
    let three = || Case::of(&[1, 2, 3], &[]);
    assert_eq!(three().fails(3, 60).plan(), None, "two voters are fewer than expected");
    assert_eq!(three().fails(3, 60).expects(2).plan(), remove(3));
    assert_eq!(three().fails(3, 9).expects(2).plan(), None, "not dead yet");
    assert_eq!(three().silent(3, 60).expects(2).plan(), None, "gossip sees it");
    let four = || Case::of(&[1, 2, 3, 4], &[]);
    assert_eq!(four().fails(2, 10).plan(), remove(2));
    assert_eq!(four().forgotten(2).plan(), remove(2));
    assert_eq!(four().status(2, Status::Left).plan(), remove(2));
    assert_eq!(three().status(3, Status::Left).plan(), remove(3), "it was sent away");
    let replaced = Case::of(&[1, 2, 3], &[4]).fails(3, 60);
    assert_eq!(replaced.plan(), promote(4, &[3]));
    // Nobody was silent for longer than this leader listened.
    assert_eq!(four().fails(2, 60).plan_since(5), None);
}

#[test]
fn dead_learners_go_and_the_leader_never_does() {
    assert_eq!(Case::of(&[1, 2, 3], &[4]).fails(4, 60).plan(), remove(4));
    assert_eq!(Case::of(&[1, 2, 3], &[]).fails(1, 60).expects(1).plan(), None);
}

#[test]
fn a_new_address_is_noted() {
    let mut moved = Case::of(&[1, 2], &[]);
    moved.servers[1].rpc = Some("10.9.9.9:1".into());
    let now = dkron_raft::Peer { address: "10.9.9.9:1".into(), ..peer(2) };
    assert_eq!(moved.plan(), Some(Change::Update { peer: now }));
}

/// Everything that a server of a cluster runs.
fn begin(actor: &Actor) -> watch::Receiver<Statuses> {
    let parts = actor.parts.clone();
    let (statuses, seen) = watch::channel(Statuses::default());
    tokio::spawn(peers::run(peers::Parts {
        wire: Arc::clone(&parts.wire),
        book: parts.book.clone(),
        own: actor.id,
        region: REGION.into(),
        statuses,
    }));
    tokio::spawn(run(Parts {
        raft: actor.raft.clone(),
        book: parts.book.clone(),
        statuses: seen.clone(),
        own: actor.id,
        region: REGION.into(),
        expect: parts.expect,
    }));
    tokio::spawn(bootstrap::run(parts));
    seen
}

#[tokio::test]
async fn one_server_becomes_three_and_a_wiped_one_comes_back() {
    let (stage, places) = (Stage::new(), directories::<4>());
    let mut actors = Vec::new();
    for (id, expect) in [(1, 1), (2, 0), (3, 0)] {
        let place = places[usize::from(id as u16) - 1].path();
        let actor = stage.enter(id, expect, place).await;
        begin(&actor);
        actors.push(actor);
    }
    stage.show(&[1], 1);
    until(|| actors[0].raft.leads_now()).await;
    actors[0].propose("a").await;
    stage.show(&[1, 2, 3], 0);
    until(|| actors[0].voters() == [1, 2, 3]).await;
    until(|| actors.iter().all(|actor| actor.rows.entries.lock().unwrap().len() == 1)).await;
    assert_eq!(actors[2].mark.get(), actors[0].mark.get());

    // Server 3 loses its disk and comes back under another id with its name.
    stage.leave(actors.pop().unwrap()).await;
    let wiped = stage.enter(9, 0, places[3].path()).await;
    begin(&wiped);
    let back = Member { name: "s3".into(), ..member(9, 0) };
    let members = vec![member(1, 0), member(2, 0), back];
    stage.members.send_replace(Arc::new(members));
    until(|| actors[0].voters() == [1, 2, 9]).await;
    until(|| wiped.rows.entries.lock().unwrap().len() == 1).await;
    assert_eq!(actors[0].raft.membership().get(9).unwrap().peer.name, "s3");

    let nobody = remove_peer(&actors[0].raft, "s7").await.unwrap_err();
    assert_eq!(nobody.to_string(), "id \"s7\" was not found in the Raft configuration");
    stage.show(&[1, 2], 0);
    remove_peer(&actors[0].raft, "s3").await.unwrap();
    remove_peer(&actors[0].raft, "2").await.unwrap();
    let last = remove_peer(&actors[0].raft, "s1").await;
    assert_eq!(last, Err(RemoveError::LastVoter("s1".into())));
    assert!(stage::leader(&actors).await == 0);
}
