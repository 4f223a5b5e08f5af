//! Whether a request is looked at: its time, its traffic, its sellers and its seats.

use domain::NoBid;
use proto::openrtb::BidRequest;

use crate::config::ExchangeConfig;
use crate::core::Call;
use crate::rules::allows_seat;
use crate::shared::Shared;
use crate::supply;

/// When the answer must be ready, on the steady clock.
pub(crate) fn deadline_us(
    shared: &Shared,
    (call, exchange): (&Call<'_>, &ExchangeConfig),
    request: &BidRequest<'_>,
) -> Result<u64, NoBid> {
    let config = &shared.config;
    let most_ms = exchange.deadline_ms.unwrap_or(config.deadline_ms);
    let margin_ms = exchange
        .network_margin_ms
        .unwrap_or(config.network_margin_ms);
    let tmax = request
        .tmax_ms
        .filter(|tmax| *tmax > 0)
        .map_or(most_ms, i64::from);
    let ours_ms = tmax.min(most_ms) - margin_ms;
    let ours_us = u64::try_from(ours_ms).unwrap_or(0) * 1000;
    let least_us = u64::try_from(config.decide_ms_min).unwrap_or(0) * 1000;
    let gone_us = shared.clock.monotonic_us().saturating_sub(call.arrived_us);
    if ours_us < gone_us.saturating_add(least_us) {
        return Err(NoBid::NoTime);
    }
    Ok(call.arrived_us + ours_us)
}

/// Whether everybody who sells may do so; nobody may where no table was loaded.
pub(crate) fn authorized(
    shared: &Shared,
    exchange: &ExchangeConfig,
    request: &BidRequest<'_>,
) -> Result<(), NoBid> {
    let sellers = &shared.config.sellers;
    sellers.check(&exchange.chain.domain, request)
}

/// Whether a request from people, sold by whom we buy from, may be bid for; returns the seat we bid as.
///
/// # Errors
/// The first reason against it.
pub(crate) fn check<'a>(
    shared: &'a Shared,
    exchange: &'a ExchangeConfig,
    request: &BidRequest<'_>,
) -> Result<&'a str, NoBid> {
    shared.traffic.check(request)?;
    if exchange.authorized_sellers {
        authorized(shared, exchange, request)?;
    }
    supply::check(&exchange.chain, &shared.config.blocked_sellers, request)?;
    let seat = exchange.seat.as_ref().unwrap_or(&shared.config.seat);
    if allows_seat(request.wseat, request.bseat, seat) {
        Ok(seat)
    } else {
        Err(NoBid::NotForUs)
    }
}
