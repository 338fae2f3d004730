//! Writes each output into a file of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use dkron_core::domain::config_schema::{ConfigKey, ConfigKind, ConfigSchema};

use crate::config::{ConfigMap, text};
use crate::processor::{ExecutionView, Processor, ProcessorError};

use super::{FORWARD, unless_forwarded};

const DEFAULT_DIR: &str = "/var/log/dkron";

/// What its configuration looks like.
pub const SCHEMA: ConfigSchema = ConfigSchema {
    name: "files",
    doc: "Writes the output into a file named after the execution, on the leader.",
    keys: &[
        FORWARD,
        ConfigKey::new(
            "log_dir",
            ConfigKind::Path,
            "The directory, which must exist unless it is the default.",
        )
        .default(DEFAULT_DIR),
    ],
};

/// The processor `files`.
#[derive(Debug, Clone)]
pub struct FilesProcessor {
    default_dir: PathBuf,
}

impl Default for FilesProcessor {
    fn default() -> Self {
        Self { default_dir: PathBuf::from(DEFAULT_DIR) }
    }
}

impl FilesProcessor {
    /// One with another default directory.
    #[must_use]
    pub fn with_default_dir(default_dir: impl Into<PathBuf>) -> Self {
        Self { default_dir: default_dir.into() }
    }
}

impl Processor for FilesProcessor {
    fn name(&self) -> &'static str {
        SCHEMA.name
    }

    fn schema(&self) -> &'static ConfigSchema {
        &SCHEMA
    }

    fn process(
        &self,
        execution: &ExecutionView<'_>,
        config: &ConfigMap,
    ) -> Result<Option<Vec<u8>>, ProcessorError> {
        let id = execution.id;
        // Ids end with the name of a node, which an operator may have chosen freely.
        if id.is_empty() || id.contains(['/', '\0']) {
            return Err(ProcessorError::FileName { id: id.to_owned() });
        }
        let dir = match text(config, "log_dir") {
            "" => self.default_dir.clone(),
            dir => PathBuf::from(dir),
        };
        let path = dir.join(format!("{id}.log"));
        let shown = path.display().to_string();
        let failed = |source| ProcessorError::Write { path: shown.clone(), source };
        if dir == self.default_dir {
            fs::create_dir_all(&dir).map_err(failed)?;
        }
        fs::write(&path, execution.output).map_err(failed)?;
        // Set here because the mask of the process may take more away.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(failed)?;
        Ok(unless_forwarded(config, &shown))
    }
}
