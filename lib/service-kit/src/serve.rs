//! Serving HTTP/1.1 on several cores: one thread and one runtime each, all accepting from one socket.
//!
//! Whichever core accepts a connection hands it to the core with the fewest, so that long-lived connections
//! spread evenly. Handlers stay on their core and need not be `Send`. On shutdown every core stops accepting,
//! lets requests in flight finish within the grace period, and ends.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::connection::{self, Ended};
use crate::drain::Shutdown;
use crate::keeper::Keeper;
use crate::listen;
use crate::metrics::{
    CONNECTIONS, CONNECTIONS_CUT, CONNECTIONS_OPEN, CONNECTIONS_REFUSED, CONNECTIONS_TIMED_OUT,
};

/// How long accepting rests when the process has no file descriptor left: time for others to close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// An error type a response body may have.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The bounds of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Most connections open at once, over all cores; one more is closed at once.
    pub connections_max: usize,
    /// From the first byte of a request until its last header; enforced within twice this.
    pub header_timeout: Duration,
    /// How long a connection may stay silent between requests.
    pub idle_timeout: Duration,
    /// From the last header until the last byte of the body; handlers pass it to `body`.
    pub body_timeout: Duration,
    /// How long requests in flight may go on after shutdown.
    pub grace: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(5),
            grace: Duration::from_secs(5),
        }
    }
}

/// What a server is called, how wide it is and how far it goes.
#[derive(Debug, Clone, Copy)]
pub struct ServerOptions {
    /// Names threads and the `service` label of metrics.
    pub name: &'static str,
    /// Threads, at least 1.
    pub cores: usize,
    /// Its bounds.
    pub limits: ServerLimits,
}

/// Why a server did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket, a runtime or a thread could not be set up.
    #[error("server {name} cannot start: {source}")]
    Start {
        /// The server.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A core ended by a panic.
    #[error("a core of server {name} died")]
    CoreDied {
        /// The server.
        name: &'static str,
    },
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    address: SocketAddr,
    load: Arc<Load>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections open now, by core.
    pub fn connections(&self) -> Vec<usize> {
        self.load.counts()
    }

    /// Waits until it has drained after shutdown.
    ///
    /// # Errors
    /// `CoreDied` when a core panicked.
    pub fn join(self) -> Result<(), ServeError> {
        let ended: Vec<_> = self.threads.into_iter().map(JoinHandle::join).collect();
        if ended.iter().any(Result::is_err) {
            return Err(ServeError::CoreDied { name: self.name });
        }
        Ok(())
    }
}

/// Starts one thread per core on `listener`. `make` builds each core's handler on its thread, inside its runtime;
/// the argument is the core's index.
///
/// # Errors
/// When the system refuses sockets, runtimes or threads.
pub fn run_cores<M, S, F, B>(
    options: ServerOptions,
    listener: TcpListener,
    make: M,
    shutdown: &Shutdown,
) -> Result<Server, ServeError>
where
    M: Fn(usize) -> S + Send + Sync + 'static,
    S: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let name = options.name;
    let failed = |source| ServeError::Start { name, source };
    let cores = options.cores.max(1);
    let address = listener.local_addr().map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let load = Arc::new(Load::new(cores, options.limits.connections_max));
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..cores).map(|_| mpsc::unbounded_channel()).unzip();
    let peers = Arc::new(senders);
    let make = Arc::new(make);
    let mut threads = Vec::with_capacity(cores);
    let handles = listen::share(&listener, cores).map_err(failed)?;
    // From here on only the cores hold the socket, so that it closes when they stop.
    drop(listener);
    for (index, (listener, handed)) in handles.into_iter().zip(receivers).enumerate() {
        let core = Core {
            index,
            options,
            load: Arc::clone(&load),
            peers: Arc::clone(&peers),
            shutdown: shutdown.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(failed)?;
        let make = Arc::clone(&make);
        let thread = std::thread::Builder::new().name(format!("{name}-{index}"));
        let run = move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async move {
                let listener = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => {
                        tracing::error!(%error, service = name, "core cannot listen");
                        return;
                    }
                };
                serve_core(core, listener, handed, make(index)).await;
            });
        };
        threads.push(thread.spawn(run).map_err(failed)?);
    }
    Ok(Server {
        name,
        address,
        load,
        threads,
    })
}

/// Connections by core, shared by all cores of a server.
#[derive(Debug)]
struct Load {
    connections_max: usize,
    total: AtomicUsize,
    by_core: Vec<AtomicUsize>,
}

impl Load {
    fn new(cores: usize, connections_max: usize) -> Self {
        Self {
            connections_max,
            total: AtomicUsize::new(0),
            by_core: (0..cores).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    fn counts(&self) -> Vec<usize> {
        let counts = self.by_core.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// A place on the core with the fewest connections, `here` among equals; `None` at the cap.
    fn reserve(self: &Arc<Self>, here: usize) -> Option<Place> {
        if self.total.fetch_add(1, Ordering::Relaxed) >= self.connections_max {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let order = |core: &usize| {
            let count = self.by_core.get(*core).map(|c| c.load(Ordering::Relaxed));
            (count, *core != here)
        };
        let core = (0..self.by_core.len()).min_by_key(order).unwrap_or(here);
        Some(self.take(core))
    }

    fn take(self: &Arc<Self>, core: usize) -> Place {
        if let Some(count) = self.by_core.get(core) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Place {
            load: Arc::clone(self),
            core,
        }
    }
}

/// One connection's place in the counts, given back when dropped.
#[derive(Debug)]
struct Place {
    load: Arc<Load>,
    core: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(count) = self.load.by_core.get(self.core) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
        self.load.total.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection on its way to its core.
type Handed = (TcpStream, Place);

struct Core {
    index: usize,
    options: ServerOptions,
    load: Arc<Load>,
    // Unbounded channels are bounded by `connections_max`: each message holds a place.
    peers: Arc<Vec<mpsc::UnboundedSender<Handed>>>,
    shutdown: Shutdown,
}

/// What each connection of a core shares.
struct Spawner<S> {
    handler: Rc<S>,
    options: ServerOptions,
    keeper: Rc<Keeper>,
    alive: mpsc::Sender<()>,
}

async fn serve_core<S, F, B>(
    core: Core,
    listener: tokio::net::TcpListener,
    mut handed: mpsc::UnboundedReceiver<Handed>,
    handler: S,
) where
    S: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let (alive, mut all_done) = mpsc::channel(1);
    let spawner = Spawner {
        handler: Rc::new(handler),
        options: core.options,
        keeper: Keeper::new(core.options.limits, core.shutdown.clone()),
        alive,
    };
    let keeper = Rc::clone(&spawner.keeper);
    let mut ticks = tokio::time::interval(keeper.period());
    // A core that was held up counts too little time, never too much.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(core.shutdown.wait());
    loop {
        tokio::select! {
            biased;
            () = stop.as_mut() => break,
            Some((stream, place)) = handed.recv() => spawner.adopt(stream, place),
            accepted = listener.accept() => core.place(accepted, &spawner).await,
            _ = ticks.tick() => keeper.tick(),
        }
    }
    // What the kernel has already accepted for us is still answered; then the socket closes.
    while let Some(accepted) = accept_now(&listener).await {
        core.place(accepted, &spawner).await;
    }
    // Told before the socket closes: whoever sees it closed gets answers that say `connection: close`.
    keeper.begin_drain();
    drop(listener);
    handed.close();
    while let Some((stream, place)) = handed.recv().await {
        spawner.adopt(stream, place);
    }
    drop(spawner);
    // Nothing is ever sent: this ends when the last connection has dropped its handle.
    let all_done = async { while all_done.recv().await.is_some() {} };
    tokio::select! {
        () = all_done => {}
        () = keeper.cut_after_grace() => {}
    }
}

type Accepted = io::Result<(tokio::net::TcpStream, SocketAddr)>;

async fn accept_now(listener: &tokio::net::TcpListener) -> Option<Accepted> {
    std::future::poll_fn(|context| match listener.poll_accept(context) {
        Poll::Ready(Ok(accepted)) => Poll::Ready(Some(Ok(accepted))),
        Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
    })
    .await
}

impl Core {
    async fn place<S, F, B>(&self, accepted: Accepted, spawner: &Spawner<S>)
    where
        S: Fn(Request<Incoming>) -> F + 'static,
        F: Future<Output = Response<B>> + 'static,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        let service = self.options.name;
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, service, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                return;
            }
        };
        let Some(place) = self.load.reserve(self.index) else {
            metrics::counter!(CONNECTIONS_REFUSED, "service" => service).increment(1);
            return;
        };
        metrics::counter!(CONNECTIONS, "service" => service).increment(1);
        if place.core == self.index {
            spawner.spawn(stream, place);
            return;
        }
        let Ok(stream) = stream.into_std() else {
            return;
        };
        let Some(peer) = self.peers.get(place.core) else {
            return;
        };
        // A peer that is draining gives it back: then it is served here.
        if let Err(mpsc::error::SendError((stream, place))) = peer.send((stream, place)) {
            spawner.adopt(stream, place);
        }
    }
}

impl<S> Spawner<S> {
    fn adopt<F, B>(&self, stream: TcpStream, place: Place)
    where
        S: Fn(Request<Incoming>) -> F + 'static,
        F: Future<Output = Response<B>> + 'static,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        if let Ok(stream) = tokio::net::TcpStream::from_std(stream) {
            self.spawn(stream, place);
        }
    }

    fn spawn<F, B>(&self, stream: tokio::net::TcpStream, place: Place)
    where
        S: Fn(Request<Incoming>) -> F + 'static,
        F: Future<Output = Response<B>> + 'static,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        let service = self.options.name;
        let handler = Rc::clone(&self.handler);
        let kept = self.keeper.keep();
        let alive = self.alive.clone();
        let open = Open::new(service);
        tokio::task::spawn_local(async move {
            // Dropped at the end also when a handler panics.
            let activity = Rc::clone(&kept.activity);
            let _held = (place, alive, open, kept);
            match connection::serve(stream, handler, activity).await {
                Ended::Closed => {}
                Ended::TimedOut => {
                    metrics::counter!(CONNECTIONS_TIMED_OUT, "service" => service).increment(1);
                }
                Ended::Cut => {
                    metrics::counter!(CONNECTIONS_CUT, "service" => service).increment(1);
                }
            }
        });
    }
}

/// Counts one connection as open until it is dropped.
struct Open(metrics::Gauge);

impl Open {
    fn new(service: &'static str) -> Self {
        let gauge = metrics::gauge!(CONNECTIONS_OPEN, "service" => service);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
