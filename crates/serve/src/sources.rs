//! Which ways in bring how much, what was left out and why, and how far behind is Kafka? Read from what the stages count
//! anyway, so that the page, the API and `/metrics` cannot differ.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use signal::{Metric, Timestamp};

use crate::NamedCount;

/// Rates are means over this time, if somebody looked meanwhile.
const WINDOW: Duration = Duration::from_secs(60);
/// Who looks more often than this gets the rates since an earlier look.
const APART: Duration = Duration::from_secs(1);

/// One way in. Counts are since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SourceStatus {
    /// `otlp`, `remote_write`, `kafka` ..
    pub name: String,
    /// Points, lines, spans and changes that were decoded.
    pub received: u64,
    /// The same a second, over `IntakeView.rate_secs`.
    pub per_second: f64,
    /// What was left out of batches that were taken, by reason.
    pub dropped: Vec<NamedCount>,
    /// Requests, scrapes and reads that failed as a whole, by kind.
    pub failed: Vec<NamedCount>,
    /// Requests that were asked to come later for want of memory.
    pub turned_away: u64,
}

/// What is read from Kafka. Counts are since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KafkaStatus {
    /// Messages that were read.
    pub messages: u64,
    /// Messages that were read and are not durable yet.
    pub in_flight: u64,
    /// How often reading waited for the store.
    pub pauses: u64,
    /// Assignments and revocations of partitions.
    pub rebalances: u64,
    /// Commits that the brokers refused; they are tried again.
    pub commit_failures: u64,
    /// Messages that could not be read, by what became of them and why.
    pub poison: Vec<NamedCount>,
    /// Topics of which this process reads partitions.
    pub topics: Vec<TopicStatus>,
}

/// The partitions of a topic that this process reads for a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopicStatus {
    /// The consumer group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// Messages that are not committed yet, over these partitions.
    pub lag: u64,
    /// Each partition with its messages that are not committed yet.
    pub partitions: Vec<(u32, u64)>,
}

/// The sources that did something.
pub fn sources(all: &[Metric]) -> Vec<SourceStatus> {
    let mut found: BTreeMap<&str, SourceStatus> = BTreeMap::new();
    for metric in all.iter().filter(|it| it.value > 0.0) {
        let Some(name) = label(metric, "source") else { continue };
        let count = metric.value as u64;
        let named = |key| NamedCount { name: label(metric, key).unwrap_or("").to_owned(), count };
        let source = found.entry(name).or_default();
        match &*metric.name {
            "sentinel_ingest_signals_received_total" => source.received = count,
            "sentinel_ingest_signals_dropped_total" => source.dropped.push(named("reason")),
            "sentinel_ingest_errors_total" => source.failed.push(named("kind")),
            "sentinel_ingest_turned_away_total" => source.turned_away = count,
            _ => {}
        }
    }
    let named = found.into_iter().map(|(name, it)| SourceStatus { name: name.to_owned(), ..it });
    let is_idle = |it: &SourceStatus| *it == SourceStatus { name: it.name.clone(), ..SourceStatus::default() };
    let mut named: Vec<SourceStatus> = named.filter(|it| !is_idle(it)).collect();
    named.sort_by(|a, b| b.received.cmp(&a.received).then_with(|| a.name.cmp(&b.name)));
    named
}

/// What is read from Kafka; none if nothing is.
pub fn kafka(all: &[Metric]) -> Option<KafkaStatus> {
    let sum = |name: &str| all.iter().filter(|it| it.name == name).map(|it| it.value as u64).sum();
    let poison = all.iter().filter(|it| it.name == "sentinel_ingest_kafka_poison_messages_total" && it.value > 0.0);
    let status = KafkaStatus {
        messages: sum("sentinel_ingest_kafka_messages_total"),
        in_flight: sum("sentinel_ingest_kafka_in_flight_messages"),
        pauses: sum("sentinel_ingest_kafka_pauses_total"),
        rebalances: sum("sentinel_ingest_kafka_rebalances_total"),
        commit_failures: sum("sentinel_ingest_kafka_commit_failures_total"),
        poison: poison.map(poisoned).collect(),
        topics: topics(all),
    };
    (status != KafkaStatus::default()).then_some(status)
}

fn poisoned(metric: &Metric) -> NamedCount {
    let text = |key| label(metric, key).unwrap_or("");
    NamedCount { name: format!("{}: {}", text("outcome"), text("reason")), count: metric.value as u64 }
}

fn topics(all: &[Metric]) -> Vec<TopicStatus> {
    let mut found: BTreeMap<(&str, &str), TopicStatus> = BTreeMap::new();
    for metric in all.iter().filter(|it| it.name == "sentinel_ingest_kafka_lag_messages") {
        let text = |key| label(metric, key).unwrap_or("");
        let (group, topic, lag) = (text("group"), text("topic"), metric.value.max(0.0) as u64);
        let status = found.entry((group, topic)).or_default();
        (status.group, status.topic) = (group.to_owned(), topic.to_owned());
        status.lag += lag;
        status.partitions.extend(text("partition").parse().ok().map(|it: u32| (it, lag)));
    }
    found.into_values().collect()
}

fn label<'a>(metric: &'a Metric, name: &str) -> Option<&'a str> {
    metric.labels.iter().find(|(it, _)| it == name).map(|(_, value)| &**value)
}

/// What was counted when somebody looked, so that the next look can tell rates.
#[derive(Debug, Default)]
pub struct Looks {
    seen: Mutex<VecDeque<(Timestamp, BTreeMap<String, u64>)>>,
}

impl Looks {
    /// Fills in how much came a second, and says over how many seconds; the first look is over the time since the start.
    pub fn rate(&self, sources: &mut [SourceStatus], started: Timestamp, now: Timestamp) -> f64 {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // The oldest that is recent, or else the newest of the old ones.
        while seen.get(1).is_some_and(|it| now.since(it.0) >= WINDOW) {
            seen.pop_front();
        }
        let first = seen.front().filter(|it| now.since(it.0) >= APART);
        let secs = now.since(first.map_or(started, |it| it.0)).as_secs_f64().max(1e-3);
        for source in sources.iter_mut() {
            let before = first.and_then(|it| it.1.get(&source.name)).copied().unwrap_or(0);
            source.per_second = source.received.saturating_sub(before) as f64 / secs;
        }
        if seen.back().is_none_or(|it| now.since(it.0) >= APART) {
            seen.push_back((now, sources.iter().map(|it| (it.name.clone(), it.received)).collect()));
        }
        secs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(name: &'static str, value: u64, labels: &[(&'static str, &str)]) -> Metric {
        labels.iter().fold(Metric::counter(name, "", value), |it, (name, value)| it.label(name, value))
    }

    #[test]
    fn sources_are_those_that_did_something_the_busiest_first() {
        let received = "sentinel_ingest_signals_received_total";
        let all = [
            counter(received, 0, &[("source", "mqtt")]),
            counter(received, 5, &[("source", "loki")]),
            counter(received, 9, &[("source", "otlp")]),
            counter("sentinel_ingest_signals_dropped_total", 2, &[("source", "otlp"), ("reason", "labels")]),
            counter("sentinel_ingest_errors_total", 1, &[("source", "influx"), ("kind", "malformed")]),
            counter("sentinel_ingest_lines_altered_total", 3, &[("source", "tail"), ("alteration", "cut")]),
        ];
        let found = sources(&all);
        assert_eq!(found.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["otlp", "loki", "influx"]);
        assert_eq!(found[0].dropped, [NamedCount { name: "labels".to_owned(), count: 2 }]);
        assert_eq!(found[2].failed, [NamedCount { name: "malformed".to_owned(), count: 1 }]);
    }

    #[test]
    fn partitions_are_told_by_topic_and_group() {
        assert_eq!(kafka(&[counter("sentinel_ingest_kafka_messages_total", 0, &[])]), None);
        let lag = |group, topic, partition, value: f64| {
            let metric = Metric::gauge("sentinel_ingest_kafka_lag_messages", "", value);
            metric.label("group", group).label("topic", topic).label("partition", partition)
        };
        let all = [lag("a", "t", "0", 5.0), lag("a", "t", "1", 7.0), lag("b", "t", "0", -1.0)];
        let found = kafka(&all).unwrap().topics;
        assert_eq!((found[0].lag, &found[0].partitions), (12, &vec![(0, 5), (1, 7)]));
        assert_eq!((&*found[1].group, found[1].lag), ("b", 0));
    }

    #[test]
    fn rates_are_since_an_earlier_look() {
        let (looks, at) = (Looks::default(), Timestamp::from_secs);
        let rate = |received, now| {
            let mut all = [SourceStatus { name: "otlp".to_owned(), received, ..SourceStatus::default() }];
            (looks.rate(&mut all, at(0), at(now)), all[0].per_second)
        };
        assert_eq!(rate(100, 50), (50.0, 2.0), "since the start");
        assert_eq!(rate(200, 60), (10.0, 10.0), "since the first look");
        assert_eq!(rate(200, 100), (50.0, 2.0));
        assert_eq!(rate(300, 121), (61.0, 100.0 / 61.0), "the look of 60 is the oldest that is of use");
        assert_eq!(rate(300, 10_000), (9879.0, 0.0), "nobody looked for long");
    }
}
