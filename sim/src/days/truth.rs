//! The hidden truth: how likely a shown ad is clicked, and how likely a click leads to a purchase, and when.

use domain::random::{SplitMix64, mix};

use super::HOUR_MS;
use super::browsing::{Browsing, SEGMENTS, User, View};

/// Hidden traits in which sites and creatives may fit each other.
pub(super) const LATENT: usize = 3;
/// Puts the click rate of shown ads near 2 %.
const CLICK_BIAS: f64 = -4.45;
/// Puts the conversion rate of clicks near 20 %.
const CONVERSION_BIAS: f64 = -1.6;
/// A conversion comes this long after its click on average, in milliseconds; delays are exponential.
pub(super) const DELAY_MEAN_MS: f64 = 4.0 * HOUR_MS as f64;

/// Tastes for one creative.
#[derive(Debug, Clone)]
struct Tastes {
    /// How well it works at all.
    click: f64,
    convert: f64,
    /// What it is about.
    traits: [f64; LATENT],
    /// By the users' interests.
    click_by: [f64; SEGMENTS.len()],
    convert_by: [f64; SEGMENTS.len()],
}

/// Tastes that a seed fixes and that nothing of the product sees.
///
/// The logit of a click is a sum of creative (standard deviation 0.35), interests x creative (0.5), site (0.45),
/// site x creative (0.35, by three hidden traits), device (0.3), position (0.3), hour of the day (0.25), interests (0.15),
/// country (0.1), size (0.15) and a whim of the user (0.15).
#[derive(Debug)]
pub(super) struct Truth {
    creatives: Vec<Tastes>,
    interests: [f64; SEGMENTS.len()],
}

impl Truth {
    /// The tastes of a seed for so many creatives.
    pub(super) fn new(seed: u64, creatives: usize) -> Self {
        let mut rng = SplitMix64::new(mix(seed ^ 0x74_7275_7468));
        let interests = [(); SEGMENTS.len()].map(|()| rng.normal());
        let creatives = (0..creatives).map(|_| tastes(&mut rng)).collect();
        Self {
            creatives,
            interests,
        }
    }

    /// What a view would make of any ad: the part of the logit that all creatives share, which rivals know too.
    pub(super) fn of_view(&self, world: &Browsing, view: &View) -> f64 {
        let user = &world.users[view.user];
        let hour = (view.hour() as f64 - 20.0) / 24.0 * std::f64::consts::TAU;
        let interests: f64 = user
            .segments
            .iter()
            .map(|segment| self.interests[*segment])
            .sum();
        0.45 * world.sites[view.site].quality
            + [0.3, -0.35, 0.05][user.device]
            + [0.35, -0.35, 0.05][view.position]
            + 0.35 * hour.cos()
            + 0.15 * interests / (user.segments.len() as f64).sqrt()
            + [0.1, -0.1, 0.15, -0.1][user.country]
            + [0.15, -0.05, -0.15][view.size]
    }

    /// The chance that the view's user clicks the creative once it is shown; `of_view` is the view's part.
    pub(super) fn click(
        &self,
        (world, view): (&Browsing, &View),
        of_view: f64,
        creative: usize,
    ) -> f64 {
        let (user, tastes) = (&world.users[view.user], &self.creatives[creative]);
        let traits = world.sites[view.site].traits.iter().zip(&tastes.traits);
        let fit: f64 = traits.map(|(site, ad)| site * ad).sum::<f64>() / (LATENT as f64).sqrt();
        logistic(
            CLICK_BIAS
                + of_view
                + 0.35 * tastes.click
                + 0.5 * affinity(user, &tastes.click_by)
                + 0.35 * fit
                + 0.15 * user.whim,
        )
    }

    /// The chance that the user's click on the creative leads to a purchase.
    pub(super) fn conversion(&self, (world, view): (&Browsing, &View), creative: usize) -> f64 {
        let (user, tastes) = (&world.users[view.user], &self.creatives[creative]);
        logistic(
            CONVERSION_BIAS
                + 0.4 * tastes.convert
                + 0.35 * affinity(user, &tastes.convert_by)
                + [-0.2, 0.25, 0.0][user.device],
        )
    }
}

fn tastes(rng: &mut SplitMix64) -> Tastes {
    Tastes {
        click: rng.normal(),
        convert: rng.normal(),
        traits: [(); LATENT].map(|()| rng.normal()),
        click_by: [(); SEGMENTS.len()].map(|()| rng.normal()),
        convert_by: [(); SEGMENTS.len()].map(|()| rng.normal()),
    }
}

/// Standard normal over users: each interest has a taste.
fn affinity(user: &User, tastes: &[f64; SEGMENTS.len()]) -> f64 {
    let sum: f64 = user.segments.iter().map(|segment| tastes[*segment]).sum();
    sum / (user.segments.len().max(1) as f64).sqrt()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
