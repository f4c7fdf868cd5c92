//! What is a model, and how right is it? The parts of the card beside the drift: who owns it, its versions and what they
//! learned from, measures with and before labels, and its live stream.

use maud::{Markup, html};
use signal::Timestamp;

use super::{fan, text};
use crate::model_drift::{DriftRun, EstimatedMeasure, LiveTarget, ModelVersion, WatchedModel};

/// Size of the picture of an estimate, in its own units.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 56.0;

/// Who owns a watched model, what it is for, and its versions.
pub fn about(model: &WatchedModel) -> Markup {
    html! {
        section.card data-testid="model-versions" {
            h2 { "Model" }
            dl.stats.words {
                div.stat { dt { "Owner" } dd { @match &model.owner { Some(it) => { (text::plain(it)) }, None => { span.muted { "nobody is named: set model_watches.owner" } } } } }
                div.stat { dt { "Service" } dd { (text::plain(&model.service)) } }
                @if let Some(it) = &model.description { div.stat { dt { "Purpose" } dd { (text::plain(it)) } } }
            }
            @if model.versions.is_empty() {
                p.muted { "The model is served elsewhere: only its predictions are known here." }
            } @else {
                (versions(&model.versions, &model.model))
            }
        }
    }
}

/// Versions that are served, with what each learned from and how right it was on rows that it had not seen.
pub fn versions(all: &[ModelVersion], model: &str) -> Markup {
    html! {
        table.stack {
            caption.hidden { "Versions of " (text::plain(model)) " that are served" }
            thead { tr { th scope="col" { "Version" } th scope="col" { "Role" } th scope="col" { "Kind" } th scope="col" { "Trained" } th scope="col" { "On" } th scope="col" { "On test rows" } th scope="col" { span.hidden { "Promote" } } } }
            tbody { @for it in all { (version(it, model)) } }
        }
    }
}

fn version(it: &ModelVersion, model: &str) -> Markup {
    let quality = it.quality.iter().map(|(name, value)| format!("{} {}", name.replace('_', " "), text::number(*value)));
    html! {
        tr data-testid="version-row" {
            td data-label="Version" { (text::plain(&it.version)) }
            td data-label="Role" { (text::plain(&it.role)) }
            td data-label="Kind" { (text::plain(&it.kind)) }
            td data-label="Trained" { @match it.trained_at { Some(time) => { (text::moment(time)) }, None => { span.muted { "not told" } } } }
            td data-label="On" { @match &it.data { Some(data) => { (text::plain(data)) @if let Some(rows) = it.rows { ", " (text::counted(rows, "row")) } }, None => { span.muted { "not told" } } } }
            td data-label="On test rows" { @if it.quality.is_empty() { span.muted { "not told" } } (quality.collect::<Vec<_>>().join(", ")) }
            td { @if it.role != "default" { (promote(&it.version, model)) } }
        }
    }
}

fn promote(version: &str, model: &str) -> Markup {
    let name = text::plain(version);
    html! {
        form method="post" action={ "/sentinel/v1/served/" (text::encode(model)) "/promote" } data-confirm={ "Let version " (name) " answer?" } data-detail={ "From the next request on, " (text::plain(model)) " answers by version " (name) ". The version that answers now stays loaded; promoting it takes this back." } data-yes="Let it answer" data-done="It answers." {
            input type="hidden" name="version" value=(version);
            input type="hidden" name="actor" value="web";
            button data-testid="promote-version" { "Promote" }
        }
    }
}

/// Measures before labels come, with what is usual, beside those with labels.
pub fn estimates(runs: &[DriftRun]) -> Markup {
    let Some(newest) = runs.first() else { return html! {} };
    html! {
        @if !newest.estimated.is_empty() || newest.no_estimate.is_some() {
            section.card data-testid="estimates" {
                h2 { "Expected performance" }
                @if let Some(why) = &newest.no_estimate { p.muted { (text::plain(why)) "." } }
                @else {
                    p.muted.small { "What is expected before labels come, from how sure the model is (classes) or how hard its inputs are (numbers). It sees other inputs, not another truth. The band is where windows like the reference lie; dashed is expected, solid is by labels." }
                    table.stack {
                        caption.hidden { "Expected measures" }
                        thead { tr { th scope="col" { "Measure" } th scope="col" { "Over comparisons" } th.num scope="col" { "Expected" } th.num scope="col" { "By labels" } th.num scope="col" { "Reference" } th scope="col" { "Usual" } th scope="col" { "Verdict" } } }
                        tbody { @for it in &newest.estimated { (estimate(it, newest, runs)) } }
                    }
                }
            }
        }
    }
}

fn estimate(it: &EstimatedMeasure, newest: &DriftRun, runs: &[DriftRun]) -> Markup {
    let real = newest.measures.get(&it.metric);
    let is_usual = (it.lower..=it.upper).contains(&it.value);
    html! {
        tr data-testid="estimate-row" {
            th scope="row" { (it.metric.replace('_', " ")) }
            td data-label="Over comparisons" { (picture(it, runs)) }
            td.num data-label="Expected" { (text::number(it.value)) }
            td.num data-label="By labels" { @match real { Some(value) => { (text::number(*value)) }, None => { span.muted { "none yet" } } } }
            td.num data-label="Reference" { (text::number(it.reference)) }
            td data-label="Usual" { (text::number(it.lower)) " to " (text::number(it.upper)) }
            td data-label="Verdict" { @if is_usual { (text::badge("good", "usual")) } @else { (text::badge("bad", "unusual")) } }
        }
    }
}

/// The band of the newest comparison, what was expected in each, and what labels said.
fn picture(it: &EstimatedMeasure, runs: &[DriftRun]) -> Markup {
    let expected = |run: &DriftRun| run.estimated.iter().find(|other| other.metric == it.metric).map(|it| it.value);
    let real = |run: &DriftRun| run.measures.get(&it.metric).copied();
    let all = runs.iter().flat_map(|run| [expected(run), real(run)]).flatten().chain([it.lower, it.upper]);
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(a, b), it| (a.min(it), b.max(it)));
    let span = if high > low { high - low } else { 1.0 };
    let y = |value: f64| 2.0 + (HEIGHT - 4.0) * (high - value) / span;
    let last = runs.len().saturating_sub(1).max(1) as f64;
    let place = |(idx, value): (usize, Option<f64>)| value.map(|it| (WIDTH * idx as f64 / last, y(it)));
    let path = |of: &dyn Fn(&DriftRun) -> Option<f64>| fan::line(runs.iter().rev().map(of).enumerate().map(place));
    let (top, height) = (y(it.upper), (y(it.lower) - y(it.upper)).max(1.0));
    html! {
        svg.fan.estimate viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label={ (it.metric) " over comparisons with its band" } {
            rect.interval x="0" width=(WIDTH) y=(format!("{top:.1}")) height=(format!("{height:.1}")) {}
            path.measured d=(path(&real)) {}
            path.ahead d=(path(&expected)) {}
        }
    }
}

/// The live stream: what is followed, and what left the reference.
pub fn live(model: &WatchedModel, now: Timestamp) -> Markup {
    let Some(live) = &model.live else { return html! {} };
    html! {
        section.card data-testid="live" {
            h2 { "Live stream" }
            @if let Some(trouble) = &live.trouble { p.notice { (text::plain(trouble)) } }
            p.muted.small { (text::counted(live.predictions, "prediction")) " and " (text::counted(live.labels, "label")) " followed by " (text::counted(live.streams as u64, "stream")) "; without drift one false alarm in " (text::grouped(live.expected_run)) " predictions is to be expected; " (text::counted(live.alarms, "alarm")) " so far." }
            @for note in &live.notes { p.notice { (text::plain(note)) } }
            @if !live.targets.is_empty() {
                table.stack {
                    caption.hidden { "What is followed" }
                    thead { tr { th scope="col" { "What" } th scope="col" { "State" } th scope="col" { "Nearness to an alarm" } th scope="col" { "Since" } th scope="col" { "Change" } } }
                    tbody { @for it in &live.targets { (target(it, now)) } }
                }
            }
        }
    }
}

fn target(it: &LiveTarget, now: Timestamp) -> Markup {
    html! {
        tr data-testid="live-row" {
            td data-label="What" { (text::plain(&it.name)) @if it.kind != "feature" && it.kind != it.name { " " span.muted.small { (it.kind) } } }
            td data-label="State" { @if it.since.is_some() { (text::badge("bad", "drifts")) } @else { (text::badge("good", "same")) } }
            td data-label="Nearness to an alarm" { @match it.nearness { Some(share) => { meter min="0" max="1" value=(format!("{share:.3}")) aria-label={ "Nearness to an alarm: " (format!("{:.0} %", share * 100.0)) } {} }, None => { span.muted { "not told" } } } }
            td data-label="Since" { @if let Some(time) = it.since { (text::clock_of_day(time, now)) } }
            td data-label="Change" { @if let Some(said) = &it.said { (text::plain(said)) } }
        }
    }
}
