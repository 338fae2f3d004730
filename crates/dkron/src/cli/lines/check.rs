//! Whether lines of an export are whole: counted and summed up as they pass.

use std::fmt;

use anyhow::bail;
use serde::Serialize;
use serde_json::Value;

const BEGIN: &[u8] = b"{\"export\":";
const END: &[u8] = b"{\"end\":";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub jobs: u64,
    pub executions: u64,
    /// Without a head nobody knows whether they are all.
    pub checked: bool,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} jobs, {} executions", self.jobs, self.executions)
    }
}

/// Takes the bytes in pieces of any size.
#[derive(Default)]
pub struct Checker {
    line: Vec<u8>,
    lines: u64,
    counts: Counts,
    sum: crc32fast::Hasher,
    end: Option<Value>,
}

impl Checker {
    pub fn piece(&mut self, mut piece: &[u8]) -> anyhow::Result<()> {
        while let Some(at) = piece.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&piece[..at]);
            piece = &piece[at + 1..];
            self.take()?;
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    fn take(&mut self) -> anyhow::Result<()> {
        self.lines += 1;
        let line = std::mem::take(&mut self.line);
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if self.end.is_some() {
            bail!("line {}: there is more behind the end of the export", self.lines);
        }
        if line.starts_with(END) {
            let value: Value = serde_json::from_slice(&line)?;
            self.end = Some(value["end"].clone());
            return Ok(());
        }
        self.sum.update(&line);
        self.sum.update(b"\n");
        if line.starts_with(BEGIN) {
            self.counts.checked = true;
        } else if line.starts_with(b"{\"execution\":") {
            self.counts.executions += 1;
        } else if !line.starts_with(b"{\"settings\":") {
            self.counts.jobs += 1;
        }
        Ok(())
    }

    /// What there was, if it is what was exported.
    pub fn whole(mut self) -> anyhow::Result<Counts> {
        if !self.line.is_empty() {
            self.take()?;
        }
        let counts = self.counts;
        match &self.end {
            None if counts.checked => bail!("the export is cut off: its last line is missing"),
            None if counts.jobs == 0 => bail!("there are no lines of jobs"),
            None => Ok(counts),
            Some(end) => {
                let sum = format!("{:08x}", self.sum.finalize());
                let counted = end["jobs"] == counts.jobs && end["executions"] == counts.executions;
                if !counted || end["crc32"] != sum.as_str() {
                    bail!("the lines are not those that were exported");
                }
                Ok(counts)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, size: usize) -> anyhow::Result<Counts> {
        let mut checker = Checker::default();
        for piece in text.as_bytes().chunks(size) {
            checker.piece(piece)?;
        }
        checker.whole()
    }

    fn export() -> String {
        let lines = "{\"export\":{}}\n{\"settings\":{}}\n{\"job\":{}}\n{\"execution\":{}}\n";
        let mut sum = crc32fast::Hasher::new();
        sum.update(lines.as_bytes());
        let sum = sum.finalize();
        format!("{lines}{{\"end\":{{\"jobs\":1,\"executions\":1,\"crc32\":\"{sum:08x}\"}}}}\n")
    }

    #[test]
    fn whole_in_pieces_of_any_size() {
        let wanted = Counts { jobs: 1, executions: 1, checked: true };
        for size in [1, 7, 1000] {
            assert_eq!(check(&export(), size).unwrap(), wanted);
        }
        assert_eq!(check("{\"name\":\"a\"}\n{\"name\":\"b\"}", 5).unwrap().jobs, 2);
    }

    #[test]
    fn what_is_damaged_is_found() {
        let whole = export();
        for cut in 15..whole.len() - 1 {
            assert!(check(&whole[..cut], 100).is_err(), "{cut}");
        }
        assert!(check(&whole.replace("{\"job\":{}}", "{\"job\":[]}"), 100).is_err());
        assert!(check(&format!("{whole}{{}}\n"), 100).is_err());
        assert!(check("", 1).is_err());
    }
}
