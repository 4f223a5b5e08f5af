//! Advertiser and campaign documents.

use domain::{Advertiser, AdvertiserId, Campaign, CampaignId, Currency, Micros, Timestamp};
use serde::{Deserialize, Serialize};

use super::FieldError;
use super::frequency::{self, FrequencyCapDoc};
use super::rules::{Checker, FLIGHT_END_MS_MAX};
use super::words::{GoalWord, PlanWord, StatusWord};

/// An advertiser as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AdvertiserDoc {
    /// Given by the store; leave out or 0 to create.
    #[serde(default)]
    pub id: u64,
    /// 1 to 200 characters.
    pub name: String,
    /// The landing domain declared to exchanges, in lower case, such as `example.com`.
    pub domain: String,
}

impl From<&Advertiser> for AdvertiserDoc {
    fn from(advertiser: &Advertiser) -> Self {
        Self {
            id: advertiser.id.0,
            name: advertiser.name.clone(),
            domain: advertiser.domain.clone(),
        }
    }
}

impl AdvertiserDoc {
    /// The advertiser, when every rule holds.
    ///
    /// # Errors
    /// Every broken rule with its field.
    pub fn check(self) -> Result<Advertiser, Vec<FieldError>> {
        let mut checker = Checker::default();
        checker.name(&self.name);
        checker.domain("domain", &self.domain);
        checker.finish(Advertiser {
            id: AdvertiserId(self.id),
            name: self.name,
            domain: self.domain,
        })
    }
}

/// A campaign as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CampaignDoc {
    /// Given by the store; leave out or 0 to create.
    #[serde(default)]
    pub id: u64,
    /// Its owner.
    pub advertiser_id: u64,
    /// 1 to 200 characters.
    pub name: String,
    /// Whether it may deliver.
    #[serde(default)]
    pub status: StatusWord,
    /// The ISO 4217 currency of its budget and bids.
    #[serde(default = "usd")]
    pub currency: String,
    /// All it may spend, in micros of its currency.
    pub budget_micros: i64,
    /// What it may spend in one UTC day; no limit when left out.
    #[serde(default)]
    pub daily_budget_micros: Option<i64>,
    /// First millisecond of delivery since 1970-01-01 UTC.
    pub flight_start_ms: i64,
    /// First millisecond after delivery.
    pub flight_end_ms: i64,
    /// How the money is spread over the flight.
    #[serde(default)]
    pub plan: PlanWord,
    /// What counts as success.
    #[serde(default)]
    pub goal: GoalWord,
    /// Limits over all its line items together; without the id that a limit counts for, none of them bids.
    #[serde(default)]
    pub frequency_caps: Vec<FrequencyCapDoc>,
}

fn usd() -> String {
    Currency::USD.to_string()
}

impl From<&Campaign> for CampaignDoc {
    fn from(campaign: &Campaign) -> Self {
        Self {
            id: campaign.id.0,
            advertiser_id: campaign.advertiser.0,
            name: campaign.name.clone(),
            status: campaign.status.into(),
            currency: campaign.currency.to_string(),
            budget_micros: campaign.budget.0,
            daily_budget_micros: campaign.daily_budget.map(|budget| budget.0),
            flight_start_ms: campaign.flight_start.0,
            flight_end_ms: campaign.flight_end.0,
            plan: campaign.plan.into(),
            goal: campaign.goal.into(),
            frequency_caps: frequency::docs(&campaign.frequency_caps),
        }
    }
}

impl CampaignDoc {
    /// The campaign, when every rule holds.
    ///
    /// # Errors
    /// Every broken rule with its field.
    pub fn check(self) -> Result<Campaign, Vec<FieldError>> {
        let mut checker = Checker::default();
        checker.name(&self.name);
        checker.amount("budget_micros", self.budget_micros);
        if let Some(daily) = self.daily_budget_micros {
            checker.amount("daily_budget_micros", daily);
        }
        self.check_flight(&mut checker);
        let currency = Currency::parse(&self.currency);
        checker.ensure(
            currency.is_some(),
            "currency",
            "must be a three-letter ISO 4217 code, such as USD",
        );
        let frequency_caps = frequency::check(self.frequency_caps, &mut checker);
        checker.finish(Campaign {
            id: CampaignId(self.id),
            advertiser: AdvertiserId(self.advertiser_id),
            name: self.name,
            status: self.status.into(),
            currency: currency.unwrap_or_default(),
            budget: Micros(self.budget_micros),
            daily_budget: self.daily_budget_micros.map(Micros),
            flight_start: Timestamp(self.flight_start_ms),
            flight_end: Timestamp(self.flight_end_ms),
            plan: self.plan.into(),
            goal: self.goal.into(),
            frequency_caps,
        })
    }

    fn check_flight(&self, checker: &mut Checker) {
        checker.ensure(
            self.flight_start_ms >= 0,
            "flight_start_ms",
            "must be milliseconds since 1970-01-01 UTC, not negative",
        );
        checker.ensure(
            self.flight_end_ms > self.flight_start_ms,
            "flight_end_ms",
            "must be after flight_start_ms",
        );
        checker.ensure(
            self.flight_end_ms <= FLIGHT_END_MS_MAX,
            "flight_end_ms",
            "must not be after 2100-01-01 UTC; give milliseconds, not microseconds",
        );
    }
}
