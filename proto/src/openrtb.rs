//! OpenRTB 2.x in JSON and protobuf: the request parsed leniently and borrowed, the response written into a reused buffer.
//!
//! One rule for odd input: a field of another type than the specification's is absent, a key met
//! twice takes its last value. What protects people or money is stricter: an unreadable privacy
//! flag counts as set, signals met twice (2.6 place, `ext` place, duplicate keys) take the stricter
//! value, and an unreadable or repeated floor refuses the impression.

pub mod arena;
pub mod device;
pub mod dsa;
pub mod floor;
pub mod format;
pub mod imp;
pub mod inventory;
mod json;
pub mod markup;
pub mod native;
pub mod protobuf;
pub mod regs;
pub mod request;
pub mod response;
pub mod skadn;
pub mod slot;
pub mod source;
pub mod user;

pub use arena::Arena;
pub use device::{ClientHints, Device, Geo};
pub use dsa::{Dsa, DsaAnswer};
pub use floor::{Amount, DurationFloor, Floor};
pub use format::Format;
pub use imp::{Deal, Imp, Metric, Pmp};
pub use inventory::{App, Content, Dooh, Publisher, Site};
pub use native::{AssetKind, EventTracker, NativeAsset, NativeRequest, NativeSlot, NativeSource};
pub use regs::{Regs, Signal};
pub use request::{BidRequest, RequestError, parse};
pub use response::{Adm, Bid, MarkupType, ResponseHead, no_bid, write_response};
pub use skadn::{SkadnAnswer, SkadnCampaign, SkadnList, SkadnOffer, SkadnSignature};
pub use slot::{BannerSlot, FlexSize, MediaSlot, SizeRange};
pub use source::{SupplyChain, SupplyChainNode};
pub use user::{Eid, Uid, User, UserData};

/// Text of a request: that of the body where it was a string there, written into the arena where it was a number.
pub type Text<'a> = &'a str;
