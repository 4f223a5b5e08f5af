//! Markup that win notices fetch: over a socket, out of a store, counted once.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../proto/tests/support/ads.rs"]
#[allow(dead_code, reason = "written markup is read off a socket here")]
mod ads;
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use domain::creative::{BannerMarkup, NativeAssets};
use domain::time::ManualClock;
use domain::{Advertiser, AdvertiserId, Creative, CreativeFormat, CreativeId, Status};
use event_log::memory::{Faults, MemoryLog};
use event_log::{EventLog, Partition, Topic};
use pixel::markup::MarkupSource;
use pixel::{Pixel, PixelConfig};
use prost::Message;
use proto::event::{BidRef, Rendering};
use proto::token::{Purpose, Sealed};
use service_kit::{Server, Shutdown, listen};
use store::campaign::CampaignStore;
use store::memory::MemoryCampaigns;
use support::{NOW, bid, keys};

const HTML: &str = "<a href=\"{CLICK_URL}\">{SITE}</a><img src=\"https://c.example/?p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}&i=${AUCTION_ID}\">";

/// One that no store has seen.
fn creative(format: CreativeFormat) -> Creative {
    Creative {
        id: CreativeId(0),
        ..ads::creative(format)
    }
}

fn banner() -> Creative {
    creative(CreativeFormat::Banner {
        width: 300,
        height: 250,
        markup: BannerMarkup::Html { html: HTML.into() },
    })
}

struct Running {
    server: Server,
    shutdown: Shutdown,
    clock: Arc<ManualClock>,
    log: MemoryLog,
    campaigns: MemoryCampaigns,
}

fn start() -> Running {
    let (clock, log) = (Arc::new(ManualClock::new(NOW)), MemoryLog::new(1));
    let campaigns = MemoryCampaigns::new();
    let advertiser = Advertiser {
        id: AdvertiserId(0),
        name: "Shop".into(),
        domain: "shop.example".into(),
    };
    campaigns.put_advertiser(&advertiser).unwrap();
    let store: Arc<dyn CampaignStore> = Arc::new(campaigns.clone());
    let with = (keys(), "https://pixel.example");
    let source = MarkupSource::new(store, Arc::clone(&clock) as _, with);
    let config = PixelConfig {
        notice_deadline: Duration::from_millis(100),
        seen_ids_max: 1024,
        ..PixelConfig::default()
    };
    let pixel = Pixel::new(
        config,
        keys(),
        Arc::new(log.clone()),
        Arc::clone(&clock) as _,
    );
    let shutdown = Shutdown::new();
    let listener = listen::bind("pixel.listen", "127.0.0.1:0").unwrap();
    let server = pixel
        .unwrap()
        .with_markup(source)
        .serve(listener, &shutdown)
        .unwrap();
    Running {
        server,
        shutdown,
        clock,
        log,
        campaigns,
    }
}

impl Running {
    /// Status, head in lower case, and body.
    fn ask(&self, path: &str) -> (String, String, String) {
        let mut stream = TcpStream::connect(self.server.address()).unwrap();
        let wait = Some(Duration::from_secs(30));
        stream.set_read_timeout(wait).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: pixel\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().to_owned();
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    fn wins(&self) -> usize {
        let partition = Partition {
            topic: Topic::Billing,
            index: 0,
        };
        self.log.read(partition, 0, 1 << 20).unwrap().len()
    }

    fn stop(self) {
        self.shutdown.trigger();
        self.server.join().unwrap();
    }
}

/// The notice of a won bid for a creative; each number is another bid.
fn notice(number: u8, creative: u64, rendering: &Rendering) -> String {
    let reference = BidRef {
        bid_id: vec![number; 16],
        creative,
        landing: String::new(),
        ..bid()
    };
    let token = keys().seal(&reference, Purpose::Notice);
    let mut sealed = Sealed::default();
    keys().seal_rendering(&mut sealed, reference.id(), |out| {
        rendering.encode(out).unwrap();
    });
    let markup = sealed.as_str();
    format!("/win?t={token}&p=1.25&c=USD&m=&a={markup}")
}

fn on_site() -> Rendering {
    Rendering {
        site: "news.example".into(),
        device: vec![5; 16],
        ..Rendering::default()
    }
}

#[test]
fn the_markup_is_served_each_time_and_the_win_counts_once() {
    let running = start();
    let id = running.campaigns.put_creative(&banner()).unwrap();
    let path = notice(1, id.0, &on_site());
    let (status, head, body) = running.ask(&path);
    assert_eq!(status, "200");
    assert!(
        head.contains("content-type: text/html; charset=utf-8"),
        "{head}"
    );
    assert!(
        head.contains("no-store") && head.contains("x-paceline-event"),
        "{head}"
    );
    // Its own price and currency, the rest for the exchange.
    assert!(body.contains("?p=1.25&c=USD&i=${AUCTION_ID}"), "{body}");
    assert!(body.contains(">news.example</a>"), "{body}");
    let token = |path: &str| {
        let (_, rest) = body.split_once(path).unwrap();
        rest.split(['"', '&', '\'']).next().unwrap().to_owned()
    };
    let click = keys().open(&token("https://pixel.example/click?t="), Purpose::Click);
    assert_eq!(click.unwrap().landing, "https://shop.example/");
    let seen = keys().open(&token("https://pixel.example/imp?t="), Purpose::Event);
    assert_eq!(seen.unwrap().device, [5; 16]);
    assert_eq!(running.ask(&path).2, body, "the same again");
    assert_eq!(running.wins(), 1);
    running.stop();
}

#[test]
fn paused_and_new_creatives_are_served_and_unknown_ones_are_gone() {
    let running = start();
    let paused = Creative {
        status: Status::Paused,
        ..banner()
    };
    let first = running.campaigns.put_creative(&paused).unwrap();
    assert_eq!(running.ask(&notice(1, first.0, &on_site())).0, "200");
    assert_eq!(running.ask(&notice(2, 99, &on_site())).0, "410");
    assert_eq!(running.wins(), 2, "a win is a win");
    // One that the pixel has not read is looked for at once.
    let native = creative(CreativeFormat::Native(NativeAssets {
        title: "Shoes".into(),
        ..native_assets()
    }));
    let second = running.campaigns.put_creative(&native).unwrap();
    let layout = Rendering {
        native_version: "1.2".into(),
        native_parts: vec![proto::event::NativePart { id: 7, part: 0 }],
        ..Rendering::default()
    };
    let (status, head, body) = running.ask(&notice(3, second.0, &layout));
    assert_eq!(status, "200", "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["assets"][0]["id"], 7);
    // What was bid as a banner is none of a native ad's layouts.
    assert_eq!(running.ask(&notice(4, second.0, &on_site())).0, "410");
    running.stop();
}

fn native_assets() -> NativeAssets {
    let picture = domain::creative::Picture {
        url: "https://cdn.example/i.png".into(),
        width: 1200,
        height: 627,
    };
    NativeAssets {
        title: String::new(),
        description: "d".into(),
        sponsored: "s".into(),
        call_to_action: "c".into(),
        image: picture.clone(),
        icon: picture,
    }
}

#[test]
fn a_changed_creative_shows_within_a_second() {
    let running = start();
    let id = running.campaigns.put_creative(&banner()).unwrap();
    let path = notice(1, id.0, &on_site());
    let before = running.ask(&path).2;
    let changed = Creative {
        id,
        format: CreativeFormat::Banner {
            width: 300,
            height: 250,
            markup: BannerMarkup::Html {
                html: "<a href=\"{CLICK_URL}\">new</a>".into(),
            },
        },
        ..banner()
    };
    running.campaigns.put_creative(&changed).unwrap();
    running.clock.set(NOW.plus_ms(1_000));
    let after = running.ask(&path).2;
    assert!(
        after.contains(">new</a>") && !before.contains(">new</a>"),
        "{after}"
    );
    running.stop();
}

#[test]
fn without_the_log_there_is_no_markup() {
    let running = start();
    let id = running.campaigns.put_creative(&banner()).unwrap();
    running.log.set_faults(Faults {
        refuse_appends: 1,
        ..Faults::default()
    });
    let (status, head, body) = running.ask(&notice(1, id.0, &on_site()));
    assert_eq!((status.as_str(), body.as_str()), ("503", ""), "{head}");
    running.stop();
}
