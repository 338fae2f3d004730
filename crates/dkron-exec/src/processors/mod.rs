//! The processors that come with the program.

pub mod files;
pub mod log;

pub use files::FilesProcessor;
pub use log::LogProcessor;

use dkron_core::domain::config_schema::{ConfigKey, ConfigKind};

use crate::config::{ConfigMap, flag};

/// The key that all processors share.
const FORWARD: ConfigKey = ConfigKey::new(
    "forward",
    ConfigKind::Bool,
    "Keep the output; otherwise a note of where it went is stored in its place.",
)
.default("false");

/// The note, unless the output is to be kept.
fn unless_forwarded(config: &ConfigMap, note: &str) -> Option<Vec<u8>> {
    (!flag(config, "forward")).then(|| note.as_bytes().to_vec())
}
