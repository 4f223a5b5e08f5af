//! Leases for bidders and settlement for the updater, over the keyed state.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::CampaignId;
use domain::Timestamp;
use pacing::{Account, BudgetLimits, Grant, LeaseRequest};

use crate::StoreError;
use crate::keyed::KeyedStore;
use crate::state::{self, StateTxn};

/// How often a change is begun anew when somebody else's came first.
const ATTEMPTS_MAX: usize = 32;

/// The budgets of all campaigns.
#[derive(Clone)]
pub struct Budgets {
    store: Arc<dyn KeyedStore>,
    lateness_ms: i64,
}

impl Budgets {
    /// `lateness_ms`: how much later than a newer bid's notice an older one may come and still be in order.
    pub fn new(store: Arc<dyn KeyedStore>, lateness_ms: i64) -> Self {
        Self { store, lateness_ms }
    }

    /// Renews one bidder's leases of several campaigns in one change. Never called on the bid path.
    ///
    /// # Errors
    /// When the storage fails; the bidder then goes on with what it has until its lease lapses.
    pub fn renew(
        &self,
        requests: &[(CampaignId, BudgetLimits, LeaseRequest)],
        now: Timestamp,
    ) -> Result<Vec<(CampaignId, Grant)>, StoreError> {
        self.transact(|change| {
            let mut grants = Vec::with_capacity(requests.len());
            for (campaign, limits, request) in requests {
                let (account, marks) = change.account(*campaign)?;
                grants.push((*campaign, account.renew(request, limits, marks, now)));
            }
            Ok(grants)
        })
    }

    /// Turns every lease into a hold. Only for a process that alone holds the store, before its bidders start:
    /// the leases it finds are those of processes that died, and would keep new ones small until they lapse.
    ///
    /// # Errors
    /// When the storage fails or holds what does not decode.
    pub fn lapse_all(&self, now: Timestamp) -> Result<(), StoreError> {
        let campaigns: Vec<CampaignId> = self.accounts()?.into_keys().collect();
        self.transact(|change| {
            for campaign in &campaigns {
                change.account(*campaign)?.0.lapse_all(now);
            }
            Ok(())
        })
    }

    /// Runs a change until nobody else's comes first.
    ///
    /// # Errors
    /// What `body` or the storage says; `Conflict` when it never comes to rest.
    pub fn transact<T>(
        &self,
        mut body: impl FnMut(&mut StateTxn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut change = StateTxn::begin(&self.store, self.lateness_ms)?;
            let result = body(&mut change)?;
            match change.commit() {
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(result),
            }
        }
        Err(StoreError::Conflict("an account or a profile"))
    }

    /// Every account.
    ///
    /// # Errors
    /// When the storage fails or holds what does not decode.
    pub fn accounts(&self) -> Result<BTreeMap<CampaignId, Account>, StoreError> {
        state::accounts(self.store.as_ref())
    }

    /// The store underneath, for reading rows and offsets.
    pub fn keyed(&self) -> &Arc<dyn KeyedStore> {
        &self.store
    }
}
