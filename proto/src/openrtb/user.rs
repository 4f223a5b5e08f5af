//! The user: ids, segments and consent.

use super::inventory::LABELS_MAX;
use super::json::Json;
use super::{Arena, Geo, Signal, Text};

/// Most ids of other companies kept, so that the search for repeats stays short; real requests
/// carry under 30.
const EIDS_MAX: usize = 64;

/// Most data providers read of one user; real requests carry under 20.
pub(super) const DATA_MAX: usize = 256;

/// Who sees the ad, as far as the exchange says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct User<'a> {
    /// The exchange's id.
    pub id: Option<Text<'a>>,
    /// Our own id, from id synchronisation.
    pub buyeruid: Option<Text<'a>>,
    /// Year of birth.
    pub yob: Option<u32>,
    /// `M`, `F` or `O`.
    pub gender: Option<Text<'a>>,
    /// Interests, free text.
    pub keywords: &'a [Text<'a>],
    /// Home, as opposed to the device's place.
    pub geo: Geo<'a>,
    /// Segments by provider.
    pub data: &'a [UserData<'a>],
    /// The TC string, from `user.consent` and `user.ext.consent`.
    pub consent: Signal<'a>,
    /// Ids of other companies, from both places, without repeats.
    pub eids: &'a [Eid<'a>],
}

/// What one data provider says about the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserData<'a> {
    /// The provider's id.
    pub id: Option<Text<'a>>,
    /// The provider's name.
    pub name: Option<Text<'a>>,
    /// The taxonomy of the segments, from `ext.segtax`.
    pub segtax: Option<u32>,
    /// Segment ids.
    pub segments: &'a [Text<'a>],
}

/// The user's ids in one source's system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Eid<'a> {
    /// The issuer, as a domain.
    pub source: Text<'a>,
    /// The ids.
    pub uids: &'a [Uid<'a>],
}

/// One id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uid<'a> {
    /// The id itself.
    pub id: Text<'a>,
    /// 1 a device or browser, 2 an app, 3 a person.
    pub atype: Option<u32>,
}

impl<'a> User<'a> {
    pub(super) fn read(&mut self, value: Json<'_, 'a>) {
        for (key, value) in value.object().into_iter().flatten() {
            match key {
                "id" => self.id = value.text(),
                "buyeruid" => self.buyeruid = value.text(),
                "yob" => self.yob = value.u32(),
                "gender" => self.gender = value.text(),
                "keywords" | "kwarray" => {
                    let words = value.texts().iter().copied();
                    self.keywords = value.arena().joined(self.keywords, words, LABELS_MAX);
                }
                "geo" => self.geo = Geo::read(value),
                "data" => {
                    let data = value.items().take(DATA_MAX);
                    let data = data.filter_map(UserData::read);
                    self.data = value.arena().list(data);
                }
                "ext" => value
                    .object()
                    .into_iter()
                    .flatten()
                    .for_each(|(key, value)| self.read_signal(key, value)),
                _ => self.read_signal(key, value),
            }
        }
    }

    /// The fields that 2.5 had under `ext`.
    fn read_signal(&mut self, key: &str, value: Json<'_, 'a>) {
        match key {
            "consent" => self.consent.merge(Signal::read(value)),
            "eids" => {
                let eids = value.items().filter_map(Eid::read);
                self.add_eids(value.arena(), eids);
            }
            _ => {}
        }
    }

    pub(super) fn add_eids(&mut self, arena: &'a Arena, eids: impl Iterator<Item = Eid<'a>>) {
        self.eids = arena.joined_new(self.eids, eids, EIDS_MAX);
    }

    /// All segment ids of all providers.
    pub fn segments(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.data.iter().flat_map(|data| data.segments).copied()
    }
}

impl<'a> UserData<'a> {
    fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut data = Self::default();
        for (key, value) in value.object()? {
            match key {
                "id" => data.id = value.text(),
                "name" => data.name = value.text(),
                "segment" => {
                    let ids = value.items().filter_map(segment_id);
                    data.segments = value.arena().list(ids);
                }
                "ext" => data.segtax = value.get("segtax").and_then(Json::u32),
                _ => {}
            }
        }
        Some(data)
    }
}

/// A segment is an object, now and then its bare id.
fn segment_id<'a>(value: Json<'_, 'a>) -> Option<Text<'a>> {
    value.get("id").unwrap_or(value).text()
}

impl<'a> Eid<'a> {
    fn read(value: Json<'_, 'a>) -> Option<Self> {
        let source = value.get("source")?.text()?;
        let uids = value.get("uids")?.items().filter_map(Uid::read);
        let uids = value.arena().list(uids);
        Some(Self { source, uids })
    }
}

impl<'a> Uid<'a> {
    fn read(value: Json<'_, 'a>) -> Option<Self> {
        Some(Self {
            id: value.get("id")?.text()?,
            atype: value.get("atype").and_then(Json::u32),
        })
    }
}
