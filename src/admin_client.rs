//! Asks a running server at its admin address.

use anyhow::Context;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;

/// Longest answer read, in bytes: the totals of a hundred thousand campaigns fit.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// What a server says before its admin address, in the lock of its folder.
const MARK: &str = "admin ";

/// The admin address in what the holder of a folder says of itself.
pub(crate) fn address(holder: &str) -> Option<&str> {
    holder.split_once(MARK).map(|(_, address)| address.trim())
}

/// Gets `path`; the answer's status and body.
///
/// # Errors
/// When the server cannot be reached, or its answer is too long.
pub(crate) async fn get(address: &str, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    let request = Request::get(path)
        .header("host", address)
        .body(Full::default())?;
    send(address, request).await
}

/// Posts JSON to `path` with a key; the answer's status and body.
///
/// # Errors
/// When the server cannot be reached, or its answer is too long.
pub(crate) async fn post(
    address: &str,
    (path, key): (&str, &str),
    json: String,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let request = Request::post(path)
        .header("host", address)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {key}"))
        .body(Full::from(json))?;
    send(address, request).await
}

async fn send(address: &str, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .with_context(|| format!("admin address {address}"))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    let body = body
        .map_err(|error| anyhow::anyhow!("answer of {address}: {error}"))?
        .to_bytes();
    driver.abort();
    Ok((status, body))
}
