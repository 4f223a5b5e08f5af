//! Who browses where: users, sites, page views over days and weeks, and the bid requests that they make.

use std::fmt::Write;

use domain::Timestamp;
use domain::random::{SplitMix64, mix};

use super::truth::LATENT;
use super::{HOUR_MS, START};
use crate::workload::decimal;

/// Interests of users.
pub(super) const SEGMENTS: [&str; 12] = [
    "auto", "travel", "sports", "fashion", "finance", "food", "gaming", "tech", "health", "home",
    "music", "news",
];
/// Device types of OpenRTB with their user agents.
const DEVICES: [(&str, u8, &str); 3] = [
    (
        "phone",
        4,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    ),
    (
        "desktop",
        2,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    ),
    (
        "tablet",
        5,
        "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    ),
];
const COUNTRIES: [&str; 4] = ["USA", "CAN", "AUS", "BRA"];
/// Slots' sizes.
pub(super) const SIZES: [(u32, u32); 3] = [(300, 250), (728, 90), (320, 50)];
/// OpenRTB's ad positions that occur: above the fold, below it, header.
pub(super) const POSITIONS: [u8; 3] = [1, 3, 4];
/// Exchanges by name.
pub(super) const EXCHANGES: [&str; 3] = ["northex", "southex", "eastex"];
/// The exchange whose winner pays its bid; at the others the second price.
pub(super) const FIRST_PRICE: usize = 0;
/// The exchange with floors on all slots.
const FLOORED: usize = 2;
const USERS: usize = 20_000;
const SITES: usize = 48;
/// Traffic by hour of the day in UTC, relative.
const DAY_CURVE: [f64; 24] = [
    0.50, 0.38, 0.30, 0.26, 0.26, 0.32, 0.45, 0.62, 0.78, 0.88, 0.94, 0.98, 1.00, 1.00, 0.98, 0.98,
    1.02, 1.10, 1.22, 1.34, 1.38, 1.28, 1.02, 0.74,
];
/// Traffic by day of the week from Monday on, relative.
const WEEK_CURVE: [f64; 7] = [1.0, 1.0, 1.02, 1.0, 0.96, 0.84, 0.90];

/// Somebody who browses.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// Interests.
    pub(super) segments: Vec<usize>,
    /// What they browse with.
    pub(super) device: usize,
    /// Where they live.
    pub(super) country: usize,
    /// What nobody can know of them but by what they did.
    pub(super) whim: f64,
}

/// A site or app.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Domain or bundle.
    name: String,
    app: bool,
    /// How well its visitors click on anything, standard normal.
    pub(super) quality: f64,
    /// What it is about.
    pub(super) traits: [f64; LATENT],
}

/// A page view put up for auction.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// Counts from 0.
    pub(super) serial: u64,
    /// When.
    pub(super) at: Timestamp,
    /// Which of [`EXCHANGES`].
    pub(super) exchange: usize,
    /// Which user.
    pub(super) user: usize,
    /// Which site.
    pub(super) site: usize,
    /// Which of [`SIZES`].
    pub(super) size: usize,
    /// Which of [`POSITIONS`].
    pub(super) position: usize,
    /// The floor in micros of CPM.
    pub(super) floor: i64,
    /// Seeds all that is drawn for it, whoever bids.
    pub(super) draws: u64,
}

impl View {
    /// The hour of the day.
    pub(super) fn hour(&self) -> usize {
        usize::from(self.at.hour_of_week()) % 24
    }

    /// The day of the week from Monday on.
    pub(super) fn weekday(&self) -> usize {
        usize::from(self.at.hour_of_week()) / 24
    }

    /// Whether the winner pays its bid.
    pub(super) fn first_price(&self) -> bool {
        self.exchange == FIRST_PRICE
    }
}

/// Everybody and every place.
#[derive(Debug)]
pub(super) struct Browsing {
    seed: u64,
    pub(super) users: Vec<User>,
    pub(super) sites: Vec<Site>,
}

impl Browsing {
    /// The world of a seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = SplitMix64::new(mix(seed ^ 0x62_726f_7773));
        Self {
            seed,
            users: (0..USERS).map(|_| user(&mut rng)).collect(),
            sites: (0..SITES).map(|index| site(&mut rng, index)).collect(),
        }
    }

    /// When the page views of one hour of the run come, if all hours of it together have so many.
    pub(super) fn times(&self, (hour, hours): (usize, usize), requests: u64) -> Vec<Timestamp> {
        let weight = |hour: usize| DAY_CURVE[hour % 24] * WEEK_CURVE[hour / 24 % 7];
        let total: f64 = (0..hours).map(weight).sum();
        let until = |hour: usize| {
            ((0..hour).map(weight).sum::<f64>() / total * requests as f64).round() as u64
        };
        let count = until(hour + 1).saturating_sub(until(hour));
        let mut rng = SplitMix64::new(mix(self.seed ^ mix(hour as u64 ^ 0x74_696d_6573)));
        let begin = START.plus_ms(hour as i64 * HOUR_MS);
        let gap = HOUR_MS as f64 / count.max(1) as f64;
        (0..count)
            .map(|at| begin.plus_ms(((at as f64 + rng.unit()) * gap) as i64))
            .collect()
    }

    /// The page view of a number.
    pub(super) fn view(&self, serial: u64, at: Timestamp) -> View {
        let mut rng = SplitMix64::new(mix(self.seed ^ mix(serial ^ 0x7669_6577)));
        let user = index(&mut rng, self.users.len());
        // Some sites are far more popular than others.
        let rank = rng.unit().powi(2);
        let site = ((rank * self.sites.len() as f64) as usize).min(self.sites.len() - 1);
        let size = match (self.users[user].device, rng.unit()) {
            (1, draw) => usize::from(draw > 0.55),
            (_, draw) => {
                if draw > 0.5 {
                    2
                } else {
                    0
                }
            }
        };
        let exchange = index(&mut rng, EXCHANGES.len());
        let floored = exchange == FLOORED || rng.chance(0.25);
        let floor = if floored {
            50_000 * (4 + rng.below(16) as i64)
        } else {
            0
        };
        let position = index(&mut rng, POSITIONS.len());
        View {
            serial,
            at,
            exchange,
            user,
            site,
            size,
            position,
            floor,
            draws: rng.next_u64(),
        }
    }

    /// The request of a page view as JSON.
    pub(super) fn request(&self, view: &View, body: &mut String) {
        let (user, site) = (&self.users[view.user], &self.sites[view.site]);
        let (width, height) = SIZES[view.size];
        let (_, device_type, agent) = DEVICES[user.device];
        body.clear();
        let place = if site.app {
            ("app", "bundle")
        } else {
            ("site", "domain")
        };
        // Writing to a text cannot fail.
        write!(
            body,
            r#"{{"id":"v{}","imp":[{{"id":"1","banner":{{"w":{width},"h":{height},"pos":{}}},"bidfloor":{},"secure":1}}],"{}":{{"{}":"{}","publisher":{{"id":"p{}"}}}},"device":{{"ua":"{agent}","devicetype":{device_type},"geo":{{"country":"{}"}}}},"user":{{"buyeruid":"u{}","data":[{{"segment":["#,
            view.serial, POSITIONS[view.position], decimal(view.floor), place.0, place.1, site.name, view.site / 3,
            COUNTRIES[user.country], view.user,
        )
        .unwrap_or_default();
        for (at, segment) in user.segments.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(body, r#"{comma}{{"id":"{}"}}"#, SEGMENTS[*segment]).unwrap_or_default();
        }
        let at = if view.first_price() { 1 } else { 2 };
        write!(body, r#"]}}]}},"cur":["USD"],"tmax":120,"at":{at}}}"#).unwrap_or_default();
    }

    /// What an index of a dimension is called.
    pub(super) fn site_name(&self, site: usize) -> &str {
        self.sites.get(site).map_or("", |site| &site.name)
    }
}

/// The name of a kind of device.
pub(super) fn device_name(device: usize) -> &'static str {
    DEVICES.get(device).map_or("", |device| device.0)
}

/// The code of a country.
pub(super) fn country_name(country: usize) -> &'static str {
    COUNTRIES.get(country).copied().unwrap_or_default()
}

fn user(rng: &mut SplitMix64) -> User {
    let mut segments: Vec<usize> = (0..1 + rng.below(3))
        .map(|_| index(rng, SEGMENTS.len()))
        .collect();
    segments.sort_unstable();
    segments.dedup();
    let device = match rng.unit() {
        draw if draw < 0.55 => 0,
        draw if draw < 0.88 => 1,
        _ => 2,
    };
    let country = (rng.unit().powi(2) * COUNTRIES.len() as f64) as usize;
    User {
        segments,
        device,
        country,
        whim: rng.normal(),
    }
}

fn site(rng: &mut SplitMix64, index: usize) -> Site {
    let app = index % 4 == 3;
    let name = if app {
        format!("com.example.app{index}")
    } else {
        format!("site{index}.example")
    };
    Site {
        name,
        app,
        quality: rng.normal(),
        traits: [(); LATENT].map(|()| rng.normal()),
    }
}

fn index(rng: &mut SplitMix64, len: usize) -> usize {
    usize::try_from(rng.below(len as u64)).unwrap_or(0)
}
