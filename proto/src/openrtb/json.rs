//! A cursor over parsed JSON whose readers accept what real exchanges send.

use domain::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_DEPTH_MAX};
use simd_json::{Buffers, Node, StaticNode, Tape};

use super::request::RequestError;
use super::{Arena, Text};

/// Integers beyond it are no longer exact in a float: 2^53.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

/// What the parser writes to, reused from body to body.
pub(super) struct Scratch {
    buffers: Buffers,
    tape: Tape<'static>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            buffers: Buffers::new(2 << 10),
            tape: Tape(Vec::new()),
        }
    }
}

/// Parses `body` after checking its size and depth, and hands its root to `read`.
pub(super) fn with_root<'a, T>(
    arena: &'a Arena,
    body: &'a mut [u8],
    read: impl FnOnce(Json<'_, 'a>) -> Result<T, RequestError>,
) -> Result<T, RequestError> {
    if body.len() > REQUEST_BODY_BYTES_MAX {
        return Err(RequestError::TooLarge { bytes: body.len() });
    }
    if nests_too_deep(body) {
        return Err(RequestError::TooDeep);
    }
    let bytes = body.len();
    let Scratch { mut buffers, tape } = arena.take_scratch();
    let mut tape = tape.reset();
    let filled = simd_json::fill_tape(body, &mut buffers, &mut tape);
    let result = match filled {
        Ok(()) => read(Json {
            nodes: &tape.0,
            arena,
        }),
        Err(error) => Err(RequestError::Malformed {
            at_byte: error.index(),
        }),
    };
    let tape = tape.reset();
    arena.keep_scratch(Scratch { buffers, tape }, bytes);
    result
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
pub(super) struct Json<'t, 'a> {
    nodes: &'t [Node<'a>],
    arena: &'a Arena,
}

impl<'t, 'a> Json<'t, 'a> {
    /// Where lists go.
    pub(super) fn arena(self) -> &'a Arena {
        self.arena
    }

    /// The pairs of an object; `None` for anything else.
    pub(super) fn object(self) -> Option<Fields<'t, 'a>> {
        match self.nodes {
            [Node::Object { .. }, inside @ ..] => Some(Fields(self.with(inside))),
            _ => None,
        }
    }

    /// The values of an array; nothing for anything else.
    pub(super) fn items(self) -> Items<'t, 'a> {
        match self.nodes {
            [Node::Array { .. }, inside @ ..] => Items(self.with(inside)),
            _ => Items(self.with(&[])),
        }
    }

    fn with(self, nodes: &'t [Node<'a>]) -> Self {
        Self { nodes, ..self }
    }

    /// The value of `key` in an object.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.object()?
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    pub(super) fn is_null(self) -> bool {
        matches!(self.nodes, [Node::Static(StaticNode::Null)])
    }

    pub(super) fn is_array(self) -> bool {
        matches!(self.nodes, [Node::Array { .. }, ..])
    }

    /// A string as it is, also an empty one.
    pub(super) fn string(self) -> Option<&'a str> {
        match self.nodes {
            [Node::String(text)] => Some(text),
            _ => None,
        }
    }

    /// A string that is not empty, or a whole number as its digits.
    pub(super) fn text(self) -> Option<Text<'a>> {
        match self.nodes {
            [Node::String(text)] => (!text.is_empty()).then_some(*text),
            [Node::Static(StaticNode::I64(number))] => Some(self.arena.written(number)),
            [Node::Static(StaticNode::U64(number))] => Some(self.arena.written(number)),
            [Node::Static(StaticNode::F64(number))] => {
                (number.abs() < EXACT_FLOAT_MAX).then(|| self.arena.written(number))
            }
            _ => None,
        }
    }

    /// A finite number, also out of a string.
    pub(super) fn number(self) -> Option<f64> {
        let number = match self.nodes {
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
        match self.nodes {
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
        match self.nodes {
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
    pub(super) fn texts(self) -> &'a [Text<'a>] {
        if self.is_array() {
            return self.arena.list(self.items().filter_map(Json::text));
        }
        match self.string() {
            Some(list) => self.arena.list(split_texts(list)),
            None => self.arena.list(self.text()),
        }
    }

    /// An array of whole numbers, one number, or several in a string with commas between.
    pub(super) fn u32s(self) -> &'a [u32] {
        if self.is_array() {
            return self.arena.list(self.items().filter_map(Json::u32));
        }
        match self.string() {
            Some(list) => {
                let numbers = list.split(',').map(|number| number.trim().parse());
                self.arena.list(numbers.filter_map(Result::ok))
            }
            None => self.arena.list(self.u32()),
        }
    }
}

/// The texts between commas.
pub(super) fn split_texts(list: &str) -> impl Iterator<Item = Text<'_>> {
    let texts = list.split(',').map(str::trim);
    texts.filter(|text| !text.is_empty())
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
pub(super) struct Fields<'t, 'a>(Json<'t, 'a>);

impl<'t, 'a> Iterator for Fields<'t, 'a> {
    type Item = (&'a str, Json<'t, 'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (Node::String(key), rest) = self.0.nodes.split_first()? else {
            return None;
        };
        let (value, rest) = first_value(rest)?;
        self.0.nodes = rest;
        Some((key, self.0.with(value)))
    }
}

/// The values of an array in their order.
#[derive(Clone)]
pub(super) struct Items<'t, 'a>(Json<'t, 'a>);

impl<'t, 'a> Iterator for Items<'t, 'a> {
    type Item = Json<'t, 'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (value, rest) = first_value(self.0.nodes)?;
        self.0.nodes = rest;
        Some(self.0.with(value))
    }
}

/// The nodes of the first value, and those after it.
fn first_value<'t, 'a>(nodes: &'t [Node<'a>]) -> Option<(&'t [Node<'a>], &'t [Node<'a>])> {
    let inside = match nodes.first()? {
        Node::Object { count, .. } | Node::Array { count, .. } => *count,
        Node::String(_) | Node::Static(_) => 0,
    };
    nodes.split_at_checked(inside + 1)
}
