//! Which candidates of an impression bid: those on deals first, the dearest next, as far as the money reaches.

use std::cmp::Reverse;

use domain::Reject;

use crate::auction::{Auction, Win, Work, refuse};
use crate::candidate::{Candidate, Slot, Tier, check};
use crate::config::PerImp;
use crate::explain::Sink;
use crate::pod::{self, PIECES_MAX, Piece, Room};
use crate::roadblock;

/// How often a pod is filled anew because some campaign had no money for its part.
const FILLINGS_MAX: usize = 4;

/// The wins so far, and where verdicts go when somebody asks.
pub(crate) type Into<'a, 'b> = (&'a mut Vec<Win>, Option<&'b mut Sink>);

/// Bids for one impression: fills its dynamic pod, or else takes the best candidates, each of another line item.
pub(crate) fn choose(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    work: &mut Work,
    (wins, explain): Into<'_, '_>,
) {
    let mut candidates = std::mem::take(&mut work.candidates);
    roadblock::set_aside(auction, slot.position, &mut candidates, &mut work.aside);
    candidates.sort_unstable_by_key(|candidate| Reverse(candidate.rank()));
    let exchange = auction.config.exchanges.get(auction.exchange.0);
    let limits = exchange.map(|exchange| exchange.per_imp);
    let (limits, before) = (limits.unwrap_or_default(), wins.len());
    for room in [&slot.imp.video, &slot.imp.audio]
        .into_iter()
        .flatten()
        .filter_map(pod::room_of)
        .take(1)
    {
        let ads = u32::try_from(limits.all).unwrap_or(u32::MAX).min(room.ads);
        let mut pod = Pod {
            auction,
            slot,
            first: before,
            room: Room { ads, ..room },
        };
        pod.fill(&mut candidates, &mut work.pieces, wins);
    }
    if wins.len() == before {
        take_best(auction, slot, (limits, &mut candidates), wins);
    }
    settle(auction, slot, work, (&mut candidates, explain));
    work.candidates = candidates;
}

/// Takes the best candidates that are for no pod.
fn take_best(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    (limits, candidates): (PerImp, &mut [Candidate]),
    wins: &mut Vec<Win>,
) {
    let (mut left, mut deals, mut open) = (limits.all, limits.deals, limits.open);
    let mut guaranteed = limits.all;
    for candidate in candidates.iter_mut().filter(|c| c.seconds.is_none()) {
        let own = match candidate.tier() {
            Tier::Guaranteed => &mut guaranteed,
            Tier::Deal => &mut deals,
            Tier::Open => &mut open,
        };
        if left == 0 {
            break;
        }
        if *own == 0 {
            continue;
        }
        if let Err(why) = check(auction, slot, candidate) {
            candidate.fate = Some(why);
            continue;
        }
        let ad = auction.snapshot.items.get(candidate.item);
        let ad = ad.and_then(|item| item.ads.get(candidate.ad));
        if ad.is_none_or(|ad| slot.is_barred(auction, wins, ad)) {
            continue;
        }
        if take(auction, slot, candidate, wins) {
            (left, *own) = (left - 1, *own - 1);
        }
    }
}

/// A dynamic pod while it is filled.
struct Pod<'a, 'b> {
    auction: &'b Auction<'a>,
    slot: &'b Slot<'b>,
    /// Where its wins begin.
    first: usize,
    room: Room,
}

impl Pod<'_, '_> {
    /// Fills it tier by tier, so that no open bid takes the place of one on a deal.
    fn fill(
        &mut self,
        candidates: &mut [Candidate],
        pieces: &mut Vec<(usize, Piece)>,
        wins: &mut Vec<Win>,
    ) {
        for tier in [Tier::Guaranteed, Tier::Deal, Tier::Open] {
            for _ in 0..FILLINGS_MAX {
                self.weigh(candidates, pieces, (tier, wins));
                let mut only = [NO_PIECE; PIECES_MAX];
                let only = only.get_mut(..pieces.len()).unwrap_or_default();
                let given = pieces.iter().map(|(_, piece)| *piece);
                only.iter_mut().zip(given).for_each(|(at, own)| *at = own);
                let chosen = pod::fill(only, self.room);
                if self.take(candidates, (pieces, chosen), wins) {
                    break;
                }
            }
        }
    }

    /// The candidates of the tier that could still go in, with what they cannot stand beside.
    fn weigh(
        &self,
        candidates: &[Candidate],
        pieces: &mut Vec<(usize, Piece)>,
        (tier, wins): (Tier, &[Win]),
    ) {
        pieces.clear();
        let taken = wins.get(self.first..).unwrap_or_default();
        for (at, candidate) in candidates.iter().enumerate() {
            let Some(seconds) = candidate.seconds.filter(|_| candidate.tier() == tier) else {
                continue;
            };
            let barred = taken
                .iter()
                .any(|win| self.clash(candidate, &win.candidate));
            if candidate.fate != Some(Reject::Outbid) || barred {
                continue;
            }
            if pieces.len() == PIECES_MAX {
                break;
            }
            let (mut clashes, own) = (0, 1 << pieces.len());
            for (other, bit) in pieces.iter_mut().zip(0..) {
                let (with, piece) = (candidates.get(other.0), &mut other.1);
                if with.is_some_and(|with| self.clash(candidate, with)) {
                    piece.clashes |= own;
                    clashes |= 1 << bit;
                }
            }
            let value = candidate.numbers.worth.0.0;
            pieces.push((
                at,
                Piece {
                    seconds,
                    value,
                    clashes,
                },
            ));
        }
    }

    /// Whether two ads may not both be in it: of one line item, of two media, or kept apart by the pod.
    fn clash(&self, one: &Candidate, other: &Candidate) -> bool {
        let ad = |of: &Candidate| {
            let item = self.auction.snapshot.items.get(of.item);
            item.and_then(|item| item.ads.get(of.ad))
        };
        one.item == other.item
            || ad(one).zip(ad(other)).is_none_or(|(one, other)| {
                one.creative.format.label() != other.creative.format.label()
                    || self.slot.separation.keeps_apart(one, other)
            })
    }

    /// Takes the money for the chosen ones; whether all had it.
    fn take(
        &mut self,
        candidates: &mut [Candidate],
        (pieces, chosen): (&[(usize, Piece)], u64),
        wins: &mut Vec<Win>,
    ) -> bool {
        let mut all = true;
        for ((at, piece), bit) in pieces.iter().zip(0..) {
            let Some(candidate) = candidates.get_mut(*at).filter(|_| chosen >> bit & 1 == 1) else {
                continue;
            };
            let after = pod::room_after(self.room, piece);
            let after = after.filter(|_| take(self.auction, self.slot, candidate, wins));
            self.room = after.unwrap_or(self.room);
            all &= after.is_some();
        }
        all
    }
}

const NO_PIECE: Piece = Piece {
    seconds: 0,
    value: 0,
    clashes: 0,
};

/// Takes money and room under the caps for a bid, if they are there; a test takes neither, but asks.
pub(crate) fn take(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    candidate: &mut Candidate,
    wins: &mut Vec<Win>,
) -> bool {
    let won = win(auction, slot, candidate);
    candidate.fate = won.as_ref().err().copied();
    wins.extend(won);
    candidate.fate.is_none()
}

fn win(auction: &Auction<'_>, slot: &Slot<'_>, candidate: &mut Candidate) -> Result<Win, Reject> {
    let exchange = auction.config.exchanges.get(auction.exchange.0);
    let item = auction.snapshot.items.get(candidate.item);
    let ads = auction.snapshot.fronts.ads_of(candidate.item);
    let (Some(exchange), Some(item), Some(ad)) = (exchange, item, ads.get(candidate.ad)) else {
        return Err(Reject::NotLive);
    };
    let money = &auction.snapshot.campaign_of(item).money;
    let now_us = auction.deadline.0.monotonic_us();
    let amount = candidate.numbers.hold;
    let hold_ms = crate::pacing::hold_ms(exchange.holds, slot.imp, auction.facts.inventory);
    let hold = if auction.request.test {
        if !money.covers(amount, now_us) {
            return Err(Reject::Budget);
        }
        None
    } else {
        let hold = money.try_hold(amount, now_us).ok_or(Reject::Budget)?;
        let limits = auction.limits(candidate);
        if let Err(why) = auction.counting().reserve(limits, hold_ms) {
            money.give_back(hold);
            return Err(why);
        }
        Some(hold)
    };
    let (features, prediction) = slot.score(auction, ad);
    let numbers = &mut candidate.numbers;
    (numbers.click, numbers.conversion) = (prediction.click, prediction.conversion);
    Ok(Win {
        imp: slot.position,
        candidate: candidate.clone(),
        features,
        raw: prediction.raw,
        hold,
        hold_ms,
        quantity: slot.quantity,
        grouped: false,
    })
}

/// Counts and explains what became of each line item, once: it bids if one of its ads does.
fn settle(
    auction: &Auction<'_>,
    slot: &Slot<'_>,
    work: &mut Work,
    (candidates, mut explain): (&mut Vec<Candidate>, Option<&mut Sink>),
) {
    if candidates
        .iter()
        .any(|candidate| candidate.seconds.is_some())
    {
        candidates.sort_unstable_by_key(|candidate| (candidate.item, candidate.fate));
        candidates.dedup_by_key(|candidate| candidate.item);
    }
    for candidate in candidates.iter() {
        if let Some(why) = candidate.fate {
            refuse(auction, work, candidate.item, why);
        }
        if let Some(sink) = explain.as_deref_mut() {
            sink.settle(slot.position, candidate.item, candidate.fate);
        }
    }
}

/// Leaves as many bids as the exchange takes in one answer, the best of all impressions; the money of the others
/// goes back.
pub(crate) fn keep_best(auction: &Auction<'_>, work: &mut Work, (wins, mut explain): Into<'_, '_>) {
    let exchange = auction.config.exchanges.get(auction.exchange.0);
    let bids_max = exchange.map_or(usize::MAX, |exchange| exchange.bids_max);
    if wins.len() <= bids_max {
        return;
    }
    wins.sort_by_key(|win| Reverse(win.candidate.rank()));
    for win in wins.drain(bids_max..) {
        let item = win.candidate.item;
        auction.give_back(&win);
        refuse(auction, work, item, Reject::Outbid);
        if let Some(sink) = explain.as_deref_mut() {
            sink.settle(win.imp, item, Some(Reject::Outbid));
        }
    }
    wins.sort_by_key(|win| win.imp);
}
