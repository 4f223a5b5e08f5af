//! The two forms that OpenRTB has on the wire, and the ways in and out that fit either.

use std::ops::Range;

use super::protobuf::{self, Decoded};
use super::{Arena, Bid, BidRequest, RequestError, ResponseHead, parse, response};

/// The form of a request, which is also that of its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON, which is meant when nothing is said.
    #[default]
    Json,
    /// Protobuf, with the IAB's field numbers.
    Protobuf,
}

impl Format {
    /// The form that a `content-type` names; parameters do not matter, and what is unknown is JSON.
    pub fn of_content_type(value: &str) -> Self {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        let protobuf = ["application/x-protobuf", "application/protobuf"];
        match protobuf.iter().any(|p| media_type.eq_ignore_ascii_case(p)) {
            true => Self::Protobuf,
            false => Self::Json,
        }
    }

    /// The `content-type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    /// Reads a request out of `body`, which is used as scratch space, as is the arena. `decoded` keeps what a
    /// request in protobuf borrows.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn parse<'a>(
        self,
        body: &'a mut [u8],
        arena: &'a mut Arena,
        decoded: &'a mut Option<Decoded>,
    ) -> Result<BidRequest<'a>, RequestError> {
        match self {
            Self::Json => parse(body, arena),
            Self::Protobuf => decoded.insert(Decoded::decode(body)?).request(arena),
        }
    }

    /// Appends the response. `bids` is asked for parts of the bids and hands those over one by one.
    pub fn write_response(
        self,
        out: &mut Vec<u8>,
        head: &ResponseHead<'_>,
        bids: impl FnMut(Range<usize>, &mut dyn FnMut(&Bid<'_>)),
    ) {
        match self {
            Self::Json => response::write_response(out, head, bids),
            Self::Protobuf => protobuf::write_response(out, head, bids),
        }
    }

    /// Appends a response that says why there is no bid (`nbr`, a code of the OpenRTB list).
    pub fn no_bid(self, out: &mut Vec<u8>, id: &str, nbr: u32) {
        match self {
            Self::Json => response::no_bid(out, id, nbr),
            Self::Protobuf => protobuf::no_bid(out, id, nbr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_name_the_form() {
        for name in [
            "application/x-protobuf",
            "application/protobuf",
            "Application/X-Protobuf; charset=utf-8",
            " application/protobuf ;x=y",
        ] {
            assert_eq!(Format::of_content_type(name), Format::Protobuf, "{name}");
        }
        for name in [
            "",
            "application/json",
            "text/plain",
            "application/protobufs",
            ";application/protobuf",
        ] {
            assert_eq!(Format::of_content_type(name), Format::Json, "{name}");
        }
        for format in [Format::Json, Format::Protobuf] {
            assert_eq!(Format::of_content_type(format.content_type()), format);
        }
    }
}
