//! One strict pass over a JSON text: finds where its values are, and converts nothing but escapes, in place.

use domain::limits::REQUEST_DEPTH_MAX;

use crate::openrtb::RequestError;

/// Most digits of a number whose value fits a node.
const NATURAL_DIGITS_MAX: usize = 9;
/// Longest number, in characters, that is finite whatever its digits are.
const FINITE_CHARS_MAX: usize = 300;
/// The lowest bit of each byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte of a word.
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// What a value is, and what its `extent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An object: how many nodes are inside, keys and values in turn.
    Object,
    /// An array: how many nodes are inside.
    Array,
    /// A text without its quotes and escapes: how many bytes it has.
    Text,
    /// A small whole number that is not negative: its value.
    Natural,
    /// Another number: how many bytes it has.
    Number,
    True,
    False,
    Null,
}

/// One value or key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Where it begins in the body.
    pub(super) start: u32,
    pub(super) extent: u32,
}

/// Fills `nodes` with the values of `body` in their order. Texts are freed of their escapes where they are; what is
/// UTF-8 stays UTF-8 and what is not does not become it.
pub(super) fn scan(body: &mut [u8], nodes: &mut Vec<Node>) -> Result<(), RequestError> {
    nodes.clear();
    let end = value(body, nodes, (0, REQUEST_DEPTH_MAX)).map_err(|fault| match fault {
        Fault::TooDeep => RequestError::TooDeep,
        Fault::Malformed(at) => RequestError::Malformed {
            at_byte: at as usize,
        },
    })?;
    match token(body, end) {
        (_, None) => Ok(()),
        (at_byte, Some(_)) => Err(RequestError::Malformed { at_byte }),
    }
}

/// Why a text is refused.
#[derive(Clone, Copy)]
enum Fault {
    TooDeep,
    /// No JSON at this byte.
    Malformed(u32),
}

fn malformed<T>(at: usize) -> Result<T, Fault> {
    Err(Fault::Malformed(at as u32))
}

/// Adds a node. Bodies are far below 4 GB.
#[inline(always)]
fn push(nodes: &mut Vec<Node>, kind: Kind, start: usize, extent: usize) {
    nodes.push(Node {
        kind,
        start: start as u32,
        extent: extent as u32,
    });
}

/// The first byte at or after `at` that is not white space, and where it is.
#[inline(always)]
fn token(body: &[u8], mut at: usize) -> (usize, Option<u8>) {
    loop {
        match body.get(at) {
            Some(byte) if *byte > b' ' => return (at, Some(*byte)),
            Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
            other => return (at, other.copied()),
        }
    }
}

/// Reads a value at or after `at` that may nest `room` levels deep; returns where it ends, as all of these do.
#[inline(always)]
fn value(
    body: &mut [u8],
    nodes: &mut Vec<Node>,
    (at, room): (usize, usize),
) -> Result<usize, Fault> {
    let (at, first) = token(body, at);
    match first {
        Some(b'"') => text(body, nodes, at + 1),
        Some(b'-' | b'0'..=b'9') => number(body, nodes, at),
        Some(b'{') => object(body, nodes, (at, room)),
        Some(b'[') => array(body, nodes, (at, room)),
        Some(b't') => word(body, nodes, at, (b"true", Kind::True)),
        Some(b'f') => word(body, nodes, at, (b"false", Kind::False)),
        Some(b'n') => word(body, nodes, at, (b"null", Kind::Null)),
        _ => malformed(at),
    }
}

fn object(
    body: &mut [u8],
    nodes: &mut Vec<Node>,
    (start, room): (usize, usize),
) -> Result<usize, Fault> {
    let room = room.checked_sub(1).ok_or(Fault::TooDeep)?;
    push(nodes, Kind::Object, start, 0);
    let own = nodes.len();
    let (mut at, mut met) = token(body, start + 1);
    if met == Some(b'}') {
        return Ok(at + 1);
    }
    loop {
        if met != Some(b'"') {
            return malformed(at);
        }
        at = text(body, nodes, at + 1)?;
        (at, met) = token(body, at);
        if met != Some(b':') {
            return malformed(at);
        }
        at = value(body, nodes, (at + 1, room))?;
        (at, met) = token(body, at);
        if met != Some(b',') {
            break;
        }
        (at, met) = token(body, at + 1);
    }
    close(nodes, own);
    match met {
        Some(b'}') => Ok(at + 1),
        _ => malformed(at),
    }
}

fn array(
    body: &mut [u8],
    nodes: &mut Vec<Node>,
    (start, room): (usize, usize),
) -> Result<usize, Fault> {
    let room = room.checked_sub(1).ok_or(Fault::TooDeep)?;
    push(nodes, Kind::Array, start, 0);
    let own = nodes.len();
    let (mut at, mut met) = token(body, start + 1);
    if met == Some(b']') {
        return Ok(at + 1);
    }
    loop {
        at = value(body, nodes, (at, room))?;
        (at, met) = token(body, at);
        if met != Some(b',') {
            break;
        }
        at += 1;
    }
    close(nodes, own);
    match met {
        Some(b']') => Ok(at + 1),
        _ => malformed(at),
    }
}

/// Tells the object or array before place `own` what is inside.
fn close(nodes: &mut [Node], own: usize) {
    let inside = nodes.len() - own;
    if let Some(node) = nodes.get_mut(own - 1) {
        node.extent = inside as u32;
    }
}

fn word(
    body: &[u8],
    nodes: &mut Vec<Node>,
    at: usize,
    (word, kind): (&[u8], Kind),
) -> Result<usize, Fault> {
    let rest = body.get(at..).unwrap_or_default();
    if !rest.starts_with(word) {
        return malformed(at);
    }
    push(nodes, kind, at, 0);
    Ok(at + word.len())
}

/// Reads a text whose first byte, after the quote, is at `start`.
#[inline(always)]
fn text(body: &mut [u8], nodes: &mut Vec<Node>, start: usize) -> Result<usize, Fault> {
    let end = special(body, start);
    if body.get(end) != Some(&b'"') {
        return escaped_text(body, nodes, (start, end));
    }
    push(nodes, Kind::Text, start, end - start);
    Ok(end + 1)
}

/// Reads a text whose first special byte is at `at`.
#[cold]
fn escaped_text(
    body: &mut [u8],
    nodes: &mut Vec<Node>,
    (start, mut at): (usize, usize),
) -> Result<usize, Fault> {
    let mut end = at;
    while body.get(at) == Some(&b'\\') {
        let Some((char, after)) = escape(body, at + 1) else {
            return malformed(at);
        };
        // What an escape stands for is always shorter.
        let mut bytes = [0; 4];
        for byte in char.encode_utf8(&mut bytes).bytes() {
            if let Some(place) = body.get_mut(end) {
                *place = byte;
            }
            end += 1;
        }
        at = special(body, after);
        body.copy_within(after..at, end);
        end += at - after;
    }
    if body.get(at) != Some(&b'"') {
        return malformed(at);
    }
    // What was moved may have left half a character behind.
    if let Some(left) = body.get_mut(end..at) {
        left.fill(b' ');
    }
    push(nodes, Kind::Text, start, end - start);
    Ok(at + 1)
}

fn number(body: &[u8], nodes: &mut Vec<Node>, start: usize) -> Result<usize, Fault> {
    let negative = body.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let (mut at, mut natural) = (first, 0_u32);
    while let Some(digit @ b'0'..=b'9') = body.get(at) {
        natural = natural
            .wrapping_mul(10)
            .wrapping_add(u32::from(digit - b'0'));
        at += 1;
    }
    let digits = at - first;
    if digits == 0 || (digits > 1 && body.get(first) == Some(&b'0')) {
        return malformed(at);
    }
    let whole = !matches!(body.get(at), Some(b'.' | b'e' | b'E'));
    if whole && !negative && digits <= NATURAL_DIGITS_MAX {
        push(nodes, Kind::Natural, start, natural as usize);
        return Ok(at);
    }
    let (end, exponent) = fraction_and_exponent(body, at)?;
    let number = body.get(start..end).unwrap_or_default();
    if (exponent || number.len() > FINITE_CHARS_MAX) && !is_finite(number) {
        return malformed(at);
    }
    push(nodes, Kind::Number, start, number.len());
    Ok(end)
}

/// Says too whether there was an exponent.
fn fraction_and_exponent(body: &[u8], mut at: usize) -> Result<(usize, bool), Fault> {
    if body.get(at) == Some(&b'.') {
        at = digits(body, at + 1)?;
    }
    let exponent = matches!(body.get(at), Some(b'e' | b'E'));
    if exponent {
        at += 1;
        if let Some(b'+' | b'-') = body.get(at) {
            at += 1;
        }
        at = digits(body, at)?;
    }
    Ok((at, exponent))
}

/// Passes at least one digit.
fn digits(body: &[u8], at: usize) -> Result<usize, Fault> {
    let rest = body.get(at..).unwrap_or_default();
    match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
        0 => malformed(at),
        digits => Ok(at + digits),
    }
}

/// Whether a number fits a float.
#[cold]
fn is_finite(number: &[u8]) -> bool {
    let text = str::from_utf8(number).ok();
    let number = text.and_then(|text| text.parse().ok());
    number.is_some_and(f64::is_finite)
}

/// Where the first quote, backslash or control character at or after `at` is; the end of the body without one.
#[inline(always)]
fn special(body: &[u8], mut at: usize) -> usize {
    while let Some(bytes) = body.get(at..).and_then(|rest| rest.first_chunk()) {
        let met = special_bytes(u64::from_le_bytes(*bytes));
        if met != 0 {
            return at + (met.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = body.get(at..).unwrap_or_default();
    let plain = rest
        .iter()
        .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20));
    at + plain.count()
}

/// The highest bits of the bytes of `word` that end a run of plain text. Exact up to and with the lowest one met; those
/// above it may be wrong.
#[inline(always)]
fn special_bytes(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * u64::from(b'"')));
    let backslash = zero(word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * u64::from(b' ')) & !word;
    (quote | backslash | control) & HIGHS
}

/// The character that the escape after a backslash stands for, and where the text goes on.
fn escape(body: &[u8], at: usize) -> Option<(char, usize)> {
    let char = match body.get(at)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(body, at + 1),
        _ => return None,
    };
    Some((char, at + 1))
}

/// The character of `\u` and four digits, or of a pair of those.
fn unicode(body: &[u8], at: usize) -> Option<(char, usize)> {
    let first = hex(body, at)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, at + 4));
    }
    if body.get(at + 4..at + 6) != Some(b"\\u") {
        return None;
    }
    let second = hex(body, at + 6).filter(|second| (0xdc00..0xe000).contains(second))?;
    let char = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(char)?, at + 10))
}

fn hex(body: &[u8], at: usize) -> Option<u32> {
    let digits = body.get(at..at + 4)?;
    digits.iter().try_fold(0, |value, digit| {
        Some(value * 16 + char::from(*digit).to_digit(16)?)
    })
}
