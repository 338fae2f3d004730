//! The memory limit of a shell job: `1073741824`, `512MB`, `1.5gb`.

use alloc::format;
use alloc::string::String;

/// Bytes of a memory limit, or the reason why the text is none.
///
/// # Errors
/// The reason is the text that users see behind `Error parsing job memory limit value: `.
pub fn parse(text: &str) -> Result<u64, String> {
    let positive = || String::from("memory limit must be greater than 0");
    if let Ok(bytes) = text.parse::<i64>() {
        return u64::try_from(bytes).ok().filter(|bytes| *bytes > 0).ok_or_else(positive);
    }
    let upper = text.trim().to_uppercase();
    let end = upper.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(upper.len());
    let (number, unit) = upper.split_at(end);
    if number.is_empty() || !unit.chars().all(|c| c.is_ascii_uppercase()) {
        return Err(format!("invalid memory limit format: {upper}"));
    }
    let value: f64 =
        number.parse().map_err(|_| format!("invalid numeric value in memory limit: {number}"))?;
    let scale = match unit {
        "" | "B" | "BYTES" => 1u64,
        "K" | "KB" => 1 << 10,
        "M" | "MB" => 1 << 20,
        "G" | "GB" => 1 << 30,
        "T" | "TB" => 1 << 40,
        _ => {
            let supported = "supported: B, KB, MB, GB, TB";
            return Err(format!("unsupported memory unit: {unit} ({supported})"));
        }
    };
    #[allow(clippy::cast_precision_loss)] // powers of two are exact
    let bytes = value * scale as f64;
    // 2^63 as a float: the first value that a signed 64-bit count cannot hold.
    if !bytes.is_finite() || bytes >= 9_223_372_036_854_775_808.0 {
        return Err(String::from("memory limit too large or causes overflow"));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bounded above, digits only
    let bytes = bytes as u64;
    if bytes == 0 { Err(positive()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_units() {
        for (text, bytes) in [
            ("1", 1),
            ("1024", 1024),
            ("1.5GB", 1_610_612_736),
            (" 512mb ", 536_870_912),
            ("2k", 2048),
            ("7bytes", 7),
            ("1T", 1 << 40),
            ("1.5", 1),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn says_why_a_text_is_no_limit() {
        for (text, reason) in [
            ("0", "memory limit must be greater than 0"),
            ("-5", "memory limit must be greater than 0"),
            ("0MB", "memory limit must be greater than 0"),
            ("-100mb", "invalid memory limit format: -100MB"),
            ("invalid", "invalid memory limit format: INVALID"),
            ("1 GB", "invalid memory limit format: 1 GB"),
            ("", "invalid memory limit format: "),
            ("1.2.3mb", "invalid numeric value in memory limit: 1.2.3"),
            ("100PB", "unsupported memory unit: PB (supported: B, KB, MB, GB, TB)"),
            ("99999999TB", "memory limit too large or causes overflow"),
        ] {
            assert_eq!(parse(text), Err(String::from(reason)), "{text}");
        }
    }
}
