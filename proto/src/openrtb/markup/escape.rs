//! Escaping for JSON strings, HTML and XML; OpenRTB macros pass unchanged through all of it.

const HEX_UPPER: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F",
];
const HEX_LOWER: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
];

/// Takes text piece by piece.
pub trait Sink {
    /// Appends it.
    fn put(&mut self, text: &str);
}

impl Sink for String {
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// Appends `text` as a JSON string with its quotes.
pub fn json_string(out: &mut impl Sink, text: &str) {
    out.put("\"");
    json_inner(out, text);
    out.put("\"");
}

/// Appends `text` as the inside of a JSON string.
pub fn json_inner(out: &mut impl Sink, text: &str) {
    let mut rest = text;
    while let Some(at) = json_special(rest.as_bytes()) {
        let (plain, special) = rest.split_at(at);
        out.put(plain);
        let (special, after) = special.split_at(1); // such bytes are whole characters
        match special {
            "\"" => out.put("\\\""),
            "\\" => out.put("\\\\"),
            "\n" => out.put("\\n"),
            "\r" => out.put("\\r"),
            "\t" => out.put("\\t"),
            control => {
                out.put("\\u00");
                push_hex(out, HEX_LOWER, control.as_bytes()[0]);
            }
        }
        rest = after;
    }
    out.put(rest);
}

/// Where the first byte stands that a JSON string escapes: a control character, a quote, a backslash. Looks at eight
/// bytes at a time; the lowest bit that is set is always of such a byte ("Bit Twiddling Hacks", determine if a word
/// has a byte less than n).
fn json_special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    let below = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word & HIGH;
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = below(word, b' ') | is(word, b'"') | is(word, b'\\');
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    Some(words.len() * 8 + rest.iter().position(special)?)
}

/// Appends `text` for an HTML or XML attribute in double quotes, or for XML text. Characters that
/// XML 1.0 does not allow are left out.
pub fn markup_text(out: &mut impl Sink, text: &str) {
    const NONCHARACTER_LEAD: u8 = 0xef;
    let special =
        |byte| byte < b' ' || matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'' | NONCHARACTER_LEAD);
    changed(out, text, special, |out, character| match character {
        '&' => out.put("&amp;"),
        '<' => out.put("&lt;"),
        '>' => out.put("&gt;"),
        '"' => out.put("&quot;"),
        '\'' => out.put("&#39;"),
        '\t' | '\n' | '\r' => out.put(" "),
        '\u{FFFE}' | '\u{FFFF}' => {}
        _ if character < ' ' => {}
        _ => out.put(character.encode_utf8(&mut [0; 4])),
    });
}

/// Appends an address for a place where no escaping is undone: a CDATA section, a script. What could end such a place
/// is percent-encoded and so are letters beyond ASCII; control characters are left out.
pub fn address_text(out: &mut impl Sink, address: &str) {
    let special = |byte: u8| {
        !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`')
    };
    changed(out, address, special, |out, character| {
        if !character.is_control() {
            encode(out, character, "%");
        }
    });
}

/// Appends `text` as a URL component (RFC 3986, all but unreserved characters), escaped `times` times, 1 or 2.
pub fn component(out: &mut impl Sink, text: &str, times: u8) {
    let percent = if times > 1 { "%25" } else { "%" };
    let special =
        |byte: u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'));
    changed(out, text, special, |out, character| {
        encode(out, character, percent);
    });
}

/// Appends `text` with the characters that begin with a special byte changed.
fn changed<S: Sink>(
    out: &mut S,
    text: &str,
    special: impl Fn(u8) -> bool,
    mut change: impl FnMut(&mut S, char),
) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(&special) {
        let (plain, from) = rest.split_at(at);
        out.put(plain);
        let mut characters = from.chars();
        if let Some(character) = characters.next() {
            change(out, character);
        }
        rest = characters.as_str();
    }
    out.put(rest);
}

fn encode(out: &mut impl Sink, character: char, percent: &str) {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        out.put(percent);
        push_hex(out, HEX_UPPER, byte);
    }
}

fn push_hex(out: &mut impl Sink, digits: [&str; 16], byte: u8) {
    out.put(digits[usize::from(byte >> 4)]);
    out.put(digits[usize::from(byte & 15)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_escapes_is_found_wherever_it_stands() {
        for special in ["\"", "\\", "\u{0}", "\u{1f}", "\n"] {
            for before in 0..20 {
                for filler in ["a", "\u{7f}", " ", "!", "#", "[", "]"] {
                    let text = filler.repeat(before) + special + &filler.repeat(9) + special;
                    assert_eq!(json_special(text.as_bytes()), Some(before), "{text:?}");
                }
            }
        }
        assert_eq!(json_special("ключ 😀 plain enough \u{80}".as_bytes()), None);
        let mut out = String::new();
        json_string(&mut out, "a\"b\\c\n\r\t\u{1}\u{1f}é");
        assert_eq!(out, r#""a\"b\\c\n\r\t\u0001\u001fé""#);
    }
}
