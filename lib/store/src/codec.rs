//! Between domain values and the protobuf records of the keyed state.

use domain::ledger::{Entry, LedgerRow};
use domain::{
    BidId, CampaignId, Capped, CreativeId, Currency, EventId, LineItemId, Micros, Timestamp,
};
use pacing::account::{Bucket, HoldKey, Lease, LeaseRatio, Resolved};
use pacing::{Account, Watermarks};
use prost::Message;
use proto::state as wire;

use crate::StoreError;
use crate::offsets::Offsets;
use crate::profile::{Frequency, OwnSegment, Profile};
use crate::state::Position;

pub(crate) fn damaged(what: &'static str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged {
        what,
        why: why.to_string(),
    }
}

fn decode<M: Message + Default>(what: &'static str, bytes: &[u8]) -> Result<M, StoreError> {
    M::decode(bytes).map_err(|error| damaged(what, error))
}

pub(crate) fn int(bytes: Option<&[u8]>) -> Result<Option<i64>, StoreError> {
    let parse = |bytes: &[u8]| {
        bytes
            .try_into()
            .map(i64::from_be_bytes)
            .map_err(|_| damaged("number", "not 8 bytes"))
    };
    bytes.map(parse).transpose()
}

pub(crate) fn position(position: &Position) -> Vec<u8> {
    let mut bytes = position.offset.to_be_bytes().to_vec();
    bytes.extend_from_slice(&position.partition.to_be_bytes());
    bytes.extend_from_slice(position.topic.as_bytes());
    bytes
}

pub(crate) fn account(bytes: Option<&[u8]>) -> Result<Account, StoreError> {
    let Some(bytes) = bytes else {
        return Ok(Account::default());
    };
    let wire: wire::Account = decode("account", bytes)?;
    let mut account = Account {
        spent: Micros(wire.spent_micros),
        late: Micros(wire.late_micros),
        unbilled: Micros(wire.unbilled_micros),
        media: Micros(wire.media_micros),
        rows: u64::try_from(wire.rows).map_err(|error| damaged("account", error))?,
        day: wire.day,
        day_spent: Micros(wire.day_spent_micros),
        probed: Micros(wire.probed_micros),
        resolved: Resolved {
            bid: Micros(wire.resolved_bid_micros),
            cost: Micros(wire.resolved_cost_micros),
        },
        ..Account::default()
    };
    for hold in wire.holds {
        let key = HoldKey {
            exchange: hold.exchange,
            hold_ms: hold.hold_ms,
            second: hold.second,
        };
        let bucket = Bucket {
            held: Micros(hold.held_micros),
            won: Micros(hold.won_micros),
            bid: Micros(hold.bid_micros),
            cost: Micros(hold.cost_micros),
            open: Micros(hold.open_micros),
        };
        account.holds.insert(key, bucket);
    }
    for lease in wire.leases {
        let bidder = lease
            .bidder
            .as_slice()
            .try_into()
            .map_err(|_| damaged("lease", "bidder id is not 16 bytes"))?;
        let lease = Lease {
            amount: Micros(lease.amount_micros),
            expires_at: Timestamp(lease.expires_at_ms),
            hold_ms: lease.hold_ms,
            ratio: LeaseRatio {
                ppm: lease.ratio_ppm,
                until: Timestamp(lease.ratio_until_ms),
            },
        };
        account.leases.insert(bidder, lease);
    }
    Ok(account)
}

pub(crate) fn encode_account(account: &Account) -> Vec<u8> {
    let hold = |(key, bucket): (&HoldKey, &Bucket)| wire::HoldBucket {
        exchange: key.exchange.clone(),
        second: key.second,
        hold_ms: key.hold_ms,
        held_micros: bucket.held.0,
        won_micros: bucket.won.0,
        bid_micros: bucket.bid.0,
        cost_micros: bucket.cost.0,
        open_micros: bucket.open.0,
    };
    let lease = |(bidder, lease): (&[u8; 16], &Lease)| wire::Lease {
        bidder: bidder.to_vec(),
        amount_micros: lease.amount.0,
        expires_at_ms: lease.expires_at.0,
        hold_ms: lease.hold_ms,
        ratio_ppm: lease.ratio.ppm,
        ratio_until_ms: lease.ratio.until.0,
    };
    let wire = wire::Account {
        spent_micros: account.spent.0,
        late_micros: account.late.0,
        unbilled_micros: account.unbilled.0,
        media_micros: account.media.0,
        rows: i64::try_from(account.rows).unwrap_or(i64::MAX),
        day: account.day,
        day_spent_micros: account.day_spent.0,
        probed_micros: account.probed.0,
        resolved_bid_micros: account.resolved.bid.0,
        resolved_cost_micros: account.resolved.cost.0,
        holds: account.holds.iter().map(hold).collect(),
        leases: account.leases.iter().map(lease).collect(),
    };
    wire.encode_to_vec()
}

pub(crate) fn row(bytes: &[u8]) -> Result<LedgerRow, StoreError> {
    let wire: wire::LedgerRow = decode("ledger row", bytes)?;
    let currency =
        |text: &str| Currency::parse(text).ok_or_else(|| damaged("ledger row", "currency"));
    Ok(LedgerRow {
        event: EventId::from_slice(&wire.event).ok_or_else(|| damaged("ledger row", "event id"))?,
        entry: match wire.entry {
            0 => Entry::Book,
            1 => Entry::Adjust,
            2 => Entry::Reverse,
            other => return Err(damaged("ledger row", format!("entry kind {other}"))),
        },
        campaign: CampaignId(wire.campaign),
        line_item: LineItemId(wire.line_item),
        bid: BidId::from_slice(&wire.bid).ok_or_else(|| damaged("ledger row", "bid id"))?,
        at: Timestamp(wire.at_ms),
        exchange_amount: Micros(wire.exchange_micros),
        exchange_currency: currency(&wire.exchange_currency)?,
        media: Micros(wire.media_micros),
        fee: Micros(wire.fee_micros),
        billed: Micros(wire.billed_micros),
        currency: currency(&wire.currency)?,
        rate: wire.rate,
        rate_day: wire.rate_day,
        late: wire.late,
    })
}

pub(crate) fn encode_row(row: &LedgerRow) -> Vec<u8> {
    let wire = wire::LedgerRow {
        event: row.event.0.to_vec(),
        entry: match row.entry {
            Entry::Book => 0,
            Entry::Adjust => 1,
            Entry::Reverse => 2,
        },
        campaign: row.campaign.0,
        line_item: row.line_item.0,
        bid: row.bid.0.to_vec(),
        at_ms: row.at.0,
        exchange_micros: row.exchange_amount.0,
        exchange_currency: row.exchange_currency.to_string(),
        media_micros: row.media.0,
        fee_micros: row.fee.0,
        billed_micros: row.billed.0,
        currency: row.currency.to_string(),
        rate: row.rate,
        rate_day: row.rate_day,
        late: row.late,
    };
    wire.encode_to_vec()
}

pub(crate) fn watermarks(bytes: Option<&[u8]>, lateness_ms: i64) -> Result<Watermarks, StoreError> {
    let wire: wire::Watermarks = decode("watermarks", bytes.unwrap_or_default())?;
    let mut marks = Watermarks::new(lateness_ms);
    for mark in wire.marks {
        marks.observe(&mark.exchange, Timestamp(mark.newest_bid_ms));
    }
    Ok(marks)
}

pub(crate) fn encode_watermarks(marks: &Watermarks) -> Vec<u8> {
    let mark = |(exchange, newest): (&str, Timestamp)| wire::Watermark {
        exchange: exchange.to_owned(),
        newest_bid_ms: newest.0,
    };
    wire::Watermarks {
        marks: marks.iter().map(mark).collect(),
    }
    .encode_to_vec()
}

pub(crate) fn offsets(bytes: Option<&[u8]>) -> Result<Offsets, StoreError> {
    let wire: wire::Offsets = decode("offsets", bytes.unwrap_or_default())?;
    let mut offsets = Offsets::default();
    for entry in wire.entries {
        offsets.advance(&entry.topic, entry.partition, entry.next);
    }
    Ok(offsets)
}

pub(crate) fn encode_offsets(offsets: &Offsets) -> Vec<u8> {
    let entry = |((topic, partition), next): (&(String, u32), &u64)| wire::OffsetEntry {
        topic: topic.clone(),
        partition: *partition,
        next: *next,
    };
    wire::Offsets {
        entries: offsets.0.iter().map(entry).collect(),
    }
    .encode_to_vec()
}

pub(crate) fn profile(bytes: Option<&[u8]>) -> Result<Option<Profile>, StoreError> {
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    let wire: wire::Profile = decode("profile", bytes)?;
    let mut profile = Profile {
        segments: wire.segments.into_iter().map(own_segment).collect(),
        impressions: u64::try_from(wire.impressions).unwrap_or(0),
        clicks: u64::try_from(wire.clicks).unwrap_or(0),
        last_seen: Timestamp(wire.last_seen_ms),
        last_click: (wire.last_click_ms != 0).then_some(Timestamp(wire.last_click_ms)),
        ..Profile::default()
    };
    profile.recent = wire.recent;
    for frequency in wire.frequency {
        let object = capped(&frequency)?;
        let slots = if frequency.packed.is_empty() {
            let slots = frequency.slots.iter();
            slots.map(|slot| (slot.second, slot.count)).collect()
        } else {
            unpack(&frequency.packed)?
        };
        profile
            .frequency
            .insert(object, Frequency::from_slots(slots));
    }
    Ok(Some(profile))
}

pub(crate) fn encode_profile(profile: &Profile) -> Vec<u8> {
    let frequency = |(object, frequency): (&Capped, &Frequency)| {
        let (kind, object) = match *object {
            Capped::LineItem(id) => (0, id.0),
            Capped::Campaign(id) => (1, id.0),
            Capped::Creative(id) => (2, id.0),
        };
        wire::Frequency {
            object,
            kind,
            packed: pack(frequency.slots()),
            slots: Vec::new(),
        }
    };
    let wire = wire::Profile {
        frequency: profile.frequency.iter().map(frequency).collect(),
        segments: profile.segments.iter().map(own_wire).collect(),
        impressions: i64::try_from(profile.impressions).unwrap_or(i64::MAX),
        clicks: i64::try_from(profile.clicks).unwrap_or(i64::MAX),
        last_seen_ms: profile.last_seen.0,
        last_click_ms: profile.last_click.map_or(0, |at| at.0),
        recent: profile.recent.clone(),
    };
    wire.encode_to_vec()
}

fn own_segment(own: wire::OwnSegment) -> OwnSegment {
    OwnSegment {
        id: own.id,
        entered: Timestamp(own.entered_ms),
    }
}

fn own_wire(own: &OwnSegment) -> wire::OwnSegment {
    wire::OwnSegment {
        id: own.id.clone(),
        entered_ms: own.entered.0,
    }
}

fn capped(frequency: &wire::Frequency) -> Result<Capped, StoreError> {
    match frequency.kind {
        0 => Ok(Capped::LineItem(LineItemId(frequency.object))),
        1 => Ok(Capped::Campaign(CampaignId(frequency.object))),
        2 => Ok(Capped::Creative(CreativeId(frequency.object))),
        other => Err(damaged("profile", format!("kind of object {other}"))),
    }
}

/// Seconds as differences, so that most slots take three bytes.
fn pack(slots: &[(i64, u32)]) -> Vec<u64> {
    let mut last = 0;
    let pairs = slots.iter().flat_map(|(second, count)| {
        let step = second.saturating_sub(last).max(0).unsigned_abs();
        last = *second;
        [step, u64::from(*count)]
    });
    pairs.collect()
}

fn unpack(packed: &[u64]) -> Result<Vec<(i64, u32)>, StoreError> {
    let mut second = 0_i64;
    let slot = |pair: &[u64]| {
        let [step, count] = pair else {
            return Err(damaged("profile", "half a slot"));
        };
        let step = i64::try_from(*step).map_err(|error| damaged("profile", error))?;
        second = second.saturating_add(step);
        let count = u32::try_from(*count).map_err(|error| damaged("profile", error))?;
        Ok((second, count))
    };
    packed.chunks(2).map(slot).collect()
}
