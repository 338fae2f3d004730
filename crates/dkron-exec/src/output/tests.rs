use super::*;

fn tail(bytes: impl Into<Bytes>, dropped: u64) -> OutputTail {
    OutputTail { bytes: bytes.into(), dropped }
}

#[tokio::test]
async fn keeps_the_tail_and_counts_the_rest() {
    let sink = OutputSink::new(8);
    let reader = sink.reader();
    sink.write(b"abc");
    assert_eq!(reader.snapshot().await.unwrap(), tail("abc", 0));
    sink.write(b"defghij");
    assert_eq!(reader.snapshot().await.unwrap(), tail("cdefghij", 2));
    sink.write(b"0123456789");
    assert_eq!(sink.finish(), tail("23456789", 12));
}

#[tokio::test]
async fn a_reader_follows_by_offsets_to_the_end() {
    let sink = OutputSink::new(8);
    let reader = sink.reader();
    let following = tokio::spawn(async move {
        let (mut seen, mut text) = (0, Vec::new());
        loop {
            reader.grown(seen).await;
            let piece = reader.read(seen, 3).await.unwrap();
            assert_eq!(piece.start, seen);
            text.extend_from_slice(&piece.bytes);
            seen = piece.end();
            if piece.done && seen == piece.total {
                return text;
            }
        }
    });
    for part in ["ab", "cd", "ef"] {
        sink.write(part.as_bytes());
        tokio::task::yield_now().await;
    }
    let _ = sink.finish();
    sink.write(b"nobody's");
    assert_eq!(following.await.unwrap(), b"abcdef");
}

#[tokio::test]
async fn what_is_kept_elsewhere_is_read_there_until_it_is_brought() {
    struct There;
    impl RunOutput for There {
        fn read(&self, from: u64, max: usize) -> BoxFuture<io::Result<Piece>> {
            let all = Bytes::from_static(b"elsewhere");
            let at = usize::try_from(from).unwrap();
            let bytes = all.slice(at..all.len().min(at.saturating_add(max).min(at + 4)));
            Box::pin(async move { Ok(Piece { bytes, start: from, total: 9, done: true }) })
        }
        fn grown(&self, _: u64) -> BoxFuture<()> {
            Box::pin(std::future::pending())
        }
    }
    let sink = OutputSink::new(100);
    let reader = sink.reader();
    sink.kept_elsewhere(Arc::new(There));
    assert_eq!(reader.snapshot().await.unwrap(), tail("elsewhere", 0));
    assert!(!reader.read(5, 100).await.unwrap().done);
    sink.brought(&tail("where", 4), None);
    sink.write(b"!");
    assert_eq!(reader.snapshot().await.unwrap(), tail("where!", 4));
    assert_eq!(sink.finish(), tail("where!", 4));
    assert!(reader.read(0, 1).await.unwrap().done);
}

#[test]
fn stores_output_alone_or_behind_the_error() {
    let tail = tail("before\n", 0);
    assert_eq!(stored_output(None, &tail, 100).bytes, b"before\n");
    assert_eq!(stored_output(Some("exit status 3"), &tail, 100).bytes, b"exit status 3\nbefore\n");
}

#[test]
fn says_how_much_was_dropped_within_the_limit() {
    let tail = tail(vec![b'x'; 256_000], 82_893);
    for (error, limit) in [(None, 256_000), (Some("exit status 1"), 256_000), (None, 100)] {
        let stored = stored_output(error, &tail, limit);
        let text = String::from_utf8(stored.bytes).unwrap();
        assert!(text.len() <= limit && text.len() + 4 > limit, "{}", text.len());
        assert!(text.contains(&format!("[... {} bytes dropped ...]\n", stored.dropped)));
        assert!(text.starts_with(error.unwrap_or("[... ")));
        let kept = text.bytes().filter(|b| *b == b'x').count() as u64;
        assert_eq!(kept - u64::from(error.is_some()) + stored.dropped, 256_000 + 82_893);
    }
}

#[test]
fn survives_limits_that_are_too_small_for_a_marker() {
    let tail = tail("0123456789", 5);
    for limit in 0..40 {
        assert!(stored_output(Some("bad thing"), &tail, limit).bytes.len() <= limit.max(1));
    }
}

#[test]
fn does_not_begin_within_a_character() {
    let tail = tail("ä".repeat(60), 0);
    for limit in 50..60 {
        assert!(String::from_utf8(stored_output(None, &tail, limit).bytes).is_ok());
    }
}
