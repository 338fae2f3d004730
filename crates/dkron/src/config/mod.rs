//! Configuration: flags over environment over file over defaults, read once, typed at the end.
//! Everything behind this module receives plain `Options`.

mod address;
mod cluster;
mod effects;
mod file;
pub mod flags;
mod layers;
mod options;
#[cfg(test)]
mod reference;
mod report;
mod settings;
mod values;

#[cfg(test)]
mod tests;

pub use address::{Interface, Interfaces, SystemInterfaces, expand};
pub use cluster::key;
pub use layers::{Layers, Origin, Raw};
pub use options::{HttpOptions, LogFormat, LogOptions, NodeOptions, Options, split_address};
pub use settings::FirstSettings;
pub use values::duration;

/// A configuration that can not be used; the text says which key and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

impl Error {
    fn new(text: impl Into<String>) -> Self {
        Error(text.into())
    }
}
