//! A cursor over parsed JSON whose readers accept what real exchanges send.

use std::borrow::Cow;
use std::cell::RefCell;

use domain::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_DEPTH_MAX};
use simd_json::{Buffers, Node, StaticNode, Tape};

use super::Text;
use super::request::RequestError;

/// Integers beyond it are no longer exact in a float: 2^53.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

thread_local! {
    /// Scratch of the parser, so that a request costs no allocation of its own there.
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers::new(2 << 10));
}

/// Parses `body` after checking its size and depth, and hands its root to `read`.
pub(super) fn with_root<'a, T>(
    body: &'a mut [u8],
    read: impl FnOnce(Json<'_, 'a>) -> Result<T, RequestError>,
) -> Result<T, RequestError> {
    if body.len() > REQUEST_BODY_BYTES_MAX {
        return Err(RequestError::TooLarge { bytes: body.len() });
    }
    if nests_too_deep(body) {
        return Err(RequestError::TooDeep);
    }
    let tape = BUFFERS.with_borrow_mut(|buffers| fill(body, buffers))?;
    read(Json(&tape.0))
}

fn fill<'a>(body: &'a mut [u8], buffers: &mut Buffers) -> Result<Tape<'a>, RequestError> {
    simd_json::to_tape_with_buffers(body, buffers).map_err(|error| RequestError::Malformed {
        at_byte: error.index(),
    })
}

/// Whether brackets outside strings nest deeper than the limit. A request with few brackets in all,
/// which is nearly every one, is done after one plain count.
fn nests_too_deep(body: &[u8]) -> bool {
    let opening = body.iter().filter(|b| matches!(b, b'[' | b'{')).count();
    opening > REQUEST_DEPTH_MAX && depth_exceeded(body)
}

fn depth_exceeded(body: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > REQUEST_DEPTH_MAX {
            return true;
        }
    }
    false
}

/// One value with all that is inside it.
#[derive(Clone, Copy)]
pub(super) struct Json<'t, 'a>(&'t [Node<'a>]);

impl<'t, 'a> Json<'t, 'a> {
    /// The pairs of an object; `None` for anything else.
    pub(super) fn object(self) -> Option<Fields<'t, 'a>> {
        match self.0 {
            [Node::Object { .. }, inside @ ..] => Some(Fields(inside)),
            _ => None,
        }
    }

    /// The values of an array; nothing for anything else.
    pub(super) fn items(self) -> Items<'t, 'a> {
        match self.0 {
            [Node::Array { .. }, inside @ ..] => Items(inside),
            _ => Items(&[]),
        }
    }

    /// The value of `key` in an object.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.object()?
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    pub(super) fn is_null(self) -> bool {
        matches!(self.0, [Node::Static(StaticNode::Null)])
    }

    pub(super) fn is_array(self) -> bool {
        matches!(self.0, [Node::Array { .. }, ..])
    }

    /// A string as it is, also an empty one.
    pub(super) fn string(self) -> Option<&'a str> {
        match self.0 {
            [Node::String(text)] => Some(text),
            _ => None,
        }
    }

    /// A string that is not empty, or a whole number as its digits.
    pub(super) fn text(self) -> Option<Text<'a>> {
        match self.0 {
            [Node::String(text)] => (!text.is_empty()).then_some(Cow::Borrowed(*text)),
            [Node::Static(StaticNode::I64(number))] => Some(Cow::Owned(number.to_string())),
            [Node::Static(StaticNode::U64(number))] => Some(Cow::Owned(number.to_string())),
            [Node::Static(StaticNode::F64(number))] => {
                (number.abs() < EXACT_FLOAT_MAX).then(|| Cow::Owned(number.to_string()))
            }
            _ => None,
        }
    }

    /// A finite number, also out of a string.
    pub(super) fn number(self) -> Option<f64> {
        let number = match self.0 {
            [Node::Static(StaticNode::I64(number))] => *number as f64,
            [Node::Static(StaticNode::U64(number))] => *number as f64,
            [Node::Static(StaticNode::F64(number))] => *number,
            [Node::String(text)] => return text_number(text),
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// A whole number; a fraction is cut off. Also out of a string.
    pub(super) fn int(self) -> Option<i64> {
        match self.0 {
            [Node::Static(StaticNode::I64(number))] => Some(*number),
            [Node::Static(StaticNode::U64(number))] => i64::try_from(*number).ok(),
            _ => self.number().and_then(whole),
        }
    }

    /// A whole number that is not negative.
    pub(super) fn u32(self) -> Option<u32> {
        self.int().and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn i32(self) -> Option<i32> {
        self.int().and_then(|number| i32::try_from(number).ok())
    }

    /// 0 / 1, true / false, or those as a string.
    pub(super) fn flag(self) -> Option<bool> {
        match self.0 {
            [Node::Static(StaticNode::Bool(flag))] => Some(*flag),
            [Node::String(text)] => text_flag(text),
            _ => self.number().map(|number| number != 0.0),
        }
    }

    /// A flag that protects somebody: set when it is there and cannot be read.
    pub(super) fn privacy_flag(self) -> Option<bool> {
        if self.is_null() || self.string() == Some("") {
            return None;
        }
        Some(self.flag().unwrap_or(true))
    }

    /// An array of texts, one text, or several with commas between; what is not text is left out.
    pub(super) fn texts(self) -> Vec<Text<'a>> {
        if self.is_array() {
            return self.items().filter_map(Json::text).collect();
        }
        match self.string() {
            Some(list) => split_texts(list).collect(),
            None => self.text().into_iter().collect(),
        }
    }

    /// An array of whole numbers, one number, or several in a string with commas between.
    pub(super) fn u32s(self) -> Vec<u32> {
        if self.is_array() {
            return self.items().filter_map(Json::u32).collect();
        }
        match self.string() {
            Some(list) => list
                .split(',')
                .filter_map(|n| n.trim().parse().ok())
                .collect(),
            None => self.u32().into_iter().collect(),
        }
    }
}

/// The texts between commas.
pub(super) fn split_texts(list: &str) -> impl Iterator<Item = Text<'_>> {
    let texts = list.split(',').map(str::trim);
    texts.filter(|text| !text.is_empty()).map(Cow::Borrowed)
}

/// A flag in a string.
pub(super) fn text_flag(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => text_number(text).map(|number| number != 0.0),
    }
}

fn text_number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then_some(number)
}

/// A whole number in a float; a fraction is cut off.
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.abs() < EXACT_FLOAT_MAX).then_some(number as i64)
}

/// The pairs of an object in their order, duplicates included.
pub(super) struct Fields<'t, 'a>(&'t [Node<'a>]);

impl<'t, 'a> Iterator for Fields<'t, 'a> {
    type Item = (&'a str, Json<'t, 'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (Node::String(key), rest) = self.0.split_first()? else {
            return None;
        };
        let (value, rest) = first_value(rest)?;
        self.0 = rest;
        Some((key, value))
    }
}

/// The values of an array in their order.
pub(super) struct Items<'t, 'a>(&'t [Node<'a>]);

impl<'t, 'a> Iterator for Items<'t, 'a> {
    type Item = Json<'t, 'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (value, rest) = first_value(self.0)?;
        self.0 = rest;
        Some(value)
    }
}

fn first_value<'t, 'a>(nodes: &'t [Node<'a>]) -> Option<(Json<'t, 'a>, &'t [Node<'a>])> {
    let inside = match nodes.first()? {
        Node::Object { count, .. } | Node::Array { count, .. } => *count,
        Node::String(_) | Node::Static(_) => 0,
    };
    let (value, rest) = nodes.split_at_checked(inside + 1)?;
    Some((Json(value), rest))
}
