//! From the shell into a world of its own: everything happens in namespaces that end with this
//! process, however it ends. Only files in the run's folder stay.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use dkron_bench::Args;

use crate::faults::disks;
use crate::run::OPTIONS;

/// What a run needs of the machine, tried in a moment.
const TRIAL: &str = "
    ip link add try type vxlan id 1 remote 127.0.0.1 dstport 4789
    command -v flock > /dev/null || { echo 'no program flock' >&2; exit 1; }
    test \"$(date +%N)\" != N";

/// Runs the inner verb with the same options. `None`: this machine lets nobody do that, and why
/// is said.
pub fn run(verb: &str, args: &Args) -> anyhow::Result<Option<i32>> {
    let known: Vec<&str> = OPTIONS.iter().chain(&["dir", "bin"]).copied().collect();
    args.only(0, &known)?;
    let trial = namespaces().args(["sh", "-ec", TRIAL]).stdin(Stdio::null()).output();
    match trial {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            println!("LEFT OUT: all of chaos, since this machine refuses it: {why}");
            return Ok(None);
        }
        Err(e) => {
            println!("LEFT OUT: all of chaos, since there is no `unshare`: {e}");
            return Ok(None);
        }
    }
    let own = std::env::current_exe().context("no path to this program")?;
    let bin = args.text("bin").map_or_else(|| own.with_file_name("dkron"), PathBuf::from);
    let bin = std::path::absolute(bin)?;
    if verb == "run" && !bin.is_file() {
        bail!("no binary {bin:?}: build it with `cargo build -p dkron`");
    }
    let dir = folder(args, &own)?;
    let _sweeper = Sweeper::start(&disks::group(&dir));
    let mut inside = namespaces();
    inside.arg(&own).arg(format!("inside-{verb}")).args(std::env::args_os().skip(2));
    inside.arg("--dir").arg(&dir).arg("--bin").arg(&bin);
    // The end of this pipe is how the world learns that we are gone.
    let mut child = inside.stdin(Stdio::piped()).spawn().context("starting unshare")?;
    let hold = child.stdin.take();
    let status = child.wait().context("waiting for the run")?;
    drop(hold);
    if verb == "trial" && status.success() {
        fs::remove_dir_all(&dir).with_context(|| format!("removing {dir:?}"))?;
    }
    Ok(Some(status.code().unwrap_or(2)))
}

/// The folder of the run, empty.
fn folder(args: &Args, own: &Path) -> anyhow::Result<PathBuf> {
    let dir = match args.text("dir") {
        Some(dir) => PathBuf::from(dir),
        None => {
            let build = own.ancestors().nth(2).context("this program lies in a build folder")?;
            build.join("chaos").join(std::process::id().to_string())
        }
    };
    if dir.exists() && !dir.join("plan.json").exists() && fs::read_dir(&dir)?.next().is_some() {
        bail!("{dir:?} is there and no folder of a chaos run");
    }
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("emptying {dir:?}"))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("creating {dir:?}"))?;
    Ok(fs::canonicalize(&dir)?)
}

fn namespaces() -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command
}

/// A group of processes is the one thing that no namespace takes along. Whoever removes it is a
/// process that waits for our end, in a session that no Ctrl-C reaches.
struct Sweeper(Option<Child>);

impl Sweeper {
    fn start(group: &Path) -> Sweeper {
        let group = group.display();
        let script = format!(
            "cat > /dev/null; for n in 1 2 3 4 5 6 7 8 9; do
                rmdir '{group}' 2> /dev/null; [ -d '{group}' ] || exit 0; sleep 0.2
            done"
        );
        let mut sweeper = Command::new("setsid");
        sweeper.args(["sh", "-c", &script]).stdin(Stdio::piped());
        Sweeper(sweeper.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok())
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}
