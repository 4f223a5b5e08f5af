//! What an ad declares of itself, readied for lists of categories in any taxonomy.

use super::mapping::{FAMILIES, NUMBERS, family, told};
use super::{CONTENT_1, lineage};

/// How every code of Content Taxonomy 1.0 begins, and none of another one.
const CONTENT_1_PREFIX: &str = "IAB";

/// An ad's categories, and all codes that cover one of them, taxonomy by taxonomy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    taxonomy: u32,
    categories: Box<[Box<str>]>,
    /// By the taxonomy's position in the row of mappings; none where one of the categories cannot be told in it.
    covering: [Option<Box<[Box<str>]>>; FAMILIES],
}

impl Declared {
    /// Looks up what an ad's categories are called elsewhere.
    pub fn new(taxonomy: u32, categories: &[String]) -> Self {
        let mut at = 0..FAMILIES;
        Self {
            taxonomy,
            categories: categories.iter().map(|own| own.as_str().into()).collect(),
            covering: [(); FAMILIES].map(|()| covering(taxonomy, categories, at.next()?)),
        }
    }

    /// Whether a list in the taxonomy `listed` that blocks `code` blocks the ad: one of its categories is that one or
    /// lies under it. Where one of them cannot be told in that taxonomy it might be meant, and is taken to be. A code
    /// that begins with `IAB` is one of Content Taxonomy 1.0, whatever the list says. Nothing blocks an ad without
    /// categories.
    pub fn is_blocked_by(&self, listed: u32, code: &str) -> bool {
        let listed = taxonomy_of(listed, code);
        if self.categories.is_empty() {
            return false;
        }
        let covering = family(listed).and_then(|at| self.covering.get(at)?.as_deref());
        match covering {
            Some(codes) => codes.iter().any(|own| **own == *code),
            None if listed == self.taxonomy => self.has(code),
            None => true,
        }
    }

    /// Whether a list in the taxonomy `listed` allows the ad: each of its categories, of which it has at least one, is
    /// on the list or lies under one that is. In another taxonomy only what has the same code is.
    pub fn is_allowed_by(&self, listed: u32, codes: &[&str]) -> bool {
        let covers = |code: &&str, own: &str| match super::are_alike(
            taxonomy_of(listed, code),
            self.taxonomy,
        ) {
            true => lineage(self.taxonomy, own).any(|above| above == *code),
            false => own == *code,
        };
        let mut categories = self.categories.iter();
        let all = categories.all(|own| codes.iter().any(|code| covers(code, own)));
        all && !self.categories.is_empty()
    }

    fn has(&self, code: &str) -> bool {
        self.categories.iter().any(|own| **own == *code)
    }
}

/// The taxonomy of a code on a list that says it is in `listed`.
fn taxonomy_of(listed: u32, code: &str) -> u32 {
    match code.starts_with(CONTENT_1_PREFIX) {
        true => CONTENT_1,
        false => listed,
    }
}

/// All codes of the taxonomy at `to` that cover one of the categories.
fn covering(taxonomy: u32, categories: &[String], to: usize) -> Option<Box<[Box<str>]>> {
    let (from, number) = (family(taxonomy)?, *NUMBERS.get(to)?);
    let mut covering: Vec<Box<str>> = Vec::new();
    for category in categories {
        let told = told(from, to, category);
        if told.is_empty() {
            return None;
        }
        // The own taxonomy may be an older version of the one that stands for both: their parents are the same.
        let above = told.iter().flat_map(|code| lineage(number, code));
        covering.extend(above.map(Box::from));
    }
    covering.sort_unstable();
    covering.dedup();
    Some(covering.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ad(taxonomy: u32, categories: &[&str]) -> Declared {
        let categories: Vec<String> = categories.iter().map(|own| (*own).to_owned()).collect();
        Declared::new(taxonomy, &categories)
    }

    #[test]
    fn block_lists_are_read_in_any_taxonomy() {
        // The ad's taxonomy and categories; the list's taxonomy and code; whether it blocks.
        let cases: [(u32, &[&str], u32, &str, bool); 31] = [
            (1, &["IAB17"], 1, "IAB17", true),
            (1, &["IAB17-5"], 1, "IAB17", true),
            (1, &["IAB17"], 1, "IAB17-5", false),
            (1, &["IAB17"], 1, "BSW1", false),
            // Sports are not sensitive, and are sports.
            (1, &["IAB17"], 7, "v9i3On", false),
            (1, &["IAB17"], 9, "483", true),
            (1, &["IAB17"], 2, "483", true),
            (1, &["IAB17"], 6, "484", false),
            (1, &["IAB17-12"], 6, "483", true),
            (6, &["484"], 1, "IAB17", true),
            (6, &["484"], 1, "IAB18", false),
            // Drinks are, by what the new taxonomies warn of.
            (1, &["IAB8-5"], 7, "v9i3On", true),
            (1, &["IAB8-5"], 8, "1002", true),
            (1, &["IAB8-5"], 8, "1361", false),
            (8, &["1007"], 1, "IAB8-18", true),
            (8, &["1007"], 1, "IAB8", true),
            (8, &["1007"], 1, "IAB25", false),
            (8, &["1361"], 1, "IAB9-7", true),
            (8, &["1367"], 1, "IAB9-7", true),
            // Vans are cars in all versions.
            (6, &["7"], 7, "1", true),
            (6, &["7"], 7, "SPSHQ5", false),
            (6, &["7"], 1, "IAB2", true),
            // A code says itself that it is of the first taxonomy.
            (1, &["IAB25-3"], 6, "IAB25", true),
            (1, &["IAB25-3"], 600, "IAB25", true),
            (1, &["IAB25-3"], 600, "IAB26", false),
            // Nothing is known of these: they might be meant.
            (1, &["IAB24"], 6, "483", true),
            (1, &["IAB17"], 600, "A", true),
            (600, &["A"], 600, "A", true),
            (600, &["A"], 600, "B", false),
            (600, &["A"], 1, "IAB1", true),
            (1, &[], 600, "A", false),
        ];
        for (own, categories, listed, code, wanted) in cases {
            let blocked = ad(own, categories).is_blocked_by(listed, code);
            assert_eq!(blocked, wanted, "{own}: {categories:?} by {listed}: {code}");
        }
    }

    #[test]
    fn allow_lists_name_every_category() {
        type Case<'a> = (u32, &'a [&'a str], u32, &'a [&'a str], bool);
        let cases: [Case<'_>; 9] = [
            (1, &["IAB17-5"], 1, &["IAB1", "IAB17"], true),
            (1, &["IAB17-5", "IAB2"], 1, &["IAB17"], false),
            (1, &["IAB17-5"], 6, &["IAB17"], true),
            (6, &["7"], 2, &["1"], true),
            (6, &["7"], 7, &["7"], true),
            (6, &["7"], 7, &["1"], false),
            (1, &["IAB17"], 7, &["483"], false),
            (1, &[], 1, &["IAB17"], false),
            (600, &["A"], 600, &["A"], true),
        ];
        for (own, categories, listed, codes, wanted) in cases {
            let allowed = ad(own, categories).is_allowed_by(listed, codes);
            assert_eq!(
                allowed, wanted,
                "{own}: {categories:?} by {listed}: {codes:?}"
            );
        }
    }

    /// Content 2 numbers channels, languages and the like from here on.
    const NO_SUBJECT: std::ops::Range<u32> = 1000..1500;

    #[test]
    fn most_of_what_the_tables_know_is_told_in_all_others() {
        for (from, unknown) in [(3, 52), (6, 4), (7, 0), (8, 0)] {
            let known = super::super::table(from).unwrap().iter();
            let known = known.map(|(code, _)| &**code);
            let subject = |code: &str| code.parse().is_ok_and(|code| NO_SUBJECT.contains(&code));
            let subjects = known.filter(|code| from != 6 || !subject(code));
            // The first Ad Product Taxonomy lacks much, and nobody blocks in it.
            let lost = subjects.filter(|code| ad(from, &[code]).covering[1..].contains(&None));
            assert_eq!(lost.count(), unknown, "{from}");
        }
    }
}
