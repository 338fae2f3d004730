use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use dkron_core::domain::Tenure;
use tokio::sync::watch;

use super::*;
use crate::cluster::Leader;
use crate::rpc::memory::Hub;
use crate::rpc::{Caller, Role, Router, Target};
use crate::service::Error;

const ME: u64 = 1;
const LEADER: u64 = 2;
const PATIENCE: Duration = Duration::from_secs(5);

fn caller(id: u64, role: Role) -> Caller {
    Caller { id, name: format!("n{id}"), role, version: 1 }
}

fn target(id: u64) -> Target {
    Target { id, address: String::new() }
}

fn other(id: u64) -> Leader {
    Leader::Other { name: format!("n{id}").as_str().into(), target: target(id) }
}

fn own() -> Leader {
    Leader::Own { tenure: Tenure(7) }
}

/// A front door that says what it was asked, with the body behind it.
fn echo(id: u64) -> Front {
    Arc::new(move |arrived: Arrived| {
        Box::pin(async move {
            let Arrived { head, body, from_server } = arrived;
            let Ok(body) = body.collect(usize::MAX).await else {
                let head = AnswerHead { status: 400, ..AnswerHead::default() };
                return Answered { head, body: Pieces::empty() };
            };
            let said = format!("{id} {from_server} {} {} ", head.method, head.target);
            let body = Bytes::from([said.as_bytes(), body.as_ref()].concat());
            let length = Some(body.len() as u64);
            let head = AnswerHead { status: 200, headers: head.headers, length };
            Answered { head, body: Pieces::of(body) }
        })
    })
}

struct World {
    hub: Hub,
    /// What this server thinks of who leads.
    here: watch::Sender<Leader>,
    /// What the other one thinks.
    there: watch::Sender<Leader>,
    forwarder: Forwarder,
}

fn world(front: Option<Front>) -> World {
    let hub = Hub::default();
    let (here, heard) = watch::channel(other(LEADER));
    let (there, known) = watch::channel(own());
    let door = Arc::new(OnceLock::new());
    if let Some(front) = front {
        assert!(door.set(front).is_ok());
    }
    hub.serve(LEADER, register(Router::default(), known, door));
    let forwarder = Forwarder::new(hub.wire(caller(ME, Role::Server)), heard);
    World { hub, here, there, forwarder }
}

fn head() -> RequestHead {
    let headers = vec![("x-a".to_owned(), vec![0xff])];
    RequestHead { method: "POST".into(), target: "/v1/jobs?a=b".into(), headers, client: None }
}

async fn send(world: &World, body: Pieces) -> Result<Sent, Error> {
    world.forwarder.forward(head(), body, PATIENCE).await
}

async fn answer(sent: Result<Sent, Error>) -> (AnswerHead, Bytes) {
    match sent {
        Ok(Sent::Answered(answered)) => {
            (answered.head, answered.body.collect(usize::MAX).await.unwrap())
        }
        other => panic!("no answer but {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_leader_answers_and_every_byte_comes_back() {
    let world = world(Some(echo(LEADER)));
    let (head, body) = answer(send(&world, Pieces::of("abc".into())).await).await;
    assert_eq!((head.status, head.length), (200, Some(body.len() as u64)));
    assert_eq!(head.headers, [("x-a".to_owned(), vec![0xff])]);
    assert_eq!(body, "2 true POST /v1/jobs?a=b abc");
    // Larger than any frame and than all that may wait.
    let large: Vec<u8> = (0..40_000_000u32).map(|at| (at % 251) as u8).collect();
    let (_, body) = answer(send(&world, Pieces::of(large.clone().into())).await).await;
    assert_eq!(body.len(), large.len() + 28 - 3);
    assert!(body.ends_with(&large));
}

#[tokio::test(start_paused = true)]
async fn without_a_leader_it_waits_and_then_says_so() {
    let world = world(Some(echo(LEADER)));
    world.here.send_replace(Leader::None);
    let begun = tokio::time::Instant::now();
    let sent = send(&world, Pieces::of("abc".into())).await.unwrap();
    let Sent::NoLeader(body) = sent else { panic!("{sent:?}") };
    assert_eq!(body.collect(10).await.unwrap(), "abc");
    assert_eq!(begun.elapsed(), PATIENCE);
    // One that comes meanwhile is found at once.
    let asking = tokio::spawn({
        let forwarder = world.forwarder.clone();
        async move { forwarder.forward(head(), Pieces::empty(), PATIENCE).await }
    });
    tokio::task::yield_now().await;
    world.here.send_replace(other(LEADER));
    answer(asking.await.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn who_leads_itself_keeps_it() {
    let world = world(Some(echo(LEADER)));
    world.here.send_replace(own());
    assert!(world.forwarder.leads());
    assert!(matches!(send(&world, Pieces::empty()).await, Ok(Sent::Here(_))));
}

#[tokio::test(start_paused = true)]
async fn it_travels_once() {
    let world = world(Some(echo(LEADER)));
    // The other server does not lead: whatever this one believes, nothing is carried out there.
    world.there.send_replace(other(ME));
    assert!(matches!(send(&world, Pieces::empty()).await, Ok(Sent::NoLeader(_))));
    // It gets the lead while this one tries.
    let asking = tokio::spawn({
        let forwarder = world.forwarder.clone();
        async move { forwarder.forward(head(), Pieces::of("x".into()), PATIENCE).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.there.send_replace(own());
    let (_, body) = answer(asking.await.unwrap()).await;
    assert!(body.ends_with(b" x"));
}

#[tokio::test(start_paused = true)]
async fn a_door_that_is_not_open_yet_takes_nothing() {
    let world = world(None);
    assert!(matches!(send(&world, Pieces::empty()).await, Ok(Sent::NoLeader(_))));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_unknown() {
    let hub = Hub::default();
    let (_tell, leader) = watch::channel(other(LEADER));
    let router =
        Router::default().stream(crate::rpc::Method::Forward, |_, mut frames| async move {
            // Takes it and dies.
            frames.from.recv().await;
            let _ = frames.to.send(Bytes::from_static(&[2])).await;
        });
    hub.serve(LEADER, router);
    let forwarder = Forwarder::new(hub.wire(caller(ME, Role::Server)), leader);
    let sent = forwarder.forward(head(), Pieces::of("x".into()), PATIENCE).await;
    assert_eq!(sent.err(), Some(Error::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_never_taken_for_a_whole_one() {
    let world = world(Some(echo(LEADER)));
    let (sender, body) = Pieces::channel();
    sender.send(Ok("half".into())).await.unwrap();
    sender.send(Err(Broken)).await.unwrap();
    assert_eq!(send(&world, body).await.err(), Some(Error::Unknown));
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_ask_any_server() {
    let world = world(Some(echo(LEADER)));
    world.there.send_replace(Leader::None);
    let wire = world.hub.wire(caller(0, Role::Operator));
    let answered = ask(&*wire, &target(LEADER), &head(), Pieces::empty()).await.unwrap();
    let body = answered.body.collect(100).await.unwrap();
    assert_eq!(body, "2 false POST /v1/jobs?a=b ");
    let wire = world.hub.wire(caller(9, Role::Agent));
    assert!(ask(&*wire, &target(LEADER), &head(), Pieces::empty()).await.is_err());
}
