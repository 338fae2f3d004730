//! Where a node keeps what must survive, and for a development node what must not.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::NodeOptions;
use crate::config::flags::is_secret;

/// A directory that exists; a temporary one goes with this value.
pub struct Directory {
    path: PathBuf,
    temporary: bool,
}

impl Directory {
    pub fn prepare(options: &NodeOptions) -> anyhow::Result<Directory> {
        let path = match options.temporary {
            true => temporary_path()?,
            false => options.data_dir.clone(),
        };
        let shown = path.display().to_string();
        let advice = "name a directory that this user may write with --data-dir";
        if path.exists() && !path.is_dir() {
            anyhow::bail!("data directory `{shown}` is no directory; {advice}");
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&path).map_err(|err| {
            anyhow::anyhow!("failed to create data directory `{shown}`: {err}; {advice}")
        })?;
        Ok(Directory { path, temporary: options.temporary })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_temporary(&self) -> bool {
        self.temporary
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.temporary {
            // Nothing follows; what is left is the system's to clean.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn temporary_path() -> anyhow::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).context("the system gave no random bytes")?;
    let name = format!("dkron-dev-{:016x}", u64::from_ne_bytes(random));
    Ok(std::env::temp_dir().join(name))
}

/// The command line for people to look at: values of secret options are left out.
pub fn command_line(args: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut hide_next = false;
    args.map(|arg| {
        let arg = arg.to_string_lossy().into_owned();
        if std::mem::take(&mut hide_next) && !arg.starts_with("--") {
            return "<hidden>".to_owned();
        }
        let Some(option) = arg.strip_prefix("--") else { return arg };
        let name = option.split('=').next().unwrap_or("");
        if !is_secret(name) {
            return arg;
        }
        hide_next = name.len() == option.len();
        if hide_next { arg } else { format!("--{name}=<hidden>") }
    })
    .collect()
}
