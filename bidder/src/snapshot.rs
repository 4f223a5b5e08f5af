//! Everything the bid path reads, compiled once, immutable, swapped whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use ctr_model::{CreativeFeatures, Model};
use domain::campaign::{Deals, Rotation};
use domain::creative::{ApprovalState, BannerMarkup, CreativeFormat, MediaSource};
use domain::taxonomy::Declared;
use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Capped, Catalogue, Cpm, Creative, CreativeId,
    Currency, LineItem, LineItemId, Status, Timestamp, UserKey,
};
use proto::openrtb::markup::{Compiler, Markup};

use crate::frequency::{self, Limit};
use crate::identity::Scopes;
use crate::money::CampaignMoney;
use crate::score::Served;
use crate::targeting::Index;
use crate::trial::{Serving, Trial, Tried};

mod fronts;

pub use fronts::{AdFront, Buys, Front, Fronts, Funds, Quote, Shape};

/// Longest landing page address: it travels in the click token, which must stay under `TOKEN_CHARS_MAX`.
pub const CLICK_URL_BYTES_MAX: usize = 2048;

/// Most characters of an advertiser's name in an answer; the DSA extension says so.
pub const BEHALF_CHARS_MAX: usize = 100;

const _: () = assert!(
    (CLICK_URL_BYTES_MAX + 200) * 4 / 3 < domain::limits::TOKEN_CHARS_MAX,
    "a click token with the longest address is accepted by the pixel"
);

/// The state of the world as bids see it.
#[derive(Debug)]
pub struct Snapshot {
    /// The catalogue's revision.
    pub revision: u64,
    /// What predicts clicks and conversions.
    pub served: Served,
    /// Another model, for a share of the users.
    pub trial: Option<Tried>,
    /// Campaigns that have a line item in `items`.
    pub campaigns: Vec<LiveCampaign>,
    /// Line items that may deliver, some of them only once their flight begins.
    pub items: Vec<Item>,
    /// What `items` show, for the next snapshot.
    creatives: Compiled,
    /// What is read of them first.
    pub fronts: Fronts,
    /// Targeting of `items`, by position; shared by snapshots with the same targeting.
    pub index: Arc<Index>,
    /// Our campaigns' currencies, the most used first.
    pub currencies: Vec<Currency>,
    /// Which ids some frequency cap asks for, beside the user's.
    pub scopes: Scopes,
    /// Line items that cannot deliver, with the reason, for explanations.
    pub idle: Vec<Idle>,
}

/// A campaign and its money.
#[derive(Debug)]
pub struct LiveCampaign {
    /// As set up.
    pub campaign: Campaign,
    /// Shared by all cores and all snapshots.
    pub money: Arc<CampaignMoney>,
    /// The most that any of its line items bids.
    pub max_bid: Cpm,
    /// On whose behalf it is shown: the advertiser's name, at most [`BEHALF_CHARS_MAX`] of it.
    pub behalf: String,
}

/// A line item, compiled.
#[derive(Debug)]
pub struct Item {
    /// The position of its campaign.
    pub campaign: usize,
    /// Frequency caps of its campaign and its own.
    pub limits: Box<[Limit]>,
    /// As set up.
    pub line_item: LineItem,
    /// What it shows.
    pub ads: Box<[Ad]>,
}

/// One creative under one line item.
#[derive(Debug)]
pub struct Ad {
    /// As set up; shared by the line items that show it.
    pub creative: Arc<Creative>,
    /// What the model is told of it.
    pub features: CreativeFeatures,
    /// Its own frequency caps.
    pub limits: Box<[Limit]>,
    /// The advertiser's domain, lower case.
    pub adomain: Box<str>,
    /// Its categories, as lists in any taxonomy would name them; shared by the ads that declare the same.
    pub declared: Arc<Declared>,
    /// Every address in it is `https`.
    pub secure: bool,
    /// The OpenRTB banner ad type (`btype`): 1 text, 2 a picture or plain HTML, 3 with script, 4 with a frame.
    pub banner_type: u32,
    /// What it shows, compiled; shared by the line items that show it.
    pub markup: Arc<Markup>,
    /// Its attributes with those that follow from its format.
    pub attributes: Box<[u32]>,
    /// How often it is shown, against the others of the line item; 1 where rotation has no weights.
    pub weight: u32,
    /// Exchanges, by position, that take approved creatives only and have not approved this one.
    pub barred: Box<[usize]>,
}

/// A line item that cannot deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// Which.
    pub line_item: LineItemId,
    /// Its name.
    pub name: String,
    /// Why, for people.
    pub why: &'static str,
}

/// What a snapshot is made of, beside the catalogue.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// The model in service.
    pub model: Arc<Model>,
    /// A trial of another one.
    pub trial: Option<Trial>,
    /// The money of each campaign; campaigns that are new get an entry.
    pub money: &'a mut BTreeMap<CampaignId, Arc<CampaignMoney>>,
    /// Where browsers reach the pixel; no slash at the end.
    pub public_url: &'a str,
    /// Every exchange in its order, with whether it takes approved creatives only.
    pub exchanges: &'a [(&'a str, bool)],
    /// Flights that have ended by now are left out.
    pub now: Timestamp,
    /// The snapshot in use, built with the same address and exchanges.
    pub last: Option<&'a Snapshot>,
}

impl Snapshot {
    /// Compiles a catalogue, and takes over from the last snapshot what has stayed as it is. A line item with a missing
    /// campaign or creative is idle, never a failure.
    pub fn build(catalogue: Catalogue, with: Ingredients<'_>) -> Self {
        let creatives = compiled(catalogue.creatives, &with);
        let advertisers = catalogue.advertisers;
        let campaigns: BTreeMap<CampaignId, Campaign> =
            catalogue.campaigns.into_iter().map(|c| (c.id, c)).collect();
        let mut items = Vec::with_capacity(catalogue.line_items.len());
        let (mut live, mut idle) = (Vec::<LiveCampaign>::new(), Vec::new());
        let mut positions = BTreeMap::new();
        for line_item in catalogue.line_items {
            let campaign = campaigns.get(&line_item.campaign);
            let ads = campaign.map(|c| ads_of(&line_item, c, &creatives, &with));
            let why = idle_because(&line_item, campaign, ads.as_deref(), with.now);
            let (Some(campaign), Some(ads), None) = (campaign, ads, why) else {
                idle.push(Idle {
                    line_item: line_item.id,
                    name: line_item.name,
                    why: why.unwrap_or("its campaign is missing"),
                });
                continue;
            };
            let position = *positions.entry(campaign.id).or_insert_with(|| {
                live.push(LiveCampaign {
                    campaign: campaign.clone(),
                    money: Arc::clone(with.money.entry(campaign.id).or_default()),
                    max_bid: Cpm::ZERO,
                    behalf: name_of(&advertisers, campaign.advertiser),
                });
                live.len() - 1
            });
            if let Some(own) = live.get_mut(position) {
                own.max_bid = own.max_bid.max(line_item.max_bid);
            }
            items.push(Item {
                campaign: position,
                limits: limits_of(campaign, &line_item),
                line_item,
                ads,
            });
        }
        items.shrink_to_fit();
        live.shrink_to_fit();
        let fronts = Fronts::build(&items, &live);
        Self {
            revision: catalogue.revision,
            trial: with.trial.map(|trial| Tried::new(trial, &fronts.ads)),
            served: Served::new(with.model, &fronts.ads),
            index: index_of(&items, with.last),
            currencies: by_use(&items, &live),
            scopes: scopes_of(&items),
            fronts,
            campaigns: live,
            items,
            creatives,
            idle,
        }
    }

    /// The model that bids for a user, or for a request without one.
    pub fn serving_for(&self, user: Option<UserKey>, request: &str) -> Serving<'_> {
        let own = Serving {
            served: &self.served,
            arm: 0,
        };
        let trial = self.trial.as_ref();
        trial.map_or(own, |trial| trial.serving((user, request), own))
    }

    /// The model of this version, if it is the one in service or on trial.
    pub fn model_of(&self, version: u64) -> &Model {
        let tried = self.trial.as_ref();
        let tried = tried.map(|trial| trial.served.model.as_ref());
        let tried = tried.filter(|model| model.version() == version);
        tried.unwrap_or(&self.served.model)
    }

    /// The campaign of a line item.
    pub fn campaign_of(&self, item: &Item) -> &LiveCampaign {
        self.campaigns
            .get(item.campaign)
            .expect("build gave every item its campaign's position")
    }

    /// Checks what the bid path relies on.
    ///
    /// # Errors
    /// What is wrong; the snapshot must not be used.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.index.len() != self.items.len() {
            return Err("the index does not cover the line items");
        }
        if self
            .items
            .iter()
            .any(|item| item.campaign >= self.campaigns.len())
        {
            return Err("a line item has no campaign");
        }
        if self.items.iter().any(|item| item.ads.is_empty()) {
            return Err("a line item has no creative");
        }
        Ok(())
    }
}

impl Item {
    /// Whether it buys the open auction.
    pub fn buys_open(&self) -> bool {
        !matches!(self.line_item.deals, Deals::Only(_))
    }

    /// Whether it is for deals that it names.
    pub fn names_deals(&self) -> bool {
        matches!(self.line_item.deals, Deals::Only(_))
    }

    /// Whether it buys the deal with this id.
    pub fn buys_deal(&self, id: &str) -> bool {
        match &self.line_item.deals {
            Deals::OpenOnly => false,
            Deals::OpenAndAnyDeal => true,
            Deals::Only(ids) => ids.iter().any(|own| own == id),
        }
    }
}

fn name_of(advertisers: &[Advertiser], id: AdvertiserId) -> String {
    let named = advertisers.binary_search_by_key(&id, |own| own.id);
    let found = named.ok().and_then(|at| advertisers.get(at));
    let name = found.map_or("", |advertiser| advertiser.name.trim());
    name.chars().take(BEHALF_CHARS_MAX).collect()
}

fn limits_of(campaign: &Campaign, line_item: &LineItem) -> Box<[Limit]> {
    let shared = frequency::limits(Capped::Campaign(campaign.id), &campaign.frequency_caps);
    let own = frequency::limits(Capped::LineItem(line_item.id), &line_item.frequency_caps);
    shared.chain(own).collect()
}

fn scopes_of(items: &[Item]) -> Scopes {
    let mut scopes = Scopes::default();
    for item in items {
        let ads = item.ads.iter().flat_map(|ad| &ad.limits);
        for limit in item.limits.iter().chain(ads) {
            scopes.add(limit.per);
        }
    }
    scopes
}

fn idle_because(
    line_item: &LineItem,
    campaign: Option<&Campaign>,
    ads: Option<&[Ad]>,
    now: Timestamp,
) -> Option<&'static str> {
    let Some(campaign) = campaign else {
        return Some("its campaign is missing");
    };
    let rules = [
        (
            line_item.status == Status::Active,
            "the line item is not active",
        ),
        (
            campaign.status == Status::Active,
            "its campaign is not active",
        ),
        (now < campaign.flight_end, "its campaign's flight has ended"),
        (
            ads.is_some_and(|ads| !ads.is_empty()),
            "it has no active creative with a landing page address of at most 2048 bytes",
        ),
    ];
    rules
        .into_iter()
        .find(|(holds, _)| !holds)
        .map(|(_, why)| why)
}

/// Active creatives with their markup and their categories.
type Compiled = BTreeMap<CreativeId, (Arc<Creative>, Arc<Markup>, Arc<Declared>)>;

/// Compiles what may be shown and is not as it was.
fn compiled(creatives: Vec<Creative>, with: &Ingredients<'_>) -> Compiled {
    let mut compiler = Compiler::new(with.public_url);
    let mut declared = BTreeMap::new();
    let shown = creatives.into_iter().filter(is_shown);
    let entries = shown.map(|creative| {
        let id = creative.id;
        let last = with.last.and_then(|last| last.creatives.get(&id));
        if let Some(same) = last.filter(|(own, ..)| **own == creative) {
            return (id, same.clone());
        }
        let markup = Arc::new(compiler.compile(&creative));
        let categories = (creative.taxonomy, creative.categories.clone());
        let categories = declared
            .entry(categories)
            .or_insert_with_key(|(taxonomy, own)| Arc::new(Declared::new(*taxonomy, own)));
        (id, (Arc::new(creative), markup, Arc::clone(categories)))
    });
    entries.collect()
}

/// The last snapshot's index, where line items stand and target as they did.
fn index_of(items: &[Item], last: Option<&Snapshot>) -> Arc<Index> {
    let same = |last: &&Snapshot| {
        let mut pairs = last.items.iter().zip(items);
        last.items.len() == items.len()
            && pairs.all(|(old, new)| old.line_item.targeting == new.line_item.targeting)
    };
    if let Some(last) = last.filter(same) {
        return Arc::clone(&last.index);
    }
    let all: Vec<_> = items.iter().map(|item| &item.line_item.targeting).collect();
    Arc::new(Index::build(&all))
}

fn is_shown(creative: &Creative) -> bool {
    creative.status == Status::Active && creative.click_url.len() <= CLICK_URL_BYTES_MAX
}

fn ads_of(
    line_item: &LineItem,
    campaign: &Campaign,
    creatives: &Compiled,
    with: &Ingredients<'_>,
) -> Box<[Ad]> {
    let listed = line_item.creatives.iter().enumerate();
    listed
        .filter_map(|(at, id)| Some((at, creatives.get(id)?)))
        .map(|(at, (creative, markup, declared))| Ad {
            features: features_of(creative, campaign.id, line_item.id),
            limits: frequency::limits(Capped::Creative(creative.id), &creative.frequency_caps)
                .collect(),
            adomain: creative.adomain.to_ascii_lowercase().into(),
            secure: with.public_url.starts_with("https://") && is_secure(&creative.format),
            banner_type: banner_type(creative),
            attributes: attributes(creative),
            weight: weight(line_item, at),
            barred: barred(creative, with.exchanges),
            markup: Arc::clone(markup),
            declared: Arc::clone(declared),
            creative: Arc::clone(creative),
        })
        .collect()
}

fn features_of(
    creative: &Creative,
    campaign: CampaignId,
    line_item: LineItemId,
) -> CreativeFeatures {
    CreativeFeatures {
        advertiser: creative.advertiser,
        campaign,
        line_item,
        creative: creative.id,
        format: creative.format.label(),
    }
}

fn weight(line_item: &LineItem, at: usize) -> u32 {
    match &line_item.rotation {
        Rotation::Weighted(weights) => weights.get(at).copied().unwrap_or(1),
        Rotation::Value | Rotation::Even | Rotation::Sequence => 1,
    }
}

fn barred(creative: &Creative, exchanges: &[(&str, bool)]) -> Box<[usize]> {
    let state = |name: &str| creative.approvals.get(name).map(|approval| approval.state);
    let exchanges = exchanges.iter().enumerate();
    exchanges
        .filter(|(_, (name, required))| *required && state(name) != Some(ApprovalState::Approved))
        .map(|(position, _)| position)
        .collect()
}

/// The OpenRTB attribute "has a skip button".
const SKIPPABLE: u32 = 16;

fn attributes(creative: &Creative) -> Box<[u32]> {
    let mut attributes = creative.attributes.clone();
    if let CreativeFormat::Video(media) | CreativeFormat::Audio(media) = &creative.format
        && media.skip_after_s.is_some()
    {
        attributes.push(SKIPPABLE);
    }
    attributes.into()
}

fn is_secure(format: &CreativeFormat) -> bool {
    let https = |url: &str| url.starts_with("https://");
    match format {
        CreativeFormat::Banner {
            markup: BannerMarkup::Image { url },
            ..
        } => https(url),
        CreativeFormat::Banner {
            markup: BannerMarkup::Html { html } | BannerMarkup::Tag { html },
            ..
        } => !html.contains("http://"),
        CreativeFormat::Video(media) | CreativeFormat::Audio(media) => match &media.source {
            MediaSource::Files(files) => files.iter().all(|file| https(&file.url)),
            MediaSource::Wrapper(wrapper) => https(&wrapper.tag_url),
        },
        CreativeFormat::Native(assets) => https(&assets.image.url) && https(&assets.icon.url),
    }
}

/// The creative attribute of ads without pictures.
const TEXT_ONLY: u32 = 12;

fn banner_type(creative: &Creative) -> u32 {
    let CreativeFormat::Banner {
        markup: BannerMarkup::Html { html } | BannerMarkup::Tag { html },
        ..
    } = &creative.format
    else {
        return 2;
    };
    let html = html.to_ascii_lowercase();
    match () {
        () if html.contains("<iframe") => 4,
        () if html.contains("<script") => 3,
        () if creative.attributes.contains(&TEXT_ONLY) && !html.contains("<img") => 1,
        () => 2,
    }
}

fn by_use(items: &[Item], campaigns: &[LiveCampaign]) -> Vec<Currency> {
    let mut counts: BTreeMap<Currency, usize> = BTreeMap::new();
    for item in items {
        if let Some(live) = campaigns.get(item.campaign) {
            *counts.entry(live.campaign.currency).or_default() += 1;
        }
    }
    let mut used: Vec<_> = counts.into_iter().collect();
    used.sort_by_key(|(currency, count)| (std::cmp::Reverse(*count), *currency));
    used.into_iter().map(|(currency, _)| currency).collect()
}
