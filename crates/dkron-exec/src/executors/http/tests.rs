//! Runs against a server in the same process that answers as told and keeps what it was sent.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::executor::{Context, OutcomeState, Terms};

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

/// Answers `/status/N` with N, `/redirect` with a redirect to itself, `/never` with nothing.
async fn server() -> (String, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            shared.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, Arc::clone(&shared)));
        }
    });
    (address, seen)
}

async fn serve(stream: TcpStream, seen: Arc<Seen>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut request = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            request.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        request.push_str(&String::from_utf8(body).unwrap());
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let head = request.starts_with("HEAD ");
        seen.requests.lock().unwrap().push(request);
        if path == "/never" {
            std::future::pending::<()>().await;
        }
        let status: u16 = path.strip_prefix("/status/").map_or(200, |n| n.parse().unwrap());
        let (status, more) =
            if path == "/redirect" { (302, "Location: /redirect\r\n") } else { (status, "") };
        let body = format!("answer to {path}\n");
        let length = body.len();
        let mut answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{more}\r\n");
        if !head {
            answer.push_str(&body);
        }
        stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
    }
}

fn run(config: &[(&str, &str)]) -> Run {
    Run {
        execution_id: "17-n1".into(),
        job_name: "größe".into(),
        executor_config: config.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        terms: Terms::default(),
        seq: 1,
        context: Context {
            group: 17,
            attempt: 2,
            scheduled_at: Some("2026-01-01T00:00:00Z".into()),
            node: "n1".into(),
            fence: 99,
        },
    }
}

async fn check(executor: &HttpExecutor, config: &[(&str, &str)]) -> (Outcome, String) {
    let out = OutputSink::new(1000);
    let outcome = executor.run(run(config), out.clone(), CancelToken::new()).await;
    (outcome, String::from_utf8(out.finish().bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn statuses_and_bodies_are_held_against_expectations() {
    let (address, seen) = server().await;
    let executor = HttpExecutor::new();
    let code = Some("received response code does not match the expected code");
    let body = Some("received response body did not match the expected body");
    for (path, extra, error) in [
        ("/status/500", ("debug", ""), None),
        ("/status/500", ("expectCode", "200"), code),
        ("/status/200", ("expectCode", "1200"), code),
        ("/status/201", ("expectCode", "200, 201"), None),
        ("/x", ("expectBody", "answer .. /x"), None),
        ("/x", ("expectBody", "nope"), body),
        ("/x", ("expectBody", "("), body),
    ] {
        let url = format!("{address}{path}");
        let (outcome, output) = check(&executor, &[("method", "GET"), ("url", &url), extra]).await;
        assert_eq!(outcome.error.as_deref(), error, "{path} {extra:?}");
        assert_eq!(outcome.is_success(), error.is_none());
        assert_eq!(output, format!("answer to {path}\n"));
    }
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1, "one connection serves all");
}

#[tokio::test]
async fn sends_context_headers_and_body() {
    let (address, seen) = server().await;
    let headers = r#"["Host: elsewhere:81", "X-Time: 10:11:12", "Authorization: Basic eA=="]"#;
    let config = [
        ("method", "post"),
        ("url", address.as_str()),
        ("headers", headers),
        ("body", "hello"),
        ("debug", "1"),
    ];
    let (outcome, output) = check(&HttpExecutor::new(), &config).await;
    assert!(outcome.is_success(), "{outcome:?}");
    assert!(output.starts_with("Config: {") && output.ends_with("answer to /\n"), "{output}");
    assert!(output.contains("Authorization: ***") && !output.contains("eA=="));
    let requests = seen.requests.lock().unwrap();
    let request = requests[0].as_str();
    for part in [
        "post / HTTP/1.1\r\n",
        "host: elsewhere:81\r\n",
        "x-time: 10:11:12\r\n",
        "dkron-job: größe\r\n",
        "dkron-execution: 17-n1\r\n",
        "idempotency-key: 17-n1\r\n",
        "dkron-group: 17\r\n",
        "dkron-attempt: 2\r\n",
        "dkron-scheduled-at: 2026-01-01T00:00:00Z\r\n",
        "dkron-node: n1\r\n",
        "dkron-fence: 99\r\n",
        "\r\n\r\nhello",
    ] {
        assert!(request.contains(part), "{part:?} in {request}");
    }
}

#[tokio::test]
async fn bad_configuration_is_a_failure_that_names_the_key() {
    let (address, _seen) = server().await;
    let executor = HttpExecutor::new();
    for (config, part) in [
        (vec![("method", "GET")], "url is empty"),
        (vec![("url", "http://127.0.0.1:1/")], "method is empty"),
        (vec![("method", "G T"), ("url", &address)], "`method`"),
        (vec![("method", "GET"), ("url", "example.com")], "unsupported protocol scheme \"\""),
        (vec![("method", "GET"), ("url", "ftp://x/")], "unsupported protocol scheme \"ftp\""),
        (vec![("method", "GET"), ("url", "http://[")], "`url`"),
        (vec![("method", "GET"), ("url", &address), ("headers", r#"["x"]"#)], "has no colon"),
        (vec![("method", "GET"), ("url", &address), ("headers", r#"["a b: x"]"#)], "`headers`"),
    ] {
        let (outcome, output) = check(&executor, &config).await;
        let error = outcome.error.expect("it fails");
        assert!(error.contains(part), "{error}");
        assert_eq!((outcome.state, output.as_str()), (OutcomeState::Failed, ""));
    }
}

#[tokio::test]
async fn odd_values_are_reported_before_the_answer() {
    let (address, _seen) = server().await;
    let config = [
        ("method", "GET"),
        ("url", address.as_str()),
        ("headers", "Name: value"),
        ("timeout", "soon"),
        ("tlsRootCAsFile", "/nonexistent.pem"),
    ];
    let (outcome, output) = check(&HttpExecutor::new(), &config).await;
    assert!(outcome.is_success());
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("Warning: cannot read /nonexistent.pem"), "{output}");
    assert_eq!(lines[1], "Error: parsing headers failed");
    assert_eq!(lines[2], "Warning: invalid timeout \"soon\", using 30 seconds.");
    assert_eq!(lines[3], "answer to /");
}

#[tokio::test]
async fn transport_failures_read_as_users_know_them() {
    let (address, seen) = server().await;
    let executor = HttpExecutor::new();
    // Bound and not listening: nobody else gets the port meanwhile.
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = bound.local_addr().unwrap();
    let url = format!("http://u:secret@{closed}/a");
    let (outcome, _) = check(&executor, &[("method", "POST"), ("url", &url)]).await;
    let expected =
        format!("Post \"http://{closed}/a\": dial tcp {closed}: connect: connection refused");
    assert_eq!(outcome.error.unwrap(), expected);

    let url = format!("{address}/redirect");
    let (outcome, _) = check(&executor, &[("method", "GET"), ("url", &url)]).await;
    assert_eq!(outcome.error.unwrap(), format!("Get \"{url}\": stopped after 10 redirects"));
    assert_eq!(seen.requests.lock().unwrap().len(), 10);

    let url = format!("{address}/never");
    let config = [("method", "GET"), ("url", url.as_str()), ("timeout", "1")];
    let (outcome, _) = check(&executor, &config).await;
    let reason = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    assert_eq!(outcome.error.unwrap(), format!("Get \"{url}\": {reason}"));
    assert_eq!(outcome.state, OutcomeState::TimedOut);
}

#[tokio::test]
async fn a_cancelled_run_ends_at_once() {
    let (address, _seen) = server().await;
    let url = format!("{address}/never");
    let cancel = CancelToken::new();
    let config = [("method", "GET"), ("url", url.as_str()), ("timeout", "0")];
    let running = HttpExecutor::new().run(run(&config), OutputSink::new(10), cancel.clone());
    cancel.cancel();
    assert_eq!(running.await.state, OutcomeState::Cancelled);
}

#[tokio::test]
async fn head_has_no_output() {
    let (address, _seen) = server().await;
    let config = [("method", "HEAD"), ("url", address.as_str())];
    let (outcome, output) = check(&HttpExecutor::new(), &config).await;
    assert!(outcome.is_success() && output.is_empty());
}
