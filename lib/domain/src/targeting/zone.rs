//! Clocks of IANA's time zones, and which country or region keeps one civil time.

use std::sync::OnceLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::time::Timestamp;

/// Changes of offset are tabulated from 2020 on, in seconds since 1970: what is older is nobody's `now`.
const FIRST_S: i64 = 1_577_836_800;
/// And before 2050: nobody knows later rules, and a table stays below a kilobyte.
const END_S: i64 = 2_524_608_000;

/// The time zones that are compiled in.
fn database() -> &'static TimeZoneDatabase {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    DATABASE.get_or_init(TimeZoneDatabase::bundled)
}

/// A zone by its name in the IANA database, spelled as there.
fn zone(name: &str) -> Option<TimeZone> {
    let zone = database().get(name).ok()?;
    (zone.iana_name() == Some(name)).then_some(zone)
}

/// Whether this is a zone's name in the IANA database, such as `Europe/Berlin`.
pub fn is_zone(name: &str) -> bool {
    zone(name).is_some()
}

/// A zone's offsets from UTC, oldest first: asking for an hour allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneClock {
    /// What is ahead of UTC before the first change, in milliseconds.
    first_ms: i64,
    /// From when on how much, in milliseconds.
    changes: Box<[(Timestamp, i64)]>,
}

impl ZoneClock {
    /// Of a zone's name in the IANA database; `None` for an unknown one. Summer time is known from 2020 to 2049.
    pub fn of(name: &str) -> Option<Self> {
        let zone = zone(name)?;
        let start = jiff::Timestamp::from_second(FIRST_S).ok()?;
        let changes = zone.following(start).map(|change| {
            let at = Timestamp(change.timestamp().as_millisecond());
            (at, i64::from(change.offset().seconds()) * 1000)
        });
        Some(Self {
            first_ms: i64::from(zone.to_offset(start).seconds()) * 1000,
            changes: changes.take_while(|(at, _)| at.0 < END_S * 1000).collect(),
        })
    }

    /// Hour of the week on this clock, 0 = Monday 00:00 to 167.
    pub fn hour_of_week(&self, now: Timestamp) -> u8 {
        let passed = self.changes.partition_point(|(at, _)| *at <= now);
        let last = passed.checked_sub(1).and_then(|at| self.changes.get(at));
        let ahead_ms = last.map_or(self.first_ms, |(_, ahead_ms)| *ahead_ms);
        now.plus_ms(ahead_ms).hour_of_week()
    }
}

/// Countries and regions that keep one civil time.
#[derive(Debug, PartialEq, Eq)]
pub struct Homes {
    clocks: Vec<ZoneClock>,
    /// Sorted by the place; the clock's number.
    places: Vec<(&'static str, usize)>,
}

impl Homes {
    /// All of them, read once.
    pub fn known() -> &'static Self {
        static HOMES: OnceLock<Homes> = OnceLock::new();
        HOMES.get_or_init(|| Self::read(include_str!("homes.txt")))
    }

    fn read(text: &'static str) -> Self {
        let (mut clocks, mut places) = (Vec::new(), Vec::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            if let Some(clock) = words.next().and_then(ZoneClock::of) {
                places.extend(words.map(|place| (place, clocks.len())));
                clocks.push(clock);
            }
        }
        places.sort_unstable();
        Self { clocks, places }
    }

    /// The clock of a region such as `USA-CA`, else of its country; `None` where several are kept, or nothing is known.
    pub fn clock(&self, country: &str, region: &str) -> Option<&ZoneClock> {
        let exact = |name: &str| self.find(&name.bytes());
        let any_region = || {
            let known = !region.is_empty();
            known.then(|| self.find(&country.bytes().chain(*b"-*")))?
        };
        exact(region).or_else(any_region).or_else(|| exact(country))
    }

    fn find(&self, name: &(impl Iterator<Item = u8> + Clone)) -> Option<&ZoneClock> {
        let found = self
            .places
            .binary_search_by(|(place, _)| place.bytes().cmp(name.clone()));
        let (_, clock) = self.places.get(found.ok()?)?;
        self.clocks.get(*clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-29 01:00 UTC, a Sunday: Central Europe goes from 02:00 to 03:00.
    const SPRING_MS: i64 = 1_774_746_000_000;
    /// 2026-10-25 01:00 UTC, a Sunday: it goes from 03:00 back to 02:00.
    const AUTUMN_MS: i64 = 1_792_890_000_000;
    const SUNDAY: u8 = 6 * 24;

    #[test]
    fn clocks_follow_summer_time_to_the_millisecond() {
        let berlin = ZoneClock::of("Europe/Berlin").unwrap();
        let at = |ms| berlin.hour_of_week(Timestamp(ms)) - SUNDAY;
        assert_eq!([at(SPRING_MS - 1), at(SPRING_MS)], [1, 3], "no hour 2");
        let hour = 3_600_000;
        let fall = [AUTUMN_MS - hour, AUTUMN_MS - 1, AUTUMN_MS, AUTUMN_MS + hour];
        assert_eq!(fall.map(at), [2, 2, 2, 3], "the hour 2 twice");
    }

    #[test]
    fn clocks_of_the_south_and_of_half_hours_are_right() {
        let hour = |zone, ms| ZoneClock::of(zone).unwrap().hour_of_week(Timestamp(ms));
        // Monday 2026-01-05 and 2026-07-06, 12:00 UTC.
        let (january, july) = (1_767_614_400_000, 1_783_339_200_000);
        assert_eq!(hour("Australia/Sydney", january), 23);
        assert_eq!(hour("Australia/Sydney", july), 22);
        assert_eq!(hour("Asia/Kolkata", july), 17);
        assert_eq!(hour("Asia/Kolkata", july + 30 * 60_000), 18);
        assert_eq!(hour("Pacific/Kiritimati", july), 26, "already Tuesday");
    }

    #[test]
    fn names_are_those_of_the_database() {
        for name in ["Europe/Berlin", "America/Argentina/Ushuaia", "UTC"] {
            assert!(is_zone(name), "{name}");
        }
        for name in ["europe/berlin", "Europe/Nowhere", "CEST", "+02:00", ""] {
            assert!(!is_zone(name), "{name}");
        }
    }

    #[test]
    fn every_home_has_a_zone_that_exists() {
        let lines = include_str!("homes.txt").lines();
        let zones = lines.filter_map(|line| line.split(' ').next().filter(|zone| *zone != "#"));
        for zone in zones {
            assert!(is_zone(zone), "{zone}");
        }
        let homes = Homes::known();
        let names: std::collections::BTreeSet<_> = homes.places.iter().map(|one| one.0).collect();
        assert_eq!(names.len(), homes.places.len(), "each place once");
    }

    #[test]
    fn homes_are_those_with_one_time() {
        let clock = |country, region| Homes::known().clock(country, region).cloned();
        let cases = [
            ("DEU", "", Some("Europe/Berlin")),
            ("DEU", "DEU-BY", Some("Europe/Berlin")),
            ("USA", "", None),
            ("USA", "USA-TX", None),
            ("USA", "USA-CA", Some("America/Los_Angeles")),
            ("ESP", "", None),
            ("ESP", "ESP-MD", Some("Europe/Madrid")),
            ("ESP", "ESP-CN", Some("Atlantic/Canary")),
            ("RUS", "RUS-MOW", None),
            ("", "", None),
        ];
        for (country, region, zone) in cases {
            let wanted = zone.map(|zone| ZoneClock::of(zone).unwrap());
            assert_eq!(clock(country, region), wanted, "{country} {region}");
        }
    }
}
