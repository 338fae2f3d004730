//! Reads values out of text whose syntax has been checked already, so nothing here can fail but
//! by meaning. A cursor that leaves the text ends at its end.

/// What a value is, in the words of Go's type errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "bool",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }
}

pub struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Cursor { text, at: 0 }
    }

    fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn spaces(&mut self) {
        while super::scan::is_space(self.byte()) {
            self.at += 1;
        }
    }

    pub fn kind(&mut self) -> Kind {
        self.spaces();
        match self.byte() {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// Steps into the container that begins here.
    pub fn enter(&mut self) {
        self.spaces();
        self.at += 1;
    }

    /// The next key of the object, or `None` at its end, which is passed.
    pub fn key(&mut self) -> Option<String> {
        if !self.another() {
            return None;
        }
        let key = self.string();
        self.spaces();
        self.at += 1;
        Some(key)
    }

    /// Whether an array has another value; its end is passed.
    pub fn another(&mut self) -> bool {
        self.spaces();
        if self.byte() == b',' {
            self.at += 1;
            self.spaces();
        }
        if matches!(self.byte(), b'}' | b']' | 0) {
            self.at += 1;
            return false;
        }
        true
    }

    /// The letters of a number, a boolean or null.
    pub fn word(&mut self) -> &'a str {
        self.spaces();
        let start = self.at;
        while self.byte().is_ascii_alphanumeric() || matches!(self.byte(), b'+' | b'-' | b'.') {
            self.at += 1;
        }
        std::str::from_utf8(&self.text[start..self.at]).unwrap_or("")
    }

    /// Passes the value that begins here, however deep it is.
    pub fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            self.spaces();
            match self.byte() {
                0 => return,
                b'"' => self.pass_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                _ => {
                    self.word();
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn pass_string(&mut self) {
        self.at += 1;
        loop {
            match self.byte() {
                0 if self.at >= self.text.len() => return,
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }

    /// The string that begins here; bytes and escapes that are no letters become U+FFFD.
    pub fn string(&mut self) -> String {
        self.spaces();
        let start = self.at + 1;
        self.pass_string();
        let inner = &self.text[start.min(self.text.len())..(self.at - 1).min(self.text.len())];
        let mut text = String::with_capacity(inner.len());
        let mut rest = inner;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            text.push_str(&crate::rest::json::lossy(&rest[..at]));
            rest = unescape(&rest[at + 1..], &mut text);
        }
        text.push_str(&crate::rest::json::lossy(rest));
        text
    }
}

/// Reads what follows a backslash; returns what follows that.
fn unescape<'a>(rest: &'a [u8], text: &mut String) -> &'a [u8] {
    let Some((letter, after)) = rest.split_first() else { return rest };
    match letter {
        b'b' => text.push('\u{8}'),
        b'f' => text.push('\u{c}'),
        b'n' => text.push('\n'),
        b'r' => text.push('\r'),
        b't' => text.push('\t'),
        b'u' => {
            let first = hex(after);
            let after = after.get(4..).unwrap_or_default();
            if (0xd800..0xdc00).contains(&first) && after.starts_with(b"\\u") {
                let second = hex(&after[2..]);
                if (0xdc00..0xe000).contains(&second) {
                    let letter = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    text.push(char::from_u32(letter).unwrap_or('\u{fffd}'));
                    return after.get(6..).unwrap_or_default();
                }
            }
            text.push(char::from_u32(first).unwrap_or('\u{fffd}'));
            return after;
        }
        other => text.push(char::from(*other)),
    }
    after
}

fn hex(text: &[u8]) -> u32 {
    let digits = text.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0xfffd)
}
