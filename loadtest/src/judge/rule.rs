//! The rules that a bid response must keep, by name.

use serde::Serialize;

/// The rules a bid response must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The response is an object that answers a readable request.
    Json,
    /// Every field has the type that the specification gives it.
    Shape,
    /// A linter written by others finds no error.
    Lint,
    /// The response's id is the request's.
    Id,
    /// The response's currency is allowed.
    Currency,
    /// The seat is allowed.
    Seat,
    /// Every bid has an id.
    BidId,
    /// No two bids share an id, or offer the same ad on the same terms for the same impression.
    DuplicateBidId,
    /// The bid is for an impression of the request.
    ImpId,
    /// A group of bids is for all impressions of a page, once each, of one advertiser.
    Group,
    /// The price is a positive number.
    Price,
    /// The price is at least the floor that applies.
    Floor,
    /// The bid's media type is one that the impression offers.
    MediaType,
    /// Banner sizes are among those offered.
    Size,
    /// Markup is there and of the bid's media type.
    Markup,
    /// A VAST document has what a player needs.
    Vast,
    /// The media file's MIME type is accepted.
    Mime,
    /// The media file's bit rate is accepted.
    Bitrate,
    /// The media file's way of delivery is accepted.
    Delivery,
    /// The VAST version is accepted.
    Protocol,
    /// The duration is accepted, and the one that the bid states.
    Duration,
    /// Frameworks that the ad needs are offered.
    Api,
    /// Banner types and directions to expand are not blocked.
    BannerType,
    /// A native answer has the required assets within their limits.
    Native,
    /// The sum and number of a pod's ads, their places, and no repetition where none is wanted.
    Pod,
    /// No blocked category.
    Category,
    /// No blocked advertiser.
    Advertiser,
    /// No blocked app.
    App,
    /// No blocked creative.
    Creative,
    /// No blocked creative attribute, and none that the ad belies.
    Attribute,
    /// The language is wanted.
    Language,
    /// The advertiser's domain is declared.
    Adomain,
    /// The creative's id is declared.
    Crid,
    /// A field that this exchange requires.
    Required,
    /// Macros are the specification's or the exchange's own, and one of them tells the price.
    Macro,
    /// Nothing unencrypted in a secure slot.
    Secure,
    /// Impressions and clicks are tracked at our address.
    Tracking,
    /// Notices go to our address.
    NoticeHost,
    /// The deal is one that was offered, to this seat and advertiser.
    Deal,
    /// A deal at a fixed price is bid at that price.
    FixedPrice,
    /// A guaranteed deal is bid on by who bids at all and can.
    Guaranteed,
    /// A private auction takes bids on deals only.
    PrivateAuction,
    /// How long the bid stands is a positive number of seconds.
    Expiry,
    /// Data for a store's attribution answers what was offered.
    Skadn,
    /// Transparency is declared where the law demands it.
    Dsa,
    /// Nothing of a user who may not be known.
    Personal,
}
