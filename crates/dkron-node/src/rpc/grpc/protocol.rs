//! Versions of the protocol between nodes.

#[cfg(debug_assertions)]
static STAGED: std::sync::OnceLock<u16> = std::sync::OnceLock::new();

/// Lowest and highest version that this build speaks.
const SPOKEN: (u16, u16) = (1, 1);

/// What this process announces: lowest and highest.
pub fn protocol() -> (u16, u16) {
    #[cfg(debug_assertions)]
    if let Some(highest) = STAGED.get() {
        return (SPOKEN.0.min(*highest), *highest);
    }
    SPOKEN
}

/// Tests let one build announce the highest version of another, older or newer. Only the first
/// call counts.
#[cfg(debug_assertions)]
pub fn stage_protocol(highest: u16) {
    // A second one would be a mistake of the one test that starts this process.
    let _ = STAGED.set(highest);
}
