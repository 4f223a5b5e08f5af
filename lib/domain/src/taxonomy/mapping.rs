//! What a category of one taxonomy is called in another, after IAB Tech Lab's mappings.
//!
//! The five taxonomies stand in a row, and each mapping joins two neighbours: Ad Product 1.0, Ad Product 2.0, Content 1.0,
//! Content 2, Content 3. What lies further apart is told by way of those between.

use std::sync::LazyLock;

use super::{CONTENT_1, lineage, pairs};

/// Taxonomies that can be told in one another.
pub(super) const FAMILIES: usize = 5;
/// A number of each, by position in the row.
pub(super) const NUMBERS: [u32; FAMILIES] = [3, 8, CONTENT_1, 6, 7];
/// The position of the taxonomy whose codes say so themselves.
const CONTENT_1_AT: usize = 2;
/// The mapping between Content 2 and 3, which lists only the codes that the other has not.
const MOSTLY_THE_SAME: usize = 3;

/// Pairs of codes, sorted by the first.
type Entries = Box<[(Box<str>, Box<str>)]>;

/// What the codes of two neighbours are called in the other.
struct Mapping {
    forth: Entries,
    back: Entries,
}

/// Each joins the taxonomy of its position to the next.
static MAPPINGS: [LazyLock<Mapping>; FAMILIES - 1] = [
    LazyLock::new(|| Mapping::read(include_str!("product1_product2.txt"))),
    LazyLock::new(|| Mapping::read(include_str!("content1_product2.txt")).turned()),
    LazyLock::new(|| Mapping::read(include_str!("content1_content2.txt"))),
    LazyLock::new(|| Mapping {
        forth: read(include_str!("content2_content3.txt")),
        back: read(include_str!("content3_content2.txt")),
    }),
];

/// The position of a taxonomy in the row.
pub(super) fn family(taxonomy: u32) -> Option<usize> {
    match taxonomy {
        3 => Some(0),
        8 => Some(1),
        CONTENT_1 => Some(CONTENT_1_AT),
        2 | 5 | 6 => Some(3),
        7 | 9 => Some(4),
        _ => None,
    }
}

/// What a code of the taxonomy at `from` is called in the one at `to`: by its own entry, else by that of the nearest
/// code above it which has one. Empty where nothing is said of it.
pub(super) fn told(from: usize, to: usize, code: &str) -> Vec<Box<str>> {
    let mut codes: Vec<Box<str>> = vec![code.into()];
    let mut at = from;
    while at != to {
        let next = if at < to { at + 1 } else { at - 1 };
        codes = codes.iter().flat_map(|code| step(at, next, code)).collect();
        codes.sort_unstable();
        codes.dedup();
        at = next;
    }
    codes
}

/// From one taxonomy to a neighbour.
fn step(at: usize, next: usize, code: &str) -> Vec<Box<str>> {
    let edge = at.min(next);
    let (Some(mapping), Some(taxonomy)) = (MAPPINGS.get(edge), NUMBERS.get(at)) else {
        return Vec::new();
    };
    let listed = if at < next {
        &mapping.forth
    } else {
        &mapping.back
    };
    let own = entries(listed, code);
    if own.is_empty() && edge == MOSTLY_THE_SAME {
        return vec![code.into()];
    }
    let codes = lineage(*taxonomy, code).map(|code| entries(listed, code));
    codes
        .into_iter()
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

fn entries(listed: &[(Box<str>, Box<str>)], code: &str) -> Vec<Box<str>> {
    let first = listed.partition_point(|(own, _)| **own < *code);
    let from = listed.get(first..).unwrap_or_default();
    let same = from.iter().take_while(|(own, _)| **own == *code);
    same.map(|(_, other)| other.clone()).collect()
}

fn read(text: &str) -> Entries {
    let mut entries: Vec<_> = pairs(text)
        .map(|(one, other)| (one.into(), other))
        .collect();
    entries.sort_unstable();
    entries.into()
}

impl Mapping {
    /// What holds both ways.
    fn read(text: &str) -> Self {
        let forth = read(text);
        let turned = forth
            .iter()
            .map(|(one, other)| (other.clone(), one.clone()));
        let mut back: Vec<_> = turned.collect();
        back.sort_unstable();
        Self {
            forth,
            back: back.into(),
        }
    }

    fn turned(self) -> Self {
        Self {
            forth: self.back,
            back: self.forth,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_in_other_taxonomies() {
        let cases: [(u32, u32, &str, &[&str]); 14] = [
            (1, 6, "IAB17", &["483"]),
            (1, 7, "IAB17", &["483"]),
            (7, 1, "483", &["IAB17"]),
            (1, 6, "IAB25-3", &["Rm3SiT"]),
            (7, 1, "Rm3SiT", &["IAB25-3"]),
            // By the code above it.
            (1, 6, "IAB25-6", &["v9i3On"]),
            (6, 1, "7", &["IAB2", "IAB2-9"]),
            // Several stand for one.
            (1, 6, "IAB22-3", &["1019", "473"]),
            // Unchanged between versions, and moved.
            (6, 7, "7", &["7"]),
            (6, 7, "176", &["483", "8VZQHL"]),
            (8, 1, "1005", &["IAB8-18", "IAB8-5"]),
            (8, 6, "1004", &["211", "pg0WhF"]),
            (1, 1, "IAB99", &["IAB99"]),
            (1, 6, "IAB24", &[]),
        ];
        for (from, to, code, wanted) in cases {
            let (from, to) = (family(from).unwrap(), family(to).unwrap());
            let told = told(from, to, code);
            let told: Vec<&str> = told.iter().map(|code| &**code).collect();
            assert_eq!(told, wanted, "{code}");
        }
    }
}
