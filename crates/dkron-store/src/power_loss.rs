//! For tests: a record of file operations, faults at each of them, and the directories that a
//! power loss between any two of them could leave.
//!
//! What is taken for granted of a disk: what was synced is there. Of everything else any subset
//! may have arrived, in any order: each write whole, torn at any sector or byte, or not at all;
//! each new length; each name that was made, moved or removed without a sync of its directory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create(PathBuf),
    Write(PathBuf, u64, Vec<u8>),
    SetLen(PathBuf, u64),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
}

/// From which operation on which error is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Full,
    Broken,
}

#[derive(Default)]
struct Recorder {
    ops: Vec<Op>,
    fault: Option<(usize, Fault)>,
}

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Called before each operation of this thread.
pub(crate) fn note(op: Op) -> io::Result<()> {
    RECORDER.with_borrow_mut(|recorder| {
        let Some(recorder) = recorder else { return Ok(()) };
        let at = recorder.ops.len();
        let needs_room = matches!(op, Op::Create(_) | Op::Write(..) | Op::Rename(..));
        recorder.ops.push(op);
        match recorder.fault {
            Some((from, Fault::Broken)) if at >= from => Err(io::Error::from_raw_os_error(5)),
            Some((from, Fault::Full)) if at >= from && needs_room => {
                Err(io::Error::from_raw_os_error(28))
            }
            _ => Ok(()),
        }
    })
}

/// Records from now on, and lets operations fail from the given one on.
pub(crate) fn begin(fault: Option<(usize, Fault)>) {
    RECORDER.set(Some(Recorder { ops: Vec::new(), fault }));
}

/// Nothing fails any more.
pub(crate) fn heal() {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.fault = None;
        }
    });
}

pub(crate) fn len() -> usize {
    RECORDER.with_borrow(|recorder| recorder.as_ref().map_or(0, |recorder| recorder.ops.len()))
}

/// What was recorded since `begin`.
pub(crate) fn end() -> Vec<Op> {
    RECORDER.take().map_or(Vec::new(), |recorder| recorder.ops)
}

pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99_991);
        (self.0 >> 33) % sides
    }

    pub(crate) fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.roll(sides as u64)).expect("below an index")
    }
}

#[derive(Default)]
struct Inode {
    durable: Vec<u8>,
    pending: Vec<Op>,
}

#[derive(Default)]
struct Disk {
    inodes: Vec<Inode>,
    /// As a running process sees them.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// A name that was made or moved with its file, or removed.
    pending_names: Vec<(PathBuf, Option<usize>)>,
}

impl Disk {
    fn take(&mut self, op: &Op) {
        match op {
            Op::Create(path) => {
                self.inodes.push(Inode::default());
                self.name(path, Some(self.inodes.len() - 1));
            }
            Op::Write(path, ..) | Op::SetLen(path, _) => {
                let inode = self.names[path];
                self.inodes[inode].pending.push(op.clone());
            }
            Op::Sync(path) => {
                let inode = &mut self.inodes[self.names[path]];
                for op in std::mem::take(&mut inode.pending) {
                    arrive(&mut inode.durable, &op, None);
                }
            }
            Op::Rename(from, to) => {
                let inode = self.names[from];
                self.name(to, Some(inode));
                self.name(from, None);
            }
            Op::Remove(path) => self.name(path, None),
            Op::SyncDir(dir) => {
                let (synced, rest) = std::mem::take(&mut self.pending_names)
                    .into_iter()
                    .partition(|(path, _)| path.parent() == Some(dir));
                self.pending_names = rest;
                let synced: Vec<_> = synced;
                synced.into_iter().for_each(|(path, to)| set(&mut self.durable_names, path, to));
            }
        }
    }

    fn name(&mut self, path: &Path, to: Option<usize>) {
        set(&mut self.names, path.to_path_buf(), to);
        self.pending_names.push((path.to_path_buf(), to));
    }

    fn crash(mut self, dice: &mut Dice) -> BTreeMap<PathBuf, Vec<u8>> {
        // None, few, most or all of what was not synced.
        let keep = dice.roll(5);
        for (path, to) in std::mem::take(&mut self.pending_names) {
            if dice.roll(4) < keep {
                set(&mut self.durable_names, path, to);
            }
        }
        for inode in &mut self.inodes {
            for op in std::mem::take(&mut inode.pending) {
                if dice.roll(4) < keep {
                    let torn = (dice.roll(2) == 0).then_some(&mut *dice);
                    arrive(&mut inode.durable, &op, torn);
                }
            }
        }
        let content = |inode: &usize| self.inodes[*inode].durable.clone();
        self.durable_names.iter().map(|(path, inode)| (path.clone(), content(inode))).collect()
    }
}

fn set(names: &mut BTreeMap<PathBuf, usize>, path: PathBuf, to: Option<usize>) {
    match to {
        Some(inode) => names.insert(path, inode),
        None => names.remove(&path),
    };
}

/// An operation reaches the disk; a torn write with some of its sectors, or up to some byte.
fn arrive(content: &mut Vec<u8>, op: &Op, torn: Option<&mut Dice>) {
    let (at, bytes) = match op {
        Op::SetLen(_, len) => {
            return content.resize(usize::try_from(*len).expect("a test file is small"), 0);
        }
        Op::Write(_, at, bytes) => (usize::try_from(*at).expect("a test file is small"), bytes),
        _ => return,
    };
    let end = at + bytes.len();
    let mut put = |from: usize, bytes: &[u8]| {
        if content.len() < from + bytes.len() {
            content.resize(from + bytes.len(), 0);
        }
        content[from..from + bytes.len()].copy_from_slice(bytes);
    };
    let Some(dice) = torn else { return put(at, bytes) };
    if dice.roll(2) == 0 {
        return put(at, &bytes[..dice.below(bytes.len() + 1)]);
    }
    // Sectors of the file, not of the write.
    let mut from = at;
    while from < end {
        let to = ((from / 512 + 1) * 512).min(end);
        if dice.roll(2) == 0 {
            put(from, &bytes[from - at..to - at]);
        }
        from = to;
    }
}

/// What a power loss after these operations, on an empty directory, could leave in it.
pub(crate) fn crash(ops: &[Op], dice: &mut Dice) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut disk = Disk::default();
    ops.iter().for_each(|op| disk.take(op));
    disk.crash(dice)
}

/// Writes these files, and no others, into a directory; paths are taken from `from` to `to`.
pub(crate) fn lay_out(files: &BTreeMap<PathBuf, Vec<u8>>, from: &Path, to: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).unwrap();
    }
    std::fs::create_dir_all(to).unwrap();
    for (path, content) in files {
        let path = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}
