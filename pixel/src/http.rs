//! The endpoint: a request to a hit, an append and its acknowledgement, a decision to a response.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{Clock, EventId};
use event_log::{EventLog, LogError};
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE, EXPIRES, HeaderMap,
    HeaderName, HeaderValue, LOCATION, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Request, Response, StatusCode};
use metrics::{counter, histogram};
use service_kit::telemetry::WarnLimit;
use tokio::sync::oneshot;

use crate::assets::{ASSET_PATH, Assets};
use crate::collect::{Answer, Decision, Hit, Method, Offer, PixelCore, Verdict};
use crate::markup::{MarkupSource, Served};
use crate::metrics::{
    ACKNOWLEDGE_US, EVENTS, HITS, MARKUP, MISDIRECTED, PRICES, REJECTS, REPEATS, UNACKNOWLEDGED,
};
use crate::verify::HitKind;

/// Carries the event's id in answers to acknowledged events.
pub const EVENT_HEADER: HeaderName = HeaderName::from_static("x-paceline-event");

/// One transparent pixel: 43 bytes.
pub const GIF: &[u8; 43] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// How many seconds a sender waits before it repeats what could not be stored.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");
/// A date in the past, for caches that know no other language.
const LONG_AGO: HeaderValue = HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT");

/// A response of the pixel.
pub type PixelResponse = Response<Full<Bytes>>;

/// What every request needs, shared by all cores.
pub struct Endpoint {
    /// Decides.
    pub core: Arc<PixelCore>,
    /// Keeps.
    pub log: Arc<dyn EventLog>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Creatives' files, where this pixel serves them.
    pub assets: Option<Assets>,
    /// Writes the markup that notices fetch, where this pixel does so.
    pub markup: Option<MarkupSource>,
    /// How long all but clicks wait for the log.
    pub notice_deadline: Duration,
    /// How long clicks wait for the log.
    pub click_deadline: Duration,
    /// Keeps a failing log from flooding the operators'.
    pub storage_warnings: WarnLimit,
}

/// Why an event is not known to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unacknowledged {
    Full,
    Refused,
    Deadline,
}

impl Unacknowledged {
    fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Refused => "refused",
            Self::Deadline => "deadline",
        }
    }
}

/// Answers one request. The body, if any, is not read: everything is in the URL.
pub async fn answer<B>(endpoint: Arc<Endpoint>, request: Request<B>) -> PixelResponse {
    if let Some(assets) = &endpoint.assets
        && request.uri().path().starts_with(ASSET_PATH)
    {
        return assets.answer(&request).await;
    }
    let decision = endpoint.core.hit(hit(&request), endpoint.clock.now());
    let Decision {
        kind,
        answer,
        verdict,
    } = decision;
    let Some(kind) = kind else {
        return misdirected(&answer);
    };
    counter!(HITS, "kind" => kind.label()).increment(1);
    match verdict {
        Verdict::NoHit => misdirected(&answer),
        Verdict::Rejected(reject) => {
            counter!(REJECTS, "kind" => kind.label(), "reason" => reject.label()).increment(1);
            finish(&endpoint, kind, (answer, None)).await
        }
        Verdict::Repeat(id) => {
            counter!(REPEATS, "kind" => kind.label()).increment(1);
            finish(&endpoint, kind, (answer, Some(id))).await
        }
        Verdict::Append(offer) => match store(&endpoint, kind, &offer).await {
            Ok(()) => {
                counter!(EVENTS, "kind" => kind.label()).increment(1);
                finish(&endpoint, kind, (answer, Some(offer.id))).await
            }
            Err(cause) => {
                counter!(UNACKNOWLEDGED, "kind" => kind.label(), "cause" => cause.label())
                    .increment(1);
                unstored(kind, answer)
            }
        },
    }
}

fn hit<B>(request: &Request<B>) -> Hit<'_> {
    Hit {
        method: match *request.method() {
            hyper::Method::GET => Method::Get,
            hyper::Method::POST => Method::Post,
            hyper::Method::HEAD => Method::Head,
            _ => Method::Other,
        },
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        looks_ahead: looks_ahead(request.headers()),
    }
}

/// Whether the browser says that it loads this before anybody wants to see it.
fn looks_ahead(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"]
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';', ' ']))
        .any(|word| {
            let word = word.trim();
            ["prefetch", "prerender", "preview"]
                .iter()
                .any(|ahead| word.eq_ignore_ascii_case(ahead))
        })
}

/// Appends and waits. The id is marked where the acknowledgement arrives, so that one that comes after the
/// deadline still spares the log the repeat.
async fn store(endpoint: &Endpoint, kind: HitKind, offer: &Offer) -> Result<(), Unacknowledged> {
    if let Some(price) = offer.price {
        counter!(PRICES, "price" => price.label()).increment(1);
    }
    let (told, acknowledgement) = oneshot::channel();
    let (core, id) = (Arc::clone(&endpoint.core), offer.id);
    let started_us = endpoint.clock.monotonic_us();
    endpoint.log.append(
        offer.topic,
        vec![offer.record()],
        Box::new(move |appended| {
            if appended.is_ok() {
                core.acknowledged(id);
            }
            // Nobody listens any more when the deadline has passed.
            told.send(appended.map(drop)).ok();
        }),
    );
    let deadline = if kind == HitKind::Click {
        endpoint.click_deadline
    } else {
        endpoint.notice_deadline
    };
    let outcome = match tokio::time::timeout(deadline, acknowledgement).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(LogError::Full))) => Err(Unacknowledged::Full),
        Ok(Ok(Err(_)) | Err(_)) => Err(Unacknowledged::Refused),
        Err(_) => Err(Unacknowledged::Deadline),
    };
    let now_us = endpoint.clock.monotonic_us();
    histogram!(ACKNOWLEDGE_US).record(now_us.saturating_sub(started_us) as f64);
    if let Err(cause) = outcome
        && let Some(held_back) = endpoint.storage_warnings.allow(now_us)
    {
        let cause = cause.label();
        tracing::warn!(cause, held_back, "event log does not acknowledge");
    }
    outcome
}

/// The answer to a hit that was decided, with the markup that it fetches.
async fn finish(
    endpoint: &Endpoint,
    kind: HitKind,
    (answer, stored): (Answer, Option<EventId>),
) -> PixelResponse {
    let Answer::Markup(fetch) = answer else {
        return respond(kind, answer, stored);
    };
    let served = match &endpoint.markup {
        Some(source) => source.serve(&fetch).await,
        None => Ok(None),
    };
    let (status, mut response) = match served {
        Ok(Some(served)) => ("200", markup(served)),
        Ok(None) => ("410", empty(StatusCode::GONE)),
        Err(()) => ("503", unavailable()),
    };
    counter!(MARKUP, "status" => status).increment(1);
    finish_headers(response.headers_mut(), stored);
    response
}

fn markup(served: Served) -> PixelResponse {
    let mut response = Response::new(Full::new(Bytes::from(served.text)));
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static(served.content_type);
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A hit that was decided: its answer, with the id only when the event is stored.
fn respond(kind: HitKind, answer: Answer, stored: Option<EventId>) -> PixelResponse {
    let mut response = match answer {
        Answer::Gif => gif(),
        Answer::Redirect(target) => redirect(&target),
        Answer::Gone => empty(StatusCode::GONE),
        _ => empty(StatusCode::NO_CONTENT),
    };
    let headers = response.headers_mut();
    finish_headers(headers, stored);
    if matches!(kind, HitKind::Conversion | HitKind::Segment) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

fn finish_headers(headers: &mut HeaderMap, stored: Option<EventId>) {
    forbid_caching(headers);
    if let Some(id) = stored {
        let id = HeaderValue::try_from(id.to_string()).expect("hexadecimal digits are a value");
        headers.insert(EVENT_HEADER, id);
    }
}

/// A user who clicked goes on in any case; everybody else is asked to come again.
fn unstored(kind: HitKind, answer: Answer) -> PixelResponse {
    if kind == HitKind::Click {
        return respond(kind, answer, None);
    }
    unavailable()
}

/// 503: the same request may be answered later.
fn unavailable() -> PixelResponse {
    let mut response = empty(StatusCode::SERVICE_UNAVAILABLE);
    forbid_caching(response.headers_mut());
    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
    response
}

fn misdirected(answer: &Answer) -> PixelResponse {
    let status = match answer {
        Answer::TooLong => StatusCode::URI_TOO_LONG,
        Answer::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::NOT_FOUND,
    };
    let label = match status {
        StatusCode::URI_TOO_LONG => "414",
        StatusCode::METHOD_NOT_ALLOWED => "405",
        _ => "404",
    };
    counter!(MISDIRECTED, "status" => label).increment(1);
    let mut response = empty(status);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let methods = HeaderValue::from_static("GET, POST, HEAD");
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

fn gif() -> PixelResponse {
    let mut response = Response::new(Full::new(Bytes::from_static(GIF)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/gif"));
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(policy, HeaderValue::from_static("cross-origin"));
    response
}

fn redirect(target: &str) -> PixelResponse {
    // The target was checked to be printable ASCII; should that ever fail, nobody is sent anywhere.
    let Ok(location) = HeaderValue::from_str(target) else {
        return empty(StatusCode::NO_CONTENT);
    };
    let mut response = empty(StatusCode::FOUND);
    response.headers_mut().insert(LOCATION, location);
    response
}

fn empty(status: StatusCode) -> PixelResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn forbid_caching(headers: &mut HeaderMap) {
    let never = HeaderValue::from_static("no-store, no-cache, must-revalidate, private");
    headers.insert(CACHE_CONTROL, never);
    headers.insert(EXPIRES, LONG_AGO);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_that_look_ahead_are_recognised() {
        let cases = [
            ("sec-purpose", "prefetch", true),
            ("sec-purpose", "prefetch;prerender", true),
            ("purpose", "Prefetch", true),
            ("x-moz", "prefetch", true),
            ("x-purpose", "preview", true),
            ("purpose", "navigation", false),
            ("x-other", "prefetch", false),
        ];
        for (name, value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(looks_ahead(&headers), expected, "{name}: {value}");
        }
    }
}
