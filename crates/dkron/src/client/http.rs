//! One request and its answer. A status that says no becomes a failure with an exit code.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use reqwest::blocking::{self, Body, Request};
use reqwest::header::HeaderValue;
use serde_json::Value;

use super::failure::{Exit, Failure};

const CONNECT: Duration = Duration::from_secs(10);
/// Longer than a server waits for a leader, or for the outcome of a write.
const PATIENCE: Duration = Duration::from_secs(120);
/// Many jobs at once take longer.
const IMPORT: Duration = Duration::from_secs(600);
/// How often a write with a key is asked again, and the pause before.
const AGAIN: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
const KEY: &str = "idempotency-key";
/// In the words of a cluster that has none.
const KEYLESS: &str = "leave the key out";
/// Letters of a refusal that are repeated.
const SHOWN: usize = 2000;
/// What a server says about a path that it does not have.
const NO_ROUTE: &str = "404 page not found";

pub struct Client {
    http: blocking::Client,
    url: String,
}

/// What is asked.
pub struct Ask {
    method: Method,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Body>,
    kind: &'static str,
    patience: Option<Duration>,
}

impl Ask {
    pub fn get(target: impl Into<String>) -> Ask {
        Ask::new(Method::GET, target)
    }

    pub fn post(target: impl Into<String>) -> Ask {
        Ask::new(Method::POST, target)
    }

    pub fn delete(target: impl Into<String>) -> Ask {
        Ask::new(Method::DELETE, target)
    }

    pub fn put(target: impl Into<String>) -> Ask {
        Ask::new(Method::PUT, target)
    }

    fn new(method: Method, target: impl Into<String>) -> Ask {
        Ask {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: None,
            kind: "application/json",
            patience: Some(PATIENCE),
        }
    }

    pub fn json(mut self, body: &Value) -> Ask {
        self.body = Some(body.to_string().into());
        self
    }

    /// A file of lines, as it is.
    pub fn lines(self, file: std::fs::File) -> Ask {
        self.of_lines(file.into())
    }

    /// The same from somewhere whose length nobody knows.
    pub fn lines_from(self, source: impl Read + Send + 'static) -> Ask {
        self.of_lines(Body::new(source))
    }

    fn of_lines(mut self, body: Body) -> Ask {
        self.body = Some(body);
        self.kind = "application/x-ndjson";
        self.patience = Some(IMPORT);
        self
    }

    /// A file in the field of a form.
    pub fn form(mut self, field: &str, file: &[u8]) -> Ask {
        // No JSON has this line: its texts hold no line ends.
        const BOUNDARY: &str = "----dkron-form-boundary";
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; \
             filename=\"{field}\"\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        self.body = Some([head.as_bytes(), file, tail.as_bytes()].concat().into());
        self.kind = "multipart/form-data; boundary=----dkron-form-boundary";
        self.patience = Some(IMPORT);
        self
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Ask {
        self.headers.push((name, value.into()));
        self
    }

    /// Carried out once, however often it is asked until there is an answer.
    pub fn once(self) -> anyhow::Result<Ask> {
        let mut key = [0_u8; 16];
        getrandom::fill(&mut key).context("the system gave no random bytes")?;
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(self.header(KEY, key))
    }

    /// How long the whole answer may take; without end if nothing is said.
    pub fn patience(mut self, patience: Option<Duration>) -> Ask {
        self.patience = patience;
        self
    }
}

impl Client {
    /// Opens no connection yet.
    pub fn new(url: &str) -> anyhow::Result<Client> {
        let plain = url.starts_with("http://");
        if !plain && !url.starts_with("https://") {
            let said = format!("\"{url}\" is no address of a server, write http://host:port");
            return Err(Failure::new(Exit::Usage, said).into());
        }
        let http = blocking::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(None)
            .tls_backend_preconfigured(tls(!plain)?)
            .build()
            .context("no client for HTTP")?;
        Ok(Client { http, url: url.trim_end_matches('/').to_owned() })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn get(&self, target: impl Into<String>) -> anyhow::Result<Answer> {
        self.ask(Ask::get(target))
    }

    /// The answer of a server that says yes.
    pub fn ask(&self, ask: Ask) -> anyhow::Result<Answer> {
        let answer = self.ask_any(ask)?;
        if answer.status < 300 { Ok(answer) } else { Err(answer.refusal().into()) }
    }

    /// The same where there may be nothing.
    pub fn find(&self, ask: Ask) -> anyhow::Result<Option<Answer>> {
        let answer = self.ask_any(ask)?;
        match answer.status {
            ..300 => Ok(Some(answer)),
            404 if !answer.no_route() => Ok(None),
            _ => Err(answer.refusal().into()),
        }
    }

    /// Whatever the server says.
    fn ask_any(&self, ask: Ask) -> anyhow::Result<Answer> {
        let (target, keyed) =
            (ask.target.clone(), ask.headers.iter().any(|(name, _)| *name == KEY));
        let mut request = self.request(ask)?;
        for _ in 0..AGAIN {
            let Some(again) = request.try_clone().filter(|_| keyed) else { break };
            match self.read(request, &target) {
                // Nodes that do not know keys yet: then it is asked once.
                Ok(answer) if answer.said("").contains(KEYLESS) => {
                    request = again;
                    request.headers_mut().remove(KEY);
                    break;
                }
                Ok(answer) if answer.status == 503 && answer.header("retry-after").is_some() => {}
                Err(broken) if broken.again => {}
                done => return Ok(done?),
            }
            std::thread::sleep(PAUSE);
            request = again;
        }
        Ok(self.read(request, &target)?)
    }

    fn read(&self, request: Request, target: &str) -> Result<Answer, Broken> {
        let response = self.http.execute(request).map_err(|err| self.broken(&err))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().map_err(|err| self.broken(&err))?.to_vec();
        Ok(Answer { status, headers, body, target: target.to_owned() })
    }

    /// The body as it comes, of an answer that says yes.
    pub fn stream(&self, ask: Ask) -> anyhow::Result<impl Read + use<>> {
        let target = ask.target.clone();
        let request = self.request(ask)?;
        let response = self.http.execute(request).map_err(|err| self.broken(&err))?;
        let status = response.status().as_u16();
        if status < 300 {
            return Ok(response);
        }
        let headers = response.headers().clone();
        let body = response.bytes().map_err(|err| self.broken(&err))?.to_vec();
        Err(Answer { status, headers, body, target }.refusal().into())
    }

    fn request(&self, ask: Ask) -> anyhow::Result<Request> {
        let writes = ask.method != Method::GET;
        let mut request = self.http.request(ask.method, format!("{}{}", self.url, ask.target));
        if let Some(patience) = ask.patience {
            request = request.timeout(patience);
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        if let Some(user) = user().filter(|_| writes) {
            request = request.header("x-dkron-user", user);
        }
        if let Some(body) = ask.body {
            request = request.header("content-type", ask.kind).body(body);
        }
        request.build().context("a request that can not be sent")
    }

    fn broken(&self, err: &reqwest::Error) -> Broken {
        // The innermost cause is the one that a person can do something about.
        let causes = std::iter::successors(std::error::Error::source(err), |err| err.source());
        let cause = match causes.last() {
            _ if err.is_timeout() => "it took too long".to_owned(),
            Some(cause) => cause.to_string(),
            None => err.to_string(),
        };
        let said = format!("no answer from {}: {cause}; is --url right?", self.url);
        let again = !err.is_connect() && !err.is_timeout();
        Broken { again, failure: Failure::new(Exit::Unreachable, said) }
    }
}

/// There was no answer, or only a part of it.
struct Broken {
    /// Somebody was there: the same may work soon.
    again: bool,
    failure: Failure,
}

impl From<Broken> for anyhow::Error {
    fn from(broken: Broken) -> Self {
        broken.failure.into()
    }
}

/// Who writes, as servers record it.
fn user() -> Option<HeaderValue> {
    let name = std::env::var("USER").ok().filter(|name| !name.is_empty() && name.len() <= 128)?;
    HeaderValue::from_bytes(name.as_bytes()).ok()
}

/// The machine's certificates are read only for who needs them.
fn tls(wanted: bool) -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    if wanted {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("no TLS")?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
    target: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body).context("the server's answer is no JSON")
    }

    fn no_route(&self) -> bool {
        self.status == 404 && self.body == NO_ROUTE.as_bytes()
    }

    fn refusal(&self) -> Failure {
        let path = self.target.split('?').next().unwrap_or_default();
        if self.no_route() {
            let said = format!("this server does not know {path}: it is older than this command");
            return Failure::new(Exit::Error, said);
        }
        let exit = match self.status {
            404 => Exit::NotFound,
            409 | 412 => Exit::Conflict,
            503 => Exit::Unreachable,
            _ => Exit::Error,
        };
        Failure::new(exit, self.said(path))
    }

    /// A refusal in words: a text, or an object that has one.
    fn said(&self, path: &str) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text.trim().chars().take(SHOWN).collect();
        if let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(&text) {
            let field = |name: &str| fields.get(name).and_then(Value::as_str);
            let said = field("detail").or(field("message")).or(field("title"));
            if let Some(said) = said {
                return match field("field") {
                    Some(name) if !said.starts_with(name) => format!("{name}: {said}"),
                    _ => said.to_owned(),
                };
            }
        }
        match (text.is_empty(), self.status) {
            (false, _) => text,
            (true, 404) => format!("not found: {path}"),
            (true, status) => format!("the server answers {status} to {path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let headers = reqwest::header::HeaderMap::new();
        Answer { status, headers, body: body.into(), target: "/v1/jobs/a?x".into() }
    }

    #[test]
    fn refusals_have_words_and_codes() {
        for (status, body, exit, said) in [
            (404, "", Exit::NotFound, "not found: /v1/jobs/a"),
            (404, "no job", Exit::NotFound, "no job"),
            (409, "children", Exit::Conflict, "children"),
            (412, "", Exit::Conflict, "the server answers 412 to /v1/jobs/a"),
            (503, "no leader", Exit::Unreachable, "no leader"),
            (400, r#"{"field":"n","message":"too many"}"#, Exit::Error, "n: too many"),
            (400, r#"{"detail":"n: too many","field":"n"}"#, Exit::Error, "n: too many"),
            (400, "[1]", Exit::Error, "[1]"),
        ] {
            let refusal = answer(status, body).refusal();
            assert_eq!((refusal.exit, refusal.to_string().as_str()), (exit, said));
        }
        let old = answer(404, NO_ROUTE).refusal();
        assert_eq!(old.exit, Exit::Error);
        assert!(old.to_string().contains("older than this command"), "{old}");
    }

    #[test]
    fn an_address_is_one_of_http() {
        assert!(Client::new("http://127.0.0.1:1").is_ok());
        assert!(Client::new("https://example.org/").is_ok());
        let refused = Client::new("127.0.0.1:8080").err().unwrap();
        assert_eq!(Failure::exit_of(&refused), Exit::Usage);
    }

    #[test]
    fn nobody_there_has_its_own_code() {
        let client = Client::new("http://127.0.0.1:1").unwrap();
        let err = client.get("/v1").err().unwrap();
        assert_eq!(Failure::exit_of(&err), Exit::Unreachable);
        assert!(err.to_string().contains("127.0.0.1:1"), "{err}");
    }
}
