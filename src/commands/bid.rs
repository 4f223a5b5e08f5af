//! `paceline bid`: request files through the same decision code as a server, without one.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use bidder::{Bidder, BidderCore, Call, Explanation, Reply, Verdict};
use domain::Clock;
use domain::limits::REQUEST_BODY_BYTES_MAX;
use domain::time::SystemClock;
use event_log::memory::MemoryLog;
use store::budget::Budgets;
use store::keyed::{Batch, KeyedStore, Table};
use store::memory::{MemoryCampaigns, MemoryKeyed, MemorySnapshots};

use crate::cli::BidArgs;
use crate::config::Config;
use crate::example;
use crate::explanation::outcome;
use crate::node::{Node, Secrets, random_u64};

/// Decides each file and prints the response, with the explanation where asked.
///
/// # Errors
/// When a file cannot be read, or the data folder is in use.
pub(crate) fn run(args: &BidArgs) -> anyhow::Result<ExitCode> {
    let mut config = Config::load(args.config.as_deref(), std::env::vars())?;
    config.data.clone_from(&args.data);
    anyhow::ensure!(
        config.bidder.exchanges.contains_key(&args.exchange),
        "no exchange is called {}; configured: {}",
        args.exchange,
        config
            .bidder
            .exchanges
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    );
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut core = core(&config, &clock)?;
    for file in &args.files {
        let mut body = read(file)?;
        if args.files.len() > 1 {
            super::print_line(&format!("{}:", file.display()))?;
        }
        let call = Call {
            exchange: &args.exchange,
            arrived_us: clock.monotonic_us(),
            format: proto::openrtb::Format::Json,
        };
        let (answer, explanation) = core.explain(&call, &mut body);
        let text = match answer.reply {
            Reply::Content => String::from_utf8_lossy(answer.body).into_owned(),
            Reply::NoContent => format!("204 no bid: {}", outcome(answer.outcome)),
            Reply::BadRequest => format!("400 {}", outcome(answer.outcome)),
            Reply::TooLarge => "413 too large".to_owned(),
            Reply::NotFound => "404 no such exchange".to_owned(),
        };
        super::print_line(&text)?;
        if args.explain {
            explain(&explanation)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A core over the folder's campaigns and model, and over a copy of its accounts: nothing here spends or leases.
/// Without a folder it bids with the example campaigns.
fn core(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<BidderCore> {
    let keyed: Arc<dyn KeyedStore> = Arc::new(MemoryKeyed::new());
    let seams = if config.data.exists() {
        let node = Node::open(config, &format!("pid {}, bid", std::process::id()))?;
        copy_accounts(&node.keyed, &keyed)?;
        bidder::Seams {
            log: Arc::new(MemoryLog::new(1)),
            budgets: budgets(config, &keyed),
            ..crate::runtime::seams(config, &node, clock)?
        }
    } else {
        let campaigns = MemoryCampaigns::new();
        example::all_formats(&campaigns, &config.bidder.public_url, clock.now())?;
        let secrets = Secrets::draw()?;
        bidder::Seams {
            clock: Arc::clone(clock),
            log: Arc::new(MemoryLog::new(1)),
            campaigns: Arc::new(campaigns),
            snapshots: Arc::new(MemorySnapshots::new()),
            budgets: budgets(config, &keyed),
            profiles: Arc::new(store::profile::Profiles::new(keyed)),
            keys: secrets.tokens,
            user_secret: secrets.users,
            bidder: [1; 16],
            seed: random_u64()?,
        }
    };
    let (bidder, mut background) = Bidder::new(config.bidder.clone(), seams)?;
    background.refresh(clock.now())?;
    background.tick(clock.now())?;
    Ok(bidder.core(0))
}

fn budgets(config: &Config, keyed: &Arc<dyn KeyedStore>) -> Budgets {
    Budgets::new(Arc::clone(keyed), config.updater.lateness_ms)
}

fn copy_accounts(from: &Arc<dyn KeyedStore>, to: &Arc<dyn KeyedStore>) -> anyhow::Result<()> {
    let mut batch = Batch::default();
    for table in [Table::Accounts, Table::Meta] {
        for (key, value) in from.scan(table, &[], &[], usize::MAX)? {
            batch.put(table, key, value);
        }
    }
    Ok(to.commit(batch)?)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    // One byte more than is allowed, so that the parser itself refuses what is too large.
    let limit = REQUEST_BODY_BYTES_MAX as u64 + 1;
    let mut body = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut body)
            .context("standard input")?;
    } else {
        let open =
            std::fs::File::open(file).with_context(|| format!("bid request {}", file.display()))?;
        open.take(limit)
            .read_to_end(&mut body)
            .with_context(|| format!("bid request {}", file.display()))?;
    }
    Ok(body)
}

fn explain(explanation: &Explanation) -> anyhow::Result<()> {
    let line = super::print_line;
    if let Some(privacy) = &explanation.privacy {
        line(&format!("privacy   {privacy:?}"))?;
    }
    if let Some(versions) = &explanation.versions {
        line(&format!(
            "snapshot  revision {}, model version {}",
            versions.revision, versions.model
        ))?;
    }
    let currency = explanation
        .currency
        .map_or_else(String::new, |currency| currency.to_string());
    for verdict in &explanation.verdicts {
        line(&explain_line(verdict, &currency))?;
    }
    Ok(())
}

fn explain_line(verdict: &Verdict, currency: &str) -> String {
    let name = format!("line item {} ({})", verdict.line_item, verdict.name);
    let imp = if verdict.imp.is_empty() {
        String::new()
    } else {
        format!("imp {}  ", verdict.imp)
    };
    let n = &verdict.numbers;
    let numbers = match n.creative {
        Some(creative) if n.value == domain::Cpm::ZERO => format!("  creative {creative}"),
        Some(creative) => format!(
            "  creative {creative}, pCTR {:.5}, pCVR {:.5}, value {} CPM x modifiers {:.4} x multiplier {:.4} -> {} {currency}, \
             shade {:.3}, floor {}, price {}, hold {} micros{}",
            n.click,
            n.conversion,
            n.value,
            n.factor_ppm as f64 / 1e6,
            n.multiplier,
            n.worth,
            n.shade,
            n.floor,
            n.price,
            n.hold.0,
            if n.on_deal { ", on a deal" } else { "" }
        ),
        None => String::new(),
    };
    match verdict.refused {
        None => format!("{imp}{name}: BID{numbers}"),
        Some(reject) => {
            let detail = if verdict.detail.is_empty() {
                String::new()
            } else {
                format!(" ({})", verdict.detail)
            };
            format!("{imp}{name}: {}{detail}{numbers}", reject.label())
        }
    }
}
