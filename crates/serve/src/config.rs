//! What can be set about the web server? Names, page sizes and limits.

use serde::{Deserialize, Serialize};

/// The `serve` section of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name shown in the title of every page. Default: `Sentinel`.
    pub title: String,
    /// Host names, besides `localhost` and IP addresses, under which the pages may be opened. A request with another
    /// `Host` header is refused, because a foreign web site could otherwise reach a local server through DNS.
    /// Default: none.
    pub allowed_hosts: Vec<String>,
    /// Items of a list answer when the request has no `limit`. Default: 50.
    pub page_size: usize,
    /// The highest `limit` a request may ask for. Default: 1000.
    pub max_page_size: usize,
    /// Points of a chart at most; a longer range is thinned to the lowest and highest value of each step.
    /// Default: 600.
    pub max_chart_points: usize,
    /// How readily `POST /detect` calls a row unusual, above 0 and at most 0.5; ordinary rows are called so in less than
    /// a fiftieth of that share, and no share is forced. Default: 0.1.
    pub row_contamination: f64,
    /// Browsers and programs that may listen to live events at the same time; more get 503. Default: 64.
    pub max_live_clients: usize,
    /// Seconds between keep-alive comments on the live event stream. Default: 15.
    pub live_keep_alive_secs: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            title: "Sentinel".to_owned(),
            allowed_hosts: vec![],
            page_size: 50,
            max_page_size: 1000,
            max_chart_points: 600,
            row_contamination: 0.1,
            max_live_clients: 64,
            live_keep_alive_secs: 15,
        }
    }
}

impl Config {
    /// Every problem, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.title.trim().is_empty() {
            problems.push("serve.title: must not be empty".to_owned());
        }
        let is_name =
            |it: &String| !it.is_empty() && it.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        for host in self.allowed_hosts.iter().filter(|it| !is_name(it)) {
            problems
                .push(format!("serve.allowed_hosts: {host:?} is not a host name (write it without scheme and port)"));
        }
        if self.page_size == 0 || self.page_size > self.max_page_size {
            problems.push(format!("serve.page_size: must be 1 to serve.max_page_size ({})", self.max_page_size));
        }
        if !(self.row_contamination > 0.0 && self.row_contamination <= 0.5) {
            problems.push("serve.row_contamination: must be above 0 and at most 0.5".to_owned());
        }
        if self.max_page_size == 0 || self.max_page_size > 100_000 {
            problems.push("serve.max_page_size: must be 1 to 100000".to_owned());
        }
        if !(10..=100_000).contains(&self.max_chart_points) {
            problems.push("serve.max_chart_points: must be 10 to 100000".to_owned());
        }
        if self.max_live_clients == 0 {
            problems.push("serve.max_live_clients: must be at least 1".to_owned());
        }
        if !(1..=300).contains(&self.live_keep_alive_secs) {
            problems.push("serve.live_keep_alive_secs: must be 1 to 300".to_owned());
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_is_valid() {
        assert_eq!(Config::default().validate(), Vec::<String>::new());
    }

    #[test]
    fn every_problem_names_its_key() {
        let config = Config {
            title: " ".to_owned(),
            allowed_hosts: vec!["https://x/".to_owned()],
            page_size: 0,
            max_page_size: 0,
            max_chart_points: 1,
            row_contamination: 0.0,
            max_live_clients: 0,
            live_keep_alive_secs: 0,
        };
        let problems = config.validate();
        let keys: Vec<&str> = problems.iter().filter_map(|it| it.split(':').next()).collect();
        let wanted = [
            "title",
            "allowed_hosts",
            "page_size",
            "max_page_size",
            "max_chart_points",
            "row_contamination",
            "max_live_clients",
        ];
        assert!(wanted.iter().all(|it| keys.contains(&format!("serve.{it}").as_str())), "{keys:?}");
        assert_eq!(problems.len(), 8);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = serde_json::from_str::<Config>(r#"{"titel":"x"}"#).unwrap_err();
        assert!(error.to_string().contains("titel"), "{error}");
    }
}
