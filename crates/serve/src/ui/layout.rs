//! What do all pages share? Head, bar, navigation, footer.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::app::App;
use crate::assets::{ICON, SCRIPT, STYLE};

/// Where in the site a page is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `/`
    Overview,
    /// `/ask`
    Ask,
    /// `/incidents`
    Incidents,
    /// `/series`
    Series,
    /// `/explore`
    Explore,
    /// `/groups`
    Groups,
    /// `/forecasts`
    Forecasts,
    /// `/model-watch`
    Models,
    /// `/backtest`
    BackTest,
    /// `/logs`
    Logs,
    /// `/traces`
    Traces,
    /// `/knowledge`
    Knowledge,
    /// `/agent`
    Agent,
    /// `/intake`
    Intake,
    /// `/feedback`
    Feedback,
    /// `/audit`
    Audit,
    /// Errors.
    None,
}

const LINKS: [(Section, &str, &str); 16] = [
    (Section::Overview, "/", "Overview"),
    (Section::Ask, "/ask", "Ask"),
    (Section::Incidents, "/incidents", "Incidents"),
    (Section::Series, "/series", "Series"),
    (Section::Explore, "/explore", "Explore"),
    (Section::Groups, "/groups", "Groups"),
    (Section::Forecasts, "/forecasts", "Forecasts"),
    (Section::Models, "/model-watch", "Models"),
    (Section::BackTest, "/backtest", "Back-test"),
    (Section::Logs, "/logs", "Logs"),
    (Section::Traces, "/traces", "Traces"),
    (Section::Knowledge, "/knowledge", "Knowledge"),
    (Section::Agent, "/agent", "Agent"),
    (Section::Intake, "/intake", "Intake"),
    (Section::Feedback, "/feedback", "Feedback"),
    (Section::Audit, "/audit", "Audit"),
];

/// The mark: a pulse line with one peak.
const LOGO: PreEscaped<&str> = PreEscaped(
    r#"<svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" class="logo-ground"/><path d="M4 18h6l3-9 5 15 3.5-9 1.5 3h5" class="logo-line"/></svg>"#,
);

/// A whole page.
pub fn page(app: &App, title: &str, section: Section, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " \u{b7} " (app.config.title) }
                link rel="icon" type="image/svg+xml" href=(ICON.url);
                link rel="stylesheet" href=(STYLE.url);
                script type="module" async blocking="render" src=(SCRIPT.url) {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                (bar(app, section))
                main id="main" tabindex="-1" { (body) }
                footer.foot {
                    span { "Sentinel " (app.ports.version) " \u{b7} " (app.ports.health.mode()) }
                    span { a href="/docs" { "API" } " \u{b7} " a href="/metrics" { "Metrics" } " \u{b7} " span id="zone" { "times are UTC" } }
                }
                (confirm())
                div.toasts id="toasts" role="status" aria-live="polite" {}
            }
        }
    }
}

fn bar(app: &App, section: Section) -> Markup {
    html! {
        header.bar {
            div.bar-inner {
                a.brand href="/" { (LOGO) span { (app.config.title) } }
                nav aria-label="Main" {
                    @for (it, url, name) in LINKS {
                        a href=(url) aria-current=[(it == section).then_some("page")] { (name) }
                    }
                }
                div.bar-end {
                    span.live id="live" data-state="off" title="Live updates" {
                        span.dot aria-hidden="true" {}
                        span.live-word { "Static" }
                    }
                    button.icon type="button" id="theme" aria-label="Switch between light and dark" title="Light or dark" {
                        (PreEscaped(r#"<svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor"/></svg>"#))
                    }
                }
            }
        }
    }
}

/// The dialog that the script fills in before something is done.
fn confirm() -> Markup {
    html! {
        dialog id="confirm" aria-labelledby="confirm-title" {
            form method="dialog" {
                h2 id="confirm-title" { "Are you sure?" }
                p id="confirm-text" {}
                pre id="confirm-detail" {}
                div.actions {
                    button value="no" data-testid="confirm-no" { "Cancel" }
                    button.primary value="yes" data-testid="confirm-yes" { "Confirm" }
                }
            }
        }
    }
}
