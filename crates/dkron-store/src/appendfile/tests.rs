use super::*;

fn record(n: usize) -> Vec<u8> {
    format!("record {n} {}", "x".repeat(n * 3)).into_bytes()
}

fn open(path: &Path) -> (AppendFile, Vec<Vec<u8>>) {
    AppendFile::open(path, Durability::None).unwrap()
}

fn written(path: &Path, count: usize) -> Vec<u8> {
    let (mut file, found) = open(path);
    assert!(found.is_empty());
    for n in 0..count {
        file.append(&record(n)).unwrap();
    }
    fs::read(path).unwrap()
}

#[test]
fn reopen_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (mut file, found) = AppendFile::open(&path, Durability::Fsync).unwrap();
    assert!(found.is_empty());
    file.append(b"one").unwrap();
    file.append(b"").unwrap();
    file.sync().unwrap();
    let (mut file, found) = open(&path);
    assert_eq!(found, [b"one".to_vec(), b"".to_vec()]);
    file.append(b"three").unwrap();
    assert_eq!(open(&path).1, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let whole = written(&dir.path().join("whole"), 6);
    let path = dir.path().join("journal");
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut file, found) = open(&path);
        let mut kept = 0;
        let mut end = FILE_HEADER;
        while kept < 6 && end + RECORD_HEADER + record(kept).len() <= cut {
            end += RECORD_HEADER + record(kept).len();
            kept += 1;
        }
        assert_eq!(found, (0..kept).map(record).collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!((file.len_bytes(), file.damaged()), (end as u64, 0));
        file.append(b"next").unwrap();
        assert_eq!(open(&path).1.last().unwrap(), b"next");
    }
}

#[test]
fn a_tail_of_zeros_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut whole = written(&path, 3);
    whole.extend_from_slice(&[0; 5_000]);
    fs::write(&path, &whole).unwrap();
    let (file, found) = open(&path);
    assert_eq!((found.len(), file.damaged()), (3, 0));
    assert_eq!(fs::metadata(&path).unwrap().len(), file.len_bytes());
}

#[test]
fn a_changed_byte_costs_one_record_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let whole = written(&dir.path().join("whole"), 5);
    let path = dir.path().join("journal");
    for at in FILE_HEADER..whole.len() {
        let mut content = whole.clone();
        content[at] ^= 0x55;
        fs::write(&path, &content).unwrap();
        let (file, found) = open(&path);
        assert_eq!(found.len(), 4, "byte {at}");
        // The last record cannot be told from a torn one.
        let last_hit = !found.contains(&record(4));
        assert_eq!(file.damaged(), usize::from(!last_hit), "byte {at}");
    }
}

#[test]
fn bytes_inside_a_record_are_never_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let inner = written(&dir.path().join("inner"), 1);
    let (mut file, _) = open(&path);
    file.append(b"before").unwrap();
    file.append(&inner[FILE_HEADER..]).unwrap();
    let content = fs::read(&path).unwrap();
    // The outer record is damaged, the inner one is whole.
    let mut torn = content;
    let outer = FILE_HEADER + RECORD_HEADER + b"before".len();
    torn[outer + 5] ^= 1;
    fs::write(&path, &torn).unwrap();
    assert_eq!(open(&path).1, [b"before".to_vec()]);
}

#[test]
fn rewrite_replaces_all_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    written(&path, 4);
    let (mut file, found) = open(&path);
    file.rewrite(found.iter().skip(2).map(Vec::as_slice)).unwrap();
    file.append(b"after").unwrap();
    assert_eq!(open(&path).1, [record(2), record(3), b"after".to_vec()]);
}

#[test]
fn a_rewrite_that_a_crash_ended_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    written(&path, 2);
    let leftover = durable::temporary_of(&path);
    fs::write(&leftover, b"half a rew").unwrap();
    assert_eq!(open(&path).1.len(), 2);
    assert!(!leftover.exists());
}

#[test]
fn a_file_of_another_kind_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    fs::write(&path, b"some other file that is longer than a header").unwrap();
    let refused = AppendFile::open(&path, Durability::None);
    assert!(matches!(refused, Err(Error::DamagedRecord { name: "header", .. })));
    assert!(fs::read(&path).unwrap().starts_with(b"some other"));
    fs::write(&path, b"short").unwrap();
    assert!(AppendFile::open(&path, Durability::None).is_err());
}

#[test]
fn a_large_record_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut file, _) = open(&dir.path().join("journal"));
    let refused = file.append(&vec![0; RECORD_BYTES_MAX + 1]);
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
}

#[test]
fn a_failed_rewrite_keeps_the_old_file_going() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (mut file, _) = open(&path);
    file.append(b"one").unwrap();
    // A directory in the way of the preparation.
    fs::create_dir(durable::temporary_of(&path)).unwrap();
    assert!(file.rewrite([b"new".as_slice()]).is_err());
    file.append(b"two").unwrap();
    fs::remove_dir(durable::temporary_of(&path)).unwrap();
    assert_eq!(open(&path).1, [b"one".to_vec(), b"two".to_vec()]);
    // The file lost its name: what is appended now would be lost.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(file.rewrite([b"new".as_slice()]).is_err());
    assert!(matches!(file.append(b"three"), Err(Error::Stopped { .. })));
}
