use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use dkron_core::domain::config_schema::ConfigSchema;

use super::*;
use crate::processors::{FilesProcessor, LogProcessor};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

struct Broken;

impl Processor for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn schema(&self) -> &'static ConfigSchema {
        &crate::processors::log::SCHEMA
    }

    fn process(
        &self,
        _: &ExecutionView<'_>,
        config: &ConfigMap,
    ) -> Result<Option<Vec<u8>>, ProcessorError> {
        assert_eq!(config["reporting_node"], "n1");
        panic!("as tests want it")
    }
}

fn view(success: bool) -> ExecutionView<'static> {
    let id = "1700000000000000000-n1";
    ExecutionView { id, job_name: "j", output: b"hello\n", success, reporting_node: "n1" }
}

fn chain(entries: &[(&str, &[(&str, &str)])]) -> BTreeMap<String, ConfigMap> {
    let config = |keys: &[(&str, &str)]| {
        keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<ConfigMap>()
    };
    entries.iter().map(|(name, keys)| ((*name).to_owned(), config(keys))).collect()
}

#[test]
fn the_log_goes_to_one_of_two_streams() {
    let (good, bad) = (Page::default(), Page::default());
    let log = LogProcessor::with_streams(good.clone(), bad.clone());
    let registry = ProcessorRegistry::new([Arc::new(log) as Arc<dyn Processor>]);
    let done = run_processors(&registry, &chain(&[("log", &[])]), &view(true));
    assert_eq!(done.replacement.unwrap(), b"Output in dkron log");
    let block = "----- BEGIN OUTPUT job=j execution=1700000000000000000-n1 -----\nhello\n\
                 ----- END OUTPUT -----\n";
    assert_eq!((good.text().as_str(), bad.text().as_str()), (block, ""));

    let forward = chain(&[("log", &[("forward", "T")])]);
    assert!(run_processors(&registry, &forward, &view(false)).replacement.is_none());
    assert_eq!(bad.text(), block);
}

#[test]
fn files_are_written_and_the_last_replacement_stands() {
    let dir = tempfile::tempdir().unwrap();
    let default = dir.path().join("a/b");
    let page = Page::default();
    let registry = ProcessorRegistry::new([
        Arc::new(FilesProcessor::with_default_dir(&default)) as Arc<dyn Processor>,
        Arc::new(LogProcessor::with_streams(page.clone(), page.clone())),
    ]);
    assert_eq!(registry.names(), ["files", "log"]);
    let path = default.join("1700000000000000000-n1.log");

    let both = chain(&[("log", &[]), ("files", &[])]);
    let done = run_processors(&registry, &both, &view(true));
    assert_eq!(done.replacement.unwrap(), b"Output in dkron log");
    assert!(page.text().contains("\nhello\n"), "the original, not the replacement");
    assert_eq!(std::fs::read(&path).unwrap(), b"hello\n");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);

    let kept = chain(&[("log", &[("forward", "1")]), ("files", &[])]);
    let done = run_processors(&registry, &kept, &view(true));
    assert_eq!(done.replacement.unwrap(), path.to_str().unwrap().as_bytes());
}

#[test]
fn a_failed_write_keeps_the_output() {
    let files = Arc::new(FilesProcessor::default()) as Arc<dyn Processor>;
    let registry = ProcessorRegistry::new([files]);
    let nowhere = chain(&[("files", &[("log_dir", "/nonexistent/dir")])]);
    let done = run_processors(&registry, &nowhere, &view(true));
    assert!(done.replacement.is_none());
    assert!(done.problems[0].1.to_string().contains("/nonexistent/dir/"));
    let odd = ExecutionView { id: "../x", ..view(true) };
    assert!(run_processors(&registry, &nowhere, &odd).problems[0].1.to_string().contains("../x"));
}

#[test]
fn unknown_and_broken_processors_are_problems() {
    let registry = ProcessorRegistry::new([Arc::new(Broken) as Arc<dyn Processor>]);
    let both = chain(&[("broken", &[]), ("nope", &[])]);
    let done = run_processors(&registry, &both, &view(true));
    let problems: Vec<String> = done.problems.iter().map(|(_, err)| err.to_string()).collect();
    assert_eq!(problems[0], "processor `broken` broke down");
    assert!(problems[1].contains("`nope`") && problems[1].contains("broken"));
}
