//! Escaping for JSON strings, HTML and XML; OpenRTB macros pass unchanged through all of it.

/// Appends `text` as a JSON string with its quotes.
pub fn json_bytes(out: &mut Vec<u8>, text: &str) {
    json_string(text, |part| out.extend_from_slice(part.as_bytes()));
}

/// Appends `text` as a JSON string with its quotes.
pub fn json_text(out: &mut String, text: &str) {
    json_string(text, |part| out.push_str(part));
}

fn json_string(text: &str, mut push: impl FnMut(&str)) {
    push("\"");
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
            control => push_control(&mut push, control.as_bytes()[0]),
        }
        rest = after;
    }
    push(rest);
    push("\"");
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

/// Appends `text` as one or more CDATA sections, in which URLs stay as they are. Characters that
/// XML 1.0 does not allow are left out.
pub fn cdata(out: &mut String, text: &str) {
    out.push_str("<![CDATA[");
    for character in text.chars().filter(|character| is_xml(*character)) {
        if character == '>' && out.ends_with("]]") {
            out.push_str("]]><![CDATA[");
        }
        out.push(character);
    }
    out.push_str("]]>");
}

/// Appends `url` for a place in the advertiser's own HTML that may be an attribute or a string of
/// a script: what could end either is percent-encoded, the rest stays.
pub fn url_in_html(out: &mut String, url: &str) {
    for character in url.chars() {
        match character {
            '"' => out.push_str("%22"),
            '\'' => out.push_str("%27"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '\\' => out.push_str("%5C"),
            '`' => out.push_str("%60"),
            ' ' => out.push_str("%20"),
            _ if character.is_control() => {}
            _ => out.push(character),
        }
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
