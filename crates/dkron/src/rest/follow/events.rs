//! Server-sent events: each piece of text is one event whose id is the offset behind it, so that a
//! browser that comes back asks for the rest.

use axum::body::Bytes;
use dkron_core::domain::State;

use crate::rest::json::lossy;

/// The id of the last event.
pub const END_ID: &str = "end";

/// What is left of one piece for the next: half a letter, or half a line end.
#[derive(Default)]
pub struct Events {
    held: Vec<u8>,
}

impl Events {
    /// `bytes` as an event; `next` is the offset behind them. Empty if all of it is held back.
    pub fn piece(&mut self, bytes: &[u8], next: u64, last: bool) -> String {
        self.held.extend_from_slice(bytes);
        let ready = if last { self.held.len() } else { whole_len(&self.held) };
        let rest = self.held.split_off(ready);
        let text = lossy(&std::mem::replace(&mut self.held, rest));
        if text.is_empty() {
            return String::new();
        }
        let id = next.saturating_sub(self.held.len() as u64);
        let mut event = format!("id: {id}\n");
        for line in lines(&text) {
            event.push_str("data: ");
            event.push_str(line);
            event.push('\n');
        }
        event.push('\n');
        event
    }

    /// How it ended.
    pub fn end(state: State) -> String {
        format!("id: {END_ID}\nevent: end\ndata: {}\n\n", state.word())
    }

    /// A comment.
    pub fn heartbeat() -> Bytes {
        Bytes::from_static(b":\n\n")
    }
}

/// How many bytes can be sent now: no letter and no line end is cut.
fn whole_len(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return bytes.len() - 1;
    }
    let from = bytes.len().saturating_sub(3);
    let starts = |at: &usize| bytes[*at] >= 0xc0;
    let Some(start) = (from..bytes.len()).rev().find(starts) else { return bytes.len() };
    let wanted = match bytes[start] {
        0xf0.. => 4,
        0xe0.. => 3,
        _ => 2,
    };
    if bytes.len() - start < wanted { start } else { bytes.len() }
}

/// Lines by any of the three ends that the format knows; a last end leaves an empty line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let (line, tail) = text.split_at(end);
        rest = Some(tail.strip_prefix("\r\n").unwrap_or(&tail[1..]));
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser would hold after these events.
    fn heard(events: &str) -> (String, Vec<String>) {
        let (mut text, mut ids) = (String::new(), Vec::new());
        for event in events.split("\n\n").filter(|event| !event.is_empty()) {
            let data: Vec<&str> =
                event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            ids.extend(
                event.lines().filter_map(|line| line.strip_prefix("id: ")).map(str::to_owned),
            );
            text.push_str(&data.join("\n"));
        }
        (text, ids)
    }

    #[test]
    fn letters_and_line_ends_are_not_cut() {
        let whole = "a\nü\r\n50%\r60%\n€🙂\n\nend";
        let normal = "a\nü\n50%\n60%\n€🙂\n\nend";
        for size in 1..whole.len() {
            let mut events = Events::default();
            let mut sent = String::new();
            let mut next = 0;
            for piece in whole.as_bytes().chunks(size) {
                next += piece.len() as u64;
                sent.push_str(&events.piece(piece, next, false));
            }
            sent.push_str(&events.piece(b"", next, true));
            let (text, ids) = heard(&sent);
            assert_eq!(text, normal, "in pieces of {size}");
            assert_eq!(ids.last().unwrap(), &whole.len().to_string());
        }
    }

    #[test]
    fn bytes_that_are_no_text_become_letters() {
        let mut events = Events::default();
        assert_eq!(events.piece(b"a\xff\xe2\x82", 4, false), "id: 2\ndata: a\u{fffd}\n\n");
        let last = events.piece(b"", 4, true);
        assert_eq!(last, "id: 4\ndata: \u{fffd}\u{fffd}\n\n");
        assert_eq!(events.piece(b"", 4, true), "");
    }

    #[test]
    fn the_end_says_the_state() {
        assert_eq!(Events::end(State::TimedOut), "id: end\nevent: end\ndata: timed_out\n\n");
    }
}
