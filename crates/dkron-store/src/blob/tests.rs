use super::*;

fn options() -> Options {
    Options { durability: Durability::None, segment_bytes: 4_096, grace: Duration::ZERO }
}

fn open(dir: &tempfile::TempDir) -> Blobs {
    Blobs::open(&dir.path().join("blobs"), options()).unwrap()
}

/// Bytes that don't compress, the same in every run.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 32);
    let mut block = seed.to_le_bytes().to_vec();
    while bytes.len() < len {
        block = Digest::of(&block).0.to_vec();
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn reopen_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("blobs");
    let blobs = Blobs::open(&path, Options { durability: Durability::Fsync, ..options() }).unwrap();
    let contents =
        [b"".to_vec(), b"hello".to_vec(), vec![b'x'; 200_000], noise(1, 3_000), noise(2, 9_000)];
    let digests: Vec<Digest> = contents.iter().map(|c| blobs.put(c).unwrap()).collect();
    blobs.sync().unwrap();
    for blobs in [blobs, open(&dir)] {
        for (digest, content) in digests.iter().zip(&contents) {
            assert_eq!(blobs.get(digest).unwrap().as_ref(), Some(content));
        }
        assert_eq!(blobs.get(&Digest::of(b"other")).unwrap(), None);
        assert_eq!((blobs.stats().blobs, blobs.stats().damaged), (5, 0));
        assert!(blobs.stats().bytes_on_disk < 14_000);
    }
}

#[test]
fn equal_content_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    let digest = blobs.put(&noise(1, 500)).unwrap();
    let before = blobs.stats();
    assert_eq!(blobs.put(&noise(1, 500)).unwrap(), digest);
    assert_eq!(blobs.stats(), before);
}

/// Nine blobs in three segments, each referred to once.
fn nine(blobs: &Blobs) -> Vec<Digest> {
    let digests: Vec<Digest> = (0..9).map(|n| blobs.put(&noise(n, 1_000)).unwrap()).collect();
    assert_eq!(blobs.stats().segments, 3);
    for digest in &digests {
        assert!(blobs.refer(digest));
    }
    digests
}

fn set_age(dir: &tempfile::TempDir, number: u32, age: Duration) {
    let path = segment::path_of(&dir.path().join("blobs"), number);
    let file = File::open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

fn open_with_grace(dir: &tempfile::TempDir) -> Blobs {
    let options = Options { grace: Duration::from_secs(3_600), ..options() };
    let blobs = Blobs::open(&dir.path().join("blobs"), options).unwrap();
    blobs.all_told();
    blobs
}

#[test]
fn a_segment_goes_when_nobody_refers_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    blobs.all_told();
    let digests = nine(&blobs);
    assert!(blobs.refer(&digests[0]));
    for digest in &digests[..3] {
        blobs.release(digest);
    }
    // The first is referred to twice.
    assert_eq!((blobs.stats().live, blobs.sweep().unwrap()), (7, 0));
    blobs.release(&digests[0]);
    assert_eq!(blobs.sweep().unwrap(), 1);
    assert!(!dir.path().join("blobs/00000001.seg").exists());
    let stats = blobs.stats();
    assert_eq!((stats.segments, stats.blobs, stats.live), (2, 6, 6));
    assert_eq!(blobs.get(&digests[1]).unwrap(), None);
    assert!(!blobs.refer(&digests[1]));
    assert!(blobs.get(&digests[3]).unwrap().is_some());
    // The active one stays even when nobody refers to it; more releases than references are none.
    for digest in &digests[6..] {
        blobs.release(digest);
        blobs.release(digest);
    }
    assert_eq!((blobs.sweep().unwrap(), blobs.stats().segments, blobs.stats().live), (0, 2, 3));
    // Released, but still here.
    assert!(blobs.refer(&digests[8]));
    assert_eq!(blobs.stats().live, 4);
    // What has gone can be put again.
    assert_eq!(blobs.put(&noise(1, 1_000)).unwrap(), digests[1]);
    assert!(blobs.get(&digests[1]).unwrap().is_some());
}

#[test]
fn to_put_is_no_reference() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    blobs.all_told();
    let digests = nine(&blobs);
    blobs.put(&noise(0, 1_000)).unwrap();
    for digest in &digests[..3] {
        blobs.release(digest);
    }
    assert_eq!(blobs.sweep().unwrap(), 1);
}

#[test]
fn nothing_is_removed_before_all_references_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let digests = nine(&open(&dir));
    let blobs = open(&dir);
    assert_eq!(blobs.stats().live, 0);
    assert!(blobs.refer(&digests[1]));
    assert!(!blobs.refer(&Digest::of(b"elsewhere")));
    assert_eq!((blobs.sweep().unwrap(), blobs.stats().segments), (0, 3));
    blobs.all_told();
    assert_eq!((blobs.sweep().unwrap(), blobs.stats().live), (1, 1));
    blobs.release(&digests[1]);
    assert_eq!((blobs.sweep().unwrap(), blobs.stats().segments), (1, 1));
}

#[test]
fn what_was_sealed_just_now_stays() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open_with_grace(&dir);
    let digests = nine(&blobs);
    for digest in &digests {
        blobs.release(digest);
    }
    assert_eq!(blobs.sweep().unwrap(), 0);
    drop(blobs);
    // The age outlives the process.
    set_age(&dir, 1, Duration::from_secs(3_700));
    let blobs = open_with_grace(&dir);
    assert_eq!(blobs.sweep().unwrap(), 1);
    assert!(blobs.contains(&digests[3]) && !blobs.contains(&digests[0]));
}

#[test]
fn a_seal_and_a_repeated_put_give_new_grace() {
    let dir = tempfile::tempdir().unwrap();
    let digests = nine(&open(&dir));
    for number in 1..=3 {
        set_age(&dir, number, Duration::from_secs(36_000));
    }
    let blobs = open_with_grace(&dir);
    assert_eq!(blobs.put(&noise(4, 1_000)).unwrap(), digests[4]);
    // Seals the third, whose last blob is ten hours old.
    blobs.put(&noise(9, 1_000)).unwrap();
    assert_eq!(blobs.sweep().unwrap(), 1);
    drop(blobs);
    let blobs = open_with_grace(&dir);
    assert_eq!(blobs.sweep().unwrap(), 0);
    assert!(blobs.contains(&digests[4]) && blobs.contains(&digests[8]));
    assert!(!blobs.contains(&digests[0]));
}

#[test]
fn a_time_in_the_future_keeps_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    drop(nine(&open(&dir)));
    let path = segment::path_of(&dir.path().join("blobs"), 1);
    let ahead = SystemTime::now() + Duration::from_secs(36_000);
    File::open(path).unwrap().set_modified(ahead).unwrap();
    let blobs = open(&dir);
    blobs.all_told();
    assert_eq!(blobs.sweep().unwrap(), 1);
    assert!(dir.path().join("blobs/00000001.seg").exists());
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    let contents: Vec<Vec<u8>> = (0..4).map(|n| noise(n, 100)).collect();
    let digests: Vec<Digest> = contents.iter().map(|c| blobs.put(c).unwrap()).collect();
    let path = dir.path().join("blobs/00000001.seg");
    drop(blobs);
    let whole = fs::read(&path).unwrap();
    let record = segment::RECORD_HEADER + 100;
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let blobs = open(&dir);
        let kept = cut.saturating_sub(16) / record;
        for (n, digest) in digests.iter().enumerate() {
            let expected = (n < kept).then(|| contents[n].clone());
            assert_eq!(blobs.get(digest).unwrap(), expected, "cut at {cut}");
        }
        assert_eq!(blobs.stats().damaged, 0);
        let next = blobs.put(b"next").unwrap();
        drop(blobs);
        assert_eq!(open(&dir).get(&next).unwrap().unwrap(), b"next");
    }
}

#[test]
fn damage_is_reported_and_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    let digests: Vec<Digest> = (0..9).map(|n| blobs.put(&noise(n, 1_000)).unwrap()).collect();
    drop(blobs);
    let record = segment::RECORD_HEADER + 1_000;
    let path = dir.path().join("blobs/00000001.seg");
    let whole = fs::read(&path).unwrap();
    // A body in a sealed segment: found when it is read.
    let mut content = whole.clone();
    content[16 + record + 500] ^= 1;
    fs::write(&path, &content).unwrap();
    let blobs = open(&dir);
    assert!(matches!(blobs.get(&digests[1]), Err(Error::DamagedBlob { .. })));
    assert!(blobs.get(&digests[0]).unwrap().is_some());
    assert!(blobs.get(&digests[2]).unwrap().is_some());
    drop(blobs);
    // A header: found at open, the next record is searched for.
    let mut content = whole.clone();
    content[16 + record + 10] ^= 1;
    fs::write(&path, &content).unwrap();
    let blobs = open(&dir);
    assert_eq!(blobs.stats().damaged, 1);
    assert_eq!(blobs.get(&digests[1]).unwrap(), None);
    assert!(blobs.get(&digests[2]).unwrap().is_some());
    drop(blobs);
    // In the active segment, with good records behind it, it is damage as well, not a torn tail.
    fs::write(&path, &whole).unwrap();
    let path = dir.path().join("blobs/00000003.seg");
    let mut content = fs::read(&path).unwrap();
    content[16 + 500] ^= 1;
    fs::write(&path, &content).unwrap();
    let blobs = open(&dir);
    assert_eq!(blobs.stats().damaged, 1);
    assert!(blobs.get(&digests[7]).unwrap().is_some());
}

#[test]
fn a_damaged_blob_is_replaced_by_the_same_one() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    let digests: Vec<Digest> = (0..9).map(|n| blobs.put(&noise(n, 1_000)).unwrap()).collect();
    assert!(blobs.refer(&digests[1]));
    let path = dir.path().join("blobs/00000001.seg");
    let mut content = fs::read(&path).unwrap();
    content[16 + segment::RECORD_HEADER + 1_000 + 500] ^= 1;
    fs::write(&path, &content).unwrap();
    assert!(blobs.contains(&digests[1]), "nobody has looked");
    assert!(matches!(blobs.get(&digests[1]), Err(Error::DamagedBlob { .. })));
    assert!(!blobs.contains(&digests[1]));
    let live = blobs.stats().live;
    assert_eq!(blobs.put(&noise(1, 1_000)).unwrap(), digests[1]);
    assert_eq!(blobs.get(&digests[1]).unwrap().unwrap(), noise(1, 1_000));
    // Its reference has moved along, and can be taken back.
    assert_eq!(blobs.stats().live, live);
    blobs.release(&digests[1]);
    assert_eq!(blobs.stats().live, live - 1);
    drop(blobs);
    assert_eq!(open(&dir).get(&digests[1]).unwrap().unwrap(), noise(1, 1_000));
}

#[test]
fn any_changed_byte_never_gives_wrong_content() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    let content = vec![b'a'; 300];
    let digest = blobs.put(&content).unwrap();
    let path = dir.path().join("blobs/00000001.seg");
    let whole = fs::read(&path).unwrap();
    for at in 16..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&path, &changed).unwrap();
        assert!(matches!(blobs.get(&digest), Err(Error::DamagedBlob { .. })), "byte {at}");
    }
}

#[test]
fn many_callers_share_the_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("blobs");
    let blobs = Blobs::open(&path, Options { durability: Durability::Fsync, ..options() }).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..8_u64 {
            let blobs = &blobs;
            scope.spawn(move || {
                for n in 0..20 {
                    let content = noise(caller * 100 + n, 300);
                    let digest = blobs.put(&content).unwrap();
                    blobs.sync().unwrap();
                    assert_eq!(blobs.get(&digest).unwrap().unwrap(), content);
                }
            });
        }
    });
    drop(blobs);
    assert_eq!((open(&dir).stats().blobs, open(&dir).stats().damaged), (160, 0));
}

#[test]
fn a_large_blob_is_refused_and_strange_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    let refused = blobs.put(&vec![0; BLOB_BYTES_MAX + 1]);
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    drop(blobs);
    fs::write(dir.path().join("blobs/notes.txt"), b"mine").unwrap();
    fs::write(dir.path().join("blobs/00000000.seg"), b"strange").unwrap();
    let blobs = open(&dir);
    assert_eq!(blobs.stats().damaged, 1);
    blobs.all_told();
    blobs.sweep().unwrap();
    assert_eq!(fs::read(dir.path().join("blobs/00000000.seg")).unwrap(), b"strange");
    assert!(dir.path().join("blobs/notes.txt").exists());
}
