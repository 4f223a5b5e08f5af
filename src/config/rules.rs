//! The rules of single values in the configuration file, by the key as it is written there.

use super::file::{File, Updater};
use super::{ConfigError, exchange, rule};

/// The first value that breaks its rule.
///
/// # Errors
/// Naming key, value and rule.
pub(super) fn check(file: &File) -> Result<(), ConfigError> {
    let percent = |value: f64| (0.0..=100.0).contains(&value);
    let rules: [(&str, String, bool, &str); 10] = [
        (
            "region",
            quoted(&file.region),
            (1..=64).contains(&file.region.len()),
            "must have 1 to 64 characters",
        ),
        (
            "bidder.fee_percent",
            file.bidder.fee_percent.to_string(),
            percent(file.bidder.fee_percent),
            "must lie in 0 to 100",
        ),
        (
            "bidder.lease_percent",
            file.bidder.lease_percent.to_string(),
            percent(file.bidder.lease_percent) && file.bidder.lease_percent >= 0.001,
            "must lie in 0.001 to 100",
        ),
        (
            "bidder.explain_requests",
            file.bidder.explain_requests.to_string(),
            file.bidder.explain_requests <= bidder::samples::SAMPLES_MAX,
            "must be at most 4096",
        ),
        (
            "bidder.explain_every",
            file.bidder.explain_every.to_string(),
            file.bidder.explain_every >= 1,
            "must be at least 1",
        ),
        (
            "pixel.cores",
            file.pixel.cores.to_string(),
            (1..=256).contains(&file.pixel.cores),
            "must lie in 1 to 256",
        ),
        (
            "log.partitions",
            file.log.partitions.to_string(),
            (1..=256).contains(&file.log.partitions),
            "must lie in 1 to 256",
        ),
        (
            "log.segment_mib",
            file.log.segment_mib.to_string(),
            (1..=4096).contains(&file.log.segment_mib),
            "must lie in 1 to 4096",
        ),
        (
            "updater.publish_every_ms",
            file.updater.publish_every_ms.to_string(),
            file.updater.publish_every_ms >= 100,
            "must be at least 100",
        ),
        (
            "updater.pending_max",
            file.updater.pending_max.to_string(),
            (1_000..=1_000_000).contains(&file.updater.pending_max),
            "must lie in 1000 to 1000000",
        ),
    ];
    if let Some((key, value, _, must)) = rules.iter().find(|(_, _, holds, _)| !holds) {
        return Err(rule(key, value, must));
    }
    check_gate(&file.updater)?;
    file.exchange
        .iter()
        .try_for_each(|(name, exchange)| exchange::check(name, exchange, &file.bidder))
}

fn check_gate(updater: &Updater) -> Result<(), ConfigError> {
    let all = [
        ("updater.gate_log_loss", updater.gate_log_loss),
        ("updater.gate_auc", updater.gate_auc),
        ("updater.gate_calibration", updater.gate_calibration),
    ];
    let off = all.iter().find(|(_, most)| !(0.0..=1.0).contains(most));
    off.map_or(Ok(()), |(key, most)| {
        Err(rule(key, &most.to_string(), "must lie in 0 to 1"))
    })
}

/// The key in the file of a bidder's knob.
pub(super) fn file_key(knob: &str) -> &str {
    match knob {
        "cores" => "bidder.cores",
        "deadline_ms" => "bidder.deadline_ms",
        "network_margin_ms" => "bidder.network_margin_ms",
        "in_flight_max" => "bidder.in_flight_max",
        "seat" => "bidder.seat",
        "dsa_payer" => "bidder.dsa_payer",
        "fee_ppm" => "bidder.fee_percent",
        "lease_share_ppm" => "bidder.lease_percent",
        "public_url" => "pixel.public_url",
        "exchanges" => "exchange",
        other => other,
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
