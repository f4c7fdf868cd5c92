//! Which way did the trouble take? What happened, joined within services by what usually brings what, and between
//! services by who calls whom and what runs where.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use signal::{CausalEdge, CausalGraph, CausalNode, EvidenceId, Timestamp};

/// More nodes than this make no picture.
const MAX_NODES: usize = 40;

/// How near something is to what users feel; the former brings the latter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Somebody did something: a change, a process, more requests.
    Deed,
    /// A resource runs short.
    Resource,
    /// The service strains: it collects garbage, waits, says so.
    Strain,
    /// Callers feel it.
    Symptom,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) service: String,
    pub(crate) what: String,
    pub(crate) indicator: String,
    pub(crate) stage: Stage,
    /// How likely it is the cause; 0 for what only follows.
    pub(crate) confidence: f64,
    pub(crate) onset: Option<Timestamp>,
    pub(crate) evidence: Vec<EvidenceId>,
}

/// Trouble of one service may come to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) cause: String,
    pub(crate) effect: String,
    pub(crate) by: &'static str,
}

/// The graph of what happened.
pub(crate) fn build(happenings: Vec<Happening>, links: &[Link]) -> CausalGraph {
    let mut merged = merge(happenings);
    merged.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    merged.truncate(MAX_NODES);
    merged.sort_by(|a, b| a.stage.cmp(&b.stage).then_with(|| a.service.cmp(&b.service)));
    let mut edges = within(&merged);
    let mut wanted: Vec<(usize, usize, &'static str)> = vec![];
    for link in links.iter().filter(|it| it.cause != it.effect) {
        for from in last_of(&merged, &link.cause) {
            let effects = merged.iter().enumerate().filter(|(_, it)| it.service == link.effect && is_felt(it));
            wanted.extend(effects.map(|(to, _)| (from, to, link.by)));
        }
    }
    for edge in wanted {
        // Services may call each other in a circle; trouble comes from one side.
        if !leads(&edges, edge.1, edge.0) {
            edges.push(edge);
        }
    }
    finish(merged, &edges)
}

fn is_felt(it: &Happening) -> bool {
    it.stage >= Stage::Strain
}

/// The same of the same service is told once.
fn merge(happenings: Vec<Happening>) -> Vec<Happening> {
    let mut merged: Vec<Happening> = vec![];
    for it in happenings {
        let Some(known) = merged.iter_mut().find(|known| known.service == it.service && known.what == it.what) else {
            merged.push(it);
            continue;
        };
        known.confidence = known.confidence.max(it.confidence);
        known.onset = [known.onset, it.onset].into_iter().flatten().min();
        if known.indicator.is_empty() {
            known.indicator = it.indicator;
        }
        known.evidence.extend(it.evidence);
        known.evidence.sort();
        known.evidence.dedup();
    }
    merged
}

/// What is nearer to the cause brings what is next nearer to users.
fn within(happenings: &[Happening]) -> Vec<(usize, usize, &'static str)> {
    let mut edges = vec![];
    for (from, it) in happenings.iter().enumerate() {
        let later = || happenings.iter().enumerate().filter(|(_, other)| other.service == it.service);
        let next = later().map(|(_, other)| other.stage).filter(|stage| *stage > it.stage).min();
        edges.extend(later().filter(|(_, other)| Some(other.stage) == next).map(|(to, _)| (from, to, "within")));
    }
    edges
}

/// What a service shows to others: its happenings of the last stage.
fn last_of(happenings: &[Happening], service: &str) -> Vec<usize> {
    let own = || happenings.iter().enumerate().filter(|(_, it)| it.service == service);
    let last = own().map(|(_, it)| it.stage).max();
    own().filter(|(_, it)| Some(it.stage) == last).map(|(idx, _)| idx).collect()
}

/// Whether one comes to the other over the edges.
fn leads(edges: &[(usize, usize, &'static str)], from: usize, to: usize) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            open.extend(edges.iter().filter(|it| it.0 == at).map(|it| it.1));
        }
    }
    false
}

/// Without what is neither a likely cause nor joined to anything.
fn finish(happenings: Vec<Happening>, edges: &[(usize, usize, &'static str)]) -> CausalGraph {
    let is_joined = |idx: usize| edges.iter().any(|it| it.0 == idx || it.1 == idx);
    let mut ids: BTreeMap<usize, String> = BTreeMap::new();
    let mut nodes = vec![];
    for (idx, it) in happenings.into_iter().enumerate() {
        if it.confidence <= 0.0 && !is_joined(idx) {
            continue;
        }
        let id = format!("N{}", nodes.len() + 1);
        ids.insert(idx, id.clone());
        let Happening { service, what, indicator, confidence, onset, evidence, .. } = it;
        nodes.push(CausalNode { id, service, what, indicator, confidence, onset, evidence });
    }
    let edge = |(from, to, by): &(usize, usize, &'static str)| {
        Some(CausalEdge { from: ids.get(from)?.clone(), to: ids.get(to)?.clone(), by: (*by).to_owned() })
    };
    CausalGraph { nodes, edges: edges.iter().filter_map(edge).collect() }
}

/// The graph in the language of Graphviz (<https://graphviz.org/doc/info/lang.html>).
pub fn to_dot(graph: &CausalGraph) -> String {
    let mut text = "digraph causes {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for it in &graph.nodes {
        let mut label = format!("{}\n{}", it.service, it.what);
        if it.confidence > 0.0 {
            label += &format!("\n{:.0} %", it.confidence * 100.0);
        }
        let _ = writeln!(text, "  {} [label={}];", quoted(&it.id), quoted(&label));
    }
    for it in &graph.edges {
        let _ = writeln!(text, "  {} -> {} [label={}];", quoted(&it.from), quoted(&it.to), quoted(&it.by));
    }
    text + "}\n"
}

/// A text of Graphviz; what a name holds is no statement of the language.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            it if it.is_control() => quoted.push(' '),
            it => quoted.push(it),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(service: &str, what: &str, stage: Stage, confidence: f64) -> Happening {
        let (service, what) = (service.to_owned(), what.to_owned());
        Happening { service, what, indicator: String::new(), stage, confidence, onset: None, evidence: vec![] }
    }

    fn link(cause: &str, effect: &str) -> Link {
        Link { cause: cause.to_owned(), effect: effect.to_owned(), by: "calls" }
    }

    /// Guarantees: MUST 630 of docs/specs/diagnosis.md.
    #[test]
    fn the_way_goes_from_the_cause_over_what_it_brings_to_what_callers_feel() {
        let graph = build(
            vec![
                happening("web", "latency up", Stage::Symptom, 0.0),
                happening("cart", "latency up", Stage::Symptom, 0.0),
                happening("cart", "GC pauses up", Stage::Strain, 0.0),
                happening("cart", "memory leak", Stage::Resource, 0.9),
                happening("db", "cpu up", Stage::Resource, 0.0),
            ],
            &[link("cart", "web"), link("web", "cart")],
        );
        assert_eq!(
            graph.story(),
            "latency up of web <- latency up of cart <- GC pauses up of cart <- memory leak of cart"
        );
        assert!(graph.nodes.iter().all(|it| it.service != "db"), "what leads nowhere is left out");
        let back = |it: &CausalEdge| graph.edges.iter().any(|other| other.from == it.to && other.to == it.from);
        assert!(!graph.edges.iter().any(back), "{graph:?}");
    }

    /// Guarantees: MUST 559 of docs/specs/diagnosis.md.
    #[test]
    fn names_are_no_statements_of_the_language_of_pictures() {
        let graph = build(vec![happening("db\"; evil", "cpu", Stage::Resource, 0.9)], &[]);
        let dot = to_dot(&graph);
        assert!(dot.contains("[label=\"db\\\"; evil\\ncpu\\n90 %\"]"), "{dot}");
    }
}
