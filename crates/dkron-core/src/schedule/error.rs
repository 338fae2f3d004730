//! Why a text is no schedule, and where in the text that shows.

use alloc::string::String;
use core::fmt;

use super::source::Piece;

/// A refused schedule.
///
/// `Display` is the message alone, in the words Dkron's clients know where it has words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    message: String,
    column: usize,
}

impl ParseError {
    /// The fault lies in `piece`.
    pub(super) fn at(piece: Piece<'_>, message: String) -> Self {
        ParseError { message, column: piece.column() }
    }

    pub(super) fn at_column(column: usize, message: String) -> Self {
        ParseError { message, column }
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// The character at fault, counted from 1 in the text as it was given, before `~` was
    /// replaced. One beyond the end if something is missing there.
    pub fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for ParseError {}
