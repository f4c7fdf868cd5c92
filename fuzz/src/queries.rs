//! Do queries of strangers hold? What parses is printed and parsed again to the same, and is evaluated within its limits.

use std::cell::Cell;
use std::sync::OnceLock;

use promql::script::ScriptStore;
use promql::{Engine, Limits, Query, Stop};
use signal::Timestamp;

/// Series of every kind: counters that fall, gaps, stale ends, classic and native histograms.
const SERIES: &str = r#"
    a_total{x="1", y="p"} 0+5x20
    a_total{x="2", y="q"} 0+7x8 1+2x8
    b{x="1"} 1 _ 3 NaN -Inf stale 5 _x5 6
    c_bucket{le="1"} 1+1x20
    c_bucket{le="+Inf"} 1+3x20
    h{x="1"} {{schema:0 sum:5 count:4 buckets:[1 2 1] z_bucket:1 z_bucket_w:0.1}}+{{count:3 buckets:[1 0 2]}}x20
    h{x="2"} {{schema:-53 sum:5 count:4 custom_values:[1 2] buckets:[1 2 1]}}x20
    target_info{x="1", job="j"} 1x20
"#;

/// How often a query may go on after it was asked whether it shall stop.
const MAX_CHECKS: usize = 20_000;

fn store() -> &'static ScriptStore {
    static STORE: OnceLock<ScriptStore> = OnceLock::new();
    STORE.get_or_init(|| promql::script::load(15_000, SERIES).expect("the series are in the language"))
}

/// A query.
pub fn promql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let expr = match promql::parse(text) {
        Ok(expr) => expr,
        Err(error) => {
            assert!(!error.describe(text).is_empty());
            return;
        }
    };
    let printed = expr.to_string();
    match promql::parse(&printed) {
        Ok(again) => assert_eq!(again.to_string(), printed),
        Err(error) => panic!("{text:?} is printed as {printed:?}: {}", error.describe(&printed)),
    }
    for delays_name_removal in [false, true] {
        let limits = Limits { max_samples: 50_000, max_steps: 100, delays_name_removal, ..Limits::default() };
        let engine = Engine::new(limits);
        for step_millis in [0, 20_000] {
            let checks = Cell::new(0);
            let stop = || {
                checks.set(checks.get() + 1);
                (checks.get() > MAX_CHECKS).then_some(Stop::Timeout)
            };
            let start = Timestamp::from_secs(120);
            let end = if step_millis == 0 { start } else { Timestamp::from_secs(240) };
            let query = Query { text, start, end, step_millis, lookback_millis: None, stop: &stop };
            if let Err(error) = engine.run(store(), &query) {
                assert!(!error.to_string().is_empty() && !error.error_type().is_empty());
            }
        }
    }
}
