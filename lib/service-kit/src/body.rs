//! Reading a request's body within a limit of bytes and time.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::header::{CONTENT_LENGTH, EXPECT, HeaderMap};

use crate::unpack::Packing;

/// Most bytes over the limit that are taken and thrown away before the refusal: a client that sends its whole body
/// before it reads would otherwise see a broken connection instead of the answer.
const DISCARDED_BYTES_MAX: usize = 16 << 20;

/// How often a body may be asked for before it counts as still on its way: hyper hands over what came with the
/// head only when it is asked, so the second time.
const EARLY_POLLS: u32 = 2;

/// Why a body was not read; the caller maps it to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It did not arrive in time: 408.
    #[error("body did not arrive in time")]
    Timeout,
    /// It is over the limit, packed or unpacked: 413.
    #[error("body is over the limit")]
    TooLarge,
    /// The connection broke, or what is packed is damaged: 400.
    #[error("body is incomplete or damaged")]
    Broken,
    /// An encoding other than gzip and zstd: 415.
    #[error("content encoding is not supported")]
    Encoding,
}

impl BodyError {
    /// The HTTP status for it.
    pub fn status(self) -> hyper::StatusCode {
        match self {
            Self::Timeout => hyper::StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => hyper::StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => hyper::StatusCode::BAD_REQUEST,
            Self::Encoding => hyper::StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

/// How much and how long.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Most bytes, as sent and again when unpacked.
    pub bytes_max: usize,
    /// From the call until the last byte.
    pub timeout: Duration,
}

/// Most bytes of room that a reader keeps for its next body: many times a usual one, so that a flood of large
/// bodies leaves no memory behind.
const ROOM_BYTES_MAX: usize = 64 << 10;

/// A buffer for bodies, kept between requests so that a warm one allocates nothing.
#[derive(Debug, Default)]
pub struct BodyReader {
    raw: Vec<u8>,
}

impl BodyReader {
    /// An empty buffer; it grows to what is read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the whole body as it is sent into `bytes_mut`, and says how it is packed.
    ///
    /// # Errors
    /// One of `BodyError`; what is declared to be over the limit is never kept.
    pub async fn read<B>(
        &mut self,
        headers: &HeaderMap,
        body: B,
        limits: BodyLimits,
    ) -> Result<Packing, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let packing = Packing::of(headers)?;
        let declared = body.size_hint().exact();
        let declared = declared.or_else(|| declared_length(headers));
        if declared.is_some_and(|bytes| bytes > limits.bytes_max as u64) {
            let waits_for_leave = headers.contains_key(EXPECT);
            let endless = declared.is_some_and(|bytes| bytes > DISCARDED_BYTES_MAX as u64);
            if !waits_for_leave && !endless {
                let none = BodyLimits {
                    bytes_max: 0,
                    ..limits
                };
                // However the rest ends, the answer is the same.
                read_bounded(body, none, &mut self.raw).await.ok();
            }
            return Err(BodyError::TooLarge);
        }
        read_bounded(body, limits, &mut self.raw).await?;
        Ok(packing)
    }

    /// What was read last.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.raw
    }

    /// Makes it ready to be kept: the room of an unusual body is given back.
    pub fn trim(&mut self) {
        if self.raw.capacity() > ROOM_BYTES_MAX {
            self.raw = Vec::new();
        }
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads `body` into `into`, which is emptied first. What comes after the limit is read and thrown away, up to a
/// limit of its own.
///
/// # Errors
/// `Timeout`, `TooLarge` or `Broken`.
pub async fn read_bounded<B>(
    mut body: B,
    limits: BodyLimits,
    into: &mut Vec<u8>,
) -> Result<(), BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    into.clear();
    let mut whole = pin!(async {
        let mut discarded = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BodyError::Broken)?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if discarded == 0 && into.len() + data.len() <= limits.bytes_max {
                into.extend_from_slice(&data);
                continue;
            }
            discarded += data.len();
            if discarded > DISCARDED_BYTES_MAX {
                break;
            }
        }
        if discarded == 0 {
            Ok(())
        } else {
            Err(BodyError::TooLarge)
        }
    });
    if let Some(read) = early(whole.as_mut()).await {
        return read;
    }
    match tokio::time::timeout(limits.timeout, whole).await {
        Ok(read) => read,
        Err(_) => Err(BodyError::Timeout),
    }
}

/// What `reading` gives if its body came with its head; `None` when it is still on its way.
pub async fn early<F: Future>(mut reading: Pin<&mut F>) -> Option<F::Output> {
    let mut polls = 0;
    poll_fn(|context| match reading.as_mut().poll(context) {
        Poll::Ready(read) => Poll::Ready(Some(read)),
        Poll::Pending => {
            polls += 1;
            if polls < EARLY_POLLS {
                context.waker().wake_by_ref();
                Poll::Pending
            } else {
                Poll::Ready(None)
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests;
