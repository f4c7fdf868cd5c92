//! What does a Prometheus know already? Its past is fetched once, in pieces, and then whatever is new.
//!
//! Selectors are asked for as ranges (`up[5m]`), which gives the samples as they are stored; expressions are evaluated
//! at a step by `query_range`. Each round asks again for the last moments, so that samples that came late are not
//! missed; what was delivered before is left out. How far it got is saved after the sink has acknowledged it, so that
//! a restart goes on there and a time in which this program did not run is fetched as past.

mod answer;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use signal::{Clock, PortError, SeriesId, SeriesPoints, Timestamp};

use crate::fetch::{body_of, unreachable};
use crate::{
    Config, Counts, Error, ErrorKind, Problems, PrometheusConfig, Reason, Refused, ScrapeConfig, Sink, Source,
};
pub use answer::{Naming, decode};

/// Points of one series in one answer; Prometheus refuses more than 11,000.
const MOST_POINTS: u64 = 10_000;
/// The longest piece of the past that is asked for at once.
const LONGEST_PIECE: Duration = Duration::from_secs(86_400);
/// The first piece; later ones grow while answers are small.
const FIRST_PIECE: Duration = Duration::from_secs(7200);
/// How long to wait after the sink has failed.
const FAILED_WAIT: Duration = Duration::from_secs(2);

/// Remembers over restarts how far something was read.
pub trait Cursors: Send + Sync + 'static {
    /// The saved instant.
    fn load(&self, name: &str) -> Option<Timestamp>;
    /// Saves an instant; durable when it returns.
    fn save(&self, name: &str, time: Timestamp) -> Result<(), PortError>;
}

/// Reads from a Prometheus until `shutdown` becomes true.
pub async fn prometheus(
    config: PrometheusConfig,
    limits: Config,
    cursors: Arc<dyn Cursors>,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    mut shutdown: watch::Receiver<bool>,
) {
    // The first to install a provider wins; all of ours are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(config.timeout_secs.max(1))).build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            counts.error(Source::Prometheus, ErrorKind::Unreachable);
            warn!(url = config.url, %error, "Reading from Prometheus cannot begin.");
            return;
        }
    };
    let federation = config.federation();
    let mut questions: Vec<Question> =
        config.questions().map(|it| Question::new(it, &config, &*cursors, &*clock)).collect();
    let reader = Reader {
        config,
        limits: limits.clone(),
        client,
        cursors,
        sink: Arc::clone(&sink),
        clock: Arc::clone(&clock),
        counts: Arc::clone(&counts),
    };
    let stopped = shutdown.clone();
    let federate = async {
        match federation {
            Some(it) => crate::scrape(it, limits, sink, clock, counts, stopped).await,
            None => std::future::pending().await,
        }
    };
    let ask = async {
        let mut ticks = tokio::time::interval(Duration::from_secs(reader.config.interval_secs.max(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for question in &mut questions {
                reader.catch_up(question).await;
            }
        }
    };
    tokio::select! {
        () = federate => {}
        () = ask => {}
        _ = shutdown.wait_for(|it| *it) => {}
    }
}

/// What is asked for again and again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// The samples of a selector.
    Samples(String),
    /// An expression, under a name.
    Expression(String, String),
}

struct Question {
    asked: Asked,
    /// Under which the place is saved.
    cursor: String,
    /// Everything until here was delivered.
    done: Timestamp,
    /// How much is asked for at once.
    piece: Duration,
    longest_piece: Duration,
    /// What was delivered of the last moments.
    delivered: HashSet<(SeriesId, Timestamp)>,
}

impl Question {
    fn new(asked: Asked, config: &PrometheusConfig, cursors: &dyn Cursors, clock: &dyn Clock) -> Self {
        let expression = match &asked {
            Asked::Samples(selector) => selector,
            Asked::Expression(_, expression) => expression,
        };
        let cursor = format!("prometheus:{}:{expression}", config.url);
        let oldest = clock.now().minus(Duration::from_secs(config.backfill_hours.saturating_mul(3600)));
        let done = cursors.load(&cursor).map_or(oldest, |it| it.max(oldest));
        let longest_piece = match &asked {
            Asked::Samples(_) => LONGEST_PIECE,
            Asked::Expression(..) => LONGEST_PIECE.min(Duration::from_secs(config.step_secs * MOST_POINTS)),
        };
        let piece = FIRST_PIECE.min(longest_piece);
        Self { asked, cursor, done, piece, longest_piece, delivered: HashSet::new() }
    }

    /// The next range to ask for; none if nothing can be new.
    fn next(&self, now: Timestamp, config: &PrometheusConfig) -> Option<(Timestamp, Timestamp)> {
        let step = match &self.asked {
            Asked::Samples(_) => 1,
            Asked::Expression(..) => 1000 * i64::try_from(config.step_secs.max(1)).unwrap_or(1),
        };
        // On a grid of steps, so that the same instants are asked for again.
        let aligned = |it: Timestamp| Timestamp::from_millis(it.millis().div_euclid(step) * step);
        let from = aligned(self.done.minus(Duration::from_secs(config.overlap_secs)));
        let to = aligned(now.min(self.done.plus(self.piece)));
        (to > self.done).then_some((from, to))
    }
}

/// What became of a piece.
enum Piece {
    Delivered { n_bytes: usize },
    TooLarge(String),
}

struct Reader {
    config: PrometheusConfig,
    limits: Config,
    client: reqwest::Client,
    cursors: Arc<dyn Cursors>,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
}

impl Reader {
    /// Fetches piece by piece until now; after an error it goes on at the same place in the next round.
    async fn catch_up(&self, question: &mut Question) {
        let begin = question.done;
        while let Some((from, to)) = question.next(self.clock.now(), &self.config) {
            match self.piece(question, from, to).await {
                Ok(Piece::Delivered { n_bytes }) => {
                    let is_small = n_bytes < self.limits.max_decompressed_bytes / 8;
                    let factor = if is_small { 2 } else { 1 };
                    question.piece = question.longest_piece.min(question.piece * factor);
                    question.done = to;
                    let kept = to.minus(Duration::from_secs(self.config.overlap_secs));
                    question.delivered.retain(|it| it.1 >= kept);
                    if let Err(error) = self.cursors.save(&question.cursor, to) {
                        self.counts.error(Source::Prometheus, ErrorKind::Failed);
                        warn!(%error, "How far a Prometheus was read cannot be saved.");
                    }
                }
                Ok(Piece::TooLarge(why)) if question.piece > Duration::from_secs(60) => {
                    question.piece /= 2;
                    info!(
                        url = self.config.url,
                        why,
                        seconds = question.piece.as_secs(),
                        "Smaller pieces are asked for."
                    );
                }
                Ok(Piece::TooLarge(why)) => {
                    self.counts.error(Source::Prometheus, ErrorKind::TooLarge);
                    warn!(url = self.config.url, question = question.cursor, why, "An answer is too large.");
                    return;
                }
                Err(error) => {
                    self.counts.error(Source::Prometheus, error.kind());
                    warn!(question = question.cursor, %error, "A question to Prometheus failed.");
                    return;
                }
            }
        }
        if question.done.since(begin) > FIRST_PIECE {
            info!(question = question.cursor, since = %begin, "The past was fetched.");
        }
    }

    async fn piece(&self, question: &mut Question, from: Timestamp, to: Timestamp) -> Result<Piece, Error> {
        let body = match self.ask(&question.asked, from, to).await? {
            Ok(body) => body,
            Err(why) => return Ok(Piece::TooLarge(why)),
        };
        let name = match &question.asked {
            Asked::Samples(_) => "",
            Asked::Expression(name, _) => name,
        };
        let naming = Naming { name, labels: &self.config.labels };
        let (mut batch, problems) = decode(&body, naming, &self.limits)?;
        for series in &mut batch {
            let id = series.labels.id();
            series.points.retain(|it| !question.delivered.contains(&(id, it.time)));
        }
        batch.retain(|it| !it.points.is_empty());
        let kept = to.minus(Duration::from_secs(self.config.overlap_secs));
        let recent: Vec<(SeriesId, Timestamp)> = batch
            .iter()
            .flat_map(|it| it.points.iter().map(|point| (it.labels.id(), point.time)))
            .filter(|it| it.1 >= kept)
            .collect();
        self.deliver(batch, &problems).await;
        question.delivered.extend(recent);
        Ok(Piece::Delivered { n_bytes: body.len() })
    }

    /// What is older than two rounds is history: it is learned from, and nobody is woken by it.
    async fn deliver(&self, batch: Vec<SeriesPoints>, problems: &Problems) {
        self.counts.problems(Source::Prometheus, problems);
        if let Some(mistake) = problems.mistake() {
            warn!(url = self.config.url, mistake, "Series of a Prometheus are left out.");
        }
        let age = Duration::from_secs((2 * self.config.interval_secs + self.config.overlap_secs).max(60));
        let since = self.clock.now().minus(age);
        let (mut past, mut live) = (vec![], vec![]);
        for SeriesPoints { labels, points } in batch {
            let split = points.partition_point(|it| it.time < since);
            let (older, newer) = points.split_at(split);
            for (points, part) in [(older, &mut past), (newer, &mut live)] {
                if !points.is_empty() {
                    part.push(SeriesPoints { labels: labels.clone(), points: points.to_vec() });
                }
            }
        }
        self.offer(past, true).await;
        self.offer(live, false).await;
    }

    /// Offers a batch until it is taken, or refused as wrong.
    async fn offer(&self, batch: Vec<SeriesPoints>, is_past: bool) {
        if batch.is_empty() {
            return;
        }
        let n_points = batch.iter().map(|it| it.points.len() as u64).sum();
        self.counts.received(Source::Prometheus, n_points);
        loop {
            let batch = batch.clone();
            let outcome = match is_past {
                true => self.sink.past(Source::Prometheus, batch).await,
                false => self.sink.samples(Source::Prometheus, batch).await,
            };
            self.counts.outcome(Source::Prometheus, &outcome);
            let wait = match outcome {
                Ok(_) => return,
                Err(Refused::Invalid(error)) => {
                    self.counts.dropped(Source::Prometheus, Reason::Refused, n_points);
                    warn!(error, "Points of a Prometheus were refused.");
                    return;
                }
                Err(Refused::Busy { retry_after_secs } | Refused::TooFast { retry_after_secs, .. }) => {
                    Duration::from_secs(retry_after_secs)
                }
                Err(Refused::Failed(error)) => {
                    warn!(error, "Points of a Prometheus wait for the store.");
                    FAILED_WAIT
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// The body of an answer, or why a shorter range must be asked for.
    async fn ask(&self, asked: &Asked, from: Timestamp, to: Timestamp) -> Result<Result<Vec<u8>, String>, Error> {
        let seconds = |it: Timestamp| format!("{}.{:03}", it.millis().div_euclid(1000), it.millis().rem_euclid(1000));
        let (path, form) = match asked {
            Asked::Samples(selector) => {
                // Both ends belong to the range, in every version of Prometheus.
                let query = format!("{selector}[{}ms]", to.millis() - from.millis() + 1);
                ("query", vec![("query", query), ("time", seconds(to))])
            }
            Asked::Expression(_, expression) => {
                let step = self.config.step_secs.max(1).to_string();
                let form =
                    [("query", expression.clone()), ("start", seconds(from)), ("end", seconds(to)), ("step", step)];
                ("query_range", form.into())
            }
        };
        let url = format!("{}/api/v1/{path}", self.config.url.trim_end_matches('/'));
        let mut request = self.client.post(&url).header(ACCEPT_ENCODING, "gzip").body(encoded(&form));
        request = request.header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        if let Some(token) = self.config.access_token()? {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = request.send().await.map_err(|error| unreachable(&url, &error))?;
        let status = response.status();
        let body = match body_of(response, "the answer of Prometheus", &self.limits).await {
            Ok(body) => body,
            Err(error @ Error::TooLarge { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(error),
        };
        let text = || crate::limits::shortened(&String::from_utf8_lossy(&body), 300).to_owned();
        match status.as_u16() {
            200 => Ok(Ok(body)),
            // Too many points or samples, or it took too long: there is an end to what it computes at once.
            400 if text().contains("exceeded maximum resolution") => Ok(Err(text())),
            422 | 503 if text().contains("too many samples") || text().contains("timed out") => Ok(Err(text())),
            _ => Err(Error::Unreachable(format!("{url} answered {status}: {}", text()))),
        }
    }
}

/// `name=value&..` with everything escaped that is not a letter or a digit.
fn encoded(form: &[(&str, String)]) -> String {
    let escaped = |text: &str| -> String {
        let byte = |it: u8| match it {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(it).to_string(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    form.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
}

impl PrometheusConfig {
    fn questions(&self) -> impl Iterator<Item = Asked> {
        let selectors = self.r#match.iter().map(|it| Asked::Samples(it.clone()));
        selectors.chain(self.queries.iter().map(|(name, it)| Asked::Expression(name.clone(), it.clone())))
    }

    /// Federation is a scrape of a certain path.
    fn federation(&self) -> Option<ScrapeConfig> {
        if self.federate.is_empty() {
            return None;
        }
        let form: Vec<(&str, String)> = self.federate.iter().map(|it| ("match%5B%5D", it.clone())).collect();
        Some(ScrapeConfig {
            job: "federate".to_owned(),
            targets: vec![format!("{}/federate?{}", self.url.trim_end_matches('/'), encoded(&form))],
            interval_secs: self.interval_secs,
            timeout_secs: self.timeout_secs.min(self.interval_secs),
            honor_labels: true,
            honor_timestamps: true,
            labels: self.labels.clone(),
            ..ScrapeConfig::default()
        })
    }

    fn access_token(&self) -> Result<Option<String>, Error> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone()) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Unreachable(format!("token_file {}: {error}", path.display())))?;
        Ok(Some(text.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(1_700_000_007)
        }
    }

    struct Saved(Option<Timestamp>);

    impl Cursors for Saved {
        fn load(&self, _: &str) -> Option<Timestamp> {
            self.0
        }

        fn save(&self, _: &str, _: Timestamp) -> Result<(), PortError> {
            Ok(())
        }
    }

    #[test]
    fn pieces_lie_on_a_grid_and_cover_everything() {
        let config =
            PrometheusConfig { backfill_hours: 24, step_secs: 15, overlap_secs: 60, ..PrometheusConfig::default() };
        let now = Still.now();
        let mut question = Question::new(Asked::Expression("a".into(), "b".into()), &config, &Saved(None), &Still);
        assert_eq!(question.done, now.minus(Duration::from_secs(86_400)));
        let mut covered = question.done;
        while let Some((from, to)) = question.next(now, &config) {
            assert!(from <= covered && from.millis() % 15_000 == 0 && to.millis() % 15_000 == 0);
            assert!((to.millis() - from.millis()) / 15_000 <= 10_000);
            (covered, question.done) = (to, to);
        }
        assert!(now.since(covered) < Duration::from_secs(15));
        // A restart goes on where it was, but never before the time that is wanted.
        let saved = now.minus(Duration::from_secs(600));
        assert_eq!(Question::new(Asked::Samples("up".into()), &config, &Saved(Some(saved)), &Still).done, saved);
        let long_ago = Saved(Some(Timestamp::from_secs(5)));
        let question = Question::new(Asked::Samples("up".into()), &config, &long_ago, &Still);
        assert_eq!(question.done, now.minus(Duration::from_secs(86_400)));
    }

    #[test]
    fn selectors_are_escaped() {
        assert_eq!(encoded(&[("query", "up{a=\"b c\"}[5m]".to_owned())]), "query=up%7Ba%3D%22b%20c%22%7D%5B5m%5D");
        let config = PrometheusConfig {
            url: "http://p:9090/".to_owned(),
            federate: vec!["{job=\"a\"}".to_owned(), "up".to_owned()],
            ..PrometheusConfig::default()
        };
        let targets = config.federation().unwrap().targets;
        assert_eq!(targets, ["http://p:9090/federate?match%5B%5D=%7Bjob%3D%22a%22%7D&match%5B%5D=up"]);
    }
}
