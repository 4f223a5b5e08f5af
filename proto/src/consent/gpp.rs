//! The string of the Global Privacy Platform: a header that lists sections, and the sections, one per law.
//!
//! After IAB Tech Lab, "Global Privacy Platform String", version 1.

use super::bits::Bits;
use super::{CONSENT_CHARS_MAX, Undecodable};

/// The section of the European TCF: a TC string.
pub const EU_TCF: u32 = 2;
/// The Canadian section.
pub const CANADA_TCF: u32 = 5;
/// The section that holds a US privacy string.
pub const US_PRIVACY: u32 = 6;
/// The section for all of the USA.
pub const US_NATIONAL: u32 = 7;
/// The last section of a state of the USA.
pub const US_STATES_END: u32 = 27;
/// Most sections a string may list; 27 are defined.
const SECTIONS_MAX: u32 = 64;

/// A string whose header is sound and lists as many sections as there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gpp<'a> {
    ids: Ids<'a>,
    sections: &'a str,
}

impl<'a> Gpp<'a> {
    /// Reads the header; the sections are left for who knows them.
    ///
    /// # Errors
    /// When it is too long, its header is not one of version 1, or it holds more or fewer sections than listed.
    pub fn parse(text: &'a str) -> Result<Self, Undecodable> {
        Self::read(text).ok_or(Undecodable)
    }

    fn read(text: &'a str) -> Option<Self> {
        if text.len() > CONSENT_CHARS_MAX {
            return None;
        }
        let (header, sections) = match text.split_once('~') {
            Some((header, sections)) => (header, Some(sections)),
            None => (text, None),
        };
        let mut bits = Bits::of(header)?;
        // The type of a header, and its version.
        if bits.take(6)? != 3 || bits.take(6)? != 1 {
            return None;
        }
        let ids = Ids {
            items: bits.small(12)?,
            bits,
            next: 1,
            last: 0,
        };
        let held = sections.map_or(0, |sections| sections.split('~').count());
        (ids.count()? == held).then_some(Self {
            ids,
            sections: sections.unwrap_or_default(),
        })
    }

    /// The text of the section with this id; of none where it is not in the string.
    pub fn section(&self, id: u32) -> Option<&'a str> {
        let (mut ids, mut sections) = (self.ids, self.sections.split('~'));
        loop {
            let section = sections.next()?;
            if ids.step()? == id {
                return Some(section);
            }
        }
    }
}

/// The ids in a header: single ones and groups, each told as the distance from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ids<'a> {
    items: u16,
    bits: Bits<'a>,
    next: u32,
    last: u32,
}

impl Ids<'_> {
    /// The next id; `None` at the end, and where the header makes no sense.
    fn step(&mut self) -> Option<u32> {
        if self.next > self.last {
            self.items = self.items.checked_sub(1)?;
            let group = self.bits.flag()?;
            self.next = self.last.checked_add(self.bits.fibonacci()?)?;
            let length = if group { self.bits.fibonacci()? } else { 0 };
            self.last = self.next.checked_add(length)?;
        }
        let id = self.next;
        self.next += 1;
        Some(id)
    }

    /// How many there are; `None` unless all can be read.
    fn count(mut self) -> Option<usize> {
        let mut count = 0;
        while self.items > 0 || self.next <= self.last {
            self.step()?;
            count += 1;
            if count > SECTIONS_MAX {
                return None;
            }
        }
        usize::try_from(count).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section's id and its text, if it must be found.
    type Found = (u32, Option<&'static str>);

    #[test]
    fn headers_list_the_sections_that_follow() {
        let cases: [(&str, &[Found]); 6] = [
            ("DBAA", &[(2, None)]),
            ("DBABM~eu", &[(2, Some("eu")), (6, None)]),
            ("DBACNY~eu~usp", &[(2, Some("eu")), (6, Some("usp"))]),
            (
                "DBABjw~ca~usp",
                &[(5, Some("ca")), (6, Some("usp")), (2, None)],
            ),
            ("DBABLA~nat.gpc", &[(7, Some("nat.gpc"))]),
            (
                "DBACOeA~~1YNN~",
                &[(2, Some("")), (5, Some("1YNN")), (6, Some(""))],
            ),
        ];
        for (text, sections) in cases {
            let gpp = Gpp::parse(text).unwrap();
            for (id, section) in sections {
                assert_eq!(gpp.section(*id), *section, "{text} {id}");
            }
        }
    }

    #[test]
    fn long_lists_are_read_to_the_end() {
        // The groups 2 and 5 to 27, as the reference implementation writes them.
        let held: Vec<_> = [2]
            .into_iter()
            .chain(5..=27)
            .map(|id: u32| id.to_string())
            .collect();
        let text = format!("DBACOcGA~{}", held.join("~"));
        let gpp = Gpp::parse(&text).unwrap();
        for id in &held {
            assert_eq!(gpp.section(id.parse().unwrap()), Some(id.as_str()));
        }
        assert_eq!((gpp.section(3), gpp.section(28)), (None, None));
    }

    #[test]
    fn what_is_not_such_a_string_is_refused() {
        let refused = [
            "",
            "~",
            "D",
            "DBAB",
            "DBABM",
            "DBAA~x",
            "DBABM~a~b",
            "DBACNY~a",
            "DCABM~eu",
            "CBABM~eu",
            "DB BM~eu",
            "DB__________~a",
            "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA",
        ];
        for text in refused {
            assert_eq!(Gpp::parse(text), Err(Undecodable), "{text}");
        }
        let long = format!("DBABM~{}", "A".repeat(CONSENT_CHARS_MAX));
        assert_eq!(Gpp::parse(&long), Err(Undecodable));
    }
}
