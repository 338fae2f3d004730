//! The commands for people, run as people run them: against a server, with contexts of their own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context as _;

use crate::server::{Server, binary};

/// Runs `dkron` with the environment of somebody who uses one server.
pub struct Cli {
    bin: PathBuf,
    url: String,
    home: PathBuf,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Cli {
    /// Contexts and files are kept in the server's folder.
    pub fn of(server: &Server) -> anyhow::Result<Cli> {
        let home = server.dir.join("home");
        std::fs::create_dir_all(&home)?;
        Ok(Cli { bin: binary()?, url: server.url.clone(), home })
    }

    /// Where files of the person stand, and where commands are run.
    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.bin);
        self.prepare(&mut command);
        command
    }

    /// The environment of any command, in which `dkron` is found by its name.
    pub fn prepare(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DKRON_") {
                command.env_remove(name);
            }
        }
        let folder = self.bin.parent().unwrap_or(Path::new(".")).to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path)));
        command
            .env("PATH", path.unwrap_or_default())
            .env("DKRON_URL", &self.url)
            .env("XDG_CONFIG_HOME", &self.home)
            .env("USER", "ann")
            .current_dir(&self.home);
    }

    pub fn run(&self, args: &[&str]) -> anyhow::Result<Ran> {
        self.feed(args, b"")
    }

    /// The same with bytes on standard input.
    pub fn feed(&self, args: &[&str], input: &[u8]) -> anyhow::Result<Ran> {
        let mut command = self.command();
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{:?}", self.bin))?;
        let mut stdin = child.stdin.take().context("standard input")?;
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || {
            // A command that has read enough closes its side.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().context("waiting for the command")?;
        let _ = feeder.join();
        Ok(Ran::from(output))
    }

    /// The words of a command that must succeed.
    pub fn ok(&self, args: &[&str]) -> anyhow::Result<String> {
        let ran = self.run(args)?;
        anyhow::ensure!(ran.code == 0, "dkron {args:?}: {ran:?}");
        Ok(ran.out)
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}
