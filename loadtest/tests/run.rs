//! Whole runs against a small bidder and pixel on loopback sockets.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use loadtest::{Habits, Notices, Plan, Progress, Report, Rule, run};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What the stub does with bid requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bidder {
    /// A valid bid on every banner.
    Valid,
    /// One cent under the floor, and on the wrong auction.
    Cheap,
    /// Not JSON.
    Garbage,
    /// 204.
    Silent,
    /// 503.
    Broken,
}

/// Answers at one socket as bidder and pixel until dropped; tells every pixel request's path.
struct Stub {
    address: SocketAddr,
    seen: mpsc::UnboundedReceiver<String>,
    _runtime: tokio::runtime::Runtime,
}

impl Stub {
    fn start(bidder: Bidder) -> Self {
        Self::start_at(bidder, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    fn start_at(bidder: Bidder, address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = mpsc::unbounded_channel();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let tell = tell.clone();
                let service = service_fn(move |request| serve(bidder, request, tell.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            address,
            seen,
            _runtime: runtime,
        }
    }

    fn seen(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

async fn serve(
    bidder: Bidder,
    request: Request<Incoming>,
    tell: mpsc::UnboundedSender<String>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().to_string();
    let host = request.headers()["host"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    if path.starts_with("/bid/") {
        return Ok(bid(bidder, &body));
    }
    assert_eq!(
        host, "pixel.localhost",
        "the pixel is asked by its public name"
    );
    tell.send(path.clone()).unwrap();
    let (endpoint, query) = path.split_once('?').unwrap();
    let token = query.split(['&', '=']).nth(1).unwrap();
    // The id repeats with the token: 32 digits of what happened to which bid.
    let id = format!("{:0<32}", format!("{}{}", hex(endpoint), hex(token)))
        .chars()
        .take(32)
        .collect::<String>();
    let mut response = Response::builder().header("x-paceline-event", id);
    if endpoint == "/click" {
        response = response.status(StatusCode::FOUND).header(
            "location",
            format!("https://shop.example/?paceline_t={token}"),
        );
    }
    Ok(response.body(Full::default()).unwrap())
}

fn hex(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

fn bid(bidder: Bidder, request: &[u8]) -> Response<Full<Bytes>> {
    let request: Value = serde_json::from_slice(request).unwrap();
    let answer = |body: String| Response::new(Full::from(body));
    let status = |status| {
        let mut response = Response::default();
        *response.status_mut() = status;
        response
    };
    match bidder {
        Bidder::Silent => status(StatusCode::NO_CONTENT),
        Bidder::Broken => status(StatusCode::SERVICE_UNAVAILABLE),
        Bidder::Garbage => answer("<html>".into()),
        Bidder::Cheap => answer(bids(&request, true).to_string()),
        Bidder::Valid => answer(bids(&request, false).to_string()),
    }
}

fn bids(request: &Value, cheap: bool) -> Value {
    let imps = request["imp"].as_array().unwrap().iter();
    let bids: Vec<Value> = imps
        .filter(|imp| imp["banner"].is_object())
        .map(|imp| {
            let token = format!("{}-{}", request["id"].as_str().unwrap(), imp["id"].as_str().unwrap());
            let url = |path: &str| format!("https://pixel.localhost/{path}?t={token}");
            let floor = imp["bidfloor"].as_f64().unwrap();
            json!({
                "id": token, "impid": imp["id"], "price": if cheap { floor - 0.01 } else { 9.0 },
                "cid": "5", "crid": "7", "adomain": ["brand.example"], "mtype": 1,
                "w": imp["banner"]["w"], "h": imp["banner"]["h"],
                "nurl": format!("{}&p=${{AUCTION_PRICE}}", url("win")),
                "burl": format!("{}&p=${{AUCTION_PRICE}}", url("bill")),
                "lurl": format!("{}&r=${{AUCTION_LOSS}}", url("loss")),
                "adm": format!("<a href=\"{}\"><img src=\"https://cdn.example/a.png\"></a><img src=\"{}\"><script>view('{}')</script>",
                    url("click"), url("imp"), url("view")),
            })
        })
        .collect();
    let id = if cheap {
        &json!("another")
    } else {
        &request["id"]
    };
    json!({"id": id, "cur": "USD", "seatbid": [{"seat": "s", "bid": bids}]})
}

/// A second of traffic with everything else scaled down to it.
fn plan(address: SocketAddr) -> Plan {
    let ms = Duration::from_millis;
    Plan {
        bidder: address.to_string(),
        pixel: address,
        rate_per_s: 400.0,
        duration: ms(1_000),
        users: 300,
        tmax_ms: 1_000,
        notices: Notices {
            delay_mean: ms(10),
            late_share: 0.05,
            late_delay: ms(100),
            lost_share: 0.1,
            doubled_share: 0.2,
            loss_share: 0.5,
        },
        habits: Habits {
            render_delay: ms(5),
            view_delay: ms(5),
            view_share: 0.6,
            click_delay: ms(10),
            conversion_delay: ms(10),
        },
        ..Plan::default()
    }
}

fn play(plan: Plan) -> Report {
    run(plan, |_| {}, Arc::new(AtomicBool::new(false))).unwrap()
}

#[test]
fn the_loop_turns_and_every_acknowledgement_is_on_file() {
    let mut stub = Stub::start(Bidder::Valid);
    let folder = tempfile::tempdir().unwrap();
    let acks = folder.path().join("acks");
    let calls = Cell::new(0);
    let plan = Plan {
        acks: Some(acks.clone()),
        threads: 2,
        ..plan(stub.address)
    };
    let stop = Arc::new(AtomicBool::new(false));
    let report = run(
        plan,
        |progress| {
            calls.set(calls.get() + 1);
            assert!(progress.answered <= progress.requests);
        },
        stop,
    )
    .unwrap();
    assert!(report.passed(), "{}", report.to_json().unwrap());
    assert!((300..500).contains(&report.requests), "{}", report.requests);
    assert_eq!(report.answered, report.requests);
    assert_eq!((report.judged, report.invalid_bids), (report.bids, 0));
    assert!(report.wins > 250 && report.impressions == report.wins);
    assert!(report.clicks > 5 && report.views > 100 && report.conversions > 0);
    assert!(calls.get() >= 4 && report.latency_us.p50 > 0 && report.events_dropped == 0);
    assert!(report.latency_us.p50 <= report.latency_us.p99);

    let paths = stub.seen();
    let notices = paths.iter().filter(|path| {
        ["/win", "/bill", "/loss"]
            .iter()
            .any(|p| path.starts_with(p))
    });
    assert_eq!(notices.count() as u64, report.notices.sent);
    assert_eq!(report.notices.acked, report.notices.sent);
    assert!(report.notices.lost > 20 && report.notices.doubled > 50 && report.notices.late > 5);
    assert!(
        paths.iter().all(|path| !path.contains("AUCTION_")),
        "macros are filled in"
    );
    let lines = std::fs::read_to_string(&acks).unwrap();
    assert_eq!(
        lines.lines().count(),
        paths.len(),
        "one line for each answer"
    );
    let mut kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in lines.lines() {
        let (id, kind) = line.split_once(' ').unwrap();
        assert!(
            id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
            "{line}"
        );
        kinds.entry(kind).or_default().insert(id);
    }
    let distinct = |kind| kinds[kind].len() as u64;
    assert_eq!(distinct("impression"), report.impressions);
    assert_eq!(distinct("click"), report.clicks);
    assert_eq!(distinct("conversion"), report.conversions);
    assert!(distinct("billing") < report.wins, "some notices were lost");

    let campaign = &report.campaigns["5"];
    assert_eq!(
        (campaign.wins, campaign.clicks),
        (report.wins, report.clicks)
    );
    assert!(campaign.paid_micros > 0 && campaign.paid_micros < campaign.won_micros);
    assert_eq!(report.examples.len() as u64, report.impressions);
    let clicked = report.examples.iter().filter(|example| example.clicked);
    assert_eq!(clicked.count() as u64, report.clicks);
}

#[test]
fn the_judge_sees_every_bid() {
    let mut stub = Stub::start(Bidder::Cheap);
    let report = play(plan(stub.address));
    assert!(!report.passed());
    assert!(report.bids > 250 && report.invalid_bids == report.bids);
    let broken: Vec<_> = report.violations.keys().copied().collect();
    assert_eq!(broken, [Rule::Id, Rule::Floor]);
    assert_eq!(report.samples.len(), 20);
    assert_eq!(
        (report.wins, stub.seen().len()),
        (0, 0),
        "invalid bids never win"
    );

    let garbage = play(plan(Stub::start(Bidder::Garbage).address));
    assert_eq!(garbage.invalid_bids, garbage.answered - garbage.no_bids);
    assert!(garbage.invalid_bids > 250 && garbage.violations[&Rule::Json] > 250);
}

#[test]
fn silence_is_no_error_and_refusal_is() {
    let silent = play(plan(Stub::start(Bidder::Silent).address));
    assert!(silent.passed());
    assert_eq!(silent.no_bids, silent.requests);
    let broken = play(plan(Stub::start(Bidder::Broken).address));
    assert_eq!((broken.answered, broken.errors), (0, broken.requests));
    assert!(!broken.passed());
}

#[test]
fn a_server_that_is_away_costs_errors_and_nothing_else() {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let report = play(plan(address));
    assert!(report.requests > 300);
    assert_eq!((report.errors, report.answered), (report.requests, 0));
    assert!(!report.error_samples.is_empty());
}

#[test]
fn a_server_that_comes_back_is_used_again() {
    let stub = Stub::start(Bidder::Valid);
    let plan = Plan {
        duration: Duration::from_millis(2_500),
        tolerate_errors: true,
        tmax_ms: 60_000,
        ..plan(stub.address)
    };
    let address = stub.address;
    let server = RefCell::new(Some(stub));
    let answered = Cell::new(0);
    let on_progress = |progress: &Progress| {
        let mut server = server.borrow_mut();
        if progress.answered > 0 && answered.get() == 0 {
            answered.set(progress.answered);
            *server = None;
        } else if progress.errors > 0 && server.is_none() {
            *server = Some(Stub::start_at(Bidder::Valid, address));
        }
    };
    let report = run(plan, on_progress, Arc::new(AtomicBool::new(false))).unwrap();
    assert!(
        report.errors > 0 && report.passed(),
        "{:?}",
        report.error_samples
    );
    assert!(
        report.answered > answered.get() + 200,
        "{} answers",
        report.answered
    );
    assert_eq!(report.answered + report.errors, report.requests);
}

#[test]
fn a_run_stops_when_told_to() {
    let stub = Stub::start(Bidder::Silent);
    let stop = Arc::new(AtomicBool::new(false));
    let plan = Plan {
        duration: Duration::from_secs(3_600),
        ..plan(stub.address)
    };
    let told = Arc::clone(&stop);
    let report = run(plan, |_| told.store(true, Ordering::Relaxed), stop).unwrap();
    assert!(report.requests > 0 && report.requests < 2_000);
    assert_eq!(report.answered, report.requests);
}

#[test]
fn plans_out_of_range_are_refused() {
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let refused = |plan: Plan| run(plan, |_| {}, Arc::new(AtomicBool::new(false))).is_err();
    assert!(refused(Plan {
        rate_per_s: f64::NAN,
        ..plan(address)
    }));
    assert!(refused(Plan {
        exchanges: Vec::new(),
        ..plan(address)
    }));
    assert!(refused(Plan {
        users: 0,
        ..plan(address)
    }));
    assert!(refused(Plan {
        hour: Some(24),
        ..plan(address)
    }));
    assert!(refused(Plan {
        bidder: "nowhere".into(),
        ..plan(address)
    }));
    assert!(refused(Plan {
        acks: Some("/nowhere/at/all/acks".into()),
        ..plan(address)
    }));
}
