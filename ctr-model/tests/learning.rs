//! Learning from synthetic traffic whose truth is known: gain, calibration, late clicks, repeatability.
#![expect(clippy::unwrap_used, reason = "tests")]

use ctr_model::feature::{CreativeFeatures, Features, RequestFeatures, RequestHalf};
use ctr_model::metrics::{LogLoss, Progressive, auc};
use ctr_model::{Look, Model, ModelKind, Published, Served, Trainer};
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

fn outcome((kind, seed): (ModelKind, u64), count: usize) -> Outcome {
    let impressions = World::new(seed).impressions(count);
    let mut trainer = Trainer::new(kind);
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
    let bars = [
        (1_000, 0.0, 0.55),
        (2_500, 0.15, 0.6),
        (5_000, 0.35, 0.63),
        (10_000, 0.5, 0.66),
    ];
    for (kind, (count, gain, area)) in [ModelKind::Lr, ModelKind::Ffm]
        .into_iter()
        .flat_map(|kind| bars.map(|bar| (kind, bar)))
    {
        let outcomes: Vec<_> = (1..=8).map(|seed| outcome((kind, seed), count)).collect();
        let constant = mean(&outcomes, |o| o.constant);
        let gained = constant - mean(&outcomes, |o| o.model);
        let found = (
            gained / (constant - mean(&outcomes, |o| o.truth)),
            mean(&outcomes, |o| o.auc),
            mean(&outcomes, |o| o.calibration),
        );
        assert!(
            found.0 > gain && found.1 > area,
            "{kind:?}, {count} impressions: {found:?}"
        );
        // Three standard errors of eight second halves whose rate is about 8 %.
        let tolerance = 3.0 / (8.0 * 0.08 * count as f64 / 2.0).sqrt();
        assert!(
            (found.2 - 1.0).abs() < tolerance,
            "{kind:?}, {count} impressions: {found:?}"
        );
    }
}

#[test]
fn every_seed_gains_after_five_thousand_impressions() {
    for seed in 11..=16 {
        let outcome = outcome((ModelKind::default(), seed), 5_000);
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
    let mut trainers = [(); 3].map(|()| Trainer::default());
    let mut rng = SplitMix64::new(seed);
    let mut late = vec![false; impressions.len()];
    for (i, impression) in impressions.iter().enumerate() {
        late[i] = impression.clicked && rng.chance(0.5);
        let seen = impression.clicked && !late[i];
        for (trainer, label) in trainers.iter_mut().zip([impression.clicked, seen, seen]) {
            trainer.learn_click(&impression.features, label);
        }
        if let Some(due) = i.checked_sub(LATE_BY).filter(|due| late[*due]) {
            trainers[1].correct_click(&impressions[due].features, &Served::default());
        }
    }
    trainers.map(|trainer| {
        let model = Model::new(&trainer.publish(1, 0)).unwrap();
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
    let mut trainer = Trainer::default();
    for impression in &impressions[..1_500] {
        trainer.learn_click(&impression.features, impression.clicked);
        if impression.clicked {
            let bought = (impression.truth > 0.1).then_some(60.0);
            trainer.learn_conversion(&impression.features, Look::at_last(bought));
        }
    }
    let published = Published::parse(&trainer.publish(7, 6).encode()).unwrap();
    assert_eq!((published.version, published.parent), (7, 6));
    let model = Model::new(&published).unwrap();
    for impression in impressions[1_500..].iter().step_by(10) {
        let served = model.predict(&impression.features);
        // It answers while it learns, from a copy each time.
        let (mut copy, _) = Trainer::parse(&trainer.encode(b"")).unwrap();
        let click = copy.learn_click(&impression.features, true);
        // Weights are served in 16 bits.
        assert!(
            (served.click / click - 1.0).abs() < 5e-3,
            "{served:?} {click}"
        );
    }
}

#[test]
fn a_trainer_goes_on_where_it_stopped() {
    let impressions = World::new(9).impressions(2_000);
    let learn = |trainer: &mut Trainer, part: &[Impression]| {
        for impression in part {
            trainer.learn_click(&impression.features, impression.clicked);
            if impression.clicked {
                let bought = (impression.truth > 0.1).then_some(600.0);
                trainer.learn_conversion(&impression.features, Look::at_last(bought));
            }
        }
    };
    for kind in [ModelKind::Lr, ModelKind::Ffm] {
        let mut whole = Trainer::new(kind);
        learn(&mut whole, &impressions);
        let mut first = Trainer::new(kind);
        learn(&mut first, &impressions[..1_000]);
        let (mut second, position) = Trainer::parse(&first.encode(b"offset 1000")).unwrap();
        assert_eq!(position, b"offset 1000");
        learn(&mut second, &impressions[1_000..]);
        assert_eq!(second.encode(b""), whole.encode(b""));
    }
}

/// Clicks a minute apart, for two days, of two kinds that convert with these chances and after so long on average.
const CLICKS: u64 = 4_000;
const GAP_S: f32 = 60.0;
const WINDOW_S: f32 = 7.0 * 86_400.0;
const CHANCES: [f64; 2] = [0.3, 0.1];
const DELAYS_S: [f32; 2] = [36_000.0, 108_000.0];

/// What the model expects of either kind after all looks until now, and the share of clicks that have converted by now.
fn expected_conversions(seed: u64) -> ([f64; 2], [f64; 2]) {
    let mut rng = SplitMix64::new(seed);
    let mut trainer = Trainer::default();
    let impressions = World::new(seed).impressions(2);
    let now = CLICKS as f32 * GAP_S;
    let (mut looks, mut seen) = (Vec::new(), [0.0; 2]);
    for click in 0..CLICKS {
        let (at, which) = (click as f32 * GAP_S, (click % 2) as usize);
        let converts = rng.chance(CHANCES[which]);
        let delay_s = Some(-(1.0 - rng.unit() as f32).ln() * DELAYS_S[which]);
        let delay_s = delay_s.filter(|delay_s| converts && at + delay_s <= now);
        seen[which] += f64::from(u8::from(delay_s.is_some())) / (CLICKS / 2) as f64;
        let (mut age_s, mut before_s) = (30.0, None);
        while at + age_s <= now {
            let delay_s = delay_s.filter(|delay_s| *delay_s <= age_s);
            let look = Look {
                age_s,
                before_s,
                delay_s,
                horizon_s: at + age_s,
                window_s: WINDOW_S,
            };
            looks.push((at + age_s, which, look));
            if delay_s.is_some() {
                break;
            }
            (age_s, before_s) = (age_s * 2.0, Some(age_s));
        }
    }
    looks.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, which, look) in looks {
        trainer.learn_conversion(&impressions[which].features, look);
    }
    let model = Model::new(&trainer.publish(1, 0)).unwrap();
    let expected = |which: usize| model.predict(&impressions[which].features).conversion;
    ([0, 1].map(|which| f64::from(expected(which))), seen)
}

#[test]
fn conversions_that_are_still_to_come_do_not_lower_the_rate() {
    let found: Vec<_> = (1..=3).map(expected_conversions).collect();
    let truth = 3.0 * (CHANCES[0] + CHANCES[1]);
    let expected = found.iter().flat_map(|(expected, _)| expected);
    let together = expected.sum::<f64>() / truth;
    assert!((together - 1.0).abs() < 0.05, "{together}: {found:?}");
    let naive = found.iter().flat_map(|(_, seen)| seen).sum::<f64>() / truth;
    assert!(naive < 0.8, "{naive}");
}
