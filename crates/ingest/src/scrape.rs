//! What do Prometheus targets say? Each is asked at its interval; `up` tells whether it answered.
//!
//! Labels, staleness markers and the series `up`, `scrape_duration_seconds` and `scrape_samples_scraped` are those of
//! Prometheus: <https://prometheus.io/docs/concepts/jobs_instances/>.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::{debug, warn};

use signal::{Clock, Exemplar, Labels, Point, SeriesId, SeriesPoints, Timestamp};

use crate::exemplar::exemplar;
use crate::exposition::{self, Format, ScrapedSample};

use crate::fetch::{body_of, header_text, unreachable};
use crate::metadata::of_exposition;
use crate::{Config, Counts, Error, ErrorKind, Problems, Reason, Refused, ScrapeConfig, Sink, Source};

/// The NaN that marks the end of a series, as Prometheus writes it.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
const ACCEPTED: &str = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Scrapes all targets of a job until `shutdown` becomes true.
pub async fn scrape(
    config: ScrapeConfig,
    limits: Config,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    shutdown: watch::Receiver<bool>,
) {
    // The first to install a provider wins; all of ours are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = match reqwest::Client::builder().timeout(Duration::from_secs(config.timeout_secs.max(1))).build() {
        Ok(client) => client,
        Err(error) => {
            counts.error(Source::Scrape, ErrorKind::Unreachable);
            warn!(job = config.job, %error, "Scraping cannot begin.");
            return;
        }
    };
    let tasks = config.targets.iter().map(|target| {
        let target = Target::new(target, &config);
        let scraper = Scraper {
            target,
            limits: limits.clone(),
            client: client.clone(),
            sink: Arc::clone(&sink),
            clock: Arc::clone(&clock),
            counts: Arc::clone(&counts),
            seen: HashMap::new(),
        };
        scraper.run(config.interval_secs.max(1), shutdown.clone())
    });
    join_all(tasks).await;
}

/// Where a job's targets are asked, each with the labels that its series get.
pub fn scraped(config: &ScrapeConfig) -> Vec<(String, Labels)> {
    let target = |it: &String| {
        let target = Target::new(it, config);
        let labels = Labels::new(target.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        (target.url, labels)
    };
    config.targets.iter().map(target).collect()
}

/// One target and the labels it gives to its series.
struct Target {
    url: String,
    labels: Vec<(String, String)>,
    honor_labels: bool,
    honor_timestamps: bool,
}

impl Target {
    fn new(target: &str, config: &ScrapeConfig) -> Self {
        let url = config.url(target);
        let instance = reqwest::Url::parse(&url)
            .ok()
            .and_then(|it| Some(format!("{}:{}", it.host_str()?, it.port_or_known_default()?)));
        let mut labels: Vec<(String, String)> =
            config.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        labels.push(("job".to_owned(), config.job.clone()));
        labels.push(("instance".to_owned(), instance.unwrap_or_else(|| target.to_owned())));
        Self { url, labels, honor_labels: config.honor_labels, honor_timestamps: config.honor_timestamps }
    }

    fn own_labels(&self, name: &str) -> Labels {
        let name = ("__name__", name);
        Labels::new(self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([name]))
    }

    /// The target's labels with ours; a clash renames the target's to `exported_...` unless they are honored.
    fn with_own(&self, labels: &Labels) -> Labels {
        let own = |name: &str| self.labels.iter().any(|(it, _)| it == name);
        let ours = self.labels.iter().map(|(name, value)| (name.clone(), value.clone()));
        let theirs = labels.iter().map(|(name, value)| {
            let name = if own(name) && !self.honor_labels { format!("exported_{name}") } else { name.to_owned() };
            (name, value.to_owned())
        });
        // Of a repeated name the last wins: theirs, if they are honored.
        Labels::new(ours.chain(theirs))
    }

    /// What one sample becomes: honored timestamps or the time of the scrape.
    fn row(&self, it: ScrapedSample, now: Timestamp) -> Row {
        let own_time = it.time.filter(|_| self.honor_timestamps);
        let labels = self.with_own(&it.labels);
        let exemplar = it.exemplar.map(|told| {
            let point = Point { time: told.time.unwrap_or(now), value: told.value };
            (told.labels, point)
        });
        let series = SeriesPoints::one(labels, own_time.unwrap_or(now), it.value);
        Row { series, exemplar, may_go_stale: own_time.is_none() }
    }
}

/// What one sample of a scrape has become.
struct Row {
    series: SeriesPoints,
    exemplar: Option<(Labels, Point)>,
    may_go_stale: bool,
}

struct Scraper {
    target: Target,
    limits: Config,
    client: reqwest::Client,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    /// Series of the scrape before, for staleness markers.
    seen: HashMap<SeriesId, Labels>,
}

impl Scraper {
    async fn run(mut self, interval_secs: u64, mut shutdown: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(Duration::from_secs(interval_secs));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = shutdown.wait_for(|it| *it) => return,
            }
            tokio::select! {
                () = self.scrape_once() => {}
                _ = shutdown.wait_for(|it| *it) => return,
            }
        }
    }

    async fn scrape_once(&mut self) {
        let now = self.clock.now();
        let begin = Instant::now();
        let scraped = self.fetch().await;
        let duration = begin.elapsed();
        let is_up = scraped.is_ok();
        let samples = scraped.unwrap_or_else(|error| {
            self.counts.error(Source::Scrape, error.kind());
            warn!(url = self.target.url, %error, "Scrape failed.");
            vec![]
        });
        let n_samples = samples.len();
        let mut exemplars = vec![];
        let mut batch = self.with_stale_markers(samples, now, &mut exemplars);
        for (name, value) in [
            ("up", f64::from(u8::from(is_up))),
            ("scrape_duration_seconds", duration.as_secs_f64()),
            ("scrape_samples_scraped", n_samples as f64),
        ] {
            batch.push(SeriesPoints::one(self.target.own_labels(name), now, value));
        }
        self.deliver(batch, exemplars).await;
    }

    /// The scrape's series, and a marker for each series that the scrape before had and this one has not.
    /// The exemplars are added to `exemplars`.
    fn with_stale_markers(
        &mut self,
        samples: Vec<ScrapedSample>,
        now: Timestamp,
        exemplars: &mut Vec<Exemplar>,
    ) -> Vec<SeriesPoints> {
        let mut seen = HashMap::with_capacity(samples.len());
        let mut batch = vec![];
        let mut problems = Problems::default();
        for sample in samples {
            let Row { series, exemplar: told, may_go_stale } = self.target.row(sample, now);
            if let Some((labels, point)) = told {
                let pairs: Vec<(&str, &str)> = labels.iter().collect();
                exemplars.extend(exemplar(&series.labels, &pairs, point, &self.limits, &mut problems));
            }
            if may_go_stale {
                seen.insert(series.labels.id(), series.labels.clone());
            }
            batch.push(series);
        }
        self.counts.problems(Source::Scrape, &problems);
        let gone = self.seen.iter().filter(|(id, _)| !seen.contains_key(id)).map(|(_, labels)| labels);
        batch.extend(gone.map(|labels| SeriesPoints::one(labels.clone(), now, STALE)));
        self.seen = seen;
        batch
    }

    async fn fetch(&self) -> Result<Vec<ScrapedSample>, Error> {
        let request = self.client.get(&self.target.url).header(ACCEPT, ACCEPTED).header(ACCEPT_ENCODING, "gzip");
        let response = request.send().await.map_err(|error| unreachable(&self.target.url, &error))?;
        if !response.status().is_success() {
            return Err(Error::Unreachable(format!("{} answered {}", self.target.url, response.status())));
        }
        let format = Format::of_content_type(&header_text(response.headers(), CONTENT_TYPE));
        let plain = body_of(response, "the exposition", &self.limits).await?;
        let (samples, problems) = exposition::parse(&plain, format, &self.limits)?;
        let described = std::str::from_utf8(&plain).map(of_exposition).unwrap_or_default();
        if !described.is_empty() {
            self.sink.metadata(described);
        }
        self.counts.problems(Source::Scrape, &problems);
        if let Some(mistake) = problems.mistake() {
            debug!(url = self.target.url, mistake, "Samples of a target are left out.");
        }
        Ok(samples)
    }

    /// Offers the batch, once more if the sink is busy; then it is dropped and counted, for the next scrape follows.
    async fn deliver(&self, batch: Vec<SeriesPoints>, exemplars: Vec<Exemplar>) {
        let n_points = batch.len() as u64;
        self.counts.received(Source::Scrape, n_points);
        let mut outcome = self.sink.samples(Source::Scrape, batch.clone()).await;
        if let Err(Refused::Busy { retry_after_secs } | Refused::TooFast { retry_after_secs, .. }) = outcome {
            self.counts.outcome(Source::Scrape, &outcome);
            tokio::time::sleep(Duration::from_secs(retry_after_secs)).await;
            outcome = self.sink.samples(Source::Scrape, batch).await;
        }
        self.counts.outcome(Source::Scrape, &outcome);
        if let Err(refused) = outcome {
            self.counts.dropped(Source::Scrape, Reason::Refused, n_points);
            warn!(url = self.target.url, %refused, "A scrape was not taken.");
            return self.counts.dropped(Source::Scrape, Reason::Exemplar, exemplars.len() as u64);
        }
        if !exemplars.is_empty() {
            let offered = exemplars.len() as u64;
            let outcome = self.sink.exemplars(Source::Scrape, exemplars).await;
            self.counts.exemplars(Source::Scrape, &outcome, offered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(honor_labels: bool) -> Target {
        let config = ScrapeConfig {
            job: "node".to_owned(),
            honor_labels,
            labels: [("zone".to_owned(), "a".to_owned())].into(),
            ..ScrapeConfig::default()
        };
        Target::new("web-1:9100", &config)
    }

    #[test]
    fn labels_are_those_of_prometheus() {
        let theirs = Labels::metric("m", &[("job", "inner"), ("x", "1")]);
        assert_eq!(
            target(false).with_own(&theirs).to_string(),
            r#"m{exported_job="inner",instance="web-1:9100",job="node",x="1",zone="a"}"#
        );
        assert_eq!(
            target(true).with_own(&theirs).to_string(),
            r#"m{instance="web-1:9100",job="inner",x="1",zone="a"}"#
        );
        assert_eq!(target(false).url, "http://web-1:9100/metrics");
        let full = Target::new("https://example.org/a/metrics", &ScrapeConfig::default());
        assert!(full.labels.contains(&("instance".to_owned(), "example.org:443".to_owned())));
    }

    #[test]
    fn the_timestamp_of_the_target_is_used_if_it_is_honored() {
        let sample = ScrapedSample {
            labels: Labels::metric("m", &[]),
            exemplar: None,
            time: Some(Timestamp::from_secs(5)),
            value: 1.0,
        };
        let mut target = target(false);
        let now = Timestamp::from_secs(9);
        assert_eq!(target.row(sample.clone(), now).series.points[0].time, Timestamp::from_secs(5));
        target.honor_timestamps = false;
        assert_eq!(target.row(sample, now).series.points[0].time, now);
    }
}
