//! The console's knobs.

use serde::Deserialize;

/// How the console behaves; the defaults run on a laptop.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether cookies are sent over TLS only. True wherever browsers reach the console over `https`.
    pub secure_cookies: bool,
    /// How long a sign-in lasts, in hours.
    pub session_hours: u32,
    /// Most live streams at once: each costs a few report queries a second.
    pub live_streams_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            secure_cookies: false,
            session_hours: 12,
            live_streams_max: 64,
        }
    }
}

impl Config {
    /// How long a sign-in lasts, in milliseconds.
    pub(crate) fn session_ms(&self) -> i64 {
        i64::from(self.session_hours.clamp(1, 24 * 30)) * 3_600_000
    }
}
