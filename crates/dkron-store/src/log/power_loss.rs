//! The log over a disk that loses what was not synced: any subset of the writes since the last
//! sync may have arrived, in any order, each of them torn.

use std::sync::atomic::{AtomicU64, Ordering};

use redb::StorageBackend;

use super::*;

#[derive(Debug, Default)]
struct Disk {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Write>,
    dice: u64,
    /// What would be found after a power loss at some moment, and what was acknowledged then.
    images: Vec<Image>,
    acked_end: Arc<AtomicU64>,
    acked_vote: Arc<AtomicU64>,
    acked_purge: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
enum Write {
    Len(usize),
    Data(usize, Vec<u8>),
}

#[derive(Debug)]
struct Image {
    bytes: Vec<u8>,
    end: u64,
    vote: u64,
    purge: u64,
}

impl Disk {
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99_991);
        (self.dice >> 33) % sides
    }

    fn crash_point(&mut self) {
        if self.roll(4) != 0 {
            return;
        }
        // Read before the image is made: what is acknowledged meanwhile is no claim on it.
        let end = self.acked_end.load(Ordering::SeqCst);
        let vote = self.acked_vote.load(Ordering::SeqCst);
        let purge = self.acked_purge.load(Ordering::SeqCst);
        let mut bytes = self.durable.clone();
        let keep = self.roll(4);
        for write in self.unsynced.clone() {
            if self.roll(4) < keep {
                continue;
            }
            match write {
                Write::Len(len) => bytes.resize(len.max(self.durable.len()), 0),
                Write::Data(at, data) => self.tear(&mut bytes, at, &data),
            }
        }
        self.images.push(Image { bytes, end, vote, purge });
    }

    /// Some sectors of a write arrive.
    fn tear(&mut self, bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
        let whole = self.roll(2) == 0;
        for (n, sector) in data.chunks(512).enumerate() {
            if whole || self.roll(3) != 0 {
                let start = at + n * 512;
                if bytes.len() < start + sector.len() {
                    bytes.resize(start + sector.len(), 0);
                }
                bytes[start..start + sector.len()].copy_from_slice(sector);
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
struct SimDisk(Arc<Mutex<Disk>>);

impl SimDisk {
    fn holding(bytes: Vec<u8>) -> SimDisk {
        let disk = Disk { durable: bytes.clone(), current: bytes, ..Disk::default() };
        SimDisk(Arc::new(Mutex::new(disk)))
    }
}

impl StorageBackend for SimDisk {
    fn len(&self) -> Result<u64, std::io::Error> {
        Ok(self.0.lock().unwrap().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        let disk = self.0.lock().unwrap();
        let at = usize::try_from(offset).unwrap();
        let bytes = disk.current.get(at..at + out.len());
        out.copy_from_slice(bytes.ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        let mut disk = self.0.lock().unwrap();
        let len = usize::try_from(len).unwrap();
        disk.current.resize(len, 0);
        disk.unsynced.push(Write::Len(len));
        disk.crash_point();
        Ok(())
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        let mut disk = self.0.lock().unwrap();
        disk.crash_point();
        disk.durable = disk.current.clone();
        disk.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        let mut disk = self.0.lock().unwrap();
        let at = usize::try_from(offset).unwrap();
        disk.current[at..at + data.len()].copy_from_slice(data);
        disk.unsynced.push(Write::Data(at, data.to_vec()));
        disk.crash_point();
        Ok(())
    }
}

fn content(index: u64) -> Vec<u8> {
    format!("entry {index} ").into_bytes().repeat(usize::try_from(index % 40).unwrap() + 1)
}

fn open(disk: &SimDisk) -> Result<Log, Error> {
    let path = Path::new("simulated");
    let table = Table::over(disk.clone(), path, Durability::Fsync, 1 << 20)?;
    Log::over(table, path, &Options::default())
}

/// Runs a workload and gives what a power loss would have left at many moments.
fn images(seed: u64) -> Vec<Image> {
    let disk = SimDisk::default();
    let (end, vote, purge) = {
        let mut inner = disk.0.lock().unwrap();
        inner.dice = seed;
        (inner.acked_end.clone(), inner.acked_vote.clone(), inner.acked_purge.clone())
    };
    let log = open(&disk).unwrap();
    let mut next = 0;
    for round in 1..40_u64 {
        for group in 1..4 {
            let list = (next..next + group).map(|index| (index, content(index))).collect();
            next += group;
            let (end, reached) = (Arc::clone(&end), next);
            let done = move |result: Result<(), Error>| {
                result.unwrap();
                end.store(reached, Ordering::SeqCst);
            };
            log.append(list, Box::new(done)).unwrap();
        }
        if round % 3 == 0 {
            log.save_vote(round.to_le_bytes().to_vec()).unwrap();
            vote.store(round, Ordering::SeqCst);
        }
        if round % 10 == 0 {
            log.purge_upto(next - 20, b"marker".to_vec()).unwrap();
            purge.store(next - 20, Ordering::SeqCst);
        }
    }
    drop(log);
    std::mem::take(&mut disk.0.lock().unwrap().images)
}

#[test]
fn what_was_acknowledged_survives_a_power_loss() {
    let mut checked = 0;
    for seed in 1..4 {
        for image in images(seed) {
            // Before the first commit there is nothing to lose.
            if image.end == 0 && image.vote == 0 {
                continue;
            }
            let log = open(&SimDisk::holding(image.bytes)).unwrap();
            let purged = log.read_purged().map_or(0, |(index, _)| index);
            assert!(purged >= image.purge);
            let vote = log.read_vote().map_or(0, |v| u64::from_le_bytes(v.try_into().unwrap()));
            assert!(vote >= image.vote, "vote {vote} of {}", image.vote);
            let entries = log.read(0..u64::MAX, usize::MAX).unwrap();
            let end = log.last_index().map_or(0, |last| last + 1);
            assert!(end >= image.end, "entries up to {end} of {}", image.end);
            for (index, bytes) in entries {
                assert_eq!(bytes, content(index));
            }
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}
