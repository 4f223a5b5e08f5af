//! HTTP/2 in clear on the port of HTTP/1: recognised however it arrives, many at once, bounded, drained.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use service_kit::{Server, ServerLimits, ServerOptions, Shutdown, listen, run_cores};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A SETTINGS frame without settings.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

fn limits() -> ServerLimits {
    ServerLimits {
        connections_max: 64,
        header_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(20),
        body_timeout: Duration::from_secs(1),
        grace: Duration::from_secs(10),
    }
}

/// Answers with the path and the body's length.
async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await;
    let bytes = body.map(|body| body.to_bytes().len()).unwrap_or(0);
    Response::new(Full::from(format!("{path} {bytes}")))
}

fn with_server(limits: ServerLimits, test: impl AsyncFnOnce(&Server, &Shutdown)) {
    let shutdown = Shutdown::new();
    let options = ServerOptions {
        name: "test",
        cores: 2,
        limits,
    };
    let listener = listen::bind("test.listen", "127.0.0.1:0").unwrap();
    let server = run_cores(options, listener, |_| answer, &shutdown).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test(&server, &shutdown));
    shutdown.trigger();
    drop(runtime);
    server.join().unwrap();
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    sender
}

fn request(path: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    let builder = Request::post(format!("http://x{path}"));
    builder.body(Full::from(body)).unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

#[test]
fn many_requests_share_one_connection_and_each_gets_its_answer() {
    with_server(limits(), async |server, _| {
        let sender = connect(server.address()).await;
        let mut asked = tokio::task::JoinSet::new();
        for i in 0..1000 {
            let mut sender = sender.clone();
            asked.spawn(async move {
                let sent = sender.send_request(request(&format!("/{i}"), vec![b'x'; i * 7]));
                let response = sent.await.unwrap();
                assert_eq!(
                    (response.status(), response.version()),
                    (StatusCode::OK, Version::HTTP_2)
                );
                let length = response.headers()["content-length"]
                    .to_str()
                    .unwrap()
                    .to_owned();
                let text = text(response).await;
                assert_eq!(text, format!("/{i} {}", i * 7));
                assert_eq!(length, text.len().to_string());
            });
        }
        assert_eq!(asked.join_all().await.len(), 1000);
        assert_eq!(server.connections().iter().sum::<usize>(), 1);
        // More than any window: credit is given back as the handler reads.
        let large = sender
            .clone()
            .send_request(request("/large", vec![0; 3 << 20]));
        assert_eq!(
            text(large.await.unwrap()).await,
            format!("/large {}", 3 << 20)
        );
    });
}

fn blocking(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

#[test]
fn the_protocol_is_seen_however_its_first_bytes_arrive() {
    with_server(limits(), async |server, _| {
        // Byte by byte; then a preface that goes wrong at each place, and methods that begin like it.
        let mut slow = blocking(server.address());
        for byte in PREFACE.iter().chain(&SETTINGS) {
            slow.write_all(&[*byte]).unwrap();
        }
        let mut frame = [0; 9];
        slow.read_exact(&mut frame).unwrap();
        assert_eq!(
            (frame[3], frame[4]),
            (4, 0),
            "SETTINGS come first: {frame:?}"
        );
        for length in 1..PREFACE.len() {
            let mut wrong = blocking(server.address());
            wrong.write_all(&PREFACE[..length]).unwrap();
            wrong.write_all(b"\0\r\n\r\n").unwrap();
            let mut answer = [0; 12];
            wrong.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 400", "{length}");
        }
        for (method, pieces) in [
            ("POST", 1),
            ("PROPFIND", 1),
            ("P", 1),
            ("PRI", 2),
            ("GET", 9),
        ] {
            let mut plain = blocking(server.address());
            let head = format!("{method} /p HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            for piece in head.as_bytes().chunks(head.len() / pieces) {
                plain.write_all(piece).unwrap();
            }
            let mut answer = String::new();
            plain.read_to_string(&mut answer).unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 200") && answer.ends_with("/p 0"),
                "{method}: {answer}"
            );
        }
        let mut gone = blocking(server.address());
        gone.write_all(b"PRI").unwrap();
        gone.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        gone.read_to_end(&mut answer).unwrap();
    });
}

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `POST http://x/` in HPACK: indexed method, scheme and path, a literal authority.
const HEADERS: [u8; 6] = [0x83, 0x86, 0x84, 0x41, 0x01, b'x'];

/// Sends `bytes` and reads until the server closes; gives the kinds and payloads of its frames.
fn frames_until_closed(mut stream: TcpStream, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    // It may be closed before all is written.
    stream.write_all(bytes).ok();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).ok();
    let (mut rest, mut frames) = (&got[..], Vec::new());
    while let Some((head, after)) = rest.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let length = length.min(after.len());
        frames.push((head[3], after[..length].to_vec()));
        rest = &after[length..];
    }
    frames
}

#[test]
fn floods_end_the_connection_that_makes_them() {
    const PROTOCOL_ERROR: u8 = 1;
    const ENHANCE_YOUR_CALM: u8 = 11;
    let open = |i: u32| frame(1, 4, 2 * i + 1, &HEADERS);
    let resets = |i| [open(i), frame(3, 0, 2 * i + 1, &[0, 0, 0, 8])].concat();
    let begun = frame(1, 0, 1, &HEADERS);
    let cases: [(&str, Vec<u8>); 3] = [
        ("rapid reset", (0..20_000).flat_map(resets).collect()),
        (
            "endless continuation",
            [begun, frame(9, 0, 1, &[0x40; 16_000]).repeat(200)].concat(),
        ),
        (
            "streams over the limit",
            (0..20_000).flat_map(open).collect(),
        ),
    ];
    with_server(limits(), async |server, _| {
        for (name, flood) in cases {
            let bytes = [PREFACE, &SETTINGS, &flood].concat();
            let frames = frames_until_closed(blocking(server.address()), &bytes);
            let told = frames.iter().find(|(kind, _)| *kind == 7);
            // The reset of a connection may overtake the goodbye.
            if let Some((_, payload)) = told {
                let codes = [PROTOCOL_ERROR, ENHANCE_YOUR_CALM];
                assert!(codes.contains(&payload[7]), "{name}: {payload:?}");
            }
            let mut sender = connect(server.address()).await;
            let response = sender.send_request(request("/still", Vec::new())).await;
            assert_eq!(text(response.unwrap()).await, "/still 0", "{name}");
        }
    });
}

#[test]
fn the_limits_are_told_at_the_start() {
    with_server(limits(), async |server, _| {
        let mut stream = blocking(server.address());
        stream.write_all(&[PREFACE, &SETTINGS].concat()).unwrap();
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut settings = vec![0; usize::from(head[2])];
        stream.read_exact(&mut settings).unwrap();
        let of = |id: u8| {
            let found = settings.chunks(6).find(|pair| pair[1] == id).unwrap();
            u32::from_be_bytes([found[2], found[3], found[4], found[5]])
        };
        // MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_HEADER_LIST_SIZE.
        assert_eq!([of(3), of(4), of(6)], [256, 64 << 10, 16 << 10]);
    });
}

#[test]
fn silent_connections_are_closed_though_they_ping() {
    let limits = ServerLimits {
        header_timeout: Duration::from_millis(50),
        idle_timeout: Duration::from_millis(200),
        ..limits()
    };
    with_server(limits, async |server, _| {
        let mut silent = blocking(server.address());
        let mut stuck = blocking(server.address());
        let mut pings = blocking(server.address());
        silent.write_all(&[PREFACE, &SETTINGS].concat()).unwrap();
        stuck.write_all(&PREFACE[..7]).unwrap();
        pings.write_all(&[PREFACE, &SETTINGS].concat()).unwrap();
        let mut got = Vec::new();
        stuck.read_to_end(&mut got).unwrap();
        assert_eq!(got, b"");
        silent.read_to_end(&mut got).unwrap();
        // Each reply allows the next ping, until there is none.
        let mut buffer = [0; 64];
        while pings.write_all(&frame(6, 0, 0, &[1; 8])).is_ok() {
            if !matches!(pings.read(&mut buffer), Ok(1..)) {
                break;
            }
        }
    });
}

#[test]
fn shutdown_answers_what_was_asked_and_ends_the_connection() {
    with_server(limits(), async |server, shutdown| {
        let mut sender = connect(server.address()).await;
        let first = sender.send_request(request("/first", Vec::new())).await;
        assert_eq!(text(first.unwrap()).await, "/first 0");
        shutdown.trigger();
        let mut answered = 0;
        // Until the goodbye is here, requests are answered; each is answered or refused, none is left open.
        while let Ok(response) = sender.send_request(request("/later", Vec::new())).await {
            assert_eq!(text(response).await, "/later 0");
            answered += 1;
        }
        assert!(
            sender.is_closed() || sender.ready().await.is_err(),
            "{answered}"
        );
    });
}
