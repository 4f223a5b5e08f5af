//! The server on real loopback sockets: pipelining, timeouts, cap, balance, drain.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use service_kit::{Server, ServerLimits, ServerOptions, Shutdown, listen, run_cores};

type Answer = Response<Full<Bytes>>;

fn options(cores: usize) -> ServerOptions {
    ServerOptions {
        name: "test",
        cores,
        limits: ServerLimits {
            connections_max: 8,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(1),
            grace: Duration::from_secs(10),
        },
    }
}

async fn echo_path(request: Request<Incoming>) -> Answer {
    Response::new(Full::from(request.uri().path().to_owned()))
}

fn start(options: ServerOptions, shutdown: &Shutdown) -> Server {
    let listener = listen::bind("test.listen", "127.0.0.1:0").unwrap();
    run_cores(options, listener, |_| echo_path, shutdown).unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Reads until `text` ends with `end`.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) && stream.read(&mut byte).unwrap() == 1 {
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let shutdown = Shutdown::new();
    let server = start(options(2), &shutdown);
    let mut stream = connect(&server);
    let requests: String = (0..20)
        .map(|i| format!("GET /n{i}. HTTP/1.1\r\nhost: a\r\n\r\n"))
        .collect();
    stream.write_all(requests.as_bytes()).unwrap();
    let text = read_until(&mut stream, "/n19.");
    let places: Vec<_> = (0..20)
        .map(|i| text.find(&format!("/n{i}.")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{text}");
    shutdown.trigger();
    assert_eq!(rest(&mut stream), "", "an idle connection closes at once");
    server.join().unwrap();
}

#[test]
fn an_answer_does_not_wait_for_the_rest_of_the_next_request() {
    let shutdown = Shutdown::new();
    let server = start(options(1), &shutdown);
    // Some clients send a line end after a body; others' next request arrives in pieces.
    for begun in ["\r\n", "GET /second HTTP/1.1\r\nho"] {
        let mut stream = connect(&server);
        write!(stream, "GET /first. HTTP/1.1\r\nhost: a\r\n\r\n{begun}").unwrap();
        assert!(read_until(&mut stream, "/first.").ends_with("/first."));
    }
    shutdown.trigger();
    server.join().unwrap();
}

#[test]
fn slow_heads_and_silent_clients_are_cut_off() {
    let shutdown = Shutdown::new();
    let mut options = options(1);
    options.limits.header_timeout = Duration::from_millis(50);
    options.limits.idle_timeout = Duration::from_millis(100);
    let server = start(options, &shutdown);
    let mut silent = connect(&server);
    let mut slow = connect(&server);
    slow.write_all(b"GET / HTTP/1.1\r\nhost: ").unwrap();
    assert_eq!(rest(&mut slow), "");
    assert_eq!(rest(&mut silent), "");
    shutdown.trigger();
    server.join().unwrap();
}

#[test]
fn garbage_and_endless_heads_are_refused() {
    let shutdown = Shutdown::new();
    let server = start(options(1), &shutdown);
    let mut garbage = connect(&server);
    garbage.write_all(b"\x16\x03\x01 hello\r\n\r\n").unwrap();
    let text = rest(&mut garbage);
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    let mut long = connect(&server);
    let head = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(70 << 10));
    // The server may close while we still write.
    long.write_all(head.as_bytes()).ok();
    let mut answer = [0; 12];
    long.read_exact(&mut answer).unwrap();
    assert!(
        [&b"HTTP/1.1 414"[..], b"HTTP/1.1 431"].contains(&&answer[..]),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    shutdown.trigger();
    server.join().unwrap();
}

#[test]
fn connections_spread_evenly_and_stop_at_the_cap() {
    let shutdown = Shutdown::new();
    let server = start(options(4), &shutdown);
    let mut open = Vec::new();
    for i in 0..8 {
        let mut stream = connect(&server);
        write!(stream, "GET /{i}. HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        read_until(&mut stream, &format!("/{i}."));
        open.push(stream);
    }
    assert_eq!(server.connections(), [2, 2, 2, 2]);
    let mut ninth = connect(&server);
    let mut byte = [0];
    // Closed at once: end of stream or reset, never an answer.
    assert!(!matches!(ninth.read(&mut byte), Ok(1..)));
    shutdown.trigger();
    server.join().unwrap();
}

#[test]
fn a_request_in_flight_is_finished_after_shutdown() {
    let shutdown = Shutdown::new();
    let listener = listen::bind("test.listen", "127.0.0.1:0").unwrap();
    let (entered, in_handler) = mpsc::channel();
    let release = Shutdown::new();
    let wait = release.clone();
    let make = move |_| {
        let (entered, wait) = (entered.clone(), wait.clone());
        move |_: Request<Incoming>| {
            let (entered, wait) = (entered.clone(), wait.clone());
            async move {
                entered.send(()).unwrap();
                wait.wait().await;
                Response::new(Full::from("finished"))
            }
        }
    };
    let server = run_cores(options(1), listener, make, &shutdown).unwrap();
    let mut stream = connect(&server);
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    in_handler.recv().unwrap();
    let address = server.address();
    shutdown.trigger();
    // The socket closes while the request is still in flight.
    while TcpStream::connect(address).is_ok() {}
    release.trigger();
    let text = rest(&mut stream);
    assert!(text.ends_with("finished"), "{text}");
    assert!(text.contains("connection: close"), "{text}");
    server.join().unwrap();
}

#[test]
fn a_handler_that_never_answers_is_cut_at_the_end_of_the_grace_period() {
    let shutdown = Shutdown::new();
    let listener = listen::bind("test.listen", "127.0.0.1:0").unwrap();
    let mut options = options(1);
    options.limits.grace = Duration::from_millis(50);
    let (entered, in_handler) = mpsc::channel();
    let make = move |_| {
        let entered = entered.clone();
        move |_: Request<Incoming>| {
            entered.send(()).unwrap();
            std::future::pending::<Answer>()
        }
    };
    let server = run_cores(options, listener, make, &shutdown).unwrap();
    let mut stream = connect(&server);
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    in_handler.recv().unwrap();
    shutdown.trigger();
    server.join().unwrap();
    assert_eq!(rest(&mut stream), "");
}

#[test]
fn a_panicking_handler_costs_its_own_connection_only() {
    let shutdown = Shutdown::new();
    let listener = listen::bind("test.listen", "127.0.0.1:0").unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let make = move |_| {
        let calls = Arc::clone(&calls);
        move |_: Request<Incoming>| {
            let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                assert!(!first, "the handler's own mistake");
                Response::new(Full::<Bytes>::from("alive."))
            }
        }
    };
    let server = run_cores(options(1), listener, make, &shutdown).unwrap();
    for expected in ["", "alive."] {
        let mut stream = connect(&server);
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        assert!(read_until(&mut stream, "alive.").ends_with(expected));
    }
    shutdown.trigger();
    server.join().unwrap();
}
