//! `paceline loadtest`: the exchange simulator against any bidder and pixel.

use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use loadtest::{Plan, Report, SimulatedExchange};

use crate::cli::LoadtestArgs;

/// Plays the exchange and judges the answers. Fails when a bid broke a rule or a request failed.
///
/// # Errors
/// When an address is none or the plan cannot be run.
pub(crate) fn run(args: &LoadtestArgs) -> anyhow::Result<ExitCode> {
    let pixel = args
        .pixel
        .to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next());
    let plan = Plan {
        bidder: args.bidder.clone(),
        pixel: pixel.with_context(|| format!("--pixel {} is no address", args.pixel))?,
        public_url: args.public_url.clone(),
        exchanges: vec![
            SimulatedExchange::new(&args.exchange, true),
            SimulatedExchange::new(&args.exchange, false),
        ],
        rate_per_s: args.rate as f64,
        duration: Duration::from_secs(args.seconds),
        seed: args.seed,
        acks: args.acks.clone(),
        tolerate_errors: args.tolerate_errors,
        ..Plan::default()
    };
    let display = super::demo::Display::new(args.seconds);
    let report = loadtest::run(
        plan,
        |progress| display.show(progress),
        Arc::new(AtomicBool::new(false)),
    )?;
    display.finish();
    if args.json {
        super::print_line(&serde_json::to_string(&report)?)?;
    } else {
        super::print_line(&text(&report))?;
    }
    Ok(if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn text(report: &Report) -> String {
    let mut text = format!(
        "requests   {} sent, {} answered, {} failed\n\
         bids       {}, {} invalid; {} wins\n\
         events     {} impressions, {} clicks, {} conversions; {} events and {} notices acknowledged, {} not\n\
         latency    p50 {} us, p99 {} us, p99.9 {} us; {:.2} % after tmax",
        report.requests,
        report.answered,
        report.errors,
        report.bids,
        report.invalid_bids,
        report.wins,
        report.impressions,
        report.clicks,
        report.conversions,
        report.events_acked,
        report.notices.acked,
        report.events_unacked + report.event_errors,
        report.latency_us.p50,
        report.latency_us.p99,
        report.latency_us.p999,
        report.late_answers_share * 100.0
    );
    for sample in &report.samples {
        text.push_str(&format!("\ninvalid    {sample:?}"));
    }
    for sample in &report.error_samples {
        text.push_str(&format!("\nfailed     {sample}"));
    }
    text
}
