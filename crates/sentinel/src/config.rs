//! What did the user configure? One YAML file made of each stage's own settings, the environment over it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kafka_out::KafkaOutConfig;
use crate::nearest::nearest;
use crate::rules::RulesConfig;
use crate::{seed_config, seed_watches};

/// Environment variables that look like settings but are not part of the file.
const NOT_SETTINGS: [&str; 6] = [
    "SENTINEL_URL",
    "SENTINEL_TOKEN",
    "SENTINEL_LOG",
    "SENTINEL_BUILD_CACHE",
    "SENTINEL_TEST_DATA",
    "SENTINEL_TEST_SERVICES",
];

/// The whole configuration. Every key has a default; an empty file is a good one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on. A non-loopback address needs `token` or `token_file`, or `insecure: true`.
    /// Default: 127.0.0.1:8080.
    pub listen: SocketAddr,
    /// Directory of the embedded store. Default: sentinel-data in the working directory.
    pub data_dir: PathBuf,
    /// Access token that clients must send (`Authorization: Bearer ...`, or as the password of HTTP basic
    /// authentication, which browsers ask for). Default: none.
    pub token: Option<String>,
    /// File that holds the access token. Default: none.
    pub token_file: Option<PathBuf>,
    /// True allows a non-loopback address without a token. Default: false.
    pub insecure: bool,
    /// Detector threads. 0 means one per core. Default: 0.
    pub shards: usize,
    /// Protocols and their limits.
    pub ingest: ingest::Config,
    /// This host's own metrics.
    pub host: ingest::HostConfig,
    /// Prometheus exposition targets to scrape.
    pub scrape: Vec<ingest::ScrapeConfig>,
    /// OpenTelemetry: metrics, logs and traces over gRPC and HTTP.
    pub otlp: ingest::OtlpConfig,
    /// Prometheus servers to read from.
    pub prometheus: Vec<ingest::PrometheusConfig>,
    /// Log files to follow.
    pub tail: Vec<ingest::TailConfig>,
    /// Kafka topics to read.
    pub kafka: Vec<ingest::KafkaConfig>,
    /// Kafka topic that incidents are told to.
    pub kafka_out: KafkaOutConfig,
    /// Brokers of MQTT to read from.
    pub mqtt: Vec<ingest::MqttConfig>,
    /// Listeners for syslog.
    pub syslog: ingest::SyslogConfig,
    /// What is done to signals before they are stored: secrets, noise, names, units.
    pub preprocess: ingest::PreprocessConfig,
    /// Pods of Kubernetes: their labels are added to signals that name one.
    pub kubernetes: ingest::KubernetesConfig,
    /// Tenants (`X-Scope-OrgID`), and how much each may send.
    pub tenants: ingest::TenantsConfig,
    /// Where and how long signals are kept.
    pub store: store::Config,
    /// What counts as an anomaly, and how anomalies become incidents.
    pub detect: detect::Config,
    /// How log lines are counted by template.
    pub templates: detect::LogWatchConfig,
    /// Series whose future is forecast.
    pub watches: Vec<forecast::WatchConfig>,
    /// Models of the user's own, run as programs.
    pub models: Vec<forecast::OwnModelConfig>,
    /// Where forecasts come from and go to.
    pub forecast: forecast::Config,
    /// Models that are served, and the log of what they say.
    pub predict: predict::Config,
    /// Models whose predictions are compared with a reference.
    pub model_watches: Vec<drift::WatchConfig>,
    /// A language model that investigates incidents.
    pub agent: agent::Config,
    /// What may be done about incidents.
    pub act: act::Config,
    /// The API and the UI.
    pub serve: serve::Config,
    /// What PromQL expressions may use.
    pub query: serve::QueryConfig,
    /// Recording and alerting rules.
    pub rules: RulesConfig,
    /// How gateways, workers and the responder find each other; of no account for `--role all`.
    pub cluster: cluster::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: PathBuf::from("sentinel-data"),
            token: None,
            token_file: None,
            insecure: false,
            shards: 0,
            ingest: ingest::Config::default(),
            host: ingest::HostConfig::default(),
            scrape: vec![],
            otlp: ingest::OtlpConfig::default(),
            prometheus: vec![],
            tail: vec![],
            kafka: vec![],
            kafka_out: KafkaOutConfig::default(),
            mqtt: vec![],
            syslog: ingest::SyslogConfig::default(),
            preprocess: ingest::PreprocessConfig::default(),
            kubernetes: ingest::KubernetesConfig::default(),
            tenants: ingest::TenantsConfig::default(),
            store: store::Config::default(),
            detect: detect::Config::default(),
            templates: detect::LogWatchConfig::default(),
            watches: vec![],
            models: vec![],
            forecast: forecast::Config::default(),
            predict: predict::Config::default(),
            model_watches: vec![],
            agent: agent::Config::default(),
            act: act::Config::default(),
            serve: serve::Config::default(),
            query: serve::QueryConfig::default(),
            rules: RulesConfig::default(),
            cluster: cluster::Config::default(),
        }
    }
}

impl Config {
    /// Reads the file (if any), puts the environment over it and checks everything. All problems, not the first.
    pub fn load(file: Option<&Path>) -> Result<Self, Vec<String>> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| vec![format!("cannot read {}: {error}", path.display())])?,
        };
        let environment = std::env::vars().filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()));
        Self::parse(&text, environment)
    }

    /// Reads YAML text with environment variables over it.
    pub fn parse(yaml: &str, environment: impl Iterator<Item = (String, String)>) -> Result<Self, Vec<String>> {
        let mut tree = read_tree(yaml)?;
        for (name, value) in environment {
            overlay(&mut tree, &name, &value);
        }
        let mut problems = vec![];
        seed_config::translate(&mut tree, &mut problems);
        seed_watches::translate(&mut tree, &mut problems);
        let config = sections(tree, &mut problems);
        problems.extend(config.validate());
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// All problems that can be seen without the environment.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let is_guarded = self.token.is_some() || self.token_file.is_some() || self.insecure;
        let addresses = [("listen", Some(self.listen)), ("otlp.grpc", self.otlp.grpc), ("otlp.http", self.otlp.http)];
        for (key, address) in addresses {
            if let Some(address) = address.filter(|it| !it.ip().is_loopback() && !is_guarded) {
                problems.push(format!(
                    "{key}: {address} can be reached from other machines; set `token` or `token_file`, or `insecure: true`"
                ));
            }
        }
        if self.token.as_ref().is_some_and(|it| it.len() < 16) {
            problems.push("token: at least 16 characters are needed".to_owned());
        }
        problems.extend(prefixed("ingest", self.ingest.validate()));
        problems.extend(prefixed("host", self.host.validate()));
        for (idx, target) in self.scrape.iter().enumerate() {
            problems.extend(prefixed(&format!("scrape[{idx}]"), target.validate()));
        }
        problems.extend(prefixed("otlp", self.otlp.validate()));
        for (idx, server) in self.prometheus.iter().enumerate() {
            problems.extend(prefixed(&format!("prometheus[{idx}]"), server.validate()));
        }
        for (idx, files) in self.tail.iter().enumerate() {
            problems.extend(prefixed(&format!("tail[{idx}]"), files.validate()));
        }
        for (idx, topics) in self.kafka.iter().enumerate() {
            problems.extend(prefixed(&format!("kafka[{idx}]"), topics.validate()));
        }
        problems.extend(prefixed("kafka_out", self.kafka_out.validate()));
        for (idx, broker) in self.mqtt.iter().enumerate() {
            problems.extend(prefixed(&format!("mqtt[{idx}]"), broker.validate()));
        }
        problems.extend(prefixed("syslog", self.syslog.validate()));
        problems.extend(prefixed("preprocess", self.preprocess.validate()));
        problems.extend(prefixed("kubernetes", self.kubernetes.validate()));
        problems.extend(prefixed("tenants", self.tenants.validate()));
        problems.extend(prefixed("store", self.store.validate()));
        problems.extend(prefixed("detect", self.detect.validate()));
        problems.extend(prefixed("templates", self.templates.validate()));
        problems.extend(forecast::watches(&self.watches).err().unwrap_or_default());
        problems.extend(crate::forecasts::expression_problems(&self.watches));
        problems.extend(crate::forecasts::model_file_problems(&self.watches));
        problems.extend(forecast::own_model_problems(&self.models));
        problems.extend(prefixed("forecast", self.forecast.validate()));
        problems.extend(prefixed("predict", self.predict.validate()));
        problems.extend(crate::model_watch::problems(&self.model_watches));
        problems.extend(prefixed("agent", self.agent.validate()));
        problems.extend(prefixed("act", self.act.validate()));
        problems.extend(prefixed("serve", self.serve.validate()));
        problems.extend(prefixed("query", self.query.validate()));
        problems.extend(prefixed("rules", self.rules.validate()));
        problems.extend(prefixed("cluster", self.cluster.validate()));
        problems
    }

    /// The access token, from the key or its file.
    pub fn access_token(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone()) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow::anyhow!("cannot read token_file {}: {error}", path.display()))?;
        Ok(Some(text.trim().to_owned()))
    }
}

fn prefixed(section: &str, problems: Vec<String>) -> impl Iterator<Item = String> + use<> {
    let prefix = format!("{section}.");
    problems.into_iter().map(move |it| if it.starts_with(&prefix) { it } else { format!("{prefix}{it}") })
}

fn read_tree(yaml: &str) -> Result<Map<String, Value>, Vec<String>> {
    if yaml.trim().is_empty() || yaml.lines().all(|it| it.trim().is_empty() || it.trim_start().starts_with('#')) {
        return Ok(Map::new());
    }
    match serde_saphyr::from_str::<Value>(yaml) {
        Ok(Value::Object(tree)) => Ok(tree),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(vec!["the file must hold keys and values, such as `listen: 127.0.0.1:8080`".to_owned()]),
        Err(error) => Err(vec![format!("not YAML: {error}")]),
    }
}

/// `SENTINEL_STORE__RETENTION_DAYS=3` sets `store.retention_days`; values are read as YAML.
fn overlay(tree: &mut Map<String, Value>, name: &str, text: &str) {
    let Some(path) = name.strip_prefix("SENTINEL_") else { return };
    let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let value = serde_saphyr::from_str::<Value>(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let Some((last, sections)) = keys.split_last() else { return };
    let mut section = tree;
    for key in sections {
        let entry = section.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = entry else { return };
        section = inner;
    }
    section.insert(last.clone(), value);
}

/// Reads section after section, so that one mistake does not hide the next.
// Long because each section is a line, and its name another.
fn sections(mut tree: Map<String, Value>, problems: &mut Vec<String>) -> Config {
    let mut config = Config::default();
    take(&mut tree, "listen", &mut config.listen, problems);
    take(&mut tree, "data_dir", &mut config.data_dir, problems);
    take(&mut tree, "token", &mut config.token, problems);
    take(&mut tree, "token_file", &mut config.token_file, problems);
    take(&mut tree, "insecure", &mut config.insecure, problems);
    take(&mut tree, "shards", &mut config.shards, problems);
    take(&mut tree, "ingest", &mut config.ingest, problems);
    take(&mut tree, "host", &mut config.host, problems);
    take(&mut tree, "scrape", &mut config.scrape, problems);
    take(&mut tree, "otlp", &mut config.otlp, problems);
    take(&mut tree, "prometheus", &mut config.prometheus, problems);
    take(&mut tree, "tail", &mut config.tail, problems);
    take(&mut tree, "kafka", &mut config.kafka, problems);
    take(&mut tree, "kafka_out", &mut config.kafka_out, problems);
    take(&mut tree, "mqtt", &mut config.mqtt, problems);
    take(&mut tree, "syslog", &mut config.syslog, problems);
    take(&mut tree, "preprocess", &mut config.preprocess, problems);
    take(&mut tree, "kubernetes", &mut config.kubernetes, problems);
    take(&mut tree, "tenants", &mut config.tenants, problems);
    take(&mut tree, "store", &mut config.store, problems);
    take(&mut tree, "detect", &mut config.detect, problems);
    take(&mut tree, "templates", &mut config.templates, problems);
    take_each(&mut tree, "watches", &mut config.watches, problems);
    take_each(&mut tree, "models", &mut config.models, problems);
    take(&mut tree, "forecast", &mut config.forecast, problems);
    take(&mut tree, "predict", &mut config.predict, problems);
    take_each(&mut tree, "model_watches", &mut config.model_watches, problems);
    take(&mut tree, "agent", &mut config.agent, problems);
    take(&mut tree, "act", &mut config.act, problems);
    take(&mut tree, "serve", &mut config.serve, problems);
    take(&mut tree, "query", &mut config.query, problems);
    take(&mut tree, "rules", &mut config.rules, problems);
    take(&mut tree, "cluster", &mut config.cluster, problems);
    let known = [
        "listen",
        "data_dir",
        "token",
        "token_file",
        "insecure",
        "shards",
        "ingest",
        "host",
        "scrape",
        "otlp",
        "prometheus",
        "tail",
        "kafka",
        "kafka_out",
        "mqtt",
        "syslog",
        "preprocess",
        "kubernetes",
        "tenants",
        "store",
        "detect",
        "templates",
        "watches",
        "models",
        "forecast",
        "predict",
        "model_watches",
        "agent",
        "act",
        "serve",
        "query",
        "rules",
        "cluster",
    ];
    problems.extend(tree.keys().map(|it| unknown(it, &known)));
    config
}

fn take<T: DeserializeOwned>(tree: &mut Map<String, Value>, key: &str, into: &mut T, problems: &mut Vec<String>) {
    let Some(value) = tree.remove(key) else { return };
    match serde_json::from_value(value) {
        Ok(it) => *into = it,
        Err(error) => problems.push(format!("{key}: {}", explain(&error.to_string()))),
    }
}

/// The same for a list, entry after entry, so that a mistake in one does not hide those of the others.
fn take_each<T: DeserializeOwned>(
    tree: &mut Map<String, Value>,
    key: &str,
    into: &mut Vec<T>,
    problems: &mut Vec<String>,
) {
    match tree.remove(key) {
        None | Some(Value::Null) => {}
        Some(Value::Array(entries)) => {
            for (idx, entry) in entries.into_iter().enumerate() {
                match serde_json::from_value(entry) {
                    Ok(it) => into.push(it),
                    Err(error) => problems.push(format!("{key}[{idx}]: {}", explain(&error.to_string()))),
                }
            }
        }
        Some(_) => problems.push(format!("{key}: must be a list")),
    }
}

fn unknown(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(it) => format!("{key}: unknown key; did you mean `{it}`?"),
        None => format!("{key}: unknown key; known are {}", known.join(", ")),
    }
}

/// Adds the nearest valid key to serde's "unknown field" message.
fn explain(error: &str) -> String {
    let mut names = error.split('`').skip(1).step_by(2);
    let wrong = names.next().unwrap_or("");
    let suggestion = error.starts_with("unknown").then(|| nearest(wrong, names)).flatten();
    match suggestion {
        Some(it) => format!("unknown key `{wrong}`; did you mean `{it}`?"),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(yaml: &str) -> Vec<String> {
        Config::parse(yaml, std::iter::empty()).err().unwrap_or_default()
    }

    #[test]
    fn nothing_configured_is_a_good_configuration() {
        assert_eq!(Config::parse("", std::iter::empty()).unwrap(), Config::default());
        assert_eq!(Config::parse("# only a comment\n", std::iter::empty()).unwrap(), Config::default());
    }

    #[test]
    fn defaults_are_printed_and_read_back() {
        let yaml = serde_saphyr::to_string(&Config::default()).unwrap();
        assert_eq!(Config::parse(&yaml, std::iter::empty()).unwrap(), Config::default());
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let found =
            problems("lisen: 127.0.0.1:1\nstore:\n  retention_dayz: 3\nact:\n  enabeld: true\nlisten: 0.0.0.0:80\n");
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found.iter().any(|it| it.contains("did you mean `listen`")), "{found:#?}");
        assert!(found.iter().any(|it| it.contains("did you mean `enabled`")), "{found:#?}");
        assert!(found.iter().any(|it| it.contains("other machines")), "{found:#?}");
    }

    #[test]
    fn the_environment_goes_over_the_file() {
        let environment = [("SENTINEL_LISTEN", "127.0.0.1:9"), ("SENTINEL_ACT__ENABLED", "true"), ("PATH", "/bin")];
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::parse("listen: 127.0.0.1:1", environment).unwrap();
        assert_eq!(config.listen.port(), 9);
        assert!(config.act.enabled);
    }

    #[test]
    fn a_file_that_is_not_yaml_is_refused() {
        assert!(problems("a: [").first().unwrap().starts_with("not YAML"));
        assert!(problems("- a\n- b").first().unwrap().contains("keys and values"));
    }
}
