//! The pixel on a real socket over the memory log: answers, headers, and what happens when the log fails.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use domain::time::ManualClock;
use event_log::embedded::{EmbeddedConfig, EmbeddedLog};
use event_log::memory::{Faults, MemoryLog};
use event_log::{
    Acknowledge, Consumer, EventLog, LogError, Offset, Packed, Partition, Record, Stored, Topic,
};
use parking_lot::Mutex;
use pixel::{Pixel, PixelConfig, http::GIF};
use proto::event::{BidRef, Event, Kind};
use proto::token::Purpose;
use service_kit::metrics::Metrics;
use service_kit::{Server, Shutdown, listen};
use support::{NOW, bid, keys};

struct Running {
    server: Server,
    shutdown: Shutdown,
    connection: TcpStream,
}

/// One answer: the head in lower case, the body.
struct Answered {
    head: String,
    body: Vec<u8>,
}

impl Answered {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    fn event(&self) -> Option<&str> {
        self.header("x-paceline-event")
    }
}

fn start(log: Arc<dyn EventLog>) -> Running {
    let config = PixelConfig {
        region: "test".into(),
        cores: 2,
        notice_deadline: Duration::from_millis(100),
        click_deadline: Duration::from_millis(50),
        seen_ids_max: 1024,
        ..PixelConfig::default()
    };
    let clock = Arc::new(ManualClock::new(NOW));
    let pixel = Pixel::new(config, keys(), log, clock).unwrap();
    let shutdown = Shutdown::new();
    let listener = listen::bind("pixel.listen", "127.0.0.1:0").unwrap();
    let server = pixel.serve(listener, &shutdown).unwrap();
    let connection = TcpStream::connect(server.address()).unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    Running {
        server,
        shutdown,
        connection,
    }
}

impl Running {
    fn ask(&mut self, line: &str) -> Answered {
        // One write: pieces would wait for each other's acknowledgement.
        let request = format!("{line} HTTP/1.1\r\nhost: pixel\r\n\r\n");
        self.connection.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.connection.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let mut answered = Answered {
            head: String::from_utf8(head).unwrap(),
            body: Vec::new(),
        };
        let length = answered.header("content-length").map(str::parse::<usize>);
        let expects_body = !line.starts_with("HEAD");
        if let Some(Ok(length)) = length.filter(|_| expects_body) {
            answered.body = vec![0; length];
            self.connection.read_exact(&mut answered.body).unwrap();
        }
        answered
    }

    fn stop(self) {
        self.shutdown.trigger();
        self.server.join().unwrap();
    }
}

fn token(purpose: Purpose) -> String {
    let landing = if purpose == Purpose::Click {
        bid().landing
    } else {
        String::new()
    };
    keys().seal(&BidRef { landing, ..bid() }, purpose)
}

fn stored(log: &MemoryLog, topic: Topic) -> Vec<Event> {
    let partition = Partition { topic, index: 0 };
    let records = log.read(partition, 0, 1 << 20).unwrap();
    records
        .iter()
        .map(|record| proto::event::parse(&record.payload).unwrap())
        .collect()
}

#[test]
fn a_click_leads_to_a_conversion_and_each_is_stored_once() {
    let log = MemoryLog::new(1);
    let mut running = start(Arc::new(log.clone()));
    let impression = running.ask(&format!("GET /imp?t={}", token(Purpose::Event)));
    assert_eq!(
        (impression.status(), &impression.body[..]),
        ("200", &GIF[..])
    );
    assert_eq!(impression.header("content-type"), Some("image/gif"));
    assert!(
        impression
            .header("cache-control")
            .unwrap()
            .contains("no-store")
    );
    let click = running.ask(&format!("GET /click?t={}", token(Purpose::Click)));
    assert_eq!(click.status(), "302");
    let location = click.header("location").unwrap().to_owned();
    let (page, rest) = location.split_once("&paceline_t=").unwrap();
    let (conversion_token, fragment) = rest.split_once('#').unwrap();
    assert_eq!((page, fragment), ("https://shop.example/p?id=7", "top"));
    let line = format!("GET /conv?t={conversion_token}&name=purchase&order=1&value=5");
    let conversion = running.ask(&line);
    assert_eq!(conversion.header("access-control-allow-origin"), Some("*"));
    let again = running.ask(&line);
    assert_eq!(again.event(), conversion.event());
    let events = stored(&log, Topic::UserEvents);
    let ids: Vec<_> = events.iter().map(|e| e.event_id().to_string()).collect();
    let answered = [&impression, &click, &conversion].map(|answer| answer.event().unwrap());
    assert_eq!(ids, answered, "what was answered is what is stored");
    assert!(matches!(&events[2].kind, Some(Kind::Conversion(c)) if c.value_micros == 5_000_000));
    running.stop();
}

#[test]
fn only_stored_notices_are_answered_with_success() {
    let log = MemoryLog::new(1);
    let mut running = start(Arc::new(log.clone()));
    log.set_faults(Faults {
        refuse_appends: 1,
        keep_refused: false,
    });
    let line = format!("GET /bill?t={}&p=1.25", token(Purpose::Notice));
    let refused = running.ask(&line);
    assert_eq!((refused.status(), refused.event()), ("503", None));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(stored(&log, Topic::Billing).is_empty());
    let accepted = running.ask(&line);
    assert_eq!(accepted.status(), "204");
    let event = &stored(&log, Topic::Billing)[0];
    assert_eq!(
        accepted.event(),
        Some(event.event_id().to_string().as_str())
    );
    let repeated = running.ask(&line);
    assert_eq!(
        (repeated.status(), repeated.event()),
        ("204", accepted.event())
    );
    assert_eq!(stored(&log, Topic::Billing).len(), 1);
    log.set_faults(Faults {
        refuse_appends: 1,
        keep_refused: false,
    });
    let click = running.ask(&format!("GET /click?t={}", token(Purpose::Click)));
    assert_eq!(
        (click.status(), click.event()),
        ("302", None),
        "a user goes on in any case"
    );
    assert!(stored(&log, Topic::UserEvents).is_empty());
    running.stop();
}

#[test]
fn nothing_uncounted_and_nothing_foreign_carries_an_event() {
    let metrics = Metrics::install().unwrap();
    let log = MemoryLog::new(1);
    let mut running = start(Arc::new(log.clone()));
    let (event, notice) = (token(Purpose::Event), token(Purpose::Notice));
    let cases = [
        (format!("HEAD /imp?t={event}"), "200"),
        (format!("GET /bill?t={event}&p=1"), "204"),
        ("GET /click?t=AAAA".to_owned(), "204"),
        ("GET /view".to_owned(), "200"),
        (format!("PUT /bill?t={notice}&p=1"), "405"),
        ("GET /nothing".to_owned(), "404"),
        (
            format!(
                "GET /imp?t={event}&x={}",
                "y".repeat(domain::limits::PIXEL_URL_BYTES_MAX)
            ),
            "414",
        ),
    ];
    for (line, status) in cases {
        let answered = running.ask(&line);
        assert_eq!(
            (answered.status(), answered.event()),
            (status, None),
            "{line}"
        );
    }
    let allowed = running.ask("PATCH /imp");
    assert_eq!(allowed.header("allow"), Some("GET, POST, HEAD"));
    assert_eq!(log.record_count(), 0);
    running.stop();
    let shown = metrics.render();
    for counted in [
        "paceline_pixel_rejects_total{kind=\"impression\",reason=\"head\"} 1",
        "paceline_pixel_rejects_total{kind=\"billing\",reason=\"forged\"} 1",
        "paceline_pixel_rejects_total{kind=\"click\",reason=\"malformed\"} 1",
        "paceline_pixel_rejects_total{kind=\"view\",reason=\"no_token\"} 1",
        "paceline_pixel_misdirected_total{status=\"405\"} 2",
    ] {
        assert!(shown.contains(counted), "{counted} in {shown}");
    }
}

/// A log that acknowledges only when told to, as a disk that hangs.
struct Hanging {
    log: MemoryLog,
    waiting: Mutex<Vec<(Topic, Vec<Record>, Acknowledge)>>,
}

impl Hanging {
    fn release(&self) {
        for (topic, records, acknowledge) in self.waiting.lock().drain(..) {
            self.log.append(topic, records, acknowledge);
        }
    }
}

impl EventLog for Hanging {
    fn append(&self, topic: Topic, records: Vec<Record>, acknowledge: Acknowledge) {
        self.waiting.lock().push((topic, records, acknowledge));
    }

    fn append_packed(&self, partition: Partition, records: Packed, acknowledge: Acknowledge) {
        self.log.append_packed(partition, records, acknowledge);
    }

    fn partitions(&self, topic: Topic) -> u32 {
        self.log.partitions(topic)
    }

    fn read(
        &self,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Vec<Stored>, LogError> {
        self.log.read(partition, from, bytes_max)
    }

    fn range(&self, partition: Partition) -> Result<(Offset, Offset), LogError> {
        self.log.range(partition)
    }

    fn join(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, LogError> {
        self.log.join(group, topics)
    }
}

#[test]
fn a_log_that_hangs_costs_a_deadline_and_no_success() {
    let log = Arc::new(Hanging {
        log: MemoryLog::new(1),
        waiting: Mutex::default(),
    });
    let mut running = start(Arc::clone(&log) as Arc<dyn EventLog>);
    let line = format!("GET /bill?t={}&p=1", token(Purpose::Notice));
    assert_eq!(running.ask(&line).status(), "503");
    let click = running.ask(&format!("GET /click?t={}", token(Purpose::Click)));
    assert_eq!((click.status(), click.event()), ("302", None));
    assert_eq!(log.waiting.lock().len(), 2);
    // The late acknowledgement is remembered, so the exchange's retry is answered without another append.
    log.release();
    let retried = running.ask(&line);
    assert_eq!(retried.status(), "204");
    assert!(retried.event().is_some());
    assert_eq!(stored(&log.log, Topic::Billing).len(), 1);
    running.stop();
}

/// A notice of another bid for each number.
fn numbered_notice(number: u64) -> String {
    let mut reference = BidRef {
        landing: String::new(),
        ..bid()
    };
    reference.bid_id[..8].copy_from_slice(&number.to_be_bytes());
    let token = keys().seal(&reference, Purpose::Notice);
    format!("GET /win?t={token}&p=1")
}

#[test]
fn what_was_acknowledged_is_on_disk_when_the_log_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let open = || EmbeddedLog::open(folder.path(), EmbeddedConfig::default(), "test").unwrap();
    let log = Arc::new(open());
    let mut running = start(Arc::clone(&log) as Arc<dyn EventLog>);
    let mut answered: Vec<String> = (0..200)
        .filter_map(|i| running.ask(&numbered_notice(i)).event().map(str::to_owned))
        .collect();
    assert!(answered.len() > 100, "{}", answered.len());
    running.stop();
    log.close();
    drop(log);
    let log = open();
    let stored: Vec<_> = (0..log.partitions(Topic::Billing))
        .flat_map(|index| {
            let partition = Partition {
                topic: Topic::Billing,
                index,
            };
            log.read(partition, 0, 1 << 20).unwrap()
        })
        .map(|record| {
            let event = proto::event::parse(&record.payload).unwrap();
            event.event_id().to_string()
        })
        .collect();
    answered.retain(|id| !stored.contains(id));
    assert!(answered.is_empty(), "acknowledged and lost: {answered:?}");
}
