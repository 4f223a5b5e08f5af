//! The bid endpoint over a loopback socket: methods, paths, sizes, encodings, and a clean end.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bidder::config::ExchangeConfig;
use bidder::gate::Authorization;
use bidder::{Config, Server};
use prost::Message;
use proto::openrtb::protobuf::wire::BidResponse;
use service_kit::{ServerLimits, Shutdown};
use support::World;

/// `BANNER` in protobuf.
const BANNER_PROTOBUF: &[u8] = b"\x0a\x01r\x12\x0b\x0a\x011\x12\x06\x08\xac\x02\x10\xfa\x01";
const BANNER: &str = r#"{"id":"r","imp":[{"id":"1","banner":{"w":300,"h":250}}]}"#;

/// Sends one request on a connection of its own; gives status, head and body.
fn ask(address: SocketAddr, head: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let length = body.len();
    let head =
        format!("{head}\r\nhost: x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses by size closes before everything is written.
    stream.write_all(body).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec())
        .unwrap()
        .to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[end + 4..].to_vec())
}

fn with_server(config: Config, test: impl FnOnce(SocketAddr)) -> World {
    let mut world = World::new(&["banner"], config);
    let other = World::unready(&[], Config::default());
    let background = std::mem::replace(&mut world.background, other.background);
    let shutdown = Shutdown::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let limits = (ServerLimits::default(), &shutdown);
    let server = Server::run(&world.bidder, background, listener, limits).unwrap();
    test(server.address());
    shutdown.trigger();
    server.join().unwrap();
    world
}

#[test]
fn the_endpoint_speaks_http() {
    let world = with_server(Config::default(), |address| {
        let post = "POST /bid/generic HTTP/1.1";
        let (status, head, body) = ask(address, post, BANNER.as_bytes());
        assert_eq!(status, 200, "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{head}"
        );
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["seatbid"][0]["bid"][0]["price"], 2);

        let (status, head, body) = ask(address, post, BANNER.replace("300", "301").as_bytes());
        assert_eq!((status, body.len()), (204, 0));
        assert!(!head.contains("content-type"), "{head}");

        let large = vec![b' '; 5 << 20];
        let cases: [(&str, &[u8], u16); 8] = [
            (post, b"", 400),
            (post, b"{\"id\":", 400),
            (post, &large, 413),
            ("POST /bid/nobody HTTP/1.1", BANNER.as_bytes(), 404),
            ("POST /elsewhere HTTP/1.1", BANNER.as_bytes(), 404),
            ("GET /bid/generic HTTP/1.1", b"", 405),
            (
                "POST /bid/generic HTTP/1.1\r\ncontent-encoding: br",
                BANNER.as_bytes(),
                415,
            ),
            (
                "POST /bid/generic HTTP/1.1\r\ncontent-encoding: gzip",
                b"no gzip",
                400,
            ),
        ];
        for (head, body, wanted) in cases {
            assert_eq!(ask(address, head, body).0, wanted, "{head}");
        }
    });
    let budgets = store::budget::Budgets::new(std::sync::Arc::new(world.keyed.clone()), 1000);
    let held = budgets.accounts().unwrap().values().next().unwrap().held();
    assert_eq!(
        held,
        domain::Micros(2000),
        "the last hold is handed over before the end"
    );
}

#[test]
fn too_many_unfinished_bodies_are_answered_at_once() {
    let config = Config {
        in_flight_max: 1,
        ..Config::default()
    };
    with_server(config, |address| {
        // Two requests whose bodies never come to an end: one holds the only place, the other is sent away.
        let (answered, answers) = std::sync::mpsc::channel();
        let slow: Vec<_> = (0..2)
            .map(|_| {
                let mut slow = TcpStream::connect(address).unwrap();
                slow.write_all(
                    b"POST /bid/generic HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\n{",
                )
                .unwrap();
                let (mut reading, answered) = (slow.try_clone().unwrap(), answered.clone());
                std::thread::spawn(move || {
                    let mut told = [0; 12];
                    let whole = reading.read_exact(&mut told);
                    answered.send(whole.is_ok().then_some(told)).unwrap();
                });
                slow
            })
            .collect();
        assert_eq!(answers.recv().unwrap().as_ref(), Some(b"HTTP/1.1 204"));
        // A request that is here as a whole needs no place.
        let mut whole = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /bid/generic HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            BANNER.len()
        );
        let bytes = [head.as_bytes(), BANNER.as_bytes()].concat();
        whole.write_all(&bytes).unwrap();
        let mut told = [0; 12];
        whole.read_exact(&mut told).unwrap();
        assert_eq!(&told, b"HTTP/1.1 200");
        for slow in slow {
            slow.shutdown(std::net::Shutdown::Both).ok();
        }
    });
}

#[test]
fn an_exchange_is_asked_for_its_credential_and_held_to_its_rate() {
    let mut config = Config::default();
    let gated = ExchangeConfig {
        authorization: Some(Authorization::new("Bearer abc")),
        qps_max: Some(1),
        ..ExchangeConfig::default()
    };
    config.exchanges.insert("gated".into(), gated);
    with_server(config, |address| {
        let status = |credential: &str| {
            let head = format!("POST /bid/gated HTTP/1.1{credential}");
            ask(address, &head, BANNER.as_bytes()).0
        };
        assert_eq!(status(""), 401);
        assert_eq!(status("\r\nauthorization: Bearer abd"), 401);
        let good = "\r\nauthorization: Bearer abc";
        assert_eq!(status(good), 200, "what was refused used nothing up");
        assert_eq!(status(good), 204, "one a second and no more");
        let other = ask(address, "POST /bid/generic HTTP/1.1", BANNER.as_bytes());
        assert_eq!(other.0, 200);
    });
}

#[test]
fn protobuf_is_answered_in_protobuf() {
    with_server(Config::default(), |address| {
        let binary = "POST /bid/generic HTTP/1.1\r\ncontent-type: application/x-protobuf";
        let (status, head, body) = ask(address, binary, BANNER_PROTOBUF);
        assert_eq!(status, 200, "{head}");
        assert!(
            head.contains("content-type: application/x-protobuf"),
            "{head}"
        );
        let answer = BidResponse::decode(body.as_slice()).unwrap();
        assert_eq!(answer.id.as_deref(), Some("r"));
        assert_eq!(answer.seatbid[0].bid[0].price, Some(2.0));
        let other = "POST /bid/generic HTTP/1.1\r\ncontent-type: application/protobuf; v=2.6";
        assert_eq!(ask(address, other, BANNER_PROTOBUF).0, 200);
        assert_eq!(ask(address, binary, BANNER.as_bytes()).0, 400);
        let post = "POST /bid/generic HTTP/1.1";
        assert_eq!(ask(address, post, BANNER_PROTOBUF).0, 400);
    });
}
