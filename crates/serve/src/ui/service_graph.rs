//! How do services call each other? A picture in layers, callers on the left, and the same in numbers.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::text;
use crate::api::traces::Edge;

/// Services that the picture has room for; the table has all.
const MOST_DRAWN: usize = 40;
const NODE: (f64, f64) = (150.0, 34.0);
const GAP: (f64, f64) = (130.0, 18.0);
/// Width of a letter beside an edge.
const LETTER: f64 = 6.0;
const MARGIN: f64 = 8.0;
/// An edge is drawn as failing from this share of failed calls on.
const FAILING: f64 = 0.05;

/// The picture and the table; nothing if there are no calls.
pub fn graph(edges: &[Edge]) -> Markup {
    html! {
        @if !edges.is_empty() {
            section aria-labelledby="h-graph" {
                div.head { h2 id="h-graph" { "Service graph" } span.muted.small { "calls of the last 5 min" } }
                @let layers = layers(edges);
                @let n_services = layers.iter().map(Vec::len).sum::<usize>();
                @if n_services <= MOST_DRAWN { (picture(edges, &layers)) }
                @else { p.muted.small { (n_services) " services are too many to draw (at most " (MOST_DRAWN) "); the table has all calls." } }
                (table(edges))
            }
        }
    }
}

fn table(edges: &[Edge]) -> Markup {
    html! {
        table.stack {
            caption.hidden { "Calls between services" }
            thead { tr { th scope="col" { "Caller" } th scope="col" { "Called" } th.num scope="col" { "Calls/s" } th.num scope="col" { "Failed" } th.num scope="col" { "Median" } th.num scope="col" { "p95" } th.num scope="col" { "p99" } } }
            tbody {
                @for it in edges {
                    tr data-key={ (text::plain(&it.client)) "-" (text::plain(&it.server)) } data-testid="edge" {
                        td data-label="Caller" { a href=(traces_of(&it.client)) { (text::plain(&it.client)) } }
                        td data-label="Called" { a href=(traces_of(&it.server)) { (text::plain(&it.server)) } }
                        td.num data-label="Calls/s" { (text::number(it.calls_per_second)) }
                        td.num data-label="Failed" { span class={ @if is_failing(it) { "score bad" } } { (share(it.error_share)) } }
                        @for (quantile, name) in [("0.5", "Median"), ("0.95", "p95"), ("0.99", "p99")] {
                            td.num data-label=(name) { (it.latency_seconds.get(quantile).map_or_else(String::new, |it| text::seconds(*it))) }
                        }
                    }
                }
            }
        }
    }
}

fn share(share: Option<f64>) -> String {
    share.map_or_else(String::new, |it| format!("{:.1} %", it * 100.0))
}

fn is_failing(edge: &Edge) -> bool {
    edge.error_share.is_some_and(|it| it >= FAILING)
}

fn traces_of(service: &str) -> String {
    format!("/traces?service={}", text::encode(service))
}

/// Services by their distance from those that nobody calls. In a circle the first by name comes first.
fn layers(edges: &[Edge]) -> Vec<Vec<&str>> {
    let mut waiting: BTreeSet<&str> = edges.iter().flat_map(|it| [&*it.client, &*it.server]).collect();
    let mut layers: Vec<Vec<&str>> = vec![];
    while !waiting.is_empty() {
        let is_called = |it: &&&str| edges.iter().any(|e| e.server == ***it && waiting.contains(&*e.client));
        let mut layer: Vec<&str> = waiting.iter().filter(|it| !is_called(it)).copied().collect();
        if layer.is_empty() {
            layer.extend(waiting.first());
        }
        layer.iter().for_each(|it| _ = waiting.remove(it));
        layers.push(layer);
    }
    layers
}

fn picture(edges: &[Edge], layers: &[Vec<&str>]) -> Markup {
    let tallest = layers.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let (width, height) = (
        layers.len() as f64 * (NODE.0 + GAP.0) - GAP.0 + 2.0 * MARGIN,
        tallest * (NODE.1 + GAP.1) - GAP.1 + 2.0 * MARGIN,
    );
    let mut places: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (column, layer) in layers.iter().enumerate() {
        let room = (height - layer.len() as f64 * (NODE.1 + GAP.1) + GAP.1) / 2.0;
        for (row, service) in layer.iter().enumerate() {
            let x = MARGIN + column as f64 * (NODE.0 + GAP.0);
            places.insert(service, (x, room + row as f64 * (NODE.1 + GAP.1)));
        }
    }
    let labels = labels(edges, &places);
    let fastest = edges.iter().map(|it| it.calls_per_second).fold(f64::MIN_POSITIVE, f64::max);
    html! {
        figure.card.graph data-testid="service-graph" {
            svg viewBox=(format!("0 0 {width:.0} {height:.0}")) width=(format!("{width:.0}")) role="img" aria-label="Who calls whom; the table below has the same in numbers" {
                defs { @for (id, class) in [("tip", "tip"), ("tip-bad", "tip bad")] {
                    marker id=(id) class=(class) viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto" { path d="M0 0L8 4L0 8z" {} }
                } }
                @for it in edges {
                    @if let (Some(from), Some(to)) = (places.get(&*it.client), places.get(&*it.server)) {
                        path class={ "edge" @if is_failing(it) { " bad" } } d=(curve(*from, *to)) marker-end=(if is_failing(it) { "url(#tip-bad)" } else { "url(#tip)" }) stroke-width=(format!("{:.1}", 1.0 + 2.0 * (it.calls_per_second / fastest).sqrt())) {
                            title { (text::plain(&it.client)) " calls " (text::plain(&it.server)) ": " (text::number(it.calls_per_second)) "/s, failed " (share(it.error_share)) @if let Some(p95) = it.latency_seconds.get("0.95") { ", p95 " (text::seconds(*p95)) } }
                        }
                    }
                }
                @for (it, (x, y)) in labels {
                    text.edge-label.bad[is_failing(it)] x=(format!("{x:.0}")) y=(format!("{y:.0}")) text-anchor="middle" { (label(it)) }
                }
                @for (service, (x, y)) in &places {
                    a href=(traces_of(service)) {
                        rect.node x=(format!("{x:.0}")) y=(format!("{y:.0}")) width=(NODE.0) height=(NODE.1) rx="6" {}
                        text x=(format!("{:.0}", x + NODE.0 / 2.0)) y=(format!("{:.0}", y + NODE.1 / 2.0 + 4.5)) text-anchor="middle" { (short(service)) }
                    }
                }
            }
        }
    }
}

/// What a call says of itself in the picture.
fn label(it: &Edge) -> String {
    let rate = format!("{}/s", text::number((it.calls_per_second * 100.0).round() / 100.0));
    let failed = it.error_share.unwrap_or(0.0) * 100.0;
    if is_failing(it) { format!("{rate}, {failed:.0} % fail") } else { rate }
}

/// Calls whose numbers have room in the picture, with the middle of each; the table has all.
fn labels<'a>(edges: &'a [Edge], places: &BTreeMap<&str, (f64, f64)>) -> Vec<(&'a Edge, (f64, f64))> {
    let mut taken: Vec<[f64; 4]> = places.values().map(|(x, y)| [*x, *y, x + NODE.0, y + NODE.1]).collect();
    let mut found = vec![];
    // Where there is no room for all, what fails has it.
    let (failing, fine): (Vec<&Edge>, Vec<&Edge>) = edges.iter().partition(|it| is_failing(it));
    for it in failing.into_iter().chain(fine) {
        let (Some(from), Some(to)) = (places.get(&*it.client), places.get(&*it.server)) else { continue };
        let (x, y) = ((from.0 + NODE.0 + to.0) / 2.0, (from.1 + to.1 + NODE.1) / 2.0 - 5.0);
        let half = label(it).chars().count() as f64 * LETTER / 2.0;
        let own = [x - half, y - 10.0, x + half, y + 2.0];
        let is_free =
            |other: &[f64; 4]| own[0] > other[2] || own[2] < other[0] || own[1] > other[3] || own[3] < other[1];
        if taken.iter().all(is_free) {
            taken.push(own);
            found.push((it, (x, y)));
        }
    }
    found
}

/// From the right side of a box to the left side of another; back in a bow above.
fn curve(from: (f64, f64), to: (f64, f64)) -> String {
    let (x1, y1, x2, y2) = (from.0 + NODE.0, from.1 + NODE.1 / 2.0, to.0, to.1 + NODE.1 / 2.0);
    let reach = ((x2 - x1).abs() / 2.0).max(40.0);
    format!("M{x1:.0} {y1:.0}C{:.0} {y1:.0} {:.0} {y2:.0} {x2:.0} {y2:.0}", x1 + reach, x2 - reach)
}

fn short(service: &str) -> String {
    let plain = text::plain(service);
    if plain.chars().count() <= 20 { plain } else { plain.chars().take(19).chain(['\u{2026}']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(client: &str, server: &str) -> Edge {
        Edge { client: client.to_owned(), server: server.to_owned(), calls_per_second: 2.0, ..Edge::default() }
    }

    #[test]
    fn callers_stand_left_of_the_called() {
        let edges = [edge("web", "cart"), edge("web", "pay"), edge("cart", "db"), edge("pay", "db")];
        assert_eq!(layers(&edges), [vec!["web"], vec!["cart", "pay"], vec!["db"]]);
        let circle = [edge("a", "b"), edge("b", "a"), edge("b", "c")];
        assert_eq!(layers(&circle), [vec!["a"], vec!["b"], vec!["c"]]);
    }

    #[test]
    fn numbers_stand_where_there_is_room_and_those_that_fail_first() {
        let mut edges = [edge("web", "cart"), edge("cart", "db")];
        edges[1].error_share = Some(0.2);
        let drawn = graph(&edges).into_string();
        assert!(drawn.contains(">2/s<") && drawn.contains(">2/s, 20 % fail<"), "{drawn}");
        // The two that cross meet in the middle, and one of them goes without.
        let crowd = [edge("a", "d"), edge("b", "c"), edge("a", "c"), edge("b", "d")];
        let places = [("a", (0.0, 0.0)), ("b", (0.0, 52.0)), ("c", (280.0, 0.0)), ("d", (280.0, 52.0))].into();
        assert_eq!(labels(&crowd, &places).len(), 3);
    }

    #[test]
    fn foreign_names_are_data() {
        let drawn = graph(&[edge("<script>", "\u{202e}evil")]).into_string();
        assert!(!drawn.contains("<script>") && !drawn.contains('\u{202e}'), "{drawn}");
        assert!(graph(&[]).into_string().is_empty());
    }
}
