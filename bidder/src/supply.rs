//! The supply chain of a request: whether it is whole, and whether all of its sellers may sell to us.

use std::cmp::Ordering;

use domain::NoBid;
use proto::openrtb::{BidRequest, SupplyChain, SupplyChainNode};

/// Most sellers in a chain that is looked at; real ones end below ten.
pub const CHAIN_NODES_MAX: usize = 32;
/// Longest account id, as the specification says.
const SELLER_CHARS_MAX: usize = 64;

/// How an exchange's chains are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChainRule {
    /// Not at all.
    Ignore,
    /// A chain that is there must make sense, and none of its sellers may be blocked.
    #[default]
    Check,
    /// The same, and it must be there.
    Require,
    /// The same, and it must reach back to the owner of the inventory.
    RequireComplete,
}

/// What we know of an exchange as the last seller of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChainConfig {
    /// How strict to be.
    pub rule: ChainRule,
    /// The exchange's own domain, which the last seller must name; not checked when empty.
    pub domain: String,
    /// Whether the last seller's account must be the request's `publisher.id`.
    pub publisher_is_seller: bool,
}

/// Sellers that are not bought from: whole systems, or accounts in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockedSellers(Vec<(String, Option<String>)>);

impl BlockedSellers {
    /// Takes `domain` or `domain/account`, in any order.
    pub fn new<'a>(sellers: impl IntoIterator<Item = &'a str>) -> Self {
        let read = |seller: &'a str| match seller.split_once('/') {
            Some((system, account)) => (system.to_ascii_lowercase(), Some(account.to_owned())),
            None => (seller.to_ascii_lowercase(), None),
        };
        let mut sellers: Vec<_> = sellers.into_iter().map(read).collect();
        sellers.sort_unstable();
        Self(sellers)
    }

    fn contain(&self, system: &str, account: &str) -> bool {
        let has = |account: Option<&str>| {
            let order = |(own, its): &(String, Option<String>)| {
                compare(own, system).then_with(|| its.as_deref().cmp(&account))
            };
            self.0.binary_search_by(order).is_ok()
        };
        has(None) || has(Some(account))
    }
}

/// The order of a text in lower case and one in any case.
fn compare(lower: &str, any: &str) -> Ordering {
    lower
        .bytes()
        .cmp(any.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Whether the request's chain lets it be bid for.
///
/// # Errors
/// `SupplyChain` where it is missing, incomplete or makes no sense, `BlockedSeller` where one of its sellers is blocked.
pub fn check(
    config: &ChainConfig,
    blocked: &BlockedSellers,
    request: &BidRequest<'_>,
) -> Result<(), NoBid> {
    if config.rule == ChainRule::Ignore {
        return Ok(());
    }
    let chain = request
        .schain
        .as_ref()
        .filter(|chain| !chain.nodes.is_empty());
    let Some(chain) = chain else {
        return match config.rule {
            ChainRule::Ignore | ChainRule::Check => Ok(()),
            ChainRule::Require | ChainRule::RequireComplete => Err(NoBid::SupplyChain),
        };
    };
    let sold_by = |node: &SupplyChainNode<'_>| {
        blocked.contain(node.asi.unwrap_or_default(), node.sid.unwrap_or_default())
    };
    if chain.nodes.iter().take(CHAIN_NODES_MAX).any(sold_by) {
        return Err(NoBid::BlockedSeller);
    }
    let whole = chain.complete || config.rule != ChainRule::RequireComplete;
    (whole && makes_sense(chain) && ends_here(config, chain, request))
        .then_some(())
        .ok_or(NoBid::SupplyChain)
}

/// A version we know, sellers that are named as they must be, and none of them twice.
fn makes_sense(chain: &SupplyChain<'_>) -> bool {
    if chain.nodes.len() > CHAIN_NODES_MAX {
        return false;
    }
    let known = chain
        .ver
        .is_none_or(|ver| ver == "1" || ver.starts_with("1."));
    let mut rest = chain.nodes.iter();
    let mut once = true;
    while let Some(node) = rest.next() {
        once &= !rest.clone().any(|later| is_same_seller(node, later));
    }
    known && once && chain.nodes.iter().all(is_seller)
}

fn is_seller(node: &SupplyChainNode<'_>) -> bool {
    let (Some(system), Some(account)) = (node.asi, node.sid) else {
        return false;
    };
    let of_a_domain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    system.bytes().all(of_a_domain) && account.chars().count() <= SELLER_CHARS_MAX
}

fn is_same_seller(one: &SupplyChainNode<'_>, other: &SupplyChainNode<'_>) -> bool {
    let (own, its) = (one.asi.unwrap_or_default(), other.asi.unwrap_or_default());
    one.sid == other.sid && own.eq_ignore_ascii_case(its)
}

/// Whether the last seller is the exchange that asks, as far as its section says how to tell.
fn ends_here(config: &ChainConfig, chain: &SupplyChain<'_>, request: &BidRequest<'_>) -> bool {
    let Some(last) = chain.nodes.last() else {
        return false;
    };
    let asks = config.domain.is_empty()
        || last
            .asi
            .is_some_and(|system| system.eq_ignore_ascii_case(&config.domain));
    let publisher = || request.publisher().and_then(|publisher| publisher.id);
    asks && (!config.publisher_is_seller || last.sid == publisher())
}

#[cfg(test)]
mod tests;
