//! What the configuration map of an executor or a processor looks like, as plain data.
//!
//! Written as constants beside each executor and processor and handed upwards, so that admission,
//! the interface and the documentation read one description. It knows nothing about how a value
//! is used, and it rejects nothing by itself.

/// The whole configuration of one executor or processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigSchema {
    /// The name users write in a job: `shell`, `files`.
    pub name: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// The keys, in the order in which a form shows them.
    pub keys: &'static [ConfigKey],
}

impl ConfigSchema {
    /// The description of one key.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// One key of a configuration map. All values are text in the map; `kind` says what the text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigKey {
    /// The key as written in the map.
    pub name: &'static str,
    /// How the text is read.
    pub kind: ConfigKind,
    /// A run without it fails.
    pub required: bool,
    /// What an absent key means, in the same notation as a value.
    pub default: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// The value must not be shown to people who may only read jobs.
    pub secret: bool,
}

impl ConfigKey {
    /// An optional key without a default.
    #[must_use]
    pub const fn new(name: &'static str, kind: ConfigKind, doc: &'static str) -> Self {
        Self { name, kind, required: false, default: "", doc, secret: false }
    }

    /// The same key, but a run needs it.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same key with the value that holds when it is absent.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    /// The same key, whose value is a secret or may carry one.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// How the text of a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigKind {
    /// Any text.
    Text,
    /// Text of several lines, as a request body.
    LongText,
    /// One of `1 t T TRUE true True 0 f F FALSE false False`.
    Bool,
    /// A whole number.
    Integer,
    /// A whole number of seconds.
    Seconds,
    /// A duration such as `1h30m`.
    Duration,
    /// A memory size such as `512MB`.
    MemorySize,
    /// A path on the node that runs the job (for a processor: on the leader).
    Path,
    /// An absolute URL.
    Url,
    /// A regular expression.
    Regex,
    /// Bytes in base64.
    Base64,
    /// A JSON array of strings.
    JsonList,
    /// Numbers separated by commas.
    IntegerList,
    /// `NAME=value` separated by commas, or a JSON object of strings.
    Variables,
    /// `user` or `user:group`.
    User,
}
