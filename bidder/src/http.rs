//! The bid endpoint: the only place that knows HTTP. Method, path, size and load are checked, then the core decides.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use domain::Clock;
use domain::limits::REQUEST_BODY_BYTES_MAX;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue,
};
use hyper::{Method, Request, Response, StatusCode};
use proto::openrtb::Format;
use service_kit::body::{BodyError, BodyLimits, BodyReader};
use service_kit::pack::{GZIP_BYTES_MIN, Packer, accepts_gzip};
use service_kit::unpack::{ENCODINGS, Packing, Unpacker};

use crate::core::{BidderCore, Call, Reply};
use crate::gate::{Gates, Stop};
use crate::metrics::{self, HTTP_REFUSED};

/// The version of OpenRTB that answers follow.
const OPENRTB_VERSION: (&str, &str) = ("x-openrtb-version", "2.6");
/// Body buffers that a core keeps for later requests.
const READERS_KEPT_MAX: usize = 64;
/// How often a body may be asked for before it counts as still on its way: hyper hands over what came with the
/// head only when it is asked, so the second time.
const EARLY_POLLS: u32 = 2;

/// The form of the request with these headers. Exchanges send JSON under many a content type and under none.
fn format_of(headers: &HeaderMap) -> Format {
    let stated = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    stated.map_or(Format::Json, Format::of_content_type)
}

/// One core with what its requests share. It stays on its thread.
pub struct CoreService {
    core: RefCell<BidderCore>,
    readers: RefCell<Vec<BodyReader>>,
    unpacker: RefCell<Unpacker>,
    packer: RefCell<Packer>,
    clock: Arc<dyn Clock>,
    load: Arc<Load>,
    body_timeout: Duration,
}

/// Requests of the process whose bodies are still on their way. One that came whole is decided at once and needs
/// no place, so that slow senders take nothing from others.
#[derive(Debug)]
pub struct Load {
    now: AtomicUsize,
    max: usize,
    gates: Gates,
}

impl Load {
    /// None yet, at most `max`, each through its exchange's gate.
    pub fn new(max: usize, gates: Gates) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicUsize::new(0),
            max,
            gates,
        })
    }

    fn enter(self: &Arc<Self>) -> Option<Place> {
        let place = Place(Arc::clone(self));
        let before = self.now.fetch_add(1, Ordering::Relaxed);
        (before < self.max).then_some(place)
    }
}

/// One request's place, given back when dropped.
struct Place(Arc<Load>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

impl CoreService {
    /// Serves with `core`.
    pub fn new(
        core: BidderCore,
        clock: Arc<dyn Clock>,
        load: Arc<Load>,
        body_timeout: Duration,
    ) -> Rc<Self> {
        Rc::new(Self {
            core: RefCell::new(core),
            readers: RefCell::new(Vec::new()),
            unpacker: RefCell::new(Unpacker::new()),
            packer: RefCell::new(Packer::new()),
            clock,
            load,
            body_timeout,
        })
    }

    /// Hands over counts and holds.
    pub fn flush(&self) {
        self.core.borrow_mut().flush(self.clock.now());
    }

    /// Hands the records of bids to the log.
    pub fn hand_over(&self) {
        self.core.borrow_mut().hand_over();
    }

    /// Answers one request.
    pub async fn serve(self: Rc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.respond(request).await
    }

    async fn respond<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let arrived_us = self.clock.monotonic_us();
        let (head, body) = request.into_parts();
        let Some(exchange) = head.uri.path().strip_prefix("/bid/") else {
            return refuse(StatusCode::NOT_FOUND);
        };
        if head.method != Method::POST {
            let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED);
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let credential = head.headers.get(AUTHORIZATION);
        let credential = credential.map(HeaderValue::as_bytes);
        match self.load.gates.pass(exchange, credential, arrived_us) {
            Ok(()) => {}
            Err(Stop::Unauthorized) => return refuse(StatusCode::UNAUTHORIZED),
            Err(Stop::OverQuota) => {
                self.core.borrow_mut().shed();
                return empty(StatusCode::NO_CONTENT);
            }
        }
        let limits = BodyLimits {
            bytes_max: REQUEST_BODY_BYTES_MAX,
            timeout: self.body_timeout,
        };
        let call = Call {
            exchange,
            arrived_us,
            format: format_of(&head.headers),
        };
        let mut reader = self.readers.borrow_mut().pop().unwrap_or_default();
        let read = self
            .await_body(reader.read(&head.headers, body, limits))
            .await;
        let response = match read {
            None => {
                self.core.borrow_mut().shed();
                empty(StatusCode::NO_CONTENT)
            }
            Some(Ok(packing)) => self.decide(&call, &head.headers, (packing, &mut reader)),
            Some(Err(error)) => refuse_body(error),
        };
        reader.trim();
        let mut readers = self.readers.borrow_mut();
        if readers.len() < READERS_KEPT_MAX {
            readers.push(reader);
        }
        response
    }

    /// Waits for a body; `None` when it is late and too many others are as well.
    async fn await_body<F: Future>(&self, reading: F) -> Option<F::Output> {
        let mut reading = pin!(reading);
        let mut polls = 0;
        let early = poll_fn(|context| match reading.as_mut().poll(context) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => {
                polls += 1;
                if polls < EARLY_POLLS {
                    Poll::Pending
                } else {
                    Poll::Ready(None)
                }
            }
        });
        match early.await {
            Some(read) => Some(read),
            None => {
                let _place = self.load.enter()?;
                Some(reading.await)
            }
        }
    }

    fn decide(
        &self,
        call: &Call<'_>,
        headers: &HeaderMap,
        (packing, reader): (Packing, &mut BodyReader),
    ) -> Response<Full<Bytes>> {
        let mut unpacker = self.unpacker.borrow_mut();
        let unpacked = unpacker.unpack(packing, reader.bytes_mut(), REQUEST_BODY_BYTES_MAX);
        let body = match unpacked {
            Ok(body) => body,
            Err(error) => return refuse_body(error),
        };
        let mut core = self.core.borrow_mut();
        let answer = core.decide(call, body);
        let response = match answer.reply {
            Reply::Content => self.content(call.format, headers, answer.body),
            Reply::NoContent => empty(StatusCode::NO_CONTENT),
            Reply::BadRequest => refuse(StatusCode::BAD_REQUEST),
            Reply::NotFound => refuse(StatusCode::NOT_FOUND),
            Reply::TooLarge => refuse(StatusCode::PAYLOAD_TOO_LARGE),
        };
        metrics::decided_in(self.clock.monotonic_us().saturating_sub(call.arrived_us));
        response
    }

    fn content(&self, format: Format, asked: &HeaderMap, body: &[u8]) -> Response<Full<Bytes>> {
        let mut packer = self.packer.borrow_mut();
        let is_wanted = body.len() >= GZIP_BYTES_MIN && accepts_gzip(asked);
        let packed = if is_wanted { packer.gzip(body) } else { None };
        let bytes = Bytes::copy_from_slice(packed.unwrap_or(body));
        let mut response = Response::new(Full::new(bytes));
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(format.content_type()),
        );
        let (name, value) = OPENRTB_VERSION;
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        if packed.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

impl Drop for CoreService {
    /// The last counts and holds of a core that ends.
    fn drop(&mut self) {
        self.flush();
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

fn refuse_body(error: BodyError) -> Response<Full<Bytes>> {
    let mut response = refuse(error.status());
    if error == BodyError::Encoding {
        let understood = HeaderValue::from_static(ENCODINGS);
        response.headers_mut().insert(ACCEPT_ENCODING, understood);
    }
    response
}

fn refuse(status: StatusCode) -> Response<Full<Bytes>> {
    let label = match status {
        StatusCode::UNAUTHORIZED => "401",
        StatusCode::NOT_FOUND => "404",
        StatusCode::METHOD_NOT_ALLOWED => "405",
        StatusCode::REQUEST_TIMEOUT => "408",
        StatusCode::PAYLOAD_TOO_LARGE => "413",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "415",
        _ => "400",
    };
    ::metrics::counter!(HTTP_REFUSED, "status" => label).increment(1);
    empty(status)
}
