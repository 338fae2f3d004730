//! A small HTTP server on a free loopback port, one thread a connection, kept alive: the far end
//! that http jobs call. What it answers is its owner's closure.

use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::http::{read_body, read_first_line, read_headers};

/// A connection's thread only reads and answers; hundreds of them must cost little.
const STACK: usize = 128 * 1024;

/// Connections that wait to be taken. With the library's 128 a burst overflows the queue, and each
/// caller left out tries again a second later.
const BACKLOG: i32 = 4_096;

#[derive(Debug)]
pub struct Call {
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Answers until it is dropped; open connections end with their next call.
pub struct Listener {
    pub url: String,
    stopped: Arc<AtomicBool>,
}

impl Listener {
    /// `None` from the closure hangs up without an answer.
    pub fn start<F>(answer: F) -> io::Result<Listener>
    where
        F: Fn(Call) -> Option<Reply> + Send + Sync + 'static,
    {
        let socket = TcpListener::bind("127.0.0.1:0")?;
        // Asking again only widens the queue: a thousand jobs of one instant dial at once.
        rustix::net::listen(&socket, BACKLOG)?;
        let url = format!("http://{}", socket.local_addr()?);
        let stopped = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let ends = Arc::clone(&stopped);
        std::thread::Builder::new().name("listener".into()).spawn(move || {
            for stream in socket.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else {
                    // Out of files: those under way end soon, and asking at once is no use.
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                };
                let (answer, ends) = (Arc::clone(&answer), Arc::clone(&ends));
                let thread = std::thread::Builder::new().stack_size(STACK);
                // Without a thread the caller sees a closed connection, as from a full server.
                let _ = thread.spawn(move || serve(stream, &*answer, &ends));
            }
        })?;
        Ok(Listener { url, stopped })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the accepting thread, which then sees the flag.
        if let Ok(host) = crate::http::authority(&self.url) {
            let _ = TcpStream::connect(host);
        }
    }
}

/// Ends with the connection; errors are the caller's business, who sees it closed.
fn serve<F>(stream: TcpStream, answer: &F, stopped: &AtomicBool) -> Option<()>
where
    F: Fn(Call) -> Option<Reply>,
{
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(600))).ok()?;
    let mut out = stream.try_clone().ok()?;
    let mut input = BufReader::new(stream);
    while !stopped.load(Ordering::Relaxed) {
        let call = read_call(&mut input).ok()?;
        let headless = call.method == "HEAD";
        let closing = call.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
        let reply = answer(call)?;
        out.write_all(&bytes(&reply, headless)).ok()?;
        if closing {
            return None;
        }
    }
    Some(())
}

fn read_call(from: &mut BufReader<TcpStream>) -> io::Result<Call> {
    let line = read_first_line(from)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let (method, target) = (method.to_owned(), target.to_owned());
    let headers = read_headers(from)?;
    let body = read_body(from, &headers, false)?;
    Ok(Call { method, target, headers, body })
}

fn bytes(reply: &Reply, headless: bool) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {} -\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        reply.status,
        reply.body.len()
    )
    .into_bytes();
    if !headless {
        bytes.extend_from_slice(&reply.body);
    }
    bytes
}
