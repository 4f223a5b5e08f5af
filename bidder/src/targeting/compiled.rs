//! Groups, circles and bid modifiers in the form they are checked in, and the plain reading of all rules.

use domain::Targeting;
use domain::targeting::place::{Circle, Point};
use domain::targeting::{Dimension, Expression, FACTOR_PPM_MAX, FACTOR_PPM_MIN, Modifier, Values};

use super::Sight;

/// One in millionths.
const ONE_PPM: i64 = 1_000_000;

/// One of several values of a dimension.
#[derive(Debug, Clone)]
pub(super) enum OneOf {
    /// By sorted keys.
    Keys(Dimension, Box<[u64]>),
    /// By distance.
    Circles(Box<[Circle]>),
}

impl OneOf {
    pub(super) fn new<'a>(dimension: Dimension, values: impl Iterator<Item = &'a str>) -> Self {
        if dimension == Dimension::Places {
            return Self::Circles(values.filter_map(Circle::parse).collect());
        }
        let mut keys = Vec::new();
        for value in values {
            dimension.expand(value, &mut |key| keys.push(key));
        }
        keys.sort_unstable();
        keys.dedup();
        Self::Keys(dimension, keys.into())
    }

    fn holds(&self, sight: Sight<'_>) -> bool {
        match self {
            Self::Keys(dimension, own) => {
                let mut keys = sight.of(*dimension).iter();
                keys.any(|key| own.binary_search(key).is_ok())
            }
            Self::Circles(circles) => covers(circles, sight.request.point),
        }
    }
}

fn covers(circles: &[Circle], point: Option<Point>) -> bool {
    point.is_some_and(|point| circles.iter().any(|circle| circle.covers(point)))
}

/// An expression with its values compiled.
#[derive(Debug, Clone)]
enum Group {
    All(Box<[Group]>),
    Any(Box<[Group]>),
    Not(Box<Group>),
    Is(OneOf),
}

impl Group {
    fn new(expression: &Expression) -> Self {
        let all = |parts: &[Expression]| parts.iter().map(Self::new).collect();
        match expression {
            Expression::All(parts) => Self::All(all(parts)),
            Expression::Any(parts) => Self::Any(all(parts)),
            Expression::Not(part) => Self::Not(Box::new(Self::new(part))),
            Expression::Is(dimension, values) => Self::Is(OneOf::new(*dimension, values.iter())),
        }
    }

    fn holds(&self, sight: Sight<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(sight)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(sight)),
            Self::Not(part) => !part.holds(sight),
            Self::Is(one_of) => one_of.holds(sight),
        }
    }
}

/// What a line item asks beyond keys.
#[derive(Debug, Clone)]
pub(super) struct Check {
    groups: Option<Group>,
    inside: Box<[Circle]>,
    outside: Box<[Circle]>,
}

impl Check {
    /// Nothing for most line items.
    pub(super) fn new(targeting: &Targeting) -> Option<Self> {
        let places = targeting.rule(Dimension::Places);
        if targeting.groups.is_none() && places.is_none() {
            return None;
        }
        let circles = |values: &Values| values.iter().filter_map(Circle::parse).collect();
        Some(Self {
            groups: targeting.groups.as_deref().map(Group::new),
            inside: places
                .map(|rule| circles(&rule.include))
                .unwrap_or_default(),
            outside: places
                .map(|rule| circles(&rule.exclude))
                .unwrap_or_default(),
        })
    }

    pub(super) fn passes(&self, sight: Sight<'_>) -> bool {
        let point = sight.request.point;
        (self.inside.is_empty() || covers(&self.inside, point))
            && !covers(&self.outside, point)
            && self.groups.as_ref().is_none_or(|group| group.holds(sight))
    }
}

/// A line item's bid modifiers.
#[derive(Debug, Clone)]
pub(super) struct Factors(Box<[(Dimension, OneOf, i64)]>);

impl Factors {
    /// Nothing for most line items.
    pub(super) fn new(modifiers: &[Modifier]) -> Option<Self> {
        let compile = |one: &Modifier| {
            let value = std::iter::once(&*one.value);
            (
                one.dimension,
                OneOf::new(one.dimension, value),
                one.factor_ppm,
            )
        };
        (!modifiers.is_empty()).then(|| Self(modifiers.iter().map(compile).collect()))
    }

    /// The product of what applies: the first of each dimension.
    pub(super) fn product_ppm(&self, sight: Sight<'_>) -> i64 {
        let mut used = 0;
        let mut product = ONE_PPM;
        for (dimension, one_of, factor_ppm) in &self.0 {
            if used & dimension.bit() == 0 && one_of.holds(sight) {
                used |= dimension.bit();
                // Both are at most ten times a million.
                product = (product * factor_ppm / ONE_PPM).clamp(FACTOR_PPM_MIN, FACTOR_PPM_MAX);
            }
        }
        product
    }
}

/// The first dimension that refuses, by name, or `groups`: the plain reading of the rules, for explanations and as
/// the measure of the index.
pub fn refusing_dimension(targeting: &Targeting, sight: Sight<'_>) -> Option<&'static str> {
    let has =
        |dimension, values: &Values| values.iter().any(|one| has_value(dimension, one, sight));
    let refusing = targeting.rules().find(|(dimension, rule)| {
        let included = rule.include.is_empty() || has(*dimension, &rule.include);
        !included || has(*dimension, &rule.exclude)
    });
    let groups = targeting.groups.as_deref();
    let grouped = groups.is_none_or(|expression| holds(expression, sight));
    let name = refusing.map(|(dimension, _)| dimension.name());
    name.or((!grouped).then_some("groups"))
}

fn holds(expression: &Expression, sight: Sight<'_>) -> bool {
    match expression {
        Expression::All(parts) => parts.iter().all(|part| holds(part, sight)),
        Expression::Any(parts) => parts.iter().any(|part| holds(part, sight)),
        Expression::Not(part) => !holds(part, sight),
        Expression::Is(dimension, values) => {
            values.iter().any(|one| has_value(*dimension, one, sight))
        }
    }
}

fn has_value(dimension: Dimension, value: &str, sight: Sight<'_>) -> bool {
    if dimension == Dimension::Places {
        let circle = Circle::parse(value);
        return circle.is_some_and(|circle| covers(&[circle], sight.request.point));
    }
    let keys = sight.of(dimension);
    let mut found = false;
    dimension.expand(value, &mut |key| found |= keys.contains(&key));
    found
}
