//! OpenRTB in protobuf: the same request and the same response as in JSON, in another dress.

mod media;
mod parties;
mod read;
mod weigh;
mod write;

use domain::limits::REQUEST_BODY_BYTES_MAX;
use prost::Message;

use super::{Arena, BidRequest, RequestError};

pub use write::{no_bid, write_response};

/// The messages as they are on the wire, generated from `openrtb.proto`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::len_without_is_empty,
    reason = "generated code"
)]
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/paceline.openrtb.v2.rs"));
}

/// A decoded request message, which a `BidRequest` borrows from.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded(wire::BidRequest);

impl Decoded {
    /// Decodes `body` after checking its size and how many messages are in it.
    ///
    /// # Errors
    /// `TooLarge`, `TooDeep`, `TooManyMessages` or `MalformedProtobuf`.
    pub fn decode(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > REQUEST_BODY_BYTES_MAX {
            return Err(RequestError::TooLarge { bytes: body.len() });
        }
        weigh::check(body)?;
        let message = wire::BidRequest::decode(body);
        message
            .map(Self)
            .map_err(|_| RequestError::MalformedProtobuf)
    }

    /// The request in it, read by the rules that hold for JSON. The arena is used as scratch space.
    ///
    /// # Errors
    /// `Invalid` without an id or a slot.
    pub fn request<'a>(&'a self, arena: &'a mut Arena) -> Result<BidRequest<'a>, RequestError> {
        arena.reset();
        read::request(&self.0, arena)
    }
}
