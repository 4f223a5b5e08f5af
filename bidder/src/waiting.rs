//! Answers for a bidder that is not there yet: no bid, at once, instead of a wait that costs the exchange its auction.

use std::net::TcpListener;

use bytes::Bytes;
use domain::NoBid;
use domain::limits::REQUEST_BODY_BYTES_MAX;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use service_kit::body::{BodyLimits, BodyReader};
use service_kit::{ServeError, Server, ServerLimits, ServerOptions, Shutdown, run_cores};

use crate::http::undecided;

/// Takes requests on `listener` and answers each with 204 until `shutdown`. It knows no path and counts nothing.
///
/// # Errors
/// When the system refuses sockets, runtimes or threads.
pub fn serve(
    listener: TcpListener,
    limits: ServerLimits,
    shutdown: &Shutdown,
) -> Result<Server, ServeError> {
    let options = ServerOptions {
        name: "bidder-waiting",
        cores: 1,
        limits,
    };
    let body = BodyLimits {
        bytes_max: REQUEST_BODY_BYTES_MAX,
        timeout: limits.body_timeout,
    };
    run_cores(
        options,
        listener,
        move |_| move |request| answer(request, body),
        shutdown,
    )
}

async fn answer(request: Request<Incoming>, limits: BodyLimits) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let mut reader = BodyReader::new();
    // Whatever it says; with a body left unread the connection could not be kept.
    reader.read(&head.headers, body, limits).await.ok();
    undecided(NoBid::NotReady)
}
