//! Are targets scraped over HTTP with the labels, `up` and the staleness markers of Prometheus?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use axum::routing::get;
use ingest::{Config, Counts, ScrapeConfig};
use signal::SeriesPoints;
use tokio::sync::watch;

use crate::fake::{Recorder, StillClock};

fn values(recorder: &Recorder, series: &str) -> Vec<f64> {
    let is_it = |it: &&SeriesPoints| it.labels.to_string().starts_with(series);
    recorder.samples.lock().unwrap().iter().filter(is_it).map(|it| it.points[0].value).collect()
}

/// Guarantees: MUST 42, 43 and 44 of docs/specs/ingest.md.
#[tokio::test]
async fn a_series_that_vanishes_and_a_target_that_fails_are_marked() {
    let scrapes = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let scrape = scrapes.fetch_add(1, Ordering::SeqCst);
        async move {
            match scrape {
                0 => Ok(
                    "# TYPE requests_total counter\nrequests_total{job=\"inner\"} 5\ntemperature 20\nstamped 1 1600000000000\n",
                ),
                1 => Ok("requests_total{job=\"inner\"} 6\n"),
                _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        axum::serve(listener, axum::Router::new().route("/metrics", get(answer))).await.unwrap();
    });
    let recorder = Arc::new(Recorder::default());
    let (stop, shutdown) = watch::channel(false);
    let config = ScrapeConfig {
        job: "shop".to_owned(),
        targets: vec![address.to_string()],
        interval_secs: 1,
        timeout_secs: 1,
        ..ScrapeConfig::default()
    };
    let counts = Arc::new(Counts::default());
    let task = ingest::scrape(config, Config::default(), recorder.clone(), Arc::new(StillClock), counts, shutdown);
    let task = tokio::spawn(task);
    recorder.wait_until(|it| values(it, "up").len() >= 3).await;
    stop.send(true).unwrap();
    task.await.unwrap();
    server.abort();

    let labels = format!(r#"{{exported_job="inner",instance="{address}",job="shop"}}"#);
    let requests = values(&recorder, &format!("requests_total{labels}"));
    assert_eq!(requests[..2], [5.0, 6.0]);
    assert_eq!(requests[2].to_bits(), 0x7ff0_0000_0000_0002);
    let temperature = values(&recorder, "temperature");
    assert_eq!(temperature[0], 20.0);
    assert_eq!(temperature[1].to_bits(), 0x7ff0_0000_0000_0002);
    // A series with timestamps of its own is not marked.
    assert_eq!(values(&recorder, "stamped"), [1.0]);
    assert_eq!(values(&recorder, "up")[..3], [1.0, 1.0, 0.0]);
    assert!(values(&recorder, "scrape_duration_seconds").iter().all(|it| *it > 0.0));
    assert_eq!(values(&recorder, "scrape_samples_scraped")[..2], [3.0, 1.0]);
}
