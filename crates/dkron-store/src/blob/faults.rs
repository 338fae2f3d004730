//! The outputs' segments under power losses, full and broken disks and flipped bits.

use super::*;
use crate::power_loss::{self, Dice, Fault, Op};

const BLOBS: usize = 40;

/// Some compress well, some not at all.
fn blob(n: usize) -> Vec<u8> {
    let mut dice = Dice::new(n as u64);
    let len = 20 + n * 37 % 900;
    (0..len)
        .map(|_| if n.is_multiple_of(2) { b'a' + (n % 26) as u8 } else { dice.roll(256) as u8 })
        .collect()
}

fn open(dir: &Path) -> Result<Blobs, Error> {
    with(dir, Durability::Fsync)
}

fn with(dir: &Path, durability: Durability) -> Result<Blobs, Error> {
    Blobs::open(dir, Options { durability, segment_bytes: 3 << 10, ..Options::default() })
}

fn get(blobs: &Blobs, n: usize) -> Result<Option<Vec<u8>>, Error> {
    blobs.get(&Digest::of(&blob(n)))
}

/// Puts, and syncs now and then; gives how many were durable after how many operations.
fn workload(dir: &Path) -> (Vec<(usize, usize)>, Vec<Op>) {
    power_loss::begin(None);
    let blobs = open(dir).unwrap();
    let mut durable = vec![(0, 0)];
    for n in 0..BLOBS {
        blobs.put(&blob(n)).unwrap();
        if n % 4 == 3 {
            blobs.sync().unwrap();
            durable.push((power_loss::len(), n + 1));
        }
    }
    assert!(blobs.stats().segments > 3);
    (durable, power_loss::end())
}

#[test]
fn a_power_loss_anywhere_keeps_what_was_synced() {
    let dir = tempfile::tempdir().unwrap();
    let (home, after) = (dir.path().join("blobs"), dir.path().join("after"));
    fs::create_dir(&home).unwrap();
    let (durable, ops) = workload(&home);
    for upto in 0..=ops.len() {
        let owed = durable.iter().rev().find(|(ops, _)| *ops <= upto).map_or(0, |(_, n)| *n);
        for seed in 0..6 {
            let mut dice = Dice::new(upto as u64 * 6 + seed);
            power_loss::lay_out(&power_loss::crash(&ops[..upto], &mut dice), &home, &after);
            let blobs = with(&after, Durability::None).unwrap();
            for n in 0..BLOBS {
                let found = get(&blobs, n).unwrap();
                assert!(found.is_some() || n >= owed, "blob {n} of {owed} is lost, {upto}/{seed}");
                assert!(found.is_none_or(|bytes| bytes == blob(n)));
            }
            put_all(&blobs);
            drop(blobs);
            all_there(&with(&after, Durability::None).unwrap());
        }
    }
}

fn put_all(blobs: &Blobs) {
    for n in 0..BLOBS {
        blobs.put(&blob(n)).unwrap();
    }
    blobs.sync().unwrap();
    all_there(blobs);
}

fn all_there(blobs: &Blobs) {
    for n in 0..BLOBS {
        assert_eq!(get(blobs, n).unwrap().unwrap(), blob(n));
    }
}

/// Lets each operation fail in turn; gives what was durable before and the first error.
fn each_fault(fault: Fault, each: impl Fn(&Path, Blobs, usize, Error)) {
    let mut seen = 0;
    for at in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let blobs = open(dir.path()).unwrap();
        power_loss::begin(Some((at, fault)));
        let mut durable = 0;
        let mut step = |n: usize| -> Result<(), Error> {
            blobs.put(&blob(n))?;
            if n % 4 == 3 {
                blobs.sync()?;
                durable = n + 1;
            }
            Ok(())
        };
        let failed = (0..BLOBS).find_map(|n| step(n).err());
        power_loss::heal();
        let Some(error) = failed else { break };
        each(dir.path(), blobs, durable, error);
        power_loss::end();
        seen += 1;
    }
    power_loss::end();
    assert!(seen > 30, "{seen}");
}

#[test]
fn a_full_disk_refuses_an_output_and_takes_the_next() {
    each_fault(Fault::Full, |dir, blobs, _, error| {
        assert!(error.is_full(), "{}", error.chain());
        put_all(&blobs);
        drop(blobs);
        let blobs = open(dir).unwrap();
        all_there(&blobs);
        assert_eq!(blobs.stats().damaged, 0);
    });
}

#[test]
fn a_broken_disk_is_named_and_keeps_what_was_synced() {
    each_fault(Fault::Broken, |dir, blobs, durable, error| {
        let text = error.chain();
        assert!(text.contains(".seg") || text.contains("sync directory"), "{text}");
        drop(blobs);
        let blobs = open(dir).unwrap();
        for n in 0..durable {
            assert_eq!(get(&blobs, n).unwrap().unwrap(), blob(n));
        }
        put_all(&blobs);
    });
}

#[test]
fn a_flipped_bit_is_reported_and_costs_one_output() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(dir.path()).unwrap();
    for n in 0..6 {
        blobs.put(&blob(n)).unwrap();
    }
    blobs.sync().unwrap();
    assert_eq!(blobs.stats().segments, 1);
    drop(blobs);
    let path = segment::path_of(dir.path(), 1);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        let blobs = match with(dir.path(), Durability::None) {
            Ok(blobs) => blobs,
            Err(error) => {
                assert!(error.to_string().contains("00000001.seg"), "{error}");
                continue;
            }
        };
        let mut lost = 0;
        for n in 0..6 {
            match get(&blobs, n) {
                Ok(Some(bytes)) => assert_eq!(bytes, blob(n)),
                Ok(None) | Err(Error::DamagedBlob { .. }) => lost += 1,
                Err(error) => panic!("{error}"),
            }
        }
        // The last record of the newest segment may be a torn write: it is cut.
        assert_eq!(lost, 1, "byte {at}");
        let is_told = blobs.stats().damaged == 1 || get(&blobs, 5).unwrap().is_none();
        assert!(is_told, "byte {at}");
    }
}
