//! A publisher's page with an ad far below its beginning, served on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

/// Connections that are answered: the page, its icon, and what a browser opens ahead of need.
const CONNECTIONS_MAX: usize = 16;

/// Serves the page; its address.
pub(crate) fn publish(ad: &str) -> String {
    let page = format!(
        "<!doctype html><title>News</title><h1>News</h1><p style=\"height:4000px\">Text</p>{ad}"
    );
    let length = page.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{page}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().take(CONNECTIONS_MAX) {
            let Ok(mut stream) = stream else { return };
            // A connection that is opened ahead of need may be closed without a request.
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            while head
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    format!("http://{address}/")
}
