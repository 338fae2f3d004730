use super::*;

#[test]
fn keeps_the_tail_and_counts_the_rest() {
    let sink = OutputSink::new(8);
    let reader = sink.reader();
    sink.write(b"abc");
    assert_eq!(reader.snapshot(), OutputTail { bytes: b"abc".to_vec(), dropped: 0 });
    sink.write(b"defghij");
    assert_eq!(reader.snapshot(), OutputTail { bytes: b"cdefghij".to_vec(), dropped: 2 });
    sink.write(b"0123456789");
    assert_eq!(sink.finish(), OutputTail { bytes: b"23456789".to_vec(), dropped: 12 });
}

#[test]
fn a_gap_makes_the_former_bytes_count_as_dropped() {
    let sink = OutputSink::new(8);
    sink.write(b"abc");
    sink.skip(0);
    sink.skip(10);
    sink.write(b"z");
    assert_eq!(sink.finish(), OutputTail { bytes: b"z".to_vec(), dropped: 13 });
}

#[test]
fn stores_output_alone_or_behind_the_error() {
    let tail = OutputTail { bytes: b"before\n".to_vec(), dropped: 0 };
    assert_eq!(stored_output(None, &tail, 100).bytes, b"before\n");
    assert_eq!(stored_output(Some("exit status 3"), &tail, 100).bytes, b"exit status 3\nbefore\n");
}

#[test]
fn says_how_much_was_dropped_within_the_limit() {
    let tail = OutputTail { bytes: vec![b'x'; 256_000], dropped: 82_893 };
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
    let tail = OutputTail { bytes: b"0123456789".to_vec(), dropped: 5 };
    for limit in 0..40 {
        assert!(stored_output(Some("bad thing"), &tail, limit).bytes.len() <= limit.max(1));
    }
}

#[test]
fn does_not_begin_within_a_character() {
    let tail = OutputTail { bytes: "ä".repeat(60).into_bytes(), dropped: 0 };
    for limit in 50..60 {
        assert!(String::from_utf8(stored_output(None, &tail, limit).bytes).is_ok());
    }
}
