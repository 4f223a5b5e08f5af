//! Everything that advertisers have set up, as of one revision.

use crate::campaign::{Advertiser, Campaign, LineItem};
use crate::creative::Creative;

/// A consistent copy of the campaign store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// Grows with every change.
    pub revision: u64,
    /// By id.
    pub advertisers: Vec<Advertiser>,
    /// By id.
    pub campaigns: Vec<Campaign>,
    /// By id.
    pub line_items: Vec<LineItem>,
    /// By id.
    pub creatives: Vec<Creative>,
}
