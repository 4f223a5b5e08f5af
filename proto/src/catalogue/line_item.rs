//! Line item documents.

use domain::campaign::{Deals, Rotation};
use domain::{BidModel, CampaignId, Cpm, CreativeId, LineItem, LineItemId, Micros};
use serde::{Deserialize, Serialize};

use super::FieldError;
use super::frequency::{self, FrequencyCapDoc};
use super::rules::{CREATIVES_MAX, Checker, DEALS_MAX, is_token};
use super::targeting::TargetingDoc;
use super::words::{BidWord, DealsWord, RotationWord, StatusWord};

/// Largest weight of a creative: sums of all of them stay far from 32 bits.
const WEIGHT_MAX: u32 = 10_000;

/// A line item as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LineItemDoc {
    /// Given by the store; leave out or 0 to create.
    #[serde(default)]
    pub id: u64,
    /// Whose budget it spends.
    pub campaign_id: u64,
    /// 1 to 200 characters.
    pub name: String,
    /// Whether it may deliver.
    #[serde(default)]
    pub status: StatusWord,
    /// What it pays for, in its campaign's currency.
    pub bid: BidDoc,
    /// The most it ever bids for a thousand impressions, in micros.
    pub max_bid_cpm_micros: i64,
    /// Where it may deliver; everywhere when left out.
    #[serde(default)]
    pub targeting: TargetingDoc,
    /// Its own limits; without the id that a limit counts for, it does not bid.
    #[serde(default)]
    pub frequency_caps: Vec<FrequencyCapDoc>,
    /// Which deals it buys; the open auction only when left out.
    #[serde(default)]
    pub deals: DealsDoc,
    /// What it shows; without any it does not deliver.
    #[serde(default)]
    pub creative_ids: Vec<u64>,
    /// Which of its creatives is shown where several fit; the one of the best predicted value when left out.
    #[serde(default)]
    pub rotation: RotationDoc,
    /// Whether it takes all impressions of a page together or none; it bids only where the exchange says that a
    /// request has them all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub roadblock: bool,
    /// Whether it bids only where everybody in the supply chain may sell, by ads.txt and sellers.json.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authorized_sellers: bool,
    /// What the answer to saving says: rules that can never match. Ignored when sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldError>,
}

/// Which creative is shown, such as `{"type":"weighted","weights":[3,1]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RotationDoc {
    /// How it is chosen.
    #[serde(rename = "type")]
    pub kind: RotationWord,
    /// One for each of `creative_ids`, in the same order; only with type `weighted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<u32>,
}

/// What a line item pays for, such as `{"type":"cpc","amount_micros":500000}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BidDoc {
    /// Per thousand impressions, per click or per conversion.
    #[serde(rename = "type")]
    pub kind: BidWord,
    /// The price or value, in micros of the campaign's currency.
    pub amount_micros: i64,
}

/// Which deals a line item buys, such as `{"type":"only","ids":["deal-1"]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DealsDoc {
    /// Open auction, any deal, or only those in `ids`.
    #[serde(rename = "type")]
    pub kind: DealsWord,
    /// Deal ids; only with type `only`.
    #[serde(default)]
    pub ids: Vec<String>,
}

impl From<BidModel> for BidDoc {
    fn from(bid: BidModel) -> Self {
        let (kind, amount) = match bid {
            BidModel::Cpm(price) => (BidWord::Cpm, price.0),
            BidModel::Cpc(value) => (BidWord::Cpc, value),
            BidModel::Cpa(value) => (BidWord::Cpa, value),
        };
        Self {
            kind,
            amount_micros: amount.0,
        }
    }
}

impl From<BidDoc> for BidModel {
    fn from(bid: BidDoc) -> Self {
        let amount = Micros(bid.amount_micros);
        match bid.kind {
            BidWord::Cpm => Self::Cpm(Cpm(amount)),
            BidWord::Cpc => Self::Cpc(amount),
            BidWord::Cpa => Self::Cpa(amount),
        }
    }
}

impl From<&Deals> for DealsDoc {
    fn from(deals: &Deals) -> Self {
        let (kind, ids) = match deals {
            Deals::OpenOnly => (DealsWord::OpenOnly, Vec::new()),
            Deals::OpenAndAnyDeal => (DealsWord::OpenAndAnyDeal, Vec::new()),
            Deals::Only(ids) => (DealsWord::Only, ids.clone()),
        };
        Self { kind, ids }
    }
}

impl DealsDoc {
    fn check(self, checker: &mut Checker) -> Deals {
        let only = self.kind == DealsWord::Only;
        checker.ensure(
            only || self.ids.is_empty(),
            "deals.ids",
            "must be empty unless deals.type is \"only\"",
        );
        checker.ensure(
            !only || !self.ids.is_empty(),
            "deals.ids",
            "must name at least one deal when deals.type is \"only\"",
        );
        checker.length("deals.ids", self.ids.len(), DEALS_MAX);
        let rule = "must have 1 to 256 bytes, without spaces around it or line breaks";
        let ids = checker.list("deals.ids", self.ids, rule, |id| {
            is_token(&id).then_some(id)
        });
        match self.kind {
            DealsWord::OpenOnly => Deals::OpenOnly,
            DealsWord::OpenAndAnyDeal => Deals::OpenAndAnyDeal,
            DealsWord::Only => Deals::Only(ids),
        }
    }
}

impl From<&Rotation> for RotationDoc {
    fn from(rotation: &Rotation) -> Self {
        let (kind, weights) = match rotation {
            Rotation::Value => (RotationWord::Value, Vec::new()),
            Rotation::Even => (RotationWord::Even, Vec::new()),
            Rotation::Weighted(weights) => (RotationWord::Weighted, weights.clone()),
            Rotation::Sequence => (RotationWord::Sequence, Vec::new()),
        };
        Self { kind, weights }
    }
}

impl RotationDoc {
    fn check(self, creatives: usize, checker: &mut Checker) -> Rotation {
        let weighted = self.kind == RotationWord::Weighted;
        checker.ensure(
            weighted || self.weights.is_empty(),
            "rotation.weights",
            "must be empty unless rotation.type is \"weighted\"",
        );
        let sound = self
            .weights
            .iter()
            .all(|weight| (1..=WEIGHT_MAX).contains(weight));
        checker.ensure(
            !weighted || self.weights.len() == creatives && sound,
            "rotation.weights",
            "must have one weight of 1 to 10000 for each of creative_ids",
        );
        match self.kind {
            RotationWord::Value => Rotation::Value,
            RotationWord::Even => Rotation::Even,
            RotationWord::Weighted => Rotation::Weighted(self.weights),
            RotationWord::Sequence => Rotation::Sequence,
        }
    }
}

impl From<&LineItem> for LineItemDoc {
    fn from(line_item: &LineItem) -> Self {
        Self {
            id: line_item.id.0,
            campaign_id: line_item.campaign.0,
            name: line_item.name.clone(),
            status: line_item.status.into(),
            bid: line_item.bid.into(),
            max_bid_cpm_micros: line_item.max_bid.0.0,
            targeting: (&line_item.targeting).into(),
            frequency_caps: frequency::docs(&line_item.frequency_caps),
            deals: (&line_item.deals).into(),
            creative_ids: line_item.creatives.iter().map(|id| id.0).collect(),
            rotation: (&line_item.rotation).into(),
            roadblock: line_item.roadblock,
            authorized_sellers: line_item.authorized_sellers,
            warnings: Vec::new(),
        }
    }
}

impl LineItemDoc {
    /// The line item, when every rule holds.
    ///
    /// # Errors
    /// Every broken rule with its field.
    pub fn check(self) -> Result<LineItem, Vec<FieldError>> {
        let mut checker = Checker::default();
        checker.name(&self.name);
        checker.amount("bid.amount_micros", self.bid.amount_micros);
        checker.amount("max_bid_cpm_micros", self.max_bid_cpm_micros);
        checker.length("creative_ids", self.creative_ids.len(), CREATIVES_MAX);
        checker.ensure(
            !has_repeats(&self.creative_ids),
            "creative_ids",
            "must name each creative once",
        );
        let targeting = self.targeting.check(&mut checker);
        let frequency_caps = frequency::check(self.frequency_caps, &mut checker);
        let deals = self.deals.check(&mut checker);
        let rotation = self.rotation.check(self.creative_ids.len(), &mut checker);
        checker.finish(LineItem {
            id: LineItemId(self.id),
            campaign: CampaignId(self.campaign_id),
            name: self.name,
            status: self.status.into(),
            bid: self.bid.into(),
            max_bid: Cpm(Micros(self.max_bid_cpm_micros)),
            targeting,
            frequency_caps,
            deals,
            creatives: self.creative_ids.into_iter().map(CreativeId).collect(),
            rotation,
            roadblock: self.roadblock,
            authorized_sellers: self.authorized_sellers,
        })
    }
}

fn has_repeats(ids: &[u64]) -> bool {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}
