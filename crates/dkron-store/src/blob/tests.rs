use super::*;

fn options() -> Options {
    Options { durability: Durability::None, segment_bytes: 4_096 }
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

#[test]
fn a_segment_goes_when_its_last_blob_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    blobs.retain([]).unwrap();
    let digests: Vec<Digest> = (0..9).map(|n| blobs.put(&noise(n, 1_000)).unwrap()).collect();
    assert_eq!(blobs.stats().segments, 3);
    blobs.put(&noise(0, 1_000)).unwrap();
    for digest in &digests[..3] {
        blobs.release(digest).unwrap();
    }
    // The first is referred to twice.
    assert_eq!(blobs.stats().segments, 3);
    blobs.release(&digests[0]).unwrap();
    assert_eq!((blobs.stats().segments, blobs.stats().blobs), (2, 6));
    assert_eq!(blobs.get(&digests[1]).unwrap(), None);
    assert!(blobs.get(&digests[3]).unwrap().is_some());
    // The active one stays even when it is empty of living blobs.
    for digest in &digests[6..] {
        blobs.release(digest).unwrap();
        blobs.release(digest).unwrap();
    }
    assert_eq!(blobs.stats().segments, 2);
    // A released blob that is still there lives again by the next put.
    assert_eq!(blobs.put(&noise(8, 1_000)).unwrap(), digests[8]);
    assert!(blobs.get(&digests[8]).unwrap().is_some());
}

#[test]
fn nothing_is_removed_before_references_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = open(&dir);
    let digests: Vec<Digest> = (0..9).map(|n| blobs.put(&noise(n, 1_000)).unwrap()).collect();
    drop(blobs);
    let blobs = open(&dir);
    let fresh = blobs.put(&noise(4, 1_000)).unwrap();
    blobs.release(&fresh).unwrap();
    assert_eq!(blobs.stats().segments, 3);
    let told = blobs.retain([digests[1], digests[1], Digest::of(b"elsewhere")]).unwrap();
    assert_eq!(told, Retained { live: 1, missing: 1, segments_removed: 1 });
    blobs.release(&digests[1]).unwrap();
    assert_eq!(blobs.stats().segments, 2);
    blobs.release(&digests[1]).unwrap();
    assert_eq!(blobs.stats().segments, 1);
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
    blobs.retain([]).unwrap();
    assert_eq!(fs::read(dir.path().join("blobs/00000000.seg")).unwrap(), b"strange");
    assert!(dir.path().join("blobs/notes.txt").exists());
}
