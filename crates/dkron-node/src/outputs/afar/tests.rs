use dkron_exec::OutputSink;
use dkron_gossip::Members;
use tokio::sync::watch;

use super::*;
use crate::cluster::stage;
use crate::rpc::Caller;
use crate::rpc::memory::Hub;

/// A node `s2` with runs of its own, and what server `s1` sees of them.
struct Stage {
    hub: Hub,
    runs: LiveOutputs,
    seen: Afar,
    _members: watch::Sender<Members>,
}

fn stage() -> Stage {
    let (hub, runs) = (Hub::default(), LiveOutputs::default());
    hub.serve(2, register_live(Router::default(), runs.clone()));
    let (_members, book) = stage::book(&[1, 2], 3);
    let wire = hub.wire(stage::caller(1));
    let seen = Afar::new("s1".into(), LiveOutputs::default(), wire, book);
    Stage { hub, runs, seen, _members }
}

impl Stage {
    fn run(&self, seq: u64, limit: usize) -> OutputSink {
        let sink = OutputSink::new(limit);
        self.runs.add(Seq(seq), sink.reader(), limit);
        sink
    }

    fn output(&self, seq: u64, node: &str) -> Option<LiveOutput> {
        self.seen.find(&ExecutionId { seq: Seq(seq), node: node.into() })
    }
}

#[tokio::test]
async fn it_is_read_in_pieces_while_it_grows() {
    let stage = stage();
    let sink = stage.run(7, 100);
    sink.write(b"0123456789");
    let output = stage.output(7, "s2").unwrap();
    let piece = output.read(4, 3).await.unwrap();
    assert_eq!((piece.bytes.as_ref(), piece.start, piece.total), (b"456".as_slice(), 4, 10));
    assert!(!piece.done);
    let waiting = tokio::spawn(async move {
        output.grown(10).await;
        output.read(10, 100).await
    });
    sink.write(b"more");
    let piece = waiting.await.unwrap().unwrap();
    assert_eq!((piece.bytes.as_ref(), piece.total), (b"more".as_slice(), 14));
    let output = stage.output(7, "s2").unwrap();
    let _ = sink.finish();
    assert!(output.read(14, 100).await.unwrap().done);
    stage.runs.remove(Seq(7));
    assert_eq!(output.read(14, 100).await, Err(Absent::Gone));
}

#[tokio::test]
async fn a_long_text_comes_whole_or_its_end() {
    let stage = stage();
    let sink = stage.run(7, 5 << 20);
    let text: Vec<u8> = (0..3_000_000_u32).map(|at| b'a' + (at % 26) as u8).collect();
    sink.write(&text);
    let output = stage.output(7, "s2").unwrap();
    assert_eq!(output.text(u64::MAX).await.unwrap(), (text.clone(), 0, 3_000_000));
    let (end, dropped, total) = output.text(1_000).await.unwrap();
    assert_eq!((dropped, total), (2_999_000, 3_000_000));
    let marker = "[... 2999000 bytes dropped ...]\n";
    assert_eq!(end, [marker.as_bytes(), &text[2_999_000..]].concat());
}

#[tokio::test]
async fn a_node_that_is_away_is_named() {
    let stage = stage();
    stage.run(7, 100).write(b"hello");
    let output = stage.output(7, "s2").unwrap();
    stage.hub.cut(1, 2);
    let away = output.read(0, 100).await.unwrap_err();
    assert_eq!(away, Absent::Away("node s2 does not answer".into()));
    stage.hub.heal();
    assert_eq!(output.read(0, 100).await.unwrap().bytes.as_ref(), b"hello");
    let nobody = stage.output(7, "s9").unwrap().read(0, 100).await;
    assert_eq!(nobody, Err(Absent::Away("node s9 is no member".into())));
    assert!(stage.output(7, "s1").is_none(), "it would be here");
}

#[tokio::test]
async fn only_servers_are_answered() {
    let stage = stage();
    stage.run(7, 100);
    let agent = stage.hub.wire(Caller { role: Role::Agent, ..stage::caller(11) });
    let (_members, book) = stage::book(&[2], 3);
    let seen = Afar::new("a1".into(), LiveOutputs::default(), agent, book);
    let id = ExecutionId { seq: Seq(7), node: "s2".into() };
    let refused = seen.find(&id).unwrap().read(0, 100).await.unwrap_err();
    assert_eq!(refused, Absent::Away("node s2: only servers ask for outputs".into()));
}

#[test]
fn answers_that_make_no_sense_are_none() {
    assert_eq!(decode(Bytes::new()), None);
    assert_eq!(decode(Bytes::from_static(&[2])), None);
    assert_eq!(decode(Bytes::from_static(&[1, 0, 0])), None);
    let piece = Piece { bytes: "x".into(), start: 1, total: 2, done: true };
    assert_eq!(decode(encode(Ok(piece.clone()))), Some(Ok(piece)));
    assert_eq!(decode(encode(Err(Absent::Gone))), Some(Err(Absent::Gone)));
}
