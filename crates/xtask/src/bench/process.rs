//! Memory and processor time of a process, as the kernel counts them.

use std::fs;

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
