//! Servers start in any order, die at bad moments, and see different things: at most one cluster
//! begins, and one does.
//! Bears T-42 and T-45.

use std::collections::BTreeMap;

use dkron_wire::server::{Candidate, PromiseAnswer, PromiseAsk};
use tempfile::TempDir;

use super::plan::{Marked, Step, View, Wait, plan};
use super::pledge::Answering;
use super::{Pledge, run};
use crate::cluster::stage::{self, Actor, Stage, directories, member, until};
use crate::cluster::{Book, ClusterId, Entry, Mark};

fn entries(ids: &[u64], expect: u16) -> Vec<Entry> {
    ids.iter().map(|id| Entry::of(&member(*id, expect))).collect()
}

fn candidate(id: u64, cluster: u8) -> Candidate {
    Candidate { id, name: format!("s{id}"), cluster: [cluster; 16], expect: 3 }
}

fn view<'a>(
    own: u64,
    servers: &'a [Entry],
    answers: &'a BTreeMap<u64, PromiseAnswer>,
    promise: Option<&'a Candidate>,
) -> View<'a> {
    View { own, expect: 3, is_member: false, marked: Marked::No, promise, servers, answers }
}

#[test]
fn the_smallest_of_the_expected_looks_asks_and_begins() {
    let servers = entries(&[1, 2, 3], 3);
    let mut answers = BTreeMap::new();
    assert_eq!(plan(&view(1, &servers, &answers, None)), Step::Look(vec![2, 3]));
    answers.extend([2, 3].map(|id| (id, PromiseAnswer::Free)));
    assert_eq!(plan(&view(1, &servers, &answers, None)), Step::Ask(vec![2, 3]));
    let own = candidate(1, 7);
    answers.insert(2, PromiseAnswer::Promised(own.clone()));
    assert_eq!(plan(&view(1, &servers, &answers, Some(&own))), Step::Ask(vec![2, 3]));
    answers.insert(3, PromiseAnswer::Promised(own.clone()));
    assert_eq!(plan(&view(1, &servers, &answers, Some(&own))), Step::Begin(vec![1, 2, 3]));
    let wait = Wait::For { name: "s1".into() };
    assert_eq!(plan(&view(2, &servers, &answers, None)), Step::Wait(wait));
}

#[test]
fn who_cannot_begin_says_why_and_gives_its_own_promise_back() {
    let none = BTreeMap::new();
    let two = entries(&[1, 2], 3);
    let few = Wait::Servers { there: 2, expect: 3 };
    assert_eq!(plan(&view(1, &two, &none, None)), Step::Wait(few));
    let own = candidate(1, 7);
    assert_eq!(plan(&view(1, &two, &none, Some(&own))), Step::Withdraw);
    let begun = View { marked: Marked::Own, ..view(1, &two, &none, Some(&own)) };
    assert!(matches!(plan(&begun), Step::Wait(Wait::Servers { .. })));

    let mut mixed = entries(&[1, 2, 3], 3);
    mixed[1].expect = 5;
    let other = Wait::OtherExpect { name: "s2".into(), theirs: 5, ours: 3 };
    assert_eq!(plan(&view(1, &mixed, &none, None)), Step::Wait(other.clone()));
    assert!(other.to_string().contains("`s2` has bootstrap-expect 5, this one 3"));

    let three = entries(&[1, 2, 3], 3);
    let taken = [(3, PromiseAnswer::Member { cluster: [9; 16], generation: 0 })].into();
    let exists = Wait::Exists { name: "s3".into() };
    assert_eq!(plan(&view(1, &three, &taken, None)), Step::Wait(exists));
    assert_eq!(plan(&view(1, &three, &taken, Some(&own))), Step::Withdraw);

    let told = View { expect: 0, ..view(1, &three, &none, None) };
    assert_eq!(plan(&told), Step::Wait(Wait::TakenIn));
    let adopted = View { marked: Marked::Other, ..view(1, &three, &none, None) };
    assert_eq!(plan(&adopted), Step::Wait(Wait::TakenIn));
    let alone = View { expect: 1, ..view(2, &three, &none, None) };
    assert_eq!(plan(&alone), Step::Begin(vec![2]));
}

#[test]
fn a_promise_to_one_that_is_gone_binds_until_its_name_returns() {
    let gone = candidate(5, 7);
    let promised = [(2, PromiseAnswer::Promised(gone.clone())), (3, PromiseAnswer::Free)].into();
    let three = entries(&[1, 2, 3], 3);
    let wait = Wait::Promised { name: "s2".into(), to: "s5".into() };
    assert_eq!(plan(&view(1, &three, &promised, None)), Step::Wait(wait));
    let mut back = three.clone();
    back[2].name = "s5".into();
    assert_eq!(plan(&view(1, &back, &promised, None)), Step::Ask(vec![2, 3]));
    // The same for its own.
    let wait = Wait::Promised { name: "s1".into(), to: "s5".into() };
    assert_eq!(plan(&view(1, &three, &BTreeMap::new(), Some(&gone))), Step::Wait(wait));
    let look = plan(&view(1, &back, &BTreeMap::new(), Some(&gone)));
    assert_eq!(look, Step::Look(vec![2, 3]));
}

#[test]
fn a_promise_is_kept_over_a_restart_and_given_to_one_only() {
    let directory = tempfile::tempdir().unwrap();
    let mark = Mark::open(directory.path()).unwrap();
    let servers = entries(&[1, 2, 3], 3);
    let own = Answering { is_member: false, expect: 3, mark: &mark, servers: &servers };
    let pledge = Pledge::open(directory.path()).unwrap();
    let ask = |candidate: &Candidate| PromiseAsk::Promise(candidate.clone());
    let (first, second) = (candidate(1, 7), candidate(2, 8));
    assert_eq!(pledge.answer(&PromiseAsk::Look, &own).unwrap(), PromiseAnswer::Free);
    let given = PromiseAnswer::Promised(first.clone());
    assert_eq!(pledge.answer(&ask(&first), &own).unwrap(), given);
    let pledge = Pledge::open(directory.path()).unwrap();
    assert_eq!(pledge.answer(&ask(&second), &own).unwrap(), given);
    assert!(pledge.allows(ClusterId([7; 16])) && !pledge.allows(ClusterId([8; 16])));
    let fewer = Answering { expect: 5, ..own };
    assert_eq!(pledge.answer(&ask(&first), &fewer).unwrap(), PromiseAnswer::Expects(5));

    // The first one gives up; it is never followed again, whatever arrives late.
    let own = Answering { is_member: false, expect: 3, mark: &mark, servers: &servers };
    let free = pledge.answer(&PromiseAsk::Withdraw(first.clone()), &own).unwrap();
    assert_eq!(free, PromiseAnswer::Free);
    let pledge = Pledge::open(directory.path()).unwrap();
    assert_eq!(pledge.answer(&ask(&first), &own).unwrap(), PromiseAnswer::Refused);
    assert_eq!(pledge.answer(&ask(&second), &own).unwrap(), PromiseAnswer::Promised(second));

    // The second one comes back without its disk.
    let mut back = servers.clone();
    back[1].id = 20;
    let own = Answering { is_member: false, expect: 3, mark: &mark, servers: &back };
    let third = Candidate { id: 20, ..candidate(2, 9) };
    let given = pledge.answer(&ask(&third), &own).unwrap();
    assert_eq!(given, PromiseAnswer::Promised(third));
    assert!(!pledge.allows(ClusterId([8; 16])) && pledge.allows(ClusterId([9; 16])));
    std::fs::write(directory.path().join("promise"), b"x").unwrap();
    assert!(Pledge::open(directory.path()).is_err());
}

fn begin(actors: &[Actor]) {
    for actor in actors {
        tokio::spawn(run(actor.parts.clone()));
    }
}

/// One cluster with these voters, and all of them bear its mark.
async fn check(actors: &[Actor], voters: &[u64]) {
    let first = stage::leader(actors).await;
    actors[first].propose("a").await;
    let members = actors.iter().filter(|actor| voters.contains(&actor.id));
    for actor in members {
        until(|| actor.rows.entries.lock().unwrap().len() == 1).await;
        assert_eq!(actor.voters(), voters);
        assert_eq!(actor.mark.get(), actors[first].mark.get(), "server {}", actor.id);
    }
}

async fn enter(stage: &Stage, ids: &[u64], expect: u16, directories: &[TempDir]) -> Vec<Actor> {
    let mut actors = Vec::new();
    for (id, directory) in ids.iter().zip(directories) {
        actors.push(stage.enter(*id, expect, directory.path()).await);
    }
    actors
}

#[tokio::test]
async fn three_servers_begin_in_any_order_of_start() {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let (stage, places) = (Stage::new(), directories::<3>());
        let mut actors = Vec::new();
        for (count, id) in order.iter().enumerate() {
            let actor = stage.enter(*id, 3, places[count].path()).await;
            tokio::spawn(run(actor.parts.clone()));
            actors.push(actor);
            stage.show(&order[..=count], 3);
        }
        check(&actors, &[1, 2, 3]).await;
    }
}

#[tokio::test]
async fn one_server_begins_alone() {
    let (stage, places) = (Stage::new(), directories::<1>());
    let actors = enter(&stage, &[4], 1, &places).await;
    begin(&actors);
    check(&actors, &[4]).await;
}

#[tokio::test]
async fn of_six_servers_that_expect_three_one_cluster_begins() {
    let (stage, places) = (Stage::new(), directories::<6>());
    let actors = enter(&stage, &[1, 2, 3, 4, 5, 6], 3, &places).await;
    stage.show(&[1, 2, 3, 4, 5, 6], 3);
    begin(&actors);
    check(&actors, &[1, 2, 3]).await;
    // The others found a cluster and wait.
    for actor in &actors[3..] {
        assert_eq!((actor.voters(), actor.mark.get()), (vec![], None));
    }
}

/// Server 2 does not see server 1 and takes itself for the one that begins.
#[tokio::test]
async fn two_candidates_begin_one_cluster() {
    let (stage, places) = (Stage::new(), directories::<4>());
    stage.show(&[1, 2, 3], 3);
    let (sight, blind) = Book::fixed([2, 3, 4].map(|id| member(id, 3)).into());
    let mut actors = Vec::new();
    for (id, directory) in [1, 3, 4].into_iter().zip(&places) {
        actors.push(stage.enter(id, 3, directory.path()).await);
    }
    actors.push(stage.enter_with(2, 3, places[3].path(), blind).await);
    begin(&actors);
    let begun = |actor: &Actor| actor.raft.membership().index.is_some();
    until(|| actors.iter().filter(|actor| begun(actor)).count() >= 3).await;
    let clusters: std::collections::BTreeSet<_> =
        actors.iter().filter_map(|actor| Some(actor.mark.get()?.cluster.0)).collect();
    assert_eq!(clusters.len(), 1, "two clusters began");
    drop(sight);
}

/// The one that was promised dies before it begins, and comes back with its disk.
#[tokio::test]
async fn a_candidate_that_dies_after_the_promises_begins_when_it_is_back() {
    let (stage, places) = (Stage::new(), directories::<3>());
    let mut actors = Vec::new();
    for (id, directory) in [2, 3, 1].into_iter().zip(&places) {
        actors.push(stage.enter(id, 3, directory.path()).await);
    }
    let one = actors.pop().unwrap();
    stage.show(&[1, 2, 3], 3);
    // As far as its promise, and those of the others.
    let own = Candidate { id: 1, name: "s1".into(), cluster: [7; 16], expect: 3 };
    for actor in actors.iter().chain([&one]) {
        actor.parts.pledge.promise(own.clone()).unwrap();
    }
    one.mark.adopt(crate::cluster::Marked { cluster: ClusterId([7; 16]), generation: 0 }).unwrap();
    stage.leave(one).await;
    stage.show(&[2, 3], 3);
    begin(&actors);
    // A fourth server comes instead: it may not begin with those who promised.
    let instead = stage.enter(4, 3, directories::<1>()[0].path()).await;
    tokio::spawn(run(instead.parts.clone()));
    stage.show(&[2, 3, 4], 3);
    until(|| actors[0].parts.pledge.get().is_some_and(|promise| promise.id == 1)).await;
    let back = stage.enter(1, 3, places[2].path()).await;
    tokio::spawn(run(back.parts.clone()));
    actors.push(back);
    stage.show(&[1, 2, 3], 3);
    check(&actors, &[1, 2, 3]).await;
    assert_eq!(actors[0].mark.get().unwrap().cluster, ClusterId([7; 16]));
    assert!(instead.mark.get().is_none());
}

/// The one that was promised comes back without its disk: another id, the same name.
#[tokio::test]
async fn a_candidate_that_was_wiped_is_replaced() {
    let (stage, places) = (Stage::new(), directories::<3>());
    let actors = enter(&stage, &[2, 3, 9], 3, &places).await;
    let old = Candidate { id: 1, name: "s9".into(), cluster: [7; 16], expect: 3 };
    for actor in &actors[..2] {
        actor.parts.pledge.promise(old.clone()).unwrap();
    }
    stage.show(&[2, 3, 9], 3);
    begin(&actors);
    check(&actors, &[2, 3, 9]).await;
    for actor in &actors {
        assert_ne!(actor.mark.get().unwrap().cluster, ClusterId([7; 16]));
    }
}
