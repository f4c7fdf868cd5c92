//! Do queries hold whatever they are made of? Printing and parsing agree, and evaluation neither panics nor differs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::cell::Cell;

use promql::script::ScriptStore;
use promql::{Engine, Limits, Query, QueryError, Sample, Stop, Value};
use proptest::prelude::*;
use signal::Timestamp;

const SERIES: &str = r#"
    a{x="1", y="p"} 0+5x20
    a{x="2", y="q"} 0+7x8 1+2x8
    b{x="1"} 1 _ 3 NaN -Inf stale 5 _x5 6
    c_bucket{le="1"} 1+1x20
    c_bucket{le="+Inf"} 1+3x20
    h{x="1"} {{schema:0 sum:5 count:4 buckets:[1 2 1]}}+{{sum:2 count:3 buckets:[1 0 2]}}x20
    h{x="2"} {{schema:-53 sum:5 count:4 custom_values:[1 2] buckets:[1 2 1]}}x20
"#;

fn store() -> ScriptStore {
    promql::script::load(15_000, SERIES).unwrap()
}

/// Range vectors.
fn windows() -> impl Strategy<Value = String> {
    let selector = prop::sample::select(vec!["a", "b", "c_bucket", "h", "{x=~\"1|2\"}", "a{y!=\"p\"}"]);
    let range = prop::sample::select(vec!["[1m]", "[45s] offset 7s", "[2m:20s]", "[step()+30s]", "[1m] @ end()"]);
    (selector, range).prop_map(|(selector, range)| format!("{selector}{range}"))
}

/// Instant vectors, nested a little.
fn vectors() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["a", "b", "h", "c_bucket", "{x=\"1\"}", "a smoothed", "vector(3)", "absent(z)"])
            .prop_map(str::to_owned),
        (
            prop::sample::select(vec![
                "rate",
                "increase",
                "delta",
                "irate",
                "deriv",
                "changes",
                "resets",
                "avg_over_time",
                "sum_over_time",
                "max_over_time",
                "last_over_time",
                "stddev_over_time",
                "mad_over_time",
            ]),
            windows()
        )
            .prop_map(|(function, window)| format!("{function}({window})")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let aggregators = vec!["sum", "avg", "min", "max", "count", "stddev", "group"];
        let groupings = vec!["", "by (x)", "without (y)", "by (__name__)"];
        let operators = vec!["+", "-", "*", "/", "%", "^", "==", "> bool", "<=", "and", "or", "unless on (x)", "</"];
        prop_oneof![
            (prop::sample::select(aggregators), prop::sample::select(groupings), inner.clone())
                .prop_map(|(it, grouping, arg)| format!("{it} {grouping} ({arg})")),
            (inner.clone(), prop::sample::select(operators), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left}) {operator} ({right})")),
            (prop::sample::select(vec!["abs", "sort", "timestamp", "histogram_count", "hour", "sgn"]), inner.clone())
                .prop_map(|(function, arg)| format!("{function}({arg})")),
            (0.0..1.0_f64, inner.clone()).prop_map(|(q, arg)| format!("histogram_quantile({q}, {arg})")),
            (1..4_u8, inner.clone()).prop_map(|(k, arg)| format!("topk({k}, {arg})")),
            inner.prop_map(|arg| format!("-{arg}")),
        ]
    })
}

/// Bits of all values at one time, by labels.
fn at(value: &Value, time: i64) -> Vec<(String, String)> {
    let text = |it: &Sample| match it {
        Sample::Float(value) if value.is_nan() => "NaN".to_owned(),
        Sample::Float(value) => value.to_string(),
        Sample::Histogram(it) => it.to_string(),
    };
    let mut found: Vec<_> = match value {
        Value::Vector(vector) => vector.iter().map(|it| (it.labels.to_string(), text(&it.value))).collect(),
        Value::Matrix(matrix) => matrix
            .iter()
            .flat_map(|series| {
                let floats = series.floats.iter().filter(|it| it.time == time).map(|it| Sample::Float(it.value));
                let histograms = series.histograms.iter().filter(|it| it.time == time);
                let all = floats.chain(histograms.map(|it| Sample::Histogram(it.value.clone())));
                all.map(|it| (series.labels.to_string(), text(&it))).collect::<Vec<_>>()
            })
            .collect(),
        other => panic!("{other:?}"),
    };
    found.sort();
    found
}

proptest! {
    /// Guarantees: MUST 320 of docs/specs/promql.md.
    #[test]
    fn no_text_breaks_the_parser(text in "\\PC{0,60}|[a-z0-9(){}\\[\\]:@,=~!<>/+*^%\"' ]{0,60}") {
        if let Err(error) = promql::parse(&text) {
            prop_assert!(error.describe(&text).contains("parse error: "));
        }
    }

    /// Guarantees: MUST 321 of docs/specs/promql.md.
    #[test]
    fn what_is_printed_parses_to_the_same(text in vectors()) {
        if let Ok(expr) = promql::parse(&text) {
            let printed = expr.to_string();
            let again = promql::parse(&printed).map_err(|it| TestCaseError::fail(it.describe(&printed)))?;
            prop_assert_eq!(again.to_string(), printed);
        }
    }

    /// A range query has at each step what an instant query has at that time. Guarantees: MUST 300.
    #[test]
    fn ranges_are_made_of_instants(text in vectors()) {
        let (store, step) = (store(), 40_000);
        let (start, end) = (60_000, 220_000);
        // What depends on the range of the query is another query at each time.
        let depends = ["step()", "end()"].iter().any(|it| text.contains(it));
        let engine = Engine::new(Limits { delays_name_removal: true, ..Limits::default() });
        let of = Timestamp::from_millis;
        let Ok(range) = engine.range(&store, &text, of(start), of(end), step) else { return Ok(()) };
        for time in (start..=end).step_by(40_000) {
            let instant = engine.instant(&store, &text, of(time));
            if depends {
                continue;
            }
            let instant = instant.map_err(|it| TestCaseError::fail(format!("{text}: {it}")))?;
            prop_assert_eq!(at(&instant.value, time), at(&range.value, time), "{} at {}", text, time);
        }
    }
}

proptest! {
    /// When names go makes no difference but for what fails. Guarantees: MUST 301 of docs/specs/promql.md.
    #[test]
    fn names_that_go_later_change_no_value(text in vectors()) {
        let (store, time) = (store(), Timestamp::from_secs(150));
        let ask = |delays_name_removal| {
            Engine::new(Limits { delays_name_removal, ..Limits::default() }).instant(&store, &text, time)
        };
        // Grouping by the name shows whether it is there still.
        if let (Ok(early), Ok(late), false) = (ask(false), ask(true), text.contains("__name__")) {
            prop_assert_eq!(at(&early.value, 150_000), at(&late.value, 150_000), "{}", text);
        }
    }
}

/// Guarantees: MUST 322 of docs/specs/promql.md.
#[test]
fn a_query_ends_where_its_limits_are() {
    let of = Timestamp::from_secs;
    let small = Engine::new(Limits { max_samples: 30, ..Limits::default() });
    let error = small.range(&store(), "a + a", of(0), of(300), 15_000).unwrap_err();
    assert_eq!(error.error_type(), "execution");
    let error = small.instant(&store(), "sum_over_time(vector(1)[1y:1ms])", of(300)).unwrap_err();
    assert_eq!(error.error_type(), "execution");
    let few = Engine::new(Limits { max_steps: 10, ..Limits::default() });
    let error = few.range(&store(), "a", of(0), of(300), 15_000).unwrap_err();
    assert!(error.to_string().starts_with("exceeded maximum resolution of 10 points per timeseries"), "{error}");
}

/// Guarantees: MUST 323 of docs/specs/promql.md.
#[test]
fn a_query_ends_when_it_shall_stop() {
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        (asked.get() > 3).then_some(Stop::Timeout)
    };
    let time = Timestamp::from_secs(60);
    let query =
        Query { text: "a + a + a + a", start: time, end: time, step_millis: 0, lookback_millis: None, stop: &stop };
    let error = Engine::new(Limits::default()).run(&store(), &query).unwrap_err();
    assert_eq!(error, QueryError::Timeout);
}

/// The deepest queries fit on the stack of a thread, deeper ones are refused. Guarantees: MUST 320.
#[test]
fn depth_is_bounded() {
    let ask = |query: &str| Engine::new(Limits::default()).range(&store(), query, at_secs(60), at_secs(120), 15_000);
    let refused = |query: &str| ask(query).is_err_and(|it| it.to_string().contains("nested more than"));
    let chain = |count: usize| vec!["a"; count].join(" + ");
    let calls = |count: usize| format!("{}a{}", "abs(".repeat(count), ")".repeat(count));
    let signs = |count: usize| format!("{}a", "-".repeat(count));
    let durations = |count: usize| format!("rate(a[{}])", vec!["1m"; count].join("+"));
    let subqueries = |count: usize| format!("{}a{}", "last_over_time(".repeat(count), "[1m:20s])".repeat(count));
    for (query, count) in [(chain as fn(usize) -> String, 290), (calls, 140), (signs, 140), (durations, 280)] {
        ask(&query(count)).unwrap();
        assert!(refused(&query(20_000)), "{}", &query(3));
    }
    ask(&subqueries(10)).unwrap();
    assert!(refused(&subqueries(20_000)));
}

fn at_secs(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// Guarantees: MUST 320 and 324 of docs/specs/promql.md.
#[test]
fn bad_queries_are_told_with_their_places() {
    let text = |query: &str| promql::parse(query).unwrap_err().describe(query);
    assert_eq!(text("sum(a"), "1:6: parse error: unclosed left parenthesis");
    assert_eq!(text("a)"), "1:2: parse error: unexpected right parenthesis ')'");
    assert_eq!(text(""), "1:1: parse error: no expression found in input");
    assert_eq!(text("a\n  + foo(b)"), "2:5: parse error: unknown function with name \"foo\"");
    assert_eq!(
        text("rate(a)"),
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"
    );
    assert_eq!(text("1 > 2"), "1:1: parse error: comparisons between scalars must use BOOL modifier");
    assert_eq!(text("{x=~\".*\"}"), "1:1: parse error: vector selector must contain at least one non-empty matcher");
    assert!(text(&"(".repeat(5000)).contains("nested more than"));
}
