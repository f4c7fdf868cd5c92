//! What do the keys of sentinel-mlops' `SentinelConfig` mean at the top of the file? Those of `forecast`, with its defaults.
//!
//! Keys: <https://pypi.org/project/sentinel-mlops/>. Watches have the same keys there as here.

use serde_json::{Map, Value, json};

/// Its keys that are ours under `forecast`.
const KEYS: [&str; 5] =
    ["prometheus_url", "artifact_store", "max_versions_per_metric", "scrape_timeout", "emit_confidence_bounds"];
/// Where it looks for values and keeps models if nothing else is said.
const DEFAULTS: [(&str, &str); 2] =
    [("prometheus_url", "http://localhost:9090"), ("artifact_store", "./sentinel_artifacts")];

/// Moves its keys to where they are ours; leaves every other one alone.
pub fn translate(tree: &mut Map<String, Value>, problems: &mut Vec<String>) {
    let port = tree.remove("emitter_port");
    let found: Vec<(&str, Value)> = KEYS.iter().filter_map(|it| Some((*it, tree.remove(*it)?))).collect();
    if port.is_none() && found.is_empty() {
        return;
    }
    let section = tree.entry("forecast").or_insert_with(|| Value::Object(Map::new()));
    let Some(section) = section.as_object_mut() else { return };
    for (key, value) in found {
        if section.contains_key(key) {
            problems.push(format!("{key}: is given at the top and under `forecast`; leave one of them out"));
        }
        section.insert(key.to_owned(), value);
    }
    for (key, value) in DEFAULTS {
        section.entry(key).or_insert_with(|| json!(value));
    }
    match port.as_ref().map(|it| (it.as_u64().and_then(|it| u16::try_from(it).ok()), it)) {
        None => {}
        Some((Some(port), _)) if port > 0 => {
            tree.entry("listen").or_insert_with(|| json!(format!("127.0.0.1:{port}")));
        }
        Some((_, value)) => problems.push(format!("emitter_port: {value} is not in 1..65535")),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, Vec<String>> {
        Config::parse(text, std::iter::empty())
    }

    /// Guarantees: MUST 401 of docs/specs/forecast.md.
    #[test]
    fn the_quick_start_of_sentinel_mlops_is_understood_key_by_key() {
        let config = parse(
            r#"
prometheus_url: "http://localhost:9090/"
emitter_port: 8081
artifact_store: ./models
max_versions_per_metric: 7
scrape_timeout: 5
emit_confidence_bounds: true
watches:
  - metric: http_requests_in_flight
    labels: {service: checkout}
    model_class: LinearTrendModel
    granularity: 1m
    horizon: 5m
    lookback: 30m
    cron: "0 */6 * * *"
    drift_finetune_threshold: 0.1
    drift_retrain_threshold: 0.3
"#,
        )
        .unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8081");
        let it = &config.forecast;
        assert_eq!(it.prometheus_url.as_deref(), Some("http://localhost:9090/"));
        assert_eq!(it.artifact_store.as_deref(), Some("./models"));
        assert_eq!((it.max_versions_per_metric, it.scrape_timeout, it.emit_confidence_bounds), (7, 5, true));
        let watches = forecast::watches(&config.watches).unwrap();
        assert_eq!(watches[0].expr, r#"http_requests_in_flight{service="checkout"}"#);
        assert_eq!(watches[0].model.name(), "linear_trend");
    }

    #[test]
    fn its_defaults_hold_where_one_of_its_keys_is_given() {
        let config = parse("emitter_port: 8080\nwatches: [{metric: up, model_class: SGDRegressorModel}]\n");
        let it = config.unwrap().forecast;
        assert_eq!(it.prometheus_url.as_deref(), Some("http://localhost:9090"));
        assert_eq!(it.artifact_store.as_deref(), Some("./sentinel_artifacts"));
        let it = parse("watches: [{metric: up}]\n").unwrap().forecast;
        assert_eq!((it.prometheus_url, it.artifact_store), (None, None));
    }

    #[test]
    fn mistakes_are_told() {
        let problems = parse("emitter_port: 0\nscrape_timeout: 0\nforecast: {scrape_timeout: 3}\n").unwrap_err();
        assert!(problems.iter().any(|it| it.starts_with("emitter_port: 0 is not in")), "{problems:?}");
        assert!(problems.iter().any(|it| it.contains("under `forecast`")), "{problems:?}");
    }
}
