//! `api`: schemathesis throws requests at a server by the API's own description, and fails on any
//! 5xx, undocumented status, or answer of another shape.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use dkron_bench::Args;
use dkron_conformance::server::Server;

use crate::cargo::{build_dkron, metadata, step};

const VERSION: &str = "4.32.5";
/// Requests that are made up for each operation, beside those at the bounds of its schema.
const EXAMPLES: u32 = 20;
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance";
/// These end the server, block what the others do, take its only node away, or do not end.
const LEFT_OUT: [&str; 4] = ["leave", "pause", "setEligibility", "followEvents"];
/// An entry that never comes would be waited for, and answered with 503.
const CONFIG: &str =
    "hooks = \"lines.py\"\n[parameters]\n\"query.index\" = 0\n\"query.wait\" = \"1s\"\n";
/// It does not know bodies of lines by itself.
const LINES: &str = "\
import schemathesis

@schemathesis.serializer(\"application/x-ndjson\")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode(\"utf-8\", \"replace\")
";

pub fn api(args: &Args) -> anyhow::Result<()> {
    args.only(0, &["examples"])?;
    let examples = args.number("examples", EXAMPLES)?;
    run(&build_dkron(false)?, examples)
}

/// As the test command has it; the server is built.
pub fn smoke(bin: &Path) -> anyhow::Result<()> {
    run(bin, EXAMPLES)
}

fn run(bin: &Path, examples: u32) -> anyhow::Result<()> {
    let program = installed()?;
    let config = folder()?.join("schemathesis.toml");
    std::fs::write(&config, CONFIG).context("writing schemathesis' configuration")?;
    std::fs::write(folder()?.join("lines.py"), LINES).context("writing its hook")?;
    let mut server = Server::start(bin, &["--dev"])?;
    let mut tests = Command::new(program);
    tests.current_dir(folder()?).arg("--config-file").arg(config).arg("run");
    tests.arg(format!("{}/v1/openapi.json", server.url));
    for operation in LEFT_OUT {
        tests.args(["--exclude-operation-id", operation]);
    }
    tests.args(["--checks", CHECKS, "--phases", "coverage,fuzzing", "--warnings", "off"]);
    tests.args(["--max-examples", &examples.to_string(), "--request-timeout", "20"]);
    tests.args(["--continue-on-failure", "--no-color"]);
    let done = step("api: schemathesis", &mut tests);
    anyhow::ensure!(server.is_alive(), "the server ended; its log:\n{}", server.log_tail());
    done
}

fn folder() -> anyhow::Result<PathBuf> {
    let target = metadata()?;
    let target = target["target_directory"].as_str().context("no target directory")?;
    Ok(Path::new(target).join(format!("schemathesis-{VERSION}")))
}

/// The program, in a Python environment of its own below the target folder.
fn installed() -> anyhow::Result<PathBuf> {
    let folder = folder()?;
    let program = folder.join("bin/schemathesis");
    if program.is_file() {
        return Ok(program);
    }
    let mut venv = Command::new("python3");
    step("api: make a Python environment", venv.args(["-m", "venv"]).arg(&folder))
        .context("Python 3 with venv is needed (Debian: apt-get install python3-venv)")?;
    let package = format!("schemathesis=={VERSION}");
    let mut pip = Command::new(folder.join("bin/python"));
    step("api: install schemathesis", pip.args(["-m", "pip", "install", "-q", &package]))?;
    Ok(program)
}
