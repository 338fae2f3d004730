use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

fn options() -> Options {
    Options { durability: Durability::None, ..Options::default() }
}

fn open(dir: &tempfile::TempDir) -> Log {
    Log::open(&dir.path().join("log.redb"), options()).unwrap()
}

fn entries(range: Range<u64>) -> Vec<(u64, Vec<u8>)> {
    range.map(|index| (index, format!("entry {index}").into_bytes())).collect()
}

fn append(log: &Log, list: Vec<(u64, Vec<u8>)>) {
    log.wait_for(|done| log.append(list, done)).unwrap();
}

fn read_all(log: &Log) -> Vec<(u64, Vec<u8>)> {
    log.read(0..u64::MAX, usize::MAX).unwrap()
}

#[test]
fn reopen_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    assert_eq!((log.first_index(), log.last().unwrap(), log.read_vote()), (None, None, None));
    append(&log, entries(0..10));
    log.save_vote(b"vote".to_vec()).unwrap();
    log.save_committed(b"committed".to_vec()).unwrap();
    drop(log);

    let log = open(&dir);
    assert_eq!(read_all(&log), entries(0..10));
    assert_eq!(log.last().unwrap(), entries(9..10).pop());
    assert_eq!((log.first_index(), log.last_index()), (Some(0), Some(9)));
    assert_eq!(log.read_vote().unwrap(), b"vote");
    assert_eq!(log.read_committed().unwrap(), b"committed");
    assert_eq!(log.read_purged(), None);
}

#[test]
fn an_entry_is_replaced_in_memory_and_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, entries(3..6));
    log.replace(4, b"other".to_vec()).unwrap();
    for outside in [2, 6] {
        assert!(matches!(log.replace(outside, Vec::new()), Err(Error::Order { .. })));
    }
    let wanted = [entries(3..4), vec![(4, b"other".to_vec())], entries(5..6)].concat();
    assert_eq!(read_all(&log), wanted);
    drop(log);
    let log = open(&dir);
    assert_eq!(read_all(&log), wanted);
    log.replace(4, b"another".to_vec()).unwrap();
    assert_eq!(read_all(&log)[1].1, b"another");
}

#[test]
fn an_entry_can_be_read_before_it_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    let (hold, held) = mpsc::channel::<()>();
    // The writer stands in the first answer while the second append waits in the queue.
    log.append(entries(5..6), Box::new(move |_| held.recv().unwrap())).unwrap();
    log.append(entries(6..9), Box::new(|_| {})).unwrap();
    assert_eq!(read_all(&log), entries(5..9));
    assert_eq!(log.last().unwrap(), entries(8..9).pop());
    hold.send(()).unwrap();
}

#[test]
fn answers_come_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    let next = Arc::new(AtomicU64::new(0));
    for index in 0..500 {
        let next = Arc::clone(&next);
        let done = Box::new(move |result: Result<(), Error>| {
            result.unwrap();
            assert_eq!(next.fetch_add(1, Ordering::SeqCst), index);
        });
        log.append(entries(index..index + 1), done).unwrap();
    }
    drop(log);
    assert_eq!(next.load(Ordering::SeqCst), 500);
    assert_eq!(read_all(&open(&dir)).len(), 500);
}

#[test]
fn truncate_then_append_replaces() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, entries(1..20));
    log.truncate_after(9).unwrap();
    assert_eq!(read_all(&log), entries(1..10));
    append(&log, vec![(10, b"other".to_vec())]);
    log.truncate_after(100).unwrap();
    drop(log);
    let log = open(&dir);
    let all = read_all(&log);
    assert_eq!((all.len(), all[9].1.as_slice()), (10, b"other".as_slice()));
    log.truncate_after(0).unwrap();
    assert_eq!(log.first_index(), None);
    append(&log, entries(1..3));
    assert_eq!(read_all(&open_after(log, &dir)), entries(1..3));
}

fn open_after(log: Log, dir: &tempfile::TempDir) -> Log {
    drop(log);
    open(dir)
}

#[test]
fn purge_keeps_the_marker_and_goes_beyond_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, entries(0..5_000));
    log.purge_upto(4_990, b"m1".to_vec()).unwrap();
    assert_eq!(log.first_index(), Some(4_991));
    assert_eq!(read_all(&log), entries(4_991..5_000));
    // Closed before all room was freed: the rest is invisible and freed after the open.
    let log = open_after(log, &dir);
    assert_eq!(read_all(&log), entries(4_991..5_000));
    assert_eq!(log.read_purged(), Some((4_990, b"m1".to_vec())));

    log.purge_upto(7_000, b"m2".to_vec()).unwrap();
    assert_eq!((log.first_index(), read_all(&log)), (None, vec![]));
    let refused = log.append(entries(7_002..7_003), Box::new(|_| {}));
    assert!(matches!(refused, Err(Error::Order { expected: 7_001, .. })));
    append(&log, entries(7_001..7_003));
    let log = open_after(log, &dir);
    assert_eq!(read_all(&log), entries(7_001..7_003));
    assert_eq!(log.read_purged(), Some((7_000, b"m2".to_vec())));
    assert!(matches!(log.purge_upto(5, vec![]), Err(Error::Order { .. })));
}

#[test]
fn gaps_and_oversize_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, entries(3..5));
    for wrong in [entries(6..7), entries(4..5), vec![(5, vec![]), (7, vec![])]] {
        let refused = log.append(wrong, Box::new(|_| {}));
        assert!(matches!(refused, Err(Error::Order { .. })));
    }
    let refused = log.append(vec![(5, vec![0; ENTRY_BYTES_MAX + 1])], Box::new(|_| {}));
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    assert!(matches!(log.save_vote(vec![0; RECORD_BYTES_MAX + 1]), Err(Error::TooLarge { .. })));
    assert_eq!(read_all(&log), entries(3..5));
}

#[test]
fn reading_is_bounded_but_gives_at_least_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    // No tail cache: the older part comes from the file, the newest from memory.
    let log = Log::open(&path, Options { tail_cache_bytes: 0, ..options() }).unwrap();
    append(&log, (0..100).map(|index| (index, vec![7; 1_000])).collect());
    let (hold, held) = mpsc::channel::<()>();
    log.append(vec![(100, vec![1])], Box::new(move |_| held.recv().unwrap())).unwrap();
    log.append((101..120).map(|i| (i, vec![8; 1_000])).collect(), Box::new(|_| {})).unwrap();
    assert_eq!(log.read(10..50, 0).unwrap().len(), 1);
    assert_eq!(log.read(10..50, 3_500).unwrap().len(), 3);
    assert_eq!(log.read(95..110, usize::MAX).unwrap().len(), 15);
    assert_eq!(log.read(98..200, 4_001).unwrap().len(), 5);
    assert_eq!(log.read(119..500, 5).unwrap(), vec![(119, vec![8; 1_000])]);
    assert_eq!(log.read(120..500, 5).unwrap(), vec![]);
    hold.send(()).unwrap();
}

#[test]
fn a_damaged_entry_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    let log = open(&dir);
    append(&log, entries(0..50));
    drop(log);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).rposition(|w| w == b"entry 42").unwrap();
    let mut hits = 0;
    for start in 0..=at {
        if bytes[start..].starts_with(b"entry 42") {
            bytes[start + 6] = b'9';
            hits += 1;
        }
    }
    assert!(hits > 0);
    std::fs::write(&path, bytes).unwrap();
    let error = Log::open(&path, options()).err().unwrap();
    assert!(matches!(error, Error::Damaged { index: 42 }), "{}", error.chain());
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.redb");
    std::fs::write(&path, vec![3; 100_000]).unwrap();
    assert!(matches!(Log::open(&path, options()), Err(Error::Engine { .. })));
}

#[test]
fn two_opens_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _log = open(&dir);
    assert!(Log::open(&dir.path().join("log.redb"), options()).is_err());
}

#[test]
fn bytes_are_counted_for_the_purge_rule() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, (0..1_000).map(|index| (index, vec![1; 1_024])).collect());
    assert_eq!(log.bytes_on_disk(), 1_024_000);
    assert_eq!(log.bytes_of_range(0..500), 512_000);
    let keep_all = log.purgeable(2 << 20, Duration::ZERO);
    assert_eq!(keep_all, None);
    let upto = log.purgeable(512_000, Duration::ZERO).unwrap();
    assert!((400..500).contains(&upto), "{upto}");
    assert!(log.bytes_of_range(upto + 1..1_000) >= 512_000);
    assert_eq!(log.purgeable(512_000, Duration::from_secs(3_600)), None);

    log.purge_upto(upto, vec![]).unwrap();
    assert_eq!(log.bytes_on_disk(), (999 - upto) * 1_024);
    log.truncate_after(799).unwrap();
    assert_eq!(log.bytes_on_disk(), (799 - upto) * 1_024);
    let log = open_after(log, &dir);
    assert_eq!(log.bytes_on_disk(), (799 - upto) * 1_024);
}
