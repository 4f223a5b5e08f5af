//! The bid endpoint: the only place that knows HTTP. Method, path, size and load are checked, then the core decides.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::limits::REQUEST_BODY_BYTES_MAX;
use domain::{Clock, NoBid, Outcome};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue,
};
use hyper::http::request;
use hyper::{Method, Request, Response, StatusCode};
use proto::openrtb::Format;
use service_kit::body::{BodyError, BodyLimits, BodyReader, early};
use service_kit::pack::{GZIP_BYTES_MIN, Packer, accepts_gzip};
use service_kit::unpack::{ENCODINGS, Packing, Unpacker};

use crate::core::{BidderCore, Call, Reply};
use crate::gate::{Gates, Stop};
use crate::metrics::{HTTP_REFUSED, Took};
use crate::overload::{Arrival, Watch};

static OPENRTB_VERSION: HeaderName = HeaderName::from_static("x-openrtb-version");
/// The version that answers follow.
static ANSWERS_FOLLOW: HeaderValue = HeaderValue::from_static("2.6");
/// On a 204 that says nothing of the request, why it was not decided: the label of the outcome.
pub const UNDECIDED: &str = "x-undecided";
/// Body buffers that a core keeps for later requests.
const READERS_KEPT_MAX: usize = 64;

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
    watch: Rc<Watch>,
    took: Took,
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
            watch: Rc::default(),
            took: Took::default(),
            body_timeout,
        })
    }

    /// Measures how long requests wait; to be spawned beside them, on their core. It never ends.
    pub fn watch(&self) -> impl Future<Output = ()> + use<> {
        Rc::clone(&self.watch).run(Arc::clone(&self.clock))
    }

    /// Hands over everything.
    pub fn flush(&self) {
        self.core.borrow_mut().flush(self.clock.now());
    }

    /// Hands over counts and holds.
    pub fn report(&self) {
        self.core.borrow_mut().report();
    }

    /// Sets the counters of line items apart that are to be logged.
    pub fn begin_flush(&self) {
        self.core.borrow_mut().begin_flush();
    }

    /// Logs the counters of a few line items; says whether more are to be logged.
    pub fn flush_step(&self) -> bool {
        self.core.borrow_mut().flush_step(self.clock.now())
    }

    /// Hands the records of bids to the log.
    pub fn hand_over(&self) {
        self.core.borrow_mut().hand_over();
    }

    /// Answers one request.
    pub async fn serve(self: Rc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let now_us = self.clock.monotonic_us();
        let arrival = self.watch.arrive(now_us);
        let (head, body) = request.into_parts();
        let exchange = match self.admit(&head, now_us) {
            Ok(exchange) => exchange,
            Err(Turned::Away(status)) => return refuse(status),
            Err(Turned::Shed) => return self.shed(),
        };
        let limits = BodyLimits {
            bytes_max: REQUEST_BODY_BYTES_MAX,
            timeout: self.body_timeout,
        };
        let call = Call {
            exchange,
            arrived_us: now_us.saturating_sub(arrival.waited_us),
            format: format_of(&head.headers),
        };
        let mut reader = self.readers.borrow_mut().pop().unwrap_or_default();
        // Also of a request that is refused: with a body left unread the connection could not be kept.
        let read = {
            let reading = pin!(reader.read(&head.headers, body, limits));
            self.await_body(reading).await
        };
        let response = match (read, arrival) {
            (None, _) | (Some(Ok(_)), Arrival { refused: true, .. }) => self.shed(),
            (Some(Ok(packing)), _) => self.decide(&call, &head.headers, (packing, &mut reader)),
            (Some(Err(error)), _) => refuse_body(error),
        };
        reader.trim();
        let mut readers = self.readers.borrow_mut();
        if readers.len() < READERS_KEPT_MAX {
            readers.push(reader);
        }
        response
    }

    /// The exchange that a head names.
    fn admit<'a>(&self, head: &'a request::Parts, now_us: u64) -> Result<&'a str, Turned> {
        let exchange = head.uri.path().strip_prefix("/bid/");
        let exchange = exchange.ok_or(Turned::Away(StatusCode::NOT_FOUND))?;
        if head.method != Method::POST {
            return Err(Turned::Away(StatusCode::METHOD_NOT_ALLOWED));
        }
        let credential = head.headers.get(AUTHORIZATION);
        let credential = credential.map(HeaderValue::as_bytes);
        match self.load.gates.pass(exchange, credential, now_us) {
            Ok(()) => Ok(exchange),
            Err(Stop::Unauthorized) => Err(Turned::Away(StatusCode::UNAUTHORIZED)),
            Err(Stop::OverQuota) => Err(Turned::Shed),
        }
    }

    /// The answer to a request that is refused unread.
    fn shed(&self) -> Response<Full<Bytes>> {
        self.core.borrow_mut().shed();
        undecided(NoBid::Overload)
    }

    /// Waits for a body; `None` when it is late and too many others are as well.
    async fn await_body<F: Future>(&self, mut reading: Pin<&mut F>) -> Option<F::Output> {
        match early(reading.as_mut()).await {
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
            Reply::NoContent if answer.outcome == Outcome::NoBid(NoBid::NoTime) => {
                undecided(NoBid::NoTime)
            }
            Reply::NoContent => empty(StatusCode::NO_CONTENT),
            Reply::BadRequest => refuse(StatusCode::BAD_REQUEST),
            Reply::NotFound => refuse(StatusCode::NOT_FOUND),
            Reply::TooLarge => refuse(StatusCode::PAYLOAD_TOO_LARGE),
        };
        let took_us = self.clock.monotonic_us().saturating_sub(call.arrived_us);
        self.took.note(took_us);
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
        headers.insert(OPENRTB_VERSION.clone(), ANSWERS_FOLLOW.clone());
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

/// Why a request is not read.
enum Turned {
    Away(StatusCode),
    Shed,
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// No bid, for a reason that lies with us.
pub(crate) fn undecided(why: NoBid) -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let why = HeaderValue::from_static(why.label());
    response
        .headers_mut()
        .insert(HeaderName::from_static(UNDECIDED), why);
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
    let mut response = empty(status);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let headers = response.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}
