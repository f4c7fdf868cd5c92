//! Do the long measurements of `sentinel bench` measure what they say? Small, but with the real server and a real store.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod support;

use serde_json::Value;
use support::kafka::Kafka;
use support::offline::{sentinel, stderr, stdout};

fn measured(arguments: &[&str]) -> Value {
    let output = sentinel(&[&["bench", "--json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(&output)))
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or_else(|| panic!("{name}: {figures:#}"))
}

/// Guarantees: every sample that was sent is written, judged and counted, and the times are in order.
#[test]
fn every_sample_of_many_series_is_judged() {
    // Two agents, of which the second has few series.
    let figures = measured(&["scale", "--series", "1200", "--warm-up-secs", "1", "--secs", "2"]);
    assert_eq!((number(&figures, "series"), number(&figures, "agents")), (1200.0, 2.0));
    assert_eq!(number(&figures, "events_per_second"), 1200.0, "{figures:#}");
    assert_eq!(number(&figures, "refused_requests"), 0.0, "{figures:#}");
    assert_eq!(number(&figures, "unjudged_samples"), 0.0, "{figures:#}");
    let [p50, p99, max] = ["verdict_p50_ms", "verdict_p99_ms", "verdict_max_ms"].map(|it| number(&figures, it));
    assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{figures:#}");
    assert!(number(&figures, "rss_mb") > 1.0, "{figures:#}");
}

/// Guarantees: a start over a day of minutes learns from all of them, so that the first score of every series is ready and
/// can be trusted.
#[test]
fn the_first_scores_after_a_back_fill_can_be_trusted() {
    let figures = measured(&["backfill", "--series", "30", "--days", "1"]);
    assert_eq!(number(&figures, "points"), 30.0 * 1440.0);
    assert_eq!((number(&figures, "ready_share"), number(&figures, "trusted_share")), (1.0, 1.0), "{figures:#}");
    let (open, start) = (number(&figures, "open_seconds"), number(&figures, "start_seconds"));
    assert!(0.0 < open && open < start, "{figures:#}");
    assert!(number(&figures, "points_per_second") > 0.0, "{figures:#}");
}

/// Guarantees: everything that was put into the topic is read from a real Kafka, judged and committed.
#[test]
fn every_sample_of_a_kafka_topic_is_judged() {
    let Some(kafka) = Kafka::start(1) else { return };
    let figures = measured(&["kafka", "--brokers", &kafka.bootstrap(), "--events", "40000", "--series", "400"]);
    assert_eq!((number(&figures, "events"), number(&figures, "messages")), (40_000.0, 400.0), "{figures:#}");
    assert_eq!(number(&figures, "unjudged_samples"), 0.0, "{figures:#}");
    assert_eq!(number(&figures, "uncommitted_messages"), 0.0, "{figures:#}");
    assert!(number(&figures, "events_per_second") > 0.0, "{figures:#}");
}

/// Guarantees: what cannot be measured is refused at once.
#[test]
fn senseless_sizes_are_refused() {
    for arguments in [["scale", "--series", "0"], ["scale", "--secs", "0"], ["backfill", "--days", "0"]] {
        let output = sentinel(&[&["bench"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(arguments[1]), "{}", stderr(&output));
    }
}
