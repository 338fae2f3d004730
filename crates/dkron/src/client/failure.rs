//! Why a command failed, and the exit code that tells a script.

use std::fmt;
use std::process::ExitCode;

/// Exit codes of the commands for people; `docs/cli/README.md` has them for readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Error = 1,
    Usage = 2,
    NotFound = 3,
    /// The state of things does not allow it, or it has changed meanwhile.
    Conflict = 4,
    /// Nobody answers, or the server says that it can not now.
    Unreachable = 5,
    RunFailed = 6,
    /// A comparison was asked for, and there are differences.
    Changes = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A text for a person, and its code. An empty text prints nothing.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    text: String,
}

impl Failure {
    pub fn new(exit: Exit, text: impl Into<String>) -> Failure {
        Failure { exit, text: text.into() }
    }

    /// The code alone: what there was to say is said.
    pub fn silent(exit: Exit) -> Failure {
        Failure::new(exit, "")
    }

    /// The code of an error, wherever in it the failure stands.
    pub fn exit_of(err: &anyhow::Error) -> Exit {
        err.chain().find_map(|err| err.downcast_ref::<Failure>()).map_or(Exit::Error, |it| it.exit)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// A command that was written wrongly.
pub fn usage(text: impl Into<String>) -> anyhow::Error {
    Failure::new(Exit::Usage, text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_code_is_found_behind_what_was_added() {
        let failed: anyhow::Result<()> = Err(Failure::new(Exit::NotFound, "no job").into());
        let err = failed.context("while looking").unwrap_err();
        assert_eq!(Failure::exit_of(&err), Exit::NotFound);
        assert_eq!(format!("{err:#}"), "while looking: no job");
        assert_eq!(Failure::exit_of(&anyhow::anyhow!("x")), Exit::Error);
    }
}
