//! The pixel's metric names.

/// Hits on a known path; label `kind`.
pub const HITS: &str = "paceline_pixel_hits_total";
/// Events the log acknowledged; label `kind`.
pub const EVENTS: &str = "paceline_pixel_events_total";
/// Repeats of acknowledged events, answered without appending; label `kind`.
pub const REPEATS: &str = "paceline_pixel_repeats_total";
/// Hits answered politely and not counted; labels `kind`, `reason`.
pub const REJECTS: &str = "paceline_pixel_rejects_total";
/// Requests that are no hit: unknown path, method, too long; label `status`.
pub const MISDIRECTED: &str = "paceline_pixel_misdirected_total";
/// Events the log refused or did not acknowledge in time; labels `kind`, `cause`.
/// For clicks these are lost, all others are told to come again.
pub const UNACKNOWLEDGED: &str = "paceline_pixel_unacknowledged_total";
/// Creatives' files that were asked for; label `status`.
pub const ASSETS: &str = "paceline_pixel_assets_total";
/// Markup that notices fetched; label `status`.
pub const MARKUP: &str = "paceline_pixel_markup_total";
/// Win and billing notices by what their price said; label `price`.
pub const PRICES: &str = "paceline_pixel_prices_total";
/// From the append to the acknowledgement, in microseconds.
pub const ACKNOWLEDGE_US: &str = "paceline_pixel_acknowledge_us";
