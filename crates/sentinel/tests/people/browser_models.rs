//! Can a person watch and steer models in the browser? From the list to a card, a comparison, both distributions of a
//! column, and another version that answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::{check_page, is_missing, screenshot};
use crate::support::browser::Browser;
use crate::support::offline::{sentinel, stderr};
use crate::support::server::{Folder, QUIET, Server};
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(60);
/// So many predictions are compared.
const WINDOW: usize = 300;

/// Rows of two numbers and their truth; `factor` makes people older.
fn rows(seed: u64, n: usize, factor: f64) -> Vec<(f64, f64, bool)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let one = |_| {
        let (age, hours) = (f64::from(random.u32(18..80)), f64::from(random.u32(10..60)));
        ((age * factor).round(), hours, age + hours > 85.0)
    };
    (0..n).map(one).collect()
}

/// A server with a watched model of two versions, and one that nobody watches.
fn server_with_models() -> Server {
    let folder = Folder::new("browser-models");
    let line = |(age, hours, is_rich): &(f64, f64, bool)| {
        format!("{age},{hours},{}\n", if *is_rich { ">50K" } else { "<=50K" })
    };
    let csv = "age,hours,income\n".to_owned() + &rows(1, 1000, 1.0).iter().map(line).collect::<String>();
    let data = folder.write("data.csv", &csv);
    for (version, trees) in [("1", "1"), ("2", "3")] {
        let out = folder.path().join(version);
        let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
        let done = sentinel(&["train", "--data", data, "--target", "income", "--out", out, "--trees", trees]);
        assert!(done.status.success(), "{}", stderr(&done));
    }
    let path = folder.path().display();
    let config = format!(
        "{QUIET}
predict:
  models:
    - name: income
      versions: [{{version: \"1\", path: \"{path}/1\"}}, {{version: \"2\", path: \"{path}/2\"}}]
      default_version: \"1\"
    - {{name: nobody-watches, path: \"{path}/1\"}}
model_watches:
  - model: income
    owner: credit team
    reference: {{file: \"{path}/data.csv\"}}
    compare: {{target: income}}
    window: {{count: {WINDOW}, min_count: 100}}
    schedule: \"\"
"
    );
    Server::start_in(folder, &config, vec![])
}

/// Has `WINDOW` rows answered and waits until the watch has read them.
fn ask(server: &Server, seed: u64, factor: f64) {
    let read = || server.metric("sentinel_model_predictions_total", &["model=\"income\""]);
    let before = read();
    let all: Vec<Value> =
        rows(seed, WINDOW, factor).iter().map(|(age, hours, _)| json!({"age": age, "hours": hours})).collect();
    let answer = server.post_json("/models/income/predict/batch", &json!(all));
    assert_eq!(answer.status, 200, "{}", answer.text());
    wait_for(LIMIT, "the log was read", || (read() >= before + WINDOW as f64).then_some(()));
}

/// Guarantees: MUST 861 and 862 of docs/specs/model-watch.md.
#[test]
// Long because it is one way through the pages.
fn a_person_follows_drift_to_both_distributions_and_promotes_a_version() {
    if is_missing() {
        return;
    }
    let server = server_with_models();
    let folder = Folder::new("chromium-models");
    let browser = Browser::start(&folder);
    browser.resize(1280, 900);
    let page = |path: &str| format!("http://{}{path}", server.address);

    // Both models are there, each with its card.
    browser.open(&page("/model-watch"));
    browser.find("[data-testid=model-row]");
    check_page(&browser, "models", 1280, "light");
    browser.click_on("[data-testid=served-row] a");
    browser.find("[data-testid=promote-version], [data-testid=version-row]");
    assert!(browser.text("main").contains("Nobody watches it"), "{}", browser.text("main"));
    browser.open(&page("/model-watch"));
    browser.click_on("[data-testid=model-row] a");
    assert!(browser.text("main").contains("credit team"), "{}", browser.text("main"));

    // Compared by a click, before and after people got older; shown without loading the page again.
    browser.script("window.is_the_same_page = true");
    for (seed, factor) in [(2, 1.0), (3, 1.5)] {
        ask(&server, seed, factor);
        let n_runs = server.get_json("/sentinel/v1/drift/income")["runs"]["items"].as_array().unwrap().len();
        browser.click_on("[data-testid=compare-now]:not(:disabled)");
        wait_for(LIMIT, "the page shows the comparison", || {
            let n_rows = browser.script("return document.querySelectorAll('[data-testid=run-row]').length");
            (n_rows.as_u64() > Some(n_runs as u64)).then_some(())
        });
    }
    assert_eq!(browser.script("return window.is_the_same_page"), true);
    let first = browser.text("[data-testid=feature-row]");
    browser.find("[data-testid=heatmap] .heat-cell.marked");
    screenshot(&browser, "model-card");
    check_page(&browser, "a model", 1280, "light");
    for (width, scheme) in [(390, "dark"), (1280, "light")] {
        browser.resize(width, 900);
        browser.prefer(scheme);
        screenshot(&browser, &format!("model-card-{scheme}-{width}"));
        check_page(&browser, "a model", width, scheme);
    }

    // Two comparisons beside each other.
    browser.click_on("[data-testid=compare-runs]");
    browser.find("[data-testid=difference]");
    assert!(browser.text("main").contains("data drift score"), "{}", browser.text("main"));
    check_page(&browser, "two comparisons", 1280, "light");

    // From a column to both of its distributions.
    browser.open(&page("/model-watch/income"));
    assert!(first.contains("drifted"), "the column that drifted most comes first: {first}");
    browser.click_on("[data-testid=drill-down][href$='#column-age']");
    browser.find("#column-age");
    wait_for(LIMIT, "the column is open, with a picture of both", || {
        let is_open = "const it = document.getElementById('column-age');
            return it.closest('details').open && it.querySelectorAll('svg[data-reference][data-current]').length > 0";
        (browser.script(is_open) == true).then_some(())
    });
    assert!(browser.text("#column-age").contains("Standard deviation"), "{}", browser.text("#column-age"));
    screenshot(&browser, "drift-report-column");

    // The other version answers, after it was asked whether it shall.
    browser.open(&page("/model-watch/income"));
    browser.click_on("[data-testid=promote-version]");
    assert!(browser.text("#confirm").contains("answers by version 2"), "{}", browser.text("#confirm"));
    browser.click_on("[data-testid=confirm-no]");
    let answering = || server.get_json("/models/income")["versions"][1]["role"].clone();
    assert_ne!(answering(), "default", "who says no changes nothing");
    browser.click_on("[data-testid=promote-version]");
    browser.click_on("[data-testid=confirm-yes]");
    wait_for(LIMIT, "version 2 answers", || (answering() == "default").then_some(()));
    wait_for(LIMIT, "the page says so", || {
        let rows =
            "return [...document.querySelectorAll('[data-testid=version-row]')].map(it => it.innerText).join('|')";
        let shown = browser.script(rows).as_str().unwrap_or_default().to_owned();
        shown.rsplit('|').next().is_some_and(|it| it.contains("default")).then_some(())
    });
    let console = browser.console();
    assert!(console.is_empty(), "{console:?}");
}
