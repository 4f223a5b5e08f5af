//! Why each line item did or did not bid, with the numbers behind the price; only when somebody asks.

use domain::{Cpm, CreativeId, Currency, LineItemId, Micros, Outcome, Reject};
use proto::openrtb::Format;

use crate::auction::Auction;
use crate::core::{BidderCore, Call};
use crate::privacy::Verdict as Privacy;
use crate::shared::Bidder;

/// How much longer than an exchange would wait an explanation may take, in microseconds.
pub(crate) const EXTRA_US: u64 = 5_000_000;

/// Explains requests on a core of its own. Nothing that it decides moves money, caps, counts or the log.
#[derive(Debug)]
pub struct Explainer {
    core: BidderCore,
    bidder: Bidder,
}

impl Explainer {
    /// Beside the bidder's own cores, on what is loaded when a request is explained.
    pub fn new(bidder: &Bidder) -> Self {
        let core = bidder.core(bidder.config().cores).into_dry();
        let bidder = bidder.clone();
        Self { core, bidder }
    }

    /// Explains a request as if `exchange` sent it now; `None` when no exchange is called so. `body` is used as
    /// scratch space.
    pub fn explain(
        &mut self,
        exchange: &str,
        format: Format,
        body: &mut [u8],
    ) -> Option<Explanation> {
        self.bidder.config().exchanges.get(exchange)?;
        let arrived_us = self.bidder.shared.clock.monotonic_us();
        let call = Call {
            exchange,
            arrived_us,
            format,
        };
        Some(self.core.explain(&call, body).1)
    }
}

/// What a request was decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The catalogue's revision.
    pub revision: u64,
    /// The model's version.
    pub model: u64,
}

/// One request, explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// How it ended.
    pub outcome: Outcome,
    /// The verdict on user data, if the request got that far.
    pub privacy: Option<Privacy>,
    /// The currency of prices and floors.
    pub currency: Option<Currency>,
    /// What decided it, if the request got that far.
    pub versions: Option<Versions>,
    /// One per impression and line item, line items that cannot deliver last.
    pub verdicts: Vec<Verdict>,
}

/// One line item on one impression.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The impression's id; empty for line items that cannot deliver at all.
    pub imp: String,
    /// The line item.
    pub line_item: LineItemId,
    /// Its name.
    pub name: String,
    /// Why it did not bid; `None` when it did.
    pub refused: Option<Reject>,
    /// More about the refusal: the targeting dimension, or why it cannot deliver.
    pub detail: &'static str,
    /// As far as it got.
    pub numbers: Numbers,
}

/// The numbers behind a price; what was not reached is zero or none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Numbers {
    /// What it would show.
    pub creative: Option<CreativeId>,
    /// Predicted probability of a click.
    pub click: f32,
    /// Predicted probability of a conversion after a click.
    pub conversion: f32,
    /// What a thousand such impressions are worth, in the campaign's currency.
    pub value: Cpm,
    /// The product of the bid modifiers that apply, in millionths.
    pub factor_ppm: i64,
    /// Pacing's multiplier.
    pub multiplier: f64,
    /// The value after pacing and the line item's limit, in the answer's currency.
    pub worth: Cpm,
    /// Price over worth.
    pub shade: f64,
    /// The floor it met, in the answer's currency.
    pub floor: Cpm,
    /// The price, in the answer's currency.
    pub price: Cpm,
    /// What the bid holds of the campaign's budget, in its currency.
    pub hold: Micros,
    /// Whether it is a deal's price.
    pub on_deal: bool,
}

/// Collects verdicts while the auction runs.
#[derive(Debug, Default)]
pub struct Sink {
    verdicts: Vec<(usize, usize, Verdict)>,
}

impl Sink {
    /// Notes what became of a line item (by position) on an impression (by position).
    pub fn note(&mut self, imp: usize, item: usize, verdict: Verdict) {
        self.verdicts.push((imp, item, verdict));
    }

    /// Changes the end of one that got as far as a price.
    pub fn settle(&mut self, imp: usize, item: usize, refused: Option<Reject>) {
        let found = self
            .verdicts
            .iter_mut()
            .rev()
            .find(|(i, at, _)| (*i, *at) == (imp, item));
        if let Some((_, _, verdict)) = found {
            verdict.refused = refused;
        }
    }

    /// All of them, by impression and line item.
    pub fn into_verdicts(mut self) -> Vec<Verdict> {
        self.verdicts.sort_by_key(|(imp, item, _)| (*imp, *item));
        self.verdicts
            .into_iter()
            .map(|(_, _, verdict)| verdict)
            .collect()
    }
}

/// What a core keeps of an auction for an explanation.
#[derive(Debug, Default)]
pub(crate) struct Explained {
    pub(crate) privacy: Option<Privacy>,
    pub(crate) currency: Option<Currency>,
    pub(crate) versions: Option<Versions>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Explained {
    pub(crate) fn take(&mut self, auction: &Auction<'_>, sink: Sink) {
        self.privacy = Some(auction.facts.privacy);
        self.currency = Some(auction.market.currency);
        self.versions = Some(Versions {
            revision: auction.snapshot.revision,
            model: auction.serving.served.model.version(),
        });
        self.verdicts = sink.into_verdicts();
        self.verdicts
            .extend(auction.snapshot.idle.iter().map(|idle| Verdict {
                imp: String::new(),
                line_item: idle.line_item,
                name: idle.name.clone(),
                refused: Some(Reject::NotLive),
                detail: idle.why,
                numbers: Numbers::default(),
            }));
    }
}
