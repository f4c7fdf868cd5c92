//! Can a person work with the page? A real browser opens the incident, approves the plan and sees it verified; the
//! layout fits a phone, dark mode is dark, and the console stays empty.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::is_there;
use crate::support::wait_for;

/// How long anything may take; generous because the machine may be busy.
const LIMIT: Duration = Duration::from_secs(180);

const PLAYBOOK: &str = "
act:
  enabled: true
  dry_run: false
  allowed_commands: [/bin/true]
  playbooks:
    - name: roll back
      when:
        fault: [bad_deploy]
        min_confidence: 0.5
      steps:
        - action: {type: command, argv: [/bin/true, \"{service}\"]}
      verify: {hold_secs: 2, timeout_secs: 180}
";

const BUDGET: &str = "
detect:
  budgets:
    - service: PaymentGateway
      budget: 3 per day
    - each: service
      budget: 1 per week
";

const WATCH: &str = "
watches:
  - metric: latency
    labels: {service: PaymentGateway}
    granularity: 1s
    horizon: 10s
    lookback: 2m
";

/// Pages that are looked at in both color schemes and on a phone.
const PAGES: [(&str, &str); 18] = [
    ("overview", "/"),
    ("incidents", "/incidents"),
    ("incident", "/incidents/INC-1"),
    ("series", "/series"),
    ("groups", "/groups"),
    ("forecasts", "/forecasts"),
    ("logs", "/logs"),
    ("explore", "/explore?expr=latency%7Bservice%3D%22PaymentGateway%22%7D&range=15m"),
    ("backtest", "/backtest"),
    ("ask", "/ask?q=why%20is%20PaymentGateway%20slow"),
    ("traces", "/traces"),
    ("knowledge", "/knowledge?q=payment"),
    ("agent", "/agent"),
    ("intake", "/intake"),
    ("models", "/model-watch"),
    ("feedback", "/feedback"),
    ("audit", "/audit"),
    (
        "backtest-result",
        "/backtest?match=latency%7Bservice%3D%22PaymentGateway%22%7D&range=15m&alerts=3&per=day&configured=on&sigma3=on&share5=on",
    ),
];

fn observation(latency: f64, seconds_ago: i64) -> Value {
    let time = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds_ago);
    json!({"timestamp": time.to_string(), "service_name": "PaymentGateway", "latency": latency})
}

/// A server with some minutes of history, some log lines and one incident with a proposed plan.
fn server_with_incident() -> Server {
    let server = Server::start("browser", &format!("{QUIET}{PLAYBOOK}{BUDGET}{WATCH}"));
    let past: Value =
        (20..160).rev().map(|it| observation(30.0 + f64::from(u8::try_from(it % 7).unwrap()), it)).collect();
    assert_eq!(server.post_json("/monitor", &past).status, 200);
    let now = jiff::Timestamp::now().as_nanosecond();
    let long = "a_very_long_word_without_any_space_".repeat(10);
    let lines: Vec<Value> = (0..50_i128)
        .map(|it| {
            json!([(now - it * 300_000_000).to_string(), format!("ERROR payment {it} failed: no connection {long}")])
        })
        .collect();
    let push = json!({"streams": [{"stream": {"service": "PaymentGateway", "level": "error"}, "values": lines}]});
    assert_eq!(server.post_json("/loki/api/v1/push", &push).status, 204);
    // Half an hour of another service, which then warns of something that it never said: evidence, and no incident.
    let header = |level: &str, it: i128| format!("2026-01-02 03:04:05 {level} [worker-{}] shop.Search: ", it % 7);
    let usual = |it: i128| {
        let line = format!("{}found {} items in {} ms", header("INFO", it), it % 9, 10 + it * 7 % 13);
        json!([(now - it * 10_000_000_000).to_string(), line])
    };
    let odd = |it: i128| json!([(now - it * 1_000_000_000).to_string(), header("WARN", it) + "index is stale"]);
    let search: Vec<Value> = (1..180).rev().map(usual).chain((0..8).rev().map(odd)).collect();
    let push = json!({"streams": [{"stream": {"service": "Search"}, "values": search}]});
    assert_eq!(server.post_json("/loki/api/v1/push", &push).status, 204);
    let deployed_at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(21);
    let change = json!({"service": "PaymentGateway", "kind": "deploy", "title": "v2.4.1", "version": "2.4.1",
        "time": deployed_at.to_string()});
    assert_eq!(server.post_json("/sentinel/v1/changes", &change).status, 200);
    let fault: Value = (0..20).rev().map(|it| observation(900.0, it)).collect();
    assert_eq!(server.post_json("/monitor", &fault).status, 200);
    wait_for(LIMIT, "a plan", || server.list("/sentinel/v1/plans").into_iter().next());
    server
}

/// Keeps what is to be seen, for people.
pub fn screenshot(browser: &Browser, name: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
    browser.screenshot(&folder.join(format!("{name}.png")));
}

#[test]
fn a_person_approves_the_plan_and_sees_it_verified() {
    if is_missing() {
        return;
    }
    let server = server_with_incident();
    let folder = Folder::new("chromium");
    let browser = Browser::start(&folder);
    let page = |path: &str| format!("http://{}{path}", server.address);

    // From the overview to the incident by its link, as a person would go.
    browser.resize(1280, 900);
    browser.open(&page("/"));
    browser.find("a[href*='/incidents/INC-']");
    screenshot(&browser, "overview-light-wide");
    browser.click_on("a[href*='/incidents/INC-']");
    assert!(browser.text("main").contains("PaymentGateway"), "{}", browser.text("body"));
    screenshot(&browser, "incident-light-wide");

    // Every page, in both schemes, on a desk and on a phone.
    for (width, device) in [(1280, "wide"), (390, "phone")] {
        for scheme in ["light", "dark"] {
            browser.resize(width, 900);
            browser.prefer(scheme);
            for (name, path) in PAGES {
                browser.open(&page(path));
                browser.find("main");
                // A chart is drawn when it comes into view.
                let draw = "const it = document.querySelector('.chart-wait'); it?.scrollIntoView(); return !it";
                wait_for(LIMIT, &format!("the charts of {path} are drawn"), || {
                    (browser.script(draw) == true).then_some(())
                });
                browser.script("scrollTo(0, 0)");
                screenshot(&browser, &format!("{name}-{scheme}-{device}"));
                check_page(&browser, &format!("{name} {scheme} {device}"), width, scheme);
            }
        }
    }

    browser.open(&page("/logs?service=Search"));
    browser.find("[data-testid=log-anomaly]");
    let said = browser.text("main");
    assert!(said.contains("new log lines") && said.contains("index is stale"), "{said}");
    assert!(said.contains("found <*> items in <*> ms") && !said.contains("no connection"), "{said}");
    screenshot(&browser, "logs-of-service");

    // Approve, and see the plan go through without loading the page again.
    browser.resize(1280, 900);
    browser.prefer("light");
    browser.open(&page("/incidents/INC-1"));
    browser.script("window.is_the_same_page = true");
    browser.click_on("[data-testid=approve]");
    assert!(browser.text("#confirm").contains("/bin/true PaymentGateway"), "the dialog shows what will be done");
    screenshot(&browser, "incident-confirm");
    browser.click_on("#confirm [value=yes]");
    wait_for(LIMIT, "the page says that the plan is verified", || {
        let is_approved = server.list("/sentinel/v1/plans")[0]["state"] != "proposed";
        if is_approved {
            server.post_json("/monitor", &observation(31.0, 0));
        }
        browser.text("main").contains("Verified").then_some(())
    });
    assert_eq!(browser.script("return window.is_the_same_page"), true, "it was shown live, without loading the page");
    assert_eq!(server.list("/sentinel/v1/plans")[0]["state"], "succeeded");
    screenshot(&browser, "incident-verified");
    let console = browser.console();
    assert!(console.is_empty(), "{console:?}");
}

#[test]
fn a_person_compares_thresholds_on_the_past_of_a_series() {
    if is_missing() {
        return;
    }
    let server = server_with_incident();
    let folder = Folder::new("chromium-backtest");
    let browser = Browser::start(&folder);
    browser.resize(1280, 900);

    // From a series to its back-test by the link, as a person would go.
    browser.open(&format!("http://{}/series?match=latency%7Bservice%3D%22PaymentGateway%22%7D", server.address));
    browser.click_on("[data-testid=series-row] a");
    browser.click_on("[data-testid=backtest-link]");
    browser.find("[data-testid=backtest-result]");
    assert_eq!(browser.script("return document.querySelectorAll('[data-testid=lane]').length"), 3);
    browser.find(".chart.backtest svg .c-line");
    browser.find(".chart.backtest svg .c-band");
    assert!(browser.script("return document.querySelectorAll('.lane-alert').length").as_u64() >= Some(1));
    assert!(browser.text("[data-testid=backtest-alerts]").contains("above expected"), "{}", browser.text("main"));

    // The slider says its number, one more choice is ticked, and the question is asked again.
    let slide = "const it = document.getElementById('alerts'); it.value = 7; it.dispatchEvent(new Event('input'))";
    browser.script(slide);
    assert_eq!(browser.text("#alerts-shown"), "7");
    browser.click_on("[name=sigma25]");
    browser.click_on("[data-testid=backtest-form] button.primary");
    wait_for(LIMIT, "the answer with the new budget", || {
        browser.text("[data-testid=backtest-choices]").contains("7 per day").then_some(())
    });
    assert!(browser.text("[data-testid=backtest-choices]").contains("sigma 2.5"));
    screenshot(&browser, "backtest-asked-again");

    // Words find series that can be chosen, and what cannot be asked is said.
    browser.open(&format!("http://{}/backtest?match=paymentgateway", server.address));
    assert!(browser.text("[role=alert]").contains("no stored series"), "{}", browser.text("main"));
    assert!(browser.text("main").contains("latency"));
    let console = browser.console();
    assert!(console.is_empty(), "{console:?}");
}

#[test]
fn a_person_looks_at_a_forecast_and_takes_a_version_back() {
    if is_missing() {
        return;
    }
    let server = server_with_incident();
    let folder = Folder::new("chromium-forecasts");
    let browser = Browser::start(&folder);
    browser.resize(1280, 900);
    let models = || server.list("/sentinel/v1/models");
    let keep_coming = || server.post_json("/monitor", &observation(35.0, 0)).status;
    wait_for(LIMIT, "a second version serves", || {
        keep_coming();
        let model = models().into_iter().next()?;
        let id = model["id"].as_str()?;
        let n_served = model["versions"].as_array()?.iter().filter(|it| it["artifact_sha256"] != "").count();
        server.send("POST", &format!("/manage/retrain/{id}"), &[], b"");
        (n_served >= 2).then_some(())
    });

    // From the overview by its links, as a person would go.
    browser.open(&format!("http://{}/", server.address));
    browser.click_on("nav a[href='/forecasts']");
    browser.find("[data-testid=forecast-row] svg.fan-spark path.ahead");
    screenshot(&browser, "forecasts-list");
    browser.click_on("[data-testid=forecast-row] a");
    wait_for(LIMIT, "the fan is drawn", || {
        keep_coming();
        let length = browser.script("return document.querySelector('[data-testid=ahead]')?.getTotalLength() ?? 0");
        length.as_f64().filter(|it| *it > 5.0)
    });
    screenshot(&browser, "forecast-light-wide");
    check_page(&browser, "a forecast", 1280, "light");
    let serving = models()[0]["active_version"].clone();
    browser.click_on("[data-testid=rollback]");
    browser.click_on("#confirm [value=yes]");
    wait_for(LIMIT, "another version serves", || (models()[0]["active_version"] != serving).then_some(()));
    wait_for(LIMIT, "the page says so", || browser.text("#model").contains("rolled back").then_some(()));
    let console = browser.console();
    assert!(console.is_empty(), "{console:?}");
}

/// True if there is no browser here; says so.
pub fn is_missing() -> bool {
    !is_there("chromium", "the page in a browser") || !is_there("chromedriver", "the page in a browser")
}

/// Layout, scheme, and what a screen reader and a keyboard need.
pub fn check_page(browser: &Browser, what: &str, width: u32, scheme: &str) {
    let overflow = browser.script(
        "return [...document.querySelectorAll('body *')]
            .filter(it => it.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .filter(it => { for (let up = it; up; up = up.parentElement)
                if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(up).overflowX)) return false; return true })
            .map(it => it.tagName + '.' + it.className).slice(0, 5)",
    );
    let scroll_width = browser.script("return document.documentElement.scrollWidth").as_u64().unwrap();
    assert!(scroll_width <= u64::from(width), "{what} is {scroll_width} px wide: {overflow}");
    let background = browser.script("return getComputedStyle(document.body).backgroundColor");
    let channels: Vec<u32> = background
        .as_str()
        .unwrap()
        .split(|it: char| !it.is_ascii_digit())
        .filter_map(|it| it.parse().ok())
        .take(3)
        .collect();
    let brightness = channels.iter().sum::<u32>() / 3;
    assert_eq!(brightness < 100, scheme == "dark", "{what} has the background {background}");
    let unnamed = browser.script(
        "return [...document.querySelectorAll('a, button, input:not([type=hidden]), select, img, [role=img]')]
            .filter(it => !(it.innerText || it.textContent || it.ariaLabel || it.alt || it.title || (it.labels && it.labels.length)
                || it.getAttribute('aria-label') || it.getAttribute('aria-labelledby')))
            .map(it => it.outerHTML.slice(0, 100))",
    );
    assert_eq!(unnamed, json!([]), "{what}: without a name for a screen reader");
    assert!(
        browser.script("return document.documentElement.lang").as_str().is_some_and(|it| !it.is_empty()),
        "{what}: no language"
    );
    assert_eq!(browser.script("return document.querySelectorAll('h1').length"), 1, "{what}: one heading");
    let twice = browser.script(
        "const ids = [...document.querySelectorAll('[id]')].map(it => it.id);
            return ids.filter((it, idx) => ids.indexOf(it) !== idx)",
    );
    assert_eq!(twice, json!([]), "{what}: an id twice");
    let nowhere = browser.script(
        "return ['for', 'list', 'aria-labelledby', 'aria-describedby'].flatMap(name =>
            [...document.querySelectorAll(`[${name}]`)].map(it => it.getAttribute(name)).filter(it => !document.getElementById(it)))",
    );
    assert_eq!(nowhere, json!([]), "{what}: a label of what is not there");
    let tables = browser.script(
        "return [...document.querySelectorAll('main table')].filter(it => !it.caption || it.querySelector('th:not([scope])'))
            .map(it => it.outerHTML.slice(0, 100))",
    );
    assert_eq!(tables, json!([]), "{what}: a table without a caption, or a heading without a scope");
    let console = browser.console();
    assert!(console.is_empty(), "{what}: {console:?}");
}
