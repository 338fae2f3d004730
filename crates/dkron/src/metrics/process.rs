//! What the kernel says of this process, under the names that Dkron's runtime gauges have.

/// Bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub resident: u64,
    pub virtual_size: u64,
}

/// Zeros where the kernel does not say it.
pub fn memory() -> Memory {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let page = rustix::param::page_size() as u64;
    let mut pages = text.split_whitespace().map(|word| word.parse::<u64>().unwrap_or(0) * page);
    let virtual_size = pages.next().unwrap_or(0);
    Memory { resident: pages.next().unwrap_or(0), virtual_size }
}

/// Refreshes the gauges; the node's name stands within the metric's, as it always has.
pub fn record(node: &str) {
    let node: String =
        node.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let memory = memory();
    let gauge = |name: &str, value: f64| {
        metrics::gauge!(format!("dkron_{node}_runtime_{name}")).set(value);
    };
    gauge("alloc_bytes", memory.resident as f64);
    gauge("sys_bytes", memory.virtual_size as f64);
    if let Ok(handle) = tokio::runtime::Handle::try_current() {
        gauge("num_goroutines", handle.metrics().num_alive_tasks() as f64);
    }
}
