//! The append-only file under power losses, full and broken disks and flipped bits.

use super::*;
use crate::power_loss::{self, Dice, Fault, Op};

fn record(n: usize) -> Vec<u8> {
    format!("record {n} ").into_bytes().repeat(1 + n % 90)
}

/// What the file owes after so many operations.
struct Owed {
    ops: usize,
    /// All of these, in order, and after them any of the following ones.
    synced: Vec<usize>,
    maybe: Vec<usize>,
}

/// Appends, syncs now and then and rewrites twice; each step tells what is owed from then on.
fn workload(path: &Path) -> (Vec<Owed>, Vec<Op>) {
    power_loss::begin(None);
    let (mut file, _) = AppendFile::open(path, Durability::Fsync).unwrap();
    let (mut synced, mut maybe) = (Vec::new(), Vec::new());
    let mut owed = Vec::new();
    for n in 0..60 {
        maybe.push(n);
        owed.push(Owed { ops: power_loss::len(), synced: synced.clone(), maybe: maybe.clone() });
        file.append(&record(n)).unwrap();
        if n % 7 == 6 {
            file.sync().unwrap();
            synced.append(&mut maybe);
        }
        if n % 25 == 24 {
            // Whether old or new ones are there, these must be: they are in both.
            let all = [synced.clone(), maybe.clone()].concat();
            let keep = all[all.len() - 5..].to_vec();
            let both = keep.iter().copied().filter(|n| synced.contains(n)).collect();
            owed.push(Owed { ops: power_loss::len(), synced: both, maybe: all });
            let records: Vec<_> = keep.iter().map(|n| record(*n)).collect();
            file.rewrite(records.iter().map(Vec::as_slice)).unwrap();
            (synced, maybe) = (keep, Vec::new());
        }
        owed.push(Owed { ops: power_loss::len(), synced: synced.clone(), maybe: maybe.clone() });
    }
    (owed, power_loss::end())
}

#[test]
fn a_power_loss_anywhere_keeps_what_was_synced() {
    let dir = tempfile::tempdir().unwrap();
    let (home, after) = (dir.path().join("home"), dir.path().join("after"));
    fs::create_dir(&home).unwrap();
    let path = home.join("journal");
    let (owed, ops) = workload(&path);
    for upto in 0..=ops.len() {
        // An operation under way belongs to the step before.
        let owed = owed.iter().rev().find(|owed| owed.ops <= upto);
        for seed in 0..8 {
            let mut dice = Dice::new(upto as u64 * 8 + seed);
            power_loss::lay_out(&power_loss::crash(&ops[..upto], &mut dice), &home, &after);
            let path = after.join("journal");
            let (mut file, found) = AppendFile::open(&path, Durability::None).unwrap();
            if let Some(owed) = owed {
                check(owed, &found);
            }
            file.append(b"next").unwrap();
            let (_, again) = AppendFile::open(&path, Durability::None).unwrap();
            assert_eq!(again, [found, vec![b"next".to_vec()]].concat());
        }
    }
}

/// Everything synced is there, whatever else is there was once appended, and all of it in order.
fn check(owed: &Owed, found: &[Vec<u8>]) {
    let number =
        |bytes: &Vec<u8>| (0..60).find(|n| record(*n) == *bytes).expect("a record of ours");
    let found: Vec<usize> = found.iter().map(number).collect();
    assert!(found.is_sorted(), "{found:?}");
    let missing: Vec<_> = owed.synced.iter().filter(|n| !found.contains(n)).collect();
    assert!(missing.is_empty(), "lost {missing:?} of {found:?}");
    let known = |n: &&usize| !owed.synced.contains(n) && !owed.maybe.contains(n);
    assert_eq!(found.iter().find(known), None);
}

/// Runs a workload until something fails, and tells which records were taken.
fn until_it_fails(file: &mut AppendFile) -> (Vec<usize>, Result<(), Error>) {
    let mut taken = Vec::new();
    for n in 0..20 {
        if let Err(error) = file.append(&record(n)) {
            return (taken, Err(error));
        }
        taken.push(n);
        if n % 5 == 4
            && let Err(error) = file.sync()
        {
            return (taken, Err(error));
        }
        if n == 9 {
            let records: Vec<_> = taken.iter().map(|n| record(*n)).collect();
            if let Err(error) = file.rewrite(records.iter().map(Vec::as_slice)) {
                return (taken, Err(error));
            }
        }
    }
    (taken, Ok(()))
}

/// How the workload ended for each operation that failed, with the path and what it took.
fn each_fault(fault: Fault, each: impl Fn(&Path, &mut AppendFile, &[usize], &Error)) {
    let mut seen = 0;
    for at in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut file, _) = AppendFile::open(&path, Durability::Fsync).unwrap();
        power_loss::begin(Some((at, fault)));
        let (taken, result) = until_it_fails(&mut file);
        power_loss::heal();
        match result {
            Ok(()) => break,
            Err(error) => each(&path, &mut file, &taken, &error),
        }
        seen += 1;
        power_loss::end();
    }
    power_loss::end();
    assert!(seen > 20, "{seen}");
}

#[test]
fn a_full_disk_costs_one_record_and_the_next_goes_on_behind() {
    each_fault(Fault::Full, |path, file, taken, error| {
        assert!(error.is_full(), "{}", error.chain());
        file.append(b"next").unwrap();
        file.sync().unwrap();
        let mut expected: Vec<_> = taken.iter().map(|n| record(*n)).collect();
        expected.push(b"next".to_vec());
        let (again, found) = AppendFile::open(path, Durability::Fsync).unwrap();
        assert_eq!((found, again.damaged()), (expected, 0));
    });
}

fn dir_of(path: &Path) -> &str {
    path.parent().and_then(Path::to_str).unwrap()
}

#[test]
fn a_broken_disk_is_named_and_nothing_is_appended_after_it() {
    each_fault(Fault::Broken, |path, file, taken, error| {
        let text = error.chain();
        assert!(text.contains(dir_of(path)) && text.contains("os error 5"), "{text}");
        // A rewrite that failed before the rename leaves the old file as it was.
        if file.append(b"next").is_err() {
            assert!(file.sync().is_err());
        }
        let (_, found) = AppendFile::open(path, Durability::Fsync).unwrap();
        let expected: Vec<_> = taken.iter().map(|n| record(*n)).collect();
        assert!(found.starts_with(&expected));
    });
}

#[test]
fn a_flipped_bit_costs_the_record_it_is_in_or_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (mut file, _) = AppendFile::open(&path, Durability::Fsync).unwrap();
    (0..6).for_each(|n| file.append(&record(n)).unwrap());
    drop(file);
    let whole = fs::read(&path).unwrap();
    let all: Vec<_> = (0..6).map(record).collect();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        match AppendFile::open(&path, Durability::None) {
            Ok((file, found)) => {
                let missing = all.iter().filter(|record| !found.contains(record)).count();
                // The salt is in all checksums: with it the whole file is one damaged place.
                let salt = (8..16).contains(&at);
                assert!(missing == 1 || (salt && missing == 6), "byte {at}: {missing}");
                let is_last = file.damaged() == 0;
                assert!(!is_last || salt || found == all[..5], "byte {at}");
            }
            Err(error) => assert!(error.to_string().contains("journal"), "{error}"),
        }
    }
}
