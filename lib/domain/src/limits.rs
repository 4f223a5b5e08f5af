//! Every limit that more than one crate relies on, with its unit and its reason.

/// Largest bid request body, in bytes: real requests end below 10 KB, hostile ones are unbounded.
pub const REQUEST_BODY_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of a bid request: the specification reaches 9, extensions a few more.
pub const REQUEST_DEPTH_MAX: usize = 64;
/// Most impressions read of one request; the rest is ignored. Real ones reach 11.
pub const REQUEST_IMPS_MAX: usize = 64;
/// Most line items scored for one impression, so that time per request stays bounded.
pub const CANDIDATES_MAX: usize = 256;
/// Most banner sizes read of one impression.
pub const SIZES_MAX: usize = 64;
/// Longest string kept of a request, in bytes, where it enters an event or a token.
pub const FIELD_BYTES_MAX: usize = 256;
/// Longest tracking token accepted, in characters: most are under 400, a click's carries its landing page.
pub const TOKEN_CHARS_MAX: usize = 4096;
/// Longest pixel URL accepted, in bytes: what browsers and balancers carry without trouble.
pub const PIXEL_URL_BYTES_MAX: usize = 16 << 10;
/// How long win, loss, billing, impression and view tokens are good for, in milliseconds.
pub const NOTICE_AGE_MS_MAX: i64 = 24 * 3_600_000;
/// How long click tokens are good for, in milliseconds.
pub const CLICK_AGE_MS_MAX: i64 = 30 * 24 * 3_600_000;
/// Largest payload of one log record, in bytes: an event is under 2 KB, a body never enters the log.
pub const LOG_RECORD_BYTES_MAX: usize = 256 << 10;
/// Longest advertiser markup, in bytes: beyond it exchanges cut or refuse.
pub const MARKUP_BYTES_MAX: usize = 128 << 10;
/// Most media files of one creative: bit rates and formats, of which real ads have under ten.
pub const MEDIA_FILES_MAX: usize = 16;
/// Most addresses of others in one list of a creative: each is one more request of the browser.
pub const TRACKERS_MAX: usize = 10;
/// Longest time a lease lasts after its last renewal, in milliseconds.
pub const LEASE_MS_MAX: i64 = 10_000;
/// Most entries of one targeting list.
pub const TARGETING_LIST_MAX: usize = 100_000;

const _: () = {
    assert!(
        FIELD_BYTES_MAX * 16 < LOG_RECORD_BYTES_MAX,
        "an event of full fields fits a record"
    );
    assert!(
        TOKEN_CHARS_MAX * 2 < PIXEL_URL_BYTES_MAX,
        "a URL of one token and its parameters fits"
    );
    assert!(
        NOTICE_AGE_MS_MAX < CLICK_AGE_MS_MAX,
        "a click comes after its impression"
    );
};
