//! One request over one socket, byte for byte.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer may take; a test that wants it sooner measures.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Self {
            status: status.parse().unwrap(),
            headers: lines.map(header).collect(),
            body: body.to_owned(),
        }
    }

    /// Reads one answer, whose length must be stated or which must have no body.
    fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let read = stream.read(&mut chunk).unwrap();
            assert!(read > 0, "closed before its answer: {bytes:?}");
            bytes.extend_from_slice(&chunk[..read]);
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let head = Self::parse(&bytes[..end + 4]);
            let length = head.header("content-length").unwrap_or("0");
            if bytes.len() >= end + 4 + length.parse::<usize>().unwrap() {
                return Self::parse(&bytes);
            }
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The id of the event that the pixel says is stored.
    pub(crate) fn event(&self) -> String {
        let id = self.header("x-paceline-event");
        id.unwrap_or_else(|| panic!("not acknowledged: {self:?}"))
            .to_owned()
    }
}

/// A request that asks for no second one on its connection.
pub(crate) fn request(start: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{start} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let chunked = headers.iter().any(|(name, _)| *name == "transfer-encoding");
    if !body.is_empty() && !chunked {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// A client's connection, or one for every request.
pub(crate) struct Connection {
    address: SocketAddr,
    keeps: bool,
    open: Option<TcpStream>,
}

impl Connection {
    pub(crate) fn new(address: SocketAddr, keeps: bool) -> Self {
        Self {
            address,
            keeps,
            open: None,
        }
    }

    /// Sends a request and reads its answer; anything but a whole answer fails. The connection is kept unless the
    /// answer says that it ends.
    pub(crate) fn ask(&mut self, start: &str, body: &[u8]) -> Reply {
        let headers: &[_] = match body {
            [] => &[],
            _ => &[("content-type", "application/json")],
        };
        let mut request = request(start, headers, body);
        if self.keeps {
            let text = String::from_utf8(request).unwrap();
            request = text.replacen("connection: close\r\n", "", 1).into_bytes();
        }
        let mut stream = self.open.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(self.address).unwrap();
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            stream
        });
        stream.write_all(&request).unwrap();
        let reply = Reply::read(&mut stream);
        if self.keeps && reply.header("connection") != Some("close") {
            self.open = Some(stream);
        }
        reply
    }
}

/// Sends all, then reads all, as simple clients do.
pub(crate) fn send(address: SocketAddr, request: &[u8]) -> Reply {
    let answer = exchange(address, request, false);
    Reply::parse(&answer.unwrap_or_else(|error| panic!("{address}: {error}")))
}

/// Sends bytes that may be no request, and reads until the other side closes.
pub(crate) fn send_raw(address: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    exchange(address, bytes, true)
}

fn exchange(address: SocketAddr, bytes: &[u8], last: bool) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(bytes)?;
    if last {
        stream.shutdown(Shutdown::Write)?;
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Reply {
    send(address, &request(&format!("GET {path}"), &[], b""))
}

pub(crate) fn post_json(address: SocketAddr, path: &str, body: &[u8]) -> Reply {
    let json = [("content-type", "application/json")];
    send(address, &request(&format!("POST {path}"), &json, body))
}
