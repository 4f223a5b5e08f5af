//! The index over all line items' rules.
//!
//! Each line item is anchored at the include rule that fewest requests meet: a request finds it by a key of that
//! rule, or not at all. The other rules then narrow what was found, dimension by dimension, and look only at words
//! that still hold a line item; so a request costs what it matches, not what there is.

use domain::Targeting;
use domain::targeting::Dimension;

use super::compiled::{Check, Factors};
use super::keys::{Keys, Sight, Usage};
use super::table::{Fact, Postings, Role, Table, mark};

/// A set of line items, by position in the snapshot.
pub type Bits = Vec<u64>;

/// The positions in a set, in rising order.
pub fn positions(bits: &[u64]) -> impl Iterator<Item = usize> + '_ {
    bits.iter().enumerate().flat_map(|(word_index, word)| {
        let mut rest = *word;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(word_index * 64 + bit)
        })
    })
}

/// One dimension's part in a look-up.
#[derive(Debug, Clone)]
struct Pass {
    dimension: Dimension,
    /// Those that include nothing here, or were found by it; nothing to do when all are.
    open: Option<Bits>,
    /// Some exclude something.
    excludes: bool,
}

/// All line items' targeting, compiled.
#[derive(Debug, Clone)]
pub struct Index {
    len: usize,
    usage: Usage,
    table: Table,
    of_request: Vec<Pass>,
    of_imp: Vec<Pass>,
    /// Line items without any include rule: every request finds them.
    unanchored: Bits,
    /// Those with a `Check`, and those, by position.
    checked: Bits,
    checks: Vec<(u32, Check)>,
    modified: Bits,
    factors: Vec<(u32, Factors)>,
}

/// Working memory of a look-up, kept between requests.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Words of the request's result that hold something.
    active: Vec<u32>,
    /// As `active`, of one impression.
    narrowed: Vec<u32>,
    /// Pass and place of the lists that the keys of the request have.
    hits: Vec<(u32, u32)>,
    /// Included positions that had passed before.
    kept: Vec<u32>,
    /// What one pass allows of the active words.
    allowed: Vec<u64>,
}

/// How many of 10,000 requests have one certain value of a dimension, roughly.
fn commonness(dimension: Dimension) -> u64 {
    use Dimension as D;
    match dimension {
        D::Pages | D::Postcodes | D::Ips | D::Deals | D::Placements => 1,
        D::Sites | D::Apps | D::Publishers | D::Cities | D::Models => 2,
        D::Places | D::Keywords | D::Segments | D::UserShares => 10,
        D::Metros | D::Regions | D::Carriers | D::OsVersions | D::Hours => 50,
        D::Ages | D::StoreCategories | D::Categories | D::Metrics => 100,
        D::Countries | D::Languages | D::Makes | D::Sizes | D::VideoLengths => 500,
        _ => 2000,
    }
}

impl Index {
    /// Compiles the targeting of line items; positions are their order.
    pub fn build(all: &[&Targeting]) -> Self {
        let words = all.len().div_ceil(64);
        let usage = Usage::of(all.iter().copied());
        let mut builder = Builder::new(words);
        for (position, targeting) in all.iter().enumerate() {
            builder.add(position, targeting);
        }
        let (of_request, of_imp) = builder.passes(all.len());
        Self {
            len: all.len(),
            usage,
            table: Table::build(builder.facts, words),
            of_request,
            of_imp,
            unanchored: builder.unanchored,
            checked: builder.checked,
            checks: builder.checks,
            modified: builder.modified,
            factors: builder.factors,
        }
    }

    /// How many line items there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the line items ask for.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Writes into `result` the line items that the request's keys pass; `imps` are the keys of its impressions,
    /// by which line items can be found.
    pub fn matching<'k>(
        &self,
        request: &Keys,
        imps: impl Iterator<Item = &'k Keys>,
        scratch: &mut Scratch,
        result: &mut Bits,
    ) {
        result.clear();
        result.extend_from_slice(&self.unanchored);
        scratch.hits.clear();
        find_hits(&self.table, &self.of_request, request, &mut scratch.hits);
        for (_, place) in &scratch.hits {
            self.find_anchored(*place, result);
        }
        for key in imps.flat_map(Keys::all) {
            if let Some(place) = self.table.find(*key) {
                self.find_anchored(place, result);
            }
        }
        scratch.active.clear();
        let filled = result.iter().enumerate().filter(|(_, word)| **word != 0);
        scratch.active.extend(filled.map(|(at, _)| at as u32));
        let mut active = std::mem::take(&mut scratch.active);
        narrow(
            &self.table,
            &self.of_request,
            (scratch, &mut active),
            result,
        );
        scratch.active = active;
    }

    /// Keeps in `result`, a copy of what `matching` found, what also passes with one impression's keys.
    pub fn narrow(&self, sight: Sight<'_>, scratch: &mut Scratch, result: &mut Bits) {
        let mut active = std::mem::take(&mut scratch.narrowed);
        active.clone_from(&scratch.active);
        scratch.hits.clear();
        find_hits(&self.table, &self.of_imp, sight.imp, &mut scratch.hits);
        narrow(&self.table, &self.of_imp, (scratch, &mut active), result);
        if !self.checks.is_empty() {
            for at in &active {
                self.check_word(*at as usize, sight, result);
            }
        }
        scratch.narrowed = active;
    }

    /// The product of a line item's bid modifiers, in millionths.
    pub fn factor_ppm(&self, position: usize, sight: Sight<'_>) -> i64 {
        let found = if has(&self.modified, position) {
            by_position(&self.factors, position)
        } else {
            None
        };
        found.map_or(1_000_000, |factors| factors.product_ppm(sight))
    }

    fn find_anchored(&self, place: u32, result: &mut [u64]) {
        for (role, postings) in self.table.lists(place) {
            match (role, postings) {
                (Role::Anchor, Postings::Few(list)) => {
                    list.iter().for_each(|at| mark(result, *at as usize));
                }
                (Role::Anchor, Postings::Many(set)) => {
                    for (word, more) in result.iter_mut().zip(set) {
                        *word |= more;
                    }
                }
                _ => return,
            }
        }
    }

    fn check_word(&self, at: usize, sight: Sight<'_>, result: &mut [u64]) {
        let (Some(word), Some(checked)) = (result.get_mut(at), self.checked.get(at)) else {
            return;
        };
        for bit in positions(&[*word & checked]) {
            let check = by_position(&self.checks, at * 64 + bit);
            if !check.is_some_and(|check| check.passes(sight)) {
                *word &= !(1 << bit);
            }
        }
    }
}

fn by_position<T>(list: &[(u32, T)], position: usize) -> Option<&T> {
    let found = list.binary_search_by_key(&position, |(at, _)| *at as usize);
    list.get(found.ok()?).map(|(_, one)| one)
}

fn has(bits: &[u64], position: usize) -> bool {
    bits.get(position / 64)
        .is_some_and(|word| word >> (position % 64) & 1 == 1)
}

/// All look-ups at once, so that their cache misses overlap.
fn find_hits(table: &Table, passes: &[Pass], keys: &Keys, hits: &mut Vec<(u32, u32)>) {
    for (number, pass) in passes.iter().enumerate() {
        let found = keys.of(pass.dimension).iter();
        let found = found.filter_map(|key| table.find(*key));
        hits.extend(found.map(|place| (number as u32, place)));
    }
}

/// Runs the passes over the active words.
fn narrow(
    table: &Table,
    passes: &[Pass],
    (scratch, active): (&mut Scratch, &mut Vec<u32>),
    result: &mut [u64],
) {
    let mut hits = scratch.hits.as_slice();
    for (number, pass) in passes.iter().enumerate() {
        let own = hits.partition_point(|(of, _)| *of as usize <= number);
        let (now, later) = hits.split_at_checked(own).unwrap_or_default();
        hits = later;
        let lists = || now.iter().flat_map(|(_, place)| table.lists(*place));
        if let Some(open) = &pass.open {
            let memory = (&mut scratch.kept, &mut scratch.allowed);
            include(lists(), (open, active), memory, result);
        }
        if pass.excludes {
            exclude(lists(), active, result);
        }
        if pass.open.is_some() || pass.excludes {
            active.retain(|at| result.get(*at as usize).is_some_and(|word| *word != 0));
        }
    }
}

/// Keeps what is open or has one of the included values.
fn include<'t>(
    lists: impl Iterator<Item = (Role, Postings<'t>)>,
    (open, active): (&[u64], &[u32]),
    (kept, allowed): (&mut Vec<u32>, &mut Vec<u64>),
    result: &mut [u64],
) {
    kept.clear();
    allowed.clear();
    let words = active.iter().map(|at| open.get(*at as usize));
    allowed.extend(words.map(|word| word.copied().unwrap_or(0)));
    for (role, postings) in lists {
        match (role, postings) {
            (Role::Include, Postings::Few(list)) => {
                let passed = list.iter().filter(|at| has(result, **at as usize));
                kept.extend(passed);
            }
            (Role::Include, Postings::Many(set)) => {
                for (word, at) in allowed.iter_mut().zip(active) {
                    *word |= set.get(*at as usize).copied().unwrap_or(0);
                }
            }
            _ => {}
        }
    }
    for (allowed, at) in allowed.iter().zip(active) {
        if let Some(word) = result.get_mut(*at as usize) {
            *word &= allowed;
        }
    }
    kept.iter().for_each(|at| mark(result, *at as usize));
}

fn exclude<'t>(
    lists: impl Iterator<Item = (Role, Postings<'t>)>,
    active: &[u32],
    result: &mut [u64],
) {
    for (role, postings) in lists {
        match (role, postings) {
            (Role::Exclude, Postings::Few(list)) => {
                for at in list {
                    if let Some(word) = result.get_mut(*at as usize / 64) {
                        *word &= !(1 << (at % 64));
                    }
                }
            }
            (Role::Exclude, Postings::Many(set)) => {
                for at in active {
                    let at = *at as usize;
                    if let (Some(word), Some(refused)) = (result.get_mut(at), set.get(at)) {
                        *word &= !refused;
                    }
                }
            }
            _ => {}
        }
    }
}

/// Gathers the facts of all line items.
struct Builder {
    facts: Vec<Fact>,
    unanchored: Bits,
    checked: Bits,
    checks: Vec<(u32, Check)>,
    modified: Bits,
    factors: Vec<(u32, Factors)>,
    /// By dimension: those that include something and are not found by it.
    narrowed: Vec<Bits>,
    excludes: u64,
    keyed: u64,
}

impl Builder {
    fn new(words: usize) -> Self {
        Self {
            facts: Vec::new(),
            unanchored: vec![0; words],
            checked: vec![0; words],
            checks: Vec::new(),
            modified: vec![0; words],
            factors: Vec::new(),
            narrowed: vec![vec![0; words]; Dimension::COUNT],
            excludes: 0,
            keyed: 0,
        }
    }

    fn add(&mut self, position: usize, targeting: &Targeting) {
        let short = u32::try_from(position).unwrap_or(u32::MAX);
        if let Some(check) = Check::new(targeting) {
            mark(&mut self.checked, position);
            self.checks.push((short, check));
        }
        if let Some(factors) = Factors::new(&targeting.modifiers) {
            mark(&mut self.modified, position);
            self.factors.push((short, factors));
        }
        let including = targeting
            .rules()
            .filter(|(_, rule)| !rule.include.is_empty());
        let anchor = including
            .map(|(dimension, rule)| (dimension, commonness(dimension) * rule.include.len() as u64))
            .min_by_key(|(_, requests)| *requests)
            .map(|(dimension, _)| dimension);
        if anchor.is_none() {
            mark(&mut self.unanchored, position);
        }
        for (dimension, rule) in targeting.rules() {
            self.keyed |= dimension.bit();
            let anchored = anchor == Some(dimension);
            // One impression can find a line item that another one must not show.
            let narrows = !anchored || dimension.is_of_impression();
            let facts = &mut self.facts;
            for value in rule.include.iter() {
                dimension.expand(value, &mut |key| {
                    facts.extend(anchored.then_some((key, Role::Anchor, short)));
                    facts.extend(narrows.then_some((key, Role::Include, short)));
                });
            }
            if narrows && !rule.include.is_empty() {
                let narrowed = self.narrowed.get_mut(dimension as usize);
                mark(narrowed.map_or(&mut [][..], Vec::as_mut_slice), position);
            }
            // A cell is coarser than its circle: only the check excludes places.
            if dimension != Dimension::Places && !rule.exclude.is_empty() {
                self.excludes |= dimension.bit();
                for value in rule.exclude.iter() {
                    dimension.expand(value, &mut |key| facts.push((key, Role::Exclude, short)));
                }
            }
        }
    }

    /// The passes of requests and of impressions, those that narrow most line items first.
    fn passes(&mut self, len: usize) -> (Vec<Pass>, Vec<Pass>) {
        let mut passes = Vec::new();
        let dimensions = Dimension::ALL
            .iter()
            .zip(std::mem::take(&mut self.narrowed));
        for (dimension, narrowed) in dimensions.filter(|(one, _)| self.keyed & one.bit() != 0) {
            let count: u32 = narrowed.iter().map(|word| word.count_ones()).sum();
            let open = narrowed.iter().map(|word| !word).collect();
            let pass = Pass {
                dimension: *dimension,
                open: (count > 0).then_some(open),
                excludes: self.excludes & dimension.bit() != 0,
            };
            passes.push((len - count as usize, pass));
        }
        passes.sort_by_key(|(open, _)| *open);
        let passes = passes.into_iter().map(|(_, pass)| pass);
        passes.partition(|pass| !pass.dimension.is_of_impression())
    }
}
