//! The supply chain: who sold the request on.

use super::Text;
use super::json::Json;

/// Most sellers kept of a chain; real ones are under 10.
pub(super) const NODES_MAX: usize = 128;

/// The chain of sellers, from the owner of the inventory to the sender of the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SupplyChain<'a> {
    /// Whether every seller is listed; false also when two places disagree.
    pub complete: bool,
    /// Version of the format.
    pub ver: Option<Text<'a>>,
    /// The sellers in order.
    pub nodes: &'a [SupplyChainNode<'a>],
}

/// One seller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SupplyChainNode<'a> {
    /// Domain of the system it sells through.
    pub asi: Option<Text<'a>>,
    /// Its account there.
    pub sid: Option<Text<'a>>,
    /// Whether it is paid.
    pub hp: Option<bool>,
    /// The request's id there.
    pub rid: Option<Text<'a>>,
    /// Its name.
    pub name: Option<Text<'a>>,
    /// Its domain.
    pub domain: Option<Text<'a>>,
}

impl<'a> SupplyChain<'a> {
    pub(super) fn merge(known: &mut Option<Self>, met: Option<Self>) {
        match (known, met) {
            (_, None) => {}
            (known @ None, met) => *known = met,
            (Some(chain), Some(met)) => chain.complete &= met.complete && chain.nodes == met.nodes,
        }
    }

    pub(super) fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut chain = Self::default();
        for (key, value) in value.object()? {
            match key {
                "complete" => chain.complete = value.flag().unwrap_or(false),
                "ver" => chain.ver = value.text(),
                "nodes" => {
                    let nodes = value.items().take(NODES_MAX);
                    let nodes = nodes.filter_map(SupplyChainNode::read);
                    chain.nodes = value.arena().list(nodes);
                }
                _ => {}
            }
        }
        Some(chain)
    }
}

impl<'a> SupplyChainNode<'a> {
    fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut node = Self::default();
        for (key, value) in value.object()? {
            match key {
                "asi" => node.asi = value.text(),
                "sid" => node.sid = value.text(),
                "hp" => node.hp = value.flag(),
                "rid" => node.rid = value.text(),
                "name" => node.name = value.text(),
                "domain" => node.domain = value.text(),
                _ => {}
            }
        }
        Some(node)
    }
}
