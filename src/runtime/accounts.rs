//! The ledger as the console may see it.

use std::sync::Arc;

use console::{AccountView, Accounts};
use domain::{CampaignId, Micros};
use store::campaign::CampaignStore;
use store::keyed::KeyedStore;

use crate::node::Node;

/// Reads accounts; never changes one.
pub(crate) struct LedgerAccounts {
    keyed: Arc<dyn KeyedStore>,
    campaigns: Arc<dyn CampaignStore>,
    /// Budgets as of a revision, so that one page does not read the catalogue per campaign.
    budgets: parking_lot::Mutex<(u64, std::collections::BTreeMap<CampaignId, Micros>)>,
}

impl LedgerAccounts {
    pub(crate) fn new(node: &Node) -> Self {
        Self {
            keyed: Arc::clone(&node.keyed),
            campaigns: Arc::clone(&node.sql) as _,
            budgets: parking_lot::Mutex::default(),
        }
    }

    fn budget(&self, campaign: CampaignId) -> Option<Micros> {
        let revision = self.campaigns.revision().ok()?;
        let mut budgets = self.budgets.lock();
        if budgets.0 != revision {
            let catalogue = self.campaigns.catalogue().ok()?;
            let of = catalogue
                .campaigns
                .iter()
                .map(|campaign| (campaign.id, campaign.budget));
            *budgets = (revision, of.collect());
        }
        budgets.1.get(&campaign).copied()
    }
}

impl Accounts for LedgerAccounts {
    fn account(&self, campaign: CampaignId) -> Option<AccountView> {
        let account = store::state::account(self.keyed.as_ref(), campaign).ok()?;
        let held = account.exposed();
        Some(AccountView {
            spent: account.spent,
            held,
            late: account.late,
            unbilled: account.unbilled,
            left: (self.budget(campaign)? - account.spent - held).at_least_zero(),
        })
    }
}
