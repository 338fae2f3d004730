//! The tail of one output: in memory while it is small, in a file of its own once it is not.
//!
//! The file is a ring of as many bytes as are kept, so its size never exceeds the limit however
//! much is written. It has no name: when its owner dies, the system frees it.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Kept in memory of one output; beyond it a file takes over.
pub const MEMORY_BYTES: usize = 64 << 10;

static NAMES: AtomicU64 = AtomicU64::new(0);

/// See the module.
#[derive(Debug)]
pub struct Spool {
    limit: usize,
    directory: Option<Arc<Path>>,
    /// Bytes ever written, kept or not.
    total: u64,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Memory(VecDeque<u8>),
    /// The byte with the offset `n` stands at `n % limit`; the first `from` bytes are gone.
    File {
        file: File,
        from: u64,
    },
}

impl Spool {
    /// Keeps the last `limit` bytes; without a directory all of them in memory.
    #[must_use]
    pub fn new(limit: usize, directory: Option<Arc<Path>>) -> Self {
        Self { limit: limit.max(1), directory, total: 0, kept: Kept::Memory(VecDeque::new()) }
    }

    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes ever written.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The offset of the oldest byte that is kept.
    #[must_use]
    pub fn start(&self) -> u64 {
        match &self.kept {
            Kept::Memory(tail) => self.total - tail.len() as u64,
            Kept::File { from, .. } => self.total.saturating_sub(self.limit as u64).max(*from),
        }
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.total - self.start()).unwrap_or(self.limit)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory in use.
    #[must_use]
    pub fn memory(&self) -> usize {
        match &self.kept {
            Kept::Memory(tail) => tail.len(),
            Kept::File { .. } => 0,
        }
    }

    /// Appends; beyond `memory_max` bytes a file takes over. Where none can be written, as many of
    /// the last bytes as memory takes are kept.
    pub fn write(&mut self, bytes: &[u8], memory_max: usize) {
        if let Kept::Memory(tail) = &self.kept
            && self.directory.is_some()
            && self.limit > memory_max
            && tail.len() + bytes.len() > memory_max
        {
            self.spill();
        }
        if let Kept::File { file, .. } = &self.kept {
            if append(file, self.limit, self.total, bytes).is_ok() {
                self.total += bytes.len() as u64;
                return;
            }
            self.kept = Kept::Memory(VecDeque::new());
            self.directory = None;
            self.limit = self.limit.min(MEMORY_BYTES);
        }
        self.total += bytes.len() as u64;
        if let Kept::Memory(tail) = &mut self.kept {
            let kept = &bytes[bytes.len().saturating_sub(self.limit)..];
            let over = (tail.len() + kept.len()).saturating_sub(self.limit);
            tail.drain(..over);
            tail.extend(kept);
        }
    }

    /// Notes that bytes were lost before they came here; what was written until now is no longer
    /// the tail of anything.
    pub fn skip(&mut self, lost: u64) {
        if lost > 0 {
            self.total += lost;
            self.kept = Kept::Memory(VecDeque::new());
        }
    }

    /// At most `max` bytes from the offset `from`, or from the oldest that is kept, and the offset
    /// of the first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(&self, from: u64, max: usize) -> io::Result<(u64, Vec<u8>)> {
        let start = from.max(self.start()).min(self.total);
        let count = usize::try_from(self.total - start).unwrap_or(usize::MAX).min(max);
        match &self.kept {
            Kept::Memory(tail) => {
                let skipped = usize::try_from(start - self.start()).unwrap_or(usize::MAX);
                let (first, second) = tail.as_slices();
                let mut bytes = Vec::with_capacity(count);
                let head = first.get(skipped..).unwrap_or_default();
                bytes.extend_from_slice(&head[..count.min(head.len())]);
                let rest = second.get(skipped.saturating_sub(first.len())..).unwrap_or_default();
                bytes.extend_from_slice(&rest[..count - bytes.len()]);
                Ok((start, bytes))
            }
            Kept::File { file, .. } => {
                let mut bytes = vec![0; count];
                let (at, before_end) = place(start, self.limit);
                let (first, second) = bytes.split_at_mut(count.min(before_end));
                file.read_exact_at(first, at)?;
                file.read_exact_at(second, 0)?;
                Ok((start, bytes))
            }
        }
    }

    /// From memory into a file. If that fails, memory goes on within its own bound.
    fn spill(&mut self) {
        let (Kept::Memory(tail), Some(directory)) = (&self.kept, &self.directory) else { return };
        let from = self.total - tail.len() as u64;
        let spilled = nameless(directory).and_then(|file| {
            let (first, second) = tail.as_slices();
            append(&file, self.limit, from, first)?;
            append(&file, self.limit, from + first.len() as u64, second)?;
            Ok(file)
        });
        match spilled {
            Ok(file) => self.kept = Kept::File { file, from },
            Err(_) => {
                self.directory = None;
                self.limit = self.limit.min(MEMORY_BYTES);
            }
        }
    }
}

/// Where the byte with this offset stands in the ring, and how many fit before its end.
fn place(offset: u64, limit: usize) -> (u64, usize) {
    let at = offset % limit as u64;
    let before_end = limit - usize::try_from(at).expect("a remainder is below its divisor");
    (at, before_end)
}

fn append(file: &File, limit: usize, total: u64, bytes: &[u8]) -> io::Result<()> {
    let skipped = bytes.len().saturating_sub(limit);
    let kept = &bytes[skipped..];
    let (at, before_end) = place(total + skipped as u64, limit);
    let (first, second) = kept.split_at(kept.len().min(before_end));
    file.write_all_at(first, at)?;
    file.write_all_at(second, 0)
}

fn nameless(directory: &Path) -> io::Result<File> {
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!("{}-{number}", std::process::id()));
    let file =
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// Makes the directory of spools and removes what a crash between making a file and taking its
/// name away may have left.
///
/// # Errors
/// If it cannot be made.
pub fn prepare_directory(path: &Path) -> io::Result<Arc<Path>> {
    fs::create_dir_all(path)?;
    let left: Vec<PathBuf> = fs::read_dir(path)?.filter_map(|e| Some(e.ok()?.path())).collect();
    for file in left {
        // Somebody else's directory within ours is not for us to remove.
        let _ = fs::remove_file(file);
    }
    Ok(Arc::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(spool: &Spool) -> (u64, Vec<u8>) {
        spool.read(0, usize::MAX).unwrap()
    }

    /// Writes numbers in chunks of odd sizes and compares every window with the truth.
    fn check(limit: usize, directory: Option<Arc<Path>>, memory_max: usize) {
        let truth: Vec<u8> = (0..3_000u32).map(|n| (n * 7 % 251) as u8).collect();
        let mut spool = Spool::new(limit, directory);
        let (mut at, mut step) = (0, 1);
        while at < truth.len() {
            let end = truth.len().min(at + step);
            spool.write(&truth[at..end], memory_max);
            (at, step) = (end, step * 2 % 997 + 1);
            let start = at.saturating_sub(limit);
            assert_eq!(spool.start(), start as u64);
            assert_eq!(all(&spool), (start as u64, truth[start..at].to_vec()), "{limit} {at}");
            let middle = usize::midpoint(start, at);
            let piece = spool.read(middle as u64, 5).unwrap();
            assert_eq!(piece, (middle as u64, truth[middle..at.min(middle + 5)].to_vec()));
        }
        assert_eq!(spool.read(1 << 40, 5).unwrap(), (3_000, Vec::new()));
    }

    /// Bears T-50.
    #[test]
    fn memory_and_file_keep_the_same_tail() {
        let dir = tempfile::tempdir().unwrap();
        for limit in [1, 7, 64, 500, 2_999, 3_000, 5_000] {
            check(limit, None, 64);
            check(limit, Some(Arc::from(dir.path())), 64);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "files have no names");
    }

    #[test]
    fn without_room_for_a_file_the_end_stays_in_memory() {
        let mut spool = Spool::new(1 << 20, Some(Arc::from(Path::new("/no/such/directory"))));
        spool.write(&vec![b'a'; 60 << 10], MEMORY_BYTES);
        spool.write(&vec![b'b'; 60 << 10], MEMORY_BYTES);
        assert_eq!((spool.len(), spool.total()), (MEMORY_BYTES, 120 << 10));
        assert!(all(&spool).1.ends_with(b"bb"));
    }

    #[test]
    fn a_gap_makes_the_former_bytes_count_as_lost() {
        let mut spool = Spool::new(8, None);
        spool.write(b"abc", 8);
        spool.skip(0);
        assert_eq!(all(&spool), (0, b"abc".to_vec()));
        spool.skip(10);
        spool.write(b"z", 8);
        assert_eq!(all(&spool), (13, b"z".to_vec()));
    }

    #[test]
    fn leftovers_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        prepare_directory(&path).unwrap();
        fs::write(path.join("1-2"), "x").unwrap();
        prepare_directory(&path).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }
}
