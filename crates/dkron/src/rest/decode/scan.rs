//! The syntax of one JSON value, checked without recursion, with the words of Go's scanner.

use super::Error;

/// Deeper nesting is refused, as Go's decoder refuses it.
const DEPTH: usize = 10_000;

pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Go's text for a byte in the wrong place; a byte of a longer letter stands for its number.
pub fn invalid(byte: u8, place: &str) -> String {
    let shown = match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        byte if byte < 0x20 || byte == 0x7f => format!("'\\x{byte:02x}'"),
        byte if (0x80..0xa0).contains(&byte) => format!("'\\u{byte:04x}'"),
        byte => format!("'{}'", char::from(byte)),
    };
    format!("invalid character {shown} {place}")
}

/// Where the first value of `text` ends.
pub fn scan(text: &[u8]) -> Result<usize, Error> {
    let mut scanner = Scanner { text, at: 0, open: Vec::new() };
    scanner.spaces();
    if scanner.at == text.len() {
        return Err(Error("EOF".to_owned()));
    }
    scanner.value()?;
    Ok(scanner.at)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// For each open container whether it is an object.
    open: Vec<bool>,
}

impl Scanner<'_> {
    fn spaces(&mut self) {
        while self.text.get(self.at).is_some_and(|byte| is_space(*byte)) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Result<u8, Error> {
        self.text.get(self.at).copied().ok_or_else(|| Error("unexpected EOF".to_owned()))
    }

    fn fail<T>(&self, byte: u8, place: &str) -> Result<T, Error> {
        Err(Error(invalid(byte, place)))
    }

    /// One whole value, containers and all that is in them.
    fn value(&mut self) -> Result<(), Error> {
        loop {
            self.spaces();
            let opened = match self.peek()? {
                b'{' => self.enter(true)?,
                b'[' => self.enter(false)?,
                _ => {
                    self.scalar()?;
                    false
                }
            };
            if opened {
                continue;
            }
            if !self.after_value()? {
                return Ok(());
            }
        }
    }

    /// Opens a container; `false` if it was empty and is closed again.
    fn enter(&mut self, object: bool) -> Result<bool, Error> {
        self.at += 1;
        if self.open.len() >= DEPTH {
            return Err(Error("exceeded max depth".to_owned()));
        }
        self.spaces();
        let close = if object { b'}' } else { b']' };
        if self.peek()? == close {
            self.at += 1;
            return Ok(false);
        }
        self.open.push(object);
        if object {
            self.key()?;
        }
        Ok(true)
    }

    fn key(&mut self) -> Result<(), Error> {
        self.spaces();
        match self.peek()? {
            b'"' => self.string()?,
            byte => return self.fail(byte, "looking for beginning of object key string"),
        }
        self.spaces();
        match self.peek()? {
            b':' => self.at += 1,
            byte => return self.fail(byte, "after object key"),
        }
        Ok(())
    }

    /// Closes what ends here; `true` if another value follows.
    fn after_value(&mut self) -> Result<bool, Error> {
        while let Some(object) = self.open.last().copied() {
            self.spaces();
            match (self.peek()?, object) {
                (b',', true) => {
                    self.at += 1;
                    self.key()?;
                    return Ok(true);
                }
                (b',', false) => {
                    self.at += 1;
                    return Ok(true);
                }
                (b'}', true) | (b']', false) => {
                    self.at += 1;
                    self.open.pop();
                }
                (byte, true) => return self.fail(byte, "after object key:value pair"),
                (byte, false) => return self.fail(byte, "after array element"),
            }
        }
        Ok(false)
    }

    fn scalar(&mut self) -> Result<(), Error> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number(),
            byte => self.fail(byte, "looking for beginning of value"),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        self.at += 1;
        for wanted in word.bytes().skip(1) {
            let byte = self.peek()?;
            if byte != wanted {
                let place = format!("in literal {word} (expecting '{}')", char::from(wanted));
                return self.fail(byte, &place);
            }
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Error> {
        self.at += 1;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                0..0x20 => return self.fail(byte, "in string literal"),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => Ok(()),
            b'u' => {
                for _ in 0..4 {
                    let byte = self.peek()?;
                    if !byte.is_ascii_hexdigit() {
                        return self.fail(byte, "in \\u hexadecimal character escape");
                    }
                    self.at += 1;
                }
                Ok(())
            }
            byte => self.fail(byte, "in string escape code"),
        }
    }

    fn number(&mut self) -> Result<(), Error> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits("in numeric literal")?,
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self, place: &str) -> Result<(), Error> {
        let byte = self.peek()?;
        if !byte.is_ascii_digit() {
            return self.fail(byte, place);
        }
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }
}
