//! Clients by TLS settings: each keeps its own connections.
//!
//! A client is built anew when a certificate file it was made from has changed on disk.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::redirect::Policy;

use crate::config::{ConfigMap, flag, text};

use super::tls::{self, Settings};

/// Clients kept at once; the one that was not used for longest goes.
const CLIENTS_MAX: usize = 100;

/// Below what servers commonly allow, so that a request seldom meets a connection that the server
/// is just closing.
const IDLE_CONNECTION_MAX: Duration = Duration::from_millis(1500);
const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 256;
/// Requests of one run, redirects included.
pub const REQUESTS_MAX: usize = 10;

/// A client and what is to be said about how it was built.
#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub warnings: std::sync::Arc<[String]>,
}

/// The clients of one executor.
#[derive(Default)]
pub struct ClientCache {
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    settings: Settings,
    stamps: [Option<Stamp>; 3],
    client: Client,
}

/// What changes when a file is written or replaced.
type Stamp = (SystemTime, u64);

impl ClientCache {
    /// The client for a configuration, built if need be.
    pub fn get(&self, config: &ConfigMap) -> Result<Client, String> {
        let settings = Settings {
            no_verify: flag(config, "tlsNoVerifyPeer"),
            certificate_file: text(config, "tlsCertificateFile").to_owned(),
            key_file: text(config, "tlsCertificateKeyFile").to_owned(),
            roots_file: text(config, "tlsRootCAsFile").to_owned(),
        };
        let stamps = [&settings.certificate_file, &settings.key_file, &settings.roots_file]
            .map(|path| stamp(path));

        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = entries.iter().position(|entry| entry.settings == settings) {
            if entries[at].stamps == stamps {
                // The most recent one stands last.
                entries[at..].rotate_left(1);
                let last = entries.last().expect("an entry was just found");
                return Ok(last.client.clone());
            }
            entries.remove(at);
        }
        let client = build(&settings)?;
        if entries.len() >= CLIENTS_MAX {
            entries.remove(0);
        }
        entries.push(Entry { settings, stamps, client: client.clone() });
        Ok(client)
    }
}

fn stamp(path: &str) -> Option<Stamp> {
    if path.is_empty() {
        return None;
    }
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn build(settings: &Settings) -> Result<Client, String> {
    let (tls, warnings) = tls::client_config(settings)?;
    let redirects = Policy::custom(|attempt| {
        if attempt.previous().len() >= REQUESTS_MAX {
            attempt.error(format!("stopped after {REQUESTS_MAX} redirects"))
        } else {
            attempt.follow()
        }
    });
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(redirects)
        .referer(true)
        .pool_idle_timeout(IDLE_CONNECTION_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
        .tls_backend_preconfigured(tls)
        .build()
        .map_err(|err| format!("http: cannot set up a client: {err}"))?;
    Ok(Client { http, warnings: warnings.into() })
}
