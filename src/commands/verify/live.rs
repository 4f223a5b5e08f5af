//! Asks a running server for its totals.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use event_log::embedded::open_read_only;

use super::recount::{self, Totals};
use crate::admin_client;
use crate::node::log_folder;

/// How long the server may take to apply what the log holds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);

/// The totals of the server that holds the folder, once they include all that the log holds now.
///
/// # Errors
/// When the holder is no server, or it does not catch up in time.
pub(crate) fn totals(data: &Path, holder: &str) -> anyhow::Result<Totals> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let asked = tokio::time::timeout(PATIENCE, wait_for_totals(data, holder)).await;
        asked.with_context(|| {
            format!(
                "the server ({holder}) did not apply its log within {} s",
                PATIENCE.as_secs()
            )
        })?
    })
}

async fn wait_for_totals(data: &Path, holder: &str) -> anyhow::Result<Totals> {
    let mut holder = holder.to_owned();
    let mut refused = 0;
    let ends = recount::ends(&open_read_only(&log_folder(data))?)?;
    loop {
        let Some(address) = admin_client::address(&holder) else {
            bail!(
                "{} is held by a process that cannot be asked ({holder}): stop it first",
                data.display()
            );
        };
        match ask(address).await {
            Ok(totals) if totals.includes(&ends) => return Ok(totals),
            Ok(_) => {}
            // A server that is just starting holds the folder before it answers.
            Err(error) if refused > 100 => return Err(error),
            Err(_) => refused += 1,
        }
        tokio::time::sleep(PAUSE).await;
        if let Some(now) = crate::node::server_of(data) {
            holder = now;
        }
    }
}

async fn ask(address: &str) -> anyhow::Result<Totals> {
    let (status, body) = admin_client::get(address, "/totals").await?;
    if !status.is_success() {
        bail!(
            "{address}/totals answers {status}: {}",
            String::from_utf8_lossy(&body)
        );
    }
    serde_json::from_slice(&body).with_context(|| format!("answer of {address}/totals"))
}
