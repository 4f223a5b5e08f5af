//! One strict pass over a JSON text: finds where its values are, and converts nothing but escapes, in place.

use domain::limits::REQUEST_DEPTH_MAX;

use super::marks::Marks;
use crate::openrtb::RequestError;

/// Most digits of a number whose value fits a node.
const NATURAL_DIGITS_MAX: usize = 9;
/// Longest number, in characters, that is finite whatever its digits are.
const FINITE_CHARS_MAX: usize = 300;

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

/// What a scan finds and needs, in space that is reused from body to body.
#[derive(Default)]
pub(in crate::openrtb) struct Scratch {
    pub(super) nodes: Vec<Node>,
    marks: Marks,
}

/// Fills `nodes` with the values of `body` in their order. Texts are freed of their escapes where they are; what is
/// UTF-8 stays UTF-8 and what is not does not become it.
pub(super) fn scan(body: &mut [u8], scratch: &mut Scratch) -> Result<(), RequestError> {
    let Scratch { nodes, marks } = scratch;
    nodes.clear();
    marks.set(body);
    let end = walk(&mut Text { body, marks }, nodes).map_err(|fault| match fault {
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

/// A body with its marks. What freeing a text of escapes changes lies before all that is still looked for.
struct Text<'b> {
    body: &'b mut [u8],
    marks: &'b Marks,
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

/// The objects and arrays that have begun and not ended.
struct Open {
    /// Their nodes.
    places: [u32; REQUEST_DEPTH_MAX],
    depth: usize,
}

impl Open {
    /// Begins one.
    #[inline(always)]
    fn push(&mut self, nodes: &mut Vec<Node>, kind: Kind, start: usize) -> Result<(), Fault> {
        let place = self.places.get_mut(self.depth).ok_or(Fault::TooDeep)?;
        *place = nodes.len() as u32;
        self.depth += 1;
        push(nodes, kind, start, 0);
        Ok(())
    }

    /// The innermost one.
    #[inline(always)]
    fn last<'n>(&self, nodes: &'n mut [Node]) -> Option<(usize, &'n mut Node)> {
        let place = *self.places.get(self.depth.checked_sub(1)?)? as usize;
        Some((place, nodes.get_mut(place)?))
    }

    /// Ends it: tells it what is inside.
    #[inline(always)]
    fn pop(&mut self, nodes: &mut [Node]) {
        let all = nodes.len();
        if let Some((place, node)) = self.last(nodes) {
            node.extent = (all - place - 1) as u32;
            self.depth -= 1;
        }
    }
}

/// Reads one value with all that is inside it; returns where it ends, as what it is made of does.
fn walk(text: &mut Text<'_>, nodes: &mut Vec<Node>) -> Result<usize, Fault> {
    let mut open = Open {
        places: [0; REQUEST_DEPTH_MAX],
        depth: 0,
    };
    let (mut at, mut met) = token(text.body, 0);
    loop {
        at = match met {
            Some(b'"') => text.string(nodes, at + 1)?,
            Some(b'-' | b'0'..=b'9') => number(text.body, nodes, at)?,
            Some(b'{') => {
                open.push(nodes, Kind::Object, at)?;
                (at, met) = token(text.body, at + 1);
                if met != Some(b'}') {
                    (at, met) = text.key(nodes, (at, met))?;
                    continue;
                }
                open.pop(nodes);
                at + 1
            }
            Some(b'[') => {
                open.push(nodes, Kind::Array, at)?;
                (at, met) = token(text.body, at + 1);
                if met != Some(b']') {
                    continue;
                }
                open.pop(nodes);
                at + 1
            }
            Some(b't') => word(text.body, nodes, at, (b"true", Kind::True))?,
            Some(b'f') => word(text.body, nodes, at, (b"false", Kind::False))?,
            Some(b'n') => word(text.body, nodes, at, (b"null", Kind::Null))?,
            _ => return malformed(at),
        };
        // Whatever ends with this value.
        loop {
            let Some((_, own)) = open.last(nodes) else {
                return Ok(at);
            };
            let in_object = own.kind == Kind::Object;
            (at, met) = token(text.body, at);
            match met {
                Some(b',') => {
                    (at, met) = token(text.body, at + 1);
                    if in_object {
                        (at, met) = text.key(nodes, (at, met))?;
                    }
                    break;
                }
                Some(b'}') if in_object => open.pop(nodes),
                Some(b']') if !in_object => open.pop(nodes),
                _ => return malformed(at),
            }
            at += 1;
        }
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

impl Text<'_> {
    /// Reads a key that begins at the quote `met`, and the colon after it; returns the first byte of its value.
    #[inline(always)]
    fn key(
        &mut self,
        nodes: &mut Vec<Node>,
        (at, met): (usize, Option<u8>),
    ) -> Result<(usize, Option<u8>), Fault> {
        if met != Some(b'"') {
            return malformed(at);
        }
        let end = self.string(nodes, at + 1)?;
        let (at, met) = token(self.body, end);
        if met != Some(b':') {
            return malformed(at);
        }
        Ok(token(self.body, at + 1))
    }

    /// Reads a text whose first byte, after the quote, is at `start`.
    #[inline(always)]
    fn string(&mut self, nodes: &mut Vec<Node>, start: usize) -> Result<usize, Fault> {
        let end = self.marks.next(start);
        if self.body.get(end) != Some(&b'"') {
            return self.escaped(nodes, (start, end));
        }
        push(nodes, Kind::Text, start, end - start);
        Ok(end + 1)
    }

    /// Reads a text whose first special byte is at `at`.
    #[cold]
    fn escaped(
        &mut self,
        nodes: &mut Vec<Node>,
        (start, mut at): (usize, usize),
    ) -> Result<usize, Fault> {
        let (body, mut end) = (&mut *self.body, at);
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
            at = self.marks.next(after).min(body.len());
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
}

#[inline(always)]
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
