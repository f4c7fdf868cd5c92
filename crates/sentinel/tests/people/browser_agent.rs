//! Can a person follow what a language model did, and say what an incident was? From the page of the agent to a session
//! with its calls and what was left out, and an opinion that is given and taken back.

use std::time::Duration;

use serde_json::json;

use crate::browser::{check_page, is_missing, screenshot};
use crate::investigates_by_a_model::{cause_an_incident, config, script};
use crate::support::browser::Browser;
use crate::support::model::FakeModel;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(60);

/// Guarantees: MUST 863 of docs/specs/agent.md.
#[test]
fn a_person_follows_a_session_and_what_was_left_out() {
    if is_missing() {
        return;
    }
    let model = FakeModel::start(script);
    let server = Server::start("browser-agent", &config(&model, ""));
    let folder = Folder::new("chromium-agent");
    let browser = Browser::start(&folder);
    browser.resize(1280, 900);
    browser.open(&format!("http://{}/agent", server.address));
    assert!(browser.text("main").contains("None yet"), "{}", browser.text("main"));
    let first = cause_an_incident(&server);
    let id = first["incident_id"].as_str().unwrap_or_else(|| panic!("{first}")).to_owned();

    // The page that is open learns of the session.
    wait_for(LIMIT, "the session is shown", || browser.find_now("[data-testid=session]"));
    let session = browser.text("[data-testid=session]");
    assert!(session.contains(&id) && session.contains("an answer"), "{session}");
    assert_eq!(browser.text("[data-testid=agent-state]"), "It is asked");
    screenshot(&browser, "agent");
    for (width, scheme) in [(390, "dark"), (1280, "light")] {
        browser.resize(width, 900);
        browser.prefer(scheme);
        check_page(&browser, "agent", width, scheme);
    }

    browser.click_on("[data-testid=session] a");
    browser.find("#investigation");
    let left_out = browser.text("[data-testid=dropped-claims]");
    assert!(left_out.contains("gives advice"), "{left_out}");
    assert!(browser.text("#investigation").contains("2 that did not hold were left out"));
    assert!(!browser.text("main").contains("billing"), "what does not hold is nowhere");
    assert!(browser.text("[data-testid=investigation-cost]").contains("US dollars"));
    // Each call with its arguments, by name.
    browser.script("document.querySelectorAll('#investigation details').forEach(it => it.open = true)");
    let calls = browser.text("#investigation ol.questions");
    assert!(calls.contains("query_metrics") && calls.contains("from=-4m") && !calls.contains("{\""), "{calls}");
    // A citation leads to what it cites.
    browser.script("document.querySelectorAll('#investigation details').forEach(it => it.open = false)");
    browser.click_on("[data-testid=claim] a.ref");
    wait_for(LIMIT, "the evidence is in sight", || {
        let is_seen = "const it = document.getElementById('inv-T1'); return it.closest('details').open && it.getBoundingClientRect().height > 0";
        (browser.script(is_seen) == true).then_some(())
    });
    let console = browser.console();
    assert!(console.is_empty(), "{console:?}");
}

/// Guarantees: MUST 864 of docs/specs/feedback.md.
#[test]
fn a_person_says_what_it_was_and_takes_it_back() {
    if is_missing() {
        return;
    }
    let server = Server::start("browser-feedback", QUIET);
    let first = cause_an_incident(&server);
    let id = first["incident_id"].as_str().unwrap_or_else(|| panic!("{first}")).to_owned();
    wait_for(LIMIT, "the causes are ranked", || {
        server.get_json(&format!("/sentinel/v1/incidents/{id}"))["diagnosis"].is_object().then_some(())
    });
    let folder = Folder::new("chromium-feedback");
    let browser = Browser::start(&folder);
    browser.resize(1280, 900);
    browser.open(&format!("http://{}/incidents/{id}", server.address));

    // What may be meant is suggested, and what is typed is sent with the button.
    let offered = "const it = document.querySelector('[data-testid=feedback-cause]'); return [...it.list.options].map(it => it.value)";
    assert_eq!(browser.script(offered), json!(["payments"]));
    browser.script("document.querySelector('[data-testid=feedback-cause]').value = 'billing-db'");
    browser.script("document.querySelector('[data-testid=feedback-comment]').value = 'the <b>nightly</b> backup'");
    browser.click_on("[data-testid=feedback-wrong]:not(:disabled)");
    let lessons = || server.list("/sentinel/v1/feedback");
    let lesson = wait_for(LIMIT, "the opinion is kept", || lessons().into_iter().next());
    assert_eq!((&lesson["said"]["opinion"], &lesson["said"]["cause"]), (&json!("wrong"), &json!("billing-db")));
    wait_for(LIMIT, "the button is pressed", || browser.find_now("[data-testid=feedback-wrong][aria-pressed=true]"));
    assert!(browser.find_now("[data-testid=feedback-noise][aria-pressed=true]").is_none());
    // Of one person the last word counts.
    browser.click_on("[data-testid=feedback-noise]:not(:disabled)");
    wait_for(LIMIT, "the other button is pressed", || {
        browser.find_now("[data-testid=feedback-noise][aria-pressed=true]")
    });
    assert!(browser.find_now("[data-testid=feedback-wrong][aria-pressed=true]").is_none());

    browser.click_on("#feedback a[href='/feedback']");
    browser.find("[data-testid=lesson]");
    assert!(browser.text("main").contains("the <b>nightly</b> backup"), "{}", browser.text("main"));
    screenshot(&browser, "feedback");
    check_page(&browser, "feedback", 1280, "light");
    browser.click_on("[data-testid=undo]");
    wait_for(LIMIT, "it is taken back", || browser.text("main").contains("taken back by web").then_some(()));
    assert!(lessons().iter().any(|it| it["undone_by"] == "web"), "{:?}", lessons());

    // The time of it, in UTC and then where the person is.
    browser.live_in("America/New_York");
    browser.open(&format!("http://{}/feedback", server.address));
    let shows = |zone: &str| {
        let script = format!(
            "const it = document.querySelector('[data-testid=lesson] time');
            return it.textContent === new Date(it.dateTime).toLocaleString('sv-SE', {{ timeZone: '{zone}' }})"
        );
        wait_for(LIMIT, &format!("times of {zone}"), || (browser.script(&script) == true).then_some(()));
    };
    shows("UTC");
    browser.click_on("button#zone");
    shows("America/New_York");
    assert_eq!(browser.text("#zone"), "times are America/New_York");
    let title = browser.script("return document.querySelector('[data-testid=lesson] time').title");
    assert!(title.as_str().is_some_and(|it| it.contains("UTC") && it.contains("America/New_York")), "{title}");
    browser.click_on("button#zone");
    shows("UTC");
    let console = browser.console();
    assert!(console.is_empty(), "{console:?}");
}
