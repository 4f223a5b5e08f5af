//! Names of the console's metrics. Labels come from closed lists only.

/// Answers by `surface` (page, api, live, asset) and `status` class.
pub const REQUESTS: &str = "paceline_console_requests_total";
/// Sign-ins by `result` (ok, refused, throttled).
pub const SIGN_INS: &str = "paceline_console_sign_ins_total";
/// Objects created or changed, by `object`.
pub const CHANGES: &str = "paceline_console_changes_total";
/// Requests refused because their form token was missing or foreign.
pub const CSRF_REFUSED: &str = "paceline_console_csrf_refused_total";
/// Live streams open now.
pub const LIVE_STREAMS: &str = "paceline_console_live_streams";
/// Calls to a store that failed.
pub const STORE_FAILURES: &str = "paceline_console_store_failures_total";
