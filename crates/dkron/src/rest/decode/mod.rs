//! Go's JSON decoder for a posted job: where a value ends, what is wrong with it, and in which
//! words. First the syntax of the whole value is scanned, then its fields are read.

mod cursor;
mod job;
mod policy;
mod scan;
mod settings;

#[cfg(test)]
mod tests;

pub use job::{Draft, fold};
pub use settings::{patch as patched_settings, whole as whole_settings};

use scan::scan;

/// Why a payload was refused, in the decoder's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// The job in `body`; what follows the first value is ignored.
pub fn job(body: &[u8]) -> Result<Draft, Error> {
    let end = scan(body)?;
    job::read(&body[..end])
}

/// The jobs in `body`, which holds a list and nothing else.
pub fn jobs(body: &[u8]) -> Result<Vec<Draft>, Error> {
    let end = scan(body)?;
    if let Some(byte) = body[end..].iter().find(|byte| !scan::is_space(**byte)) {
        return Err(Error(scan::invalid(*byte, "after top-level value")));
    }
    job::read_list(&body[..end])
}
