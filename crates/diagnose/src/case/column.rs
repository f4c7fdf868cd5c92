//! Whose numbers does a column of a wide table hold, and which? `carts-db_cpu` is the `cpu` of `carts-db`.

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

/// Reads `service/metric`, `metric{service="x"}` and `service_metric`.
///
/// Underscores stand in names of services as well as of metrics, so the split is before the first word that tells what
/// is measured, and at the first underscore if there is none.
pub fn column(name: &str) -> Column {
    let name = name.trim();
    if let Some(column) = with_labels(name) {
        return column;
    }
    let made = |service: &str, indicator: &str| Column { service: service.to_owned(), indicator: indicator.to_owned() };
    if let Some((service, indicator)) = name.split_once('/') {
        return made(service, indicator);
    }
    let splits = || name.match_indices('_').filter_map(|(at, _)| Some((name.get(..at)?, name.get(at + 1..)?)));
    let telling = splits().find(|(service, rest)| {
        let word = rest.split('_').next().unwrap_or(rest);
        !service.is_empty() && Kind::knows(word)
    });
    match telling.or_else(|| splits().find(|(service, rest)| !service.is_empty() && !rest.is_empty())) {
        Some((service, indicator)) => made(service, indicator),
        None => made("", name),
    }
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
        ] {
            let expected = Column { service: service.to_owned(), indicator: indicator.to_owned() };
            assert_eq!(column(name), expected, "{name}");
        }
    }
}
