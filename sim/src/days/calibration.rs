//! Whether predictions as served come true: overall, by slice, and by how high they are.

use std::collections::BTreeMap;

use serde::Serialize;

use super::browsing::{EXCHANGES, POSITIONS, SIZES, country_name, device_name};
use super::sales::{Played, Sale};

/// A slice with fewer clicks says nothing yet.
const SLICE_CLICKS_MIN: u64 = 500;
/// Buckets of the reliability table.
const BUCKETS: usize = 20;

/// Predicted clicks over clicks of some impressions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// What is sliced by.
    pub dimension: &'static str,
    /// Which slice of it.
    pub name: String,
    /// Impressions.
    pub impressions: u64,
    /// Clicks.
    pub clicks: u64,
    /// Sum of predictions over clicks: above 1 is too hopeful.
    pub calibration: f64,
    /// How far from 1 it may be for so many clicks.
    pub bound: f64,
}

impl Slice {
    /// The distance from 1 in bounds: up to 1 is good.
    pub fn distance(&self) -> f64 {
        (self.calibration - 1.0).abs() / self.bound
    }
}

/// Impressions of about equal prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bucket {
    /// How many.
    pub impressions: u64,
    /// Their mean prediction.
    pub predicted: f64,
    /// Their click rate.
    pub observed: f64,
}

/// The calibration of impressions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// All of them.
    pub overall: Slice,
    /// Those with enough clicks, by dimension.
    pub slices: Vec<Slice>,
    /// By rising prediction.
    pub buckets: Vec<Bucket>,
}

#[derive(Default)]
struct Sums {
    impressions: u64,
    clicks: u64,
    predicted: f64,
}

impl Sums {
    fn add(&mut self, sale: &Sale) {
        self.impressions += 1;
        self.clicks += u64::from(sale.clicked);
        self.predicted += f64::from(sale.predicted_click);
    }

    fn slice(&self, dimension: &'static str, name: String, (least, by_root): (f64, f64)) -> Slice {
        let clicks = self.clicks.max(1) as f64;
        Slice {
            dimension,
            name,
            impressions: self.impressions,
            clicks: self.clicks,
            calibration: self.predicted / clicks,
            bound: least.max(by_root / clicks.sqrt()),
        }
    }
}

/// What impressions are sliced by, and the name of a slice.
type Dimension = (
    &'static str,
    fn(&Sale) -> usize,
    fn(&Played, usize) -> String,
);

const DIMENSIONS: [Dimension; 9] = [
    (
        "exchange",
        |sale| usize::from(sale.exchange),
        |_, at| EXCHANGES[at].to_owned(),
    ),
    (
        "campaign",
        |sale| usize::from(sale.campaign),
        |_, at| (at + 1).to_string(),
    ),
    (
        "creative",
        |sale| usize::from(sale.item),
        |_, at| (at + 1).to_string(),
    ),
    (
        "site",
        |sale| usize::from(sale.site),
        |played, at| played.sites[at].clone(),
    ),
    ("hour", |sale| sale.hour() % 24, |_, at| at.to_string()),
    (
        "device",
        |sale| usize::from(sale.device),
        |_, at| device_name(at).to_owned(),
    ),
    (
        "size",
        |sale| usize::from(sale.size),
        |_, at| format!("{}x{}", SIZES[at].0, SIZES[at].1),
    ),
    (
        "position",
        |sale| usize::from(sale.position),
        |_, at| POSITIONS[at].to_string(),
    ),
    (
        "country",
        |sale| usize::from(sale.country),
        |_, at| country_name(at).to_owned(),
    ),
];

impl Calibration {
    /// Of these impressions.
    pub(super) fn new(played: &Played, sales: &[&Sale]) -> Self {
        let mut all = Sums::default();
        sales.iter().for_each(|sale| all.add(sale));
        let mut slices = Vec::new();
        for (dimension, of, name) in DIMENSIONS {
            let mut sums: BTreeMap<usize, Sums> = BTreeMap::new();
            sales
                .iter()
                .for_each(|sale| sums.entry(of(sale)).or_default().add(sale));
            let enough = sums
                .iter()
                .filter(|(_, sums)| sums.clicks >= SLICE_CLICKS_MIN);
            slices.extend(
                enough.map(|(at, sums)| sums.slice(dimension, name(played, *at), (0.1, 3.5))),
            );
        }
        Self {
            overall: all.slice("all", "all".to_owned(), (0.02, 3.0)),
            slices,
            buckets: buckets(sales),
        }
    }

    /// The slice that is furthest out of its bound.
    pub fn worst(&self) -> Option<&Slice> {
        self.slices
            .iter()
            .max_by(|a, b| a.distance().total_cmp(&b.distance()))
    }
}

fn buckets(sales: &[&Sale]) -> Vec<Bucket> {
    let mut sorted: Vec<&Sale> = sales.to_vec();
    sorted.sort_by(|a, b| a.predicted_click.total_cmp(&b.predicted_click));
    let size = sorted.len().div_ceil(BUCKETS).max(1);
    let bucket = |part: &[&Sale]| {
        let mut sums = Sums::default();
        part.iter().for_each(|sale| sums.add(sale));
        let impressions = sums.impressions as f64;
        Bucket {
            impressions: sums.impressions,
            predicted: sums.predicted / impressions,
            observed: sums.clicks as f64 / impressions,
        }
    };
    sorted.chunks(size).map(bucket).collect()
}
