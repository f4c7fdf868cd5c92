//! Where does the script draw? Frames for charts and sparklines; the data come from `/points`.

use maud::{Markup, html};
use signal::Labels;

/// A chart of one series; `from` and `to` in the forms that the API takes.
pub fn chart(labels: &Labels, from: &str, to: &str, marks: &[(&str, String)], is_large: bool) -> Markup {
    let marks: Vec<String> = marks.iter().map(|(name, time)| format!("{name}@{time}")).collect();
    html! {
        div class={ "chart" @if is_large { " large" } } data-chart=(labels.id()) data-from=(from) data-to=(to)
            data-marks=(marks.join("|")) data-testid="chart" {
            p.muted.chart-wait { "The chart is drawn by the page's script." }
        }
    }
}

/// A line without axes of the last minutes.
pub fn spark(labels: &Labels) -> Markup {
    html! { span.spark data-spark=(labels.id()) aria-hidden="true" {} }
}

/// What the parts of a chart mean.
pub fn legend() -> Markup {
    html! {
        p.legend {
            span { span.key-line aria-hidden="true" {} "measured" }
            span { span.key-band aria-hidden="true" {} "expected" }
            span { span.key-dot aria-hidden="true" {} "anomalous" }
        }
    }
}
