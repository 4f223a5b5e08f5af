//! The index against the plain reading of the rules, on rules and requests drawn at random.

use domain::Targeting;
use domain::random::SplitMix64;
use domain::targeting::place::Point;
use domain::targeting::{Dimension, Expression, Modifier, Rule, Syntax};

use super::*;

/// A few values of a dimension, in the rules' syntax; ranges overlap.
fn pool(dimension: Dimension) -> Vec<String> {
    let list: &[&str] = match dimension.syntax() {
        Syntax::Words(words) => &words[..words.len().min(3)],
        Syntax::Country => &["USA", "DEU", "FRA"],
        Syntax::Region => &["USA-CA", "USA-NY"],
        Syntax::Postcode => &["USA-94105", "USA-94*"],
        Syntax::Place => &["48.1 11.5 20", "48.1 11.9 20", "40 -74 300", "48 11 2"],
        Syntax::IpRange => &["203.0.113.0/24", "203.0.113.7", "2001:db8::/32"],
        Syntax::OsVersion => &["ios 15", "ios 14-16", "android 12+"],
        Syntax::Hour => &["0", "0-2", "1@user", "5@+05:30", "2@Europe/Berlin"],
        Syntax::Segment => &["s1", "s2", "own/s1"],
        Syntax::Range(_) => &["18", "18-24", "20+"],
        Syntax::Share => &["a:0-499", "a:500-999", "b:7"],
        Syntax::Size => &["300x250", "728x90"],
        Syntax::Metric => &["viewability 50-100", "viewability 70"],
        Syntax::Category => &["IAB1", "IAB1-2", "6:1"],
        _ => &["x.com", "news.x.com", "y.org"],
    };
    list.iter().map(|value| (*value).to_owned()).collect()
}

fn some(rng: &mut SplitMix64, dimension: Dimension, share: f64) -> Vec<String> {
    let pool = pool(dimension).into_iter();
    pool.filter(|_| rng.chance(share)).collect()
}

fn any_dimension(rng: &mut SplitMix64) -> Dimension {
    *rng.pick(Dimension::ALL).unwrap()
}

fn any_expression(rng: &mut SplitMix64, depth: u32) -> Expression {
    let parts = |rng: &mut SplitMix64| {
        let count = 1 + rng.below(3);
        (0..count).map(|_| any_expression(rng, depth + 1)).collect()
    };
    match rng.below(if depth > 2 { 1 } else { 5 }) {
        1 => Expression::All(parts(rng)),
        2 => Expression::Any(parts(rng)),
        3 => Expression::Not(Box::new(any_expression(rng, depth + 1))),
        _ => {
            let dimension = any_dimension(rng);
            Expression::Is(dimension, some(rng, dimension, 0.6).iter().collect())
        }
    }
}

fn any_targeting(rng: &mut SplitMix64) -> Targeting {
    let mut it = Targeting::default();
    for _ in 0..rng.below(4) {
        let dimension = any_dimension(rng);
        let include = some(rng, dimension, 0.5).iter().collect();
        let exclude = some(rng, dimension, 0.15).iter().collect();
        it.set(dimension, Rule { include, exclude });
    }
    if rng.chance(0.2) {
        it.groups = Some(Box::new(any_expression(rng, 0)));
    }
    it
}

/// Keys of a request or an impression that has some of the values.
fn any_keys(rng: &mut SplitMix64, of_imp: bool) -> Keys {
    let mut keys = Keys::default();
    if rng.chance(0.7) {
        let near = |rng: &mut SplitMix64, middle: f64| middle + rng.unit() - 0.5;
        keys.point = Point::new(near(rng, 48.1), near(rng, 11.6));
    }
    let point = keys.point;
    let all = Dimension::ALL.iter().copied();
    for dimension in all.filter(|one| one.is_of_impression() == of_imp) {
        let values = some(rng, dimension, 0.5);
        keys.fill(dimension, |out| match (dimension, point) {
            (Dimension::Places, Some(point)) => {
                out.extend((0..3).map(|level| dimension.number(point.cell(level))));
            }
            (Dimension::Places, None) => {}
            _ => {
                for value in values {
                    // Of a range, a request has one value.
                    let mut taken = 0;
                    dimension.expand(&value, &mut |key| {
                        if taken == 0 {
                            out.push(key);
                        }
                        taken += 1;
                    });
                }
            }
        });
    }
    keys
}

#[test]
fn the_index_says_what_the_rules_say() {
    let mut met = 0;
    for seed in 0..150 {
        let mut rng = SplitMix64::new(seed);
        let count = rng.below(400);
        let all: Vec<_> = (0..count).map(|_| any_targeting(&mut rng)).collect();
        let index = Index::build(&all.iter().collect::<Vec<_>>());
        let (mut scratch, mut matching, mut bits) =
            (Scratch::default(), Positions::new(), Positions::new());
        for _ in 0..15 {
            let request = any_keys(&mut rng, false);
            let imps: Vec<_> = (0..2).map(|_| any_keys(&mut rng, true)).collect();
            index.matching(&request, imps.iter(), &mut scratch, &mut matching);
            for imp in &imps {
                let sight = Sight {
                    request: &request,
                    imp,
                };
                bits.clone_from(&matching);
                index.narrow(sight, &mut scratch, &mut bits);
                let got: Vec<_> = bits.iter().map(|at| *at as usize).collect();
                let plain = |t: &Targeting| refusing_dimension(t, sight).is_none();
                let wanted: Vec<_> = (0..all.len()).filter(|at| plain(&all[*at])).collect();
                assert_eq!(got, wanted, "seed {seed}");
                met += got.len();
            }
        }
    }
    assert!(met > 10_000, "requests meet line items: {met}");
}

#[test]
fn a_list_of_100_000_entries_is_one_rule() {
    let entries = domain::limits::TARGETING_LIST_MAX;
    let site = |at: usize| format!("site{at}.example");
    let mut long = Targeting::default();
    long.include(Dimension::Sites, (0..entries).map(site));
    let mut barred = Targeting::default();
    barred.exclude(Dimension::Sites, (0..entries).map(site));
    let index = Index::build(&[&long, &barred]);
    let (mut scratch, mut bits) = (Scratch::default(), Positions::new());
    for (at, wanted) in [(0, 0), (entries - 1, 0), (entries, 1)] {
        let mut request = Keys::default();
        request.fill(Dimension::Sites, |out| {
            out.push(Dimension::Sites.text(&site(at)));
        });
        index.matching(&request, [].iter(), &mut scratch, &mut bits);
        assert_eq!(bits, [wanted], "{at}");
    }
}

#[test]
fn the_first_refusing_dimension_is_named() {
    let mut it = Targeting::default();
    it.include(Dimension::Sizes, ["300x250"]);
    it.include(Dimension::Countries, ["DEU"]);
    let values = ["ios"].into_iter().collect();
    it.groups = Some(Box::new(Expression::Is(Dimension::Os, values)));
    let (mut request, mut imp) = (Keys::default(), Keys::default());
    let name = |request: &Keys, imp: &Keys| refusing_dimension(&it, Sight { request, imp });
    assert_eq!(name(&request, &imp), Some("countries"));
    request.fill(Dimension::Countries, |out| {
        out.push(Dimension::Countries.text("DEU"));
    });
    assert_eq!(name(&request, &imp), Some("sizes"));
    imp.fill(Dimension::Sizes, |out| {
        Dimension::Sizes.expand("300x250", &mut |key| out.push(key));
    });
    assert_eq!(name(&request, &imp), Some("groups"));
    request.fill(Dimension::Os, |out| out.push(Dimension::Os.text("ios")));
    assert_eq!(name(&request, &imp), None);
}

#[test]
fn modifiers_multiply_across_dimensions_within_bounds() {
    let modifier = |dimension, value: &str, factor_ppm| Modifier {
        dimension,
        value: value.into(),
        factor_ppm,
    };
    let mut modified = Targeting::default();
    modified.modifiers = vec![
        modifier(Dimension::Os, "ios", 2_000_000),
        modifier(Dimension::Os, "android", 3_000_000),
        modifier(Dimension::Devices, "phone", 1_500_000),
        modifier(Dimension::Countries, "USA", 9_000_000),
        modifier(Dimension::Sizes, "300x250", 500_000),
    ];
    let plain = Targeting::default();
    let index = Index::build(&[&plain, &modified]);
    let factor = |values: &[(Dimension, &str)]| {
        let (mut request, mut imp) = (Keys::default(), Keys::default());
        for (dimension, value) in values {
            let keys = if dimension.is_of_impression() {
                &mut imp
            } else {
                &mut request
            };
            keys.fill(*dimension, |out| {
                dimension.expand(value, &mut |key| out.push(key));
            });
        }
        let sight = Sight {
            request: &request,
            imp: &imp,
        };
        assert_eq!(index.factor_ppm(0, sight), 1_000_000);
        index.factor_ppm(1, sight)
    };
    let (os, device, country) = (Dimension::Os, Dimension::Devices, Dimension::Countries);
    assert_eq!(factor(&[]), 1_000_000);
    assert_eq!(factor(&[(os, "android")]), 3_000_000);
    assert_eq!(factor(&[(os, "ios"), (device, "phone")]), 3_000_000);
    assert_eq!(factor(&[(os, "ios"), (country, "USA")]), 10_000_000);
    assert_eq!(factor(&[(Dimension::Sizes, "300x250")]), 500_000);
}
