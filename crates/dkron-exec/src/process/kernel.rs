//! Questions to the kernel about processes and groups.

use std::fs;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// Fields of `/proc/<pid>/stat` that are of use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub pid: u32,
    /// It has ended, and nobody has waited for it.
    pub zombie: bool,
    pub parent: u32,
    pub group: u32,
    pub start_time: u64,
    pub resident_pages: u64,
}

/// What the kernel says about a process, if it is there.
pub fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The command stands in parentheses and may hold anything, so reading begins behind the last.
fn parse(line: &str) -> Option<Stat> {
    let pid = line.split(' ').next()?.parse().ok()?;
    let mut fields = line.rsplit_once(") ")?.1.split(' ');
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let start_time = fields.nth(16)?.parse().ok()?;
    let resident_pages = fields.nth(1)?.parse().ok()?;
    Some(Stat { pid, zombie, parent, group, start_time, resident_pages })
}

/// All processes that can be seen.
pub fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .collect()
}

/// Sends a signal to all members of a group. True if there was somebody to get it.
pub fn signal_group(group: u32, signal: Signal) -> bool {
    group_of(group).is_some_and(|group| kill_process_group(group, signal).is_ok())
}

/// Whether a group has members, the ended ones included that nobody has waited for.
pub fn group_exists(group: u32) -> bool {
    group_of(group).is_some_and(|group| test_kill_process_group(group).is_ok())
}

/// Group 1 and 0 would reach far beyond any job.
fn group_of(group: u32) -> Option<Pid> {
    let pid = i32::try_from(group).ok().and_then(Pid::from_raw);
    pid.filter(|pid| pid.as_raw_nonzero().get() > 1)
}

/// Kills what is left of the group of a process whose runner is gone, unless its number already
/// belongs to another process.
pub fn kill_left_over(group: u32, start_time: u64) -> bool {
    let reused = stat(group).is_some_and(|now| now.start_time != start_time);
    !reused && signal_group(group, Signal::KILL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_with_an_odd_command() {
        let line = "42 (a) b (c)) S 1 40 40 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 9 55 1 0";
        let expected = Stat {
            pid: 42,
            zombie: false,
            parent: 1,
            group: 40,
            start_time: 777,
            resident_pages: 55,
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse("42 (x"), None);
    }

    #[test]
    fn sees_this_process() {
        let this = stat(std::process::id()).unwrap();
        assert!(this.resident_pages > 0 && this.start_time > 0);
        assert!(all().iter().any(|one| one.pid == this.pid));
    }
}
