//! The two servers that are compared, each the only job of its process.

use std::convert::Infallible;
use std::io::{BufRead, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use service_kit::{ServerLimits, Shutdown};

use crate::client::ANSWER_BYTES;
use crate::world;

/// The largest answer that the bare server gives.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A line that makes the bidder take new campaigns and a new model into use each second.
pub const SWAPS_ON: &str = "swaps on";
/// A line that ends that.
pub const SWAPS_OFF: &str = "swaps off";
/// How often campaigns and model change while they do.
const SWAP_EVERY: Duration = Duration::from_secs(1);
/// The deadline where late answers are counted, in milliseconds: the default.
const STRICT_DEADLINE_MS: i64 = 100;

/// Serves the bidder on one core until the process is ended; `strict` with the deadline that is usual.
///
/// # Errors
/// When something cannot be opened.
pub fn bidder(line_items: usize, strict: bool) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let deadline_ms = if strict {
        STRICT_DEADLINE_MS
    } else {
        world::DEADLINE_MS
    };
    let world = world::open_with(line_items, folder.path(), deadline_ms)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let shutdown = Shutdown::new();
    let limits = (ServerLimits::default(), &shutdown);
    let server = bidder::Server::run(&world.bidder, world.background, listener, limits)?;
    announce(server.address())?;
    let swapping = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (swapping, shutdown) = (Arc::clone(&swapping), shutdown.clone());
        std::thread::spawn(move || {
            while !shutdown.pause(SWAP_EVERY) {
                if swapping.load(Ordering::Relaxed) {
                    world.changes.fetch_add(1, Ordering::Relaxed);
                    world::republish(&world.models).ok();
                }
            }
        })
    };
    for line in std::io::stdin().lock().lines() {
        swapping.store(line? == SWAPS_ON, Ordering::Relaxed);
    }
    shutdown.trigger();
    server.join()?;
    swapper.join().ok();
    Ok(())
}

/// Serves nothing but answers of the size that each request asks for, on one core, until the process is ended.
///
/// # Errors
/// When the socket or the runtime cannot be had.
pub fn bare() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    let shutdown = Shutdown::new();
    let waiting = shutdown.clone();
    std::thread::spawn(move || end_with_parent(&waiting));
    local.block_on(&runtime, async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        announce(listener.local_addr()?)?;
        let mut stop = std::pin::pin!(shutdown.wait());
        loop {
            let stream = tokio::select! {
                () = stop.as_mut() => return Ok(()),
                accepted = listener.accept() => accepted?.0,
            };
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(async move {
                let service = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer));
                // A client that leaves is the end of a round.
                service.await.ok();
            });
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    static ZEROS: [u8; ANSWER_BYTES_MAX] = [b'0'; ANSWER_BYTES_MAX];
    let wanted = request.headers().get(ANSWER_BYTES);
    let wanted = wanted.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    // Read whole, as any server must before it can answer.
    let read = request
        .into_body()
        .collect()
        .await
        .map(|body| body.to_bytes());
    let bytes = ZEROS.get(..wanted.unwrap_or(0)).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from_static(bytes)));
    if bytes.is_empty() || read.is_err() {
        *response.status_mut() = StatusCode::NO_CONTENT;
    } else {
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-openrtb-version", HeaderValue::from_static("2.6"));
    }
    Ok(response)
}

/// Tells the parent where this process listens.
fn announce(address: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()?;
    Ok(())
}

/// Triggers `shutdown` when the parent closes the pipe, which it does also by dying.
fn end_with_parent(shutdown: &Shutdown) -> anyhow::Result<()> {
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
    shutdown.trigger();
    Ok(())
}
