//! Who did what? The ledger, newest first, and a button that re-computes its chain.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use serde::Deserialize;
use signal::{LedgerEntry, PortError};

use super::layout::{Section, page as layout};
use super::text;
use crate::app::App;
use crate::error::Error;
use crate::parameters::Ask;

/// Which part, and whether the chain is to be checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    before: Option<u64>,
    verify: Option<u8>,
}

/// `GET /audit`.
pub async fn page(State(app): State<Arc<App>>, Ask(query): Ask<Query>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let last = app.last_sequence()?;
        let end = query.before.map_or(last, |it| it.saturating_sub(1).min(last));
        let after = end.saturating_sub(app.config.page_size as u64);
        let count = usize::try_from(end - after).unwrap_or(0);
        // A limit of zero would mean all entries.
        let mut entries = if count == 0 { vec![] } else { app.ports.ledger.entries(after, count)? };
        entries.reverse();
        let verdict = query.verify.map(|_| app.ports.ledger.verify());
        let body = html! {
            div.title-row {
                h1 { "Audit ledger" }
                form method="get" action="/audit" { input type="hidden" name="verify" value="1"; button data-testid="verify" { "Verify the chain" } }
            }
            p.muted { "Everything that was decided and done, each entry bound to the one before by its hash." }
            @if let Some(verdict) = verdict { (verdict_notice(verdict)?) }
            div data-live id="ledger" {
                (table(&entries))
                @if after > 0 { p.more { a.button href={ "/audit?before=" (after + 1) } { "Older entries" } } }
            }
        };
        Ok(layout(app, "Audit", Section::Audit, &body))
    })
    .await
}

fn verdict_notice(verdict: Result<u64, PortError>) -> Result<Markup, Error> {
    match verdict {
        Ok(entries) => Ok(
            html! { p.notice.good role="status" data-testid="verdict" { "The chain is intact: " (entries) " entries fit." } },
        ),
        Err(PortError::Refused(reason)) => Ok(
            html! { p.notice.bad role="alert" data-testid="verdict" { "The chain is broken: " (text::plain(&reason)) } },
        ),
        Err(error) => Err(error.into()),
    }
}

fn table(entries: &[LedgerEntry]) -> Markup {
    html! {
        @if entries.is_empty() {
            div.empty { h2 { "Nothing was done yet" } p { "Opened incidents, plans, approvals and steps are written here." } }
        } @else {
            table.stack {
                caption.hidden { "Ledger entries, newest first" }
                thead { tr { th.num scope="col" { "No." } th scope="col" { "Time" } th.nowrap scope="col" { "Actor" } th.nowrap scope="col" { "Action" } th.nowrap scope="col" { "Subject" } th scope="col" { "Detail" } } }
                tbody { @for it in entries {
                    tr data-key=(it.sequence) data-testid="ledger-entry" {
                        td.num data-label="No." { (it.sequence) }
                        td.nowrap data-label="Time" { (text::moment(it.time)) }
                        td.nowrap data-label="Actor" { (text::plain(&it.actor)) }
                        td.nowrap data-label="Action" { code { (text::plain(&it.action)) } }
                        td.nowrap data-label="Subject" { (subject(&it.subject)) }
                        td data-label="Detail" { div { div.small { (text::object(&it.detail)) } p.muted.small title=(it.hash) { "hash " (it.hash.get(..16).unwrap_or(&it.hash)) } } }
                    }
                } }
            }
        }
    }
}

fn subject(subject: &str) -> Markup {
    html! {
        @if subject.parse::<signal::IncidentId>().is_ok() { a href={ "/incidents/" (subject) } { (subject) } }
        @else { (text::plain(subject)) }
    }
}
