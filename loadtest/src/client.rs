//! Keep-alive connections to one address: bounded in number, waiting and time, patient with a server that is away.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HeaderMap, HeaderName};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Largest answer read, in bytes: a bid response holds at most a few pieces of markup of 128 KB.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Most requests that wait for a free connection; beyond it they fail at once.
const WAITING_MAX: usize = 20_000;
/// First and longest pause after a failed connection attempt.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// The header in which the pixel names the event it has acknowledged.
pub(crate) const EVENT_HEADER: HeaderName = HeaderName::from_static("x-paceline-event");

/// Connections to one address, for tasks of one thread.
#[derive(Debug)]
pub(crate) struct Pool {
    address: SocketAddr,
    permits: Semaphore,
    waiting: Cell<usize>,
    idle: RefCell<Vec<SendRequest<Full<Bytes>>>>,
    backoff: Cell<Backoff>,
    timeout: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Backoff {
    pause: Duration,
    until: Option<Instant>,
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Pool {
    pub(crate) fn new(address: SocketAddr, connections: usize, timeout: Duration) -> Self {
        Self {
            address,
            permits: Semaphore::new(connections),
            waiting: Cell::new(0),
            idle: RefCell::new(Vec::with_capacity(connections)),
            backoff: Cell::new(Backoff {
                pause: BACKOFF_MIN,
                until: None,
            }),
            timeout,
        }
    }

    /// Sends once and reads the answer; the timeout includes the wait for a connection.
    ///
    /// # Errors
    /// What went wrong, in words; the request may or may not have arrived.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        if self.waiting.get() >= WAITING_MAX {
            anyhow::bail!(
                "too many requests wait for a connection to {}",
                self.address
            );
        }
        self.waiting.set(self.waiting.get() + 1);
        let answer = tokio::time::timeout(self.timeout, self.exchange(request)).await;
        self.waiting.set(self.waiting.get() - 1);
        answer.unwrap_or_else(|_| anyhow::bail!("no answer from {} in time", self.address))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let permit = self.permits.acquire().await?;
        let mut connection = self.connection().await?;
        let response = connection.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(anyhow::Error::from_boxed)?
            .to_bytes();
        if !connection.is_closed() {
            self.idle.borrow_mut().push(connection);
        }
        drop(permit);
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// An idle connection that still stands, or a new one.
    async fn connection(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        loop {
            let idle = self.idle.borrow_mut().pop();
            let Some(mut connection) = idle else { break };
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let backoff = self.backoff.get();
        if backoff.until.is_some_and(|until| Instant::now() < until) {
            anyhow::bail!("{} was away a moment ago", self.address);
        }
        match self.connect().await {
            Ok(connection) => {
                self.backoff.set(Backoff {
                    pause: BACKOFF_MIN,
                    until: None,
                });
                Ok(connection)
            }
            Err(error) => {
                self.backoff.set(Backoff {
                    pause: (backoff.pause * 2).min(BACKOFF_MAX),
                    until: Some(Instant::now() + backoff.pause),
                });
                Err(error.context(format!("cannot connect to {}", self.address)))
            }
        }
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its failure reaches whoever waits for an answer on it.
        tokio::task::spawn_local(connection);
        Ok(sender)
    }
}
