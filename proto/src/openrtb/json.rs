//! A cursor over parsed JSON whose readers accept what real exchanges send.

mod marks;
mod scan;

use domain::limits::REQUEST_BODY_BYTES_MAX;

use super::request::RequestError;
use super::{Arena, Text};
pub(super) use scan::Scratch;
use scan::{Kind, Node};

/// Integers beyond it are no longer exact in a float: 2^53.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

/// Parses `body` after checking its size, and hands its root to `read`.
pub(super) fn with_root<'a, T>(
    arena: &'a Arena,
    body: &'a mut [u8],
    read: impl FnOnce(Json<'_, 'a>) -> Result<T, RequestError>,
) -> Result<T, RequestError> {
    if body.len() > REQUEST_BODY_BYTES_MAX {
        return Err(RequestError::TooLarge { bytes: body.len() });
    }
    let bytes = body.len();
    let mut scratch = arena.take_scratch();
    let result = scan::scan(body, &mut scratch)
        .and_then(|()| utf8(body))
        .and_then(|text| {
            let source = Source { text, arena };
            read(Json {
                nodes: &scratch.nodes,
                source: &source,
            })
        });
    arena.keep_scratch(scratch, bytes);
    result
}

fn utf8(body: &[u8]) -> Result<&str, RequestError> {
    str::from_utf8(body).map_err(|error| RequestError::Malformed {
        at_byte: error.valid_up_to(),
    })
}

/// Where values are read from, and where lists go.
struct Source<'a> {
    text: &'a str,
    arena: &'a Arena,
}

/// One value with all that is inside it.
#[derive(Clone, Copy)]
pub(super) struct Json<'t, 'a> {
    nodes: &'t [Node],
    source: &'t Source<'a>,
}

impl<'a> Source<'a> {
    #[inline]
    fn piece(&self, start: u32, bytes: u32) -> Option<&'a str> {
        let start = start as usize;
        self.text.get(start..start + bytes as usize)
    }
}

/// A number as it is written: whole where it is written without point and exponent and is not too large.
enum Numeral {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

impl<'t, 'a> Json<'t, 'a> {
    /// Where lists go.
    #[inline]
    pub(super) fn arena(self) -> &'a Arena {
        self.source.arena
    }

    /// The pairs of an object; `None` for anything else.
    #[inline]
    pub(super) fn object(self) -> Option<Fields<'t, 'a>> {
        match self.nodes {
            [own, inside @ ..] if own.kind == Kind::Object => Some(Fields(self.with(inside))),
            _ => None,
        }
    }

    /// The values of an array; nothing for anything else.
    #[inline]
    pub(super) fn items(self) -> Items<'t, 'a> {
        match self.nodes {
            [own, inside @ ..] if own.kind == Kind::Array => Items(self.with(inside)),
            _ => Items(self.with(&[])),
        }
    }

    #[inline]
    fn with(self, nodes: &'t [Node]) -> Self {
        Self { nodes, ..self }
    }

    /// The value of `key` in an object.
    #[inline]
    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.object()?
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    #[inline]
    fn kind(self) -> Option<Kind> {
        self.nodes.first().map(|own| own.kind)
    }

    #[inline]
    pub(super) fn is_null(self) -> bool {
        self.kind() == Some(Kind::Null)
    }

    #[inline]
    pub(super) fn is_array(self) -> bool {
        self.kind() == Some(Kind::Array)
    }

    /// A string as it is, also an empty one.
    #[inline]
    pub(super) fn string(self) -> Option<&'a str> {
        let own = self.nodes.first().filter(|own| own.kind == Kind::Text)?;
        self.source.piece(own.start, own.extent)
    }

    /// A string that is not empty, or a whole number as its digits.
    #[inline]
    pub(super) fn text(self) -> Option<Text<'a>> {
        if let Some(text) = self.string() {
            return (!text.is_empty()).then_some(text);
        }
        let arena = self.source.arena;
        match self.numeral()? {
            Numeral::Signed(number) => Some(arena.written(number)),
            Numeral::Unsigned(number) => Some(arena.written(number)),
            Numeral::Float(number) => {
                (number.abs() < EXACT_FLOAT_MAX).then(|| arena.written(number))
            }
        }
    }

    #[inline]
    fn numeral(self) -> Option<Numeral> {
        let own = self.nodes.first()?;
        if own.kind == Kind::Natural {
            return Some(Numeral::Signed(i64::from(own.extent)));
        }
        if own.kind != Kind::Number {
            return None;
        }
        let text = self.source.piece(own.start, own.extent)?;
        let signed = text.parse().map(Numeral::Signed);
        let whole = signed.or_else(|_| text.parse().map(Numeral::Unsigned));
        let any = whole.or_else(|_| text.parse().map(Numeral::Float));
        any.ok()
    }

    /// A finite number, also out of a string.
    #[inline]
    pub(super) fn number(self) -> Option<f64> {
        if let Some(text) = self.string() {
            return text_number(text);
        }
        match self.numeral()? {
            Numeral::Signed(number) => Some(number as f64),
            Numeral::Unsigned(number) => Some(number as f64),
            Numeral::Float(number) => Some(number),
        }
    }

    /// A whole number; a fraction is cut off. Also out of a string.
    #[inline]
    pub(super) fn int(self) -> Option<i64> {
        if let Some(text) = self.string() {
            return text_number(text).and_then(whole);
        }
        match self.numeral()? {
            Numeral::Signed(number) => Some(number),
            Numeral::Unsigned(number) => i64::try_from(number).ok(),
            Numeral::Float(number) => whole(number),
        }
    }

    /// A whole number that is not negative.
    #[inline]
    pub(super) fn u32(self) -> Option<u32> {
        match self.nodes {
            [own] if own.kind == Kind::Natural => Some(own.extent),
            _ => self.int().and_then(|number| u32::try_from(number).ok()),
        }
    }

    #[inline]
    pub(super) fn i32(self) -> Option<i32> {
        self.int().and_then(|number| i32::try_from(number).ok())
    }

    /// 0 / 1, true / false, or those as a string.
    #[inline]
    pub(super) fn flag(self) -> Option<bool> {
        match self.kind()? {
            Kind::True => Some(true),
            Kind::False => Some(false),
            Kind::Text => self.string().and_then(text_flag),
            _ => self.number().map(|number| number != 0.0),
        }
    }

    /// A flag that protects somebody: set when it is there and cannot be read.
    #[inline]
    pub(super) fn privacy_flag(self) -> Option<bool> {
        if self.is_null() || self.string() == Some("") {
            return None;
        }
        Some(self.flag().unwrap_or(true))
    }

    /// An array of texts, one text, or several with commas between; what is not text is left out.
    #[inline]
    pub(super) fn texts(self) -> &'a [Text<'a>] {
        if self.is_array() {
            return self.source.arena.list(self.items().filter_map(Json::text));
        }
        match self.string() {
            Some(list) => self.source.arena.list(split_texts(list)),
            None => self.source.arena.list(self.text()),
        }
    }

    /// An array of whole numbers, one number, or several in a string with commas between.
    #[inline]
    pub(super) fn u32s(self) -> &'a [u32] {
        if self.is_array() {
            return self.source.arena.list(self.items().filter_map(Json::u32));
        }
        match self.string() {
            Some(list) => {
                let numbers = list.split(',').map(|number| number.trim().parse());
                self.source.arena.list(numbers.filter_map(Result::ok))
            }
            None => self.source.arena.list(self.u32()),
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

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = self.0.nodes.split_first()?;
        let key = self.0.source.piece(key.start, key.extent)?;
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

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (value, rest) = first_value(self.0.nodes)?;
        self.0.nodes = rest;
        Some(self.0.with(value))
    }
}

/// The nodes of the first value, and those after it.
#[inline]
fn first_value(nodes: &[Node]) -> Option<(&[Node], &[Node])> {
    let own = nodes.first()?;
    let inside = match own.kind {
        Kind::Object | Kind::Array => own.extent as usize,
        _ => 0,
    };
    nodes.split_at_checked(inside + 1)
}
