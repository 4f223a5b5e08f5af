//! Bodies of every kind against the limits.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Frame;

use super::*;

const LIMITS: BodyLimits = BodyLimits {
    bytes_max: 1000,
    timeout: Duration::from_millis(50),
};

/// A body of which the rest never comes.
struct Stalled(Option<Bytes>);

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            None => Poll::Pending,
        }
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

async fn read(
    reader: &mut BodyReader,
    headers: &HeaderMap,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, BodyError> {
    let body = Full::new(Bytes::from(bytes));
    reader
        .read(headers, body, LIMITS)
        .await
        .map(|read| read.clone())
}

#[tokio::test]
async fn bodies_are_read_and_unpacked_in_turn_with_one_reader() {
    let mut reader = BodyReader::new();
    let plain = headers(&[]);
    let packed = headers(&[("content-encoding", "GZIP")]);
    for round in 0..5_u8 {
        let text = vec![round; 900];
        assert_eq!(
            read(&mut reader, &plain, text.clone()).await,
            Ok(text.clone())
        );
        assert_eq!(
            read(&mut reader, &packed, gzip(&text)).await,
            Ok(text.clone())
        );
        let broken = gzip(&text);
        let half = broken[..broken.len() / 2].to_vec();
        assert_eq!(
            read(&mut reader, &packed, half).await,
            Err(BodyError::Broken)
        );
        assert_eq!(
            read(&mut reader, &packed, text).await,
            Err(BodyError::Broken)
        );
    }
}

#[tokio::test]
async fn nothing_passes_the_limit() {
    let mut reader = BodyReader::new();
    let packed = headers(&[("content-encoding", "gzip")]);
    let plain = headers(&[]);
    assert!(read(&mut reader, &plain, vec![0; 1000]).await.is_ok());
    assert_eq!(
        read(&mut reader, &plain, vec![0; 1001]).await,
        Err(BodyError::TooLarge)
    );
    assert!(read(&mut reader, &packed, gzip(&[0; 1000])).await.is_ok());
    assert_eq!(
        read(&mut reader, &packed, gzip(&[0; 1001])).await,
        Err(BodyError::TooLarge)
    );
    let bomb = gzip(&vec![0; 900_000]);
    assert!(bomb.len() < LIMITS.bytes_max);
    assert_eq!(
        read(&mut reader, &packed, bomb).await,
        Err(BodyError::TooLarge)
    );
    assert!(
        reader.unpacked.capacity() < 8 * LIMITS.bytes_max,
        "a bomb grows no buffer"
    );
}

#[tokio::test]
async fn declared_length_and_encoding_are_judged_whatever_comes() {
    let mut reader = BodyReader::new();
    let long = headers(&[("content-length", "1001")]);
    assert_eq!(
        reader
            .read(&long, Stalled(None), LIMITS)
            .await
            .map(|read| read.len()),
        Err(BodyError::TooLarge)
    );
    for encoding in ["br", "deflate", "gzip, gzip", "zstd"] {
        let headers = headers(&[("content-encoding", encoding)]);
        assert_eq!(
            read(&mut reader, &headers, vec![1]).await,
            Err(BodyError::Encoding),
            "{encoding}"
        );
    }
}

/// A body without end that counts what is taken of it.
struct Endless<'a>(&'a mut usize);

impl Body for Endless<'_> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        *self.0 += 1 << 16;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 1 << 16])))))
    }
}

#[tokio::test]
async fn what_is_over_the_limit_is_taken_but_not_kept() {
    const FEW: std::ops::RangeInclusive<usize> =
        DISCARDED_BYTES_MAX..=DISCARDED_BYTES_MAX + (2 << 16);
    let cases = [
        (headers(&[]), FEW),
        (headers(&[("content-length", "5000000")]), FEW),
        (headers(&[("content-length", "99000000")]), 0..=0),
        (
            headers(&[("content-length", "5000000"), ("expect", "100-continue")]),
            0..=0,
        ),
    ];
    for (headers, expected) in cases {
        let (mut reader, mut taken) = (BodyReader::new(), 0);
        let limits = BodyLimits {
            timeout: Duration::from_secs(30),
            ..LIMITS
        };
        let read = reader.read(&headers, Endless(&mut taken), limits).await;
        assert_eq!(read.map(|read| read.len()), Err(BodyError::TooLarge));
        assert!(expected.contains(&taken), "{headers:?}: {taken}");
        assert!(reader.raw.capacity() <= LIMITS.bytes_max, "{headers:?}");
    }
}

#[tokio::test]
async fn a_stalled_body_times_out() {
    let mut reader = BodyReader::new();
    let stalled = Stalled(Some(Bytes::from_static(b"half")));
    let read = reader.read(&headers(&[]), stalled, LIMITS).await;
    assert_eq!(read.map(|read| read.len()), Err(BodyError::Timeout));
}
