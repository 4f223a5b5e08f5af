//! A running `paceline serve` with its four addresses, and a signed-in administrator.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::folder::Folder;
use super::http::{self, Reply};
use super::program::{Program, command};

/// What tracking URLs begin with.
pub(crate) const PUBLIC_URL: &str = "https://pixel.localhost";
/// How long the parts may take until they are ready, or have applied the log.
const PATIENCE: Duration = Duration::from_secs(30);

/// Killed when dropped.
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) console: SocketAddr,
    pub(crate) bidder: SocketAddr,
    pub(crate) pixel: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Server {
    /// Starts on a folder and waits until it is ready.
    pub(crate) fn start(folder: &Folder) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with more flags.
    pub(crate) fn start_with(folder: &Folder, flags: &[&str]) -> Self {
        let mut server = Self::start_unready(folder, flags);
        let admin = server.admin;
        server.program.until("readiness", PATIENCE, || {
            let reply = http::get(admin, "/ready");
            (reply.status == 200).then_some(())
        });
        server
    }

    /// The same as soon as it says where it listens.
    pub(crate) fn start_unready(folder: &Folder, flags: &[&str]) -> Self {
        let mut serve = command(folder.path(), &["serve", "--config", "paceline.toml"]);
        serve.args(flags);
        let mut program = Program::start(serve, b"");
        Self {
            console: address(&program.line("console  ")),
            bidder: address(&program.line("bidder  ")),
            pixel: address(&program.line("pixel  ")),
            admin: address(&program.line("admin  ")),
            program,
        }
    }

    /// Signs in with the password of the first start.
    pub(crate) fn sign_in(&mut self) -> Administrator {
        let line = self.program.line("with the password");
        let email = word_after(&line, " as ");
        let password = word_after(&line, "password ");
        let credentials = json!({"email": email, "password": password}).to_string();
        let reply = http::post_json(self.console, "/api/v1/session", credentials.as_bytes());
        assert_eq!(reply.status, 201, "{reply:?}");
        Administrator {
            console: self.console,
            authorization: format!("Bearer {}", reply.json()["token"].as_str().unwrap()),
        }
    }

    /// Leaves line item 1 as the only one that could bid for the banner request, and waits until that is so.
    pub(crate) fn leave_first_line_item(&mut self, administrator: &Administrator) {
        let line_items = administrator.read("/api/v1/line-items");
        for other in line_items["items"].as_array().unwrap() {
            if other["id"] != 1 {
                administrator.set_status(&format!("line-items/{}", other["id"]), "paused");
            }
        }
        let (admin, request) = (self.admin, banner_request("r1").to_string());
        self.program.until("one line item", PATIENCE, || {
            let explained = http::post_json(admin, "/explain/generic", request.as_bytes()).json();
            let line_items = explained["line_items"].as_array().unwrap();
            let could = |one: &&Value| one["refused"].is_null() || one["refused"] == "outbid";
            (line_items.iter().filter(could).count() == 1).then_some(())
        });
    }

    pub(crate) fn ask(&self, request: &Value) -> Reply {
        http::post_json(self.bidder, "/bid/generic", request.to_string().as_bytes())
    }

    /// The totals once they include everything acknowledged so far.
    pub(crate) fn totals(&mut self) -> Value {
        let admin = self.admin;
        self.program.until("totals", PATIENCE, || {
            let totals = http::get(admin, "/totals").json();
            (totals["caught_up"] == true).then_some(totals)
        })
    }

    /// Fires a URL of ours at the pixel.
    pub(crate) fn fire(&self, url: &str) -> Reply {
        let path = url
            .strip_prefix(PUBLIC_URL)
            .unwrap_or_else(|| panic!("{url}"));
        http::get(self.pixel, path)
    }
}

/// Someone who may do everything over the API.
pub(crate) struct Administrator {
    console: SocketAddr,
    authorization: String,
}

impl Administrator {
    pub(crate) fn read(&self, path: &str) -> Value {
        let reply = self.call(&format!("GET {path}"), b"");
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.json()
    }

    /// Creates an object and gives its id.
    pub(crate) fn create(&self, kind: &str, document: &Value) -> u64 {
        let reply = self.call(
            &format!("POST /api/v1/{kind}"),
            document.to_string().as_bytes(),
        );
        assert_eq!(reply.status, 201, "{document}: {reply:?}");
        reply.json()["id"].as_u64().unwrap()
    }

    pub(crate) fn set_status(&self, object: &str, status: &str) {
        let change = json!({ "status": status }).to_string();
        let reply = self.call(&format!("PATCH /api/v1/{object}"), change.as_bytes());
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    /// Replaces an object by its document with one field changed.
    pub(crate) fn set(&self, object: &str, field: &str, value: Value) {
        let mut document = self.read(&format!("/api/v1/{object}"));
        document[field] = value;
        let document = document.to_string();
        let reply = self.call(&format!("PUT /api/v1/{object}"), document.as_bytes());
        assert_eq!(reply.status, 200, "{document}: {reply:?}");
    }

    fn call(&self, start: &str, body: &[u8]) -> Reply {
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
        ];
        http::send(self.console, &http::request(start, &headers, body))
    }
}

/// A request of a news page for a banner, as an exchange sends it.
pub(crate) fn banner_request(id: &str) -> Value {
    json!({
        "id": id, "at": 2, "tmax": 500, "cur": ["USD"],
        "imp": [{"id": "1", "banner": {"format": [{"w": 300, "h": 250}]}, "bidfloor": 0.5, "secure": 1}],
        "site": {"id": "s1", "domain": "news.example", "page": "https://news.example/today",
            "publisher": {"id": "p1"}},
        "device": {"ua": "Mozilla/5.0 (X11; Linux x86_64)", "ip": "203.0.113.7", "devicetype": 2,
            "geo": {"country": "DEU"}},
        "user": {"id": "u1"}
    })
}

fn address(line: &str) -> SocketAddr {
    let address = line.split("http://").nth(1).unwrap();
    let end = |c: char| c == '/' || c == ',' || c == ' ';
    address.split(end).next().unwrap().parse().unwrap()
}

fn word_after(line: &str, mark: &str) -> String {
    let rest = line.split(mark).nth(1).unwrap();
    rest.split(' ').next().unwrap().to_owned()
}
