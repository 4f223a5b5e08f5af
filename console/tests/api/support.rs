//! A console over memory stores with two tenants, and a client for it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use console::{AccountView, Accounts, Config, Console, Deps};
use domain::campaign::Deals;
use domain::creative::BannerMarkup;
use domain::time::ManualClock;
use domain::{
    Advertiser, AdvertiserId, BidModel, Campaign, CampaignId, Cpm, Creative, CreativeFormat,
    CreativeId, Currency, Goal, LineItem, LineItemId, Micros, Plan, Status, Targeting, Timestamp,
};
use http_body_util::BodyExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::campaign::CampaignStore;
use store::memory::{MemoryCampaigns, MemoryReports, MemoryUsers};
use store::user::{Role, Session, User, UserStore};
use tower::ServiceExt;

/// 2026-11-23 12:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_795_435_200_000);
/// Where uploaded files are.
pub(crate) const ASSETS_URL: &str = "https://pixel.example/a/";
pub(crate) const HOUR_MS: i64 = 3_600_000;
/// Session tokens of the three people.
pub(crate) const ADMIN: &str = "token-of-admin";
pub(crate) const ANN: &str = "token-of-ann";
pub(crate) const BOB: &str = "token-of-bob";

/// A ledger that knows nobody.
pub(crate) struct NoAccounts;

impl Accounts for NoAccounts {
    fn account(&self, _: CampaignId) -> Option<AccountView> {
        None
    }
}

/// One fixed account for the first campaign.
struct FixedAccounts;

impl Accounts for FixedAccounts {
    fn account(&self, campaign: CampaignId) -> Option<AccountView> {
        (campaign == CampaignId(1)).then_some(AccountView {
            spent: Micros::from_units(40),
            held: Micros::from_units(3),
            late: Micros::from_units(2),
            unbilled: Micros::from_units(1),
            left: Micros::from_units(57),
        })
    }
}

pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) campaigns: Arc<MemoryCampaigns>,
    pub(crate) users: Arc<MemoryUsers>,
    pub(crate) reports: Arc<MemoryReports>,
    pub(crate) clock: Arc<ManualClock>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| unreachable!("not JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl World {
    /// No users, no objects.
    pub(crate) fn empty(config: Config) -> Self {
        let campaigns = Arc::new(MemoryCampaigns::new());
        let users = Arc::new(MemoryUsers::new());
        let reports = Arc::new(MemoryReports::new());
        let clock = Arc::new(ManualClock::new(NOW));
        let router = Console::router(Deps {
            campaigns: campaigns.clone(),
            users: users.clone(),
            reports: reports.clone(),
            accounts: Arc::new(FixedAccounts),
            assets: Arc::new(store::memory::MemoryAssets::new()),
            assets_url: ASSETS_URL.to_owned(),
            clock: clock.clone(),
            config,
        });
        Self {
            router,
            campaigns,
            users,
            reports,
            clock,
        }
    }

    /// Ann's advertiser, campaign, creative and line item have id 1, Bob's have id 2.
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    /// The same with other knobs.
    pub(crate) fn with(config: Config) -> Self {
        let world = Self::empty(config);
        for name in ["Ann", "Bob"] {
            world.tenant(name);
        }
        world.person("admin@localhost", Role::Admin, ADMIN);
        let own = |id| Role::Advertiser(AdvertiserId(id));
        world.person("ann@example.com", own(1), ANN);
        world.person("bob@example.com", own(2), BOB);
        world
    }

    fn tenant(&self, name: &str) {
        let store = &self.campaigns;
        let advertiser = store.put_advertiser(&advertiser(name)).unwrap();
        let campaign = store.put_campaign(&campaign(name, advertiser)).unwrap();
        let creative = store.put_creative(&creative(name, advertiser)).unwrap();
        let item = line_item(name, campaign, creative);
        store.put_line_item(&item).unwrap();
    }

    fn person(&self, email: &str, role: Role, token: &str) {
        let user = self.users.put_user(&User {
            id: 0,
            email: email.to_owned(),
            password_hash: "nobody signs in with this".to_owned(),
            role,
        });
        let session = Session {
            token_hash: Sha256::digest(token.as_bytes()).into(),
            user: user.unwrap(),
            expires_at: NOW.plus_ms(12 * HOUR_MS),
        };
        self.users.put_session(&session).unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// One call of the API; an empty token sends none, `Null` sends no body.
    pub(crate) async fn rest(&self, method: &str, path: &str, token: &str, body: &Value) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let text = if body.is_null() {
            String::new()
        } else {
            request = request.header("content-type", "application/json");
            body.to_string()
        };
        self.send(request.body(Body::from(text)).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        let mut request = Request::builder().uri(path);
        if !token.is_empty() {
            request = request.header("cookie", format!("other=1; paceline_session={token}"));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A form with the token of its session, as the page gave it.
    pub(crate) async fn post(&self, path: &str, token: &str, pairs: &[(&str, &str)]) -> Reply {
        let page = self.get("/account", token).await;
        let form_token = form_token(&page.body);
        let mut pairs = pairs.to_vec();
        pairs.push(("form_token", &form_token));
        self.post_raw(path, token, &pairs).await
    }

    /// A form with exactly these values.
    pub(crate) async fn post_raw(&self, path: &str, token: &str, pairs: &[(&str, &str)]) -> Reply {
        let request = Request::post(path)
            .header("cookie", format!("paceline_session={token}"))
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(encode(pairs))).unwrap())
            .await
    }
}

/// The token in the first form of a page.
pub(crate) fn form_token(page: &str) -> String {
    let marker = "name=\"form_token\" value=\"";
    let (_, rest) = page.split_once(marker).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    let text = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", text(name), text(value)))
        .collect();
    pairs.join("&")
}

pub(crate) fn advertiser(name: &str) -> Advertiser {
    Advertiser {
        id: AdvertiserId(0),
        name: name.to_owned(),
        domain: "example.com".to_owned(),
    }
}

pub(crate) fn campaign(name: &str, advertiser: AdvertiserId) -> Campaign {
    Campaign {
        id: CampaignId(0),
        advertiser,
        name: format!("{name} campaign"),
        status: Status::Active,
        currency: Currency::USD,
        budget: Micros::from_units(100),
        daily_budget: Some(Micros(12_345_678)),
        flight_start: NOW.plus_ms(-2 * HOUR_MS),
        flight_end: NOW.plus_ms(2 * HOUR_MS + 1),
        plan: Plan::Ahead,
        goal: Goal::Conversions,
        frequency_caps: vec![domain::FrequencyCap {
            impressions: 9,
            window_s: 7_200,
            per: domain::IdScope::Household,
        }],
    }
}

pub(crate) fn creative(name: &str, advertiser: AdvertiserId) -> Creative {
    Creative {
        id: CreativeId(0),
        advertiser,
        name: format!("{name} creative"),
        status: Status::Active,
        format: CreativeFormat::Banner {
            width: 300,
            height: 250,
            markup: BannerMarkup::Html {
                html: "\n<a href=\"{CLICK_URL}\">\nBuy & save</a>".to_owned(),
            },
        },
        click_url: "https://example.com/?a=1&b=2".to_owned(),
        adomain: "example.com".to_owned(),
        categories: vec!["IAB3".to_owned(), "IAB3-1".to_owned()],
        attributes: vec![1, 13],
        language: Some("en".to_owned()),
        app_store: Some(domain::creative::AppStore {
            item: 525_463_029,
            campaign: Some(42),
            source_identifier: Some(4321),
        }),
        frequency_caps: vec![domain::FrequencyCap {
            impressions: 4,
            window_s: 7_200,
            per: domain::IdScope::Device,
        }],
        taxonomy: 1,
        apis: Vec::new(),
        sample_url: None,
        trackers: Default::default(),
        approvals: Default::default(),
    }
}

pub(crate) fn line_item(name: &str, campaign: CampaignId, creative: CreativeId) -> LineItem {
    LineItem {
        id: LineItemId(0),
        campaign,
        name: format!("{name} line item"),
        status: Status::Active,
        bid: BidModel::Cpc(Micros(750_001)),
        max_bid: Cpm(Micros::from_units(5)),
        targeting: Targeting::default(),
        frequency_caps: Vec::new(),
        deals: Deals::OpenOnly,
        creatives: vec![creative],
        rotation: Default::default(),
        roadblock: false,
        authorized_sellers: false,
    }
}
