//! Bodies of every kind against the limits.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

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

async fn read(
    reader: &mut BodyReader,
    headers: &HeaderMap,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, BodyError> {
    let body = Full::new(Bytes::from(bytes));
    reader.read(headers, body, LIMITS).await?;
    Ok(reader.bytes_mut().clone())
}

#[tokio::test]
async fn bodies_are_read_in_turn_with_one_reader_up_to_the_limit() {
    let mut reader = BodyReader::new();
    let plain = headers(&[]);
    for bytes in [0, 1, 999, 1000] {
        let body = vec![7; bytes];
        assert_eq!(read(&mut reader, &plain, body.clone()).await, Ok(body));
    }
    assert_eq!(
        read(&mut reader, &plain, vec![0; 1001]).await,
        Err(BodyError::TooLarge)
    );
}

#[tokio::test]
async fn room_for_a_usual_body_is_kept_and_more_is_not() {
    let mut reader = BodyReader::new();
    for (bytes, kept) in [(3000, true), (ROOM_BYTES_MAX + 1, false)] {
        let limits = BodyLimits {
            bytes_max: 1 << 20,
            ..LIMITS
        };
        let body = Full::new(Bytes::from(vec![0; bytes]));
        assert!(reader.read(&headers(&[]), body, limits).await.is_ok());
        reader.trim();
        assert_eq!(reader.raw.capacity() >= bytes, kept, "{bytes}");
    }
}

#[tokio::test]
async fn declared_length_and_encoding_are_judged_whatever_comes() {
    let mut reader = BodyReader::new();
    let long = headers(&[("content-length", "1001")]);
    assert_eq!(
        reader.read(&long, Stalled(None), LIMITS).await,
        Err(BodyError::TooLarge)
    );
    for encoding in ["br", "deflate", "gzip, gzip", "gzip, zstd"] {
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
        assert_eq!(read, Err(BodyError::TooLarge));
        assert!(expected.contains(&taken), "{headers:?}: {taken}");
        assert!(reader.raw.capacity() <= LIMITS.bytes_max, "{headers:?}");
    }
}

#[tokio::test]
async fn a_stalled_body_times_out() {
    let mut reader = BodyReader::new();
    let stalled = Stalled(Some(Bytes::from_static(b"half")));
    let read = reader.read(&headers(&[]), stalled, LIMITS).await;
    assert_eq!(read, Err(BodyError::Timeout));
}
