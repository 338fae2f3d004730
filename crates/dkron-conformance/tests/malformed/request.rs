//! Whole requests: odd methods, paths, queries and headers around a body, and broken framing.
//! None asks the server to leave: that would end it, and rightly.

use crate::body;
use crate::dice::Dice;

const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW", "get"];

const PATHS: [&str; 69] = [
    "/",
    "/v1",
    "/v1/",
    "/v1/jobs",
    "/v1/jobs/",
    "/v1/jobs/fz-1",
    "/v1/jobs/fz-2/run",
    "/v1/jobs/fz-3/toggle",
    "/v1/jobs/fz-4/executions",
    "/v1/jobs/fz-5/executions/17-x",
    "/v1/jobs/fz-6/skipped",
    "/v1/jobs/fz-1/cancel",
    "/v1/jobs/fz-2/executions/17-x/cancel",
    "/v1/jobs/fz-3/executions/%F0%9F%92%A9/cancel",
    "/v1/jobs/fz-4/executions/17-x/output",
    "/v1/jobs/fz-5/executions/%ff/output",
    "/v1/settings",
    "/v1/settings/",
    "/v1/stats",
    "/v1/nodes",
    "/v1/nodes/fz-1/eligibility",
    "/v1/operator/health",
    "/v1/operator/raft/configuration",
    "/v1/operator/raft/peer",
    "/v1/operator/transfer",
    "/v1/operator/state",
    "/v1/jobs/%00",
    "/v1/jobs/%ff%fe",
    "/v1/jobs/%",
    "/v1/jobs/%2f%2e%2e",
    "/v1/jobs/../../etc",
    "//v1//jobs",
    "/v1/jobs/fz-7/executions/%F0%9F%92%A9",
    "/v1/busy",
    "/v1/members",
    "/v1/leader",
    "/v1/isleader",
    "/v1/pause",
    "/v1/unpause",
    "/v1/restore",
    "/v1/export",
    "/v1/import",
    "/v1/schedule/preview",
    "/health",
    "/metrics",
    "/debug/vars",
    "/ui",
    "/ui/../../x",
    "/ui/a?b",
    "/v1/acl/policies/x",
    "*",
    "/v1/executions",
    "/v1/upcoming",
    "/v1/jobs/fz-1/why",
    "/v1/openapi.json",
    "/docs",
    "/v1/batch",
    "/v1/batch/7",
    "/v1/batch/-1",
    "/v1/scheduling",
    "/v1/scheduling/pause",
    "/v1/scheduling/resume",
    "/v1/scheduling/pause/7",
    "/v1/jobs/fz-1/versions",
    "/v1/jobs/fz-1/versions/1",
    "/v1/jobs/fz-1/versions/1/diff",
    "/v1/jobs/fz-1/versions/1/rollback",
    "/v1/jobs/fz-1/undelete",
    "/v1/activity",
];

const QUERIES: [&str; 40] = [
    "_start",
    "_end",
    "_sort",
    "_order",
    "q",
    "status",
    "disabled",
    "metadata[a]",
    "metadata",
    "output_size_limit",
    "pretty",
    "runoncreate",
    "schedule",
    "scope",
    "span",
    "name",
    "to",
    "timezone",
    "after",
    "dst",
    "by",
    "reason",
    "from",
    "follow",
    "format",
    "download",
    "index",
    "wait",
    "limit",
    "cursor",
    "state",
    "selector",
    "prefix",
    "executor",
    "has_parent",
    "window",
    "buckets",
    "at",
    "group",
    "history",
];

const TEXTS: [&str; 33] = [
    "",
    "0",
    "-1",
    "99999999999999999999",
    "1e9",
    "abc",
    "%",
    "%zz",
    "%00",
    "%ff",
    "DESC",
    "name",
    "minute",
    "node",
    "next",
    "nope",
    "a:b",
    "a=b",
    "true",
    "*/5%20*%20*%20*%20*%20*",
    "@every%201ns",
    "0%200%2030%202",
    "Europe/Berlin",
    "Mars/Base",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "+",
    "[]{}",
    "once",
    "job",
    "sse",
    "end",
    "18446744073709551616",
];

const HEADERS: [&str; 29] = [
    "Content-Type: application/json",
    "Content-Type: multipart/form-data",
    "Content-Type: multipart/form-data; boundary=b",
    "Content-Type: \x01",
    "Accept: text/html",
    "Accept: */*;q=nope",
    "Origin: http://elsewhere.example",
    "Origin: null",
    "Expect: 100-continue",
    "Expect: nonsense",
    "Idempotency-Key: x",
    "Idempotency-Key: ",
    "Content-Encoding: gzip",
    "X-Empty:",
    "Cookie: \u{e9}",
    "Range: bytes=0-",
    "Range: bytes=99999999999999999999-2",
    "Accept: text/event-stream",
    "Last-Event-ID: end",
    "Last-Event-ID: -7",
    "If-None-Match: *",
    "Connection: upgrade",
    "If-Match: \"v1\"",
    "If-Match: W/",
    "If-Match: \"v99999999999999999999\", *",
    "Accept: application/problem+json",
    "Content-Type: application/merge-patch+json",
    "Idempotency-Key: \u{7f}",
    "X-Dkron-User: \u{e9}",
];

pub struct Thrown {
    pub bytes: Vec<u8>,
    pub headless: bool,
    /// A server may hang up without a word on what is no request at all.
    pub broken: bool,
}

pub fn any(dice: &mut Dice) -> Thrown {
    if dice.once_in(40) {
        let mut bytes = dice.bytes(300);
        bytes.extend_from_slice(b"\r\n\r\n");
        return Thrown { bytes, headless: false, broken: true };
    }
    let method = dice.pick(&METHODS);
    let mut head = format!("{method} {} HTTP/1.1\r\nHost: h\r\n", target(dice));
    for _ in 0..dice.below(4) {
        head.push_str(dice.pick(&HEADERS));
        head.push_str("\r\n");
    }
    if dice.once_in(50) {
        head.push_str(&format!("X-Long: {}\r\n", "y".repeat(1 << dice.below(18))));
    }
    let mut broken = head.len() > 30_000;
    let body = match dice.once_in(6) {
        true => form(dice),
        false => body::any(dice),
    };
    let mut bytes = head.into_bytes();
    broken |= frame(dice, &mut bytes, &body);
    Thrown { bytes, headless: method == "HEAD", broken }
}

fn target(dice: &mut Dice) -> String {
    let mut target = dice.pick(&PATHS).to_owned();
    if dice.once_in(30) {
        target.push_str(&"/x".repeat(1 << dice.below(13)));
    }
    if dice.once_in(60) {
        target.push('\u{e9}');
    }
    let pairs: Vec<String> = (0..dice.below(4))
        .map(|_| format!("{}={}", dice.pick(&QUERIES), dice.pick(&TEXTS)))
        .collect();
    match pairs.is_empty() {
        true => target,
        false => format!("{target}?{}", pairs.join("&")),
    }
}

fn form(dice: &mut Dice) -> Vec<u8> {
    let field = dice.pick(&["file", "field", "", "\u{e9}"]);
    let mut body =
        format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"f\"\r\n\r\n")
            .into_bytes();
    body.extend(body::any(dice));
    if !dice.once_in(4) {
        body.extend_from_slice(b"\r\n--b--\r\n");
    }
    body
}

/// Appends a body in some framing; true if the framing is wrong.
fn frame(dice: &mut Dice, bytes: &mut Vec<u8>, body: &[u8]) -> bool {
    let length = body.len();
    match dice.below(16) {
        0 => append(bytes, &format!("Content-Length: {}\r\n\r\n", length + 7), body, true),
        1 => append(bytes, "Content-Length: -5\r\n\r\n", body, true),
        2 => append(bytes, "Content-Length: 99999999999999999999\r\n\r\n", body, true),
        3 => append(bytes, "Transfer-Encoding: chunked\r\n\r\nffff\r\n", body, true),
        4 => append(bytes, "Transfer-Encoding: chunked\r\n\r\nzz\r\n", body, true),
        5 => {
            let both = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n");
            append(bytes, &both, body, true)
        }
        6 if length > 0 => {
            let head = format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n");
            append(bytes, &head, body, false);
            append(bytes, "\r\n0\r\n\r\n", &[], false)
        }
        _ => append(bytes, &format!("Content-Length: {length}\r\n\r\n"), body, false),
    }
}

fn append(bytes: &mut Vec<u8>, head: &str, body: &[u8], broken: bool) -> bool {
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(body);
    broken
}
