//! The bid endpoint as exchanges use it: packed bodies, pipelines, HTTP/2, and senders that never finish.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bidder::config::NoBidStyle;
use bidder::{Config, Server};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use service_kit::pack::GZIP_BYTES_MIN;
use service_kit::{ServerLimits, Shutdown};
use support::{BANNER, World};

fn with_server(config: Config, limits: ServerLimits, test: impl FnOnce(SocketAddr)) {
    let mut world = World::new(&["banner"], config);
    let other = World::unready(&[], Config::default());
    let background = std::mem::replace(&mut world.background, other.background);
    let shutdown = Shutdown::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::run(&world.bidder, background, listener, (limits, &shutdown)).unwrap();
    test(server.address());
    shutdown.trigger();
    server.join().unwrap();
}

/// With every no-bid said in a body that has its request's id.
fn with_reasons() -> Config {
    let mut config = Config::default();
    config.exchanges.get_mut("generic").unwrap().no_bid = NoBidStyle::Reason;
    config
}

/// One answer, as it came.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &'_ &str| {
            let (found, _) = line.split_once(':').unwrap_or_default();
            found.eq_ignore_ascii_case(name)
        };
        let line = self.head.lines().find(named)?;
        Some(line.split_once(':')?.1.trim())
    }

    fn unpacked(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        GzDecoder::new(&self.body[..])
            .read_to_end(&mut plain)
            .unwrap();
        plain
    }
}

/// A connection that is kept alive.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// The next answer; nothing when the server has closed.
    fn next(&mut self) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body).unwrap();
        Some(answer)
    }

    fn ask(&mut self, headers: &str, body: &[u8]) -> Answer {
        self.send(&post(headers, body));
        self.next().unwrap()
    }
}

fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /bid/generic HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A Zstandard frame of one block: `plain` as it is (kind 0), or its first byte `repeat` times (kind 1).
fn zstd(plain: &[u8], kind: usize, repeat: usize, blocks: usize) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    for left in (0..blocks).rev() {
        let head = (repeat << 3) | (kind << 1) | usize::from(left == 0);
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.extend_from_slice(plain);
    }
    frame
}

#[test]
fn packed_bodies_are_decided_like_plain_ones_and_bombs_are_refused() {
    let no_bid = BANNER.replace("300", "301");
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 70_000);
    let cases: [(&str, Vec<u8>, u16); 14] = [
        ("", BANNER.into(), 200),
        ("content-encoding: identity\r\n", BANNER.into(), 200),
        ("content-encoding: gzip\r\n", gzip(BANNER.as_bytes()), 200),
        ("Content-Encoding: GZIP\r\n", gzip(no_bid.as_bytes()), 204),
        (
            "content-encoding: zstd\r\n",
            zstd(BANNER.as_bytes(), 0, BANNER.len(), 1),
            200,
        ),
        (
            "content-encoding: zstd\r\n",
            zstd(no_bid.as_bytes(), 0, no_bid.len(), 1),
            204,
        ),
        ("content-encoding: gzip\r\n", gzip(b""), 400),
        ("content-encoding: gzip\r\n", BANNER.into(), 400),
        ("content-encoding: zstd\r\n", BANNER.into(), 400),
        ("content-encoding: zstd\r\n", gzip(BANNER.as_bytes()), 400),
        ("content-encoding: gzip\r\n", bomb, 413),
        (
            "content-encoding: zstd\r\n",
            zstd(b" ", 1, 128 << 10, 16_000),
            413,
        ),
        ("content-encoding: br\r\n", BANNER.into(), 415),
        ("content-encoding: gzip, zstd\r\n", BANNER.into(), 415),
    ];
    with_server(Config::default(), ServerLimits::default(), |address| {
        let mut client = Client::new(address);
        for (headers, body, wanted) in cases {
            let answer = client.ask(headers, &body);
            assert_eq!(answer.status, wanted, "{headers} {answer:?}");
            let understood = answer.header("accept-encoding");
            assert_eq!(understood, (wanted == 415).then_some("gzip, zstd"));
        }
    });
}

#[test]
fn answers_are_packed_for_who_asks_where_it_pays() {
    // The answer repeats the request's id.
    let request = |id: usize| {
        let body = BANNER.replace("300", "301");
        body.replacen("\"r\"", &format!("\"{}\"", "i".repeat(id)), 1)
    };
    with_server(with_reasons(), ServerLimits::default(), |address| {
        let mut client = Client::new(address);
        let small = client.ask("", request(1).as_bytes()).body.len();
        let fill = GZIP_BYTES_MIN - small + 1;
        let cases = [
            ("", fill, false),
            ("accept-encoding: identity\r\n", fill, false),
            ("accept-encoding: br, gzip;q=0\r\n", fill, false),
            ("accept-encoding: gzip\r\n", fill - 1, false),
            ("accept-encoding: gzip\r\n", fill, true),
            ("accept-encoding: br, gzip;q=0.5\r\n", fill, true),
        ];
        for (headers, id, is_packed) in cases {
            let answer = client.ask(headers, request(id).as_bytes());
            assert_eq!(
                answer.header("content-encoding"),
                is_packed.then_some("gzip"),
                "{headers} {answer:?}"
            );
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("x-openrtb-version"), Some("2.6"));
            let body = if is_packed {
                answer.unpacked()
            } else {
                answer.body
            };
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["id"], "i".repeat(id));
        }
        let bid = client.ask("accept-encoding: gzip\r\n", BANNER.as_bytes());
        assert_eq!(bid.header("content-encoding"), Some("gzip"));
        let body: serde_json::Value = serde_json::from_slice(&bid.unpacked()).unwrap();
        assert_eq!(body["seatbid"][0]["bid"][0]["price"], 2);
    });
}

#[test]
fn no_content_has_no_content() {
    with_server(Config::default(), ServerLimits::default(), |address| {
        let nothing = Client::new(address).ask(
            "accept-encoding: gzip\r\n",
            BANNER.replace("300", "301").as_bytes(),
        );
        assert_eq!((nothing.status, nothing.body.len()), (204, 0));
        for name in [
            "content-type",
            "content-length",
            "content-encoding",
            "transfer-encoding",
        ] {
            assert_eq!(nothing.header(name), None, "{name}");
        }
    });
}

#[test]
fn ten_thousand_pipelined_requests_are_answered_in_order() {
    const REQUESTS: usize = 10_000;
    with_server(with_reasons(), ServerLimits::default(), |address| {
        let mut client = Client::new(address);
        let mut writer = client.0.get_ref().try_clone().unwrap();
        let sending = std::thread::spawn(move || {
            for i in 0..REQUESTS {
                let width = if i.is_multiple_of(3) { "300" } else { "301" };
                let body = BANNER.replace("300", width);
                let body = body.replacen("\"r\"", &format!("\"{i}\""), 1);
                let cut = if i.is_multiple_of(7) { 10 } else { 0 };
                let body = &body.as_bytes()[..body.len() - cut];
                let bytes = if i.is_multiple_of(5) {
                    post("content-encoding: gzip\r\n", &gzip(body))
                } else {
                    post("", body)
                };
                // In pieces that end anywhere, so that heads and bodies are torn.
                for piece in bytes.chunks(1 + i % 1000) {
                    writer.write_all(piece).unwrap();
                }
            }
        });
        for i in 0..REQUESTS {
            let answer = client.next().unwrap();
            if i.is_multiple_of(7) {
                assert_eq!(answer.status, 400, "{i}");
                continue;
            }
            assert_eq!(answer.status, 200, "{i}");
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(body["id"], i.to_string());
        }
        sending.join().unwrap();
    });
}

#[test]
fn a_connection_is_kept_or_closed_as_the_client_says() {
    let cases = [
        ("HTTP/1.1", "", true),
        ("HTTP/1.1", "connection: keep-alive\r\n", true),
        ("HTTP/1.1", "connection: close\r\n", false),
        ("HTTP/1.0", "connection: keep-alive\r\n", true),
        ("HTTP/1.0", "", false),
    ];
    with_server(Config::default(), ServerLimits::default(), |address| {
        for (version, headers, is_kept) in cases {
            let mut client = Client::new(address);
            let request = String::from_utf8(post(headers, BANNER.as_bytes())).unwrap();
            let request = request.replacen("HTTP/1.1", version, 1);
            client.send(request.as_bytes());
            assert_eq!(client.next().unwrap().status, 200, "{version} {headers}");
            if is_kept {
                client.send(request.as_bytes());
                assert_eq!(client.next().unwrap().status, 200, "{version} {headers}");
            } else {
                assert_eq!(client.next(), None, "{version} {headers}");
            }
        }
    });
}

#[test]
fn http2_gets_the_decisions_of_http1() {
    let no_bid = BANNER.replace("300", "301");
    let cases: [(&str, Vec<u8>); 5] = [
        ("identity", BANNER.into()),
        ("identity", no_bid.into()),
        ("gzip", gzip(BANNER.as_bytes())),
        ("zstd", zstd(BANNER.as_bytes(), 0, BANNER.len(), 1)),
        ("br", BANNER.into()),
    ];
    with_server(Config::default(), ServerLimits::default(), |address| {
        let mut client = Client::new(address);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .unwrap();
            tokio::spawn(connection);
            for (encoding, body) in cases {
                let plain = client.ask(&format!("content-encoding: {encoding}\r\n"), &body);
                let request = hyper::Request::post(format!("http://{address}/bid/generic"))
                    .header("content-encoding", encoding)
                    .body(Full::new(bytes::Bytes::from(body)))
                    .unwrap();
                let response = sender.send_request(request).await.unwrap();
                assert_eq!(response.status().as_u16(), plain.status, "{encoding}");
                for name in ["content-type", "x-openrtb-version", "accept-encoding"] {
                    let got = response
                        .headers()
                        .get(name)
                        .map(|value| value.to_str().unwrap());
                    assert_eq!(got, plain.header(name), "{encoding} {name}");
                }
                let bytes = response.into_body().collect().await.unwrap().to_bytes();
                let price = |bytes: &[u8]| {
                    let body: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
                    body.map(|body| body["seatbid"][0]["bid"][0]["price"].clone())
                };
                assert_eq!(price(&bytes), price(&plain.body));
            }
        });
    });
}

#[test]
fn senders_that_never_finish_are_cut_while_others_are_served() {
    const SLOW: usize = 300;
    let config = Config {
        in_flight_max: 8,
        ..Config::default()
    };
    let limits = ServerLimits {
        header_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        ..ServerLimits::default()
    };
    with_server(config, limits, |address| {
        let slow = |i: usize| {
            let mut stream = TcpStream::connect(address).unwrap();
            let head = post("", &[b' '; 5000]);
            // Half of them never end their head, the others never end their body.
            let begun = if i.is_multiple_of(2) {
                20
            } else {
                head.len() - 4000
            };
            stream.write_all(&head[..begun]).unwrap();
            stream.set_nonblocking(true).unwrap();
            (stream, Vec::new())
        };
        let mut open: Vec<_> = (0..SLOW).map(slow).collect();
        let mut ended = Vec::new();
        let mut client = Client::new(address);
        let mut served = 0;
        while !open.is_empty() {
            assert_eq!(
                client.ask("", BANNER.as_bytes()).status,
                200,
                "after {served}"
            );
            served += 1;
            let trickle = |(stream, answer): &mut (TcpStream, Vec<u8>)| {
                let mut buffer = [0; 512];
                let read = stream.read(&mut buffer);
                if let Ok(bytes) = read {
                    answer.extend_from_slice(&buffer[..bytes]);
                }
                let waits =
                    matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
                // One more byte of what never ends; a part of them stays silent.
                waits && (served % 50 != 0 || stream.write(b"a").is_ok()) || matches!(read, Ok(1..))
            };
            let (still, done): (Vec<_>, Vec<_>) = open
                .into_iter()
                .map(|mut one| (trickle(&mut one), one))
                .partition(|(goes_on, _)| *goes_on);
            open = still.into_iter().map(|(_, one)| one).collect();
            ended.extend(done.into_iter().map(|(_, (_, answer))| answer));
        }
        assert_eq!(ended.len(), SLOW);
        let with = |status: &str| {
            let begins = format!("HTTP/1.1 {status}");
            ended
                .iter()
                .filter(|answer| answer.starts_with(begins.as_bytes()))
                .count()
        };
        assert!(
            with("204") + with("408") <= SLOW / 2,
            "{} {}",
            with("204"),
            with("408")
        );
        assert_eq!(with("200"), 0);
        assert!(served > 1);
    });
}
