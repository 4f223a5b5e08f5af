//! `paceline model list`, `release`, `trial`, and `promote` and `rollback` with `--data`: the models of a service.
//!
//! Where a server holds the data folder it carries the order out; else this command does, on the folder itself.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use domain::Clock;
use domain::time::SystemClock;
use serde_json::Value;
use updater::Service;
use updater::service::OrderError;

use crate::admin_client;
use crate::cli::model::{ServiceArgs, TrialArgs};
use crate::commands::print_line;
use crate::config::Config;
use crate::models::{Done, Order, StatusJson, absolute, order_key};
use crate::node::{Node, Secrets, partitions, server_of};

/// How long the server may take: it reads a model of some hundred MiB between two batches.
const PATIENCE: Duration = Duration::from_secs(60);
/// The width of the names before the values.
const NAME_CHARS: usize = 12;

/// Has an order carried out; 1 when it is refused.
///
/// # Errors
/// When the folder or its server cannot be used.
pub(super) fn order(args: &ServiceArgs, order: &Order) -> anyhow::Result<ExitCode> {
    let done = match holder(&args.data)? {
        Some(holder) => send(&args.data, &holder, order)?,
        None => with_service(&args.data, |service, node, now| {
            match order.carry_out((service, node.snapshots.as_ref()), now) {
                Err(OrderError::Refused(why)) => Ok(Err(why)),
                done => Ok(Ok(done?)),
            }
        })?,
    };
    let (done, code) = match done {
        Ok(done) => (done, ExitCode::SUCCESS),
        Err(message) => (
            Done {
                version: 0,
                message,
            },
            ExitCode::FAILURE,
        ),
    };
    match args.json {
        true => super::print_json(&done)?,
        false => print_line(&done.message)?,
    }
    Ok(code)
}

/// Begins or ends a trial.
///
/// # Errors
/// Those of [`order`].
pub(super) fn trial(args: &TrialArgs) -> anyhow::Result<ExitCode> {
    let wanted = match args.end {
        true => Order::EndTrial,
        false => Order::BeginTrial {
            version: args.version,
            file: args.model.as_deref().map(absolute).transpose()?,
            share_ppm: (args.share * 1e6).round() as u32,
        },
    };
    order(&args.service, &wanted)
}

/// Prints what serves, what is kept and what is under way.
///
/// # Errors
/// When the folder or its server cannot be used.
pub(super) fn list(args: &ServiceArgs) -> anyhow::Result<ExitCode> {
    let status = match holder(&args.data)? {
        Some(holder) => {
            let (status, body) = ask(
                async |address: &str| admin_client::get(address, "/models").await,
                &holder,
            )?;
            ensure!(status, "{body}");
            serde_json::from_str(&body)?
        }
        None => with_service(&args.data, |service, _, _| {
            Ok(serde_json::to_value(StatusJson::new(
                service.status(),
                Vec::new(),
            ))?)
        })?,
    };
    match args.json {
        true => super::print_json(&status)?,
        false => print(&status)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(status: &Value) -> anyhow::Result<()> {
    let fields = status.as_object().into_iter().flatten();
    for (name, value) in fields {
        let one = std::slice::from_ref(value);
        for value in value.as_array().map_or(one, Vec::as_slice) {
            print_line(&format!("{name:NAME_CHARS$} {value}"))?;
        }
    }
    Ok(())
}

/// The server that holds the folder, if one does.
fn holder(data: &Path) -> anyhow::Result<Option<String>> {
    ensure!(
        data.is_dir(),
        "there is no data folder {}: name it with --data DIR",
        data.display()
    );
    Ok(server_of(data))
}

/// Opens the folder that no server holds.
fn with_service<T>(
    data: &Path,
    work: impl FnOnce(&mut Service, &Node, domain::Timestamp) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut config = Config::defaults()?;
    config.data = data.to_owned();
    config.log.partitions = partitions(data)?;
    let node = Node::open(&config, &format!("pid {}, model", std::process::id()))?;
    let mut service = Service::open(node.snapshots.as_ref(), config.updater.gate)?;
    work(&mut service, &node, SystemClock::new().now())
}

/// The server's answer; the reason where it refuses.
fn send(data: &Path, holder: &str, order: &Order) -> anyhow::Result<Result<Done, String>> {
    let secrets = Secrets::load(&data.join("secret.key"))?;
    let (key, json) = (order_key(&secrets.users), serde_json::to_string(order)?);
    let (done, body) = ask(
        async |address: &str| admin_client::post(address, ("/models/orders", &key), json).await,
        holder,
    )?;
    Ok(match done {
        true => Ok(serde_json::from_str(&body)?),
        false => Err(body),
    })
}

/// Whether the server did as it was asked, and what it said.
fn ask(
    question: impl AsyncFnOnce(&str) -> anyhow::Result<(hyper::StatusCode, hyper::body::Bytes)>,
    holder: &str,
) -> anyhow::Result<(bool, String)> {
    let Some(address) = admin_client::address(holder) else {
        bail!("the server ({holder}) says no admin address");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime
        .block_on(async { tokio::time::timeout(PATIENCE, question(address)).await })
        .with_context(|| {
            let seconds = PATIENCE.as_secs();
            format!("the server ({holder}) did not answer within {seconds} s")
        })??;
    let (status, body) = answer;
    let body = String::from_utf8_lossy(&body).trim().to_owned();
    let refused = status == hyper::StatusCode::CONFLICT;
    ensure!(status.is_success() || refused, "{status}: {body}");
    Ok((status.is_success(), body))
}
