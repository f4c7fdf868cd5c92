//! Which requests can be opened beside a chart? The exemplars of its series, each with a link to its trace.

use maud::{Markup, html};
use signal::{Labels, TimeRange};

use super::text;
use crate::api::exemplars::beside;
use crate::app::App;

/// How many are shown.
const SHOWN: usize = 5;

/// The requests with the largest values in the range; nothing if there are none.
pub fn list(app: &App, series: &Labels, range: TimeRange) -> Markup {
    let found = beside(app, series, range, SHOWN);
    html! {
        @if !found.is_empty() {
            div data-testid="exemplars" {
                p.muted.small { "Requests that were measured then, the largest value first" }
                ul.small { @for (it, trace) in &found {
                    li {
                        a href={ "/traces/" (trace) } { "Trace " code { (trace.to_string().chars().take(8).collect::<String>()) } }
                        " " strong { (text::number(it.point.value)) } " at " (text::clock(it.point.time))
                        @if let Some(bound) = it.series.get("le") { " " span.muted { "(up to " (text::plain(bound)) ")" } }
                    }
                } }
            }
        }
    }
}
