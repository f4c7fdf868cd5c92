//! Do the long measurements of `sentinel bench` measure what they say? Small, but with the real server and a real store.

use serde_json::Value;

use crate::support::kafka::Kafka;
use crate::support::offline::{Folder, sentinel, stderr, stdout};
use crate::support::services::is_there;

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
    let _alone = crate::support::alone();
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
    let _alone = crate::support::alone();
    let figures = measured(&["backfill", "--series", "30", "--days", "1"]);
    assert_eq!(number(&figures, "points"), 30.0 * 1440.0);
    assert_eq!((number(&figures, "ready_share"), number(&figures, "trusted_share")), (1.0, 1.0), "{figures:#}");
    let (open, start) = (number(&figures, "open_seconds"), number(&figures, "start_seconds"));
    assert!(0.0 < open && open < start, "{figures:#}");
    assert!(number(&figures, "points_per_second") > 0.0, "{figures:#}");
}

/// Guarantees: each protocol, the steady stream, the bytes on disk and the other programs have sane figures. The load is
/// tiny and nothing is timed.
#[test]
fn ingestion_is_measured_from_all_sides() {
    let _alone = crate::support::alone();
    let kafka = Kafka::start(1);
    let brokers = kafka.as_ref().map(Kafka::bootstrap);
    let of_kafka: Vec<&str> = brokers.iter().flat_map(|it| ["--kafka", it.as_str()]).collect();
    let load = ["--events", "20000", "--series", "200", "--rate", "1000", "--secs", "2", "--warm-up-secs", "1"];
    let disk = ["--lines", "3000", "--hours", "1", "--rounds", "1"];
    let folder = Folder::new("bench-ingest");
    let rows = (0..500).map(|it| format!("{},{}.5\n", 1_700_000_000 + it * 60, it % 7));
    folder.write("own/series.csv", format!("timestamp,value\n{}", rows.collect::<String>()).as_bytes());
    let lines = (0..500).map(|it| format!("2024-01-01 00:00:00 INFO request {it} done\n"));
    folder.write("own/server.log", lines.collect::<String>().as_bytes());
    let own = folder.path("own");
    let figures = measured(&[&["ingest", "--data", &own], &load[..], &disk[..], &of_kafka].concat());
    let rows = |name: &str| figures[name].as_array().unwrap_or_else(|| panic!("{name}: {figures:#}")).clone();
    let names = |list: &[Value], name: &str| -> Vec<String> {
        list.iter().map(|it| it[name].as_str().unwrap().to_owned()).collect()
    };
    let also_kafka = kafka.iter().map(|_| "kafka");
    let (full, steady) = (rows("full_speed"), rows("steady"));
    let expected: Vec<&str> =
        ["otlp", "remote_write", "influx", "loki"].into_iter().chain(also_kafka.clone()).collect();
    assert_eq!(names(&full, "protocol"), expected);
    for it in &full {
        assert!(number(it, "events") >= 20_000.0, "{it:#}");
        assert!(number(it, "events_per_second") > 0.0 && number(it, "peak_rss_mb") > 1.0, "{it:#}");
        assert!(number(it, "cpu_seconds_per_million") > 0.0, "{it:#}");
    }
    assert_eq!(names(&steady, "protocol"), ["otlp"].into_iter().chain(also_kafka).collect::<Vec<_>>());
    for it in &steady {
        assert_eq!((number(it, "events_per_second"), number(it, "unjudged_samples")), (1000.0, 0.0), "{it:#}");
        let [p50, p99, max] = ["verdict_p50_ms", "verdict_p99_ms", "verdict_max_ms"].map(|name| number(it, name));
        assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{it:#}");
    }
    let samples = rows("samples");
    assert_eq!(
        names(&samples, "name"),
        ["made counters", "made gauges", "made floats", "simulated shop", "real series"]
    );
    assert_eq!(number(&samples[4], "samples"), 500.0);
    assert!(samples.iter().all(|it| (0.1..16.0).contains(&number(it, "bytes_per_sample"))), "{samples:#?}");
    assert!(
        samples.iter().all(|it| number(it, "noise_bytes_per_sample") < number(it, "bytes_per_sample")),
        "{samples:#?}"
    );
    let logs = rows("logs");
    assert_eq!(names(&logs, "name")[..2], ["made lines", "simulated shop"]);
    assert_eq!(names(&logs, "name")[2..], ["server.log", "real logs together"]);
    assert!(logs.iter().all(|it| number(it, "raw_bytes_per_byte") > 1.0), "{figures:#}");
    check_peers(&rows("peers"), &rows("ratios"));
}

/// This build is the first; where Prometheus and VictoriaMetrics are installed they have taken the same samples.
fn check_peers(peers: &[Value], ratios: &[Value]) {
    assert_eq!((&peers[0]["name"], &peers[0]["judges"]), (&"sentinel".into(), &true.into()));
    for it in peers {
        assert_eq!(number(it, "events"), 20_000.0, "{it:#}");
        assert!((0.1..200.0).contains(&number(it, "bytes_per_sample")), "{it:#}");
    }
    let has = |name: &str| peers.iter().any(|it| it["name"] == name);
    assert!(!is_there("prometheus", "comparison with Prometheus") || has("prometheus"), "{peers:#?}");
    assert!(!is_there("victoria-metrics", "comparison with VictoriaMetrics") || has("victoriametrics"), "{peers:#?}");
    for (peer, ratio) in peers.iter().skip(1).zip(ratios) {
        assert_eq!((&ratio["peer"], &peer["judges"]), (&peer["name"], &false.into()));
        let expected = number(&peers[0], "events_per_second") / number(peer, "events_per_second");
        assert!((number(ratio, "events_per_second") / expected - 1.0).abs() < 1e-9, "{ratio:#}");
    }
}

/// Guarantees: everything that was put into the topic is read from a real Kafka, judged and committed.
#[test]
fn every_sample_of_a_kafka_topic_is_judged() {
    let _alone = crate::support::alone();
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
    let _alone = crate::support::alone();
    for arguments in [
        ["ingest", "--rate", "1500"],
        ["ingest", "--series", "15"],
        ["scale", "--series", "0"],
        ["scale", "--secs", "0"],
        ["backfill", "--days", "0"],
    ] {
        let output = sentinel(&[&["bench"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(arguments[1]), "{}", stderr(&output));
    }
}
