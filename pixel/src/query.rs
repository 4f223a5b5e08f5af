//! Parameters of a query string, decoded only when they are asked for.

use std::borrow::Cow;

/// The first value of `name`, percent-decoded, with `+` as space; bytes that are no UTF-8 are replaced.
pub(crate) fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| decode(value))
}

fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Cow::Borrowed(raw);
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.as_bytes();
    while let Some((&byte, rest)) = bytes.split_first() {
        bytes = rest;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => match escaped(rest) {
                Some(value) => {
                    decoded.push(value);
                    bytes = rest.get(2..).unwrap_or_default();
                }
                // A lone percent sign stands for itself.
                None => decoded.push(b'%'),
            },
            _ => decoded.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

fn escaped(rest: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (high, low) = (digit(rest.first()?)?, digit(rest.get(1)?)?);
    u8::try_from(high * 16 + low).ok()
}

/// Cuts `text` to at most `bytes_max` bytes, never inside a character.
pub(crate) fn truncate(text: &str, bytes_max: usize) -> &str {
    let end = text.len().min(bytes_max);
    // A character has at most four bytes, so one of four places is a boundary.
    (0..4)
        .find_map(|back| text.get(..end.saturating_sub(back)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_and_decoded() {
        let cases = [
            ("t=abc&p=1", "p", Some("1")),
            ("t=abc&p=1&p=2", "p", Some("1")),
            ("p", "p", Some("")),
            ("pp=1", "p", None),
            ("", "p", None),
            ("p=%24%7BAUCTION_PRICE%7D", "p", Some("${AUCTION_PRICE}")),
            ("p=1%2E5+", "p", Some("1.5 ")),
            ("p=%zz%4", "p", Some("%zz%4")),
            ("p=%ff%C3%A4", "p", Some("\u{fffd}ä")),
            ("p=%", "p", Some("%")),
        ];
        for (query, name, expected) in cases {
            assert_eq!(parameter(query, name).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!(truncate("aä", 2), "a");
        assert_eq!(truncate("aä", 3), "aä");
        assert_eq!(truncate("", 3), "");
    }
}
