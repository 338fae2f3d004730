//! What http jobs of the cases call: `/status/N` answers N, `/slow/MS` waits, and everything
//! answers a text that names the request.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::Value;

use crate::encoding;
use crate::listen::{Call, Listener, Reply};

pub fn start() -> io::Result<Listener> {
    Listener::start(answer)
}

/// A number that cannot be read hangs up, as the recording server did.
fn answer(call: Call) -> Option<Reply> {
    let parts: Vec<&str> = call.target.trim_matches('/').split('/').collect();
    let number = || parts.get(1).copied().unwrap_or_default();
    if parts[0] == "slow" {
        std::thread::sleep(Duration::from_millis(number().parse().ok()?));
    }
    let status = if parts[0] == "status" { number().parse().ok()? } else { 200 };
    let own: BTreeMap<String, String> =
        call.headers.iter().filter(|(k, _)| k.starts_with("x-")).cloned().collect();
    let own = Value::from_iter(own.into_iter().map(|(k, v)| (k, Value::from(v))));
    let text = format!(
        "echo {} {} headers={} body={}",
        call.method,
        call.target,
        encoding::ascii(&encoding::spaced(&own)),
        String::from_utf8_lossy(&call.body)
    );
    Some(Reply { status, body: text.into_bytes() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Connection, Request};

    #[test]
    fn it_names_the_request_and_keeps_the_connection() {
        let echo = start().unwrap();
        let mut line = Connection::open(&echo.url, Duration::from_secs(10)).unwrap();
        let mut request = Request::new("POST", "/a?b=c");
        request.headers.push(("X-B".into(), "2".into()));
        request.headers.push(("x-a".into(), "1".into()));
        request.body = Some(b"hello".to_vec());
        let got = line.send(&request).unwrap();
        let wanted = r#"echo POST /a?b=c headers={"x-a": "1", "x-b": "2"} body=hello"#;
        assert_eq!((got.status, got.text().as_str()), (200, wanted));
        let got = line.send(&Request::new("GET", "/status/503")).unwrap();
        assert_eq!(got.text(), "echo GET /status/503 headers={} body=");
        assert_eq!(got.status, 503);
        let got = line.send(&Request::new("HEAD", "/slow/1")).unwrap();
        assert_eq!((got.status, got.body.len()), (200, 0));
        assert_eq!(got.header("content-length"), Some("34"));
    }

    #[test]
    fn a_number_that_is_none_hangs_up() {
        let echo = start().unwrap();
        let mut line = Connection::open(&echo.url, Duration::from_secs(10)).unwrap();
        assert!(line.send(&Request::new("GET", "/status/x")).is_err());
    }
}
