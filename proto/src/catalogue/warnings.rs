//! Warnings about targeting that is well-formed and yet can never match.

use std::collections::BTreeSet;

use domain::creative::CreativeFormat;
use domain::targeting::value::{QUARTERS_A_WEEK, Segment};
use domain::targeting::{Dimension, Expression, Rule, Size, Values};
use domain::{Creative, LineItem, Targeting};

use super::FieldError;

/// What keeps a line item with these creatives from ever matching; it is saved all the same.
pub fn warnings(line_item: &LineItem, creatives: &[&Creative]) -> Vec<FieldError> {
    let targeting = &line_item.targeting;
    let mut found = Found::default();
    for (dimension, rule) in targeting.rules() {
        if excludes_all(dimension, rule) {
            found.warn(dimension, "every included value is excluded as well");
        }
    }
    warn_of_hours(targeting, &mut found);
    warn_of_recency(targeting, &mut found);
    warn_of_countries(targeting, &mut found);
    warn_of_systems(targeting, &mut found);
    warn_of_inventory(targeting, &mut found);
    warn_of_creatives(targeting, creatives, &mut found);
    if let Some(groups) = &targeting.groups
        && contradicts(groups, targeting)
    {
        found.add(
            "groups",
            "its conditions contradict each other or the lists",
        );
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<FieldError>);

impl Found {
    fn warn(&mut self, dimension: Dimension, why: &str) {
        self.add(dimension.name(), why);
    }

    fn add(&mut self, name: &str, why: &str) {
        let field = format!("targeting.{name}");
        if !self.0.iter().any(|warning| warning.field == field) {
            let rule = format!("can never match: {why}");
            self.0.push(FieldError { field, rule });
        }
    }
}

fn keys(dimension: Dimension, values: &Values) -> BTreeSet<u64> {
    let mut keys = BTreeSet::new();
    for value in values.iter() {
        dimension.expand(value, &mut |key| {
            keys.insert(key);
        });
    }
    keys
}

/// Whether each included value, or one that covers it, is excluded.
fn excludes_all(dimension: Dimension, rule: &Rule) -> bool {
    let excluded = keys(dimension, &rule.exclude);
    // Cells are coarser than circles and decide nothing alone.
    if rule.include.is_empty() || excluded.is_empty() || dimension == Dimension::Places {
        return false;
    }
    rule.include.iter().all(|value| {
        let mut all = true;
        dimension.expand(value, &mut |key| all &= excluded.contains(&key));
        all || wider(dimension, value).any(|one| excluded.contains(&dimension.text(one)))
    })
}

/// Values that a request has as well wherever it has this one.
fn wider(dimension: Dimension, value: &str) -> impl Iterator<Item = &str> {
    let first = next_wider(dimension, value);
    std::iter::successors(first, move |value| next_wider(dimension, value))
}

fn next_wider(dimension: Dimension, value: &str) -> Option<&str> {
    match dimension {
        Dimension::Sites => value.split_once('.').map(|(_, parent)| parent),
        Dimension::Categories | Dimension::Languages => {
            value.rsplit_once('-').map(|(parent, _)| parent)
        }
        Dimension::Pages => value.rsplit_once('/').map(|(parent, _)| parent),
        _ => None,
    }
}

fn warn_of_hours(targeting: &Targeting, found: &mut Found) {
    let Some(rule) = targeting.rule(Dimension::Hours) else {
        return;
    };
    let excluded = keys(Dimension::Hours, &rule.exclude);
    let all = (0..QUARTERS_A_WEEK).all(|at| excluded.contains(&Dimension::Hours.utc_quarter(at)));
    if all {
        found.warn(Dimension::Hours, "every hour is excluded");
    }
}

fn warn_of_recency(targeting: &Targeting, found: &mut Found) {
    let rule = targeting.rule(Dimension::Segments);
    let Some(include) = rule.map(|rule| &rule.include).filter(|one| !one.is_empty()) else {
        return;
    };
    let timeless = |id: &str| !id.starts_with("own/");
    let recent =
        |value| Segment::parse(value).is_some_and(|one| one.recency.is_some() && timeless(one.id));
    if include.iter().all(recent) {
        let why = "when users entered a segment is known of own ones only";
        found.warn(Dimension::Segments, why);
    }
}

/// Whether a rule on a dimension lets a single value through.
fn lets(targeting: &Targeting, dimension: Dimension, value: &str) -> bool {
    targeting.rule(dimension).is_none_or(|rule| {
        (rule.include.is_empty() || rule.include.contains(value)) && !rule.exclude.contains(value)
    })
}

fn warn_of_countries(targeting: &Targeting, found: &mut Found) {
    for dimension in [Dimension::Regions, Dimension::Postcodes] {
        let includes = targeting.rule(dimension).map(|rule| &rule.include);
        let Some(include) = includes.filter(|include| !include.is_empty()) else {
            continue;
        };
        let reachable = include.iter().any(|value| {
            let country = value.split('-').next().unwrap_or_default();
            lets(targeting, Dimension::Countries, country)
        });
        if !reachable {
            found.warn(dimension, "they lie outside the countries");
        }
    }
}

fn warn_of_systems(targeting: &Targeting, found: &mut Found) {
    let rule = targeting.rule(Dimension::OsVersions);
    let Some(include) = rule.map(|rule| &rule.include).filter(|one| !one.is_empty()) else {
        return;
    };
    let reachable = include.iter().any(|value| {
        let os = value.split(' ').next().unwrap_or_default();
        lets(targeting, Dimension::Os, os)
    });
    if !reachable {
        found.warn(Dimension::OsVersions, "they are versions of other systems");
    }
}

fn warn_of_inventory(targeting: &Targeting, found: &mut Found) {
    let places = [
        (Dimension::Apps, "app"),
        (Dimension::StoreCategories, "app"),
        (Dimension::Pages, "site"),
    ];
    for (dimension, kind) in places {
        let rule = targeting.rule(dimension);
        let asked = rule.is_some_and(|rule| !rule.include.is_empty());
        if asked && !lets(targeting, Dimension::Inventory, kind) {
            found.warn(dimension, "the inventory is of another kind");
        }
    }
}

fn warn_of_creatives(targeting: &Targeting, creatives: &[&Creative], found: &mut Found) {
    if creatives.is_empty() {
        return;
    }
    let formats = Dimension::Formats;
    let shown = |one: &&Creative| lets(targeting, formats, one.format.label());
    if !creatives.iter().any(shown) {
        found.warn(formats, "no creative of the line item has such a format");
    }
    let sizes: Option<Vec<Size>> = creatives.iter().map(|one| banner_size(one)).collect();
    let rule = targeting.rule(Dimension::Sizes);
    if let (Some(sizes), Some(rule)) = (sizes, rule) {
        let fits = |size: &Size| {
            let size = size.to_string();
            rule.include.is_empty() || rule.include.contains(&size)
        };
        if !sizes.iter().any(fits) {
            found.warn(
                Dimension::Sizes,
                "no creative of the line item has such a size",
            );
        }
    }
}

fn banner_size(creative: &Creative) -> Option<Size> {
    match creative.format {
        CreativeFormat::Banner { width, height, .. } => Some(Size { width, height }),
        _ => None,
    }
}

/// Dimensions of which a request has one value at most, so that two different ones exclude each other.
fn is_single(dimension: Dimension) -> bool {
    matches!(
        dimension,
        Dimension::Exchanges
            | Dimension::Inventory
            | Dimension::Countries
            | Dimension::Regions
            | Dimension::Devices
            | Dimension::Os
            | Dimension::Browsers
            | Dimension::Genders
            | Dimension::Ages
    )
}

/// Whether conditions that must all hold rule each other out.
fn contradicts(expression: &Expression, targeting: &Targeting) -> bool {
    let mut wanted = Vec::new();
    let mut unwanted = Vec::new();
    conjunction(expression, &mut wanted, &mut unwanted);
    for (dimension, rule) in targeting.rules() {
        if !rule.include.is_empty() {
            wanted.push((dimension, keys(dimension, &rule.include)));
        }
        unwanted.push((dimension, keys(dimension, &rule.exclude)));
    }
    let clash = |(dimension, keys): &(Dimension, BTreeSet<u64>)| {
        let own = |(other, _): &&(Dimension, BTreeSet<u64>)| other == dimension;
        let apart = is_single(*dimension)
            && wanted
                .iter()
                .filter(own)
                .any(|(_, other)| other.is_disjoint(keys));
        apart
            || unwanted
                .iter()
                .filter(own)
                .any(|(_, other)| keys.is_subset(other))
    };
    wanted
        .iter()
        .filter(|(one, _)| *one != Dimension::Places)
        .any(clash)
}

type Condition = (Dimension, BTreeSet<u64>);

fn conjunction(
    expression: &Expression,
    wanted: &mut Vec<Condition>,
    unwanted: &mut Vec<Condition>,
) {
    match expression {
        Expression::All(parts) => {
            parts
                .iter()
                .for_each(|part| conjunction(part, wanted, unwanted));
        }
        Expression::Is(dimension, values) => wanted.push((*dimension, keys(*dimension, values))),
        Expression::Not(part) => {
            if let Expression::Is(dimension, values) = part.as_ref() {
                unwanted.push((*dimension, keys(*dimension, values)));
            }
        }
        Expression::Any(_) => {}
    }
}
