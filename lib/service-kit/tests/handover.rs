//! A second server takes the first one's socket while clients keep sending.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use service_kit::handover::{Offer, Takeover};
use service_kit::{Server, ServerLimits, ServerOptions, Shutdown, listen, run_cores};

const CLIENTS: usize = 4;
const TIMEOUT: Duration = Duration::from_secs(20);

fn start(generation: &'static str, listener: std::net::TcpListener, shutdown: &Shutdown) -> Server {
    let options = ServerOptions {
        name: "test",
        cores: 2,
        limits: ServerLimits::default(),
    };
    let make = move |_| {
        move |_: Request<Incoming>| async move {
            Response::new(Full::<Bytes>::from(format!("{generation}!")))
        }
    };
    run_cores(options, listener, make, shutdown).unwrap()
}

/// Asks again and again on a kept connection, and on a new one when the answer says that the old one ends.
fn keep_asking(address: SocketAddr, old: &AtomicUsize, new: &AtomicUsize, end: &AtomicBool) {
    let mut kept: Option<TcpStream> = None;
    while !end.load(Ordering::SeqCst) {
        let mut stream = kept.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            stream
        });
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"!") {
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "closed unanswered");
            text.push(byte[0]);
        }
        let text = String::from_utf8(text).unwrap();
        let count = if text.ends_with("old!") { old } else { new };
        count.fetch_add(1, Ordering::SeqCst);
        if !text.contains("connection: close") {
            kept = Some(stream);
        }
    }
}

fn wait_for(count: &AtomicUsize, more: usize, clients: &[JoinHandle<()>]) {
    let target = count.load(Ordering::SeqCst) + more;
    while count.load(Ordering::SeqCst) < target {
        assert!(!clients.iter().any(JoinHandle::is_finished), "one gave up");
        std::thread::yield_now();
    }
}

#[test]
fn clients_that_keep_sending_notice_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (first, second) = (Shutdown::new(), Shutdown::new());
    let listener = listen::bind("test.listen", "127.0.0.1:0").unwrap();
    let handles = vec![("web".to_owned(), listener.try_clone().unwrap())];
    let offer = runtime.block_on(async { Offer::open(&path, handles).unwrap() });
    let old_server = start("old", listener, &first);
    let address = old_server.address();
    let (old, new, end) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicBool>)>::default();
    let clients: Vec<JoinHandle<()>> = (0..CLIENTS)
        .map(|_| {
            let (old, new, end) = (Arc::clone(&old), Arc::clone(&new), Arc::clone(&end));
            std::thread::spawn(move || keep_asking(address, &old, &new, &end))
        })
        .collect();
    wait_for(&old, 100, &clients);
    let successor = {
        let (path, second) = (path.clone(), second.clone());
        std::thread::spawn(move || {
            // One that asks and goes away takes nothing.
            drop(UnixStream::connect(&path).unwrap());
            let mut takeover = Takeover::ask(&path).unwrap();
            let (name, listener) = takeover.sockets().pop().unwrap();
            assert_eq!(name, "web");
            takeover.wait_until_stopped(TIMEOUT).unwrap();
            start("new", listener, &second)
        })
    };
    let taken = runtime.block_on(offer.taken());
    drop(offer);
    assert!(!path.exists());
    first.leave();
    // Every kept connection has been told to end.
    wait_for(&old, 100 * CLIENTS, &clients);
    first.trigger();
    taken.stopped();
    old_server.join().unwrap();
    let new_server = successor.join().unwrap();
    wait_for(&new, 100, &clients);
    end.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().unwrap();
    }
    second.trigger();
    new_server.join().unwrap();
}

#[test]
fn a_holder_that_dies_has_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    assert!(Takeover::ask(&path).is_err(), "nobody is there");
    let holder = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = listen::bind("test.listen", "127.0.0.1:0").unwrap();
    let offer = holder.block_on(async { Offer::open(&path, vec![("web".to_owned(), listener)]) });
    let offer = offer.unwrap();
    let asker = std::thread::spawn({
        let path = path.clone();
        move || {
            Takeover::ask(&path)
                .unwrap()
                .wait_until_stopped(TIMEOUT)
                .unwrap()
        }
    });
    drop(holder.block_on(offer.taken()));
    asker.join().unwrap();
}
