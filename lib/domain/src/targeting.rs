//! Where a line item may deliver: include and exclude lists by dimension, groups of them, and bid modifiers.

pub mod dimension;
pub mod key;
pub mod place;
#[cfg(test)]
mod tests;
pub mod value;
mod values;
pub mod zone;

pub use dimension::{Dimension, Syntax};
pub use key::Key;
pub use values::Values;

/// Deepest nesting of groups: what a person still reads, and what is walked without a stack of its own.
pub const GROUP_DEPTH_MAX: usize = 6;
/// Most nodes of one line item's groups, so that walking them stays cheap.
pub const GROUP_NODES_MAX: usize = 64;
/// Most bid modifiers of one line item: each is looked up for each bid.
pub const MODIFIERS_MAX: usize = 64;
/// One modifier, and the product of all that apply, lie between a tenth and ten times, in millionths.
pub const FACTOR_PPM_MIN: i64 = 100_000;
/// The other end.
pub const FACTOR_PPM_MAX: i64 = 10_000_000;

/// One include / exclude rule on one dimension; an empty include list allows every value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Only these values, unless empty.
    pub include: Values,
    /// Never these values.
    pub exclude: Values,
}

impl Rule {
    /// Whether it allows everything.
    pub fn is_open(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }
}

/// Groups of conditions, for what lists by dimension cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Each of them holds; true without any.
    All(Vec<Expression>),
    /// One of them holds; false without any.
    Any(Vec<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    /// The request has one of the values; false when it has none in that dimension.
    Is(Dimension, Values),
}

impl Expression {
    /// How deep it nests, and how many nodes it has.
    pub fn extent(&self) -> (usize, usize) {
        let parts = match self {
            Self::All(parts) | Self::Any(parts) => parts.as_slice(),
            Self::Not(part) => std::slice::from_ref(part.as_ref()),
            Self::Is(..) => &[],
        };
        let extents = parts.iter().map(Self::extent);
        let (depth, nodes) = extents.fold((0, 0), |(deepest, all), (depth, nodes)| {
            (deepest.max(depth), all + nodes)
        });
        (depth + 1, nodes + 1)
    }

    /// Calls `look` with every condition in it.
    pub fn visit(&self, look: &mut dyn FnMut(Dimension, &Values)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(look)),
            Self::Not(part) => part.visit(look),
            Self::Is(dimension, values) => look(*dimension, values),
        }
    }
}

/// Bids more or less where the request has a value. Of one dimension's modifiers the first that applies counts;
/// those of different dimensions multiply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modifier {
    /// In which dimension.
    pub dimension: Dimension,
    /// Which value.
    pub value: Box<str>,
    /// The factor in millionths, [`FACTOR_PPM_MIN`] to [`FACTOR_PPM_MAX`].
    pub factor_ppm: i64,
}

/// Every dimension's rule and the groups must pass; the default passes everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targeting {
    /// Sorted by dimension, without open rules.
    rules: Vec<(Dimension, Rule)>,
    /// Must hold as well, if there are any.
    pub groups: Option<Box<Expression>>,
    /// What it bids more or less for.
    pub modifiers: Vec<Modifier>,
}

impl Targeting {
    /// The rules that restrict anything, by dimension.
    pub fn rules(&self) -> impl Iterator<Item = (Dimension, &Rule)> {
        self.rules
            .iter()
            .map(|(dimension, rule)| (*dimension, rule))
    }

    /// The rule of a dimension; none when everything passes.
    pub fn rule(&self, dimension: Dimension) -> Option<&Rule> {
        let found = self.rules.binary_search_by_key(&dimension, |rule| rule.0);
        self.rules.get(found.ok()?).map(|(_, rule)| rule)
    }

    /// Every value that rules, groups and modifiers ask for in a dimension.
    pub fn visit(&self, dimension: Dimension, look: &mut dyn FnMut(&str)) {
        if let Some(rule) = self.rule(dimension) {
            rule.include
                .iter()
                .chain(rule.exclude.iter())
                .for_each(&mut *look);
        }
        if let Some(groups) = &self.groups {
            groups.visit(&mut |one, values| {
                if one == dimension {
                    values.iter().for_each(&mut *look);
                }
            });
        }
        let modifiers = self.modifiers.iter();
        let own = modifiers.filter(|one| one.dimension == dimension);
        own.for_each(|one| look(&one.value));
    }

    /// Sets the rule of a dimension.
    pub fn set(&mut self, dimension: Dimension, rule: Rule) {
        let found = self.rules.binary_search_by_key(&dimension, |rule| rule.0);
        match found {
            Ok(at) if rule.is_open() => {
                self.rules.remove(at);
            }
            Ok(at) => {
                if let Some(place) = self.rules.get_mut(at) {
                    place.1 = rule;
                }
            }
            Err(_) if rule.is_open() => {}
            Err(at) => self.rules.insert(at, (dimension, rule)),
        }
    }

    /// Allows only these values.
    pub fn include<T: AsRef<str>>(
        &mut self,
        dimension: Dimension,
        values: impl IntoIterator<Item = T>,
    ) {
        let exclude = self.rule(dimension).cloned().unwrap_or_default().exclude;
        let include = values.into_iter().collect();
        self.set(dimension, Rule { include, exclude });
    }

    /// Never these values.
    pub fn exclude<T: AsRef<str>>(
        &mut self,
        dimension: Dimension,
        values: impl IntoIterator<Item = T>,
    ) {
        let include = self.rule(dimension).cloned().unwrap_or_default().include;
        let exclude = values.into_iter().collect();
        self.set(dimension, Rule { include, exclude });
    }

    /// Every dimension that rules, groups or modifiers ask for, as bits.
    pub fn dimensions(&self) -> u64 {
        let mut bits = 0;
        let mut groups = 0;
        self.rules()
            .for_each(|(dimension, _)| bits |= dimension.bit());
        if let Some(expression) = &self.groups {
            expression.visit(&mut |dimension, _| groups |= dimension.bit());
        }
        let modified = self.modifiers.iter().map(|one| one.dimension.bit());
        modified.fold(bits | groups, |all, bit| all | bit)
    }
}

/// The kind of device, reduced from OpenRTB's `devicetype` and the user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKind {
    /// A phone.
    Phone,
    /// A tablet.
    Tablet,
    /// A personal computer.
    Desktop,
    /// A television, a set-top box or a connected device.
    Tv,
    /// A screen in a public place (DOOH).
    OutOfHome,
}

impl DeviceKind {
    /// Its word in rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Desktop => "desktop",
            Self::Tv => "tv",
            Self::OutOfHome => "out_of_home",
        }
    }
}

/// The operating system family; in the order of `dimension::OS_WORDS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Os {
    /// Google's Android.
    Android,
    /// Apple's iOS and iPadOS.
    Ios,
    /// Microsoft Windows.
    Windows,
    /// Apple's macOS.
    MacOs,
    /// Any other Linux, ChromeOS included.
    Linux,
    /// A television's system.
    TvOs,
}

impl Os {
    /// Its word in rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
            Self::Windows => "windows",
            Self::MacOs => "macos",
            Self::Linux => "linux",
            Self::TvOs => "tvos",
        }
    }
}

/// Where the ad is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Inventory {
    /// A web page.
    Site,
    /// An app.
    App,
    /// A screen in a public place.
    Dooh,
}

impl Inventory {
    /// Its word in rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::App => "app",
            Self::Dooh => "dooh",
        }
    }
}

/// A size in device independent pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}
