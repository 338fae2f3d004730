//! Says plainly which accepted options do nothing yet.

use super::flags::Stage;
use super::{Error, Layers};

/// One line for each option that is set and has no effect.
pub fn explain(layers: &Layers, warnings: &mut Vec<String>) -> Result<(), Error> {
    for flag in layers.changed()? {
        match flag.stage {
            Stage::Works => {}
            Stage::Later => warnings.push(format!(
                "option {} is accepted and has no effect yet in this version",
                flag.name
            )),
            Stage::Never(why) => {
                warnings.push(format!("option {} has no effect: {why}", flag.name));
            }
        }
    }
    if layers.file.get("reconcileinterval").is_some() {
        warnings.push("option reconcileinterval is accepted and has no effect yet".to_owned());
    }
    Ok(())
}
