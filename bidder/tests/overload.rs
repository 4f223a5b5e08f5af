//! The bid endpoint on a core that does not keep up: what is over its time is refused at once, and no more than that.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bidder::gate::Gates;
use bidder::http::{CoreService, Load};
use bidder::overload::{BEHIND_US_MIN, ROUND_US_MAX};
use bidder::{Bidder, Config};
use domain::Clock;
use domain::time::ManualClock;
use parking_lot::Mutex;
use service_kit::{ServerLimits, ServerOptions, Shutdown, run_cores};
use support::{NOON, World};

const BANNER: &str = r#"{"id":"r","imp":[{"id":"1","banner":{"w":300,"h":250}}]}"#;
/// How long each answer holds the core, by its clock.
const HOLD_MS: i64 = 30;

/// Told by a core that it stands still, and how it is told to go on.
type Held = (Sender<()>, Receiver<()>);

/// A core whose clock only its own answers move. One whose request says `x-hold` stands still until it is told.
fn serve(bidder: Bidder, listener: TcpListener, held: Held, shutdown: &Shutdown) -> impl FnOnce() {
    let held = Arc::new(Mutex::new(Some(held)));
    let options = ServerOptions {
        name: "held",
        cores: 1,
        limits: ServerLimits::default(),
    };
    let make = move |index| {
        let clock = Arc::new(ManualClock::new(NOON));
        let load = Load::new(16, Gates::default());
        let timeout = Duration::from_secs(5);
        let steady = Arc::clone(&clock) as Arc<dyn Clock>;
        let service = CoreService::new(bidder.core(index), steady, load, timeout);
        tokio::task::spawn_local(service.watch());
        let held = Rc::new(held.lock().take().unwrap());
        move |request: hyper::Request<hyper::body::Incoming>| {
            let (service, clock, held) =
                (Rc::clone(&service), Arc::clone(&clock), Rc::clone(&held));
            async move {
                let holds = request.headers().contains_key("x-hold");
                let response = service.serve(request).await;
                clock.set(clock.now().plus_ms(HOLD_MS));
                if holds {
                    held.0.send(()).unwrap();
                    held.1.recv().unwrap();
                }
                response
            }
        }
    };
    let server = run_cores(options, listener, make, shutdown).unwrap();
    move || server.join().unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream
}

fn ask(mut stream: &TcpStream, header: &str) {
    let length = BANNER.len();
    let request = format!(
        "POST /bid/generic HTTP/1.1\r\nhost: x\r\n{header}content-length: {length}\r\n\r\n{BANNER}"
    );
    stream.write_all(request.as_bytes()).unwrap();
}

/// The head of the next answer; its body is read as well.
fn answer(mut stream: &TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length:"));
    let mut body = vec![0; length.map_or(0, |n| n.trim().parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    head
}

#[test]
fn a_core_that_stays_behind_refuses_what_is_over_its_time() {
    assert!(
        HOLD_MS * 1000 > ROUND_US_MAX as i64,
        "each round is too long"
    );
    let world = World::new(&["banner"], Config::default());
    let (tell, told) = channel();
    let (go, going) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let join = serve(world.bidder.clone(), listener, (tell, going), &shutdown);
    let connections: Vec<_> = (0..3).map(|_| connect(address)).collect();
    let [first, second, third] = connections.as_slice() else {
        unreachable!("three were made");
    };
    let mut undecided = Vec::new();
    for _ in 0..2 * BEHIND_US_MIN as i64 / (HOLD_MS * 1000) {
        // While one answer holds the core, two more requests arrive: both are ready when it goes on.
        ask(first, "x-hold: 1\r\n");
        told.recv().unwrap();
        ask(second, "");
        ask(third, "");
        go.send(()).unwrap();
        let heads = [first, second, third].map(answer);
        for head in &heads {
            let is_refused = head.contains("x-undecided: overload");
            let status = if is_refused {
                "http/1.1 204"
            } else {
                "http/1.1 200"
            };
            assert!(head.starts_with(status), "{head}");
            assert!(!head.contains("connection: close"), "{head}");
        }
        let refused = heads.iter().filter(|head| head.contains("x-undecided"));
        undecided.push(refused.count());
    }
    // Nobody until it has been behind for a while; then one in each round that has room for no more than one.
    let patient = undecided.iter().take_while(|count| **count == 0).count();
    assert!((1..undecided.len()).contains(&patient), "{undecided:?}");
    assert!(
        undecided[patient..].iter().all(|count| *count == 1),
        "{undecided:?}"
    );
    drop(connections);
    shutdown.trigger();
    join();
}
