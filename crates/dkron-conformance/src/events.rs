//! A client of the event stream: one event after the other.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::http::authority;

/// Silence that ends the patience of a test.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

/// An open stream.
pub struct Events(BufReader<TcpStream>);

impl Events {
    /// `path` with its query, such as `/v1/events?after=7:1`.
    pub fn open(url: &str, path: &str) -> io::Result<Events> {
        let host = authority(url)?;
        let mut stream = TcpStream::connect(&host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // An answer without chunks: it ends with the connection.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
        let mut events = Events(BufReader::new(stream));
        let status = events.line()?;
        if !status.contains(" 200 ") {
            return Err(io::Error::other(status));
        }
        while !events.line()?.is_empty() {}
        Ok(events)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next event that has data.
    pub fn next_event(&mut self) -> io::Result<Event> {
        let mut event = Event { id: String::new(), name: String::new(), data: Value::Null };
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data)?,
                _ if line.is_empty() && !event.data.is_null() => return Ok(event),
                _ => {}
            }
        }
    }

    /// Events up to the first one that `last` names, that one included.
    pub fn until(&mut self, last: impl Fn(&Event) -> bool) -> io::Result<Vec<Event>> {
        let mut all = Vec::new();
        loop {
            let event = self.next_event()?;
            let done = last(&event);
            all.push(event);
            if done {
                return Ok(all);
            }
        }
    }
}
