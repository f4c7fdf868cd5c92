//! Which service does a pod belong to, and which names mean the same? `ts-auth-service-7f8d7d756d-k7b9j` is one of
//! `ts-auth-service`, and the `front-end` of the metrics is the `frontendservice` of the traces.

use std::collections::BTreeMap;

use diagnose::case::Case;

/// Letters and digits of the random parts of pod names: Kubernetes leaves vowels and look-alikes out of the last part.
const LETTERS: &str = "bcdfghjklmnpqrstvwxz2456789";

/// The name of the Deployment or DaemonSet that a pod's name begins with, or the name itself.
pub fn service(name: &str) -> String {
    let name = on_node(name.trim());
    let mut parts: Vec<&str> = name.split('-').collect();
    let is_random = |part: &str| part.len() == 5 && part.chars().all(|it| LETTERS.contains(it));
    let is_hash = |part: &str| {
        (6..=10).contains(&part.len())
            && part.chars().all(|it| it.is_ascii_hexdigit() || LETTERS.contains(it))
            && part.chars().any(|it| it.is_ascii_digit())
    };
    if parts.len() >= 3 && parts.last().is_some_and(|it| is_random(it)) {
        let n_kept = parts.len() - 1;
        if parts.get(n_kept - 1).is_some_and(|it| is_hash(it)) {
            parts.truncate(n_kept - 1);
            return parts.join("-");
        }
    }
    name.to_owned()
}

/// `node-6.cart-0` is `cart-0`, told with the machine that it runs on.
fn on_node(name: &str) -> &str {
    let rest = name.strip_prefix("node-").map(|it| it.trim_start_matches(|it: char| it.is_ascii_digit()));
    rest.and_then(|it| it.strip_prefix('.')).filter(|it| !it.is_empty()).unwrap_or(name)
}

/// Gives services in spans, lines and changes the names that the metrics have for them, where only the spelling differs.
pub fn unite(case: &mut Case) {
    let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
    for it in &case.metrics {
        let known = names.entry(bare(&it.service)).or_insert_with(|| Some(it.service.clone()));
        // Of two that differ in spelling alone, nobody knows which one is meant.
        if known.as_ref().is_some_and(|known| *known != it.service) {
            *known = None;
        }
    }
    let is_known = |name: &str| case.metrics.iter().any(|it| it.service == name);
    let mut others: BTreeMap<String, String> = BTreeMap::new();
    let services = case.spans.iter().map(|it| &it.service).chain(case.logs.iter().map(|it| &it.service));
    for name in services.chain(case.changes.iter().map(|it| &it.service)) {
        if !name.is_empty() && !others.contains_key(name) {
            let same = if is_known(name) { None } else { names.get(&bare(name)).cloned().flatten() };
            others.insert(name.clone(), same.unwrap_or_else(|| name.clone()));
        }
    }
    let rename = |name: &mut String| {
        if let Some(same) = others.get(name) {
            name.clone_from(same);
        }
    };
    case.spans.iter_mut().for_each(|it| rename(&mut it.service));
    case.logs.iter_mut().for_each(|it| rename(&mut it.service));
    case.changes.iter_mut().for_each(|it| rename(&mut it.service));
}

/// A name without what spellings differ in.
fn bare(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect();
    let short = ["service", "svc"].iter().find_map(|it| letters.strip_suffix(it)).filter(|it| !it.is_empty());
    short.unwrap_or(&letters).to_owned()
}

#[cfg(test)]
mod tests {
    use diagnose::case::{Metric, Span};

    use super::*;

    /// Guarantees: MUST 636 of docs/specs/diagnosis.md.
    #[test]
    fn names_that_differ_in_spelling_alone_mean_the_same() {
        let metric = |service: &str| Metric { service: service.to_owned(), ..Metric::default() };
        let span = |service: &str| Span { service: service.to_owned(), ..Span::default() };
        let mut case = Case {
            metrics: ["front-end", "cart", "cartservice", "pay"].map(metric).to_vec(),
            spans: ["frontendservice", "cart-svc", "pay", "stock"].map(span).to_vec(),
            ..Case::default()
        };
        unite(&mut case);
        let names: Vec<&str> = case.spans.iter().map(|it| it.service.as_str()).collect();
        assert_eq!(names, ["front-end", "cart-svc", "pay", "stock"]);
    }

    #[test]
    fn pods_belong_to_their_deployment() {
        for (pod, expected) in [
            ("ts-auth-service-7f8d7d756d-k7b9j", "ts-auth-service"),
            ("ts-verification-code-service-7b6dc75c45-2z9p2", "ts-verification-code-service"),
            ("node-6.cart-0", "cart-0"),
            ("node-6", "node-6"),
            ("carts-db", "carts-db"),
            ("front-end", "front-end"),
            ("node-exporter-x7x2p", "node-exporter-x7x2p"),
        ] {
            assert_eq!(service(pod), expected);
        }
    }
}
