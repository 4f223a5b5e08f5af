//! The closed lists that every bid request and every refused line item end in.

/// How a bid request ended: exactly one of these each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered with at least one bid.
    Bid,
    /// Answered without a bid.
    NoBid(NoBid),
}

macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $label:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The metric label and the word in reports.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }

            /// The variant of a label.
            pub fn from_label(label: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|variant| variant.label() == label)
            }
        }
    };
}

closed_list! {
    /// Why a request got no bid.
    NoBid {
        /// The bytes are not a bid request.
        Malformed => "malformed",
        /// Well-formed, but `id` or `imp` is missing or contradicts itself.
        Invalid => "invalid",
        /// Campaigns, model or budgets are not loaded yet.
        NotReady => "not_ready",
        /// Shed at once because too many requests are under way.
        Overload => "overload",
        /// `tmax` leaves no time for an answer.
        NoTime => "no_time",
        /// A robot that says so in its user agent.
        Crawler => "crawler",
        /// No user agent, or only slots that nobody can see.
        NonHuman => "non_human",
        /// An address of a data centre, or one that is known to be bad.
        DataCentre => "data_centre",
        /// The supply chain is missing where it is required, incomplete, or makes no sense.
        SupplyChain => "supply_chain",
        /// A seller in the supply chain is blocked.
        BlockedSeller => "blocked_seller",
        /// Nothing is known of the ads.txt of the site, or the app-ads.txt of the app.
        AdsTxtMissing => "ads_txt_missing",
        /// A seller in the supply chain is not listed in ads.txt, or in its system's sellers.json.
        UnauthorizedSeller => "unauthorized_seller",
        /// Nobody may buy: our seat is not allowed, or the currency is none we can bid in.
        NotForUs => "not_for_us",
        /// No line item is targeted at it.
        NoCandidate => "no_candidate",
        /// Line items matched, but each was refused.
        AllRefused => "all_refused",
    }
}

closed_list! {
    /// Why one line item did not bid on one impression: the first rule that refused it.
    Reject {
        /// The line item, its campaign or all of its creatives are not active.
        NotLive => "not_live",
        /// Targeting does not cover the request, or the line item wants authorized sellers and somebody is none.
        Targeting => "targeting",
        /// No creative has an accepted format or size.
        Format => "format",
        /// The MIME type, protocol or interface is not accepted.
        Mime => "mime",
        /// The duration is outside what is accepted.
        Duration => "duration",
        /// The advertiser's domain or app is blocked.
        BlockedAdvertiser => "blocked_advertiser",
        /// The creative's category is blocked or not allowed.
        BlockedCategory => "blocked_category",
        /// A creative attribute or ad type is blocked.
        BlockedAttribute => "blocked_attribute",
        /// The creative itself is blocked.
        BlockedCreative => "blocked_creative",
        /// Another bid for the same pod has in common with it what the pod keeps apart.
        Separation => "separation",
        /// Who stands behind the ad must be shown, and neither the publisher nor the ad does it.
        Transparency => "transparency",
        /// The language is not accepted.
        Language => "language",
        /// The exchange has not approved the creative, and only takes approved ones.
        Approval => "approval",
        /// The deal is not one the line item buys, or the auction is private.
        Deal => "deal",
        /// It wants all impressions of the page together, and cannot have them all.
        Roadblock => "roadblock",
        /// A frequency cap is reached.
        FrequencyCap => "frequency_cap",
        /// A frequency cap needs a user, and there is none that may be used.
        UnknownUser => "unknown_user",
        /// Pacing holds the line item back.
        Pacing => "pacing",
        /// No budget is left, or no lease covers the bid.
        Budget => "budget",
        /// The bid would lie under the floor.
        Floor => "floor",
        /// The bid cannot be expressed in an accepted currency.
        Currency => "currency",
        /// Another line item of ours was worth more.
        Outbid => "outbid",
        /// The answer would have come too late.
        NoTime => "no_time",
    }
}

impl NoBid {
    /// The `nbr` code of OpenRTB 2.6 (list "No-Bid Reason Codes").
    pub fn nbr(self) -> u32 {
        match self {
            Self::Malformed | Self::Invalid => 2,
            Self::NotReady | Self::Overload => 1,
            Self::NoTime => 15,
            Self::Crawler => 3,
            Self::NonHuman => 4,
            Self::DataCentre => 5,
            Self::SupplyChain => 16,
            Self::BlockedSeller => 17,
            Self::AdsTxtMissing => 11,
            Self::UnauthorizedSeller => 12,
            Self::NotForUs | Self::NoCandidate | Self::AllRefused => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_unique_and_read_back() {
        for reject in Reject::ALL {
            assert_eq!(Reject::from_label(reject.label()), Some(*reject));
        }
        for no_bid in NoBid::ALL {
            assert_eq!(NoBid::from_label(no_bid.label()), Some(*no_bid));
        }
    }
}
