//! The server under load: a binary in a folder of its own, or any address.

use std::path::PathBuf;

use anyhow::Context as _;
use dkron_conformance::server::{Server, binary};

use crate::args::Args;

pub struct Target {
    pub url: String,
    /// Ours to kill and restart; `None` behind `--url`.
    pub server: Option<Server>,
    pid: Option<u32>,
}

impl Target {
    pub fn open(args: &Args) -> anyhow::Result<Target> {
        if let Some(url) = args.text("url") {
            let pid = args.text("pid").map(str::parse).transpose().context("--pid")?;
            return Ok(Target { url: url.to_owned(), server: None, pid });
        }
        let bin = match args.text("bin") {
            Some(path) => PathBuf::from(path).canonicalize().context("--bin")?,
            None => binary().context("name a binary with --bin, or a server with --url")?,
        };
        let server = Server::start(
            &bin,
            &["--server", "--bootstrap-expect=1", "--data-dir", "data", "--log-level", "warn"],
        )?;
        println!("== dkron at {}, data in {}", server.url, server.dir.display());
        Ok(Target { url: server.url.clone(), server: Some(server), pid: None })
    }

    /// The process to look at, if it is known.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid).or(self.pid)
    }

    pub fn own(&mut self) -> anyhow::Result<&mut Server> {
        self.server.as_mut().context("needs a server of its own: leave --url out")
    }
}
