//! Vocabulary of the trade: ids, money, time, campaigns, outcomes, reports and limits.
//!
//! Nothing here does I/O, draws randomness, reads a clock or serialises: values only.

pub mod campaign;
pub mod catalogue;
pub mod creative;
pub mod frequency;
pub mod ids;
pub mod ledger;
pub mod limits;
pub mod money;
pub mod outcome;
pub mod random;
pub mod report;
pub mod targeting;
pub mod taxonomy;
pub mod time;

pub use campaign::{Advertiser, BidModel, Campaign, Goal, LineItem, Plan, Rotation, Status};
pub use catalogue::Catalogue;
pub use creative::{Creative, CreativeFormat};
pub use frequency::{Capped, FrequencyCap, IdScope};
pub use ids::{
    AdvertiserId, BidId, CampaignId, CreativeId, EventId, Exchange, LineItemId, UserKey,
};
pub use money::{Cpm, Currency, FxTable, Micros};
pub use outcome::{NoBid, Outcome, Reject};
pub use targeting::Targeting;
pub use time::{Clock, Timestamp};
