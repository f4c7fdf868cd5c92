//! What is a metric or an attribute of OpenTelemetry called here? As Prometheus calls it when it takes OTLP.
//!
//! Rules: <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#otlp-metric-points-to-prometheus>
//! with unit and type suffixes, which is what Prometheus does unless it is told otherwise.

use std::borrow::Cow;

use crate::preprocess::redacted;

/// What a metric measures, as far as its name depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A gauge.
    Gauge,
    /// A sum that only grows.
    Counter,
    /// A sum that goes up and down, a histogram or a summary.
    Other,
}

/// Units that are written out; others are kept as they are.
const UNITS: [(&str, &str); 27] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tebibytes"),
    ("kBy", "kilobytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];

/// Units behind a slash.
const PER_UNITS: [(&str, &str); 7] =
    [("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

/// The name of a metric: `http.server.duration` in `ms` is `http_server_duration_milliseconds`. "" if nothing of it
/// can be a name.
pub(super) fn metric(name: &str, unit: &str, kind: Kind) -> String {
    // Afterwards its signs are gone by which a secret is known.
    let name = redacted(name, &mut |_| {});
    let mut words: Vec<&str> =
        name.split(|it: char| !it.is_ascii_alphanumeric() && it != ':').filter(|it| !it.is_empty()).collect();
    if words.is_empty() {
        return String::new();
    }
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let (main, per) = (unit_word(main, &UNITS), unit_word(per, &PER_UNITS));
    let per = if per.is_empty() { per } else { format!("per_{per}") };
    for suffix in [&main, &per] {
        if !suffix.is_empty() && !words.contains(&suffix.as_str()) {
            words.push(suffix);
        }
    }
    let suffix = match kind {
        Kind::Counter => "total",
        // Only gauges: many receivers give counts of things the unit "1".
        Kind::Gauge if unit == "1" => "ratio",
        Kind::Gauge | Kind::Other => "",
    };
    if !suffix.is_empty() {
        words.retain(|it| *it != suffix);
        words.push(suffix);
    }
    let joined = words.join("_");
    if joined.starts_with(|it: char| it.is_ascii_digit()) { format!("_{joined}") } else { joined }
}

/// Of a name that is told by its bytes.
const MOST_TOLD_BYTES: usize = 60;

/// The name of an attribute as a label: `http.method` is `http_method`. Names that begin with underscores, among them
/// `__name__`, get `key` before them, so that no attribute can stand for a name of ours. Of a name in letters that are not
/// allowed nothing would be left: it is told by its bytes. Only the empty name is "".
pub(super) fn label(name: &str) -> Cow<'_, str> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let begins_well = name.starts_with(|it: char| it.is_ascii_alphabetic());
    if begins_well && name.chars().all(is_plain) && !name.contains("__") {
        return name.into();
    }
    let safe = redacted(name, &mut |_| {});
    let mut label = String::with_capacity(safe.len() + 4);
    for it in safe.chars() {
        let it = if it.is_ascii_alphanumeric() { it } else { '_' };
        if it != '_' || !label.ends_with('_') {
            label.push(it);
        }
    }
    match label.chars().next() {
        None => label.into(),
        Some('_') if label.len() == 1 => {
            let bytes = safe.bytes().take(MOST_TOLD_BYTES).map(|it| format!("{it:02x}"));
            format!("key_{}", bytes.collect::<String>()).into()
        }
        Some('_') => format!("key{label}").into(),
        Some(it) if it.is_ascii_digit() => format!("key_{label}").into(),
        Some(_) => label.into(),
    }
}

/// One side of a unit in words; annotations in braces (`{requests}`) are no unit.
fn unit_word(unit: &str, known: &[(&str, &str)]) -> String {
    let unit = unit.trim();
    if unit.contains(['{', '}']) {
        return String::new();
    }
    let word = known.iter().find(|it| it.0 == unit).map_or(unit, |it| it.1);
    let words: Vec<&str> =
        word.split(|it: char| !it.is_ascii_alphanumeric() && it != ':').filter(|it| !it.is_empty()).collect();
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 211 of docs/specs/ingest.md. Cases after those of Prometheus' own translator.
    #[test]
    fn metrics_are_called_as_prometheus_calls_them() {
        for (name, unit, kind, expected) in [
            ("system.io", "By", Kind::Counter, "system_io_bytes_total"),
            ("http.server.request.duration", "s", Kind::Other, "http_server_request_duration_seconds"),
            ("system.filesystem.utilization", "1", Kind::Gauge, "system_filesystem_utilization_ratio"),
            ("a.ratio", "1", Kind::Gauge, "a_ratio"),
            ("requests", "1", Kind::Counter, "requests_total"),
            ("requests_total", "1", Kind::Counter, "requests_total"),
            ("total.requests", "", Kind::Counter, "requests_total"),
            ("hits", "{requests}/s", Kind::Gauge, "hits_per_second"),
            ("broken.metric.speed.km_per_hour", "km/h", Kind::Gauge, "broken_metric_speed_km_per_hour_per_hour"),
            ("astro.light.speed_limit", "m/s", Kind::Gauge, "astro_light_speed_limit_meters_per_second"),
            ("disk_seconds", "s", Kind::Gauge, "disk_seconds"),
            ("system.memory.usage", "By", Kind::Other, "system_memory_usage_bytes"),
            ("2xx.count", "", Kind::Other, "_2xx_count"),
            ("a  b__c", "", Kind::Other, "a_b_c"),
            ("unknown", "furlongs", Kind::Gauge, "unknown_furlongs"),
            ("temperature", "Cel", Kind::Gauge, "temperature_celsius"),
            ("load", "%", Kind::Gauge, "load_percent"),
            ("ns:name", "", Kind::Other, "ns:name"),
            ("...", "s", Kind::Other, ""),
            ("", "", Kind::Counter, ""),
        ] {
            assert_eq!(metric(name, unit, kind), expected, "{name:?} in {unit:?}");
        }
    }

    /// Guarantees: MUST 212.
    #[test]
    fn attributes_become_label_names() {
        for (name, expected) in [
            ("http.method", "http_method"),
            ("already_fine", "already_fine"),
            ("a..b", "a_b"),
            ("a__b", "a_b"),
            ("1st", "key_1st"),
            ("_private", "key_private"),
            ("__name__", "key_name_"),
            ("stra\u{df}e", "stra_e"),
            ("\u{fc}", "key_c3bc"),
            ("\u{5730}\u{57df}", "key_e59cb0e59f9f"),
            ("_", "key_5f"),
            ("...", "key_2e2e2e"),
            ("", ""),
        ] {
            assert_eq!(label(name), expected, "{name:?}");
        }
    }
}
