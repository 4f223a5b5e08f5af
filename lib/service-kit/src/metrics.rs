//! The metrics recorder of the process, its text form, and this crate's own metric names.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::drain::Shutdown;

/// Connections accepted; label `service`.
pub const CONNECTIONS: &str = "paceline_server_connections_total";
/// Connections closed at once because the cap was reached; label `service`.
pub const CONNECTIONS_REFUSED: &str = "paceline_server_connections_refused_total";
/// Connections open now; label `service`.
pub const CONNECTIONS_OPEN: &str = "paceline_server_connections_open";
/// Connections closed because the client was slow or silent; label `service`.
pub const CONNECTIONS_TIMED_OUT: &str = "paceline_server_connections_timed_out_total";
/// Connections cut at the end of the grace period; label `service`.
pub const CONNECTIONS_CUT: &str = "paceline_server_connections_cut_total";

/// How often histograms are folded, so that memory does not grow between scrapes.
const UPKEEP_PERIOD: Duration = Duration::from_secs(5);

/// Bucket bounds of every `*_us` histogram: from a fraction of a bid's time to far beyond any `tmax`.
const MICROSECOND_BUCKETS: &[f64] = &[
    50.0,
    100.0,
    200.0,
    500.0,
    1_000.0,
    2_000.0,
    5_000.0,
    10_000.0,
    20_000.0,
    50_000.0,
    75_000.0,
    100_000.0,
    200_000.0,
    500_000.0,
    1_000_000.0,
    5_000_000.0,
];

static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// Reads what the `metrics` macros of the process have counted.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

/// Why nothing can be counted.
#[derive(Debug, thiserror::Error)]
#[error("metrics recorder cannot be installed: {0}")]
pub struct MetricsError(#[from] BuildError);

impl Metrics {
    /// Installs the recorder of the process; later calls give the same one.
    ///
    /// # Errors
    /// When another recorder holds the place.
    pub fn install() -> Result<Self, MetricsError> {
        if let Some(metrics) = INSTALLED.get() {
            return Ok(metrics.clone());
        }
        let microseconds = Matcher::Suffix("_us".to_owned());
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(microseconds, MICROSECOND_BUCKETS)?
            .install_recorder()?;
        Ok(INSTALLED.get_or_init(|| Self { handle }).clone())
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds histograms until shutdown; blocks the calling thread.
    pub fn run_upkeep(&self, shutdown: &Shutdown) {
        while !shutdown.pause(UPKEEP_PERIOD) {
            self.handle.run_upkeep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorder_is_installed_once_and_shows_buckets() {
        let metrics = Metrics::install().unwrap();
        let again = Metrics::install().unwrap();
        ::metrics::counter!(CONNECTIONS, "service" => "test").increment(2);
        ::metrics::histogram!("answer_us").record(70.0);
        let text = again.render();
        assert!(
            text.contains("paceline_server_connections_total{service=\"test\"} 2"),
            "{text}"
        );
        assert!(text.contains("answer_us_bucket{le=\"100\"} 1"), "{text}");
        assert_eq!(metrics.render(), text);
    }
}
