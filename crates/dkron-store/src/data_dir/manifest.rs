//! What a data directory says about itself: a few lines of `name = value`.
//!
//! Lines that this version doesn't know are kept out of the way of older and newer ones: they are
//! ignored. What changes the meaning of the directory raises `format`.

use std::path::Path;

use crate::Error;

/// The newest layout this version reads and writes.
pub(super) const FORMAT: u32 = 1;
const TITLE: &str = "dkron data directory";

/// Invariant: written once, when the directory is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) format: u32,
    pub(super) node_id: [u8; 16],
    pub(super) shard: u32,
    pub(super) created_by: String,
}

impl Manifest {
    pub(super) fn to_text(&self) -> String {
        let id: String = self.node_id.iter().map(|byte| format!("{byte:02x}")).collect();
        // A line break would begin a line of its own.
        let by = self.created_by.replace(char::is_control, " ");
        let (format, shard) = (self.format, self.shard);
        format!("{TITLE}\nformat = {format}\nnode_id = {id}\nshard = {shard}\ncreated_by = {by}\n")
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Manifest, Error> {
        let bad = |reason: String| Error::Manifest { path: path.to_path_buf(), reason };
        if text.lines().next() != Some(TITLE) {
            return Err(bad(format!("its first line is not `{TITLE}`")));
        }
        let field = |name: &str| {
            let value = text.lines().skip(1).find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == name).then(|| value.trim().to_string())
            });
            value.ok_or_else(|| bad(format!("`{name}` is missing")))
        };
        let number = |name: &str| {
            let value = field(name)?;
            value.parse::<u32>().map_err(|_| bad(format!("`{name}` is not a number: `{value}`")))
        };
        let format = number("format")?;
        if format > FORMAT {
            let path = path.parent().unwrap_or(path).to_path_buf();
            return Err(Error::TooNew { path, found: format, known: FORMAT });
        }
        let id = field("node_id")?;
        let node_id = parse_id(&id)
            .ok_or_else(|| bad(format!("`node_id` is not 32 hexadecimal digits: `{id}`")))?;
        let (shard, created_by) = (number("shard")?, field("created_by")?);
        Ok(Manifest { format, node_id, shard, created_by })
    }
}

fn parse_id(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut id = [0; 16];
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(id)
}
