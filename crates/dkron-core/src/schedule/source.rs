//! Text that remembers where each of its characters stood in what the user wrote.
//!
//! `~` turns into digits before anything is parsed; an error in those digits must still point at
//! the `~`.

use alloc::string::String;
use alloc::vec::Vec;

/// Owned text with one column per byte, counted in characters from 1.
pub(super) struct Source {
    text: String,
    columns: Vec<usize>,
    after: usize,
}

impl Source {
    pub(super) fn written(text: &str) -> Self {
        let mut source = Source::empty();
        for (index, character) in text.chars().enumerate() {
            source.push(character, index + 1);
        }
        source.after = text.chars().count() + 1;
        source
    }

    pub(super) fn empty() -> Self {
        Source { text: String::new(), columns: Vec::new(), after: 1 }
    }

    pub(super) fn push(&mut self, character: char, column: usize) {
        self.text.push(character);
        self.columns.resize(self.text.len(), column);
        self.after = column + 1;
    }

    pub(super) fn push_str(&mut self, text: &str, column: usize) {
        text.chars().for_each(|character| self.push(character, column));
    }

    pub(super) fn push_piece(&mut self, piece: Piece<'_>) {
        for (index, character) in piece.text.char_indices() {
            self.push(character, piece.columns[index]);
        }
        self.after = piece.after;
    }

    pub(super) fn piece(&self) -> Piece<'_> {
        Piece { text: &self.text, columns: &self.columns, after: self.after }
    }
}

/// A part of a [`Source`].
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    columns: &'a [usize],
    after: usize,
}

impl<'a> Piece<'a> {
    /// Where the piece begins, in the user's characters.
    pub(super) fn column(&self) -> usize {
        self.columns.first().copied().unwrap_or(self.after)
    }

    /// The part from byte `start` to byte `end`, both on character boundaries.
    pub(super) fn slice(&self, start: usize, end: usize) -> Piece<'a> {
        Piece {
            text: &self.text[start..end],
            columns: &self.columns[start..end],
            after: self.columns.get(end).copied().unwrap_or(self.after),
        }
    }

    /// The part from byte `start` on.
    pub(super) fn from(&self, start: usize) -> Piece<'a> {
        self.slice(start, self.text.len())
    }

    pub(super) fn trim(&self) -> Piece<'a> {
        let start = self.text.len() - self.text.trim_start().len();
        let length = self.text.trim().len();
        self.slice(start, start + length)
    }

    /// All parts between `separator`s, the empty ones too.
    pub(super) fn split(self, separator: char) -> impl Iterator<Item = Piece<'a>> {
        let text = self.text;
        text.split(separator).map(move |part| self.locate(part))
    }

    /// The parts between white space of any kind and length.
    pub(super) fn words(self) -> impl Iterator<Item = Piece<'a>> {
        let text = self.text;
        text.split_whitespace().map(move |word| self.locate(word))
    }

    fn locate(&self, part: &'a str) -> Piece<'a> {
        let start = part.as_ptr() as usize - self.text.as_ptr() as usize;
        self.slice(start, start + part.len())
    }
}
