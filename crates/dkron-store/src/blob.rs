//! Large outputs, named by their content, in segment files that only grow.
//!
//! A segment that nobody refers to goes as a whole; nothing is ever moved. Who refers to a blob is
//! told by one caller, by `refer` and `release`; until it has said `all_told`, nothing is removed.
//! To put a blob is no reference: whoever puts it has the grace to get it referred to.
//!
//! `put` hands the blob to the system, `sync` makes all blobs put before it durable; many callers
//! share one fsync. What a blob says, or whose output it is, it doesn't know.

mod digest;
#[cfg(test)]
mod faults;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::files::{self, Writer};
use crate::{Durability, Error, durable};
pub use digest::Digest;
pub use segment::BLOB_BYTES_MAX;
use segment::{FILE_HEADER, Place};

#[derive(Clone, Debug)]
pub struct Options {
    pub durability: Durability,
    /// A segment of this size takes no more blobs; at most 1 GiB.
    pub segment_bytes: u64,
    /// A sealed segment stays that long even if nobody refers to it: an output is put first, and
    /// the report that refers to it is still on its way.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            durability: Durability::Fsync,
            segment_bytes: 64 << 20,
            grace: Duration::from_secs(3_600),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub blobs: usize,
    /// Blobs that somebody refers to.
    pub live: usize,
    pub segments: usize,
    pub bytes_on_disk: u64,
    /// Damaged places found at open.
    pub damaged: usize,
}

pub struct Blobs {
    dir: PathBuf,
    options: Options,
    inner: Mutex<Inner>,
    synced: Condvar,
}

struct Inner {
    index: HashMap<Digest, Blob>,
    segments: BTreeMap<u32, Segment>,
    active: u32,
    file: Arc<Writer>,
    syncing: bool,
    all_told: bool,
    damaged: usize,
    /// After a failed fsync nobody knows what is on the disk.
    failed: Option<String>,
}

struct Blob {
    place: Place,
    references: u32,
    /// It could not be read: it counts as not here until it is put once more.
    is_damaged: bool,
}

#[derive(Default)]
struct Segment {
    end: u64,
    synced: u64,
    /// Blobs with a reference.
    live: usize,
    /// When it was sealed, or a blob in it was put once more; none while it is active. The file's
    /// time of change says the same, for the next start.
    used_at: Option<SystemTime>,
}

impl Blobs {
    pub fn open(dir: &Path, options: Options) -> Result<Blobs, Error> {
        durable::create_dir(dir, options.durability)?;
        let options = Options { segment_bytes: options.segment_bytes.min(1 << 30), ..options };
        let mut numbers = Vec::new();
        for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
            let entry = entry.map_err(Error::io("list", dir))?;
            numbers.extend(segment::number_of(&entry.path()));
        }
        numbers.sort_unstable();
        let active = numbers.last().copied().unwrap_or(1);
        let mut inner = Inner {
            index: HashMap::new(),
            segments: BTreeMap::new(),
            active,
            file: Arc::new(open_file(&segment::path_of(dir, active))?),
            syncing: false,
            all_told: false,
            damaged: 0,
            failed: None,
        };
        for number in numbers.into_iter().filter(|number| *number != active) {
            inner.load_sealed(dir, number)?;
        }
        inner.load_active(dir, options.durability)?;
        Ok(Blobs {
            dir: dir.to_path_buf(),
            options,
            inner: Mutex::new(inner),
            synced: Condvar::new(),
        })
    }

    /// Stores a blob, or finds it. Durable after the next `sync`; it stays at least for half the
    /// grace without a reference.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        if self.renew(&mut self.lock(), &digest) {
            return Ok(digest);
        }
        let record = segment::encode(&digest, bytes)?;
        let len = record.len() as u64;
        let mut inner = loop {
            let mut inner = self.lock();
            // Somebody else may have stored it while the lock was not held.
            if self.renew(&mut inner, &digest) {
                return Ok(digest);
            }
            inner.check()?;
            let end = inner.active_segment().end;
            if end == FILE_HEADER || end + len <= self.options.segment_bytes {
                break inner;
            }
            drop(self.rotate(inner)?);
        };
        let (number, offset) = (inner.active, inner.active_segment().end);
        if let Err(error) = inner.file.write_all_at(&record, offset) {
            // Half a record would only be cut at the next open; room may be scarce before that.
            let _ = inner.file.set_len(offset);
            return Err(Error::io("write", &segment::path_of(&self.dir, number))(error));
        }
        inner.active_segment().end += len;
        let place = Place {
            segment: number,
            offset: u32::try_from(offset).expect("a segment is at most 1 GiB before a blob"),
            stored: u32::try_from(record.len() - segment::RECORD_HEADER).expect("a blob is small"),
        };
        inner.keep(digest, place);
        Ok(digest)
    }

    /// Makes every blob durable that was put before this call.
    pub fn sync(&self) -> Result<(), Error> {
        let mut inner = self.lock();
        let (number, end) = (inner.active, inner.active_segment().end);
        loop {
            inner.check()?;
            // A segment that is not active any more was synced when it was sealed.
            if inner.active != number || inner.active_segment().synced >= end {
                return Ok(());
            }
            inner = if inner.syncing { self.wait(inner) } else { self.sync_active(inner)? };
        }
    }

    /// The blob, checked; none if it is not here.
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let Some(place) = self.lock().index.get(digest).map(|blob| blob.place) else {
            return Ok(None);
        };
        let path = segment::path_of(&self.dir, place.segment);
        let len = usize::try_from(place.len()).expect("a blob is small");
        let mut record = vec![0; len];
        let read = File::open(&path)
            .and_then(|file| file.read_exact_at(&mut record, u64::from(place.offset)));
        match read {
            Ok(()) => {}
            // Its segment may just have been removed.
            Err(_) if !self.contains(digest) => return Ok(None),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => record.clear(),
            Err(e) => return Err(Error::io("read", &path)(e)),
        }
        if let Some(bytes) = segment::decode(&record, digest) {
            return Ok(Some(bytes));
        }
        if let Some(blob) = self.lock().index.get_mut(digest).filter(|blob| blob.place == place) {
            blob.is_damaged = true;
        }
        Err(Error::DamagedBlob { digest: *digest })
    }

    /// Whether it is here, as far as is known without reading it.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.lock().index.get(digest).is_some_and(|blob| !blob.is_damaged)
    }

    /// Counts a reference; false if the blob is not here.
    pub fn refer(&self, digest: &Digest) -> bool {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Some(blob) = inner.index.get_mut(digest) else {
            return false;
        };
        blob.references += 1;
        if blob.references == 1
            && let Some(segment) = inner.segments.get_mut(&blob.place.segment)
        {
            segment.live += 1;
        }
        true
    }

    /// Takes one reference back; `sweep` removes what nobody refers to.
    pub fn release(&self, digest: &Digest) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let blob = inner.index.get_mut(digest);
        let Some(blob) = blob.filter(|blob| blob.references > 0) else { return };
        blob.references -= 1;
        if blob.references == 0
            && let Some(segment) = inner.segments.get_mut(&blob.place.segment)
        {
            segment.live -= 1;
        }
    }

    /// Says that every reference from before the start has been told; from now on `sweep` removes.
    pub fn all_told(&self) {
        self.lock().all_told = true;
    }

    /// Removes sealed segments that nobody refers to and whose grace is over; tells how many.
    pub fn sweep(&self) -> Result<usize, Error> {
        let dead = self.lock().forget_dead(SystemTime::now(), self.options.grace);
        // Nobody waits for the disk here. A file that stays is found again at the next open.
        let mut failed = None;
        for number in &dead {
            let path = segment::path_of(&self.dir, *number);
            match files::remove(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => failed = Some(Error::io("remove", &path)(error)),
            }
        }
        failed.map_or(Ok(dead.len()), Err)
    }

    pub fn stats(&self) -> Stats {
        let inner = self.lock();
        Stats {
            blobs: inner.index.len(),
            live: inner.segments.values().map(|segment| segment.live).sum(),
            segments: inner.segments.len(),
            bytes_on_disk: inner.segments.values().map(|segment| segment.end).sum(),
            damaged: inner.damaged,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        self.synced.wait(inner).unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the blob is here already. It will be referred to anew: its segment gets new grace,
    /// not each time, because that touches the file.
    fn renew(&self, inner: &mut Inner, digest: &Digest) -> bool {
        let blob = inner.index.get(digest).filter(|blob| !blob.is_damaged);
        let Some(number) = blob.map(|blob| blob.place.segment) else { return false };
        let (now, half) = (SystemTime::now(), self.options.grace / 2);
        if let Some(segment) = inner.segments.get_mut(&number)
            && segment.unused_for(half, now)
        {
            segment.used_at = Some(now);
            let path = segment::path_of(&self.dir, number);
            mark_used(&path, now);
        }
        true
    }

    /// One fsync for all who wait, without holding the lock meanwhile.
    fn sync_active<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
    ) -> Result<MutexGuard<'a, Inner>, Error> {
        inner.syncing = true;
        let (number, end) = (inner.active, inner.active_segment().end);
        let file = Arc::clone(&inner.file);
        drop(inner);
        let outcome = match self.options.durability {
            Durability::Fsync => file.sync(),
            Durability::None => Ok(()),
        };
        let mut inner = self.lock();
        inner.syncing = false;
        self.synced.notify_all();
        match outcome {
            Ok(()) => {
                let segment = inner.active_segment();
                segment.synced = segment.synced.max(end);
                Ok(inner)
            }
            Err(error) => {
                inner.failed = Some(error.to_string());
                Err(Error::io("sync", &segment::path_of(&self.dir, number))(error))
            }
        }
    }

    /// Seals the active segment and begins the next one.
    fn rotate<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
    ) -> Result<MutexGuard<'a, Inner>, Error> {
        let number = inner.active;
        while inner.syncing {
            inner = self.wait(inner);
        }
        inner.check()?;
        if inner.active != number {
            return Ok(inner);
        }
        if self.options.durability == Durability::Fsync
            && let Err(error) = inner.file.sync()
        {
            inner.failed = Some(error.to_string());
            return Err(Error::io("sync", &segment::path_of(&self.dir, number))(error));
        }
        let now = SystemTime::now();
        inner.active_segment().used_at = Some(now);
        mark_used(&segment::path_of(&self.dir, number), now);
        let next = number + 1;
        let file = open_file(&segment::path_of(&self.dir, next))?;
        begin(&self.dir, &file, next, self.options.durability)?;
        inner.file = Arc::new(file);
        inner.active = next;
        inner.segments.insert(next, Segment { end: FILE_HEADER, ..Segment::default() });
        Ok(inner)
    }
}

impl Inner {
    fn active_segment(&mut self) -> &mut Segment {
        self.segments.entry(self.active).or_default()
    }

    /// Notes where a blob is. Who referred to a damaged one refers to this one.
    fn keep(&mut self, digest: Digest, place: Place) {
        let blob = Blob { place, references: 0, is_damaged: false };
        let Some(former) = self.index.insert(digest, blob) else { return };
        if former.references == 0 {
            return;
        }
        self.index.entry(digest).and_modify(|blob| blob.references = former.references);
        if let Some(segment) = self.segments.get_mut(&former.place.segment) {
            segment.live -= 1;
        }
        if let Some(segment) = self.segments.get_mut(&place.segment) {
            segment.live += 1;
        }
    }

    fn check(&self) -> Result<(), Error> {
        match &self.failed {
            Some(reason) => {
                Err(Error::Stopped { what: "the output store", reason: reason.clone() })
            }
            None => Ok(()),
        }
    }

    /// Takes the segments out of the index that may go; their files are the caller's to remove.
    fn forget_dead(&mut self, now: SystemTime, grace: Duration) -> BTreeSet<u32> {
        if !self.all_told {
            return BTreeSet::new();
        }
        let active = self.active;
        let is_dead = |(number, segment): (&u32, &Segment)| {
            *number != active && segment.live == 0 && segment.unused_for(grace, now)
        };
        let dead: BTreeSet<u32> = self
            .segments
            .iter()
            .filter(|entry| is_dead(*entry))
            .map(|(number, _)| *number)
            .collect();
        if !dead.is_empty() {
            self.segments.retain(|number, _| !dead.contains(number));
            self.index.retain(|_, blob| !dead.contains(&blob.place.segment));
        }
        dead
    }

    fn load_sealed(&mut self, dir: &Path, number: u32) -> Result<(), Error> {
        let path = segment::path_of(dir, number);
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let found = segment::scan(&file, number, false).map_err(Error::io("read", &path))?;
        let metadata = file.metadata().map_err(Error::io("read", &path))?;
        let Some(found) = found else {
            self.damaged += 1;
            tracing::error!(path = %path.display(), "not a whole segment of outputs, left alone");
            return Ok(());
        };
        self.take(&path, number, found, metadata.len());
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.used_at = metadata.modified().ok();
        }
        Ok(())
    }

    fn load_active(&mut self, dir: &Path, durability: Durability) -> Result<(), Error> {
        let (path, number) = (segment::path_of(dir, self.active), self.active);
        let file = Arc::clone(&self.file);
        // Only here a write can have been torn, in whatever order its pages reached the disk.
        let found = segment::scan(&file.file, number, true).map_err(Error::io("read", &path))?;
        let len = file.file.metadata().map_err(Error::io("read", &path))?.len();
        let Some(found) = found else {
            if len > FILE_HEADER {
                return Err(Error::DamagedRecord { name: "header", path });
            }
            begin(dir, &file, number, durability)?;
            self.segments.insert(number, Segment { end: FILE_HEADER, ..Segment::default() });
            return Ok(());
        };
        let end = found.end;
        if end < len {
            tracing::warn!(path = %path.display(), bytes = len - end, "cut a torn output");
            file.set_len(end).map_err(Error::io("cut", &path))?;
            if durability == Durability::Fsync {
                file.sync().map_err(Error::io("sync", &path))?;
            }
        }
        self.take(&path, number, found, end);
        Ok(())
    }

    fn take(&mut self, path: &Path, number: u32, found: segment::Found, len: u64) {
        let damaged = found.damaged + usize::from(found.end < len);
        if damaged > 0 {
            self.damaged += damaged;
            tracing::error!(path = %path.display(), damaged, "outputs are damaged on disk");
        }
        for (digest, place) in found.blobs {
            self.index.insert(digest, Blob { place, references: 0, is_damaged: false });
        }
        self.segments.insert(number, Segment { end: len, ..Segment::default() });
    }
}

impl Segment {
    /// A time in the future, left by a wrong clock, only means that it stays longer.
    fn unused_for(&self, span: Duration, now: SystemTime) -> bool {
        self.used_at.and_then(|at| at.checked_add(span)).is_some_and(|until| until <= now)
    }
}

/// A failure costs some grace after the next start, nothing else.
fn mark_used(path: &Path, now: SystemTime) {
    if let Err(error) = File::open(path).and_then(|file| file.set_modified(now)) {
        tracing::warn!(path = %path.display(), %error, "the time of a segment cannot be set");
    }
}

fn begin(dir: &Path, file: &Writer, number: u32, durability: Durability) -> Result<(), Error> {
    let path = segment::path_of(dir, number);
    file.set_len(0).map_err(Error::io("begin", &path))?;
    file.write_all_at(&segment::file_header(number), 0).map_err(Error::io("begin", &path))?;
    if durability == Durability::Fsync {
        file.sync().map_err(Error::io("sync", &path))?;
        durable::sync_dir(dir)?;
    }
    Ok(())
}

fn open_file(path: &Path) -> Result<Writer, Error> {
    Writer::open(path).map_err(Error::io("open", path))
}
