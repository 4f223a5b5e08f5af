//! The closed lists of words that documents use for the domain's enums.

use domain::IdScope;
use domain::campaign::{Goal, Plan, Status};
use domain::creative::ApprovalState;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:tt,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word, in the order people expect.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in documents.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The value of a word, as a form sends it.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }
    };
}

macro_rules! mirrors {
    ($name:ident, $domain:ident { $($variant:ident),+ $(,)? }) => {
        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value {
                    $($domain::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$name> for $domain {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$variant => Self::$variant,)+
                }
            }
        }
    };
}

words! {
    /// Whether something may deliver.
    #[derive(Default)]
    StatusWord {
        /// Never delivers until activated.
        Draft = "draft",
        /// Delivers inside its flight and budget.
        #[default]
        Active = "active",
        /// Stopped by a person.
        Paused = "paused",
        /// Kept for its reports only.
        Archived = "archived",
    }
}
mirrors!(
    StatusWord,
    Status {
        Draft,
        Active,
        Paused,
        Archived
    }
);

words! {
    /// How a campaign's money is spread over its flight.
    #[derive(Default)]
    PlanWord {
        /// The same money in every slot.
        #[default]
        Even = "even",
        /// As fast as supply allows.
        Asap = "asap",
        /// A little ahead of even.
        Ahead = "ahead",
        /// In proportion to the campaign's own eligible traffic.
        Traffic = "traffic",
    }
}
mirrors!(
    PlanWord,
    Plan {
        Even,
        Asap,
        Ahead,
        Traffic
    }
);

words! {
    /// What the advertiser counts as success.
    #[derive(Default)]
    GoalWord {
        /// Seen impressions.
        #[default]
        Impressions = "impressions",
        /// Clicks.
        Clicks = "clicks",
        /// Conversions after a click or view.
        Conversions = "conversions",
    }
}
mirrors!(
    GoalWord,
    Goal {
        Impressions,
        Clicks,
        Conversions
    }
);

words! {
    /// What a line item pays for.
    BidWord {
        /// A fixed price per thousand impressions.
        Cpm = "cpm",
        /// The value of one click.
        Cpc = "cpc",
        /// The value of one conversion.
        Cpa = "cpa",
    }
}

words! {
    /// Which deals a line item buys.
    #[derive(Default)]
    DealsWord {
        /// The open auction only.
        #[default]
        OpenOnly = "open_only",
        /// The open auction and any deal that is offered.
        OpenAndAnyDeal = "open_and_any_deal",
        /// Only the deals in `ids`.
        Only = "only",
    }
}

words! {
    /// Whose impressions a frequency cap counts.
    #[derive(Default)]
    ScopeWord {
        /// The person, as well as the exchange knows them.
        #[default]
        User = "user",
        /// One phone, television or browser.
        Device = "device",
        /// Everybody who shares a home.
        Household = "household",
    }
}
mirrors!(
    ScopeWord,
    IdScope {
        User,
        Device,
        Household
    }
);

words! {
    /// An exchange's decision on a creative.
    ApprovalWord {
        /// Not yet decided.
        Pending = "pending",
        /// It may be shown.
        Approved = "approved",
        /// It may not be shown.
        Rejected = "rejected",
    }
}
mirrors!(
    ApprovalWord,
    ApprovalState {
        Pending,
        Approved,
        Rejected
    }
);

words! {
    /// Which of the creatives that fit a slot is shown.
    #[derive(Default)]
    RotationWord {
        /// The one with the best predicted value.
        #[default]
        Value = "value",
        /// Each as often as the others.
        Even = "even",
        /// In proportion to weights.
        Weighted = "weighted",
        /// One after the other for each user.
        Sequence = "sequence",
    }
}
