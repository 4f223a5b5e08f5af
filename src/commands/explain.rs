//! `paceline explain`: the numbers of a logged bid, from the server that holds the folder or from the folder.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bidder::served::{self, Search};
use ctr_model::Model;
use domain::BidId;
use serde_json::Value;

use crate::admin_client;
use crate::cli::ExplainArgs;
use crate::config::Config;
use crate::explanation::ServedJson;
use crate::node::{Node, server_of};
use crate::runtime::explaining::not_found;

/// How long the server may take: it reads at most a few hundred MiB.
const PATIENCE: Duration = Duration::from_secs(60);
/// The width of the names before the values.
const NAME_CHARS: usize = 18;

/// Prints the bid.
///
/// # Errors
/// When the id is none, the folder cannot be read, or the log has no such bid.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let id = BidId::from_hex(&args.bid).context("a bid id has 32 hexadecimal digits")?;
    ensure!(
        args.data.is_dir(),
        "there is no data folder {}: name it with --data DIR",
        args.data.display()
    );
    let json = match server_of(&args.data) {
        Some(holder) => ask(&holder, id)?,
        None => look(&args.data, id)?,
    };
    if args.json {
        super::print_line(&json)?;
    } else {
        let fields: Value = serde_json::from_str(&json)?;
        for (name, value) in fields.as_object().into_iter().flatten() {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            super::print_line(&format!("{name:NAME_CHARS$} {value}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(holder: &str, id: BidId) -> anyhow::Result<String> {
    let address = admin_client::address(holder)
        .with_context(|| format!("the server ({holder}) says no admin address"))?;
    let path = format!("/explain/bid/{id}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, admin_client::get(address, &path)).await
    });
    let (status, body) = answer.with_context(|| {
        format!(
            "the server ({holder}) did not answer within {} s",
            PATIENCE.as_secs()
        )
    })??;
    let body = String::from_utf8_lossy(&body).trim().to_owned();
    ensure!(status.is_success(), "{body}");
    Ok(body)
}

fn look(data: &Path, id: BidId) -> anyhow::Result<String> {
    let mut config = Config::defaults()?;
    config.data = data.to_owned();
    config.log.partitions = crate::node::partitions(data)?;
    let node = Node::open(&config, &format!("pid {}, explain", std::process::id()))?;
    let model = match node.snapshots.load(bidder::background::MODEL)? {
        Some((_, bytes)) => Model::parse(&bytes)?,
        None => Model::untrained(),
    };
    let found = match served::find(node.log.as_ref(), id)? {
        Search::Found(found) => found,
        missing => bail!("{}", not_found(&missing).trim()),
    };
    Ok(serde_json::to_string(&ServedJson::new(*found, &model))?)
}
