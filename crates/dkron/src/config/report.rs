//! What `--config-check` shows: every option that is set, to what, and where that stands.

use std::fmt::Write as _;

use super::flags::{self, FLAGS};
use super::{Error, Layers, Origin, Raw};

impl Layers {
    /// One line for each option that some source sets; secrets are only said to be there.
    pub fn report(&self) -> Result<String, Error> {
        let mut text = String::new();
        for flag in FLAGS {
            let (raw, origin) = self.get(flag.name)?;
            let from = match origin {
                Origin::Default => continue,
                Origin::Flag => "command line".to_owned(),
                Origin::Env => flag.env(),
                Origin::File(name) => name,
            };
            let value = match raw {
                _ if flags::is_secret(flag.name) => "(hidden)".to_owned(),
                Raw::Text(text) => text,
                Raw::List(list) => list.join(", "),
            };
            let _ = writeln!(text, "{} = {value}  ({from})", flag.name);
        }
        Ok(text)
    }
}
