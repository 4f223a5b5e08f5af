//! Roadblocks: line items that show on all impressions of a request together, or on none of them.

use std::ops::Range;

use domain::Reject;
use domain::limits::REQUEST_IMPS_MAX;
use proto::openrtb::Imp;

use crate::auction::{Auction, Win, Work, refuse};
use crate::candidate::{Candidate, Slot};
use crate::choose::{Into, take};
use crate::pod;
use crate::snapshot::Item;
use crate::targeting::{Keys, Sight};

/// Most roadblocks of one request that are tried because others had no money.
const TRIED_MAX: usize = 4;

/// Whether a line item, if it wants all impressions or none, can have them: the exchange must say that these are
/// all there are and take as many bids, and a dynamic pod is filled with ads of several.
///
/// # Errors
/// `Roadblock` when it cannot.
pub(crate) fn check(auction: &Auction<'_>, imp: &Imp<'_>, item: &Item) -> Result<(), Reject> {
    if !item.line_item.roadblock {
        return Ok(());
    }
    let media = [&imp.video, &imp.audio].into_iter().flatten();
    let dynamic = media.filter_map(pod::room_of).next().is_some();
    let room = bids_max(auction).0 >= auction.request.imps.len();
    if auction.request.allimps && room && !dynamic {
        Ok(())
    } else {
        Err(Reject::Roadblock)
    }
}

/// The most bids that the exchange takes in one answer, and for one impression.
fn bids_max(auction: &Auction<'_>) -> (usize, usize) {
    let exchange = auction.config.exchanges.get(auction.exchange.0);
    exchange.map_or((0, 0), |own| (own.bids_max, own.per_imp.all))
}

/// Takes those of one impression out of the candidates, until all impressions are known.
pub(crate) fn set_aside(
    auction: &Auction<'_>,
    imp: usize,
    candidates: &mut Vec<Candidate>,
    aside: &mut Vec<(usize, Candidate)>,
) {
    if !auction.request.allimps {
        return;
    }
    let items = &auction.snapshot.items;
    let wants_all = |candidate: &mut Candidate| {
        let item = items.get(candidate.item);
        item.is_some_and(|item| item.line_item.roadblock)
    };
    let taken = candidates.extract_if(.., wants_all);
    aside.extend(taken.map(|mut candidate| {
        candidate.fate = Some(Reject::Roadblock);
        (imp, candidate)
    }));
}

/// Adds the roadblock that is worth the most to the wins, as a group at their end. Where the exchange takes no more
/// bids it must be worth more than those whose place it takes, and never takes that of a bid on a deal.
pub(crate) fn decide(
    auction: &Auction<'_>,
    (work, keys): (&mut Work, &[Keys]),
    (wins, mut explain): Into<'_, '_>,
) {
    if work.aside.is_empty() {
        return;
    }
    let mut aside = std::mem::take(&mut work.aside);
    aside.sort_unstable_by_key(|(imp, candidate)| (candidate.item, *imp));
    for _ in 0..TRIED_MAX {
        let Some(block) = dearest(auction, &aside).and_then(|place| aside.get_mut(place)) else {
            break;
        };
        let kept = make_room(auction, block, wins);
        let tried = kept.and_then(|kept| bid(auction, keys, block, (wins, kept)).map(|()| kept));
        match tried {
            Ok(kept) => {
                let group = wins.len() - block.len();
                for win in wins.drain(kept..group) {
                    auction.give_back(&win);
                    refuse(auction, work, win.candidate.item, Reject::Outbid);
                    if let Some(sink) = explain.as_deref_mut() {
                        sink.settle(win.imp, win.candidate.item, Some(Reject::Outbid));
                    }
                }
                break;
            }
            Err(why) => block.iter_mut().for_each(|(_, one)| one.fate = Some(why)),
        }
    }
    wins.sort_by_key(|win| (win.grouped, win.imp));
    while let Some(place) = dearest(auction, &aside) {
        let rest = aside.get_mut(place).unwrap_or_default();
        rest.iter_mut()
            .for_each(|(_, one)| one.fate = Some(Reject::Outbid));
    }
    for (imp, candidate) in aside.drain(..) {
        if let Some(why) = candidate.fate {
            refuse(auction, work, candidate.item, why);
        }
        if let Some(sink) = explain.as_deref_mut() {
            sink.settle(imp, candidate.item, candidate.fate);
        }
    }
    work.aside = aside;
}

/// Where the line item stands that could have all impressions, was not tried yet, and is worth the most.
fn dearest(auction: &Auction<'_>, aside: &[(usize, Candidate)]) -> Option<Range<usize>> {
    let imps = auction.request.imps.len();
    let mut end = 0;
    let blocks = aside.chunk_by(|one, next| one.1.item == next.1.item);
    let blocks = blocks.map(|block| {
        end += block.len();
        (block, end - block.len()..end)
    });
    let untried = blocks.filter(|(block, _)| {
        let open = |(_, one): &(usize, Candidate)| one.fate == Some(Reject::Roadblock);
        block.len() == imps && block.iter().all(open)
    });
    let dearest = untried.max_by_key(|(block, _)| worth(block.iter().map(|(_, one)| one)));
    dearest.map(|(_, place)| place)
}

fn worth<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> i64 {
    let each = candidates.map(|candidate| candidate.numbers.worth.0.0);
    each.fold(0, i64::saturating_add)
}

/// Sorts the wins so that those come last that a roadblock would take the place of; returns how many stay.
///
/// # Errors
/// `Outbid` when those are worth more, or are on deals.
fn make_room(
    auction: &Auction<'_>,
    block: &[(usize, Candidate)],
    wins: &mut [Win],
) -> Result<usize, Reject> {
    let (bids, per_imp) = bids_max(auction);
    let room = bids.saturating_sub(block.len());
    wins.sort_unstable_by_key(|win| std::cmp::Reverse(win.candidate.rank()));
    let (mut counts, mut kept) = ([0; REQUEST_IMPS_MAX], 0);
    for at in 0..wins.len() {
        let Some(count) = wins.get(at).and_then(|win| counts.get_mut(win.imp)) else {
            continue;
        };
        if *count + 1 < per_imp && kept < room {
            *count += 1;
            wins.swap(kept, at);
            kept += 1;
        }
    }
    let leaving = wins.get(kept..).unwrap_or_default();
    let least = block.iter().map(|(_, one)| one.tier()).min();
    let on_better = leaving.iter().any(|win| Some(win.candidate.tier()) > least);
    let lost = worth(leaving.iter().map(|win| &win.candidate));
    if leaving.is_empty() || !on_better && worth(block.iter().map(|(_, one)| one)) > lost {
        Ok(kept)
    } else {
        Err(Reject::Outbid)
    }
}

/// Takes money and room under the caps for each part, or for none.
fn bid(
    auction: &Auction<'_>,
    keys: &[Keys],
    block: &mut [(usize, Candidate)],
    (wins, kept): (&mut Vec<Win>, usize),
) -> Result<(), Reject> {
    let before = wins.len();
    for (position, candidate) in block {
        let taken = part(auction, keys, (*position, candidate), (wins, kept..before));
        if let Err(why) = taken {
            wins.drain(before..).for_each(|win| auction.give_back(&win));
            return Err(why);
        }
    }
    let group = wins.get_mut(before..).unwrap_or_default();
    group.iter_mut().for_each(|win| win.grouped = true);
    Ok(())
}

fn part(
    auction: &Auction<'_>,
    keys: &[Keys],
    (position, candidate): (usize, &mut Candidate),
    (wins, leaving): (&mut Vec<Win>, Range<usize>),
) -> Result<(), Reject> {
    let (imp, own) = (auction.request.imps.get(position), keys.get(position));
    let (imp, own) = imp.zip(own).ok_or(Reject::Roadblock)?;
    let request = auction.keys;
    let sizes = imp.banner.as_ref().map_or(&[][..], |banner| banner.sizes);
    let sight = Sight { request, imp: own };
    // Chance has decided already.
    let slot = Slot::read(auction, (position, imp), sizes, (sight, 0));
    let ad = auction.snapshot.items.get(candidate.item);
    let ad = ad.and_then(|item| item.ads.get(candidate.ad));
    let ad = ad.ok_or(Reject::NotLive)?;
    let staying = [wins.get(..leaving.start), wins.get(leaving.end..)];
    let barred = |wins: &[Win]| slot.is_barred(auction, wins, ad);
    if staying.into_iter().flatten().any(barred) {
        return Err(Reject::Separation);
    }
    take(auction, &slot, candidate, wins);
    candidate.fate.map_or(Ok(()), Err)
}
