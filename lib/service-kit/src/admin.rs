//! The operators' endpoints: `/metrics`, `/live`, `/ready`.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::drain::Shutdown;
use crate::metrics::Metrics;

/// Says of each part by its name whether it is ready to serve.
pub type Readiness = Arc<dyn Fn() -> Vec<(&'static str, bool)> + Send + Sync>;

#[derive(Clone)]
struct Admin {
    metrics: Metrics,
    readiness: Readiness,
}

/// The admin routes; a binary merges its own into them.
pub fn router(metrics: Metrics, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(show_metrics))
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(show_readiness))
        .with_state(Admin { metrics, readiness })
}

/// Serves `router` on the current runtime until shutdown. For operators and people, not for load.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { shutdown.wait().await })
        .await
}

async fn show_metrics(State(admin): State<Admin>) -> Response {
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (text, admin.metrics.render()).into_response()
}

async fn show_readiness(State(admin): State<Admin>) -> Response {
    let parts = (admin.readiness)();
    let status = if parts.iter().all(|(_, ready)| *ready) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status, json, readiness_json(&parts)).into_response()
}

/// Names are constants of plain letters, so quoting them is all the escaping they need.
fn readiness_json(parts: &[(&'static str, bool)]) -> String {
    let names = |wanted: bool| {
        let names: Vec<_> = parts
            .iter()
            .filter(|(_, ready)| *ready == wanted)
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        names.join(",")
    };
    let ready = parts.iter().all(|(_, ready)| *ready);
    format!(
        "{{\"ready\":{ready},\"done\":[{}],\"missing\":[{}]}}\n",
        names(true),
        names(false)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_says_what_is_missing() {
        assert_eq!(
            readiness_json(&[("model", true), ("budgets", false)]),
            "{\"ready\":false,\"done\":[\"model\"],\"missing\":[\"budgets\"]}\n"
        );
        assert_eq!(
            readiness_json(&[]),
            "{\"ready\":true,\"done\":[],\"missing\":[]}\n"
        );
    }
}
