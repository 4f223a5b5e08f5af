//! The money line of a campaign, as the ledger's owner shows it.

use domain::{CampaignId, Micros};

/// One campaign's account, in its own currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountView {
    /// Booked by billing notices.
    pub spent: Micros,
    /// Set aside for bids whose fate is not known yet.
    pub held: Micros,
    /// The part of `spent` whose notice came after its hold was released.
    pub late: Micros,
    /// Wins whose billing notice never came.
    pub unbilled: Micros,
    /// What may still be bid with: budget less spent and held.
    pub left: Micros,
}

/// Where accounts are read; the binary answers it from the ledger. May block.
pub trait Accounts: Send + Sync {
    /// The account of a campaign; `None` when nothing was ever held or booked, or it cannot be read.
    fn account(&self, campaign: CampaignId) -> Option<AccountView>;
}
