//! Learning from synthetic traffic whose truth is known: gain, calibration, late clicks, repeatability.
#![expect(clippy::unwrap_used, reason = "tests")]

use ctr_model::feature::{CreativeFeatures, Features, RequestFeatures, RequestHalf};
use ctr_model::metrics::{LogLoss, Progressive, auc};
use ctr_model::{Model, Trainer};
use domain::ids::{AdvertiserId, CampaignId, CreativeId, LineItemId};
use domain::random::{SplitMix64, mix};
use domain::targeting::{DeviceKind, Inventory, Size};

const SEGMENTS: [&str; 12] = [
    "auto", "travel", "sports", "fashion", "finance", "food", "gaming", "tech", "health", "home",
    "music", "news",
];
const COUNTRIES: [&str; 4] = ["USA", "CAN", "AUS", "BRA"];
const SITES: u64 = 30;
const CREATIVES: u64 = 12;

/// One impression: what was known, what happened, and how likely it was.
struct Impression {
    features: Features,
    clicked: bool,
    truth: f32,
}

/// Users, sites and creatives with tastes that a seed fixes; click rates of 5 to 15 %.
struct World {
    seed: u64,
    rng: SplitMix64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            seed: mix(seed),
            rng: SplitMix64::new(seed),
        }
    }

    /// A standard normal draw that belongs to the keys.
    fn hidden(&self, purpose: u64, a: u64, b: u64) -> f64 {
        let key = mix(self.seed ^ mix(purpose) ^ mix(a).rotate_left(17) ^ mix(b).rotate_left(41));
        SplitMix64::new(key).normal()
    }

    fn impression(&mut self) -> Impression {
        let mut user = SplitMix64::new(mix(self.seed ^ self.rng.below(2_000)));
        let segments: Vec<u64> = (0..=user.below(3))
            .map(|_| user.below(SEGMENTS.len() as u64))
            .collect();
        let (device, country) = (user.below(2), user.below(COUNTRIES.len() as u64));
        let (site, creative) = (self.rng.below(SITES), self.rng.below(CREATIVES));
        let size = [(300, 250), (728, 90), (320, 50)][(site % 3) as usize];
        let names: Vec<&str> = segments.iter().map(|s| SEGMENTS[*s as usize]).collect();
        let features = RequestHalf::new(&RequestFeatures {
            exchange: "adx",
            inventory: Some(Inventory::Site),
            site: &format!("site-{site}.example"),
            publisher: &format!("publisher-{}", site / 2),
            country: COUNTRIES[country as usize],
            device: Some([DeviceKind::Phone, DeviceKind::Desktop][device as usize]),
            os: None,
            hour_of_week: 18 + self.rng.below(3) as u8,
            size: Some(Size {
                width: size.0,
                height: size.1,
            }),
            position: 1,
            segments: &names,
            user_impressions: 0,
            user_clicks: 0,
            user_known: true,
        })
        .with(&CreativeFeatures {
            advertiser: AdvertiserId(creative / 6),
            campaign: CampaignId(creative / 3),
            line_item: LineItemId(creative / 2),
            creative: CreativeId(creative),
            format: "banner",
        });
        let affinity: f64 = segments.iter().map(|s| self.hidden(2, creative, *s)).sum();
        let score = -2.55
            + 0.55 * self.hidden(1, site, 0)
            + 0.5 * affinity / (segments.len() as f64).sqrt()
            + 0.3 * self.hidden(3, creative, 0)
            + 0.2 * self.hidden(4, country, 0)
            + [0.3, -0.4][device as usize];
        let truth = 1.0 / (1.0 + (-score).exp());
        Impression {
            features,
            clicked: self.rng.chance(truth),
            truth: truth as f32,
        }
    }

    fn impressions(&mut self, count: usize) -> Vec<Impression> {
        (0..count).map(|_| self.impression()).collect()
    }
}

/// What came of one world's second half.
struct Outcome {
    model: f64,
    constant: f64,
    truth: f64,
    auc: f64,
    calibration: f64,
}

fn outcome(seed: u64, count: usize) -> Outcome {
    let impressions = World::new(seed).impressions(count);
    let mut trainer = Trainer::new();
    let (mut model, mut truth) = (LogLoss::default(), LogLoss::default());
    let (mut figures, mut pairs) = (Progressive::default(), Vec::new());
    for (i, impression) in impressions.iter().enumerate() {
        let predicted = trainer.learn_click(&impression.features, impression.clicked);
        if i >= count / 2 {
            model.add(predicted, impression.clicked);
            truth.add(impression.truth, impression.clicked);
            figures.add(predicted, impression.clicked);
            pairs.push((predicted, impression.clicked));
        }
    }
    let figures = figures.figures();
    Outcome {
        model: model.mean().unwrap(),
        constant: figures.baseline_log_loss.unwrap(),
        truth: truth.mean().unwrap(),
        auc: auc(&pairs).unwrap(),
        calibration: figures.calibration.unwrap(),
    }
}

/// The mean over seeds of a figure.
fn mean(outcomes: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> f64 {
    outcomes.iter().map(figure).sum::<f64>() / outcomes.len() as f64
}

#[test]
fn a_few_thousand_impressions_beat_the_constant_rate() {
    // Impressions; least share of the possible gain; least AUC. The constant is the second half's own
    // rate, which nobody knows beforehand.
    for (count, gain, area) in [
        (1_000, 0.0, 0.55),
        (2_500, 0.15, 0.6),
        (5_000, 0.35, 0.63),
        (10_000, 0.5, 0.66),
    ] {
        let outcomes: Vec<_> = (1..=8).map(|seed| outcome(seed, count)).collect();
        let constant = mean(&outcomes, |o| o.constant);
        let gained = constant - mean(&outcomes, |o| o.model);
        let found = (
            gained / (constant - mean(&outcomes, |o| o.truth)),
            mean(&outcomes, |o| o.auc),
            mean(&outcomes, |o| o.calibration),
        );
        assert!(
            found.0 > gain && found.1 > area,
            "{count} impressions: {found:?}"
        );
        // Three standard errors of eight second halves whose rate is about 8 %.
        let tolerance = 3.0 / (8.0 * 0.08 * count as f64 / 2.0).sqrt();
        assert!(
            (found.2 - 1.0).abs() < tolerance,
            "{count} impressions: {found:?}"
        );
    }
}

#[test]
fn every_seed_gains_after_five_thousand_impressions() {
    for seed in 11..=16 {
        let outcome = outcome(seed, 5_000);
        let losses = (outcome.model, outcome.constant, outcome.truth);
        assert!(
            outcome.model < outcome.constant && outcome.auc > 0.6,
            "seed {seed}: {losses:?}"
        );
    }
}

/// The sum of predictions on fresh impressions, by three trainers: one that saw every click at once, one
/// that was told half of them late, one that never heard of those.
fn late_click_sums(seed: u64) -> [f64; 3] {
    const LATE_BY: usize = 400;
    let mut impressions = World::new(seed).impressions(10_000);
    let fresh = impressions.split_off(8_000);
    let mut trainers = [Trainer::new(), Trainer::new(), Trainer::new()];
    let mut rng = SplitMix64::new(seed);
    let mut late = vec![false; impressions.len()];
    for (i, impression) in impressions.iter().enumerate() {
        late[i] = impression.clicked && rng.chance(0.5);
        let seen = impression.clicked && !late[i];
        for (trainer, label) in trainers.iter_mut().zip([impression.clicked, seen, seen]) {
            trainer.learn_click(&impression.features, label);
        }
        if let Some(due) = i.checked_sub(LATE_BY).filter(|due| late[*due]) {
            trainers[1].correct_click(&impressions[due].features);
        }
    }
    trainers.map(|trainer| {
        let model = trainer.model(1);
        fresh
            .iter()
            .map(|f| f64::from(model.predict(&f.features).click))
            .sum()
    })
}

#[test]
fn late_clicks_are_undone_without_bias() {
    let sums: Vec<_> = (1..=6).map(late_click_sums).collect();
    let total = |which: usize| sums.iter().map(|sums| sums[which]).sum::<f64>();
    let (prompt, corrected, naive) = (total(0), total(1), total(2));
    assert!(
        (corrected / prompt - 1.0).abs() < 0.05,
        "{corrected} against {prompt}: {sums:?}"
    );
    assert!(naive < 0.65 * prompt, "{naive} against {prompt}: {sums:?}");
}

#[test]
fn the_served_model_predicts_what_the_trainer_does() {
    let impressions = World::new(8).impressions(2_000);
    let mut trainer = Trainer::new();
    for impression in &impressions[..1_500] {
        trainer.learn_click(&impression.features, impression.clicked);
        if impression.clicked {
            trainer.learn_conversion(&impression.features, impression.truth > 0.1);
        }
    }
    let model = trainer.model(7);
    let reread = Model::parse(&model.encode()).unwrap();
    assert_eq!((model.version(), &reread), (7, &model));
    for impression in &impressions {
        let served = reread.predict(&impression.features);
        // A copy: the trainer answers while it learns.
        let mut copy = trainer.clone();
        let click = copy.learn_click(&impression.features, true);
        let conversion = copy.learn_conversion(&impression.features, true);
        assert_eq!(served.click.to_bits(), click.to_bits());
        assert_eq!(served.conversion.to_bits(), conversion.to_bits());
    }
}

#[test]
fn a_trainer_goes_on_where_it_stopped() {
    let impressions = World::new(9).impressions(2_000);
    let learn = |trainer: &mut Trainer, part: &[Impression]| {
        for impression in part {
            trainer.learn_click(&impression.features, impression.clicked);
        }
    };
    let mut whole = Trainer::new();
    learn(&mut whole, &impressions);
    let mut first = Trainer::new();
    learn(&mut first, &impressions[..1_000]);
    let (mut second, position) = Trainer::parse(&first.encode(b"offset 1000")).unwrap();
    assert_eq!(
        (position.as_slice(), &second),
        (&b"offset 1000"[..], &first)
    );
    learn(&mut second, &impressions[1_000..]);
    assert_eq!(second.encode(b""), whole.encode(b""));
}
