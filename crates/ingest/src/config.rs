//! What can the operator set? Limits of what is accepted, and the sources that Sentinel reads by itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Limits of what is accepted. They protect memory; a body beyond them is refused, a line beyond them is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Largest body as it is sent, in bytes. Default: 16777216 (16 MiB).
    pub max_body_bytes: usize,
    /// Largest body after decompression, in bytes. Default: 67108864 (64 MiB).
    pub max_decompressed_bytes: usize,
    /// Most memory that all requests together may take from when they come until they are stored, in bytes; more are
    /// answered with 503. One sender gets two thirds at most. Default: 402653184 (384 MiB).
    pub max_in_flight_bytes: usize,
    /// A body of which nothing comes for so long is answered with 503, in seconds. Default: 30.
    pub max_body_pause_secs: u64,
    /// Most labels of one series or log stream. Default: 64.
    pub max_labels: usize,
    /// Longest label name, in bytes. Default: 128.
    pub max_label_name_bytes: usize,
    /// Longest label value, in bytes. Default: 2048.
    pub max_label_value_bytes: usize,
    /// Longest log line, in bytes; the rest is cut off and counted. Default: 65536 (64 KiB).
    pub max_line_bytes: usize,
    /// Most objects in one array, and most keys in one `metrics` object, of `POST /monitor`. Default: 1000.
    pub max_monitor_items: usize,
    /// Time after which an alert without an end, posted to `/api/v2/alerts`, is over if it is not posted again, in
    /// seconds. Default: 300, as `resolve_timeout` of an Alertmanager.
    pub alert_resolve_timeout_secs: u64,
    /// The same of an alert that comes by webhook; should be longer than `repeat_interval` of the Alertmanager.
    /// Default: 18000 (5 hours).
    pub alert_webhook_timeout_secs: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_body_bytes: 16 << 20,
            max_decompressed_bytes: 64 << 20,
            max_in_flight_bytes: 384 << 20,
            max_body_pause_secs: 30,
            max_labels: 64,
            max_label_name_bytes: 128,
            max_label_value_bytes: 2048,
            max_line_bytes: 64 << 10,
            max_monitor_items: 1000,
            alert_resolve_timeout_secs: 300,
            alert_webhook_timeout_secs: 18_000,
        }
    }
}

impl Config {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        positive(&mut problems, "max_body_bytes", self.max_body_bytes);
        positive(&mut problems, "max_labels", self.max_labels);
        positive(&mut problems, "max_label_name_bytes", self.max_label_name_bytes);
        positive(&mut problems, "max_label_value_bytes", self.max_label_value_bytes);
        positive(&mut problems, "max_monitor_items", self.max_monitor_items);
        for (key, secs) in [
            ("max_body_pause_secs", self.max_body_pause_secs),
            ("alert_resolve_timeout_secs", self.alert_resolve_timeout_secs),
            ("alert_webhook_timeout_secs", self.alert_webhook_timeout_secs),
        ] {
            if !(1..=30 * 86_400).contains(&secs) {
                problems.push(format!("{key}: {secs} is not in 1..2592000"));
            }
        }
        if self.max_decompressed_bytes < self.max_body_bytes {
            problems.push("max_decompressed_bytes: must not be smaller than max_body_bytes".to_owned());
        }
        // One alone gets two thirds, and needs room for the body, what it unpacks to and what is made of it.
        if self.max_in_flight_bytes < self.max_decompressed_bytes.saturating_mul(4) {
            problems.push("max_in_flight_bytes: must be at least four times max_decompressed_bytes".to_owned());
        }
        if self.max_line_bytes < 80 {
            problems.push("max_line_bytes: at least 80 are needed".to_owned());
        }
        problems
    }
}

/// This host's own metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostConfig {
    /// True watches this host. Default: true.
    pub enabled: bool,
    /// Time between two measurements, in milliseconds, 250 to 60000. Default: 1000.
    pub interval_ms: u64,
    /// Value of the label `host`. Default: the host's name.
    pub host: Option<String>,
    /// How many processes are reported by processor time, and how many by memory. Default: 5.
    pub top_processes: usize,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self { enabled: true, interval_ms: 1000, host: None, top_processes: 5 }
    }
}

impl HostConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if !(250..=60_000).contains(&self.interval_ms) {
            problems.push(format!("interval_ms: {} is not in 250..60000", self.interval_ms));
        }
        if self.top_processes > 100 {
            problems.push("top_processes: at most 100".to_owned());
        }
        if self.host.as_deref() == Some("") {
            problems.push("host: must not be empty; leave it out to use the host's name".to_owned());
        }
        problems
    }
}

/// Prometheus exposition targets of one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScrapeConfig {
    /// Value of the label `job`. Default: "scrape".
    pub job: String,
    /// Targets as `host:port` or as full `http://` or `https://` addresses. Default: none.
    pub targets: Vec<String>,
    /// Path of targets that are given as `host:port`. Default: "/metrics".
    pub path: String,
    /// Time between two scrapes, in seconds. Default: 15.
    pub interval_secs: u64,
    /// Time after which a scrape has failed, in seconds, at most `interval_secs`. Default: 10.
    pub timeout_secs: u64,
    /// True uses the timestamps of the target where it sends some; false uses the time of the scrape. Default: true.
    pub honor_timestamps: bool,
    /// True lets the target's own `job` and `instance` labels win; false renames them to `exported_...`.
    /// Default: false.
    pub honor_labels: bool,
    /// Further labels of every series. Default: none.
    pub labels: BTreeMap<String, String>,
}

impl Default for ScrapeConfig {
    fn default() -> Self {
        Self {
            job: "scrape".to_owned(),
            targets: vec![],
            path: "/metrics".to_owned(),
            interval_secs: 15,
            timeout_secs: 10,
            honor_timestamps: true,
            honor_labels: false,
            labels: BTreeMap::new(),
        }
    }
}

impl ScrapeConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.job.is_empty() {
            problems.push("job: must not be empty".to_owned());
        }
        if self.targets.is_empty() {
            problems.push("targets: at least one is needed, for example `localhost:9100`".to_owned());
        }
        for (idx, target) in self.targets.iter().enumerate() {
            if reqwest::Url::parse(&self.url(target)).is_err() {
                problems.push(format!("targets[{idx}]: {target:?} is neither host:port nor an http(s) address"));
            }
        }
        if !self.path.starts_with('/') {
            problems.push(format!("path: {:?} must begin with `/`", self.path));
        }
        if self.interval_secs == 0 {
            problems.push("interval_secs: must be at least 1".to_owned());
        }
        if self.timeout_secs == 0 || self.timeout_secs > self.interval_secs.max(1) {
            problems.push(format!("timeout_secs: {} is not in 1..interval_secs", self.timeout_secs));
        }
        problems
    }

    /// The address of a target.
    pub(crate) fn url(&self, target: &str) -> String {
        let is_address = target.starts_with("http://") || target.starts_with("https://");
        if is_address { target.to_owned() } else { format!("http://{target}{}", self.path) }
    }
}

/// A Prometheus (or another server with its API) to read from: its past once, and then whatever is new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusConfig {
    /// Address without `/api`, for example `http://prometheus:9090`. Default: "".
    pub url: String,
    /// Selectors whose samples are copied as they are, for example `{job="pay"}`. Default: none.
    pub r#match: Vec<String>,
    /// Expressions that are evaluated at every step; the key becomes the name of series that have none, for example
    /// `errors_per_second: sum by (job) (rate(errors_total[1m]))`. Default: none.
    pub queries: BTreeMap<String, String>,
    /// Selectors that are scraped from `/federate` instead: the newest sample of each series, without the past.
    /// Default: none.
    pub federate: Vec<String>,
    /// Time between two rounds, in seconds. Default: 15.
    pub interval_secs: u64,
    /// Step at which expressions are evaluated, in seconds. Default: 15.
    pub step_secs: u64,
    /// How much of the past is fetched at the first start, in hours; 0 fetches none. Default: 24.
    pub backfill_hours: u64,
    /// How much is asked for again in each round, in seconds, for samples that come late. Default: 60.
    pub overlap_secs: u64,
    /// Time after which a question has failed, in seconds. Default: 30.
    pub timeout_secs: u64,
    /// Access token for `match` and `queries`. Default: none.
    pub token: Option<String>,
    /// File that holds the access token. Default: none.
    pub token_file: Option<PathBuf>,
    /// Further headers of questions, for example `X-Scope-OrgID`. Default: none.
    pub headers: BTreeMap<String, String>,
    /// Further labels of every series; one that is there stays. Default: none.
    pub labels: BTreeMap<String, String>,
}

impl Default for PrometheusConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            r#match: vec![],
            queries: BTreeMap::new(),
            federate: vec![],
            interval_secs: 15,
            step_secs: 15,
            backfill_hours: 24,
            overlap_secs: 60,
            timeout_secs: 30,
            token: None,
            token_file: None,
            headers: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }
}

impl PrometheusConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let is_http = reqwest::Url::parse(&self.url).is_ok_and(|it| matches!(it.scheme(), "http" | "https"));
        if !is_http {
            problems.push(format!("url: {:?} is no http(s) address, for example `http://localhost:9090`", self.url));
        }
        if self.r#match.is_empty() && self.queries.is_empty() && self.federate.is_empty() {
            problems.push("match: nothing is asked for; give `match`, `queries` or `federate`".to_owned());
        }
        for (key, value) in
            [("interval_secs", self.interval_secs), ("step_secs", self.step_secs), ("timeout_secs", self.timeout_secs)]
        {
            if !(1..=86_400).contains(&value) {
                problems.push(format!("{key}: {value} is not in 1..86400"));
            }
        }
        if self.backfill_hours > 24 * 366 {
            problems.push("backfill_hours: at most a year".to_owned());
        }
        if self.overlap_secs > 3600 {
            problems.push("overlap_secs: at most 3600".to_owned());
        }
        for name in self.headers.keys() {
            if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err() {
                problems.push(format!("headers: {name:?} is no name of a header"));
            }
        }
        problems
    }
}

/// Log files to follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TailConfig {
    /// Files, with `*` for any part of a name, for example `/var/log/*.log`. Default: none.
    pub paths: Vec<String>,
    /// Value of the label `job`. Default: "tail".
    pub job: String,
    /// Value of the label `service`. Default: none.
    pub service: Option<String>,
    /// Value of the label `host`. Default: the host's name.
    pub host: Option<String>,
    /// Further labels of every line. Default: none.
    pub labels: BTreeMap<String, String>,
    /// True also reads what is already in a file that is seen for the first time at the start; false begins at its
    /// end, as `tail -F` does. Files that appear later are always read from their beginning. Default: false.
    pub read_existing: bool,
    /// True takes the time of a line from an RFC 3339 timestamp with zone at its beginning. Default: true.
    pub time_from_line: bool,
    /// Time between two looks at a file, in milliseconds, 50 to 60000. Default: 250.
    pub poll_interval_ms: u64,
    /// Time after which a last line without line end is passed on, in milliseconds. Default: 1000.
    pub partial_line_ms: u64,
}

impl Default for TailConfig {
    fn default() -> Self {
        Self {
            paths: vec![],
            job: "tail".to_owned(),
            service: None,
            host: None,
            labels: BTreeMap::new(),
            read_existing: false,
            time_from_line: true,
            poll_interval_ms: 250,
            partial_line_ms: 1000,
        }
    }
}

impl TailConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.paths.is_empty() {
            problems.push("paths: at least one is needed, for example `/var/log/*.log`".to_owned());
        }
        for (idx, path) in self.paths.iter().enumerate() {
            if path.is_empty() || path.ends_with('/') {
                problems.push(format!("paths[{idx}]: {path:?} does not name a file"));
            }
        }
        if !(50..=60_000).contains(&self.poll_interval_ms) {
            problems.push(format!("poll_interval_ms: {} is not in 50..60000", self.poll_interval_ms));
        }
        problems
    }
}

/// Listeners for syslog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyslogConfig {
    /// Address for datagrams, for example `127.0.0.1:5514`. Default: none.
    pub udp: Option<SocketAddr>,
    /// Address for connections, for example `127.0.0.1:5514`. Default: none.
    pub tcp: Option<SocketAddr>,
    /// True allows addresses that other machines reach. Syslog knows no token: whoever reaches them can write log
    /// lines. Default: false.
    pub insecure: bool,
    /// Further labels of every line. Default: none.
    pub labels: BTreeMap<String, String>,
    /// Most connections at the same time; further ones are closed. Default: 256.
    pub max_connections: usize,
    /// Time after which a silent connection is closed, in seconds. Default: 3600.
    pub idle_timeout_secs: u64,
}

impl Default for SyslogConfig {
    fn default() -> Self {
        Self {
            udp: None,
            tcp: None,
            insecure: false,
            labels: BTreeMap::new(),
            max_connections: 256,
            idle_timeout_secs: 3600,
        }
    }
}

impl SyslogConfig {
    /// True if there is anything to listen on.
    pub const fn is_enabled(&self) -> bool {
        self.udp.is_some() || self.tcp.is_some()
    }

    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        for (key, address) in [("udp", self.udp), ("tcp", self.tcp)] {
            if let Some(address) = address.filter(|it| !it.ip().is_loopback() && !self.insecure) {
                problems.push(format!("{key}: {address} can be reached from other machines; set `insecure: true`"));
            }
        }
        positive(&mut problems, "max_connections", self.max_connections);
        if self.idle_timeout_secs == 0 {
            problems.push("idle_timeout_secs: must be at least 1".to_owned());
        }
        problems
    }
}

/// A broker of MQTT, and topics that become series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MqttConfig {
    /// Address as `mqtt://host:1883`, or `mqtts://host:8883` with TLS. Default: "mqtt://localhost:1883".
    pub broker: String,
    /// Version of MQTT: 3 (3.1.1) or 5. Default: 3.
    pub version: u8,
    /// Name by which the broker keeps our session; must be the only one of its kind. Default: "sentinel-" and the
    /// host's name.
    pub client_id: Option<String>,
    /// User. Default: none.
    pub username: Option<String>,
    /// Password. Default: none.
    pub password: Option<String>,
    /// File that holds the password. Default: none.
    pub password_file: Option<PathBuf>,
    /// File with the certificates (PEM) by which the broker is known. Default: those of this machine.
    pub ca_file: Option<PathBuf>,
    /// Time after which a silent connection is tried, in seconds, 5 to 3600. Default: 30.
    pub keep_alive_secs: u64,
    /// How long a broker of version 5 keeps messages for us while we are away, in seconds. Default: 86400 (a day).
    pub session_secs: u32,
    /// Topics to ask for; a message belongs to the first that fits. Default: none.
    pub topics: Vec<MqttTopic>,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            broker: "mqtt://localhost:1883".to_owned(),
            version: 3,
            client_id: None,
            username: None,
            password: None,
            password_file: None,
            ca_file: None,
            keep_alive_secs: 30,
            session_secs: 86_400,
            topics: vec![],
        }
    }
}

impl MqttConfig {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.address().err().into_iter().collect();
        if !matches!(self.version, 3 | 5) {
            problems.push(format!("version: {} is neither 3 nor 5", self.version));
        }
        if !(5..=3600).contains(&self.keep_alive_secs) {
            problems.push(format!("keep_alive_secs: {} is not in 5..3600", self.keep_alive_secs));
        }
        if self.topics.is_empty() {
            problems.push("topics: at least one is needed, for example `sensors/{host}/{__name__}`".to_owned());
        }
        for (idx, topic) in self.topics.iter().enumerate() {
            problems.extend(topic.problem().map(|it| format!("topics[{idx}].topic: {it}")));
            if topic.qos > 1 {
                problems.push(format!("topics[{idx}].qos: {} is neither 0 nor 1", topic.qos));
            }
        }
        problems
    }
}

/// A topic, and what its messages mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MqttTopic {
    /// The topic: `{name}` stands for one part of it that becomes a label, `{__name__}` for the beginning of the
    /// series' name, `+` for any part, `#` at the end for all that follows. Default: "".
    pub topic: String,
    /// 0: messages may be lost; 1: they come until they are durable here. Default: 1.
    pub qos: u8,
    /// The beginning of the series' name, if the topic has no `{__name__}`. Default: none.
    pub name: Option<String>,
    /// Key of a JSON object that holds the time of its numbers. Default: none, the arrival counts.
    pub time_key: Option<String>,
    /// Further labels of every series; those of the topic win. Default: none.
    pub labels: BTreeMap<String, String>,
}

impl Default for MqttTopic {
    fn default() -> Self {
        Self { topic: String::new(), qos: 1, name: None, time_key: None, labels: BTreeMap::new() }
    }
}

fn positive(problems: &mut Vec<String>, key: &str, value: usize) {
    if value == 0 {
        problems.push(format!("{key}: must be at least 1"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(Config::default().validate(), Vec::<String>::new());
        assert_eq!(HostConfig::default().validate(), Vec::<String>::new());
    }

    #[test]
    fn every_problem_names_its_key() {
        let config = Config { max_labels: 0, max_line_bytes: 1, max_decompressed_bytes: 0, ..Config::default() };
        assert_eq!(config.validate().len(), 3);
        let scrape = ScrapeConfig {
            targets: vec!["a b".to_owned()],
            path: "metrics".to_owned(),
            timeout_secs: 99,
            ..ScrapeConfig::default()
        };
        let problems = scrape.validate();
        for key in ["targets[0]", "path", "timeout_secs"] {
            assert!(problems.iter().any(|it| it.starts_with(key)), "{key} in {problems:?}");
        }
        let prometheus = PrometheusConfig { step_secs: 0, ..PrometheusConfig::default() };
        assert_eq!(prometheus.validate().len(), 3);
        let topics = vec![MqttTopic { topic: "a/{b".to_owned(), qos: 2, ..MqttTopic::default() }];
        let mqtt = MqttConfig { broker: "tcp://x".to_owned(), version: 4, topics, ..MqttConfig::default() };
        let problems = mqtt.validate();
        for key in ["broker", "version", "topics[0].topic", "topics[0].qos"] {
            assert!(problems.iter().any(|it| it.starts_with(key)), "{key} in {problems:?}");
        }
        let open = SyslogConfig { udp: "0.0.0.0:514".parse().ok(), ..SyslogConfig::default() };
        assert!(open.validate().iter().any(|it| it.starts_with("udp") && it.contains("insecure")));
        assert!(SyslogConfig { insecure: true, ..open }.validate().is_empty());
        assert!(TailConfig::default().validate().iter().any(|it| it.starts_with("paths")));
        assert_eq!(HostConfig { interval_ms: 1, ..HostConfig::default() }.validate().len(), 1);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<Config>(r#"{"max_lables": 1}"#).is_err());
    }
}
