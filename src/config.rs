//! One TOML file and `PACELINE_…` overrides into one checked configuration; errors name key, value and rule.

mod exchange;
pub(crate) mod file;
mod lists;
mod rules;
mod skadnetwork;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bidder::invalid_traffic::TrafficLists;
use bidder::sellers::AuthorizedSellers;
use bidder::supply::BlockedSellers;
use ctr_model::gate::Tolerance;
use domain::{Clock, Currency, FxTable, Micros};
use event_log::embedded::EmbeddedConfig;

use file::File;

/// The prefix of overriding environment variables: `PACELINE_BIDDER_SEAT` is `bidder.seat`.
const ENVIRONMENT_PREFIX: &str = "PACELINE_";

/// What the parts are built from. After startup no configuration is read.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where each part listens.
    pub listen: Listen,
    /// The bidder's knobs.
    pub bidder: bidder::Config,
    /// The pixel's knobs.
    pub pixel: pixel::PixelConfig,
    /// The updater's knobs.
    pub updater: updater::Config,
    /// The console's knobs.
    pub console: console::Config,
    /// How long it still takes connections when it is told to end.
    pub leave: Duration,
    /// The embedded event log's knobs.
    pub log: EmbeddedConfig,
}

/// Addresses to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    /// Web pages and REST API.
    pub console: String,
    /// Bid requests.
    pub bidder: String,
    /// Notices and events.
    pub pixel: String,
    /// Metrics and health.
    pub admin: String,
}

/// A configuration that cannot work: who starts the program must change it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or has an unknown key or a value of another type.
    #[error("{path}: {message}")]
    Syntax {
        /// The file.
        path: String,
        /// Line, key and what was expected.
        message: String,
    },
    /// A value breaks a rule.
    #[error("{key} = {value}: {rule}")]
    Rule {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What it must be.
        rule: String,
    },
}

impl Config {
    /// Reads a file, or takes the defaults, and lays the environment's overrides over it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let name = path.map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
        let syntax = |message: String| ConfigError::Syntax {
            path: name.clone(),
            message,
        };
        let text = match path {
            Some(path) => std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.to_owned(),
                source,
            })?,
            None => String::new(),
        };
        let mut table: toml::Table =
            toml::from_str(&text).map_err(|error| syntax(error.to_string()))?;
        let mut overridden = false;
        for (variable, value) in environment {
            if let Some(key) = variable.strip_prefix(ENVIRONMENT_PREFIX) {
                set(&mut table, key, &value)
                    .ok_or_else(|| rule(&variable, &value, "names no section and key"))?;
                overridden = true;
            }
        }
        // The text itself is parsed where nothing overrides it: its errors show line and column.
        let file: File = if overridden {
            table
                .try_into()
                .map_err(|error: toml::de::Error| syntax(error.to_string()))?
        } else {
            toml::from_str(&text).map_err(|error| syntax(error.to_string()))?
        };
        Self::check(file)
    }

    /// The defaults.
    ///
    /// # Errors
    /// None, as a test shows; the type is that of `load`.
    pub(crate) fn defaults() -> Result<Self, ConfigError> {
        Self::check(File::default())
    }

    /// Turns the file's values into the parts' own, checking each rule.
    ///
    /// # Errors
    /// The first value that breaks its rule.
    pub(crate) fn check(file: File) -> Result<Self, ConfigError> {
        let fx = rates(&file.rates)?;
        let fee_ppm = (file.bidder.fee_percent * 1e4).round();
        rules::check(&file)?;
        let bidder = bidder::Config {
            traffic: lists::read(&file.ivt)?,
            sellers: lists::sellers(&file.bidder.sellers_file)?,
            skadnetwork: skadnetwork::read(&file.skadnetwork)?,
            ..bidder_config(&file, fx, fee_ppm as i64)
        };
        bidder
            .check()
            .map_err(|error| rule(rules::file_key(error.key), &error.value, error.rule))?;
        let pixel = pixel_config(&file);
        Ok(Self {
            listen: Listen {
                console: file.console.listen,
                bidder: file.bidder.listen,
                pixel: file.pixel.listen,
                admin: file.admin.listen,
            },
            pixel,
            updater: updater_config(&file.updater, &file.model),
            console: console::Config {
                secure_cookies: file.console.secure_cookies,
                session_hours: file.console.session_hours,
                ..console::Config::default()
            },
            leave: Duration::from_millis(file.admin.leave_ms.into()),
            log: log_config(&file.log),
            data: file.data,
            bidder,
        })
    }
}

fn rule(key: &str, value: &str, rule: &str) -> ConfigError {
    ConfigError::Rule {
        key: key.to_owned(),
        value: value.to_owned(),
        rule: rule.to_owned(),
    }
}

/// Sets `SECTION_KEY`, `EXCHANGE_NAME_KEY` or `KEY`; `None` when no such key can exist.
fn set(table: &mut toml::Table, key: &str, value: &str) -> Option<()> {
    const SECTIONS: &[&str] = &[
        "console", "bidder", "privacy", "ivt", "pixel", "admin", "log", "updater",
    ];
    let key = key.to_ascii_lowercase();
    // Numbers, booleans and lists as TOML writes them; anything else is text.
    let parsed: Option<toml::Table> = toml::from_str(&format!("value = {value}")).ok();
    let value = parsed
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let section = SECTIONS
        .iter()
        .find_map(|section| Some((*section, key.strip_prefix(section)?.strip_prefix('_')?)));
    match section {
        Some((section, key)) => {
            let inner = table
                .entry(section)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            inner.as_table_mut()?.insert(key.to_owned(), value);
        }
        None if key.starts_with("exchange_") => exchange::set(table, &key, value)?,
        None if key == "data" || key == "region" => {
            table.insert(key, value);
        }
        None => return None,
    }
    Some(())
}

fn rates(rates: &file::Rates) -> Result<FxTable, ConfigError> {
    if !rates.file.as_os_str().is_empty() {
        let now = domain::time::SystemClock::new().now();
        return bidder::rates::read(&rates.file, now).map_err(|error| {
            let file = rates.file.display().to_string();
            rule("rates.file", &file, &error.to_string())
        });
    }
    let date = rates.day.date.ok_or_else(|| {
        rule(
            "rates.day",
            &rates.day.to_string(),
            "must be a date such as 2026-11-01",
        )
    })?;
    let mut table = Vec::new();
    for (code, usd) in &rates.usd {
        let key = format!("rates.usd.{code}");
        let currency = Currency::parse(code)
            .ok_or_else(|| rule(&key, code, "must be a three-letter currency code"))?;
        let rate = Micros::from_decimal(*usd).filter(|rate| rate.0 > 0);
        let rate = rate.ok_or_else(|| {
            rule(
                &key,
                &usd.to_string(),
                "must be USD for one unit, at least 0.000001",
            )
        })?;
        table.push((currency, rate.0));
    }
    let day = bidder::rates::days_from_civil(date.year.into(), date.month.into(), date.day.into());
    Ok(FxTable::new(day, table))
}

fn bidder_config(file: &File, fx: FxTable, fee_ppm: i64) -> bidder::Config {
    let cores = match file.bidder.cores {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        cores => cores,
    };
    bidder::Config {
        cores,
        deadline_ms: file.bidder.deadline_ms,
        network_margin_ms: file.bidder.network_margin_ms,
        decide_ms_min: file.bidder.decide_ms_min,
        in_flight_max: file.bidder.in_flight_max,
        public_url: file.pixel.public_url.clone(),
        seat: file.bidder.seat.clone(),
        dsa_payer: file.bidder.dsa_payer.clone(),
        region: file.region.clone(),
        fx,
        rates_file: Some(file.rates.file.clone()).filter(|path| !path.as_os_str().is_empty()),
        fee_ppm,
        lease_share_ppm: (file.bidder.lease_percent * 1e4).round() as i64,
        provisional_mib: file.bidder.provisional_mib,
        profile_cache_mib: file.bidder.profile_cache_mib,
        profile_ttl_ms: file.bidder.profile_ttl_ms,
        profile_read_ms: file.bidder.profile_read_ms,
        refresh_ms: file.bidder.refresh_ms,
        explain_requests: file.bidder.explain_requests,
        explain_every: file.bidder.explain_every,
        eid_sources: file.bidder.eid_sources.clone(),
        geo_database: Some(file.bidder.geo_database.clone())
            .filter(|path| !path.as_os_str().is_empty()),
        tcf_vendor_id: Some(file.privacy.tcf_vendor_id).filter(|id| *id > 0),
        traffic: TrafficLists::default(),
        sellers: AuthorizedSellers::default(),
        missing_agent: lists::missing_agent(&file.ivt),
        blocked_sellers: BlockedSellers::new(
            file.bidder.blocked_sellers.iter().map(String::as_str),
        ),
        household_sources: file.bidder.household_sources.clone(),
        skadnetwork: None,
        exchanges: exchange::all(&file.exchange),
    }
}

fn pixel_config(file: &File) -> pixel::PixelConfig {
    pixel::PixelConfig {
        cores: file.pixel.cores.max(1),
        region: file.region.clone(),
        price_keys: exchange::price_keys(&file.exchange),
        ..pixel::PixelConfig::default()
    }
}

fn updater_config(file: &file::Updater, model: &file::Model) -> updater::Config {
    let ms = |seconds: u32| i64::from(seconds) * 1_000;
    updater::Config {
        lateness_ms: ms(file.lateness_s),
        click_window_ms: ms(file.click_window_s),
        conversion_window_ms: ms(file.conversion_window_s),
        model: match model.kind {
            file::ModelKind::Lr => ctr_model::ModelKind::Lr,
            file::ModelKind::Ffm => ctr_model::ModelKind::Ffm,
        },
        publish_every_ms: i64::from(file.publish_every_ms),
        checkpoint_every_ms: ms(file.checkpoint_every_s),
        pending_max: file.pending_max,
        gate: Tolerance {
            log_loss: file.gate_log_loss,
            auc: file.gate_auc,
            calibration: file.gate_calibration,
            clicks: file.gate_clicks_min,
        },
    }
}

fn log_config(file: &file::Log) -> EmbeddedConfig {
    let defaults = EmbeddedConfig::default();
    let mut retention = defaults.retention;
    retention.bids.bytes_max = (file.bids_mib_max > 0).then_some(file.bids_mib_max << 20);
    EmbeddedConfig {
        partitions: file.partitions,
        segment_bytes: file.segment_mib << 20,
        retention,
        ..defaults
    }
}

#[cfg(test)]
mod tests;
