//! JSON as Go writes it: letters that HTML knows are escaped, pretty means four blanks.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// Bytes of a small answer; larger ones grow.
const START_BYTES: usize = 1024;

/// `value` as bytes, once.
pub fn encode<T: Serialize + ?Sized>(value: &T, pretty: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(START_BYTES);
    let result = if pretty {
        let formatter = GoLetters(PrettyFormatter::with_indent(b"    "));
        value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
    } else {
        let formatter = GoLetters(CompactFormatter);
        value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
    };
    result.expect("answers have text keys and a vector takes every byte");
    bytes
}

/// Escapes `<`, `>`, `&`, U+2028, U+2029 and the replacement character, and leaves the layout to
/// the formatter inside.
struct GoLetters<F>(F);

impl<F: Formatter> Formatter for GoLetters<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let bytes = fragment.as_bytes();
        let mut written = 0;
        let mut at = 0;
        while at < bytes.len() {
            let (text, len): (&[u8], usize) = match bytes[at] {
                b'<' => (b"\\u003c", 1),
                b'>' => (b"\\u003e", 1),
                b'&' => (b"\\u0026", 1),
                0xe2 if bytes[at..].starts_with("\u{2028}".as_bytes()) => (b"\\u2028", 3),
                0xe2 if bytes[at..].starts_with("\u{2029}".as_bytes()) => (b"\\u2029", 3),
                0xef if bytes[at..].starts_with("\u{fffd}".as_bytes()) => (b"\\ufffd", 3),
                _ => {
                    at += 1;
                    continue;
                }
            };
            writer.write_all(&bytes[written..at])?;
            writer.write_all(text)?;
            at += len;
            written = at;
        }
        writer.write_all(&bytes[written..])
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// Bytes as text: each byte that is not part of a letter becomes a replacement character.
pub fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &serde_json::Value, pretty: bool) -> String {
        String::from_utf8(encode(value, pretty)).unwrap()
    }

    #[test]
    fn letters_are_escaped_as_go_does() {
        let value = json!("a<b>&c\u{2028}\u{2029}ü\"\\\n\u{1}\u{7f}");
        assert_eq!(
            text(&value, false),
            "\"a\\u003cb\\u003e\\u0026c\\u2028\\u2029ü\\\"\\\\\\n\\u0001\u{7f}\""
        );
        assert_eq!(text(&json!({"<": 1}), false), "{\"\\u003c\":1}");
    }

    #[test]
    fn pretty_is_four_blanks_and_empty_containers_stay_short() {
        assert_eq!(
            text(&json!({"a": [1], "b": {}, "c": []}), true),
            "{\n    \"a\": [\n        1\n    ],\n    \"b\": {},\n    \"c\": []\n}"
        );
    }

    #[test]
    fn bytes_that_are_no_text() {
        let shown = lossy(b"a\xff\xe2\x82b\xf0\x9f");
        assert_eq!(shown, "a\u{fffd}\u{fffd}\u{fffd}b\u{fffd}\u{fffd}");
        assert_eq!(text(&json!(lossy(b"\xffz")), false), "\"\\ufffdz\"");
    }
}
