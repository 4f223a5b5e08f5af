//! Frequency caps: how many impressions, in which window, of what, counted for whose id.

use crate::ids::{CampaignId, CreativeId, LineItemId};

/// Longest window of a frequency cap, in seconds: 30 days; counts of impressions are kept as long.
pub const FREQUENCY_WINDOW_S_MAX: u32 = 30 * 86_400;

/// At most `impressions` to one user, device or household in any `window_s` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrequencyCap {
    /// How many are allowed.
    pub impressions: u32,
    /// The length of the rolling window, in seconds.
    pub window_s: u32,
    /// Whose impressions are counted.
    pub per: IdScope,
}

/// Whose impressions a cap counts. Ids of different scopes never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum IdScope {
    /// The person, as well as the exchange knows them.
    #[default]
    User,
    /// One phone, television or browser.
    Device,
    /// Everybody who shares a home.
    Household,
}

impl IdScope {
    /// Every scope, in order.
    pub const ALL: [Self; 3] = [Self::User, Self::Device, Self::Household];
}

/// What a cap stands on, and what impressions are counted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capped {
    /// All line items of a campaign together.
    Campaign(CampaignId),
    /// One line item.
    LineItem(LineItemId),
    /// One creative, under whichever line item it is shown.
    Creative(CreativeId),
}
