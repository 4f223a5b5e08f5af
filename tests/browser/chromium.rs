//! Headless Chromium as its user sees it: pages, fields, buttons and what they show.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::exchange::ask;
use crate::program::Program;

/// How long a page may take to show what is waited for, on a machine with other work.
const SHOWN_MAX: Duration = Duration::from_secs(20);
/// Between two looks at a page.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Without the network switches Chromium looks up its maker's hosts at every start.
const SWITCHES: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,900",
    "--lang=en-US",
];
/// Elements that take the keyboard but look the same with it as without.
const HIDDEN_FOCUS: &str = "
    const places = document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea');
    return [...places].filter((place) => place.checkVisibility()).filter((place) => {
      place.focus({ focusVisible: true });
      const style = getComputedStyle(place);
      return style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2;
    }).map((place) => place.outerHTML).join(' ');";

/// One window, before one console.
pub(crate) struct Browser {
    client: Client,
    console: String,
    session: String,
    driver_address: String,
    // In this order: driver and browser go together, then the browser's folder.
    _driver: Program,
    _folder: TempDir,
}

impl Browser {
    pub(crate) async fn start(console: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let driver = Program::start(Command::new("chromedriver").arg("--port=0"));
        let address = format!(
            "127.0.0.1:{}",
            driver.after("started successfully on port ")
        );
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&folder))
            .connect(&format!("http://{address}"))
            .await
            .unwrap_or_else(|error| {
                panic!("Chromium does not start: {error}; `cargo xtask test` installs it")
            });
        Self {
            session: client.session_id().await.unwrap().unwrap(),
            console: console.to_owned(),
            driver_address: address,
            client,
            _driver: driver,
            _folder: folder,
        }
    }

    /// Ends the browser as a user does.
    pub(crate) async fn close(&self) {
        self.client.clone().close().await.unwrap();
    }

    /// Opens a page of the console.
    pub(crate) async fn goto(&self, path: &str) {
        let address = format!("http://{}{path}", self.console);
        self.client.goto(&address).await.unwrap();
    }

    /// Opens a page of somebody else's.
    pub(crate) async fn visit(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// Waits until a script says `true`.
    pub(crate) async fn until(&self, script: &str) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        for _ in 0..SHOWN_MAX.as_millis() / LOOK_EVERY.as_millis() {
            ticks.tick().await;
            if self.run(script).await == true {
                return;
            }
        }
        panic!("never true: {script}; {}", self.shown().await);
    }

    /// Chooses a file for the upload that fills in a field.
    pub(crate) async fn upload(&self, into: &str, file: &Path) {
        let picker = format!("//input[@type='file'][@data-upload='{into}']");
        let file = file.to_str().unwrap();
        self.see(&picker).await.send_keys(file).await.unwrap();
    }

    /// Waits for what an XPath finds.
    pub(crate) async fn see(&self, path: &str) -> Element {
        let wait = self.client.wait().at_most(SHOWN_MAX).every(LOOK_EVERY);
        match wait.for_element(Locator::XPath(path)).await {
            Ok(element) => element,
            Err(error) => panic!("{path} is not seen: {error}; {}", self.shown().await),
        }
    }

    /// The page as text, for messages.
    async fn shown(&self) -> String {
        let text = self.run("return location.href + '\\n' + document.body.innerText");
        text.await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for the page with this heading.
    pub(crate) async fn arrive(&self, title: &str) {
        self.see(&format!("//h1[.='{title}']")).await;
    }

    /// Waits for a number with this name.
    pub(crate) async fn tile(&self, name: &str, value: &str) {
        self.see(&format!("//div[@class='tile'][span='{name}'][b='{value}']"))
            .await;
    }

    /// Waits for an amount of the campaign's money.
    pub(crate) async fn money(&self, name: &str, value: &str) {
        self.see(&format!("//dl/div[dt='{name}'][dd='{value}']"))
            .await;
    }

    pub(crate) async fn count(&self, path: &str) -> usize {
        self.client
            .find_all(Locator::XPath(path))
            .await
            .unwrap()
            .len()
    }

    /// Clicks the first link or button with this text.
    pub(crate) async fn press(&self, text: &str) {
        let path = format!("//a[.='{text}'] | //button[.='{text}']");
        loop {
            match self.see(&path).await.click().await {
                // Live numbers were swapped under the finger.
                Err(error) if error.is_stale_element_reference() => {}
                clicked => return clicked.unwrap(),
            }
        }
    }

    async fn field(&self, name: &str) -> Element {
        self.see(&format!("//*[@name='{name}']")).await
    }

    /// Types into an emptied field.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let field = self.field(name).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses from a list by value.
    pub(crate) async fn choose(&self, name: &str, value: &str) {
        let field = self.field(name).await;
        field.select_by_value(value).await.unwrap();
    }

    /// Takes a time from the browser's own picker, whose look and keys differ by version and language.
    pub(crate) async fn pick_time(&self, name: &str, value: &str) {
        let field = serde_json::to_value(self.field(name).await).unwrap();
        self.client
            .execute(
                "arguments[0].value = arguments[1]",
                vec![field, value.into()],
            )
            .await
            .unwrap();
    }

    /// What a field holds.
    pub(crate) async fn value(&self, name: &str) -> String {
        let held = self.field(name).await.prop("value").await.unwrap();
        held.unwrap_or_default()
    }

    pub(crate) async fn ticked(&self, name: &str) -> bool {
        self.field(name).await.is_selected().await.unwrap()
    }

    pub(crate) async fn title(&self) -> String {
        self.client.title().await.unwrap()
    }

    /// The address without its host.
    pub(crate) async fn path(&self) -> String {
        let path = self.run("return location.pathname").await;
        path.as_str().unwrap().to_owned()
    }

    pub(crate) async fn enter_frame(&self, selector: &str) {
        let frame = self.client.find(Locator::Css(selector)).await.unwrap();
        frame.enter_frame().await.unwrap();
    }

    pub(crate) async fn leave_frame(&self) {
        self.client.enter_parent_frame().await.unwrap();
    }

    /// Runs a script in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let run: Result<Value, CmdError> = self.client.execute(script, Vec::new()).await;
        run.unwrap()
    }

    /// The paths of the console that the page links to, downloads aside.
    pub(crate) async fn links(&self) -> Vec<String> {
        let links = self
            .run("return [...document.links].filter((a) => a.origin === location.origin && !a.hasAttribute('download')).map((a) => a.pathname + a.search)")
            .await;
        serde_json::from_value(links).unwrap()
    }

    /// Elements that do not show that they have the keyboard; empty when all do.
    pub(crate) async fn hidden_focus(&self) -> String {
        let body = self.client.find(Locator::Css("body")).await.unwrap();
        body.send_keys(&Key::Tab).await.unwrap();
        let hidden = self.run(HIDDEN_FOCUS).await;
        hidden.as_str().unwrap().to_owned()
    }

    /// Shows pages as wide as a phone; the window itself has a least width.
    pub(crate) async fn narrow(&self, width: u32) {
        let metrics =
            json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": true});
        self.driver(
            "goog/cdp/execute",
            &json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}),
        );
    }

    /// Errors that the browser logged since it was asked before.
    pub(crate) async fn errors(&self) -> Vec<String> {
        let log = self.driver("se/log", &json!({"type": "browser"}));
        let entries = log["value"].as_array().unwrap();
        let errors = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        errors.map(Value::to_string).collect()
    }

    /// A command that the client library has no name for.
    fn driver(&self, command: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{command}", self.session);
        let answer = ask(&self.driver_address, "POST", &path, body);
        assert_eq!(answer.status, 200, "{command}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }
}

fn capabilities(folder: &TempDir) -> Capabilities {
    let mut switches: Vec<String> = SWITCHES.iter().map(|one| (*one).to_owned()).collect();
    switches.push(format!("--user-data-dir={}", folder.path().display()));
    let wanted = json!({
        "goog:chromeOptions": {"args": switches},
        "goog:loggingPrefs": {"browser": "ALL"},
    });
    serde_json::from_value(wanted).unwrap()
}
