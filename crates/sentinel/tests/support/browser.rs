//! How does a test use a real browser? Headless Chromium through chromedriver, in the few words of WebDriver
//! (<https://www.w3.org/TR/webdriver2/>) and the DevTools protocol that the tests need.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::client::send;
use super::server::Folder;
use super::services::free_port;
use super::wait_for;

/// How long an element may take to appear.
const APPEAR: Duration = Duration::from_secs(60);
/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser window.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
}

/// An element of the page.
#[derive(Clone, Debug)]
pub struct Element(String);

impl Browser {
    /// Starts chromedriver and a window.
    pub fn start(folder: &Folder) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = std::fs::File::create(folder.path().join("chromedriver.log")).unwrap();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={}", address.port()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut browser = Self { driver, address, session: String::new() };
        wait_for(APPEAR, "chromedriver is ready", || {
            send(address, "GET", "/status", &[], b"").ok().filter(|it| it.json()["value"]["ready"] == true)
        });
        let profile = folder.path().join("profile");
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            format!("--user-data-dir={}", profile.display()),
        ]);
        let options = json!({"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}});
        let answer = browser.call("POST", "/session", &json!({"capabilities": {"alwaysMatch": options}}));
        browser.session = format!("/session/{}", answer["sessionId"].as_str().expect("a session"));
        browser
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// The first element that fits a CSS selector, as soon as there is one.
    pub fn find(&self, css: &str) -> Element {
        wait_for(APPEAR, &format!("{css} on {}", self.script("return location.href")), || self.find_now(css))
    }

    /// The first element that fits a CSS selector, if there is one now.
    pub fn find_now(&self, css: &str) -> Option<Element> {
        let answer = self.command("elements", &json!({"using": "css selector", "value": css}));
        answer[0][ELEMENT].as_str().map(|it| Element(it.to_owned()))
    }

    /// Clicks like a person on the first element that fits a CSS selector, which must be visible; also while the page renews itself: an element that was
    /// replaced meanwhile, or is still covered, is looked for again.
    pub fn click_on(&self, css: &str) {
        wait_for(APPEAR, &format!("{css} can be clicked"), || {
            let Element(id) = self.find_now(css)?;
            let path = format!("{}/element/{id}/click", self.session);
            let answer = send(self.address, "POST", &path, &[("content-type", "application/json")], b"{}").ok()?;
            let error = answer.json()["value"]["error"].as_str().unwrap_or_default().to_owned();
            let is_for_now = ["stale element reference", "element click intercepted", "element not interactable"];
            assert!(answer.status == 200 || is_for_now.contains(&error.as_str()), "{css}: {}", answer.text());
            (answer.status == 200).then_some(())
        });
    }

    /// What the element shows.
    pub fn text(&self, css: &str) -> String {
        let script = format!("const it = document.querySelector({}); return it ? it.innerText : ''", json!(css));
        self.script(&script).as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script in the page and returns its result.
    pub fn script(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Makes the window as large as a device's; `width` and `height` are in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        self.devtools("Emulation.setScrollbarsHidden", &json!({"hidden": true}));
    }

    /// Tells the page that the person likes it `light` or `dark`.
    pub fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Moves the person to another time zone, such as `America/New_York`.
    pub fn live_in(&self, zone: &str) {
        self.devtools("Emulation.setTimezoneOverride", &json!({"timezoneId": zone}));
    }

    /// Errors and warnings on the console since the last call.
    pub fn console(&self) -> Vec<String> {
        let entries = self.command("se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|it| it["level"] != "INFO" && it["level"] != "DEBUG")
            .map(|it| it["message"].to_string())
            .collect()
    }

    /// Saves what is to be seen, the whole page from top to bottom.
    pub fn screenshot(&self, path: &Path) {
        let answer = self.devtools("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        let encoded = answer["data"].as_str().expect("a picture");
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).expect("base64");
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the target folder can be written");
        std::fs::write(path, bytes).expect("the target folder can be written");
    }

    fn devtools(&self, method: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": method, "params": parameters}))
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        self.call("POST", &format!("{}/{name}", self.session), body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let headers = [("content-type", "application/json")];
        let answer = send(self.address, method, path, &headers, body.to_string().as_bytes());
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert_eq!(answer.status, 200, "{method} {path} {body}: {}", answer.text());
        answer.json()["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Closing the session ends Chromium; the driver alone would leave it behind.
        let _ = send(self.address, "DELETE", &self.session, &[], b"");
        if self.driver.kill().is_ok() {
            let _ = self.driver.wait();
        }
    }
}
