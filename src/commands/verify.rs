//! `paceline verify`: recounts the event log and compares it with ledger and reports.
//!
//! With nobody holding the data folder it first applies what the log still holds for the sinks, as the next start
//! would. With a server running it asks that server for its totals, once they include all that the log held when
//! the command began.

mod live;
mod recount;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use domain::EventId;
use event_log::LogError;
use event_log::embedded::open_read_only;
use serde::Serialize;

use crate::cli::VerifyArgs;
use crate::node::{log_folder, server_of};
pub(crate) use recount::Totals;

/// The result, as printed with `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    /// Whether everything agrees.
    pub equal: bool,
    /// Acknowledged event ids that are not in the log.
    pub missing_acks: u64,
    /// Acknowledged event ids that were given.
    pub acks: u64,
    /// Events that a sink counted more often than the log has them.
    pub double_counted: u64,
    /// Events that the log has and a sink has not.
    pub uncounted: u64,
    /// Events in the log, each once.
    pub log_events: u64,
    /// Records that repeat an earlier event.
    pub log_repeats: u64,
    /// Records that could not be read.
    pub log_damaged: u64,
    /// By campaign id.
    pub campaigns: BTreeMap<u64, CampaignVerdict>,
}

/// One campaign's three sums.
#[derive(Debug, Default, Serialize)]
pub(crate) struct CampaignVerdict {
    /// From the log.
    pub log_micros: i64,
    /// From the ledger's rows.
    pub ledger_micros: i64,
    /// From the account that budgets are kept by.
    pub account_micros: i64,
    /// From the reports.
    pub report_micros: i64,
}

/// Verifies a data folder.
///
/// # Errors
/// When the folder cannot be read, or the running server cannot be asked.
pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        args.data.is_dir(),
        "there is no data folder {}: name it with --data DIR",
        args.data.display()
    );
    let acks = args
        .acks
        .as_deref()
        .map(read_acks)
        .transpose()?
        .unwrap_or_default();
    let verdict = verify(&args.data, &acks)?;
    if args.json {
        super::print_line(&serde_json::to_string(&verdict)?)?;
    } else {
        print(&verdict)?;
    }
    Ok(if verdict.equal {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Compares log, ledger and reports of a data folder.
///
/// # Errors
/// As `run`.
pub(crate) fn verify(data: &Path, acks: &BTreeSet<EventId>) -> anyhow::Result<Verdict> {
    let totals = loop {
        if let Some(holder) = server_of(data) {
            break live::totals(data, &holder)?;
        }
        match recount::catch_up(data) {
            // A server started between the two looks.
            Err(error) if error.is::<LogError>() && server_of(data).is_some() => {}
            totals => break totals?,
        }
    };
    judge(data, &totals, acks)
}

/// Compares the log up to where the totals reach with the totals.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn judge(
    data: &Path,
    totals: &Totals,
    acks: &BTreeSet<EventId>,
) -> anyhow::Result<Verdict> {
    let reader = open_read_only(&log_folder(data))?;
    let counted = recount::count(&reader, totals, acks)?;
    let mut campaigns: BTreeMap<u64, CampaignVerdict> = BTreeMap::new();
    for (campaign, sums) in &counted.campaigns {
        campaigns.entry(*campaign).or_default().log_micros = sums.spend_micros;
    }
    for (campaign, micros) in &totals.ledger {
        campaigns.entry(*campaign).or_default().ledger_micros = *micros;
    }
    for (campaign, micros) in &totals.accounts {
        campaigns.entry(*campaign).or_default().account_micros = *micros;
    }
    for (campaign, sums) in &totals.reports {
        campaigns.entry(*campaign).or_default().report_micros = sums.spend_micros;
    }
    let (mut double_counted, mut uncounted) = (totals.repeated_rows, 0);
    for id in campaigns.keys() {
        let log = counted.campaigns.get(id).copied().unwrap_or_default();
        let report = totals.reports.get(id).copied().unwrap_or_default();
        double_counted += report.kinds.over(&log.kinds);
        uncounted += log.kinds.over(&report.kinds);
    }
    let agree = |c: &CampaignVerdict| {
        c.log_micros == c.ledger_micros
            && c.log_micros == c.report_micros
            && c.log_micros == c.account_micros
    };
    Ok(Verdict {
        equal: counted.missing_acks == 0
            && double_counted == 0
            && uncounted == 0
            && campaigns.values().all(agree),
        missing_acks: counted.missing_acks,
        acks: acks.len() as u64,
        double_counted,
        uncounted,
        log_events: counted.events,
        log_repeats: counted.repeats,
        log_damaged: counted.damaged,
        campaigns,
    })
}

/// Reads event ids, the first word of each line; a torn last line is not an acknowledged event.
///
/// # Errors
/// When the file cannot be read, or a line that is not the last begins with no event id.
pub(crate) fn read_acks(path: &Path) -> anyhow::Result<BTreeSet<EventId>> {
    let file = std::fs::File::open(path)
        .with_context(|| format!("acknowledged ids {}", path.display()))?;
    let mut ids = BTreeSet::new();
    let mut torn = None;
    for (number, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line?;
        if let Some(number) = torn {
            anyhow::bail!(
                "{}: line {number} begins with no event id of 32 hexadecimal digits",
                path.display()
            );
        }
        match line.split_whitespace().next().map(EventId::from_hex) {
            Some(Some(id)) => {
                ids.insert(id);
            }
            Some(None) => torn = Some(number + 1),
            None => {}
        }
    }
    Ok(ids)
}

fn print(verdict: &Verdict) -> anyhow::Result<()> {
    let line = super::print_line;
    line(&format!(
        "{:>10} {:>16} {:>16} {:>16} {:>16}",
        "campaign", "log", "ledger", "account", "reports"
    ))?;
    for (id, c) in &verdict.campaigns {
        let sums = [
            c.log_micros,
            c.ledger_micros,
            c.account_micros,
            c.report_micros,
        ];
        let [log, ledger, account, report] = sums.map(|micros| domain::Micros(micros).to_string());
        line(&format!(
            "{id:>10} {log:>16} {ledger:>16} {account:>16} {report:>16}"
        ))?;
    }
    line(&format!(
        "{} events in the log, {} repeats, {} damaged; {} of {} acknowledged ids missing; {} counted twice, {} not counted",
        verdict.log_events,
        verdict.log_repeats,
        verdict.log_damaged,
        verdict.missing_acks,
        verdict.acks,
        verdict.double_counted,
        verdict.uncounted
    ))?;
    line(if verdict.equal {
        "log, ledger and reports agree"
    } else {
        "log, ledger and reports DIFFER"
    })
}
