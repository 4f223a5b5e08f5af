//! An exchange and its users, by hand: one bid request, notice or click at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::Server;

/// What tracking URLs begin with, by the default configuration.
const PUBLIC_URL: &str = "https://pixel.localhost";
/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Between two bid requests of a loop.
const PERIOD: Duration = Duration::from_millis(20);
/// Bid requests of a loop before it gives up: ten seconds of them.
const REQUESTS_MAX: usize = 500;

/// Talks to one server's bidder and pixel.
pub(crate) struct Exchange {
    bidder: String,
    pixel: String,
}

impl Exchange {
    pub(crate) fn new(server: &Server) -> Self {
        Self {
            bidder: server.bidder.clone(),
            pixel: server.pixel.clone(),
        }
    }

    /// Offers a banner slot at first price.
    pub(crate) fn bid(&self, country: &str, (width, height): (u32, u32)) -> Option<Bid> {
        let request = json!({
            "id": "r", "at": 1, "cur": ["USD"],
            "imp": [{"id": "1", "secure": 1, "banner": {"w": width, "h": height}}],
            "site": {"domain": "news.example", "page": "https://news.example/"},
            "device": {"ua": "Mozilla/5.0 (X11; Linux x86_64)", "geo": {"country": country}},
        });
        let answer = ask(&self.bidder, "POST", "/bid/generic", &request);
        if answer.status == 204 {
            return None;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        let response: Value = serde_json::from_str(&answer.body).unwrap();
        Some(Bid(response["seatbid"][0]["bid"][0].clone()))
    }

    /// Offers a slot again and again until there is a bid.
    pub(crate) async fn until_it_bids(&self, country: &str, size: (u32, u32)) -> Bid {
        let mut ticks = tokio::time::interval(PERIOD);
        for _ in 0..REQUESTS_MAX {
            ticks.tick().await;
            if let Some(bid) = self.bid(country, size) {
                return bid;
            }
        }
        panic!("no bid on {REQUESTS_MAX} requests from {country}");
    }

    /// Offers a slot again and again until there is no bid.
    pub(crate) async fn until_it_stops(&self, country: &str, size: (u32, u32)) {
        let mut ticks = tokio::time::interval(PERIOD);
        for _ in 0..REQUESTS_MAX {
            ticks.tick().await;
            if self.bid(country, size).is_none() {
                return;
            }
        }
        panic!("still bids after {REQUESTS_MAX} requests from {country}");
    }

    /// Fires a notice or an event, which the pixel must take down.
    pub(crate) fn acknowledged(&self, path: &str) {
        let answer = ask(&self.pixel, "GET", path, &Value::Null);
        assert!(answer.status < 300, "{path}: {}", answer.status);
        assert!(answer.header("x-paceline-event").is_some(), "{path}");
    }

    /// What the pixel answers for a path.
    pub(crate) fn fetched(&self, path: &str) -> Answer {
        ask(&self.pixel, "GET", path, &Value::Null)
    }

    /// Clicks on the ad; where it leads.
    pub(crate) fn click(&self, bid: &Bid) -> String {
        let answer = ask(&self.pixel, "GET", &bid.in_markup("/click"), &Value::Null);
        assert_eq!(answer.status, 302);
        assert!(answer.header("x-paceline-event").is_some());
        answer.header("location").unwrap().to_owned()
    }
}

/// A bid as it was answered; its URLs are paths of the pixel.
pub(crate) struct Bid(Value);

impl Bid {
    /// The win notice at a price for a thousand.
    pub(crate) fn win(&self, price: &str) -> String {
        self.notice("nurl", price)
    }

    /// The billing notice.
    pub(crate) fn billing(&self, price: &str) -> String {
        self.notice("burl", price)
    }

    /// The impression.
    pub(crate) fn impression(&self) -> String {
        self.in_markup("/imp")
    }

    /// The ad with the pixel where it listens, as behind a balancer that ends TLS.
    pub(crate) fn markup(&self, exchange: &Exchange) -> String {
        let markup = self.0["adm"].as_str().unwrap();
        markup.replace(PUBLIC_URL, &format!("http://{}", exchange.pixel))
    }

    fn notice(&self, name: &str, price: &str) -> String {
        let url = self.0[name].as_str().unwrap();
        let path = url.strip_prefix(PUBLIC_URL).unwrap();
        path.replace("${AUCTION_PRICE}", price)
    }

    /// A tracking URL inside the ad.
    fn in_markup(&self, path: &str) -> String {
        let markup = self.0["adm"].as_str().unwrap();
        let start = format!("{PUBLIC_URL}{path}?t=");
        let token = markup.split_once(&start).unwrap().1;
        let part = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let token = token.split(|c| !part(c)).next().unwrap();
        format!("{path}?t={token}")
    }
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// One HTTP request on a connection of its own; a `null` body is none.
pub(crate) fn ask(address: &str, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).unwrap();
    read_answer(BufReader::new(stream))
}

fn read_answer(mut stream: BufReader<TcpStream>) -> Answer {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer {
        status,
        headers,
        body: String::new(),
    };
    let length = answer
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    answer.body = String::from_utf8_lossy(&bytes).into_owned();
    answer
}
