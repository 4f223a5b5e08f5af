//! Whether a hit may be believed: its kind, its token, its age.

use domain::Timestamp;
use domain::limits::{CLICK_AGE_MS_MAX, NOTICE_AGE_MS_MAX};
use proto::event::{BidRef, IdKind};
use proto::token::{Purpose, TokenError, TokenKeys};

/// How far a bidder's clock may run ahead of ours, in milliseconds.
pub const FUTURE_MS_MAX: i64 = 5 * 60_000;

/// What a hit tells, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HitKind {
    /// The exchange says that the bid won.
    Win,
    /// The exchange says that the bid lost.
    Loss,
    /// The exchange bills the impression.
    Billing,
    /// The ad was shown.
    Impression,
    /// The ad was viewable.
    View,
    /// The ad was clicked.
    Click,
    /// The user did what the advertiser wants.
    Conversion,
    /// A video or audio ad was played so far, or failed.
    Playback,
    /// The user came into a segment of the advertiser's.
    Segment,
}

impl HitKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Win,
        Self::Loss,
        Self::Billing,
        Self::Impression,
        Self::View,
        Self::Click,
        Self::Conversion,
        Self::Playback,
        Self::Segment,
    ];

    /// Where it is sent to.
    pub fn path(self) -> &'static str {
        match self {
            Self::Win => "/win",
            Self::Loss => "/loss",
            Self::Billing => "/bill",
            Self::Impression => "/imp",
            Self::View => "/view",
            Self::Click => "/click",
            Self::Conversion => "/conv",
            Self::Playback => "/video",
            Self::Segment => "/seg",
        }
    }

    /// The kind of a path.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.path() == path)
    }

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Win => "win",
            Self::Loss => "loss",
            Self::Billing => "billing",
            Self::Impression => "impression",
            Self::View => "view",
            Self::Click => "click",
            Self::Conversion => "conversion",
            Self::Playback => "playback",
            Self::Segment => "segment",
        }
    }

    /// The purpose its tokens are sealed for.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Win | Self::Loss | Self::Billing => Purpose::Notice,
            Self::Impression | Self::View | Self::Playback => Purpose::Event,
            Self::Conversion | Self::Segment => Purpose::Conversion,
            Self::Click => Purpose::Click,
        }
    }

    /// Whether an exchange's server sends it; a browser or an app otherwise.
    pub fn is_notice(self) -> bool {
        self.purpose() == Purpose::Notice
    }

    /// The kind its event id is made for.
    pub fn id_kind(self) -> IdKind {
        match self {
            Self::Win => IdKind::Win,
            Self::Loss => IdKind::Loss,
            Self::Billing => IdKind::Billing,
            Self::Impression => IdKind::Impression,
            Self::View => IdKind::View,
            Self::Click => IdKind::Click,
            Self::Conversion => IdKind::Conversion,
            Self::Playback => IdKind::Playback,
            Self::Segment => IdKind::Segment,
        }
    }

    /// How old a bid may be, in milliseconds. A conversion may come as late as a click: which one it is
    /// credited to is decided later, by the attribution window.
    pub fn age_ms_max(self) -> i64 {
        match self {
            Self::Click | Self::Conversion | Self::Segment => CLICK_AGE_MS_MAX,
            _ => NOTICE_AGE_MS_MAX,
        }
    }
}

/// Why a hit is answered politely and counted nowhere but here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// No token at all.
    NoToken,
    /// Not a token of ours by its shape.
    Malformed,
    /// Sealed by a key or version we do not have.
    UnknownKey,
    /// Forged, altered, or made for another purpose.
    Forged,
    /// Older than its kind allows.
    TooOld,
    /// From a clock far ahead of ours.
    FromFuture,
    /// A click token whose landing page is no absolute web address.
    Landing,
    /// A test request's bid: never money, never a count.
    Test,
    /// `HEAD` asks what would be answered and does nothing.
    Head,
    /// A step of playback that VAST does not know.
    Step,
    /// The browser only looks ahead: nobody has seen or clicked anything.
    Prefetch,
    /// Of this user no profile may be kept.
    Profile,
    /// A segment without a name, or with one that it cannot have.
    Name,
}

impl Reject {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::NoToken,
        Self::Malformed,
        Self::UnknownKey,
        Self::Forged,
        Self::TooOld,
        Self::FromFuture,
        Self::Landing,
        Self::Test,
        Self::Head,
        Self::Step,
        Self::Prefetch,
        Self::Profile,
        Self::Name,
    ];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
            Self::TooOld => "too_old",
            Self::FromFuture => "from_future",
            Self::Landing => "landing",
            Self::Test => "test",
            Self::Head => "head",
            Self::Step => "step",
            Self::Prefetch => "prefetch",
            Self::Profile => "profile",
            Self::Name => "name",
        }
    }

    /// The reason of a label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reject| reject.label() == label)
    }
}

impl From<TokenError> for Reject {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Malformed => Self::Malformed,
            TokenError::UnknownKey => Self::UnknownKey,
            TokenError::Forged => Self::Forged,
        }
    }
}

/// Opens a token and checks its age.
///
/// # Errors
/// The reason; nothing of a refused token may be believed.
pub fn check(
    keys: &TokenKeys,
    kind: HitKind,
    token: Option<&str>,
    now: Timestamp,
) -> Result<BidRef, Reject> {
    let token = token
        .filter(|token| !token.is_empty())
        .ok_or(Reject::NoToken)?;
    let reference = keys.open(token, kind.purpose())?;
    if reference.id().is_nil() {
        return Err(Reject::Malformed);
    }
    let age_ms = now.since(reference.bid_at());
    if age_ms > kind.age_ms_max() {
        return Err(Reject::TooOld);
    }
    if age_ms < -FUTURE_MS_MAX {
        return Err(Reject::FromFuture);
    }
    Ok(reference)
}
