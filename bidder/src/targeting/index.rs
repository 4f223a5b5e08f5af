//! The index over all line items' rules.
//!
//! Each line item is anchored at the include rule that fewest requests meet: a request finds it by a key of that
//! rule, or not at all. What is found has its other rules asked one line item at a time, most of them by a few bits
//! of one row; so a request costs what it finds, not what there is.

use domain::Targeting;
use domain::targeting::Dimension;

use super::compiled::{Check, Factors};
use super::keys::{Keys, Sight, Usage};
use super::order::Order;
use super::rows::{Mask, Rows};
use super::table::{Fact, Table};

/// Line items by position in the snapshot, in rising order.
pub type Positions = Vec<u32>;

/// All line items' targeting, compiled.
#[derive(Debug, Clone)]
pub struct Index {
    len: usize,
    usage: Usage,
    table: Table,
    rows: Rows,
    /// Line items without any include rule: every request finds them.
    unanchored: Vec<u32>,
    /// What keys cannot say, of line items by position.
    checks: Vec<(u32, Check)>,
    checked: Vec<u64>,
    factors: Vec<(u32, Factors)>,
    modified: Vec<u64>,
}

/// Working memory of a look-up, kept between requests.
#[derive(Debug, Default)]
pub struct Scratch {
    mask: Mask,
    order: Order,
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

/// The include rule by which a line item is found; none where it has none.
fn anchor(targeting: &Targeting) -> Option<Dimension> {
    let rules = targeting.rules();
    let including = rules.filter(|(_, rule)| !rule.include.is_empty());
    let requests = including.map(|(one, rule)| (one, commonness(one) * rule.include.len() as u64));
    let fewest = requests.min_by_key(|(_, requests)| *requests);
    fewest.map(|(dimension, _)| dimension)
}

impl Index {
    /// Compiles the targeting of line items; positions are their order.
    pub fn build(all: &[&Targeting]) -> Self {
        let words = all.len().div_ceil(64);
        let anchors: Vec<_> = all.iter().map(|targeting| anchor(targeting)).collect();
        let mut facts: Vec<Fact> = Vec::new();
        let mut index = Self {
            len: all.len(),
            usage: Usage::of(all.iter().copied()),
            table: Table::default(),
            rows: Rows::build(all, &anchors),
            unanchored: Vec::new(),
            checks: Vec::new(),
            checked: vec![0; words],
            factors: Vec::new(),
            modified: vec![0; words],
        };
        for ((targeting, anchor), position) in all.iter().zip(anchors).zip(0..) {
            index.add(targeting, position);
            let rules = targeting.rules();
            let found_by = rules.filter(|(dimension, _)| Some(*dimension) == anchor);
            for (dimension, rule) in found_by {
                for value in rule.include.iter() {
                    dimension.expand(value, &mut |key| facts.push((key, position)));
                }
            }
            if anchor.is_none() {
                index.unanchored.push(position);
            }
        }
        index.table = Table::build(facts);
        index
    }

    fn add(&mut self, targeting: &Targeting, position: u32) {
        if let Some(check) = Check::new(targeting) {
            mark(&mut self.checked, position);
            self.checks.push((position, check));
        }
        if let Some(factors) = Factors::new(&targeting.modifiers) {
            mark(&mut self.modified, position);
            self.factors.push((position, factors));
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
        request: &'k Keys,
        imps: impl Iterator<Item = &'k Keys>,
        scratch: &mut Scratch,
        result: &mut Positions,
    ) {
        result.clear();
        result.extend_from_slice(&self.unanchored);
        for key in request.all().iter().chain(imps.flat_map(Keys::all)) {
            result.extend_from_slice(self.table.find(*key));
        }
        self.rows.ask(request, false, &mut scratch.mask);
        self.rows.keep(&scratch.mask, result);
        let sight = Sight {
            request,
            imp: request,
        };
        result.retain(|at| self.rows.allows(*at, sight, false));
        scratch.order.sort(result, self.len);
    }

    /// Keeps in `result`, a copy of what `matching` found, what also passes with one impression's keys.
    pub fn narrow(&self, sight: Sight<'_>, scratch: &mut Scratch, result: &mut Positions) {
        self.rows.ask(sight.imp, true, &mut scratch.mask);
        self.rows.keep(&scratch.mask, result);
        result.retain(|at| self.rows.allows(*at, sight, true) && self.passes_check(*at, sight));
    }

    /// The product of a line item's bid modifiers, in millionths.
    pub fn factor_ppm(&self, position: usize, sight: Sight<'_>) -> i64 {
        let found = find(&self.factors, &self.modified, position);
        found.map_or(1_000_000, |factors| factors.product_ppm(sight))
    }

    fn passes_check(&self, position: u32, sight: Sight<'_>) -> bool {
        let check = find(&self.checks, &self.checked, position as usize);
        check.is_none_or(|check| check.passes(sight))
    }
}

fn mark(bits: &mut [u64], position: u32) {
    if let Some(word) = bits.get_mut(position as usize / 64) {
        *word |= 1 << (position % 64);
    }
}

/// What a line item has, if it is marked.
fn find<'a, T>(list: &'a [(u32, T)], marked: &[u64], position: usize) -> Option<&'a T> {
    let word = marked.get(position / 64)?;
    if word >> (position % 64) & 1 == 0 {
        return None;
    }
    let found = list.binary_search_by_key(&position, |(at, _)| *at as usize);
    list.get(found.ok()?).map(|(_, one)| one)
}
