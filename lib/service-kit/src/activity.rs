//! What a connection is doing: which protocol it speaks, since when it waits, how many requests are under way.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connection::Ended;
use crate::keeper::Time;

/// What a client that knows HTTP/2 sends first (RFC 9113, 3.4). No HTTP/1 request begins so.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes of a connection speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// What a connection is doing and since when, in ticks of its core's keeper.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Waiting for a request, or for the client to take an answer.
    Idle(u32),
    /// A request's first bytes are here, its last header is not. Seen on HTTP/1 alone: on HTTP/2 bytes may be
    /// anything, and a head that never ends leaves the connection idle.
    Head(u32),
    /// A handler has a request.
    Busy,
}

/// Shared by a connection, its stream, its requests and its core's keeper.
#[derive(Debug)]
pub(crate) struct Activity {
    time: Rc<Time>,
    phase: Cell<Phase>,
    heard: Cell<bool>,
    many: Cell<bool>,
    under_way: Cell<usize>,
    sentence: Cell<Option<Ended>>,
    waker: RefCell<Option<Waker>>,
}

impl Activity {
    pub(crate) fn new(time: Rc<Time>) -> Self {
        Self {
            phase: Cell::new(Phase::Idle(time.tick())),
            time,
            heard: Cell::new(false),
            many: Cell::new(false),
            under_way: Cell::new(0),
            sentence: Cell::new(None),
            waker: RefCell::new(None),
        }
    }

    /// From here on requests share the connection.
    pub(crate) fn becomes_http2(&self) {
        self.many.set(true);
        self.phase.set(Phase::Idle(self.time.tick()));
    }

    /// Counts a request until what is returned is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> UnderWay {
        self.under_way.set(self.under_way.get() + 1);
        self.phase.set(Phase::Busy);
        UnderWay(Rc::clone(self))
    }

    fn note_read(&self) {
        self.heard.set(true);
        if let (Phase::Idle(_), false) = (self.phase.get(), self.many.get()) {
            self.phase.set(Phase::Head(self.time.tick()));
        }
    }

    /// A long answer keeps its connection alive as long as the client takes it. On HTTP/2 what is written may be
    /// a reply to a ping: that keeps nothing alive.
    fn note_written(&self) {
        if let (Phase::Idle(_), false) = (self.phase.get(), self.many.get()) {
            self.phase.set(Phase::Idle(self.time.tick()));
        }
    }

    pub(crate) fn is_silent(&self) -> bool {
        !self.heard.get()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.time.is_draining()
    }

    /// Whether it has waited for longer than `limits` allow.
    pub(crate) fn is_expired(&self) -> bool {
        let waited = |since: u32| self.time.tick().wrapping_sub(since);
        match self.phase.get() {
            Phase::Idle(since) => waited(since) > self.time.idle_ticks,
            Phase::Head(since) => waited(since) > self.time.head_ticks,
            Phase::Busy => false,
        }
    }

    /// How the keeper has it end, if it does. What moved on since is no longer over its time.
    pub(crate) fn sentence(&self) -> Option<Ended> {
        self.sentence
            .get()
            .filter(|how| *how != Ended::TimedOut || self.is_expired())
    }

    /// Has the connection end when it is polled next.
    pub(crate) fn end(&self, how: Ended) {
        self.sentence.set(Some(how));
        self.wake();
    }

    /// Has the connection polled.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Whom to wake.
    pub(crate) fn is_polled_by(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}

/// One request that a handler has.
#[derive(Debug)]
pub(crate) struct UnderWay(Rc<Activity>);

impl UnderWay {
    /// Whether the server's end was announced.
    pub(crate) fn is_leaving(&self) -> bool {
        self.0.time.is_leaving()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let left = self.0.under_way.get().saturating_sub(1);
        self.0.under_way.set(left);
        if left == 0 {
            self.0.phase.set(Phase::Idle(self.0.time.tick()));
        }
    }
}

/// A stream that notes when bytes pass, and gives back what was read to see its protocol.
#[derive(Debug)]
pub(crate) struct Watched {
    stream: TcpStream,
    activity: Rc<Activity>,
    first: [u8; PREFACE.len()],
    read: usize,
    given: usize,
}

impl Watched {
    pub(crate) fn new(stream: TcpStream, activity: Rc<Activity>) -> Self {
        Self {
            stream,
            activity,
            first: [0; PREFACE.len()],
            read: 0,
            given: 0,
        }
    }

    /// Reads until the protocol is clear; the bytes stay for the reader that follows.
    pub(crate) fn protocol(&mut self) -> Recognise<'_> {
        Recognise(self)
    }
}

/// Resolves to the protocol of a stream, at the latest after its first 24 bytes.
#[derive(Debug)]
pub(crate) struct Recognise<'a>(&'a mut Watched);

impl Future for Recognise<'_> {
    type Output = Protocol;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Protocol> {
        let watched = &mut *self.0;
        loop {
            let (read, free) = watched.first.split_at_mut(watched.read);
            if !PREFACE.starts_with(read) {
                return Poll::Ready(Protocol::Http1);
            }
            if free.is_empty() {
                return Poll::Ready(Protocol::Http2);
            }
            let mut buffer = ReadBuf::new(free);
            let ended = ready!(Pin::new(&mut watched.stream).poll_read(context, &mut buffer));
            let more = buffer.filled().len();
            if ended.is_err() || more == 0 {
                // Whoever reads next is told the same.
                return Poll::Ready(Protocol::Http1);
            }
            watched.read += more;
            watched.activity.note_read();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.given < self.read {
            let bytes = self.first.get(self.given..self.read).unwrap_or_default();
            let bytes = bytes.get(..buffer.remaining()).unwrap_or(bytes);
            buffer.put_slice(bytes);
            let given = bytes.len();
            self.given += given;
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.note_read();
            // An error that follows bytes shows again at the next read.
            return Poll::Ready(Ok(()));
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
