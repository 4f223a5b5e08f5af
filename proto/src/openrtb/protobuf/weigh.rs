//! Counts the messages of a request before it is decoded: two bytes on the wire can be a message of hundreds in memory.

use domain::limits::REQUEST_DEPTH_MAX;

use crate::openrtb::RequestError;

/// Most repeated messages decoded of one request; the largest take some 600 bytes each, real requests
/// carry under a thousand.
const MESSAGES_MAX: usize = 16_384;

/// Messages that hold repeated messages somewhere below them, or are repeated themselves.
#[derive(Clone, Copy)]
enum Kind {
    Request,
    Imp,
    Banner,
    Video,
    Audio,
    Native,
    Layout,
    Pmp,
    Deal,
    Device,
    Agent,
    User,
    UserExt,
    Data,
    Eid,
    Source,
    SourceExt,
    Chain,
    /// Nothing below it repeats.
    Leaf,
}

/// Refuses a body whose messages are more than the limit, or that is no protobuf at its upper levels.
pub(super) fn check(body: &[u8]) -> Result<(), RequestError> {
    let mut left = MESSAGES_MAX;
    weigh(Kind::Request, body, &mut left)
}

/// The recursion ends with `inside`: no kind is below itself.
fn weigh(kind: Kind, mut body: &[u8], left: &mut usize) -> Result<(), RequestError> {
    let mut groups = 0;
    while !body.is_empty() {
        let field = next(&mut body).ok_or(RequestError::MalformedProtobuf)?;
        match field {
            Field::Bytes(number, bytes) if groups == 0 => {
                if let Some(inner) = inside(kind, number) {
                    *left = left
                        .checked_sub(1)
                        .ok_or(RequestError::TooManyMessages { max: MESSAGES_MAX })?;
                    weigh(inner, bytes, left)?;
                }
            }
            Field::GroupStart if groups >= REQUEST_DEPTH_MAX => return Err(RequestError::TooDeep),
            Field::GroupStart => groups += 1,
            Field::GroupEnd if groups == 0 => return Err(RequestError::MalformedProtobuf),
            Field::GroupEnd => groups -= 1,
            Field::Bytes(..) | Field::Number => {}
        }
    }
    Ok(())
}

/// The kind of message in field `number`, where it counts.
fn inside(kind: Kind, number: u64) -> Option<Kind> {
    use Kind::{
        Agent, Audio, Banner, Chain, Data, Deal, Device, Eid, Imp, Layout, Leaf, Native, Pmp,
        Request, Source, SourceExt, User, UserExt, Video,
    };
    Some(match (kind, number) {
        (Request, 2) => Imp,
        (Request, 5) => Device,
        (Request, 6) => User,
        (Request, 19) => Source,
        (Imp, 2) => Banner,
        (Imp, 3) => Video,
        (Imp, 11) => Pmp,
        (Imp, 13) => Native,
        (Imp, 15) => Audio,
        (Imp, 17) => Leaf,
        (Banner, 15) | (Video, 36) | (Audio, 31) | (Deal, 9) => Leaf,
        (Native, 50) => Layout,
        (Layout, 6 | 13) => Leaf,
        (Pmp, 2) => Deal,
        (Device, 31) => Agent,
        (User, 8) => Data,
        (User, 11) | (UserExt, 2) => Eid,
        (User, 99) => UserExt,
        (Agent, 1) | (Data, 3) | (Eid, 2) | (Chain, 2) => Leaf,
        (Source, 4) | (SourceExt, 1) => Chain,
        (Source, 99) => SourceExt,
        _ => return None,
    })
}

enum Field<'a> {
    Number,
    Bytes(u64, &'a [u8]),
    GroupStart,
    GroupEnd,
}

fn next<'a>(body: &mut &'a [u8]) -> Option<Field<'a>> {
    let key = varint(body)?;
    let field = match key & 7 {
        0 => {
            varint(body)?;
            Field::Number
        }
        1 => {
            take(body, 8)?;
            Field::Number
        }
        2 => {
            let length = usize::try_from(varint(body)?).ok()?;
            Field::Bytes(key >> 3, take(body, length)?)
        }
        3 => Field::GroupStart,
        4 => Field::GroupEnd,
        5 => {
            take(body, 4)?;
            Field::Number
        }
        _ => return None,
    };
    Some(field)
}

fn take<'a>(body: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = body.split_at_checked(length)?;
    *body = rest;
    Some(taken)
}

fn varint(body: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of bytes.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let key = (u64::from(number) << 3) | 2;
        let mut out = Vec::new();
        prost::encoding::encode_varint(key, &mut out);
        prost::encoding::encode_varint(bytes.len() as u64, &mut out);
        out.extend_from_slice(bytes);
        out
    }

    #[test]
    fn messages_end_at_their_limit_wherever_they_are() {
        let paths: [&[u8]; 16] = [
            &[2],
            &[2, 2, 15],
            &[2, 3, 36],
            &[2, 15, 31],
            &[2, 13, 50, 6],
            &[2, 13, 50, 13],
            &[2, 11, 2],
            &[2, 11, 2, 9],
            &[5, 31, 1],
            &[6, 8],
            &[6, 8, 3],
            &[6, 11],
            &[6, 11, 2],
            &[6, 99, 2],
            &[19, 4, 2],
            &[19, 99, 1, 2],
        ];
        for path in paths {
            let (last, above) = path.split_last().unwrap();
            let wrapped = |count: usize| {
                let many = field(*last, &[]).repeat(count);
                above
                    .iter()
                    .rfold(many, |inner, number| field(*number, &inner))
            };
            let most = MESSAGES_MAX - above.len();
            assert_eq!(check(&wrapped(most)), Ok(()), "{path:?}");
            let max = MESSAGES_MAX;
            let error = RequestError::TooManyMessages { max };
            assert_eq!(check(&wrapped(most + 1)), Err(error), "{path:?}");
        }
    }

    #[test]
    fn groups_end_at_the_depth_limit_and_must_match() {
        let nested = |depth: usize| [[0x0b_u8].repeat(depth), [0x0c_u8].repeat(depth)].concat();
        assert_eq!(check(&nested(REQUEST_DEPTH_MAX)), Ok(()));
        assert_eq!(
            check(&nested(REQUEST_DEPTH_MAX + 1)),
            Err(RequestError::TooDeep)
        );
        assert_eq!(check(&[0x0c]), Err(RequestError::MalformedProtobuf));
        assert_eq!(
            check(&[0x12, 0x05, 0x00]),
            Err(RequestError::MalformedProtobuf)
        );
    }
}
