//! How did the trouble spread? An inline SVG: what happened in columns, the cause on the left, what users felt on the right.
//!
//! It needs no style of its page: colors are those of the text around it. `maud` escapes every text.

use std::collections::BTreeMap;

use maud::{Markup, html};

use signal::{CausalGraph, CausalNode};

use crate::words::{percent, shown};

/// Boxes that the picture has room for; the likeliest and what joins them.
const MOST_DRAWN: usize = 24;
const BOX: (f64, f64) = (176.0, 52.0);
const GAP: (f64, f64) = (72.0, 18.0);
const MARGIN: f64 = 6.0;
/// Longer texts do not fit into a box.
const MAX_CHARS: usize = 25;

/// The picture as a text of its own; None if there is nothing to draw.
pub fn svg(graph: &CausalGraph) -> Option<String> {
    // A page says itself what it is written in; a file has to.
    let named = |it: Markup| it.into_string().replacen("<svg", r#"<svg xmlns="http://www.w3.org/2000/svg""#, 1);
    picture(graph).map(named)
}

/// The picture for a page; None if there is nothing to draw.
pub(crate) fn picture(graph: &CausalGraph) -> Option<Markup> {
    let drawn: Vec<&CausalNode> = graph.nodes.iter().take(MOST_DRAWN).collect();
    if drawn.is_empty() {
        return None;
    }
    let places = places(graph, &drawn);
    let end = |of: fn(&(f64, f64)) -> f64, size: f64| places.values().map(of).fold(0.0, f64::max) + size + MARGIN;
    let (width, height) = (end(|it| it.0, BOX.0), end(|it| it.1, BOX.1));
    Some(html! {
        svg.way viewBox=(format!("0 0 {width:.0} {height:.0}")) width=(format!("{width:.0}"))
            role="img" aria-label=(shown(&graph.story())) font-family="system-ui, sans-serif" font-size="12" fill="currentColor" {
            title { (shown(&graph.story())) }
            @for edge in &graph.edges {
                @if let (Some(from), Some(to)) = (places.get(&*edge.from), places.get(&*edge.to)) {
                    path d=(arrow(*from, *to)) fill="none" stroke="currentColor" stroke-opacity="0.55" stroke-width="1.5" {
                        title { (shown(&edge.by)) }
                    }
                }
            }
            @for node in &drawn { @if let Some(place) = places.get(&*node.id) { (one(node, *place)) } }
        }
    })
}

fn one(node: &CausalNode, (x, y): (f64, f64)) -> Markup {
    let is_cause = node.confidence > 0.0;
    let at = |part: f64| format!("{part:.0}");
    let cited: Vec<String> = node.evidence.iter().map(|it| it.0.clone()).collect();
    html! {
        g data-node=(node.id) {
            title { (shown(&node.indicator)) @if !cited.is_empty() { " (" (shown(&cited.join(", "))) ")" } }
            rect x=(at(x)) y=(at(y)) width=(at(BOX.0)) height=(at(BOX.1)) rx="6" fill="currentColor"
                fill-opacity=(if is_cause { "0.14" } else { "0.03" }) stroke="currentColor"
                stroke-width=(if is_cause { "2" } else { "1" }) stroke-opacity=(if is_cause { "0.9" } else { "0.4" }) {}
            text x=(at(x + BOX.0 / 2.0)) y=(at(y + 21.0)) text-anchor="middle" font-weight="600" { (short(&node.what)) }
            text x=(at(x + BOX.0 / 2.0)) y=(at(y + 39.0)) text-anchor="middle" fill-opacity="0.75" {
                (short(&node.service)) @if is_cause { ", " (percent(node.confidence)) }
            }
        }
    }
}

/// The left upper corner of each box, by the node's id: as many columns from the left as there are steps from a cause.
fn places<'a>(graph: &CausalGraph, drawn: &[&'a CausalNode]) -> BTreeMap<&'a str, (f64, f64)> {
    let mut columns: BTreeMap<&str, usize> = drawn.iter().map(|it| (it.id.as_str(), 0)).collect();
    // There are no circles, so that no way has more steps than there are boxes.
    for _ in 0..drawn.len() {
        for edge in &graph.edges {
            let Some(from) = columns.get(&*edge.from).copied() else { continue };
            if let Some(to) = columns.get_mut(&*edge.to) {
                *to = (*to).max(from + 1).min(drawn.len());
            }
        }
    }
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    let mut place = |it: &&'a CausalNode| {
        let column = columns.get(&*it.id).copied().unwrap_or(0);
        let row = rows.entry(column).or_default();
        let at = (column as f64 * (BOX.0 + GAP.0), *row as f64 * (BOX.1 + GAP.1));
        *row += 1;
        (it.id.as_str(), (MARGIN + at.0, MARGIN + at.1))
    };
    drawn.iter().map(&mut place).collect()
}

/// From the right side of a box to the left side of another, with a head.
fn arrow(from: (f64, f64), to: (f64, f64)) -> String {
    let (x1, y1, x2, y2) = (from.0 + BOX.0, from.1 + BOX.1 / 2.0, to.0 - 1.0, to.1 + BOX.1 / 2.0);
    let reach = ((x2 - x1).abs() / 2.0).max(30.0);
    let curve = format!("M{x1:.0} {y1:.0}C{:.0} {y1:.0} {:.0} {y2:.0} {x2:.0} {y2:.0}", x1 + reach, x2 - reach);
    format!("{curve}m-7 -4l7 4l-7 4")
}

fn short(text: &str) -> String {
    let text = shown(text);
    if text.chars().count() <= MAX_CHARS {
        return text;
    }
    text.chars().take(MAX_CHARS - 1).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use signal::CausalEdge;

    use super::*;

    fn graph(names: &[(&str, f64)], edges: &[(usize, usize)]) -> CausalGraph {
        let id = |it: usize| format!("N{it}");
        let node = |(idx, (what, confidence)): (usize, &(&str, f64))| CausalNode {
            id: id(idx),
            service: "pay".to_owned(),
            what: (*what).to_owned(),
            confidence: *confidence,
            ..CausalNode::default()
        };
        let edge = |(from, to): &(usize, usize)| CausalEdge { from: id(*from), to: id(*to), by: "within".to_owned() };
        CausalGraph { nodes: names.iter().enumerate().map(node).collect(), edges: edges.iter().map(edge).collect() }
    }

    /// Guarantees: MUST 632 of docs/specs/diagnosis.md.
    #[test]
    fn causes_stand_left_of_what_they_bring() {
        let graph = graph(&[("memory leak", 0.9), ("latency up", 0.0), ("GC pauses up", 0.0)], &[(0, 2), (2, 1)]);
        let drawn: Vec<&CausalNode> = graph.nodes.iter().collect();
        let places = places(&graph, &drawn);
        assert!(places["N0"].0 < places["N2"].0 && places["N2"].0 < places["N1"].0, "{places:?}");
        let text = svg(&graph).unwrap();
        assert!(text.contains("latency up of pay &lt;- GC pauses up of pay &lt;- memory leak of pay"), "{text}");
        assert!(text.contains("pay, 90 %"), "{text}");
        assert_eq!(svg(&CausalGraph::default()), None);
    }

    /// Guarantees: MUST 632 of docs/specs/diagnosis.md.
    #[test]
    fn foreign_text_is_data() {
        let hostile = "</text><script>alert(1)</script>\u{202e}\" onload=\"x";
        let text = svg(&graph(&[(hostile, 0.5), ("x", 0.0)], &[(0, 1)])).unwrap();
        assert!(!text.contains("<script") && !text.contains('\u{202e}') && !text.contains("\" onload"), "{text}");
    }
}
