//! Whose numbers does a column of a wide table hold, and which? `carts-db_cpu` is the `cpu` of `carts-db`.

use std::collections::HashMap;

use super::kind::Kind;

/// What a column's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Whom it is about; empty if the name does not tell.
    pub service: String,
    /// What is measured.
    pub indicator: String,
}

/// Labels of a series that name its owner, the best first.
const OWNER_LABELS: &[&str] =
    &["service", "service_name", "app", "pod", "container", "job", "instance", "node", "host"];

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
    let mut befores: HashMap<&str, usize> = HashMap::new();
    let mut behinds: HashMap<&str, usize> = HashMap::new();
    for (before, behind) in names.iter().flat_map(|it| splits(it)) {
        *befores.entry(before).or_default() += 1;
        *behinds.entry(behind).or_default() += 1;
    }
    let begins_with_metric = |it: &&&str| splits(it).next().is_some_and(|(first, _)| Kind::knows(first));
    let n_split = names.iter().filter(|it| splits(it).next().is_some()).count();
    let n_last = names.iter().filter(begins_with_metric).count();
    let is_owner_last = n_split > 1 && n_last as f64 >= n_split as f64 * OWNER_LAST_SHARE;
    let one = |name: &&str| {
        if let Some(column) = with_labels(name).or_else(|| with_slash(name)) {
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

/// All ways to take a name apart at its separator, from the left.
fn splits(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let separator = SEPARATORS.into_iter().find(|it| name.contains(*it));
    let places = separator.into_iter().flat_map(move |it| name.match_indices(it));
    places
        .filter_map(move |(at, it)| Some((name.get(..at)?, name.get(at + it.len()..)?)))
        .filter(|(before, behind)| !before.is_empty() && !behind.is_empty())
}

fn split_of<'a>(name: &'a str, behinds: &HashMap<&str, usize>) -> Option<(&'a str, &'a str)> {
    let count = |it: &(&str, &str)| behinds.get(it.1).copied().unwrap_or(0);
    let most = splits(name).map(|it| count(&it)).max()?;
    let is_shared = |it: &(&str, &str)| count(it) > 1 && count(it) as f64 >= most as f64 * MEANT_SHARE;
    let is_telling = |it: &(&str, &str)| Kind::begins(it.1);
    splits(name)
        .find(|it| is_shared(it) && is_telling(it))
        .or_else(|| splits(name).find(is_telling))
        .or_else(|| splits(name).find(is_shared))
        .or_else(|| splits(name).next())
}

/// The split whose part is in most columns, of equals the last: the longest name of a metric.
fn commonest(name: &str, count: impl Fn(&(&str, &str)) -> Option<usize>) -> Option<(&str, &str)> {
    let most = splits(name).filter_map(|it| count(&it)).max()?;
    let is_meant = |it: &(&str, &str)| count(it).is_some_and(|it| it as f64 >= most as f64 * MEANT_SHARE);
    splits(name).filter(is_meant).last()
}

fn with_labels(name: &str) -> Option<Column> {
    let (metric, labels) = name.strip_suffix('}')?.split_once('{')?;
    let pairs: Vec<(&str, &str)> = labels
        .split(',')
        .filter_map(|it| it.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
        .collect();
    let owner = OWNER_LABELS.iter().find_map(|label| pairs.iter().find(|(key, _)| key == label))?;
    Some(Column { service: owner.1.to_owned(), indicator: metric.to_owned() })
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
        let names = ["cpu_usage_s1", "cpu_usage_s2", "latency_s1", "latency_s2"];
        assert_eq!(of(&names), own(&[("s1", "cpu_usage"), ("s2", "cpu_usage"), ("s1", "latency"), ("s2", "latency")]));
    }
}
