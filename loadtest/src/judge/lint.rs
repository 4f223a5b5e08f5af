//! A second opinion: the rules of `rtblint-core`, which others wrote.

use rtblint_core::{OpenRtbVersion, Severity};

use super::{Found, Rule, flag};

/// Findings that rest on a request which is odd itself: the linter compares strings where exchanges send numbers.
/// Our own rules read both, and judge the same things.
const NEEDS_A_STRICT_REQUEST: &[&str] = &[
    "openrtb.response.request_id_mismatch",
    "openrtb.bid.impid_unknown",
    "openrtb.bid.dealid_unknown",
    "openrtb.pair.request_unusable",
];

/// Takes over every error that the linter finds in the response as an answer to the request.
pub(super) fn check(request: &str, response: &str, found: &mut Found) {
    let result = rtblint_core::validate_bid_response_against_request(
        OpenRtbVersion::V2_6_202606,
        request,
        response,
    );
    let errors = result
        .issues
        .iter()
        .filter(|issue| issue.severity == Severity::Error);
    for issue in errors.filter(|issue| !NEEDS_A_STRICT_REQUEST.contains(&issue.id.as_str())) {
        let at = issue.path.as_deref().unwrap_or("response");
        let detail = format!("{} at {at}: {}", issue.id, issue.message);
        flag(found, Rule::Lint, "", &detail);
    }
}
