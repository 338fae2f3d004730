//! The cluster's settings as clients see them.

use dkron_core::domain::Settings;
use schemars::JsonSchema;
use serde::Serialize;

use crate::words::{misfire_text, span_text};

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Settings")]
pub struct SettingsDto<'a> {
    zone: &'a str,
    keep_executions: u32,
    keep_for: Option<String>,
    misfire: String,
    misfire_threshold: String,
    start_deadline: String,
    lost_after: String,
    catch_up_rate: u32,
    output_limit: u32,
}

impl<'a> From<&'a Settings> for SettingsDto<'a> {
    fn from(settings: &'a Settings) -> Self {
        SettingsDto {
            zone: &settings.zone,
            keep_executions: settings.keep_executions,
            keep_for: settings.keep_for.map(span_text),
            misfire: misfire_text(settings.misfire),
            misfire_threshold: span_text(settings.misfire_threshold),
            start_deadline: span_text(settings.start_deadline),
            lost_after: span_text(settings.lost_after),
            catch_up_rate: settings.catch_up_rate,
            output_limit: settings.output_limit,
        }
    }
}
