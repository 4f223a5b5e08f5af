//! Attribution by Apple's store, SKAdNetwork (IAB's extension): what a slot offers and a bid answers.

use super::Text;
use super::json::Json;

/// What `imp.ext.skadn` says. Only JSON has a place for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkadnOffer<'a> {
    /// Versions that the publisher's app supports (`versions`, and the older `version`).
    pub versions: &'a [Text<'a>],
    /// The publisher's app in the store; without one nothing can be signed.
    pub sourceapp: Option<Text<'a>>,
    /// Ad networks that the app lists.
    pub skadnetids: &'a [Text<'a>],
    /// Ad networks by their place in IAB's list.
    pub skadnetlist: SkadnList<'a>,
    /// Whether custom product pages are supported.
    pub productpage: bool,
    /// Whether the store's overlay is supported.
    pub skoverlay: bool,
}

/// Ad networks by their place in IAB's list, and others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkadnList<'a> {
    /// All entries up to this one; none when absent.
    pub max: Option<u32>,
    /// But not these.
    pub excl: &'a [u32],
    /// Besides, these ids.
    pub addl: &'a [Text<'a>],
}

/// What a bid says: `bid.ext.skadn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkadnAnswer {
    /// The version that was signed.
    pub version: &'static str,
    /// Our ad network.
    pub network: String,
    /// Which of our campaigns it is.
    pub campaign: SkadnCampaign,
    /// The advertised app in the store.
    pub itunesitem: u64,
    /// The publisher's app in the store.
    pub sourceapp: String,
    /// One for each kind of presentation; without kinds, before version 2.2, a single one.
    pub signatures: Vec<SkadnSignature>,
}

/// The number of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkadnCampaign {
    /// `campaign`, 1 to 100, before version 4.0.
    Campaign(u32),
    /// `sourceidentifier`, four digits, from version 4.0 on.
    Source(u32),
}

impl SkadnCampaign {
    /// The number, whichever it is.
    pub fn number(self) -> u32 {
        match self {
            Self::Campaign(number) | Self::Source(number) => number,
        }
    }
}

/// A signature and what it was made of besides the answer's own fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkadnSignature {
    /// 0 a view-through ad, 1 one that the store's own page renders; from version 2.2 on.
    pub fidelity: Option<u32>,
    /// In base64.
    pub signature: String,
    /// A UUID in lower case.
    pub nonce: String,
    /// When it was signed, in milliseconds since 1970.
    pub timestamp_ms: i64,
}

impl<'a> SkadnOffer<'a> {
    /// Whether the app lists this ad network, by its id in any case or its place in IAB's list.
    pub fn lists(&self, network: &str, entry: Option<u32>) -> bool {
        let named = |ids: &[Text<'_>]| ids.iter().any(|id| id.eq_ignore_ascii_case(network));
        let list = &self.skadnetlist;
        let placed =
            |entry: u32| list.max.is_some_and(|max| entry <= max) && !list.excl.contains(&entry);
        named(self.skadnetids) || named(list.addl) || entry.is_some_and(placed)
    }

    pub(super) fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut offer = Self::default();
        let mut version = None;
        for (key, value) in value.object()? {
            match key {
                "version" => version = value.text(),
                "versions" => offer.versions = value.texts(),
                "sourceapp" => offer.sourceapp = value.text(),
                "skadnetids" => offer.skadnetids = value.texts(),
                "skadnetlist" => offer.skadnetlist = SkadnList::read(value),
                "productpage" => offer.productpage = value.flag().unwrap_or(false),
                "skoverlay" => offer.skoverlay = value.flag().unwrap_or(false),
                _ => {}
            }
        }
        if offer.versions.is_empty() {
            offer.versions = value.arena().list(version);
        }
        Some(offer)
    }
}

impl<'a> SkadnList<'a> {
    fn read(value: Json<'_, 'a>) -> Self {
        let mut list = Self::default();
        for (key, value) in value.object().into_iter().flatten() {
            match key {
                "max" => list.max = value.u32(),
                "excl" => list.excl = value.u32s(),
                "addl" => list.addl = value.texts(),
                _ => {}
            }
        }
        list
    }
}
