//! The log over a disk that is full for a while, or breaks, at each of its operations in turn.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redb::StorageBackend;

use super::*;

const GROUPS: u64 = 8;

/// What happens from one operation on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// No room, half of a write arrives, until somebody makes room.
    Full,
    /// This operation and all later ones fail; half of a write arrives.
    Broken,
}

#[derive(Debug)]
struct Disk {
    bytes: Mutex<Vec<u8>>,
    fault: Fault,
    at: AtomicU64,
    operations: AtomicU64,
    /// Somebody made room.
    freed: AtomicBool,
}

#[derive(Clone, Debug)]
pub(super) struct Faulty(Arc<Disk>);

impl Faulty {
    pub(super) fn new(bytes: Vec<u8>, fault: Fault, at: u64) -> Faulty {
        Faulty(Arc::new(Disk {
            bytes: Mutex::new(bytes),
            fault,
            at: AtomicU64::new(at),
            operations: AtomicU64::new(0),
            freed: AtomicBool::new(false),
        }))
    }

    fn fails(&self, can_be_full: bool) -> io::Result<()> {
        let now = self.0.operations.fetch_add(1, Ordering::SeqCst);
        if now < self.0.at.load(Ordering::SeqCst) {
            return Ok(());
        }
        match self.0.fault {
            Fault::Broken => Err(io::Error::from_raw_os_error(5)),
            Fault::Full if can_be_full && !self.0.freed.load(Ordering::SeqCst) => {
                Err(io::Error::from_raw_os_error(28))
            }
            Fault::Full => Ok(()),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.bytes.lock().unwrap().clone()
    }
}

impl StorageBackend for Faulty {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let at = usize::try_from(offset).unwrap();
        let bytes = self.0.bytes.lock().unwrap();
        out.copy_from_slice(bytes.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.fails(true)?;
        self.0.bytes.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.fails(false)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let at = usize::try_from(offset).unwrap();
        let failed = self.fails(true);
        let arrives = if failed.is_ok() { data } else { &data[..data.len() / 2] };
        self.0.bytes.lock().unwrap()[at..at + arrives.len()].copy_from_slice(arrives);
        failed
    }
}

pub(super) fn content(index: u64) -> Vec<u8> {
    format!("entry {index} ").into_bytes().repeat(200)
}

fn open(disk: &Faulty) -> Result<Log, Error> {
    let path = Path::new("faulty.redb");
    let table = Table::over(disk.clone(), path, Durability::Fsync, 1 << 20)?;
    Log::over(table, path, &Options { tail_cache_bytes: 0, ..Options::default() })
}

/// The answers to some groups of entries, votes and a purge, in order.
fn workload(log: &Log) -> mpsc::Receiver<(u64, Result<(), Error>)> {
    let (answer, answers) = mpsc::channel();
    let say = |n: u64| -> Done {
        let answer = answer.clone();
        Box::new(move |result| answer.send((n, result)).unwrap())
    };
    let first = log.last_index().map_or(0, |last| last + 1);
    for group in 0..GROUPS {
        let start = first + group * 3;
        let entries = (start..start + 3).map(|index| (index, content(index))).collect();
        // A log that failed refuses at once.
        let _ = log.append(entries, say(start + 3));
        let _ = log.save_vote_then(group.to_le_bytes().to_vec(), say(start + 3));
    }
    let _ = log.purge_upto_then(first + 1, b"marker".to_vec(), say(first + GROUPS * 3));
    answers
}

fn check(log: &Log, acked_end: u64) {
    let end = log.last_index().map_or(0, |last| last + 1);
    assert!(end >= acked_end, "entries up to {end} of {acked_end}");
    for (index, bytes) in log.read(0..u64::MAX, usize::MAX).unwrap() {
        assert_eq!(bytes, content(index));
    }
}

/// A log with some entries, closed in order.
fn seasoned() -> Vec<u8> {
    let disk = Faulty::new(Vec::new(), Fault::Full, u64::MAX);
    let log = open(&disk).unwrap();
    for (_, result) in workload(&log) {
        result.unwrap();
    }
    drop(log);
    disk.bytes()
}

/// Operations that a workload takes after the open, so that each can fail in turn.
fn operations(bytes: &[u8]) -> std::ops::Range<u64> {
    let disk = Faulty::new(bytes.to_vec(), Fault::Full, u64::MAX);
    let log = open(&disk).unwrap();
    let begin = disk.0.operations.load(Ordering::SeqCst);
    workload(&log).iter().for_each(|(_, result)| result.unwrap());
    begin..disk.0.operations.load(Ordering::SeqCst)
}

#[test]
fn a_full_disk_is_waited_for_at_every_write() {
    let bytes = seasoned();
    let (old_end, all) = (GROUPS * 3, 2 * usize::try_from(GROUPS).unwrap() + 1);
    let mut waited = 0;
    for at in operations(&bytes) {
        let disk = Faulty::new(bytes.clone(), Fault::Full, at);
        let log = open(&disk).unwrap();
        let answers = workload(&log);
        // How many commands share a commit differs, so it may end before the disk is full.
        let mut heard = Vec::new();
        while heard.len() < all && !log.is_waiting_for_room() {
            heard.extend(answers.recv_timeout(Duration::from_millis(1)));
        }
        waited += usize::from(log.is_waiting_for_room());
        check(&log, old_end);
        assert_eq!(log.failure(), None);
        disk.0.freed.store(true, Ordering::SeqCst);
        heard.extend(answers.iter().take(all - heard.len()));
        assert_eq!(heard.len(), all);
        heard.into_iter().for_each(|(_, result)| result.unwrap());
        assert!(!log.is_waiting_for_room());
        check(&log, old_end + GROUPS * 3);
        drop(log);
        let disk = Faulty::new(disk.bytes(), Fault::Full, u64::MAX);
        check(&open(&disk).unwrap(), old_end + GROUPS * 3);
    }
    assert!(waited > 10, "{waited}");
}

#[test]
fn a_closing_log_does_not_wait_for_room() {
    let bytes = seasoned();
    let disk = Faulty::new(bytes.clone(), Fault::Full, operations(&bytes).start);
    let log = open(&disk).unwrap();
    let answers = workload(&log);
    while !log.is_waiting_for_room() {
        std::thread::yield_now();
    }
    drop(log);
    assert!(answers.iter().all(|(_, result)| result.is_err()));
    check(&open(&Faulty::new(disk.bytes(), Fault::Full, u64::MAX)).unwrap(), GROUPS * 3);
}

#[test]
fn a_broken_disk_ends_the_log_with_a_text_and_keeps_what_was_acknowledged() {
    let bytes = seasoned();
    for at in operations(&bytes) {
        let disk = Faulty::new(bytes.clone(), Fault::Broken, at);
        let log = open(&disk).unwrap();
        let answers = workload(&log);
        let mut acked = GROUPS * 3;
        for (end, result) in answers.iter() {
            match result {
                Ok(()) => acked = acked.max(end),
                Err(error) => {
                    let text = error.to_string();
                    let whole = text.contains("faulty.redb") && text.contains("os error 5");
                    assert!(whole, "{text}");
                }
            }
        }
        drop(log);
        let disk = Faulty::new(disk.bytes(), Fault::Full, u64::MAX);
        let log = open(&disk).unwrap();
        check(&log, acked);
        assert!(workload(&log).iter().all(|(_, result)| result.is_ok()));
    }
}
