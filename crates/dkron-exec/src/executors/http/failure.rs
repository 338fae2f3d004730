//! Words for a request that did not get its answer, in the form that Dkron's users know.

use std::error::Error;
use std::io;

use reqwest::Url;

use crate::executor::Outcome;

use super::client::REQUESTS_MAX;
use super::config::Request;

/// How far the exchange had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Headers,
    Body,
}

/// The outcome of a failed exchange.
pub fn outcome(err: &reqwest::Error, request: &Request, phase: Phase) -> Outcome {
    // After redirects the failing address is not the configured one.
    let url = err.url().unwrap_or(&request.url);
    let timed_out = err.is_timeout();
    let cause = if timed_out {
        match phase {
            Phase::Headers => "context deadline exceeded \
                 (Client.Timeout exceeded while awaiting headers)"
                .to_owned(),
            Phase::Body => "context deadline exceeded \
                 (Client.Timeout or context cancellation while reading body)"
                .to_owned(),
        }
    } else {
        cause(err, url)
    };
    let text = match phase {
        Phase::Headers => {
            format!("{} \"{}\": {cause}", operation(request.method.as_str()), shown(url))
        }
        Phase::Body => cause,
    };
    if timed_out { Outcome::timed_out(text) } else { Outcome::failed(text) }
}

fn cause(err: &reqwest::Error, url: &Url) -> String {
    if err.is_redirect() {
        return format!("stopped after {REQUESTS_MAX} redirects");
    }
    if err.is_dns() {
        return format!("dial tcp: lookup {}: no such host", url.host_str().unwrap_or_default());
    }
    let io_kind = sources(err).find_map(|one| one.downcast_ref::<io::Error>()).map(io::Error::kind);
    if err.is_connect() {
        let reason = match io_kind {
            Some(io::ErrorKind::ConnectionRefused) => Some("connection refused"),
            Some(io::ErrorKind::NetworkUnreachable) => Some("network is unreachable"),
            Some(io::ErrorKind::HostUnreachable) => Some("no route to host"),
            Some(io::ErrorKind::ConnectionReset) => Some("connection reset by peer"),
            Some(io::ErrorKind::TimedOut) => Some("connection timed out"),
            _ => None,
        };
        if let Some(reason) = reason {
            return format!("dial tcp {}: connect: {reason}", address(url));
        }
    }
    let innermost = sources(err).last().map_or_else(|| err.to_string(), |last| last.to_string());
    match io_kind {
        Some(io::ErrorKind::UnexpectedEof) => "EOF".to_owned(),
        _ => innermost,
    }
}

type Source<'a> = &'a (dyn Error + 'static);

fn sources(err: &reqwest::Error) -> impl Iterator<Item = Source<'_>> {
    fn below<'a>(one: &Source<'a>) -> Option<Source<'a>> {
        let one: Source<'a> = *one;
        one.source()
    }
    std::iter::successors(err.source(), below)
}

fn address(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}")
}

/// `GET` reads `Get` in these texts.
fn operation(method: &str) -> String {
    let (first, rest) = method.split_at(1.min(method.len()));
    format!("{first}{}", rest.to_lowercase())
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Fails only for addresses without a host, and those carry no password.
        let _ = url.set_password(Some("***"));
    }
    url.to_string()
}
