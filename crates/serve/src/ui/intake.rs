//! Who sends how much, and how much may they? Sources, memory that requests hold, and each tenant against its limits.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};

use super::layout::{Section, page as layout};
use super::{sources, text};
use crate::api::intake::view;
use crate::app::App;
use crate::error::Error;
use crate::ports::{IntakeStatus, NamedCount, TenantStatus};

/// Labels and metrics that a card names.
const SHOWN: usize = 5;

/// `GET /intake`.
pub async fn page(State(app): State<Arc<App>>) -> Result<Html<String>, Error> {
    app.page(|app| {
        let view = view(app);
        let body = html! {
            div.title-row { h1 { "Intake" } }
            p.muted { "What comes in, by source and by tenant (" code { "X-Scope-OrgID" } "), what was left out and why, and what each tenant may send. An event is a point, a line or a span." }
            div.wide data-live id="intake" {
                (sources::table(&view.sources, view.rate_secs))
                (sources::kafka(view.kafka.as_ref()))
                (sources::workers(view.workers.as_ref(), app.now()))
                (memory(&view.status))
                (tenants(&view.status.tenants))
            }
        };
        Ok(layout(app, "Intake", Section::Intake, &body))
    })
    .await
}

fn memory(status: &IntakeStatus) -> Markup {
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    html! {
        section aria-labelledby="h-memory" { div.head { h2 id="h-memory" { "Memory" } } ul.cards { li.card data-testid="memory" {
            div.card-head {
                strong { "Memory of requests" }
                span.push { (mebibytes(status.in_flight_bytes)) " now, at most " (mebibytes(status.in_flight_bytes_max)) " so far, " (mebibytes(status.in_flight_bytes_limit)) " allowed" }
            }
            (meter(status.in_flight_bytes_max, status.in_flight_bytes_limit, "Memory of requests"))
            @if status.turned_away > 0 { p.notice.bad { (text::counted(status.turned_away, "request")) " asked to come later since the start." } }
        } } }
    }
}

fn tenants(tenants: &[TenantStatus]) -> Markup {
    html! {
        section aria-labelledby="h-tenants" {
            div.head { h2 id="h-tenants" { "Tenants" } }
            @if tenants.is_empty() { div.empty { p { "Nothing has come in yet. What comes without " code { "X-Scope-OrgID" } " is of the tenant " code { "anonymous" } "." } } }
            ul.cards { @for it in tenants { (card(it)) } }
        }
    }
}

fn card(it: &TenantStatus) -> Markup {
    html! {
        li.card data-testid="tenant" data-key={ "t" (text::plain(&it.name)) } {
            div.card-head {
                strong { (text::plain(&it.name)) }
                span.push.muted { (text::counted(it.events, "event")) }
            }
            div.card-head.small { span { "Series" } span.push { (text::grouped(it.series)) " of " (text::grouped(it.max_series)) } }
            (meter(it.series, it.max_series, "Series"))
            div.card-head.small { span { "Log streams" } span.push { (text::grouped(it.streams)) " of " (text::grouped(it.max_streams)) } }
            (meter(it.streams, it.max_streams, "Log streams"))
            @if it.over_limit > 0 { p.notice.bad data-testid="over-limit" { "Too many series or streams: " (text::counted(it.over_limit, "event")) " left out." } }
            @if it.throttled > 0 { p.notice.bad { "Batches refused: " (text::grouped(it.throttled)) ", for more than " (text::grouped(it.events_per_sec)) " events a second." } }
            (counts("Labels with most values", &it.labels, "Values"))
            (counts("Metrics with most series", &it.metrics, "Series"))
        }
    }
}

fn counts(title: &str, items: &[NamedCount], what: &str) -> Markup {
    html! {
        @if !items.is_empty() {
            details.small open[title.starts_with("Labels")] {
                summary { (title) }
                table {
                    caption.hidden { (title) }
                    thead.hidden { tr { th scope="col" { "Name" } th.num scope="col" { (what) } } }
                    tbody { @for it in items.iter().take(SHOWN) { tr { td { code { (text::plain(&it.name)) } } td.num { (text::grouped(it.count)) } } } }
                }
            }
        }
    }
}

fn meter(value: u64, most: u64, what: &str) -> Markup {
    let share = 100.0 * value as f64 / most.max(1) as f64;
    let tone = if share >= 100.0 { "bad" } else { "" };
    html! {
        svg class={ "bar-svg meter " (tone) } viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={ (what) ": " (value) " of " (most) } {
            rect.track width="100" height="6" {}
            rect.fill width=(format!("{:.1}", share.clamp(0.0, 100.0))) height="6" {}
        }
    }
}
