//! One HTTP/1.1 connection: keep-alive, pipelining, timeouts for slow and silent clients, drain.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::serve::{BoxError, ServerLimits};

/// Most bytes of a request's head, and the most that is read ahead of a slow handler.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long a connection that never said anything is kept while draining: its request may be under way.
const DRAIN_SILENT: Duration = Duration::from_millis(250);

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

/// Answers the requests of one connection until it ends.
pub(crate) async fn serve<S, F, B>(
    stream: TcpStream,
    handler: Rc<S>,
    limits: ServerLimits,
    mut drain: watch::Receiver<bool>,
) -> Ended
where
    S: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    // Without it small answers wait for the client's acknowledgement; a socket that refuses works all the same.
    stream.set_nodelay(true).ok();
    let activity = Rc::new(Activity::new(Instant::now()));
    let service = service_fn(|request| {
        activity.phase.set(Phase::Busy);
        let answer = handler(request);
        let activity = Rc::clone(&activity);
        async move {
            let response = answer.await;
            activity.phase.set(Phase::Idle(Instant::now()));
            Ok::<_, Infallible>(response)
        }
    });
    let watched = Watched {
        stream,
        activity: Rc::clone(&activity),
    };
    // Pipelined requests are answered in order as they are. `pipeline_flush` stays off: with it hyper holds an
    // answer back while any byte of a next request is buffered, and buffers answers without a bound.
    let http = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(watched), service);
    let mut http = std::pin::pin!(http);
    let mut told = std::pin::pin!(drain.wait_for(|draining| *draining));
    let mut cut_at = None;
    let mut check = std::pin::pin!(tokio::time::sleep_until(
        activity.next_check(Instant::now(), limits)
    ));
    loop {
        tokio::select! {
            biased;
            // Before an answer that is ready, so that it says `connection: close`.
            _ = told.as_mut(), if cut_at.is_none() => {
                http.as_mut().graceful_shutdown();
                let grace = if activity.is_silent() { limits.grace.min(DRAIN_SILENT) } else { limits.grace };
                let at = Instant::now() + grace;
                cut_at = Some(at);
                check.as_mut().reset(at);
            }
            // A client that breaks off or speaks no HTTP is no error of ours.
            _ = http.as_mut() => return Ended::Closed,
            () = check.as_mut() => {
                let now = Instant::now();
                if cut_at.is_some_and(|at| now >= at) {
                    return Ended::Cut;
                }
                if activity.is_expired(now, limits) {
                    return Ended::TimedOut;
                }
                let next = activity.next_check(now, limits);
                check.as_mut().reset(cut_at.map_or(next, |at| at.min(next)));
            }
        }
    }
}

/// What a connection is doing and since when.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Waiting for a request, or for the client to take an answer.
    Idle(Instant),
    /// A request's first bytes are here, its last header is not.
    Head(Instant),
    /// The handler has it.
    Busy,
}

#[derive(Debug)]
struct Activity {
    phase: Cell<Phase>,
    heard: Cell<bool>,
}

impl Activity {
    fn new(now: Instant) -> Self {
        Self {
            phase: Cell::new(Phase::Idle(now)),
            heard: Cell::new(false),
        }
    }

    fn note_read(&self) {
        self.heard.set(true);
        if let Phase::Idle(_) = self.phase.get() {
            self.phase.set(Phase::Head(Instant::now()));
        }
    }

    /// A long answer keeps its connection alive as long as the client takes it.
    fn note_written(&self) {
        if let Phase::Idle(_) = self.phase.get() {
            self.phase.set(Phase::Idle(Instant::now()));
        }
    }

    fn is_silent(&self) -> bool {
        !self.heard.get()
    }

    fn is_expired(&self, now: Instant, limits: ServerLimits) -> bool {
        match self.phase.get() {
            Phase::Idle(since) => now >= since + limits.idle_timeout,
            Phase::Head(since) => now >= since + limits.header_timeout,
            Phase::Busy => false,
        }
    }

    /// One coarse timer a connection instead of one a request: a slow head is seen within twice its limit.
    fn next_check(&self, now: Instant, limits: ServerLimits) -> Instant {
        let soon = now + limits.header_timeout;
        match self.phase.get() {
            Phase::Idle(since) => soon.min(since + limits.idle_timeout),
            Phase::Head(since) => since + limits.header_timeout,
            Phase::Busy => soon,
        }
    }
}

/// A stream that notes when bytes pass.
struct Watched {
    stream: TcpStream,
    activity: Rc<Activity>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.note_read();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.activity.note_written();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        if written.is_ready() {
            self.activity.note_written();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
