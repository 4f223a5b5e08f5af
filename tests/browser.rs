//! The console in a real browser: an advertiser's first hour, from the first sign-in to numbers that move by themselves.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/exchange.rs"]
mod exchange;
#[path = "browser/program.rs"]
mod program;
#[path = "browser/publisher.rs"]
mod publisher;
#[path = "browser/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::time::Duration;

use chromium::Browser;
use exchange::{Bid, Exchange};
use server::Server;
use tokio::time::Instant;

/// How soon a change in the console must be what the bidder does.
const LIVE_WITHIN: Duration = Duration::from_secs(1);
/// Pages that a crawl of the console may visit: more mean links without end.
const PAGES_MAX: usize = 60;
/// A narrow phone, in pixels.
const PHONE: u32 = 400;

#[test]
fn a_campaign_is_made_bid_on_watched_and_paused() {
    run(async |server, browser| {
        let exchange = Exchange::new(server);
        sign_in(server, browser).await;
        make_campaign(browser).await;
        make_banner(browser, "<a href=\"{CLICK_URL}\">Boots</a>").await;
        browser.press("Alpine Boots").await;
        browser.press("Winter").await;
        assert!(exchange.bid("DEU", (300, 250)).is_none());
        draft_line_item(browser).await;
        browser.press("Save").await;
        let asked = Instant::now();
        let first = exchange.until_it_bids("DEU", (300, 250)).await;
        within(asked, "bid on a new line item");
        browser.see("//p/span[.='live']").await;
        assert!(exchange.bid("FRA", (300, 250)).is_none(), "not targeted");
        assert!(exchange.bid("DEU", (728, 90)).is_none(), "not targeted");

        watch(&exchange, browser, first).await;

        browser.goto("/").await;
        browser
            .see("//tr[td[.='Winter']][td[.='live']][td[contains(., '0.80')]]")
            .await;
        browser.press("Winter").await;
        browser.press("Pause").await;
        let asked = Instant::now();
        exchange.until_it_stops("DEU", (300, 250)).await;
        within(asked, "stop when paused");
        browser.see("//p/span[.='paused']").await;
        browser.press("Resume").await;
        let asked = Instant::now();
        exchange.until_it_bids("DEU", (300, 250)).await;
        within(asked, "bid when resumed");
        assert_eq!(browser.errors().await, Vec::<String>::new());
    });
}

/// Notices and events come in while the campaign's page is open: its numbers follow without a reload.
async fn watch(exchange: &Exchange, browser: &Browser, first: Bid) {
    browser.tile("Impressions", "0").await;
    browser.money("Spent", "0.00").await;
    browser.run("window.sameDocument = true").await;
    // The first bid loses. The price is for a thousand: each of two wins costs 0.40.
    drop(first);
    let won = [1, 2].map(|_| exchange.bid("DEU", (300, 250)).unwrap());
    for bid in &won {
        exchange.acknowledged(&bid.win("400"));
        exchange.acknowledged(&bid.billing("400"));
        exchange.acknowledged(&bid.impression());
    }
    browser.money("Spent", "0.80").await;
    browser.tile("Impressions", "2").await;
    browser.tile("CTR", "0.0%").await;
    let landing = exchange.click(&won[0]);
    assert!(landing.starts_with("https://alpine.example/"), "{landing}");
    browser.tile("Clicks", "1").await;
    browser.tile("CTR", "50.0%").await;
    browser.tile("Win rate", "66.7%").await;
    browser
        .see("//figure[contains(., 'Clicks')]//*[name()='polyline']")
        .await;
    assert_eq!(
        browser.run("return window.sameDocument").await,
        true,
        "the page was loaded again"
    );
}

#[test]
fn what_is_wrong_is_said_where_it_was_typed() {
    run(async |server, browser| {
        browser.goto("/").await;
        browser.arrive("Sign in").await;
        browser.fill("email", "admin@localhost").await;
        browser.fill("password", "a wrong password").await;
        browser.press("Sign in").await;
        browser.see("//div[@role='alert']").await;
        assert_eq!(browser.value("email").await, "admin@localhost");
        assert_eq!(browser.value("password").await, "");

        sign_in(server, browser).await;
        browser.press("Create the first advertiser").await;
        browser.fill("name", "Alpine Boots").await;
        browser.press("Save").await;
        browser.see(&beside("domain")).await;
        assert_eq!(browser.value("name").await, "Alpine Boots");
        browser.fill("domain", "alpine.example").await;
        browser.press("Save").await;
        browser.arrive("Alpine Boots").await;

        browser.press("New campaign").await;
        browser.fill("name", "Winter").await;
        browser.fill("budget_micros", "a lot").await;
        browser.choose("plan", "asap").await;
        browser.press("Save").await;
        browser.see(&beside("budget_micros")).await;
        assert_eq!(browser.value("budget_micros").await, "a lot");
        assert_eq!(browser.value("name").await, "Winter");
        assert_eq!(browser.value("plan").await, "asap");
        assert_eq!(browser.count(&beside("name")).await, 0);
        browser.fill("budget_micros", "500").await;
        browser.press("Save").await;
        browser.arrive("Winter").await;
    });
}

/// An error's place: in the label of the field that is wrong.
fn beside(field: &str) -> String {
    format!("//label[contains(@class, 'wrong')][.//*[@name='{field}']]/span[@class='error']")
}

#[test]
fn markup_of_advertisers_runs_no_script_in_the_console() {
    const ATTACK: &str = "<b>Boots</b><img src=\"x\" onerror=\"top.document.title='taken'\">\
        <script>document.title = 'taken'; top.document.title = 'taken'; top.location = '/account';</script>";
    const NAME: &str = "<img src=x onerror=\"document.title=1\">";
    run(async |server, browser| {
        sign_in(server, browser).await;
        make_advertiser(browser, NAME).await;
        assert_eq!(browser.title().await, format!("{NAME} · Paceline"));
        make_banner(browser, ATTACK).await;
        let before = browser.path().await;
        // The frame has drawn everything after its script, so the script had its chance.
        browser.enter_frame("iframe.preview").await;
        browser.see("//b[.='Boots']").await;
        browser.leave_frame().await;
        assert_eq!(browser.title().await, "Banner · Paceline");
        assert_eq!(browser.path().await, before);
        browser.press("Edit").await;
        assert_eq!(browser.value("format.html").await, ATTACK);
        browser.goto("/").await;
        browser.see(&format!("//a[.='{NAME}']")).await;
        assert_eq!(browser.title().await, "Overview · Paceline");
    });
}

#[test]
fn every_page_fits_a_phone_and_shows_where_the_keyboard_is() {
    run(async |server, browser| {
        browser.narrow(PHONE).await;
        sign_in(server, browser).await;
        make_campaign(browser).await;
        make_banner(browser, "<b>Boots</b>").await;
        browser.press("Alpine Boots").await;
        browser.press("Winter").await;
        draft_line_item(browser).await;
        browser.press("Save").await;
        browser.see("//td[.='Germany']").await;
        let mut seen = BTreeSet::from(["/".to_owned()]);
        let mut open: Vec<String> = seen.iter().cloned().collect();
        while let Some(page) = open.pop() {
            browser.goto(&page).await;
            browser.see("//h1").await;
            let width = browser
                .run("return document.documentElement.scrollWidth")
                .await;
            assert_eq!(width, PHONE, "{page} is wider than a phone");
            assert_eq!(
                browser.hidden_focus().await,
                "",
                "no focus is seen on {page}"
            );
            open.extend(
                browser
                    .links()
                    .await
                    .into_iter()
                    .filter(|link| seen.insert(link.clone())),
            );
            assert!(seen.len() <= PAGES_MAX, "{seen:?}");
        }
        assert!(seen.len() > 10, "{seen:?}");
        assert_eq!(browser.errors().await, Vec::<String>::new());
    });
}

/// The 43 bytes of a transparent GIF, on a screen of 300 x 250.
const PICTURE: &[u8; 43] = b"GIF89a\x2c\x01\xfa\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

#[test]
fn a_picture_is_uploaded_saved_and_served() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    run(async |server, browser| {
        let exchange = Exchange::new(server);
        sign_in(server, browser).await;
        make_advertiser(browser, "Alpine Boots").await;
        browser.press("New banner").await;
        browser.fill("name", "Banner").await;
        // What is no picture is refused beside the file, and changes nothing.
        let text = file("text.png", b"no picture");
        browser.upload("format.image_url", &text).await;
        browser.until("return document.querySelector('[data-upload=\"format.image_url\"]').validity.customError").await;
        assert_eq!(browser.value("format.image_url").await, "");

        let picture = file("boots.gif", PICTURE);
        browser.upload("format.image_url", &picture).await;
        browser
            .until("return document.querySelector('[name=\"format.image_url\"]').value !== ''")
            .await;
        let address = browser.value("format.image_url").await;
        assert_eq!(browser.value("format.size").await, "300x250");
        browser.press("Save").await;
        browser.arrive("Banner").await;

        let path = address.strip_prefix("https://pixel.localhost").unwrap();
        let served = exchange.fetched(path);
        assert_eq!(served.status, 200, "{path}");
        assert_eq!(served.header("content-type"), Some("image/gif"));
        assert_eq!(served.body, String::from_utf8_lossy(PICTURE));
    });
}

#[test]
fn a_banner_tells_that_it_is_seen_once_it_is() {
    const ASKED: &str = "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/view?')).length";
    run(async |server, browser| {
        let exchange = Exchange::new(server);
        sign_in(server, browser).await;
        make_campaign(browser).await;
        let ad =
            "<a href=\"{CLICK_URL}\" style=\"display:block;width:300px;height:250px\">Boots</a>";
        make_banner(browser, ad).await;
        browser.press("Alpine Boots").await;
        browser.press("Winter").await;
        draft_line_item(browser).await;
        browser.press("Save").await;
        browser.arrive("Winter").await;
        let campaign = browser.path().await;
        let bid = exchange.until_it_bids("DEU", (300, 250)).await;

        let page = publisher::publish(&bid.markup(&exchange));
        browser.visit(&page).await;
        // Longer in a page, far below what is seen of it, than a banner has to be in view.
        browser.until("return performance.now() > 2500").await;
        assert_eq!(browser.run(ASKED).await, 0, "it is not in view yet");
        browser.run("scrollTo(0, document.body.scrollHeight)").await;
        browser.until(&format!("{ASKED} === 1")).await;
        browser.run("scrollTo(0, 0)").await;
        browser.run("scrollTo(0, document.body.scrollHeight)").await;
        let asked = browser.run("return performance.now()").await;
        let later = asked.as_f64().unwrap() + 2500.0;
        browser
            .until(&format!("return performance.now() > {later}"))
            .await;
        assert_eq!(browser.run(ASKED).await, 1, "it tells once");
        let errors = browser.errors().await;
        let of_ad: Vec<_> = errors
            .iter()
            .filter(|one| !one.contains("favicon"))
            .collect();
        assert!(of_ad.is_empty(), "{of_ad:?}");
        browser.goto(&campaign).await;
        browser.tile("Impressions", "1").await;
        browser
            .see("//tr[td/a='Germany'][td='1'][td='100.0%']")
            .await;
    });
}

async fn sign_in(server: &Server, browser: &Browser) {
    browser.goto("/login").await;
    browser.fill("email", "admin@localhost").await;
    browser.fill("password", &server.password).await;
    browser.press("Sign in").await;
    browser.arrive("Overview").await;
}

async fn make_advertiser(browser: &Browser, name: &str) {
    browser.press("Create the first advertiser").await;
    browser.fill("name", name).await;
    browser.fill("domain", "alpine.example").await;
    browser.press("Save").await;
    browser.see("//h2[contains(., 'Creatives')]").await;
}

async fn make_campaign(browser: &Browser) {
    make_advertiser(browser, "Alpine Boots").await;
    browser.press("New campaign").await;
    browser.fill("name", "Winter").await;
    browser.fill("budget_micros", "500").await;
    browser.pick_time("flight_end_ms", "2040-12-31T08:00").await;
    browser.choose("plan", "asap").await;
    browser.choose("goal", "impressions").await;
    browser.press("Save").await;
    browser.arrive("Winter").await;
    browser
        .see("//div[contains(., '2040-12-31 08:00') and contains(., 'goal impressions')]")
        .await;
    browser.money("Budget", "500.00 USD").await;
    browser.see("//p/span[.='nothing to show']").await;
    browser.press("Alpine Boots").await;
    browser.arrive("Alpine Boots").await;
}

/// From the advertiser's page to the new creative's.
async fn make_banner(browser: &Browser, html: &str) {
    browser.press("New banner").await;
    browser.fill("name", "Banner").await;
    browser.fill("format.size", "300x250").await;
    browser.fill("format.html", html).await;
    browser.press("Save").await;
    browser.arrive("Banner").await;
}

/// From the campaign's page to a line item that only needs to be saved.
async fn draft_line_item(browser: &Browser) {
    browser.press("New line item").await;
    browser.fill("name", "Germany").await;
    browser.choose("bid.type", "cpm").await;
    browser.fill("bid.amount_micros", "500").await;
    browser.fill("max_bid_cpm_micros", "500").await;
    browser.fill("targeting.countries.include", "DEU").await;
    browser.fill("targeting.sizes.include", "300x250").await;
    assert!(browser.ticked("creative_ids").await, "the only creative");
}

fn within(asked: Instant, what: &str) {
    let took = asked.elapsed();
    assert!(took <= LIVE_WITHIN, "the bidder took {took:?} to {what}");
}

/// A fresh server with a fresh browser before it.
fn run(story: impl AsyncFnOnce(&Server, &Browser)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = Server::start();
        let browser = Browser::start(&server.console).await;
        Box::pin(story(&server, &browser)).await;
        browser.close().await;
    });
}
