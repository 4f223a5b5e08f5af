//! Creatives' files, served as they were uploaded: whole or in parts, for ever the same.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use metrics::counter;
use parking_lot::Mutex;
use store::asset::{AssetName, AssetStore};
use tokio::sync::Semaphore;

use crate::http::PixelResponse;
use crate::metrics::ASSETS;

/// Where the files are: `/a/NAME`.
pub const ASSET_PATH: &str = "/a/";
/// Most bytes of files kept in memory: what most ads of the hour load, beside the event ids.
const CACHE_BYTES_MAX: usize = 128 << 20;
/// Most files read at once: each may take 32 MiB before it is in the cache.
const READS_MAX: usize = 4;
/// How long a request waits for its turn to read.
const READ_DEADLINE: Duration = Duration::from_secs(2);

/// The files and those of them that were asked for lately.
pub struct Assets {
    store: Arc<dyn AssetStore>,
    cache: Mutex<Cache>,
    reads: Semaphore,
}

#[derive(Default)]
struct Cache {
    files: BTreeMap<AssetName, (Bytes, u64)>,
    bytes: usize,
    uses: u64,
}

impl Cache {
    fn get(&mut self, name: AssetName) -> Option<Bytes> {
        self.uses += 1;
        let (bytes, used) = self.files.get_mut(&name)?;
        *used = self.uses;
        Some(bytes.clone())
    }

    /// Keeps a file; those that were not asked for the longest make room.
    fn keep(&mut self, name: AssetName, bytes: &Bytes) {
        self.uses += 1;
        let kept = self.files.insert(name, (bytes.clone(), self.uses));
        self.bytes += bytes.len();
        self.bytes -= kept.map_or(0, |(old, _)| old.len());
        while self.bytes > CACHE_BYTES_MAX && self.files.len() > 1 {
            let oldest = self.files.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(name, _)| *name) else {
                return;
            };
            let gone = self.files.remove(&oldest);
            self.bytes -= gone.map_or(0, |(old, _)| old.len());
        }
    }
}

impl Assets {
    /// Serves the files of a store.
    pub fn new(store: Arc<dyn AssetStore>) -> Self {
        Self {
            store,
            cache: Mutex::new(Cache::default()),
            reads: Semaphore::new(READS_MAX),
        }
    }

    /// Answers a request under `ASSET_PATH`.
    pub async fn answer<B>(&self, request: &Request<B>) -> PixelResponse {
        let response = self.respond(request).await;
        counter!(ASSETS, "status" => label(response.status())).increment(1);
        response
    }

    async fn respond<B>(&self, request: &Request<B>) -> PixelResponse {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
            let methods = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, methods);
            return response;
        }
        let path = request.uri().path();
        let name = path.strip_prefix(ASSET_PATH).and_then(AssetName::parse);
        let Some(name) = name else {
            return plain(StatusCode::NOT_FOUND);
        };
        match self.read(name).await {
            Ok(Some(bytes)) => {
                let head = *request.method() == Method::HEAD;
                file(name, bytes, request.headers(), head)
            }
            Ok(None) => plain(StatusCode::NOT_FOUND),
            Err(()) => {
                let mut response = plain(StatusCode::SERVICE_UNAVAILABLE);
                let wait = HeaderValue::from_static("1");
                response.headers_mut().insert(RETRY_AFTER, wait);
                response
            }
        }
    }

    /// From memory, or off the event loop from the store. The error is ours and passes.
    async fn read(&self, name: AssetName) -> Result<Option<Bytes>, ()> {
        if let Some(bytes) = self.cache.lock().get(name) {
            return Ok(Some(bytes));
        }
        let turn = tokio::time::timeout(READ_DEADLINE, self.reads.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(());
        };
        // Another request may have read it meanwhile.
        if let Some(bytes) = self.cache.lock().get(name) {
            return Ok(Some(bytes));
        }
        let store = Arc::clone(&self.store);
        let read = tokio::task::spawn_blocking(move || store.get(name)).await;
        let Ok(Ok(found)) = read else {
            return Err(());
        };
        let found = found.map(Bytes::from);
        if let Some(bytes) = &found {
            self.cache.lock().keep(name, bytes);
        }
        Ok(found)
    }
}

impl std::fmt::Debug for Assets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assets").finish_non_exhaustive()
    }
}

fn label(status: StatusCode) -> &'static str {
    match status {
        StatusCode::OK => "200",
        StatusCode::PARTIAL_CONTENT => "206",
        StatusCode::NOT_MODIFIED => "304",
        StatusCode::RANGE_NOT_SATISFIABLE => "416",
        StatusCode::METHOD_NOT_ALLOWED => "405",
        StatusCode::SERVICE_UNAVAILABLE => "503",
        _ => "404",
    }
}

/// A part of a file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Whole,
    Bytes(Range<usize>),
    Unsatisfiable,
}

/// What a `Range` header asks of a file of `length` bytes (RFC 9110, section 14.2). Several ranges and what cannot be
/// read are answered with the whole file, as the standard allows.
fn part(range: &str, length: usize) -> Part {
    let Some((first, last)) = range
        .trim()
        .strip_prefix("bytes=")
        .and_then(|spec| spec.split_once('-'))
    else {
        return Part::Whole;
    };
    let number = |text: &str| text.parse::<usize>().ok();
    let wanted = match (first, last) {
        ("", last) => number(last).map(|count| (length.saturating_sub(count), length)),
        (first, "") => number(first).map(|first| (first, length)),
        (first, last) => number(first)
            .zip(number(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| (first, last.saturating_add(1).min(length))),
    };
    match wanted {
        None => Part::Whole,
        Some((first, end)) if first < end => Part::Bytes(first..end),
        Some(_) => Part::Unsatisfiable,
    }
}

fn file(name: AssetName, bytes: Bytes, asked: &HeaderMap, head: bool) -> PixelResponse {
    let text = |header: HeaderName| asked.get(header).and_then(|value| value.to_str().ok());
    let tag = format!("\"{name}\"");
    let same = |listed: &str| {
        let mut tags = listed.split(',').map(str::trim);
        tags.any(|one| one == "*" || one.trim_start_matches("W/") == tag)
    };
    if text(IF_NONE_MATCH).is_some_and(same) {
        return described(plain(StatusCode::NOT_MODIFIED), name, &tag);
    }
    let current = text(IF_RANGE).is_none_or(|known| known == tag);
    let range = text(RANGE).filter(|_| current && !head);
    let length = bytes.len();
    let (status, bytes, at) = match range.map_or(Part::Whole, |range| part(range, length)) {
        Part::Whole => (StatusCode::OK, bytes, None),
        Part::Bytes(range) => {
            let at = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            (StatusCode::PARTIAL_CONTENT, bytes.slice(range), Some(at))
        }
        Part::Unsatisfiable => {
            let at = format!("bytes */{length}");
            (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new(), Some(at))
        }
    };
    // To HEAD the server sends the length of this body and none of its bytes.
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = status;
    if let Some(at) = at.and_then(|at| HeaderValue::try_from(at).ok()) {
        response.headers_mut().insert(CONTENT_RANGE, at);
    }
    described(response, name, &tag)
}

/// What is true of the file in every answer about it.
fn described(mut response: PixelResponse, name: AssetName, tag: &str) -> PixelResponse {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    let fixed = [
        (CONTENT_TYPE, name.kind().mime()),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (ACCEPT_RANGES, "bytes"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
    ];
    for (header, value) in fixed {
        headers.insert(header, HeaderValue::from_static(value));
    }
    response
}

fn plain(status: StatusCode) -> PixelResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_out_of_the_file() {
        for (range, expected) in [
            ("bytes=0-", Part::Bytes(0..10)),
            ("bytes=2-4", Part::Bytes(2..5)),
            ("bytes=9-99", Part::Bytes(9..10)),
            ("bytes=-3", Part::Bytes(7..10)),
            ("bytes=-30", Part::Bytes(0..10)),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=4-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("items=0-1", Part::Whole),
            ("bytes=0-18446744073709551615", Part::Bytes(0..10)),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Unsatisfiable);
    }

    #[test]
    fn the_cache_forgets_what_was_used_longest_ago() {
        let mut cache = Cache::default();
        let name = |n: u8| AssetName::of(&[b"GIF89a".as_slice(), &[n]].concat()).unwrap();
        let third = Bytes::from(vec![0; CACHE_BYTES_MAX / 3]);
        for n in 0..3 {
            cache.keep(name(n), &third);
        }
        assert!(cache.get(name(0)).is_some());
        cache.keep(name(3), &third);
        let there = [0, 1, 2, 3].map(|n| cache.get(name(n)).is_some());
        assert_eq!(there, [true, false, true, true]);
        cache.keep(name(3), &third);
        assert_eq!(cache.bytes, third.len() * 3, "kept again, counted once");
    }
}
