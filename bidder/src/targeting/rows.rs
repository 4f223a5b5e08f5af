//! Bits of each line item: which values it takes of the dimensions that have few; and its other rules, side by side.

use domain::Targeting;
use domain::targeting::{Dimension, Rule, Values};

use super::keys::{Keys, Sight};

/// Most words of bits that a line item has.
const WORDS_MAX: usize = 64;
/// A dimension with so few values has bits in any case.
const FEW_VALUES: usize = 63;
/// Most values of a dimension that has bits: so many quarters and hours has a week.
const VALUES_MAX: usize = 1023;
/// Where a line item's rules without bits begin; this says that some are about requests.
const OF_REQUEST: u32 = 1 << 31;
/// This, that some are about impressions.
const OF_IMP: u32 = 1 << 30;
/// A rule without bits is a word, which counts the sorted keys after it. This one excludes.
const EXCLUDES: u64 = 1 << 8;
/// No other rule of the line item follows.
const LAST: u64 = 1 << 9;
/// Where the number of keys begins.
const COUNT_SHIFT: u32 = 32;

/// The bits and rules of all line items, by position.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    fields: Vec<Field>,
    /// The values of all fields.
    values: Vec<u64>,
    words: Vec<Vec<u64>>,
    heads: Vec<u32>,
    rules: Vec<u64>,
}

/// A dimension's bits.
#[derive(Debug, Clone, Copy)]
struct Field {
    dimension: Dimension,
    /// Where its values begin, and how many there are.
    values: (usize, usize),
    /// The first bit of what is included; the one after the values is for any other and for none.
    include: Option<usize>,
    /// The first bit of what is not excluded.
    exclude: Option<usize>,
}

/// What the keys of a request or an impression ask of the bits.
#[derive(Debug, Clone, Default)]
pub(super) struct Mask {
    /// By word: bits that must all be there.
    all: Vec<u64>,
    /// Bits of which one must be there: the dimension's first bit, and each.
    any: Vec<(usize, usize)>,
    /// The values of one dimension that are known.
    known: Vec<usize>,
}

impl Rows {
    /// Compiles the rules. Of line items that are found by a rule of the request's, that rule is left out where it has
    /// no bits.
    pub(super) fn build(all: &[&Targeting], anchors: &[Option<Dimension>]) -> Self {
        let mut rows = Self::laid_out(all, anchors);
        for (targeting, anchor) in all.iter().zip(anchors) {
            rows.add(targeting, *anchor);
        }
        rows.rules.shrink_to_fit();
        rows
    }

    /// Gives bits to dimensions, those with the fewest values first, as long as there is room.
    fn laid_out(all: &[&Targeting], anchors: &[Option<Dimension>]) -> Self {
        let mut counts = vec![Distinct::default(); Dimension::COUNT];
        for (targeting, anchor) in all.iter().zip(anchors) {
            for (dimension, rule) in targeting.rules() {
                let Some(count) = counts.get_mut(dimension as usize) else {
                    continue;
                };
                if !is_found(dimension, *anchor) {
                    count.includes |= !rule.include.is_empty();
                    count.add(dimension, &rule.include);
                }
                if excludes(dimension, &rule.exclude) {
                    count.excludes = true;
                    count.add(dimension, &rule.exclude);
                }
            }
        }
        let listed = Dimension::ALL.iter().copied().zip(counts);
        let mut listed: Vec<_> = listed.filter(|(_, one)| one.has_bits(all.len())).collect();
        listed.sort_by_key(|(_, count)| count.keys.len());
        let (mut rows, mut room) = (Self::default(), Room::default());
        for (dimension, count) in listed {
            let values = count.keys.len();
            let include = count.includes.then(|| room.take(values + 1));
            let exclude = count.excludes.then(|| room.take(values));
            if room.words() > WORDS_MAX {
                break;
            }
            rows.fields.push(Field {
                dimension,
                values: (rows.values.len(), values),
                include,
                exclude,
            });
            rows.values.extend(count.keys);
        }
        let words = room.words().min(WORDS_MAX);
        // One after the other: a copy of an empty list would have no room.
        rows.words = (0..words).map(|_| Vec::with_capacity(all.len())).collect();
        rows.heads = Vec::with_capacity(all.len());
        rows
    }

    fn add(&mut self, targeting: &Targeting, anchor: Option<Dimension>) {
        let mut row = [u64::MAX; WORDS_MAX];
        let start = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        let (mut levels, mut last) = (0, None);
        for (dimension, rule) in targeting.rules() {
            let excludes = excludes(dimension, &rule.exclude);
            let field = self
                .fields
                .iter()
                .find(|field| field.dimension == dimension);
            if let Some(field) = field {
                self.set_bits(field, (rule, anchor), &mut row);
                continue;
            }
            let found = is_found(dimension, anchor);
            let level = if dimension.is_of_impression() {
                OF_IMP
            } else {
                OF_REQUEST
            };
            if !rule.include.is_empty() && !found {
                (levels, last) = (levels | level, Some(self.rules.len()));
                self.add_rule(dimension, 0, &rule.include);
            }
            if excludes {
                (levels, last) = (levels | level, Some(self.rules.len()));
                self.add_rule(dimension, EXCLUDES, &rule.exclude);
            }
        }
        if let Some(head) = last.and_then(|last| self.rules.get_mut(last)) {
            *head |= LAST;
        }
        self.heads.push(levels | (start & !(OF_REQUEST | OF_IMP)));
        for (word, own) in self.words.iter_mut().zip(row) {
            word.push(own);
        }
    }

    fn set_bits(&self, field: &Field, (rule, anchor): (&Rule, Option<Dimension>), row: &mut [u64]) {
        let narrows = !rule.include.is_empty() && !is_found(field.dimension, anchor);
        if let Some(first) = field.include.filter(|_| narrows) {
            let own = field.values.1;
            (first..=first + own).for_each(|bit| set(row, bit, false));
            self.each(field, &rule.include, |at| set(row, first + at, true));
        }
        if let Some(first) = field.exclude {
            self.each(field, &rule.exclude, |at| set(row, first + at, false));
        }
    }

    fn each(&self, field: &Field, values: &Values, mut take: impl FnMut(usize)) {
        for value in values.iter() {
            let dimension = field.dimension;
            dimension.expand(value, &mut |key| {
                self.place(field, key).into_iter().for_each(&mut take);
            });
        }
    }

    /// Which of a dimension's values a key is.
    fn place(&self, field: &Field, key: u64) -> Option<usize> {
        let (start, len) = field.values;
        let own = self.values.get(start..start + len)?;
        own.binary_search(&key).ok()
    }

    fn add_rule(&mut self, dimension: Dimension, kind: u64, values: &Values) {
        let head = self.rules.len();
        self.rules.push(0);
        let rules = &mut self.rules;
        for value in values.iter() {
            dimension.expand(value, &mut |key| rules.push(key));
        }
        let (_, keys) = rules.split_at_mut(head + 1);
        keys.sort_unstable();
        let count = keys.len() as u64;
        if let Some(own) = rules.get_mut(head) {
            *own = dimension as u64 | kind | count << COUNT_SHIFT;
        }
    }

    /// What these keys ask of rows.
    pub(super) fn ask(&self, keys: &Keys, of_imp: bool, mask: &mut Mask) {
        mask.all.clear();
        mask.all.resize(self.words.len(), 0);
        mask.any.clear();
        let fields = self.fields.iter();
        for field in fields.filter(|field| field.dimension.is_of_impression() == of_imp) {
            let keys = keys.of(field.dimension).iter();
            mask.known.clear();
            mask.known
                .extend(keys.filter_map(|key| self.place(field, *key)));
            mask.known.dedup();
            if let Some(first) = field.include {
                match mask.known.as_slice() {
                    [] => set(&mut mask.all, first + field.values.1, true),
                    [one] => set(&mut mask.all, first + one, true),
                    more => mask.any.extend(more.iter().map(|at| (first, first + at))),
                }
            }
            if let Some(first) = field.exclude {
                let known = mask.known.iter();
                known.for_each(|at| set(&mut mask.all, first + at, true));
            }
        }
    }

    /// Keeps the line items whose bits pass.
    pub(super) fn keep(&self, mask: &Mask, positions: &mut Vec<u32>) {
        let asked = self.words.iter().zip(&mask.all);
        for (word, all) in asked.filter(|(_, all)| **all != 0) {
            keep(positions, |at| {
                let own = word.get(at as usize).copied().unwrap_or(0);
                own & all == *all
            });
        }
        for bits in mask.any.chunk_by(|one, other| one.0 == other.0) {
            keep(positions, |at| {
                let has = |(_, bit): &(usize, usize)| {
                    let word = self.words.get(bit / 64);
                    let own = word.and_then(|word| word.get(at as usize));
                    own.is_some_and(|own| own >> (bit % 64) & 1 == 1)
                };
                bits.iter().any(has)
            });
        }
    }

    /// Whether a line item's rules without bits pass: those about requests or about impressions.
    pub(super) fn allows(&self, position: u32, sight: Sight<'_>, of_imp: bool) -> bool {
        let head = self.heads.get(position as usize).copied().unwrap_or(0);
        let level = if of_imp { OF_IMP } else { OF_REQUEST };
        head & level == 0 || self.rules_allow(head, sight, of_imp)
    }

    fn rules_allow(&self, head: u32, sight: Sight<'_>, of_imp: bool) -> bool {
        let mut at = (head & !(OF_REQUEST | OF_IMP)) as usize;
        while let Some((head, rest)) = self.rules.get(at..).and_then(<[u64]>::split_first) {
            let count = (head >> COUNT_SHIFT) as usize;
            let dimension = Dimension::ALL.get(*head as usize & 0xff);
            if let Some(dimension) = dimension.filter(|own| own.is_of_impression() == of_imp) {
                let own = rest.get(..count).unwrap_or_default();
                let mut keys = sight.of(*dimension).iter();
                let has = keys.any(|key| own.binary_search(key).is_ok());
                if has == (head & EXCLUDES != 0) {
                    return false;
                }
            }
            if head & LAST != 0 {
                break;
            }
            at += 1 + count;
        }
        true
    }
}

/// As `retain`, without a branch a position: whether one stays cannot be foretold, and so many are read at once.
fn keep(positions: &mut Vec<u32>, stays: impl Fn(u32) -> bool) {
    let mut kept = 0;
    for from in 0..positions.len() {
        let at = positions.get(from).copied().unwrap_or_default();
        if let Some(to) = positions.get_mut(kept) {
            *to = at;
        }
        kept += usize::from(stays(at));
    }
    positions.truncate(kept);
}

/// Whether who has found a line item has met its rule on this dimension: one impression can find a line item that
/// another one must not show.
fn is_found(dimension: Dimension, anchor: Option<Dimension>) -> bool {
    anchor == Some(dimension) && !dimension.is_of_impression()
}

/// A cell is coarser than its circle: only the check excludes places.
fn excludes(dimension: Dimension, values: &Values) -> bool {
    dimension != Dimension::Places && !values.is_empty()
}

fn set(words: &mut [u64], bit: usize, to: bool) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word = *word & !(1 << (bit % 64)) | u64::from(to) << (bit % 64);
    }
}

/// A dimension's values, as far as they may have bits.
#[derive(Debug, Clone, Default)]
struct Distinct {
    /// Sorted.
    keys: Vec<u64>,
    includes: bool,
    excludes: bool,
    /// How many keys the rules have altogether.
    listed: usize,
}

impl Distinct {
    fn add(&mut self, dimension: Dimension, values: &Values) {
        for value in values.iter() {
            if self.keys.len() > VALUES_MAX {
                return;
            }
            dimension.expand(value, &mut |key| {
                self.listed += 1;
                if let Err(at) = self.keys.binary_search(&key) {
                    self.keys.insert(at, key);
                }
            });
        }
    }

    /// Whether bits are worth their memory: at most twice that of lists of keys.
    fn has_bits(&self, line_items: usize) -> bool {
        let values = self.keys.len();
        let few = (1..=FEW_VALUES).contains(&values);
        let words =
            values.div_ceil(64) * usize::from(u8::from(self.includes) + u8::from(self.excludes));
        few || values <= VALUES_MAX && words * line_items <= 2 * self.listed
    }
}

/// How many bits are taken.
#[derive(Debug, Default)]
struct Room(usize);

impl Room {
    /// The first bit of a place for so many, in as few words as can be.
    fn take(&mut self, bits: usize) -> usize {
        if self.0 % 64 + bits > 64 {
            self.0 = self.0.next_multiple_of(64);
        }
        let first = self.0;
        self.0 += bits;
        first
    }

    fn words(&self) -> usize {
        self.0.div_ceil(64)
    }
}
