//! Whether open requests of every medium get a bid from the example campaigns.

use std::collections::BTreeMap;

use loadtest::judge;
use loadtest::traffic::mix::{Mix, Scope};
use sim::auctions::{Desk, NOON, expectations};
use store::memory::MemoryCampaigns;

/// Requests asked, about a quarter of each medium. One of the sizes, lengths and versions in them always fits.
const REQUESTS: usize = 2_000;
/// Of a hundred open requests that a creative fits, so many get a bid.
const BIDS_PER_CENT_MIN: usize = 99;

#[test]
fn open_requests_that_a_creative_fits_get_a_bid() {
    let campaigns = MemoryCampaigns::new();
    super::all_formats(&campaigns, "https://pixel.localhost", NOON).unwrap();
    let mut desk = Desk::new(&campaigns, 1);
    let mut requests = Mix::new(1, Scope::Open);
    let (mut counts, mut refused) = (BTreeMap::new(), BTreeMap::new());
    for serial in 0..REQUESTS {
        let made = requests.next_request();
        let media = ["banner", "video", "audio", "native"];
        let medium = media
            .into_iter()
            .find(|medium| made.request["imp"][0][*medium].is_object())
            .unwrap();
        let said = desk.explain(&made.body);
        let (asked, bids): &mut (usize, usize) = counts.entry(medium).or_default();
        *asked += 1;
        if said.body.is_empty() {
            for verdict in &said.explanation.verdicts {
                let why = format!("{medium}: {:?}", verdict.refused);
                *refused.entry(why).or_insert(0) += 1;
            }
        } else {
            *bids += 1;
            let found = judge(&made.body, &said.body, &expectations());
            assert!(found.is_empty(), "{found:?}");
        }
        if serial % 200 == 0 {
            desk.second();
        }
    }
    assert_eq!(counts.len(), 4, "{counts:?}");
    for (medium, (asked, bids)) in &counts {
        let enough = bids * 100 >= asked * BIDS_PER_CENT_MIN;
        assert!(enough, "{medium}: {bids} of {asked}; {refused:?}");
    }
}
