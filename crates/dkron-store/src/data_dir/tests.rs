//! Bears T-45.
use std::collections::BTreeSet;

use super::*;
use crate::state::{Keyspace, Op};

fn options(id: u8) -> Options {
    Options { durability: Durability::None, ..Options::new([id; 16], "9.9.9") }
}

fn names(path: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(path).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_new_directory_keeps_its_identity() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b/data");
    let dir = DataDir::open(&path, Options::new([7; 16], "1.2.3\nshard = 9")).unwrap();
    assert_eq!((dir.node_id(), dir.shard()), ([7; 16], 0));
    drop(dir);
    let dir = DataDir::open(&path, options(8)).unwrap();
    assert_eq!((dir.node_id(), dir.shard()), ([7; 16], 0));
    assert_eq!(dir.created_by(), "1.2.3 shard = 9");
    assert_eq!(dir.path(), path);
    let text = fs::read_to_string(path.join("manifest")).unwrap();
    assert!(text.contains(&format!("node_id = {}\n", "07".repeat(16))), "{text}");
}

#[test]
fn parts_are_shared_and_come_back() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("data");
    let dir = DataDir::open(&path, options(1)).unwrap();
    assert!(Arc::ptr_eq(&dir.log().unwrap(), &dir.log().unwrap()));
    dir.log().unwrap().save_vote(b"v".to_vec()).unwrap();
    dir.state().unwrap().push(1, vec![Op::put(Keyspace::Meta, *b"k", *b"v")]).unwrap();
    let digest = dir.blobs().unwrap().put(b"blob").unwrap();
    drop(dir);
    let dir = DataDir::open(&path, options(1)).unwrap();
    assert_eq!(dir.log().unwrap().read_vote().unwrap(), b"v");
    assert_eq!(dir.state().unwrap().get(Keyspace::Meta, b"k").unwrap().unwrap(), b"v");
    assert_eq!(dir.blobs().unwrap().get(&digest).unwrap().unwrap(), b"blob");
}

#[test]
fn a_second_open_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("data");
    let first = DataDir::open(&path, options(1)).unwrap();
    let error = DataDir::open(&path, options(1)).err().unwrap();
    let pid = std::process::id().to_string();
    assert!(matches!(&error, Error::InUse { pid: found, .. } if *found == pid), "{error}");
    assert!(error.to_string().contains(&format!("in use by process {pid}")), "{error}");
    drop(first);
    DataDir::open(&path, options(1)).unwrap();
}

#[test]
fn a_foreign_directory_is_refused_and_untouched() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path();
    fs::write(path.join("thesis.txt"), b"years of work").unwrap();
    let error = DataDir::open(path, options(1)).err().unwrap();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("`thesis.txt`"), "{error}");
    assert_eq!(names(path), BTreeSet::from(["thesis.txt".to_string()]));

    fs::create_dir(path.join("raft")).unwrap();
    fs::write(path.join("raft/raft.db"), b"bolt").unwrap();
    let error = DataDir::open(path, options(1)).err().unwrap();
    assert!(error.to_string().contains("raft/raft.db"), "{error}");
    assert!(error.to_string().contains("/v1/restore"), "{error}");
    assert_eq!(names(path).len(), 2);
}

#[test]
fn what_a_crash_at_creation_leaves_is_no_obstacle() {
    let root = tempfile::tempdir().unwrap();
    for leftover in ["dkron.lock", "manifest.tmp", "lost+found"] {
        fs::write(root.path().join(leftover), b"").unwrap();
    }
    DataDir::open(root.path(), options(1)).unwrap();
}

#[test]
fn a_newer_or_broken_manifest_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("data");
    drop(DataDir::open(&path, options(1)).unwrap());
    let good = fs::read_to_string(path.join("manifest")).unwrap();
    let check = |text: &str, expected: &str| {
        fs::write(path.join("manifest"), text).unwrap();
        let error = DataDir::open(&path, options(1)).err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(&good.replace("format = 1", "format = 2"), "has format 2");
    check(&good.replace("format = 1", "format = x"), "`format` is not a number");
    check(&good.replace("node_id = 01", "node_id = é"), "`node_id` is not 32");
    check(&good.replace("shard = 0\n", ""), "`shard` is missing");
    check("", "first line");
    check("\0\0\0\0", "first line");
    fs::write(path.join("manifest"), good + "future = yes\n").unwrap();
    DataDir::open(&path, options(1)).unwrap();
}

#[test]
fn a_path_that_is_no_directory_is_named() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, b"").unwrap();
    let error = DataDir::open(&path, options(1)).err().unwrap();
    assert!(matches!(error, Error::NotADirectory { .. }), "{error}");
    let error = DataDir::open(&path.join("below"), options(1)).err().unwrap();
    assert!(error.to_string().contains("file` is not a directory"), "{error}");
}
