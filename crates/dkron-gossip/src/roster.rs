//! The members of last time, on disk: where to look for the others after a restart.
//!
//! ```text
//!   dkron roster 1
//!   <id, 16 hex digits> <address:port> <name>
//! ```
//! It is a memory, no truth: a file that can not be read is passed over.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::error::Error;

const HEAD: &str = "dkron roster 1";
/// LIMIT: members in the file; the others are left out.
const MEMBERS_MOST: usize = 1024;

pub(crate) type Line = (u64, String, SocketAddr);

pub(crate) fn read(path: &Path) -> Vec<SocketAddr> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the last roster can not be read");
            return Vec::new();
        }
    };
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        tracing::warn!(path = %path.display(), "the last roster is of another version or damaged");
        return Vec::new();
    }
    let address = |line: &str| line.split(' ').nth(1)?.parse().ok();
    lines.filter_map(address).take(MEMBERS_MOST).collect()
}

/// The old file or the new one is there, never a part.
pub(crate) fn write(path: &Path, lines: &[Line]) -> Result<(), Error> {
    let mut text = format!("{HEAD}\n");
    for (id, name, address) in lines.iter().take(MEMBERS_MOST) {
        text.push_str(&format!("{id:016x} {address} {}\n", name.replace(['\r', '\n'], " ")));
    }
    let mut beside = path.to_path_buf().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| std::fs::rename(&beside, path));
    renamed.map_err(|source| Error::Roster { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("roster");
        assert_eq!(read(&path), []);
        let lines = [
            (1, "a".to_owned(), "10.0.0.1:8946".parse().unwrap()),
            (u64::MAX, "b c\nd".to_owned(), "[fd00::1]:9".parse().unwrap()),
        ];
        write(&path, &lines).unwrap();
        assert_eq!(read(&path), [lines[0].2, lines[1].2]);
        std::fs::write(&path, format!("{HEAD}\nnothing\n0 10.0.0.3:1 x\n")).unwrap();
        assert_eq!(read(&path), ["10.0.0.3:1".parse().unwrap()]);
        std::fs::write(&path, "something else\n0 10.0.0.3:1 x\n").unwrap();
        assert_eq!(read(&path), []);
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read(&path), []);
    }
}
