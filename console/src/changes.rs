//! Every change to the catalogue: ownership and references are checked here, then it is stored.

use std::collections::BTreeMap;

use domain::creative::Approval;
use domain::targeting::Dimension;
use domain::targeting::value::Segment;
use domain::{
    Advertiser, AdvertiserId, Campaign, CampaignId, Creative, CreativeId, LineItem, LineItemId,
    Status,
};

use proto::catalogue::CreativeDoc;

use crate::access::Seen;
use crate::hosted;
use crate::metrics::CHANGES;
use crate::problem::{Problem, field_error};
use crate::session::Identity;
use crate::state::App;

/// Objects of one kind that one owner may have: what a page still lists.
const PER_OWNER_MAX: usize = 1000;

/// One person's hands on the catalogue. All of it blocks.
pub(crate) struct Desk<'a> {
    app: &'a App,
    identity: &'a Identity,
    pub(crate) seen: Seen,
}

impl<'a> Desk<'a> {
    /// Reads what the person may see.
    pub(crate) fn open(app: &'a App, identity: &'a Identity) -> Result<Self, Problem> {
        Ok(Self {
            app,
            identity,
            seen: Seen::read(app, identity)?,
        })
    }

    /// Creates (id 0; administrators only) or replaces an advertiser.
    pub(crate) fn put_advertiser(&self, mut advertiser: Advertiser) -> Result<Advertiser, Problem> {
        if advertiser.id.0 == 0 {
            self.identity
                .require_admin("Only administrators create advertisers.")?;
            has_room(self.seen.advertisers().count())?;
        } else {
            self.seen.advertiser(advertiser.id)?;
        }
        let stored = self.app.deps.campaigns.put_advertiser(&advertiser);
        advertiser.id = self.done("advertiser", stored)?;
        Ok(advertiser)
    }

    /// Creates or replaces a campaign. Owner and currency stay as they were created.
    pub(crate) fn put_campaign(&self, mut campaign: Campaign) -> Result<Campaign, Problem> {
        if campaign.id.0 == 0 {
            self.owner(campaign.advertiser)?;
            has_room(self.seen.campaigns_of(campaign.advertiser).count())?;
        } else {
            let before = self.seen.campaign(campaign.id)?;
            same(
                before.advertiser == campaign.advertiser,
                "advertiser_id",
                "cannot change",
            )?;
            same(
                before.currency == campaign.currency,
                "currency",
                "cannot change, because money was counted in it; create another campaign",
            )?;
        }
        let stored = self.app.deps.campaigns.put_campaign(&campaign);
        campaign.id = self.done("campaign", stored)?;
        Ok(campaign)
    }

    /// Creates or replaces a line item. Its creatives must belong to its campaign's advertiser.
    pub(crate) fn put_line_item(&self, mut line_item: LineItem) -> Result<LineItem, Problem> {
        let campaign = if line_item.id.0 == 0 {
            has_room(self.seen.line_items_of(line_item.campaign).count())?;
            let campaign = self.seen.campaign(line_item.campaign);
            campaign.map_err(|_| Problem::field("campaign_id", "must be one of your campaigns"))?
        } else {
            let before = self.seen.line_item(line_item.id)?;
            same(
                before.campaign == line_item.campaign,
                "campaign_id",
                "cannot change",
            )?;
            self.seen.campaign(before.campaign)?
        };
        for (index, id) in line_item.creatives.iter().enumerate() {
            let found = self.seen.creative(*id).ok();
            if found.is_none_or(|creative| creative.advertiser != campaign.advertiser) {
                return Err(Problem::field(
                    &format!("creative_ids[{index}]"),
                    "must be a creative of the campaign's advertiser",
                ));
            }
        }
        let mut foreign = false;
        line_item
            .targeting
            .visit(Dimension::Segments, &mut |value| {
                foreign |=
                    Segment::parse(value).is_some_and(|one| !one.is_for(campaign.advertiser));
            });
        same(
            !foreign,
            "targeting.segments",
            "own segments must be of the campaign's advertiser: own/ADVERTISER/NAME",
        )?;
        let stored = self.app.deps.campaigns.put_line_item(&line_item);
        line_item.id = self.done("line_item", stored)?;
        Ok(line_item)
    }

    /// Creates or replaces a creative. Its owner stays, and so does what exchanges say of it; but what they have
    /// approved is to be approved anew when it changes.
    pub(crate) fn put_creative(&self, mut creative: Creative) -> Result<Creative, Problem> {
        if creative.id.0 == 0 {
            self.owner(creative.advertiser)?;
            has_room(self.seen.creatives_of(creative.advertiser).count())?;
            creative.approvals.clear();
        } else {
            let before = self.seen.creative(creative.id)?;
            same(
                before.advertiser == creative.advertiser,
                "advertiser_id",
                "cannot change",
            )?;
            creative.approvals = approvals_after(before, &creative);
        }
        hosted::check(self.app, &creative)?;
        self.store_creative(creative)
    }

    /// Notes what an exchange says of a creative; administrators only.
    pub(crate) fn set_approval(
        &self,
        id: CreativeId,
        exchange: &str,
        approval: Approval,
    ) -> Result<Creative, Problem> {
        let mut creative = self.seen.creative(id)?.clone();
        self.identity
            .require_admin("Only administrators note what exchanges say.")?;
        creative.approvals.insert(exchange.to_owned(), approval);
        let checked = CreativeDoc::from(&creative).check();
        self.store_creative(checked.map_err(Problem::Invalid)?)
    }

    fn store_creative(&self, mut creative: Creative) -> Result<Creative, Problem> {
        let stored = self.app.deps.campaigns.put_creative(&creative);
        creative.id = self.done("creative", stored)?;
        Ok(creative)
    }

    /// Starts, pauses or archives a campaign.
    pub(crate) fn set_campaign_status(
        &self,
        id: CampaignId,
        status: Status,
    ) -> Result<Campaign, Problem> {
        let campaign = self.seen.campaign(id)?.clone();
        self.put_campaign(Campaign { status, ..campaign })
    }

    /// Starts, pauses or archives a line item.
    pub(crate) fn set_line_item_status(
        &self,
        id: LineItemId,
        status: Status,
    ) -> Result<LineItem, Problem> {
        let line_item = self.seen.line_item(id)?.clone();
        self.put_line_item(LineItem {
            status,
            ..line_item
        })
    }

    /// Starts, pauses or archives a creative.
    pub(crate) fn set_creative_status(
        &self,
        id: CreativeId,
        status: Status,
    ) -> Result<Creative, Problem> {
        let creative = self.seen.creative(id)?.clone();
        self.put_creative(Creative { status, ..creative })
    }

    fn owner(&self, id: AdvertiserId) -> Result<(), Problem> {
        let rule = "must be an advertiser that you may change";
        match self.seen.advertiser(id) {
            Ok(_) => Ok(()),
            Err(_) => Err(Problem::field("advertiser_id", rule)),
        }
    }

    fn done<T>(
        &self,
        object: &'static str,
        stored: Result<T, store::StoreError>,
    ) -> Result<T, Problem> {
        let id = self.app.stored(stored)?;
        metrics::counter!(CHANGES, "object" => object).increment(1);
        Ok(id)
    }
}

/// An exchange approved what it saw: anything else of the creative is pending again.
fn approvals_after(before: &Creative, after: &Creative) -> BTreeMap<String, Approval> {
    let mut approvals = before.approvals.clone();
    let unseen = Creative {
        name: before.name.clone(),
        status: before.status,
        approvals: approvals.clone(),
        ..after.clone()
    };
    if unseen != *before {
        for approval in approvals.values_mut() {
            *approval = Approval::default();
        }
    }
    approvals
}

fn same(holds: bool, field: &str, rule: &str) -> Result<(), Problem> {
    if holds {
        Ok(())
    } else {
        Err(Problem::Invalid(vec![field_error(field, rule)]))
    }
}

fn has_room(count: usize) -> Result<(), Problem> {
    let rule = format!("cannot be created: there are {PER_OWNER_MAX} already; reuse one of them");
    same(count < PER_OWNER_MAX, "id", &rule)
}
