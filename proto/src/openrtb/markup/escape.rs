//! Escaping for JSON strings, HTML and XML; OpenRTB macros pass unchanged through all of it.

/// Appends `text` as a JSON string with its quotes.
pub fn json_bytes(out: &mut Vec<u8>, text: &str) {
    json_string(text, |part| out.extend_from_slice(part.as_bytes()));
}

/// Appends `text` as a JSON string with its quotes.
pub fn json_text(out: &mut String, text: &str) {
    json_string(text, |part| out.push_str(part));
}

/// Appends `text` as the inside of a JSON string.
pub fn json_inner(out: &mut String, text: &str) {
    json_part(text, &mut |part| out.push_str(part));
}

fn json_string(text: &str, mut push: impl FnMut(&str)) {
    push("\"");
    json_part(text, &mut push);
    push("\"");
}

fn json_part(text: &str, push: &mut impl FnMut(&str)) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_json_special) {
        let (plain, special) = rest.split_at(at);
        push(plain);
        let (special, after) = special.split_at(1); // such bytes are whole characters
        match special {
            "\"" => push("\\\""),
            "\\" => push("\\\\"),
            "\n" => push("\\n"),
            "\r" => push("\\r"),
            "\t" => push("\\t"),
            control => push_control(push, control.as_bytes()[0]),
        }
        rest = after;
    }
    push(rest);
}

fn push_control(push: &mut impl FnMut(&str), byte: u8) {
    const DIGITS: [&str; 16] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
    ];
    push("\\u00");
    push(DIGITS[usize::from(byte >> 4)]);
    push(DIGITS[usize::from(byte & 15)]);
}

fn is_json_special(byte: u8) -> bool {
    byte < b' ' || matches!(byte, b'"' | b'\\')
}

/// Appends `text` for an HTML or XML attribute in double quotes, or for XML text. Characters that
/// XML 1.0 does not allow are left out.
pub fn markup_text(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            _ if is_xml(character) => out.push(character),
            _ => {}
        }
    }
}

/// Appends an address for a place where no escaping is undone: a CDATA section, a script. What could end such a place
/// is percent-encoded and so are letters beyond ASCII; control characters are left out.
pub fn address_text(out: &mut String, address: &str) {
    for character in address.chars() {
        match character {
            '"' | '\'' | '<' | '>' | '\\' | '`' | ' ' => encode(out, character, "%"),
            _ if character.is_control() => {}
            _ if character.is_ascii() => out.push(character),
            _ => encode(out, character, "%"),
        }
    }
}

/// Appends `text` as a URL component (RFC 3986, all but unreserved characters), escaped `times` times, 1 or 2.
pub fn component(out: &mut String, text: &str, times: u8) {
    let percent = if times > 1 { "%25" } else { "%" };
    for character in text.chars() {
        match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~' => out.push(character),
            _ => encode(out, character, percent),
        }
    }
}

fn encode(out: &mut String, character: char, percent: &str) {
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value & 15)]);
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        out.push_str(percent);
        out.push(digit(byte >> 4));
        out.push(digit(byte));
    }
}

/// The characters of XML 1.0, production 2.
fn is_xml(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        _ => character >= ' ',
    }
}
