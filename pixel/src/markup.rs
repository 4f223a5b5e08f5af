//! The markup of a bid whose exchange fetches it by the win notice: the creative by its id, written as in a bid.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Creative, CreativeId, Currency};
use parking_lot::RwLock;
use proto::event::{BidRef, Rendering};
use proto::openrtb::markup::on_win::{Won, content_type};
use proto::token::{Purpose, TokenKeys};
use store::StoreError;
use store::campaign::CampaignStore;

use crate::price;
use crate::query::parameter;

/// The parameter of a notice with the sealed [`Rendering`].
pub(crate) const PARAMETER: &str = "a";
/// How old what is known of the creatives may be, in microseconds; a change shows after that.
const FRESH_US: u64 = 1_000_000;
/// How long a request waits for the creatives to be read.
const READ_DEADLINE: Duration = Duration::from_secs(2);

/// Markup that is to be written once the notice is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetch {
    /// The bid, without landing page.
    reference: BidRef,
    rendering: Rendering,
    /// Macros of OpenRTB, each with what the notice tells of it.
    told: Vec<(&'static str, String)>,
}

impl Fetch {
    /// What a notice's parameters ask for; `None` for a token of another bid, or none of ours.
    pub(crate) fn read(
        keys: &TokenKeys,
        (query, token): (&str, &str),
        reference: &BidRef,
    ) -> Option<Self> {
        let (id, rendering) = keys.open_rendering(token).ok()?;
        (id == reference.id()).then(|| Self {
            reference: reference.clone(),
            rendering,
            told: told(query),
        })
    }

    /// The content type and the markup; `None` where the creative no longer has what was bid.
    fn write(&self, creative: &Creative, with: &Writer) -> Option<Served> {
        let person = BidRef {
            device: self.rendering.device.clone(),
            household: self.rendering.household.clone(),
            ..self.reference.clone()
        };
        let click = BidRef {
            landing: creative.click_url.clone(),
            advertiser: self.rendering.advertiser,
            ..self.reference.clone()
        };
        // The bid sealed tokens of its own for the same purposes, maybe of another landing page.
        let won = Won {
            reference: &self.reference,
            rendering: &self.rendering,
            click_token: &with.keys.seal_again(&click, Purpose::Click),
            event_token: &with.keys.seal_again(&person, Purpose::Event),
        };
        let mut out = Vec::new();
        won.write(&mut out, creative, &with.public_url).ok()?;
        let mut text = String::from_utf8(out).ok()?;
        for (name, value) in &self.told {
            text = text.replace(name, value);
        }
        Some(Served {
            content_type: content_type(&creative.format),
            text,
        })
    }
}

/// What the notice itself tells of OpenRTB's macros. Only plain numbers and currencies are taken, which are safe wherever
/// they stand; other macros stay for the exchange, as they do in a bid.
fn told(query: &str) -> Vec<(&'static str, String)> {
    let is_decimal: IsTold = |text| price::parse_decimal(text).is_some();
    let is_time: IsTold = |text| text.parse::<u64>().is_ok();
    let is_currency: IsTold = |text| Currency::parse(text).is_some();
    let known = [
        ("p", "${AUCTION_PRICE}", is_decimal),
        ("c", "${AUCTION_CURRENCY}", is_currency),
        ("m", "${AUCTION_MIN_TO_WIN}", is_decimal),
        ("q", "${AUCTION_MULTIPLIER}", is_decimal),
        ("ts", "${AUCTION_IMP_TS}", is_time),
    ];
    let values = known.into_iter().filter_map(|(key, name, is_told)| {
        let value = parameter(query, key)?;
        is_told(value.trim()).then(|| (name, value.trim().to_owned()))
    });
    values.collect()
}

/// Whether a parameter tells a macro's value.
type IsTold = fn(&str) -> bool;

/// Markup as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) content_type: &'static str,
    pub(crate) text: String,
}

/// What all markup is written with.
struct Writer {
    keys: TokenKeys,
    public_url: String,
}

/// Writes the markup that notices fetch, out of the creatives of a store.
pub struct MarkupSource {
    store: Arc<dyn CampaignStore>,
    clock: Arc<dyn Clock>,
    writer: Writer,
    known: Arc<RwLock<Known>>,
    /// One request reads for all that wait.
    reading: tokio::sync::Mutex<()>,
}

/// The creatives of a revision.
#[derive(Default)]
struct Known {
    revision: Option<u64>,
    /// When it was last seen to be the newest, by the monotonic clock.
    seen_us: Option<u64>,
    creatives: BTreeMap<CreativeId, Arc<Creative>>,
}

impl MarkupSource {
    /// `keys` seal the tokens in markup, `public_url` is where browsers reach the pixel, without a slash at its end.
    pub fn new(
        store: Arc<dyn CampaignStore>,
        clock: Arc<dyn Clock>,
        (keys, public_url): (TokenKeys, &str),
    ) -> Self {
        let public_url = public_url.to_owned();
        Self {
            store,
            clock,
            writer: Writer { keys, public_url },
            known: Arc::default(),
            reading: tokio::sync::Mutex::new(()),
        }
    }

    /// The markup; `None` where there is no such creative, or none that fits the bid any more. Paused ones are served:
    /// the bid was made.
    ///
    /// # Errors
    /// When the creative is not known and the store cannot be read in time.
    pub(crate) async fn serve(&self, fetch: &Fetch) -> Result<Option<Served>, ()> {
        let id = CreativeId(fetch.reference.creative);
        let asked_us = self.clock.monotonic_us();
        let fresh = tokio::time::timeout(READ_DEADLINE, self.refresh(id, asked_us)).await;
        let creative = self.known.read().creatives.get(&id).map(Arc::clone);
        match (creative, fresh) {
            (Some(creative), _) => Ok(fetch.write(&creative, &self.writer)),
            (None, Ok(Ok(()))) => Ok(None),
            (None, _) => Err(()),
        }
    }

    /// Reads the creatives where they changed: once in a while, and at once where one is missing.
    async fn refresh(&self, id: CreativeId, asked_us: u64) -> Result<(), ()> {
        if self.is_enough(id, asked_us) {
            return Ok(());
        }
        let _turn = self.reading.lock().await;
        // Another request may have read them meanwhile.
        if self.is_enough(id, asked_us) {
            return Ok(());
        }
        let (store, known) = (Arc::clone(&self.store), Arc::clone(&self.known));
        let now_us = self.clock.monotonic_us();
        let read = tokio::task::spawn_blocking(move || read(store.as_ref(), &known, now_us)).await;
        match read {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(%error, "creatives cannot be read");
                Err(())
            }
            Err(_) => Err(()),
        }
    }

    fn is_enough(&self, id: CreativeId, asked_us: u64) -> bool {
        let known = self.known.read();
        let Some(seen_us) = known.seen_us else {
            return false;
        };
        let missing = !known.creatives.contains_key(&id);
        asked_us.saturating_sub(seen_us) < FRESH_US && (!missing || seen_us > asked_us)
    }
}

fn read(store: &dyn CampaignStore, known: &RwLock<Known>, now_us: u64) -> Result<(), StoreError> {
    let revision = store.revision()?;
    if known.read().revision == Some(revision) {
        known.write().seen_us = Some(now_us);
        return Ok(());
    }
    let catalogue = store.catalogue()?;
    let creatives = catalogue.creatives.into_iter();
    *known.write() = Known {
        revision: Some(catalogue.revision),
        seen_us: Some(now_us),
        creatives: creatives
            .map(|creative| (creative.id, Arc::new(creative)))
            .collect(),
    };
    Ok(())
}
