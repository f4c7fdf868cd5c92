//! What is scraped? Each target with its health, by its series `up`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use signal::{Labels, Point, TimeRange};

use crate::app::App;

/// A target that is scraped.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapedTarget {
    /// Where it is asked.
    pub url: String,
    /// The labels that its series get: `job`, `instance` and those of the configuration.
    pub labels: Labels,
    /// Seconds between scrapes.
    pub interval_secs: u64,
    /// Seconds that a scrape may take.
    pub timeout_secs: u64,
}

impl ScrapedTarget {
    /// As `targets` tells it.
    pub fn told(&self, app: &App) -> Value {
        let labels: BTreeMap<&str, &str> = self.labels.iter().collect();
        let last = |name: &str| -> Option<Point> {
            let range =
                TimeRange::ending_at(app.now(), Duration::from_secs(self.interval_secs.saturating_mul(3).max(60)));
            app.ports.history.points(self.labels.with("__name__", name).id(), range).ok()?.last().copied()
        };
        let up = last("up");
        let health = match up {
            None => "unknown",
            Some(it) if it.value == 1.0 => "up",
            Some(_) => "down",
        };
        json!({
            "discoveredLabels": {},
            "labels": labels,
            "scrapePool": self.labels.get("job"),
            "scrapeUrl": self.url,
            "globalUrl": self.url,
            "lastError": if health == "down" { "the log of the server has the details" } else { "" },
            "lastScrape": up.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |it| it.time.to_string()),
            "lastScrapeDuration": last("scrape_duration_seconds").map_or(0.0, |it| it.value),
            "health": health,
            "scrapeInterval": format!("{}s", self.interval_secs),
            "scrapeTimeout": format!("{}s", self.timeout_secs),
        })
    }
}
