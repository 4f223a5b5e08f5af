//! The bid request: its top level, and `parse`, the only way in.

use domain::limits::REQUEST_IMPS_MAX;
use domain::money::Currency;

use super::json::{Json, with_root};
use super::{App, Arena, Device, Dooh, Imp, Regs, Site, SupplyChain, Text, User};

/// Why bytes are not a request that can be decided. The caller is at fault; a retry cannot help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// More bytes than `domain::limits::REQUEST_BODY_BYTES_MAX`.
    #[error("body of {bytes} bytes is too large")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Nested deeper than `domain::limits::REQUEST_DEPTH_MAX`.
    #[error("brackets nest too deep")]
    TooDeep,
    /// Not JSON, or not UTF-8.
    #[error("malformed JSON near byte {at_byte}")]
    Malformed {
        /// About where.
        at_byte: usize,
    },
    /// Not protobuf, not the message, or not UTF-8.
    #[error("malformed protobuf")]
    MalformedProtobuf,
    /// More protobuf messages inside than any real request has.
    #[error("more than {max} messages inside")]
    TooManyMessages {
        /// How many are read.
        max: usize,
    },
    /// Readable, but without a field that OpenRTB requires.
    #[error("required field {field} is missing")]
    Invalid {
        /// Which one.
        field: &'static str,
    },
}

/// A bid request: the fields a buyer needs, the rest is skipped. An empty list means "not stated"
/// unless a field says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BidRequest<'a> {
    /// Of the auction; echoed in the response.
    pub id: Text<'a>,
    /// The offered slots, at least one and at most `REQUEST_IMPS_MAX`; those without an id cannot
    /// be answered and are left out.
    pub imps: &'a [Imp<'a>],
    /// Where the slots are, when on a web page.
    pub site: Option<Site<'a>>,
    /// Where the slots are, when in an app.
    pub app: Option<App<'a>>,
    /// Where the slots are, when on a screen in a public place.
    pub dooh: Option<Dooh<'a>>,
    /// The device; empty when not sent.
    pub device: Device<'a>,
    /// The user; empty when not sent.
    pub user: User<'a>,
    /// Privacy law; merged from the 2.6 and the `ext` place.
    pub regs: Regs<'a>,
    /// Who resold the request, merged from `source`, `source.ext` and `ext`.
    pub schain: Option<SupplyChain<'a>>,
    /// Auction type: 1 first price, 2 second price, 500 and above the exchange's own. 2 when not
    /// stated; 1, the dearer one to win, when stated but unreadable.
    pub at: u32,
    /// Milliseconds for the whole answer, network included.
    pub tmax_ms: Option<u32>,
    /// Currencies that may be bid; `None` when not stated, which by convention is USD. A list
    /// without any readable code allows none.
    pub cur: Option<&'a [Currency]>,
    /// Seats that may bid.
    pub wseat: &'a [Text<'a>],
    /// Seats that may not.
    pub bseat: &'a [Text<'a>],
    /// Blocked categories, in `cattax`.
    pub bcat: &'a [Text<'a>],
    /// Allowed categories, in `cattax`.
    pub acat: &'a [Text<'a>],
    /// Category taxonomy of `bcat` and `acat`; 1, IAB Content Taxonomy 1.0, when not stated.
    pub cattax: u32,
    /// Blocked advertiser domains.
    pub badv: &'a [Text<'a>],
    /// Blocked app store ids.
    pub bapp: &'a [Text<'a>],
    /// Allowed languages of a creative, ISO 639-1.
    pub wlang: &'a [Text<'a>],
    /// The same as IETF BCP 47 tags.
    pub wlangb: &'a [Text<'a>],
    /// Blocked creatives, by the `crid` of earlier bids (`ext.bcrid`).
    pub bcrid: &'a [Text<'a>],
    /// A test: it is not billable. Not one when unreadable, so that its money is watched.
    pub test: bool,
    /// Whether all imps of the page are in this request.
    pub allimps: bool,
}

/// Reads a request out of `body`, which is used as scratch space, as is the arena.
///
/// # Errors
/// See [`RequestError`].
pub fn parse<'a>(body: &'a mut [u8], arena: &'a mut Arena) -> Result<BidRequest<'a>, RequestError> {
    arena.reset();
    with_root(arena, body, BidRequest::read)
}

impl<'a> BidRequest<'a> {
    /// Whether a bid in `currency` is allowed.
    pub fn allows_currency(&self, currency: Currency) -> bool {
        match &self.cur {
            Some(list) => list.contains(&currency),
            None => currency == Currency::USD,
        }
    }

    /// The publisher of the site, app or screen.
    pub fn publisher(&self) -> Option<&super::Publisher<'a>> {
        let site = self.site.as_ref().map(|site| &site.publisher);
        let app = self.app.as_ref().map(|app| &app.publisher);
        let dooh = self.dooh.as_ref().map(|dooh| &dooh.publisher);
        site.or(app).or(dooh)
    }

    fn read(root: Json<'_, 'a>) -> Result<Self, RequestError> {
        let fields = root.object().ok_or(RequestError::Invalid { field: "id" })?;
        let mut request = Self {
            at: 2,
            cattax: 1,
            ..Self::default()
        };
        let mut imps = None;
        for (key, value) in fields {
            match key {
                // Slots are large in memory: of several lists, only the last one is read.
                "imp" => imps = Some(value),
                _ => {
                    request.read_object(key, value);
                    request.read_rule(key, value);
                }
            }
        }
        if let Some(imps) = imps {
            let read = imps.items().filter_map(Imp::read).take(REQUEST_IMPS_MAX);
            request.imps = imps.arena().list(read);
        }
        request.checked()
    }

    /// Refuses a request that cannot be answered.
    pub(super) fn checked(self) -> Result<Self, RequestError> {
        match () {
            () if self.id.is_empty() => Err(RequestError::Invalid { field: "id" }),
            () if self.imps.is_empty() => Err(RequestError::Invalid { field: "imp" }),
            () => Ok(self),
        }
    }

    fn read_object(&mut self, key: &str, value: Json<'_, 'a>) {
        match key {
            "id" => self.id = value.text().unwrap_or_default(),
            "site" => self.site = Site::read(value),
            "app" => self.app = App::read(value),
            "dooh" => self.dooh = Dooh::read(value),
            "device" => self.device.read(value),
            "user" => self.user.read(value),
            "regs" => self.regs.read(value),
            "source" => {
                let ext = value.get("ext").and_then(|ext| ext.get("schain"));
                for schain in value.get("schain").into_iter().chain(ext) {
                    SupplyChain::merge(&mut self.schain, SupplyChain::read(schain));
                }
            }
            "ext" => {
                if let Some(blocked) = value.get("bcrid") {
                    self.bcrid = blocked.texts();
                }
                if let Some(schain) = value.get("schain") {
                    SupplyChain::merge(&mut self.schain, SupplyChain::read(schain));
                }
            }
            _ => {}
        }
    }

    fn read_rule(&mut self, key: &str, value: Json<'_, 'a>) {
        match key {
            "at" if !value.is_null() => self.at = value.u32().unwrap_or(1),
            "tmax" => self.tmax_ms = value.u32(),
            "cur" if !value.is_null() => self.cur = currencies(value),
            "wseat" => self.wseat = value.texts(),
            "bseat" => self.bseat = value.texts(),
            "bcat" => self.bcat = value.texts(),
            "acat" => self.acat = value.texts(),
            "cattax" => self.cattax = value.u32().unwrap_or(1),
            "badv" => self.badv = value.texts(),
            "bapp" => self.bapp = value.texts(),
            "wlang" => self.wlang = value.texts(),
            "wlangb" => self.wlangb = value.texts(),
            "test" => self.test = value.flag().unwrap_or(false),
            "allimps" => self.allimps = value.flag().unwrap_or(false),
            _ => {}
        }
    }
}

/// An empty list or text states nothing.
fn currencies<'a>(value: Json<'_, 'a>) -> Option<&'a [Currency]> {
    if value.string() == Some("") || (value.is_array() && value.items().next().is_none()) {
        return None;
    }
    let codes = value.texts().iter();
    let parsed = codes.filter_map(|code| Currency::parse(code));
    Some(value.arena().list(parsed))
}
