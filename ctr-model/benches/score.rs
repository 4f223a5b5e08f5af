//! Nanoseconds per prediction, with the request half computed once or for every candidate.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark reports on its standard output"
)]

use std::hint::black_box;

use ctr_model::feature::CreativeHalf;
use ctr_model::{
    Ask, Candidates, CreativeFeatures, Features, Model, Published, RequestFeatures, RequestHalf,
    Trainer,
};
use domain::ids::{AdvertiserId, CampaignId, CreativeId, LineItemId};
use domain::random::SplitMix64;
use domain::targeting::{DeviceKind, Inventory, Os, Size};
use domain::time::{Clock, SystemClock};

const CANDIDATES: u64 = 100;

fn main() {
    // `cargo bench` passes `--bench`; under `cargo test` a few rounds show that it works.
    let rounds = if std::env::args().any(|arg| arg == "--bench") {
        5_000
    } else {
        5
    };
    let published = trained(rounds * 4);
    let model = Model::new(&published).expect("a trainer's model can be served");
    let halves: Vec<CreativeHalf> = (0..CANDIDATES)
        .map(|id| CreativeHalf::new(&creative(id)))
        .collect();
    let candidates = model.candidates(halves.iter());
    let report = |name: &str, ns: f64| println!("{name:<34} {ns:>8.1} ns per prediction");
    report(
        "half once per request",
        measure(rounds, |site| once(&model, (&candidates, &halves), site)),
    );
    report(
        "half for every candidate",
        measure(rounds, |site| each_time(&model, site)),
    );
    let features = RequestHalf::new(&request("site-1.example")).with(&creative(1));
    report(
        "features ready",
        measure(rounds, |_| ready(&model, &features)),
    );
    let clock = SystemClock::new();
    let started = clock.monotonic_us();
    let bytes = published.encode().len();
    let encoded = clock.monotonic_us() - started;
    println!("{:<34} {bytes:>8} bytes in {encoded} us", "model encoded");
}

/// The median of five runs over `rounds` requests of [`CANDIDATES`] each.
fn measure(rounds: u64, mut request: impl FnMut(&str) -> f32) -> f64 {
    let clock = SystemClock::new();
    let mut runs: Vec<f64> = (0..5)
        .map(|_| {
            let started = clock.monotonic_us();
            for round in 0..rounds {
                let site = if round % 2 == 0 {
                    "news.example"
                } else {
                    "sports.example"
                };
                black_box(request(black_box(site)));
            }
            let spent = (clock.monotonic_us() - started) as f64 * 1_000.0;
            spent / (rounds * CANDIDATES) as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[2]
}

fn once(model: &Model, (candidates, halves): (&Candidates, &[CreativeHalf]), site: &str) -> f32 {
    let half = RequestHalf::new(&request(site));
    let score = model.request_score(&half);
    let click = |(at, own): (usize, &CreativeHalf)| {
        let crosses = half.crosses_with(own);
        let predicted = model.predict_with(&score, (candidates, at), (&crosses, Ask::Click));
        predicted.unwrap_or_default().click
    };
    halves.iter().enumerate().map(click).sum()
}

fn each_time(model: &Model, site: &str) -> f32 {
    let fresh = |id| RequestHalf::new(&request(site)).with(&creative(id));
    (0..CANDIDATES)
        .map(|id| model.predict(&fresh(id)).click)
        .sum()
}

fn ready(model: &Model, features: &Features) -> f32 {
    (0..CANDIDATES)
        .map(|_| model.predict(black_box(features)).click)
        .sum()
}

fn trained(examples: u64) -> Published {
    let mut rng = SplitMix64::new(1);
    let mut trainer = Trainer::default();
    let clock = SystemClock::new();
    let started = clock.monotonic_us();
    for _ in 0..examples {
        let site = ["news.example", "sports.example"][rng.below(2) as usize];
        let features = RequestHalf::new(&request(site)).with(&creative(rng.below(CANDIDATES)));
        trainer.learn_click(&features, rng.chance(0.1));
    }
    let spent = (clock.monotonic_us() - started) as f64 * 1_000.0 / examples as f64;
    println!("{:<34} {spent:>8.1} ns per example", "learned");
    trainer.publish(1, 0)
}

fn request(site: &str) -> RequestFeatures<'_> {
    RequestFeatures {
        exchange: "adx",
        inventory: Some(Inventory::Site),
        site,
        publisher: "publisher-17",
        country: "USA",
        device: Some(DeviceKind::Phone),
        os: Some(Os::Android),
        hour_of_week: 30,
        size: Some(Size {
            width: 300,
            height: 250,
        }),
        position: 1,
        segments: &["sports", "auto", "news", "travel"],
        user_impressions: 3,
        user_clicks: 0,
        user_known: true,
    }
}

fn creative(id: u64) -> CreativeFeatures {
    CreativeFeatures {
        advertiser: AdvertiserId(id / 20),
        campaign: CampaignId(id / 10),
        line_item: LineItemId(id / 5),
        creative: CreativeId(id),
        format: "banner",
    }
}
