//! One connection, HTTP/1.1 or HTTP/2 in clear as its client begins: keep-alive, timeouts, drain.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::activity::{Activity, Protocol, Recognise, Watched};
use crate::nudge::Nudge;
use crate::serve::BoxError;

/// Most bytes of a request's head on HTTP/1, and the most that is read ahead of a slow handler.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Requests open at once on one HTTP/2 connection: more than an exchange has under way per connection, few
/// enough that what each may hold stays small.
const STREAMS_MAX: u32 = 256;
/// Bytes of one HTTP/2 request's headers, unpacked (RFC 9113, 6.5.2). Ours have less than 1 KiB.
const HEADER_LIST_BYTES_MAX: u32 = 16 << 10;
/// What a client may send of one request before a handler takes it: a usual request whole.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// The same over all requests of a connection: `STREAMS_MAX` bodies of 2 KiB.
const CONNECTION_WINDOW_BYTES: u32 = 512 << 10;
/// What is kept of one answer that its client does not take.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Requests that a client opened and reset before a handler saw them; one more ends the connection ("rapid
/// reset", CVE-2023-44487).
const RESETS_PENDING_MAX: usize = 20;
/// Requests that we reset for a client's mistakes; one more ends the connection.
const RESETS_OURS_MAX: usize = 100;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By the client, or after its last answer.
    Closed,
    /// By us: too slow or too long silent.
    TimedOut,
    /// By us: the grace period was over.
    Cut,
}

/// Answers the requests of one connection until it ends, or until the keeper of `activity` has it end.
pub(crate) async fn serve<S, F, B>(
    stream: TcpStream,
    handler: Rc<S>,
    activity: Rc<Activity>,
) -> Ended
where
    S: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    // Without it small answers wait for the client's acknowledgement; a socket that refuses works all the same.
    stream.set_nodelay(true).ok();
    let supervisor = Supervisor {
        activity: Rc::clone(&activity),
        nudge: Nudge::new(),
    };
    let mut watched = Watched::new(stream, Rc::clone(&activity));
    let protocol = supervisor.run(Pin::new(&mut watched.protocol())).await;
    let noted = Rc::clone(&activity);
    // HTTP/2 has a message of its own for this, which loses nothing when it comes with the end.
    let says_close = protocol == Ok(Protocol::Http1);
    let service = service_fn(move |request| {
        let under_way = noted.enter();
        let handler = Rc::clone(&handler);
        // The handler is asked within: its future, once made, would be moved twice and held at two places.
        async move {
            let mut response = handler(request).await;
            if says_close && under_way.is_leaving() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            drop(under_way);
            Ok::<_, Infallible>(response)
        }
    });
    let ended = match protocol {
        Err(ended) => return ended,
        Ok(Protocol::Http1) => {
            // Pipelined requests are answered in order as they are. `pipeline_flush` stays off: with it hyper
            // holds an answer back while any byte of a next request is buffered, and buffers answers without a
            // bound.
            let http = http1::Builder::new()
                .header_read_timeout(None)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(watched), service);
            supervisor.run(std::pin::pin!(http)).await.map(drop)
        }
        Ok(Protocol::Http2) => {
            activity.becomes_http2();
            let http = http2_settings().serve_connection(TokioIo::new(watched), service);
            // On the heap, so that the many HTTP/1 connections are not as large as this.
            supervisor.run(Box::pin(http).as_mut()).await.map(drop)
        }
    };
    // A client that breaks off or speaks no HTTP is no error of ours.
    ended.err().unwrap_or(Ended::Closed)
}

fn http2_settings() -> http2::Builder<OnThisCore> {
    let mut settings = http2::Builder::new(OnThisCore);
    settings
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_OURS_MAX);
    settings
}

/// Runs the requests of an HTTP/2 connection beside it, on the same core.
#[derive(Debug, Clone, Copy)]
struct OnThisCore;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for OnThisCore {
    fn execute(&self, request: F) {
        tokio::task::spawn_local(request);
    }
}

/// Something on a connection that runs until it ends, and can be asked to end soon.
trait Stage: Future {
    /// Takes no more requests and ends after the answers to those it has.
    fn finish(self: Pin<&mut Self>);
}

impl Stage for Recognise<'_> {
    /// The protocol that follows is told again.
    fn finish(self: Pin<&mut Self>) {}
}

impl<S, B> Stage for http1::Connection<TokioIo<Watched>, S>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S, B> Stage for http2::Connection<TokioIo<Watched>, S, OnThisCore>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Future: 'static,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Polls a connection's stages, and ends them for time or for shutdown.
struct Supervisor {
    activity: Rc<Activity>,
    nudge: Nudge,
}

impl Supervisor {
    async fn run<C: Stage>(&self, mut stage: Pin<&mut C>) -> Result<C::Output, Ended> {
        let activity = &self.activity;
        let mut told = false;
        poll_fn(|context| {
            activity.is_polled_by(context.waker());
            if activity.is_draining() && !told {
                told = true;
                // What has come already is looked at first: hyper would take the connection for idle.
                if let Poll::Ready(output) = stage.as_mut().poll(context) {
                    return Poll::Ready(Ok(output));
                }
                stage.as_mut().finish();
            }
            let polled = self
                .nudge
                .poll(context, |nudged| stage.as_mut().poll(nudged));
            match (polled, activity.sentence()) {
                (Poll::Ready(output), _) => Poll::Ready(Ok(output)),
                (Poll::Pending, Some(ended)) => Poll::Ready(Err(ended)),
                (Poll::Pending, None) => Poll::Pending,
            }
        })
        .await
    }
}
