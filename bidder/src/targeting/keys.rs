//! The keys that one request or impression carries, in buffers that are kept.

use domain::Targeting;
use domain::targeting::place::Point;
use domain::targeting::value::{HourZone, IpRange, Segment, Share};
use domain::targeting::zone::{Homes, ZoneClock};
use domain::targeting::{Dimension, Values, place};

/// Keys by dimension.
#[derive(Debug, Clone)]
pub struct Keys {
    keys: Vec<u64>,
    spans: [(usize, usize); Dimension::COUNT],
    /// Where the device is, if that may be used.
    pub point: Option<Point>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            spans: [(0, 0); Dimension::COUNT],
            point: None,
        }
    }
}

impl Keys {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.spans = [(0, 0); Dimension::COUNT];
        self.point = None;
    }

    /// Adds all keys of a dimension.
    pub fn fill(&mut self, dimension: Dimension, add: impl FnOnce(&mut Vec<u64>)) {
        let start = self.keys.len();
        add(&mut self.keys);
        if let Some(span) = self.spans.get_mut(dimension as usize) {
            *span = (start, self.keys.len());
        }
    }

    /// The keys of a dimension; none when unknown.
    pub fn of(&self, dimension: Dimension) -> &[u64] {
        let span = self.spans.get(dimension as usize);
        let (start, end) = span.copied().unwrap_or_default();
        self.keys.get(start..end).unwrap_or_default()
    }

    /// The keys of all dimensions.
    pub fn all(&self) -> &[u64] {
        &self.keys
    }
}

/// What there is to see of one impression: its request's keys and its own.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// Of the request.
    pub request: &'a Keys,
    /// Of the impression.
    pub imp: &'a Keys,
}

impl Sight<'_> {
    /// The keys of a dimension.
    pub fn of(&self, dimension: Dimension) -> &[u64] {
        if dimension.is_of_impression() {
            self.imp.of(dimension)
        } else {
            self.request.of(dimension)
        }
    }
}

/// What the line items ask for, so that nothing else is read of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    dimensions: u64,
    /// Lengths of IPv4 ranges in bits.
    pub v4_bits: Vec<u32>,
    /// Lengths of IPv6 ranges in bits.
    pub v6_bits: Vec<u32>,
    /// How recent segments are asked to be, in hours.
    pub recencies_h: Vec<u32>,
    /// Salts of experiments.
    pub salts: Vec<Box<str>>,
    /// Clocks of the time zones that hours are asked for in.
    pub zones: Vec<(Box<str>, ZoneClock)>,
    /// Clocks of countries and regions, if hours are asked for on the user's.
    pub homes: Option<&'static Homes>,
    /// Levels of cells that circles are found by.
    pub levels: [bool; place::CELL_DEGREES.len()],
}

impl Usage {
    /// What all of these ask for.
    pub fn of<'a>(all: impl Iterator<Item = &'a Targeting>) -> Self {
        let mut usage = Self::default();
        for targeting in all {
            usage.dimensions |= targeting.dimensions();
            for (dimension, rule) in targeting.rules() {
                usage.add(dimension, &rule.include);
                usage.add(dimension, &rule.exclude);
            }
            if let Some(groups) = &targeting.groups {
                groups.visit(&mut |dimension, values| usage.add(dimension, values));
            }
            for modifier in &targeting.modifiers {
                usage.add_one(modifier.dimension, &modifier.value);
            }
        }
        usage
    }

    /// Whether any line item asks for a dimension.
    pub fn asks(&self, dimension: Dimension) -> bool {
        self.dimensions & dimension.bit() != 0
    }

    fn add(&mut self, dimension: Dimension, values: &Values) {
        let has_more = matches!(
            dimension,
            Dimension::Ips
                | Dimension::Segments
                | Dimension::UserShares
                | Dimension::Places
                | Dimension::Hours
        );
        if has_more {
            values.iter().for_each(|one| self.add_one(dimension, one));
        }
    }

    fn add_one(&mut self, dimension: Dimension, value: &str) {
        match dimension {
            Dimension::Ips => {
                if let Some(range) = IpRange::parse(value) {
                    let lengths = if range.address.is_ipv4() {
                        &mut self.v4_bits
                    } else {
                        &mut self.v6_bits
                    };
                    add_new(lengths, range.bits);
                }
            }
            Dimension::Segments => {
                if let Some(hours) = Segment::parse(value).and_then(|one| one.recency) {
                    add_new(&mut self.recencies_h, hours);
                }
            }
            Dimension::UserShares => {
                if let Some(share) = Share::parse(value)
                    && !self.salts.iter().any(|salt| **salt == *share.salt)
                {
                    self.salts.push(share.salt.into());
                }
            }
            Dimension::Hours => self.add_zone(value),
            Dimension::Places => {
                let level = place::Circle::parse(value).map(|circle| circle.level());
                if let Some(used) = level.and_then(|level| self.levels.get_mut(level)) {
                    *used = true;
                }
            }
            _ => {}
        }
    }

    fn add_zone(&mut self, value: &str) {
        match HourZone::parse(value) {
            Some(HourZone::User) => self.homes = Some(Homes::known()),
            Some(HourZone::Named(name)) if !self.zones.iter().any(|(zone, _)| **zone == *name) => {
                let clock = ZoneClock::of(name);
                self.zones.extend(clock.map(|clock| (name.into(), clock)));
            }
            _ => {}
        }
    }
}

fn add_new(list: &mut Vec<u32>, number: u32) {
    if !list.contains(&number) {
        list.push(number);
    }
}
