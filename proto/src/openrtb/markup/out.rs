//! Where markup is written: the bytes of an answer, inside a JSON string or as they are.

use super::escape::{Sink, json_inner};

/// The end of a buffer, with the escaping of what is written there.
#[derive(Debug)]
pub struct Out<'a> {
    bytes: &'a mut Vec<u8>,
    in_json: bool,
}

impl<'a> Out<'a> {
    /// Appends texts as they are.
    pub fn plain(bytes: &'a mut Vec<u8>) -> Self {
        let in_json = false;
        Self { bytes, in_json }
    }

    /// Appends texts as the inside of a JSON string.
    pub fn in_json(bytes: &'a mut Vec<u8>) -> Self {
        let in_json = true;
        Self { bytes, in_json }
    }

    /// A text without anything that JSON escapes.
    pub(super) fn safe(&mut self, text: &str) {
        self.bytes.put(text);
    }

    pub(super) fn number(&mut self, number: impl itoa::Integer) {
        self.safe(itoa::Buffer::new().format(number));
    }

    pub(super) fn words(&mut self, words: &Words) {
        let text = if self.in_json {
            &words.escaped
        } else {
            &words.plain
        };
        self.safe(text);
    }
}

impl Sink for Out<'_> {
    fn put(&mut self, text: &str) {
        if self.in_json {
            json_inner(self.bytes, text);
        } else {
            self.bytes.put(text);
        }
    }
}

/// A text that is written often, escaped beforehand.
#[derive(Debug)]
pub(super) struct Words {
    plain: Box<str>,
    escaped: Box<str>,
}

impl Words {
    pub(super) fn new(text: &str) -> Self {
        let mut escaped = String::new();
        json_inner(&mut escaped, text);
        Self {
            plain: text.into(),
            escaped: escaped.into_boxed_str(),
        }
    }
}
