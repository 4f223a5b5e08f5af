//! Whether open requests of every medium get a bid from the example campaigns.

use std::collections::BTreeMap;
use std::path::Path;

use bidder::Reply;
use loadtest::judge;
use loadtest::traffic::mix::{Mix, Scope};
use serde_json::Value;
use sim::auctions::{Desk, NOON, expectations};
use store::memory::MemoryCampaigns;

/// Requests asked, about a quarter of each medium. One of the sizes, lengths and versions in them always fits.
const REQUESTS: usize = 2_000;
/// By `mtype`.
const MEDIA: [&str; 4] = ["banner", "video", "audio", "native"];
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
        let medium = MEDIA
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

/// Requests as exchanges of many kinds send them, with who gets a bid on what; several media where value decides.
#[test]
fn requests_of_many_exchanges_get_the_bids_that_fit() {
    let campaigns = MemoryCampaigns::new();
    super::all_formats(&campaigns, "https://pixel.localhost", NOON).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/example/requests");
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 40, "{}", paths.len());
    let wrong = paths.iter().filter_map(|path| {
        let wrong = check_case(&campaigns, path).err()?;
        Some(format!("{}: {wrong}", path.display()))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_case(campaigns: &MemoryCampaigns, path: &Path) -> Result<(), String> {
    let case: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(case["description"].as_str().unwrap().len() > 10);
    let body = serde_json::to_vec(&case["request"]).unwrap();
    // What was bid before has no say.
    let said = Desk::new(campaigns, 1).explain(&body);
    let wanted = case["bids"].as_object().unwrap();
    if said.body.is_empty() {
        let refused = said.explanation.verdicts.iter();
        let refused: Vec<_> = refused.map(|one| (&one.name, one.refused)).collect();
        let none = wanted.is_empty() && said.reply == Reply::NoContent;
        return none
            .then_some(())
            .ok_or(format!("{:?} {refused:?}", said.explanation.outcome));
    }
    let found = judge(&body, &said.body, &expectations());
    let answer: Value = serde_json::from_slice(&said.body).unwrap();
    let bids = answer["seatbid"][0]["bid"].as_array().unwrap();
    let is_wanted = |bid: &Value| {
        let media = wanted.get(bid["impid"].as_str().unwrap());
        let medium = MEDIA[bid["mtype"].as_u64().unwrap() as usize - 1];
        media.is_some_and(|media| media.as_str().unwrap().split('|').any(|one| one == medium))
    };
    let is_bid = |imp: &String| bids.iter().any(|bid| bid["impid"] == imp.as_str());
    let right = found.is_empty() && wanted.keys().all(is_bid) && bids.iter().all(is_wanted);
    right.then_some(()).ok_or(format!("{found:?} {answer}"))
}
