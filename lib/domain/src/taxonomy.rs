//! Category taxonomies of AdCOM's list: which code lies under which, after the tables of IAB Tech Lab.

use std::sync::LazyLock;

mod declared;
mod mapping;

pub use declared::Declared;

/// Most levels of a taxonomy; the deepest has seven.
const LEVELS_MAX: usize = 8;
/// IAB Content Taxonomy 1.0, whose codes say their parent: `IAB25-3` lies under `IAB25`.
pub const CONTENT_1: u32 = 1;

/// Codes with the one above each, sorted.
type Parents = Box<[(Box<str>, Box<str>)]>;

/// Content Taxonomy 2.0 to 2.2, which share their codes.
static CONTENT_2: LazyLock<Parents> = LazyLock::new(|| read(include_str!("taxonomy/content2.txt")));
/// Content Taxonomy 3.0 and 3.1.
static CONTENT_3: LazyLock<Parents> = LazyLock::new(|| read(include_str!("taxonomy/content3.txt")));
/// Ad Product Taxonomy 1.0.
static PRODUCT_1: LazyLock<Parents> = LazyLock::new(|| read(include_str!("taxonomy/product1.txt")));
/// Ad Product Taxonomy 2.0.
static PRODUCT_2: LazyLock<Parents> = LazyLock::new(|| read(include_str!("taxonomy/product2.txt")));

fn table(taxonomy: u32) -> Option<&'static Parents> {
    match taxonomy {
        2 | 5 | 6 => Some(&CONTENT_2),
        7 | 9 => Some(&CONTENT_3),
        3 => Some(&PRODUCT_1),
        8 => Some(&PRODUCT_2),
        _ => None,
    }
}

/// Whether the same code means the same in both: they are one, or versions that share their codes.
pub fn are_alike(one: u32, other: u32) -> bool {
    let shared = |one: &'static Parents, other| std::ptr::eq(one, other);
    one == other
        || table(one)
            .zip(table(other))
            .is_some_and(|(one, other)| shared(one, other))
}

/// The code above another one; none at the top, and where the taxonomy is not known.
pub fn parent(taxonomy: u32, code: &str) -> Option<&str> {
    if taxonomy == CONTENT_1 {
        return code.split_once('-').map(|(above, _)| above);
    }
    let table = table(taxonomy)?;
    let found = table.binary_search_by(|(own, _)| (**own).cmp(code)).ok()?;
    table.get(found).map(|(_, above)| &**above)
}

/// The code with all above it.
pub fn lineage(taxonomy: u32, code: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(code), move |code| parent(taxonomy, code)).take(LEVELS_MAX)
}

/// Lines of a code and those right under it.
fn read(text: &str) -> Parents {
    let mut parents: Vec<_> = pairs(text)
        .map(|(above, code)| (code, above.into()))
        .collect();
    parents.sort_unstable();
    parents.into()
}

/// Lines of a code and those that belong to it, numbers in a row as `3-15`: each of them with the first.
fn pairs(text: &str) -> impl Iterator<Item = (&str, Box<str>)> {
    text.lines().flat_map(|line| {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        rest.split(' ').flat_map(move |part| {
            let row = part.split_once('-');
            let row = row.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
            let (from, to): (u32, u32) = row.unwrap_or((1, 0));
            let one = row.is_none().then(|| part.into());
            let row = (from..=to).map(|code| code.to_string().into());
            one.into_iter().chain(row).map(move |code| (first, code))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn above(taxonomy: u32, code: &str) -> Vec<&str> {
        lineage(taxonomy, code).skip(1).collect()
    }

    #[test]
    fn codes_lie_under_those_that_the_tables_say() {
        let cases: [(u32, &str, &[&str]); 16] = [
            (1, "IAB25-3", &["IAB25"]),
            (1, "IAB25", &[]),
            // Vans, under body styles, under cars; all three versions.
            (2, "7", &["2", "1"]),
            (5, "7", &["2", "1"]),
            (6, "7", &["2", "1"]),
            (6, "1", &[]),
            (7, "7", &["2", "1"]),
            // Moved between the versions.
            (6, "44", &["42"]),
            (9, "44", &["SPSHQ5"]),
            (3, "2", &["1"]),
            (8, "1007", &["1002"]),
            (8, "1000", &[]),
            // Not known: to the table, and the table itself.
            (6, "99999", &[]),
            (8, "7", &[]),
            (4, "7", &[]),
            (500, "7", &[]),
        ];
        for (taxonomy, code, wanted) in cases {
            assert_eq!(above(taxonomy, code), wanted, "{taxonomy} {code}");
        }
    }

    #[test]
    fn versions_that_share_codes_are_alike() {
        for (one, other) in [(1, 1), (2, 6), (5, 2), (7, 9), (8, 8), (500, 500)] {
            assert!(
                are_alike(one, other) && are_alike(other, one),
                "{one} {other}"
            );
        }
        for (one, other) in [(1, 2), (6, 7), (3, 8), (4, 500), (1, 500)] {
            assert!(
                !are_alike(one, other) && !are_alike(other, one),
                "{one} {other}"
            );
        }
    }

    #[test]
    fn no_code_lies_under_itself() {
        for taxonomy in [2, 3, 7, 8] {
            let table = table(taxonomy).unwrap();
            assert!(table.len() > 500, "{taxonomy}: {}", table.len());
            for (code, _) in table {
                assert!(
                    lineage(taxonomy, code).count() < LEVELS_MAX,
                    "{taxonomy} {code}"
                );
                assert!(
                    !above(taxonomy, code).contains(&&**code),
                    "{taxonomy} {code}"
                );
            }
            let once = table.windows(2).all(|pair| pair[0].0 < pair[1].0);
            assert!(once, "{taxonomy}: a code has two parents");
        }
    }
}
