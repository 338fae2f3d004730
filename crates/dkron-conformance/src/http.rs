//! A plain HTTP/1.1 client over one TCP connection: any method, any bytes, no redirects followed,
//! no header added that was not asked for but `Host` and the body's length.
//! It knows nothing of Dkron.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// LIMIT: one header line and one body that this client reads.
const LINE_MAX: u64 = 64 * 1024;
const BODY_MAX: u64 = 512 * 1024 * 1024;

#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// Path and query, already encoded.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Request {
        Request { method: method.into(), target: target.into(), ..Request::default() }
    }

    pub fn json(method: &str, target: &str, body: &serde_json::Value) -> Request {
        let mut request = Request::new(method, target);
        request.headers.push(("Content-Type".into(), "application/json".into()));
        request.body = Some(body.to_string().into_bytes());
        request
    }

    fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method, self.target);
        let length = self.body.as_ref().map(Vec::len);
        let wants_length = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if let Some(length) = length.or(wants_length.then_some(0)) {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// Names in small letters, values one byte a character; repeated ones joined by `, `.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> io::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).map_err(io::Error::other)
    }
}

/// One connection, used for one request after the other.
pub struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// `url` is `http://host:port`; a path behind it is not looked at.
    pub fn open(url: &str, timeout: Duration) -> io::Result<Connection> {
        let host = authority(url)?;
        let address = host.to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::other(format!("no address for {host}")))?;
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Connection { host, stream: BufReader::new(stream) })
    }

    pub fn send(&mut self, request: &Request) -> io::Result<Response> {
        let bytes = request.bytes(&self.host);
        self.stream.get_mut().write_all(&bytes)?;
        read_response(&mut self.stream, request.method == "HEAD")
    }

    /// Bytes as they are, then the end of our side; `None` if the server hangs up without a word.
    pub fn send_raw(&mut self, bytes: &[u8], headless: bool) -> io::Result<Option<Response>> {
        // A server may refuse and hang up before it has read everything: its answer counts.
        let _ = self.stream.get_mut().write_all(bytes);
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
        match read_response(&mut self.stream, headless) {
            Ok(response) => Ok(Some(response)),
            Err(e) if hung_up(e.kind()) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// One request on a connection of its own.
pub fn send(url: &str, request: &Request, timeout: Duration) -> io::Result<Response> {
    let mut once = request.clone();
    once.headers.push(("Connection".into(), "close".into()));
    Connection::open(url, timeout)?.send(&once)
}

/// `host:port` of an address, port 80 where none is named.
pub fn authority(url: &str) -> io::Result<String> {
    let rest = url.strip_prefix("http://");
    let rest = rest.ok_or_else(|| io::Error::other(format!("`{url}` is not http://host:port")))?;
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { host.to_owned() } else { format!("{host}:80") })
}

fn hung_up(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(LINE_MAX).read_until(b'\n', &mut bytes)?;
    if bytes.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(bytes.into_iter().map(char::from).collect())
}

/// Names in small letters; also used by the servers of this crate.
pub(crate) fn read_headers(from: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        let line = read_line(from)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| invalid(format!("header line {line:?}")))?;
        let (name, value) = (name.trim().to_lowercase(), value.trim());
        match headers.iter_mut().find(|(k, _)| *k == name) {
            Some((_, held)) => *held = format!("{held}, {value}"),
            None => headers.push((name, value.to_owned())),
        }
    }
}

pub(crate) fn read_first_line(from: &mut impl BufRead) -> io::Result<String> {
    read_line(from)
}

fn read_response(from: &mut impl BufRead, headless: bool) -> io::Result<Response> {
    loop {
        let line = read_line(from)?;
        let code = line.strip_prefix("HTTP/1.").and_then(|l| l.get(2..5)).map(str::parse::<u16>);
        let Some(Ok(status)) = code else {
            return Err(invalid(format!("status line {line:?}")));
        };
        let headers = read_headers(from)?;
        if (100..200).contains(&status) {
            continue;
        }
        let empty = headless || status == 204 || status == 304;
        let body = if empty { Vec::new() } else { read_body(from, &headers, true)? };
        return Ok(Response { status, headers, body });
    }
}

/// The body that the headers announce; where they announce none, all until the end if `to_end`.
pub(crate) fn read_body(
    from: &mut impl BufRead,
    headers: &[(String, String)],
    to_end: bool,
) -> io::Result<Vec<u8>> {
    let find = |name: &str| headers.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
    if find("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        return read_chunks(from);
    }
    let mut body = Vec::new();
    if let Some(length) = find("content-length") {
        let length: u64 = length.parse().map_err(|_| invalid(format!("length {length:?}")))?;
        if length > BODY_MAX {
            return Err(invalid(format!("a body of {length} bytes")));
        }
        from.take(length).read_to_end(&mut body)?;
        if (body.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    } else if to_end {
        from.take(BODY_MAX).read_to_end(&mut body)?;
    }
    Ok(body)
}

fn read_chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(from)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16)
            .map_err(|_| invalid(format!("chunk size {digits:?}")))?;
        if size == 0 {
            // Trailers end like headers, with an empty line.
            read_headers(from)?;
            return Ok(body);
        }
        if body.len() as u64 + size > BODY_MAX {
            return Err(invalid("a body without end".into()));
        }
        from.take(size).read_to_end(&mut body)?;
        read_line(from)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Response> {
        read_response(&mut text.as_bytes(), false)
    }

    #[test]
    fn the_three_framings_are_read() {
        let fixed =
            read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: 1\r\na: 2\r\n\r\nhixx").unwrap();
        assert_eq!((fixed.status, fixed.text().as_str()), (200, "hi"));
        assert_eq!(fixed.header("a"), Some("1, 2"));
        let chunked = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n\
                       2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n";
        assert_eq!(read(chunked).unwrap().text(), "abc");
        assert_eq!(read("HTTP/1.0 404 Not Found\r\n\r\nto the end").unwrap().text(), "to the end");
    }

    #[test]
    fn interim_answers_are_skipped_and_empty_ones_have_no_body() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        let got = read(text).unwrap();
        assert_eq!((got.status, got.body.len()), (204, 0));
    }

    #[test]
    fn torn_answers_are_errors() {
        for text in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", "x y\r\n"]
        {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn requests_carry_what_was_asked() {
        let get = Request::new("GET", "/x").bytes("h:1");
        assert_eq!(get, b"GET /x HTTP/1.1\r\nHost: h:1\r\n\r\n");
        let post = Request::json("POST", "/x", &serde_json::json!({})).bytes("h:1");
        assert!(post.ends_with(b"Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"));
        assert_eq!(authority("http://h").unwrap(), "h:80");
        assert_eq!(authority("http://h:81/x").unwrap(), "h:81");
        assert!(authority("h:81").is_err());
    }
}
