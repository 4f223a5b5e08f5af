//! Seeded users, sites and apps, and the bid requests that their page views make.

use domain::random::{SplitMix64, mix};

mod fragments;
pub mod mix;
mod world;

pub use world::{Device, Format, Placement, User};

/// The interest segments of `user.data`, each also the topic of some sites.
pub const SEGMENTS: [&str; 12] = [
    "auto", "travel", "sports", "fashion", "finance", "food", "gaming", "tech", "health", "home",
    "music", "news",
];

/// The countries that users live in, most common first.
pub const COUNTRIES: [&str; 6] = ["USA", "CAN", "AUS", "BRA", "MEX", "JPN"];

/// One page view put up for auction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auction {
    /// `BidRequest.id`; unique in a run.
    pub id: String,
    /// Counts the requests of one generator from 0.
    pub serial: u64,
    /// Index into `Traffic::users`.
    pub user: usize,
    /// Index into `Traffic::placements` for each impression; impression ids count from "1".
    pub placements: Vec<usize>,
    /// Whether the winner pays its bid.
    pub first_price: bool,
    /// Seeds everything that is drawn for this auction, so that answers in another order change nothing.
    pub draws: u64,
    /// The request as JSON.
    pub body: Vec<u8>,
}

/// Makes page views; the same seed makes the same ones.
#[derive(Debug)]
pub struct Traffic {
    users: Vec<User>,
    placements: Vec<Placement>,
    /// Placements by topic, one list for the web and one for apps.
    by_topic: Vec<[Vec<usize>; 2]>,
    rng: SplitMix64,
    id_prefix: u64,
    serial: u64,
    times: Times,
}

/// What requests say of time.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// `tmax`, in milliseconds.
    pub tmax_ms: u32,
    /// `imp.exp`, in seconds.
    pub exp_s: u32,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            tmax_ms: 120,
            exp_s: 300,
        }
    }
}

impl Traffic {
    /// `seed` fixes the world, `stream` tells the generators of several threads apart.
    pub fn new(seed: u64, stream: u64, users: usize, times: Times) -> Self {
        let users = world::users(seed, users);
        let placements = world::placements(seed);
        let mut by_topic = vec![[Vec::new(), Vec::new()]; SEGMENTS.len()];
        for (index, placement) in placements.iter().enumerate() {
            if let Some(lists) = by_topic.get_mut(placement.topic) {
                lists[usize::from(placement.app)].push(index);
            }
        }
        let id_prefix = mix(seed ^ mix(stream.wrapping_add(0x7472_6166)));
        Self {
            users,
            placements,
            by_topic,
            rng: SplitMix64::new(id_prefix),
            id_prefix,
            serial: 0,
            times,
        }
    }

    /// Everyone.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// Every ad slot of every site and app.
    pub fn placements(&self) -> &[Placement] {
        &self.placements
    }

    /// The next page view at an hour of the day, 0-23 UTC.
    pub fn next_auction(&mut self, hour: u8, first_price: bool) -> Auction {
        let user = self.pick_user(hour);
        let placement = self.pick_placement(user);
        let mut placements = vec![placement];
        // One request in twelve offers a second slot of the same page.
        if self.rng.chance(1.0 / 12.0) {
            let site = self.placements[placement].site;
            let same_site = self
                .placements
                .iter()
                .enumerate()
                .filter(|(index, other)| other.site == site && *index != placement);
            placements.extend(same_site.map(|(index, _)| index).take(1));
        }
        let serial = self.serial;
        self.serial += 1;
        let id = format!("{:016x}-{serial:08x}", self.id_prefix);
        let body = self.body(&id, user, &placements, first_price);
        Auction {
            id,
            serial,
            user,
            placements,
            first_price,
            draws: mix(self.id_prefix ^ mix(serial)),
            body,
        }
    }

    fn pick_user(&mut self, hour: u8) -> usize {
        let mut chosen = 0;
        // Sleepers are mostly passed over: a user is online around the hour that is theirs.
        for _ in 0..4 {
            chosen = draw_index(&mut self.rng, self.users.len());
            let peak = self.users[chosen].peak_hour;
            let apart = (i32::from(hour) - i32::from(peak)).rem_euclid(24);
            let apart = apart.min(24 - apart);
            if self.rng.chance(1.0 / (1.0 + f64::from(apart) * 0.25)) {
                break;
            }
        }
        chosen
    }

    /// Half of the page views are of a topic that the user likes.
    fn pick_placement(&mut self, user: usize) -> usize {
        let user = &self.users[user];
        let app = user.device != Device::Desktop && self.rng.chance(0.5);
        let topic = match self.rng.pick(&user.segments) {
            Some(topic) if self.rng.chance(0.5) => *topic,
            _ => draw_index(&mut self.rng, SEGMENTS.len()),
        };
        let listed = &self.by_topic[topic][usize::from(app)];
        match self.rng.pick(listed) {
            Some(index) => *index,
            None => draw_index(&mut self.rng, self.placements.len()),
        }
    }

    fn body(&self, id: &str, user: usize, placements: &[usize], first_price: bool) -> Vec<u8> {
        let user = &self.users[user];
        let mut body = String::with_capacity(2_560);
        body.push_str("{\"id\":\"");
        body.push_str(id);
        body.push_str("\",\"imp\":[");
        for (count, index) in placements.iter().enumerate() {
            if count > 0 {
                body.push(',');
            }
            body.push_str("{\"id\":\"");
            body.push_str(if count == 0 { "1" } else { "2" });
            body.push_str("\",\"exp\":");
            body.push_str(&self.times.exp_s.to_string());
            body.push(',');
            body.push_str(&self.placements[*index].imp);
        }
        let placement = &self.placements[placements[0]];
        body.push_str("],");
        body.push_str(&placement.inventory);
        body.push(',');
        body.push_str(&user.device_json);
        body.push(',');
        body.push_str(&user.user_json);
        body.push_str(if first_price {
            ",\"at\":1,\"tmax\":"
        } else {
            ",\"at\":2,\"tmax\":"
        });
        body.push_str(&self.times.tmax_ms.to_string());
        body.push_str(",\"source\":{\"fd\":0,\"tid\":\"");
        body.push_str(id);
        body.push_str(&placement.source_tail);
        body.push_str(fragments::REQUEST_TAIL);
        body.into_bytes()
    }
}

/// An index below `len`, which is not 0.
fn draw_index(rng: &mut SplitMix64, len: usize) -> usize {
    usize::try_from(rng.below(len as u64)).expect("an index fits usize")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_same_seed_makes_the_same_requests() {
        let draw = |seed, stream| {
            let mut traffic = Traffic::new(seed, stream, 500, Times::default());
            (0..200)
                .map(|i| traffic.next_auction(20, i % 2 == 0))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 0), draw(7, 0));
        assert_ne!(draw(7, 0), draw(8, 0), "another seed");
        assert_ne!(draw(7, 0), draw(7, 1), "another thread");
    }

    #[test]
    fn requests_look_like_those_of_real_exchanges() {
        let mut traffic = Traffic::new(3, 0, 1_000, Times::default());
        let (mut banners, mut apps, mut slots) = (0, 0, 0);
        for i in 0..2_000 {
            let auction = traffic.next_auction(9, i % 2 == 0);
            assert!(
                (1_200..=2_500).contains(&auction.body.len())
                    || auction.placements.len() > 1 && auction.body.len() < 3_000,
                "{} bytes",
                auction.body.len()
            );
            let json: Value = serde_json::from_slice(&auction.body).unwrap();
            assert_eq!(json["id"], auction.id.as_str());
            assert_eq!(
                json["imp"].as_array().unwrap().len(),
                auction.placements.len()
            );
            assert_ne!(json["site"].is_object(), json["app"].is_object());
            assert!(json["device"]["ua"].is_string() && json["user"]["id"].is_string());
            for imp in json["imp"].as_array().unwrap() {
                assert_eq!(imp["secure"], 1);
                slots += 1;
                banners += u32::from(imp["banner"].is_object());
            }
            apps += u32::from(json["app"].is_object());
        }
        assert!(banners * 100 > slots * 80, "{banners} banners of {slots}");
        assert!(apps > 300 && apps < 1_200, "{apps} in apps");
    }
}
