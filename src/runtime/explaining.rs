//! `/explain` on the admin address: requests decided without consequences, and bids as they were made.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bidder::served::{self, SEARCH_BYTES_MAX, Search};
use bidder::{Bidder, Explainer};
use domain::BidId;
use domain::limits::REQUEST_BODY_BYTES_MAX;
use event_log::EventLog;
use parking_lot::Mutex;
use proto::openrtb::Format;

use crate::explanation::{ExplanationJson, KeptJson, ServedJson};

/// How long an explanation waits for one that is under way: they are for people, one at a time.
const WAIT: Duration = Duration::from_secs(2);

/// What explanations are made with.
pub(super) struct Explaining {
    explainer: Mutex<Explainer>,
    bidder: Bidder,
    log: Arc<dyn EventLog>,
}

impl Explaining {
    pub(super) fn new(bidder: &Bidder, log: Arc<dyn EventLog>) -> Self {
        Self {
            explainer: Mutex::new(Explainer::new(bidder)),
            bidder: bidder.clone(),
            log,
        }
    }

    fn request(&self, exchange: &str, format: Format, body: &mut [u8]) -> Response {
        let Some(mut explainer) = self.explainer.try_lock_for(WAIT) else {
            return busy();
        };
        let Some(explained) = explainer.explain(exchange, format, body) else {
            return refuse(StatusCode::NOT_FOUND, "no exchange is called so\n");
        };
        Json(ExplanationJson::from(explained)).into_response()
    }

    fn kept(&self) -> Response {
        let kept = self.bidder.samples().into_iter().map(KeptJson::from);
        Json(kept.collect::<Vec<_>>()).into_response()
    }

    fn kept_request(&self, number: u64) -> Response {
        let mut kept = self.bidder.samples().into_iter();
        match kept.find(|sample| sample.number == number) {
            Some(mut found) => self.request(&found.exchange, found.format, &mut found.body),
            None => refuse(
                StatusCode::NOT_FOUND,
                "no such request is kept: see /explain/requests and bidder.explain_requests\n",
            ),
        }
    }

    fn bid(&self, id: &str) -> Response {
        let Some(id) = BidId::from_hex(id) else {
            return refuse(
                StatusCode::BAD_REQUEST,
                "a bid id has 32 hexadecimal digits\n",
            );
        };
        // One search at a time, and no explanation beside it: a search reads much.
        let Some(_alone) = self.explainer.try_lock_for(WAIT) else {
            return busy();
        };
        let Some(snapshot) = self.bidder.snapshot() else {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "nothing is loaded yet\n");
        };
        match served::find(self.log.as_ref(), id) {
            Ok(Search::Found(found)) => {
                let model = snapshot.model_of(found.bid.model_version);
                Json(ServedJson::new(*found, model)).into_response()
            }
            Ok(missing) => refuse(StatusCode::NOT_FOUND, &not_found(&missing)),
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        }
    }
}

/// What to say of a search that did not find its bid.
pub(crate) fn not_found(ended: &Search) -> String {
    match ended {
        Search::Limit => format!(
            "the bid is not among the newest {} MiB of the log\n",
            SEARCH_BYTES_MAX >> 20
        ),
        _ => "the log holds no such bid: it was never made here, not logged yet, or deleted by log.bids_mib_max\n"
            .to_owned(),
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, why.to_owned()).into_response()
}

fn busy() -> Response {
    refuse(
        StatusCode::SERVICE_UNAVAILABLE,
        "another explanation is under way\n",
    )
}

type Shared = State<Option<Arc<Explaining>>>;

/// The routes; each answers 404 where no bidder runs.
pub(super) fn router(explaining: Option<Arc<Explaining>>) -> Router {
    Router::new()
        .route("/explain/{exchange}", post(explain_request))
        .route("/explain/bid/{id}", get(explain_bid))
        .route("/explain/requests", get(list_kept))
        .route("/explain/requests/{number}", post(explain_kept))
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .with_state(explaining)
}

async fn explain_request(
    State(explaining): Shared,
    Path(exchange): Path<String>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    let stated = headers.get(CONTENT_TYPE);
    let stated = stated.and_then(|value| value.to_str().ok());
    let format = stated.map_or(Format::Json, Format::of_content_type);
    aside(explaining, move |explaining| {
        explaining.request(&exchange, format, &mut body.to_vec())
    })
    .await
}

async fn explain_bid(State(explaining): Shared, Path(id): Path<String>) -> Response {
    aside(explaining, move |explaining| explaining.bid(&id)).await
}

async fn list_kept(State(explaining): Shared) -> Response {
    aside(explaining, Explaining::kept).await
}

async fn explain_kept(State(explaining): Shared, Path(number): Path<u64>) -> Response {
    aside(explaining, move |explaining| {
        explaining.kept_request(number)
    })
    .await
}

/// Works on another thread, so that metrics and readiness are answered meanwhile.
async fn aside(
    explaining: Option<Arc<Explaining>>,
    work: impl FnOnce(&Explaining) -> Response + Send + 'static,
) -> Response {
    let Some(explaining) = explaining else {
        return refuse(StatusCode::NOT_FOUND, "no bidder runs in this process\n");
    };
    match tokio::task::spawn_blocking(move || work(&explaining)).await {
        Ok(response) => response,
        Err(_) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the explanation failed\n",
        ),
    }
}
