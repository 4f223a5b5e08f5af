//! Log output for operators, and a limiter for warnings that would repeat.

use std::io;

use parking_lot::Mutex;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not in the form `info,bidder=debug`.
    #[error("log filter \"{filter}\" is not understood: {source}")]
    Filter {
        /// As configured.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else writes the logs of this process.
    #[error("logging cannot be installed: {0}")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// Writes log lines to standard error, chosen by `filter` (for example `info,bidder=debug`).
///
/// # Errors
/// When the filter is malformed or logging was set up before.
pub fn init(filter: &str, colour: bool) -> Result<(), TelemetryError> {
    let parsed = EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter {
        filter: filter.to_owned(),
        source,
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .compact()
        .finish()
        .try_init()?;
    Ok(())
}

/// Lets a warning through once per period and counts what it held back.
#[derive(Debug)]
pub struct WarnLimit {
    period_us: u64,
    state: Mutex<(Option<u64>, u64)>,
}

impl WarnLimit {
    /// At most one warning each `period_us` microseconds.
    pub fn new(period_us: u64) -> Self {
        Self {
            period_us,
            state: Mutex::new((None, 0)),
        }
    }

    /// `Some(held back since the last one)` when a warning may be written now; `now_us` is monotonic.
    pub fn allow(&self, now_us: u64) -> Option<u64> {
        let mut state = self.state.lock();
        match state.0 {
            Some(last_us) if now_us.saturating_sub(last_us) < self.period_us => {
                state.1 += 1;
                None
            }
            _ => {
                state.0 = Some(now_us);
                Some(std::mem::take(&mut state.1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named() {
        let error = init("info,bidder=loud", false).unwrap_err().to_string();
        assert!(error.contains("bidder=loud"), "{error}");
    }

    #[test]
    fn repeated_warnings_are_held_back_and_counted() {
        let limit = WarnLimit::new(1000);
        assert_eq!(limit.allow(5), Some(0));
        assert_eq!(limit.allow(6), None);
        assert_eq!(limit.allow(1004), None);
        assert_eq!(limit.allow(1005), Some(2));
    }
}
