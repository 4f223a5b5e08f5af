//! Who may sell: ads.txt, app-ads.txt and sellers.json, as a crawler found them, and whether a request keeps to them.

use domain::NoBid;
use domain::random::mix;
use proto::openrtb::{BidRequest, SupplyChainNode};

use crate::facts::{bare_domain, host_of, with_parents};
use crate::supply::CHAIN_NODES_MAX;

/// Names are kept as 64 bits of a hash: millions of rows fit in memory, and none is met by chance.
type Name = u64;

/// What a crawler found. Without any rows nobody is authorized.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorizedSellers {
    /// Domains whose ads.txt or app-ads.txt is known, if only as empty.
    owners: Vec<Name>,
    /// Owners with the accounts that may sell for them.
    pairs: Vec<(Name, Name)>,
    /// Apps with the domain of their developer.
    apps: Vec<(Name, Name)>,
    /// Systems whose sellers.json is known, each with its accounts.
    sellers: Vec<(Name, Name)>,
}

/// A line that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}: must be ads,DOMAIN or ads,DOMAIN,SYSTEM,ACCOUNT,DIRECT|RESELLER or app,BUNDLE,DOMAIN or \
     seller,SYSTEM,ACCOUNT,PUBLISHER|INTERMEDIARY|BOTH"
)]
pub struct SellersError {
    /// Counted from 1.
    line: usize,
}

impl AuthorizedSellers {
    /// Reads the rows of a crawler, in any order; empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn parse(text: &str) -> Result<Self, SellersError> {
        let mut table = Self::default();
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                table.add(line).ok_or(SellersError { line: at + 1 })?;
            }
        }
        for list in [&mut table.pairs, &mut table.apps, &mut table.sellers] {
            list.sort_unstable();
            list.dedup();
        }
        table.owners.sort_unstable();
        table.owners.dedup();
        Ok(table)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let mut fields = line.split(',').map(str::trim);
        let mut next = || fields.next();
        let kind = next()?;
        let first = next().filter(|field| !field.is_empty())?;
        let rest = (next(), next(), next(), next());
        match (kind, rest) {
            ("ads", (None, ..)) => self.owners.push(name(first)),
            ("ads", (Some(system), Some(id), Some(relation), None)) => {
                let known = ["DIRECT", "RESELLER"]
                    .iter()
                    .any(|one| relation.eq_ignore_ascii_case(one));
                (known && !system.is_empty() && !id.is_empty()).then_some(())?;
                self.owners.push(name(first));
                self.pairs.push((name(first), account(system, id)));
            }
            ("app", (Some(domain), None, ..)) if !domain.is_empty() => {
                self.apps.push((name(first), name(domain)));
            }
            ("seller", (Some(id), Some(relation), None, _)) if !id.is_empty() => {
                let known = ["PUBLISHER", "INTERMEDIARY", "BOTH"];
                known
                    .iter()
                    .find(|one| relation.eq_ignore_ascii_case(one))?;
                self.sellers.push((name(first), account(first, id)));
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether nothing is known of anybody.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Whether everybody in the request's chain may sell for its site or app; without a chain, the publisher's account
    /// at the exchange. Screens out of home have no such file.
    ///
    /// # Errors
    /// `AdsTxtMissing` where nothing is known of the owner, `UnauthorizedSeller` where somebody is not listed.
    pub fn check(&self, exchange: &str, request: &BidRequest<'_>) -> Result<(), NoBid> {
        if request.dooh.is_some() {
            return Ok(());
        }
        let owner = self.owner(request).ok_or(NoBid::AdsTxtMissing)?;
        let nodes = request.schain.as_ref().map_or(&[][..], |chain| chain.nodes);
        let all = match nodes {
            [] => {
                let publisher = request.publisher().and_then(|publisher| publisher.id);
                let own = publisher.filter(|_| !exchange.is_empty());
                own.is_some_and(|id| self.may_sell(owner, exchange, id))
            }
            nodes => {
                let listed = |node: &SupplyChainNode<'_>| {
                    let named = node.asi.zip(node.sid);
                    named.is_some_and(|(system, id)| self.may_sell(owner, system, id))
                };
                nodes.len() <= CHAIN_NODES_MAX && nodes.iter().all(listed)
            }
        };
        all.then_some(()).ok_or(NoBid::UnauthorizedSeller)
    }

    /// The domain whose file counts: the nearest one above a site's that is known, the developer's of an app.
    fn owner(&self, request: &BidRequest<'_>) -> Option<Name> {
        let known = |owner: &Name| self.owners.binary_search(owner).is_ok();
        if let Some(app) = &request.app {
            let bundle = name(app.bundle.unwrap_or_default());
            let found = self.apps.partition_point(|(own, _)| *own < bundle);
            let developer = self.apps.get(found).filter(|(own, _)| *own == bundle);
            let stated = || app.domain.map(|domain| name(bare_domain(domain)));
            return developer
                .map(|(_, domain)| *domain)
                .or_else(stated)
                .filter(known);
        }
        let site = request.site.as_ref()?;
        let domain = site.domain.or_else(|| host_of(site.page?))?;
        with_parents(bare_domain(domain)).map(name).find(known)
    }

    fn may_sell(&self, owner: Name, system: &str, id: &str) -> bool {
        let (system, seller) = (name(system), account(system, id));
        let listed = self.pairs.binary_search(&(owner, seller)).is_ok();
        let at = self.sellers.partition_point(|(own, _)| *own < system);
        let published = self.sellers.get(at).is_some_and(|(own, _)| *own == system);
        listed && (!published || self.sellers.binary_search(&(system, seller)).is_ok())
    }
}

/// Of a domain or a bundle, in any case.
fn name(text: &str) -> Name {
    let bytes = text.trim().bytes();
    bytes.fold(1, |sum, byte| {
        mix(sum ^ u64::from(byte.to_ascii_lowercase()))
    })
}

/// Of an account in a system; in ids case counts.
fn account(system: &str, id: &str) -> Name {
    let bytes = id.trim().bytes();
    bytes.fold(mix(!name(system)), |sum, byte| mix(sum ^ u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_none_are_named() {
        for good in [
            "",
            "# x\n\nads,a.example",
            " ads , a.example , ssp.example , 7 , direct ",
            "app,com.game,dev.example\nseller,ssp.example,7,BOTH",
        ] {
            assert!(AuthorizedSellers::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "a.example,ssp.example,7,DIRECT",
            "ads",
            "ads,",
            "ads,a.example,ssp.example,7",
            "ads,a.example,ssp.example,7,OWNER",
            "ads,a.example,,7,DIRECT",
            "ads,a.example,ssp.example,,DIRECT",
            "ads,a.example,ssp.example,7,DIRECT,f08c47fec0942fa0",
            "app,com.game",
            "app,com.game,",
            "app,com.game,dev.example,x",
            "seller,ssp.example,7",
            "seller,ssp.example,7,DIRECT",
            "seller,ssp.example,,BOTH",
        ] {
            let text = format!("ads,a.example\n{bad}");
            assert_eq!(
                AuthorizedSellers::parse(&text),
                Err(SellersError { line: 2 }),
                "{bad}"
            );
        }
    }
}
