//! Whose numbers does a column of a wide table hold, and which? `carts-db_cpu` is the `cpu` of `carts-db`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::kind::Kind;

/// What a column's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Whom it is about; empty if the name does not tell.
    pub service: String,
    /// What is measured.
    pub indicator: String,
}

/// Labels of a series that name its owner, the best first: whom a proxy saw answer, then what it says of itself.
const OWNER_LABELS: &[&str] = &[
    "destination_service_name",
    "destination_workload",
    "destination_app",
    "destination_service",
    "service",
    "service_name",
    "app",
    "deployment",
    "workload",
    "pod",
    "pod_name",
    "container",
    "container_name",
    "name",
    "job",
    "instance",
    "node",
    "host",
];
/// Labels that tell how a request ended, and others that tell series of one name and owner apart.
const OUTCOME_LABELS: &[&str] =
    &["code", "status", "status_code", "response_code", "http_status", "grpc_code", "result"];
const PART_LABELS: &[&str] = &["quantile", "le", "device", "mode", "path", "route", "method", "operation"];

/// The first of these that is in a name separates the owner from what is measured.
const SEPARATORS: [char; 6] = ['_', ':', '|', ' ', '.', '-'];
/// A part of a name is meant if at least this share of the columns has it that have the commonest one.
const MEANT_SHARE: f64 = 0.3;
/// From this share of names on that begin with what is measured, the owner stands behind it.
const OWNER_LAST_SHARE: f64 = 0.8;

/// Reads `service/metric`, `metric{service="x"}` and `service_metric`, by the name alone.
pub fn column(name: &str) -> Column {
    columns(&[name]).pop().unwrap_or_else(|| Column { service: String::new(), indicator: name.to_owned() })
}

/// Reads the names of all columns of a table together: what many services have is a metric.
///
/// Underscores stand in names of services as well as of metrics. Of the splits behind which stands what other columns
/// have as well, the first before a word that tells what is measured is taken; without others, the first such word
/// decides alone, and the first separator if there is none.
pub fn columns(names: &[&str]) -> Vec<Column> {
    let names: Vec<&str> = names.iter().map(|it| it.trim()).collect();
    let dull = dull_labels(&names);
    let mut befores: HashMap<&str, usize> = HashMap::new();
    let mut behinds: HashMap<&str, usize> = HashMap::new();
    for (before, behind) in names.iter().flat_map(|it| splits(it)) {
        *befores.entry(before).or_default() += 1;
        *behinds.entry(behind).or_default() += 1;
    }
    let begins_with_metric = |it: &&&str| main_splits(it).next().is_some_and(|(first, _)| Kind::knows(first));
    let n_split = names.iter().filter(|it| main_splits(it).next().is_some()).count();
    let n_last = names.iter().filter(begins_with_metric).count();
    let is_owner_last = n_split > 1 && n_last as f64 >= n_split as f64 * OWNER_LAST_SHARE;
    let one = |name: &&str| {
        if let Some(column) = with_labels(name, &dull).or_else(|| with_slash(name)) {
            return column;
        }
        if is_owner_last && let Some((indicator, service)) = commonest(name, |it| befores.get(it.0).copied()) {
            return made(service, indicator);
        }
        match split_of(name, &behinds) {
            Some((service, indicator)) => made(service, indicator),
            None => made("", name),
        }
    };
    names.iter().map(one).collect()
}

fn made(service: &str, indicator: &str) -> Column {
    Column { service: service.to_owned(), indicator: indicator.to_owned() }
}

fn with_slash(name: &str) -> Option<Column> {
    let (service, indicator) = name.split_once('/')?;
    Some(made(service, indicator))
}

/// All ways to take a name apart, from the left.
fn splits(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let width = |it: char| it.len_utf8();
    let places = name.char_indices().filter(|it| SEPARATORS.contains(&it.1));
    places.filter_map(move |(at, it)| parts(name, at, width(it)))
}

/// Those at the separator that counts most.
fn main_splits(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let separator = SEPARATORS.into_iter().find(|it| name.contains(*it));
    let places = separator.into_iter().flat_map(move |it| name.match_indices(it));
    places.filter_map(move |(at, it)| parts(name, at, it.len()))
}

fn parts(name: &str, at: usize, width: usize) -> Option<(&str, &str)> {
    Some((name.get(..at)?, name.get(at + width..)?)).filter(|it| !it.0.is_empty() && !it.1.is_empty())
}

fn split_of<'a>(name: &'a str, behinds: &HashMap<&str, usize>) -> Option<(&'a str, &'a str)> {
    let count = |it: &(&str, &str)| behinds.get(it.1).copied().unwrap_or(0);
    let most_of = |splits: &mut dyn Iterator<Item = (&'a str, &'a str)>| splits.map(|it| count(&it)).max().unwrap_or(0);
    let (most, most_of_all) = (most_of(&mut main_splits(name)), most_of(&mut splits(name)));
    let is_shared = |it: &(&str, &str), most: usize| count(it) > 1 && count(it) as f64 >= most as f64 * MEANT_SHARE;
    let is_telling = |it: &(&str, &str)| Kind::begins(it.1);
    let mains = || main_splits(name);
    // The separator that counts most comes first; names of services may have it, too (`geo_svc-errors`).
    mains()
        .find(|it| is_shared(it, most) && is_telling(it))
        .or_else(|| splits(name).find(|it| is_shared(it, most_of_all) && is_telling(it)))
        .or_else(|| mains().find(is_telling))
        .or_else(|| splits(name).find(is_telling))
        .or_else(|| mains().find(|it| is_shared(it, most)))
        .or_else(|| mains().next())
}

/// The split whose part is in most columns, of equals the last: the longest name of a metric.
fn commonest(name: &str, count: impl Fn(&(&str, &str)) -> Option<usize>) -> Option<(&str, &str)> {
    let most = main_splits(name).filter_map(|it| count(&it)).max()?;
    let is_meant = |it: &(&str, &str)| count(it).is_some_and(|it| it as f64 >= most as f64 * MEANT_SHARE);
    main_splits(name).filter(is_meant).last()
}

type Label<'a> = (&'a str, &'a str);

/// The name before the labels, and these.
fn labels_of(name: &str) -> Option<(&str, Vec<Label<'_>>)> {
    let (metric, rest) = name.strip_suffix('}')?.split_once('{')?;
    let mut is_quoted = false;
    let pairs = rest.split(|it: char| {
        is_quoted ^= it == '"';
        it == ',' && !is_quoted
    });
    let pairs = pairs.filter_map(|it| it.split_once('='));
    Some((metric, pairs.map(|(key, value)| (key.trim(), value.trim().trim_matches('"'))).collect()))
}

/// Owners that all series of a name have, where another label tells them apart: `job="kubelet"` owns no container.
fn dull_labels<'a>(names: &[&'a str]) -> HashSet<Label<'a>> {
    let mut values: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for (metric, labels) in names.iter().filter_map(|it| labels_of(it)) {
        for (key, value) in labels.into_iter().filter(|it| OWNER_LABELS.contains(&it.0)) {
            values.entry(metric).or_default().entry(key).or_default().insert(value);
        }
    }
    let mut dull = HashSet::new();
    for keys in values.values().filter(|keys| keys.values().any(|it| it.len() > 1)) {
        let alone = keys.iter().filter(|it| it.1.len() == 1);
        dull.extend(alone.flat_map(|(key, values)| values.iter().map(|value| (*key, *value))));
    }
    dull
}

fn with_labels(name: &str, dull: &HashSet<Label<'_>>) -> Option<Column> {
    let (metric, pairs) = labels_of(name)?;
    let of = |label: &&str| pairs.iter().copied().find(|(key, value)| key == label && !value.is_empty());
    let owners = || OWNER_LABELS.iter().filter_map(&of);
    let owner = owners().find(|it| !dull.contains(it)).or_else(|| owners().next())?;
    let mut indicator = metric.to_owned();
    if let Some((_, outcome)) = OUTCOME_LABELS.iter().find_map(&of) {
        indicator += failure(outcome);
    }
    for (key, part) in PART_LABELS.iter().filter_map(of).filter(|it| it.0 != owner.0) {
        indicator += &if key == "quantile" { format!("/{part}") } else { format!("/{key} {part}") };
    }
    Some(Column { service: owner.1.to_owned(), indicator })
}

/// What an outcome adds to the name of what is counted.
fn failure(outcome: &str) -> &'static str {
    match outcome.to_ascii_lowercase().as_str() {
        it if it.starts_with('5') && it.len() == 3 => "_5xx",
        it if it.starts_with('4') && it.len() == 3 => "_4xx",
        "error" | "failure" | "failed" | "fail" | "exception" | "timeout" => "_errors",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_are_split_where_the_metric_begins() {
        for (name, service, indicator) in [
            ("carts-db_cpu", "carts-db", "cpu"),
            ("carts_lat_50", "carts", "lat_50"),
            ("ts-auth-service_latency-90", "ts-auth-service", "latency-90"),
            ("user_db_mem", "user_db", "mem"),
            ("frontend/http_p99", "frontend", "http_p99"),
            ("up_things{service=\"pay\",zone=\"a\"}", "pay", "up_things"),
            ("pay_colour", "pay", "colour"),
            ("colour", "", "colour"),
            ("s17.cpu", "s17", "cpu"),
            ("ts-auth-service-cpu", "ts-auth-service", "cpu"),
            ("carts_container-cpu-usage-seconds-total", "carts", "container-cpu-usage-seconds-total"),
            ("carts_istio-latency-90", "carts", "istio-latency-90"),
        ] {
            let expected = Column { service: service.to_owned(), indicator: indicator.to_owned() };
            assert_eq!(column(name), expected, "{name}");
        }
    }

    /// Guarantees: MUST 781 of docs/specs/diagnosis.md.
    #[test]
    fn columns_beside_it_tell_where_a_name_is_split() {
        let of = |names: &[&str]| -> Vec<(String, String)> {
            columns(names).into_iter().map(|it| (it.service, it.indicator)).collect()
        };
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let names = ["message_queue_cpu", "pay_cpu", "message_queue_lat_90", "pay_lat_90", "pay_lat_50", "web_lat_50"];
        let expected = [
            ("message_queue", "cpu"),
            ("pay", "cpu"),
            ("message_queue", "lat_90"),
            ("pay", "lat_90"),
            ("pay", "lat_50"),
            ("web", "lat_50"),
        ];
        assert_eq!(of(&names), own(&expected));
        let names = ["geo_svc-errors", "geo_svc-cpu", "pay_svc-errors", "pay_svc-cpu"];
        let expected = [("geo_svc", "errors"), ("geo_svc", "cpu"), ("pay_svc", "errors"), ("pay_svc", "cpu")];
        assert_eq!(of(&names), own(&expected));
        let names = ["cpu_usage_s1", "cpu_usage_s2", "latency_s1", "latency_s2"];
        assert_eq!(of(&names), own(&[("s1", "cpu_usage"), ("s2", "cpu_usage"), ("s1", "latency"), ("s2", "latency")]));
    }
    /// Guarantees: MUST 841 of docs/specs/diagnosis.md.
    #[test]
    fn labels_that_all_have_own_nothing_and_outcomes_are_told_apart() {
        let names = [
            "container_cpu{job=\"kubelet\",service=\"kubelet\",pod=\"a-1\"}",
            "container_cpu{job=\"kubelet\",service=\"kubelet\",pod=\"b-1\"}",
            "istio_requests_total{destination_workload=\"a\",source_workload=\"b,c\",response_code=\"503\"}",
            "istio_requests_total{destination_workload=\"a\",source_workload=\"b,c\",response_code=\"200\"}",
            "http_seconds{service=\"a\",quantile=\"0.99\"}",
        ];
        let found: Vec<(String, String)> = columns(&names).into_iter().map(|it| (it.service, it.indicator)).collect();
        let expected = [
            ("a-1", "container_cpu"),
            ("b-1", "container_cpu"),
            ("a", "istio_requests_total_5xx"),
            ("a", "istio_requests_total"),
            ("a", "http_seconds/0.99"),
        ];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
