//! Memory and processor time of a process, as the kernel counts them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The kernel's tick of these counters; fixed at 100 on every Linux that we know.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory in megabytes; 0 if the process is gone.
pub fn rss_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kb: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0.0);
    kb / 1_024.0
}

/// Seconds of processor time so far.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold blanks; user and system time are the 14th and 15th field.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = rest.split(' ').skip(11).take(2).filter_map(|t| t.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// Megabytes that the files below a folder take.
pub fn disk_mb(folder: &Path) -> f64 {
    let mut bytes = 0;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => open.push(entry.path()),
                // Blocks, since files may have been given room that nobody wrote to.
                Ok(data) => bytes += data.blocks() * 512,
                Err(_) => {}
            }
        }
    }
    bytes as f64 / 1_048_576.0
}

/// Processes whose command line contains a text.
pub fn with_text(text: &str) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    };
    pids.filter(|pid| *pid != std::process::id()).filter(has).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_figures_are_there() {
        let pid = std::process::id();
        assert!(rss_mb(pid) > 0.5);
        assert!(cpu_seconds(pid) >= 0.0);
        assert_eq!(rss_mb(u32::MAX), 0.0);
    }
}
