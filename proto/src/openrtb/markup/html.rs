//! Where in an advertiser's HTML a macro stands, followed the way a browser reads it, as far as escaping depends on it.

use super::macros::{Part, parts};
use super::own::{Cut, Own};
use super::template::Place;

/// Attributes whose value is an address.
const ADDRESSES: [&str; 11] = [
    "href",
    "src",
    "srcset",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
    "cite",
    "ping",
    "xlink:href",
];
/// Elements whose content is not markup.
const RAW: [&str; 2] = ["script", "style"];
/// Longest name that decides anything, in bytes; longer ones are cut.
const NAME_BYTES_MAX: usize = 16;

/// Cuts a fragment at its macros.
pub(super) fn compile(html: &str) -> Own {
    let mut reader = Reader::default();
    let parts = parts(html).into_iter();
    let cuts = parts.map(|(at, part)| {
        let place = match part {
            Part::Text(text) => {
                text.chars().for_each(|character| reader.read(character));
                Place::Html
            }
            Part::Macro(..) => reader.place(),
        };
        Cut::of(at, part, place)
    });
    Own::new(cuts.collect())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// The content of `script` or `style`.
    Raw,
    Comment,
    TagName,
    /// Between attributes.
    Tag,
    AttributeName,
    /// After an attribute's `=`.
    BeforeValue,
    Quoted(char),
    Unquoted,
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Reader {
    state: State,
    /// The name of the tag being read or last read, in lower case; ends with a `/` before it.
    tag: String,
    attribute: String,
    /// The last characters of raw content or a comment, in lower case.
    tail: String,
}

impl Reader {
    /// How a macro that stands here is escaped. In doubt as in a script, which is safe everywhere.
    fn place(&mut self) -> Place {
        match self.state {
            State::Text => Place::Html,
            State::BeforeValue => {
                self.state = State::Unquoted;
                Place::Script
            }
            State::Quoted(_) if ADDRESSES.contains(&self.attribute.as_str()) => Place::HtmlAddress,
            State::Quoted(_) => {
                let code = self.attribute.starts_with("on")
                    || ["style", "srcdoc"].contains(&self.attribute.as_str());
                if code { Place::Script } else { Place::Html }
            }
            _ => Place::Script,
        }
    }

    fn read(&mut self, c: char) {
        let space = c.is_ascii_whitespace();
        self.state = match self.state {
            State::Text if c == '<' => {
                self.tag.clear();
                State::TagName
            }
            State::Text => State::Text,
            State::Raw | State::Comment => self.inside(c),
            State::TagName => self.tag_name(c),
            State::Tag | State::AttributeName if c == '>' => self.leave(),
            State::Tag | State::AttributeName if c == '=' => State::BeforeValue,
            State::Tag if space || c == '/' => State::Tag,
            State::Tag => {
                self.attribute.clear();
                push(&mut self.attribute, c);
                State::AttributeName
            }
            State::AttributeName if space || c == '/' => State::Tag,
            State::AttributeName => {
                push(&mut self.attribute, c);
                State::AttributeName
            }
            State::BeforeValue if space => State::BeforeValue,
            State::BeforeValue if c == '"' || c == '\'' => State::Quoted(c),
            State::BeforeValue | State::Unquoted if c == '>' => self.leave(),
            State::BeforeValue => State::Unquoted,
            State::Quoted(quote) if c == quote => State::Tag,
            State::Quoted(quote) => State::Quoted(quote),
            State::Unquoted if space => State::Tag,
            State::Unquoted => State::Unquoted,
        };
    }

    fn tag_name(&mut self, c: char) -> State {
        let first = self.tag.is_empty();
        match c {
            '>' => self.leave(),
            _ if c.is_ascii_whitespace() && first => State::Text,
            _ if c.is_ascii_whitespace() || c == '/' && !first => State::Tag,
            _ => {
                push(&mut self.tag, c);
                if self.tag == "!--" {
                    self.tail.clear();
                    State::Comment
                } else {
                    State::TagName
                }
            }
        }
    }

    /// After a tag's end.
    fn leave(&mut self) -> State {
        if RAW.contains(&self.tag.as_str()) {
            self.tail.clear();
            State::Raw
        } else {
            State::Text
        }
    }

    /// In content that only its own end tag or mark closes.
    fn inside(&mut self, c: char) -> State {
        if self.tail.len() >= NAME_BYTES_MAX {
            self.tail.remove(0);
        }
        self.tail.push(c.to_ascii_lowercase());
        match self.state {
            State::Comment if self.tail.ends_with("-->") => State::Text,
            State::Raw if self.ends_raw() => {
                self.tag.insert(0, '/');
                State::Tag
            }
            same => same,
        }
    }

    fn ends_raw(&self) -> bool {
        let before = self.tail.strip_suffix(self.tag.as_str());
        before.is_some_and(|before| before.ends_with("</"))
    }
}

/// Adds a letter of a name in lower case, up to the limit.
fn push(name: &mut String, c: char) {
    if name.len() < NAME_BYTES_MAX {
        name.push(c.to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_after(html: &str) -> Place {
        let mut reader = Reader::default();
        html.chars().for_each(|c| reader.read(c));
        reader.place()
    }

    #[test]
    fn places_are_those_that_a_browser_sees() {
        for (html, expected) in [
            ("", Place::Html),
            ("<p>", Place::Html),
            ("a < b ", Place::Html),
            ("<a href=\"", Place::HtmlAddress),
            ("<a\n HREF = 'https://x?a=", Place::HtmlAddress),
            ("<img alt=\"", Place::Html),
            ("<img alt=\"a>b\" src=\"", Place::HtmlAddress),
            ("<img alt=\"a>b\">", Place::Html),
            ("<a href=", Place::Script),
            ("<a href=https://x/", Place::Script),
            ("<a onclick=\"go('", Place::Script),
            ("<a style=\"", Place::Script),
            ("<iframe srcdoc='", Place::Script),
            ("<a ", Place::Script),
            ("<script>var a='", Place::Script),
            ("<SCRIPT type=x>document.write('<a href=\"", Place::Script),
            ("<script>x</SCRIPT>", Place::Html),
            ("<script>x</script><a href=\"", Place::HtmlAddress),
            ("<script src=\"", Place::HtmlAddress),
            ("<style>a{b:", Place::Script),
            ("<!-- <a href=\"", Place::Script),
            ("<!-- x --><b>", Place::Html),
            ("<br/><a href=\"x\"/>", Place::Html),
        ] {
            assert_eq!(place_after(html), expected, "{html}");
        }
    }
}
