//! The configuration file: where it is looked for, how it is read, which keys it may hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Error;
use super::flags::{FILE_ONLY, FLAGS};
use crate::nearest;

/// Larger files are no configuration.
const FILE_BYTES: u64 = 1024 * 1024;

/// In the order in which they are tried within a directory.
const EXTENSIONS: &[&str] = &["json", "toml", "yaml", "yml"];

/// A file's keys and values; without a file both are empty.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// As it was found; empty without a file.
    pub name: String,
    values: BTreeMap<String, Value>,
    /// What a person should know: unknown keys.
    pub warnings: Vec<String>,
}

impl File {
    /// The named file, or the first `dkron.*` in the usual directories.
    pub fn find(named: Option<&str>, home: Option<&str>) -> Result<File, Error> {
        if let Some(path) = named {
            return File::open(Path::new(path));
        }
        let mut directories = vec![PathBuf::from("/etc/dkron")];
        directories.extend(home.map(|home| Path::new(home).join(".dkron")));
        directories.push(PathBuf::from("config"));
        let candidates = directories
            .iter()
            .flat_map(|dir| EXTENSIONS.iter().map(move |ext| dir.join(format!("dkron.{ext}"))));
        match candidates.into_iter().find(|path| path.is_file()) {
            Some(path) => File::open(&path),
            None => Ok(File::default()),
        }
    }

    fn open(path: &Path) -> Result<File, Error> {
        let name = path.display().to_string();
        let cannot = |err: std::io::Error| {
            Error::new(format!("failed to read configuration file `{name}`: {err}"))
        };
        let size = std::fs::metadata(path).map_err(cannot)?.len();
        if size > FILE_BYTES {
            return Err(Error::new(format!("configuration file `{name}` is larger than 1 MiB")));
        }
        let text = std::fs::read_to_string(path).map_err(cannot)?;
        let extension = path.extension().and_then(|ext| ext.to_str()).unwrap_or("");
        File::parse(&name, extension, &text)
    }

    /// Reads `text` in the format that the extension names.
    pub fn parse(name: &str, extension: &str, text: &str) -> Result<File, Error> {
        let broken = |err: String| {
            let err = err.trim().to_owned();
            Error::new(format!("configuration file `{name}` is broken, fix it or move it: {err}"))
        };
        let root: Value = match extension.to_ascii_lowercase().as_str() {
            "json" => serde_json::from_str(text).map_err(|err| broken(err.to_string()))?,
            "toml" => toml::from_str(text).map_err(|err| broken(err.to_string()))?,
            "yaml" | "yml" if text.trim().is_empty() => Value::Null,
            "yaml" | "yml" => {
                serde_saphyr::from_str(text).map_err(|err| broken(err.to_string()))?
            }
            other => {
                return Err(Error::new(format!(
                    "configuration file `{name}`: format `{other}` is unknown, \
                     use .yaml, .yml, .toml or .json"
                )));
            }
        };
        let object = match root {
            Value::Object(object) => object,
            Value::Null => serde_json::Map::new(),
            _ => return Err(broken("it holds no keys".to_owned())),
        };
        let mut file = File { name: name.to_owned(), ..File::default() };
        for (key, value) in object {
            let lower = key.to_lowercase();
            if !known().any(|known| known == lower) {
                let nearest = nearest(&lower);
                file.warnings.push(format!(
                    "{name}: unknown key `{key}` is ignored, did you mean `{nearest}`?"
                ));
                continue;
            }
            file.values.insert(lower, value);
        }
        Ok(file)
    }

    /// The value of a key, keys being compared without case.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    FLAGS
        .iter()
        .map(|flag| flag.name)
        .filter(|name| *name != "config")
        .chain(FILE_ONLY.iter().copied())
}

fn nearest(key: &str) -> &'static str {
    nearest::nearest(&key.replace('_', "-"), known())
}
