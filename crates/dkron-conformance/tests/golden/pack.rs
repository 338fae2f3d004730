//! A folder as one compressed file: for each file the length of its name, the name, the length of
//! the file, the length of what is not zero at its end, and that; numbers are little-endian.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

const LEVEL: i32 = 19;
/// LIMIT: bytes of all files but for the zeros at their ends.
const MOST: usize = 256 << 20;
/// What only a living process needs.
const LIVING: [&str; 2] = ["dkron.lock", "runner.sock"];

pub fn pack(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    add(folder, folder, &mut bytes)?;
    Ok(zstd::bulk::compress(&bytes, LEVEL)?)
}

fn add(root: &Path, folder: &Path, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            add(root, &path, bytes)?;
            continue;
        }
        let name = path.strip_prefix(root)?.to_str().context("a name of plain text")?;
        if !kind.is_file() || LIVING.contains(&name) {
            continue;
        }
        let mut content = fs::read(&path)?;
        let len = content.len();
        content.truncate(content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        for number in [name.len(), len, content.len()] {
            bytes.extend_from_slice(&(number as u64).to_le_bytes());
        }
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&content);
    }
    Ok(())
}

pub fn unpack(packed: &[u8], folder: &Path) -> anyhow::Result<()> {
    let bytes = zstd::bulk::decompress(packed, MOST)?;
    let mut rest = bytes.as_slice();
    fs::create_dir_all(folder)?;
    while !rest.is_empty() {
        let (name_len, len, kept) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
        let path = folder.join(std::str::from_utf8(take(&mut rest, name_len)?)?);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        let mut file = File::create(&path)?;
        file.write_all(take(&mut rest, kept)?)?;
        file.set_len(len)?;
    }
    Ok(())
}

fn number(rest: &mut &[u8]) -> anyhow::Result<u64> {
    Ok(u64::from_le_bytes(take(rest, 8)?.try_into()?))
}

fn take<'a>(rest: &mut &'a [u8], len: u64) -> anyhow::Result<&'a [u8]> {
    let len = usize::try_from(len)?;
    ensure!(len <= rest.len(), "the packed folder ends too early");
    let (taken, after) = rest.split_at(len);
    *rest = after;
    Ok(taken)
}
