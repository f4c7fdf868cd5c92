//! Which way did the trouble take? The causes and those who call them, as data and as a picture.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::input::Call;
use super::rank::Ranking;

/// Services in trouble, and from whom it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CausalGraph {
    /// Services by name.
    pub nodes: Vec<Node>,
    /// From a cause to whom it affects, by name.
    pub edges: Vec<(String, String)>,
}

/// A service in trouble.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name.
    pub service: String,
    /// What is off most, or an empty text if only others of its way are off.
    pub indicator: String,
    /// How likely it is the cause, 0 to 1.
    pub confidence: f64,
}

/// Causes less likely than this are left out, but for the first.
const LEAST: f64 = 0.02;

impl CausalGraph {
    /// The graph of a ranking: each likely cause with its way to where it was noticed, and calls among all these.
    pub fn of(ranking: &Ranking, calls: &[Call]) -> Self {
        let mut nodes: BTreeMap<&str, Node> = BTreeMap::new();
        let mut edges: BTreeSet<(String, String)> = BTreeSet::new();
        for (nth, cause) in ranking.causes.iter().enumerate() {
            if nth > 0 && cause.confidence < LEAST {
                continue;
            }
            for service in &cause.path {
                let node = Node { service: service.clone(), indicator: String::new(), confidence: 0.0 };
                nodes.entry(service).or_insert(node);
            }
            for (caller, callee) in cause.path.iter().zip(cause.path.iter().skip(1)) {
                edges.insert((callee.clone(), caller.clone()));
            }
            let (indicator, confidence) = (cause.indicator.clone(), cause.confidence);
            nodes.insert(&cause.service, Node { service: cause.service.clone(), indicator, confidence });
        }
        let is_told = |it: &str| nodes.contains_key(it);
        let among = calls.iter().filter(|it| it.caller != it.callee && is_told(&it.caller) && is_told(&it.callee));
        edges.extend(among.map(|it| (it.callee.clone(), it.caller.clone())));
        Self { nodes: nodes.into_values().collect(), edges: edges.into_iter().collect() }
    }

    /// The graph in the language of Graphviz (<https://graphviz.org/doc/info/lang.html>).
    pub fn to_dot(&self) -> String {
        let mut text = "digraph causes {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
        for it in &self.nodes {
            let mut label = it.service.clone();
            if !it.indicator.is_empty() {
                label += &format!("\n{}", it.indicator);
            }
            if it.confidence > 0.0 {
                label += &format!("\n{:.0} %", it.confidence * 100.0);
            }
            let _ = writeln!(text, "  {} [label={}];", quoted(&it.service), quoted(&label));
        }
        for (from, to) in &self.edges {
            let _ = writeln!(text, "  {} -> {};", quoted(from), quoted(to));
        }
        text + "}\n"
    }
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
    use super::super::calibration::Features;
    use super::super::kind::Fault;
    use super::super::rank::RankedCause;
    use super::*;

    #[test]
    fn the_way_goes_from_the_cause_to_where_it_was_noticed() {
        let cause = RankedCause {
            service: "db\"; evil".to_owned(),
            indicator: "cpu".to_owned(),
            fault: Fault::Cpu,
            confidence: 0.9,
            score: 9.0,
            features: Features::default(),
            path: vec!["web".to_owned(), "db\"; evil".to_owned()],
            change: None,
            evidence: vec![],
        };
        let ranking = Ranking { causes: vec![cause], ..Ranking::default() };
        let graph = CausalGraph::of(&ranking, &[]);
        assert_eq!(graph.edges, [("db\"; evil".to_owned(), "web".to_owned())]);
        let dot = graph.to_dot();
        assert!(dot.contains("\"db\\\"; evil\" -> \"web\";"), "{dot}");
        assert!(dot.contains("[label=\"db\\\"; evil\\ncpu\\n90 %\"]"), "{dot}");
    }
}
