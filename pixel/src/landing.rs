//! Where a click may lead: an absolute web address out of a sealed token, and nothing else.

use std::fmt::Write;

use domain::limits::PIXEL_URL_BYTES_MAX;

/// The query parameter by which an advertiser's page gets the token for its conversions.
pub const TOKEN_PARAMETER: &str = "paceline_t";

/// Builds the redirect's target: `landing` with `token` in its query, before any fragment.
/// `None` when `landing` is not an absolute `http` or `https` address that every browser reads alike.
pub fn target(landing: &str, token: &str) -> Option<String> {
    if !is_absolute_web_address(landing) {
        return None;
    }
    let (address, fragment) = match landing.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (landing, None),
    };
    let mut target = String::with_capacity(landing.len() + token.len() + 16);
    push_ascii(&mut target, address);
    target.push_str(separator(address));
    target.push_str(TOKEN_PARAMETER);
    target.push('=');
    target.push_str(token);
    if let Some(fragment) = fragment {
        target.push('#');
        push_ascii(&mut target, fragment);
    }
    Some(target)
}

fn separator(address: &str) -> &'static str {
    if !address.contains('?') {
        "?"
    } else if address.ends_with(['?', '&']) {
        ""
    } else {
        "&"
    }
}

/// Control characters split headers, spaces and backslashes are read differently by browsers and by us, and a
/// user name before the host disguises it: none of them belongs in a landing page.
fn is_absolute_web_address(landing: &str) -> bool {
    let Some((scheme, rest)) = landing.split_once("://") else {
        return false;
    };
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let is_clean = landing.len() <= PIXEL_URL_BYTES_MAX
        && !landing
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_is_plain = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
    is_web && is_clean && host_is_plain && host.starts_with(is_host_start)
}

fn is_host_start(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '['
}

/// Paths and queries may be written with other letters; a header carries them percent-encoded.
fn push_ascii(target: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii() {
            target.push(char::from(byte));
        } else {
            write!(target, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_joins_the_query_before_the_fragment() {
        let cases = [
            ("https://a.example", "https://a.example?paceline_t=T"),
            ("https://a.example/", "https://a.example/?paceline_t=T"),
            (
                "http://a.example/p?x=1",
                "http://a.example/p?x=1&paceline_t=T",
            ),
            ("https://a.example/p?", "https://a.example/p?paceline_t=T"),
            (
                "https://a.example/p?x=1&",
                "https://a.example/p?x=1&paceline_t=T",
            ),
            (
                "https://a.example/p#top",
                "https://a.example/p?paceline_t=T#top",
            ),
            (
                "https://a.example/#/r?x=1",
                "https://a.example/?paceline_t=T#/r?x=1",
            ),
            (
                "HTTPS://A.example:8443/ä",
                "HTTPS://A.example:8443/%C3%A4?paceline_t=T",
            ),
            ("http://[::1]:80/", "http://[::1]:80/?paceline_t=T"),
        ];
        for (landing, expected) in cases {
            assert_eq!(target(landing, "T").as_deref(), Some(expected), "{landing}");
        }
    }
}
