#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::VecDeque;

use dkron_core::domain::{ExecutionId, Seq};
use dkron_exec::OutputSink;
use tokio::sync::mpsc;

use super::*;
use crate::cluster::stage;
use crate::outputs::{Afar, LiveOutputs};
use crate::rpc::memory::Hub;

/// A service whose reader finds these, one after the other; the last one for ever.
fn service(found: impl IntoIterator<Item = Result<Found, Error>>) -> Service {
    let (requests, _) = mpsc::channel(1);
    let (queries, mut asked) = mpsc::channel(8);
    let mut found: VecDeque<_> = found.into_iter().collect();
    tokio::spawn(async move {
        while let Some(Query::Output { reply, .. }) = asked.recv().await {
            let answer = found.pop_front().unwrap_or(Err(Error::ExecutionNotFound));
            let _ = reply.send(answer);
        }
    });
    Service::new(requests, queries)
}

fn ended(text: &str, head: usize, dropped: u64) -> Result<Found, Error> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    Ok(Found::Ended(Kept { bytes, head, dropped, state: State::Failed, room: None }))
}

fn live(sink: &OutputSink) -> Result<Found, Error> {
    let output = Some(LiveOutput::new(sink.reader(), 100));
    Ok(Found::Live { output, state: State::Running })
}

async fn follow(service: &Service, from: Offset) -> Follow {
    service.follow("job".into(), "1-n".into(), from).await.unwrap()
}

/// All pieces to the end: text and the offset behind it.
async fn rest(follow: &mut Follow, max: usize) -> Vec<(String, u64)> {
    let mut pieces = Vec::new();
    while let Some(piece) = follow.next(max).await.unwrap() {
        pieces.push((String::from_utf8(piece.bytes.to_vec()).unwrap(), piece.next));
    }
    pieces
}

async fn of_ended(from: Offset, max: usize) -> Vec<(String, u64)> {
    let text = "exit status 1\n[... 7 bytes dropped ...]\nabcdef";
    let service = service([ended(text, text.len() - 6, 7)]);
    rest(&mut follow(&service, from).await, max).await
}

fn pieces(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(text, next)| ((*text).to_owned(), *next)).collect()
}

#[tokio::test]
async fn an_ended_output_is_read_from_any_offset() {
    let head = "exit status 1\n[... 7 bytes dropped ...]\n";
    let marker = "[... 7 bytes dropped ...]\n";
    let error = "exit status 1\n";
    assert_eq!(of_ended(Offset::Start, 100).await, pieces(&[(head, 7), ("abcdef", 13)]));
    let cut = [("abcd", 11), ("ef", 13), ("exit", 13), (" sta", 13), ("tus ", 13), ("1\n", 13)];
    assert_eq!(of_ended(Offset::At(7), 4).await, pieces(&cut));
    let from_gone = [(marker, 7), ("abcdef", 13), (error, 13)];
    assert_eq!(of_ended(Offset::At(3), 100).await, pieces(&from_gone));
    assert_eq!(of_ended(Offset::At(12), 100).await, pieces(&[("f", 13), (error, 13)]));
    assert_eq!(of_ended(Offset::At(99), 100).await, pieces(&[(error, 13)]));
    assert_eq!(of_ended(Offset::End, 100).await, pieces(&[(error, 13)]));
}

#[tokio::test]
async fn an_empty_output_has_an_end() {
    let service = service([ended("", 0, 0)]);
    let mut follow = follow(&service, Offset::Start).await;
    let piece = follow.next(10).await.unwrap().unwrap();
    assert!(piece.done && piece.bytes.is_empty());
    assert_eq!(piece.state, State::Failed);
    assert!(follow.next(10).await.unwrap().is_none());
}

#[tokio::test]
async fn a_live_output_is_read_from_the_beginning_the_end_or_between() {
    let sink = OutputSink::new(100);
    sink.write(b"0123456789");
    for (from, seen) in [(Offset::Start, "0123456789"), (Offset::At(4), "456789")] {
        let service = service([live(&sink)]);
        let piece = follow(&service, from).await.next(100).await.unwrap().unwrap();
        assert_eq!((piece.bytes.as_ref(), piece.next), (seen.as_bytes(), 10));
        assert!(!piece.done);
    }
    let service = service([live(&sink)]);
    let mut at_end = follow(&service, Offset::End).await;
    let first = at_end.look(100).await.unwrap();
    assert_eq!((first.bytes.len(), first.next), (0, 10));
    sink.write(b"new");
    let piece = at_end.next(100).await.unwrap().unwrap();
    assert_eq!((piece.bytes.as_ref(), piece.next), (b"new".as_slice(), 13));
}

#[tokio::test]
async fn what_a_slow_reader_missed_is_told() {
    let sink = OutputSink::new(10);
    sink.write(b"0123456789");
    let service = service([live(&sink)]);
    let mut slow = follow(&service, Offset::Start).await;
    assert_eq!(slow.next(5).await.unwrap().unwrap().bytes.as_ref(), b"01234");
    sink.write(b"abcdefgh");
    let piece = slow.next(100).await.unwrap().unwrap();
    assert_eq!(piece.bytes.as_ref(), b"[... 3 bytes dropped ...]\n89abcdefgh");
    assert_eq!((piece.next, piece.total), (18, 18));
}

#[tokio::test]
async fn whoever_follows_sees_the_rest_and_why_it_failed() {
    let sink = OutputSink::new(100);
    sink.write(b"begun, ");
    let recording = Ok(Found::Live { output: None, state: State::Running });
    let stored = ended("exit status 1\nbegun, done", 14, 0);
    let service = service([live(&sink), recording, stored]);
    let mut follow = follow(&service, Offset::Start).await;
    assert_eq!(follow.next(100).await.unwrap().unwrap().bytes.as_ref(), b"begun, ");
    sink.write(b"done");
    let _ = sink.finish();
    assert_eq!(rest(&mut follow, 100).await, pieces(&[("done", 11), ("exit status 1\n", 11)]));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_can_not_be_asked_is_told_once() {
    let (_members, book) = stage::book(&[], 0);
    let wire = Hub::default().wire(stage::caller(1));
    let afar = Afar::new("s1".into(), LiveOutputs::default(), wire, book);
    let id = ExecutionId { seq: Seq(1), node: "a1".into() };
    let away = || Ok(Found::Live { output: afar.find(&id), state: State::Running });
    let sink = OutputSink::new(100);
    sink.write(b"back\n");
    let service = service([away(), away(), away(), live(&sink), away(), ended("back\n", 0, 0)]);
    let mut follow = follow(&service, Offset::Start).await;
    let line = "[... what it writes can not be read now: node a1 is no member ...]\n";
    let expected = pieces(&[(line, 0), ("back\n", 5)]);
    let first = [follow.next(100).await, follow.next(100).await];
    let first = first.map(|piece| piece.unwrap().unwrap());
    let first = first.map(|piece| (String::from_utf8(piece.bytes.to_vec()).unwrap(), piece.next));
    assert_eq!(first.to_vec(), expected);
    let _ = sink.finish();
    assert_eq!(rest(&mut follow, 100).await, pieces(&[("", 5)]));
}

#[tokio::test]
async fn one_that_has_not_begun_is_waited_for() {
    let waiting = || Ok(Found::Live { output: None, state: State::Pending });
    let service = service([waiting(), waiting(), ended("late", 0, 0)]);
    let mut follow = follow(&service, Offset::End).await;
    assert_eq!(rest(&mut follow, 100).await, pieces(&[("late", 4)]));
}

#[tokio::test]
async fn unknown_ones_are_told_at_once() {
    let service = service([Err(Error::ExecutionNotFound)]);
    let refused = service.follow("job".into(), "1-n".into(), Offset::Start).await;
    assert_eq!(refused.err(), Some(Error::ExecutionNotFound));
}
