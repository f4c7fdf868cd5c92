//! How is the value of an expression written? As Prometheus does in JSON:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats>.

use promql::histogram::CUSTOM_SCHEMA;
use promql::{FloatPoint, Histogram, HistogramPoint, Sample, Value};

use super::numbers::{put_text, put_time, put_value};
use super::series::put_labels;

/// Adds `{"resultType":..,"result":..`, without the last brace, so that more can stand beside it.
pub fn put_value_of(out: &mut String, value: &Value) {
    match value {
        Value::Vector(all) => {
            out.push_str("{\"resultType\":\"vector\",\"result\":[");
            for (idx, one) in all.iter().enumerate() {
                out.push_str(if idx == 0 { "{\"metric\":" } else { ",{\"metric\":" });
                put_labels(out, &one.labels);
                match &one.value {
                    Sample::Float(value) => {
                        out.push_str(",\"value\":");
                        put_float(out, one.time, *value);
                    }
                    Sample::Histogram(value) => {
                        out.push_str(",\"histogram\":");
                        put_histogram_at(out, one.time, value);
                    }
                }
                out.push('}');
            }
            out.push(']');
        }
        Value::Matrix(all) => {
            out.push_str("{\"resultType\":\"matrix\",\"result\":[");
            for (idx, one) in all.iter().enumerate() {
                out.push_str(if idx == 0 { "{\"metric\":" } else { ",{\"metric\":" });
                put_labels(out, &one.labels);
                put_floats(out, &one.floats);
                put_histograms(out, &one.histograms);
                out.push('}');
            }
            out.push(']');
        }
        Value::Scalar(time, value) => {
            out.push_str("{\"resultType\":\"scalar\",\"result\":");
            put_float(out, *time, *value);
        }
        Value::Text(time, text) => {
            out.push_str("{\"resultType\":\"string\",\"result\":[");
            put_time(out, *time);
            out.push(',');
            put_text(out, text);
            out.push(']');
        }
    }
}

fn put_floats(out: &mut String, points: &[FloatPoint]) {
    if points.is_empty() {
        return;
    }
    out.push_str(",\"values\":[");
    for (idx, point) in points.iter().enumerate() {
        out.push_str(if idx == 0 { "" } else { "," });
        put_float(out, point.time, point.value);
    }
    out.push(']');
}

fn put_histograms(out: &mut String, points: &[HistogramPoint]) {
    if points.is_empty() {
        return;
    }
    out.push_str(",\"histograms\":[");
    for (idx, point) in points.iter().enumerate() {
        out.push_str(if idx == 0 { "" } else { "," });
        put_histogram_at(out, point.time, &point.value);
    }
    out.push(']');
}

fn put_float(out: &mut String, time: i64, value: f64) {
    out.push('[');
    put_time(out, time);
    out.push_str(",\"");
    put_value(out, value);
    out.push_str("\"]");
}

fn put_histogram_at(out: &mut String, time: i64, histogram: &Histogram) {
    out.push('[');
    put_time(out, time);
    out.push_str(",{\"count\":\"");
    put_value(out, histogram.count);
    out.push_str("\",\"sum\":\"");
    put_value(out, histogram.sum);
    out.push('"');
    let mut is_first = true;
    for (rule, left, right, count) in buckets(histogram) {
        out.push_str(if is_first { ",\"buckets\":[" } else { "," });
        is_first = false;
        out.push_str(&format!("[{rule},\""));
        put_value(out, left);
        out.push_str("\",\"");
        put_value(out, right);
        out.push_str("\",\"");
        put_value(out, count);
        out.push_str("\"]");
    }
    out.push_str(if is_first { "}]" } else { "]}]" });
}

/// Which ends of a bucket belong to it: 0 the right one, 1 the left one, 3 both; its ends; its count. In order of value.
fn buckets(histogram: &Histogram) -> Vec<(u8, f64, f64, f64)> {
    let bound = |index: i32| bound(histogram, index);
    let negative = histogram.negative.iter().rev().map(|it| (1, -bound(it.index), -bound(it.index - 1), it.count));
    let threshold = histogram.zero_threshold;
    let zero = (histogram.zero_count != 0.0).then_some((3, -threshold, threshold, histogram.zero_count));
    let positive = histogram.positive.iter().map(|it| (0, bound(it.index - 1), bound(it.index), it.count));
    negative.chain(zero).chain(positive).filter(|it| it.3 != 0.0).collect()
}

/// The upper bound of the bucket with this index.
fn bound(histogram: &Histogram, index: i32) -> f64 {
    if histogram.schema == CUSTOM_SCHEMA {
        return match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(index) => histogram.custom_bounds.get(index).copied().unwrap_or(f64::INFINITY),
        };
    }
    let bound = (f64::from(index) * f64::from(-histogram.schema).exp2()).exp2();
    bound.min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use promql::histogram::Bucket;
    use promql::{MatrixSeries, VectorSample};
    use signal::Labels;

    use super::*;

    fn check(value: &Value, json: &str) {
        let mut out = String::new();
        put_value_of(&mut out, value);
        out.push('}');
        assert_eq!(out, json);
        serde_json::from_str::<serde_json::Value>(&out).unwrap();
    }

    #[test]
    fn answers_are_those_of_prometheus() {
        check(&Value::Scalar(1_000, 2.0), r#"{"resultType":"scalar","result":[1,"2"]}"#);
        check(&Value::Text(1_500, "a\"".to_owned()), r#"{"resultType":"string","result":[1.500,"a\""]}"#);
        check(&Value::Vector(vec![]), r#"{"resultType":"vector","result":[]}"#);
        let labels = Labels::metric("up", &[("job", "a")]);
        let sample = VectorSample { labels: labels.clone(), time: 1, value: Sample::Float(f64::INFINITY) };
        let json =
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[0.001,"+Inf"]}]}"#;
        check(&Value::Vector(vec![sample]), json);
        let floats = vec![FloatPoint { time: 0, value: 1.0 }, FloatPoint { time: 15_000, value: f64::NAN }];
        let series = MatrixSeries { labels, floats, histograms: vec![] };
        let json = r#"{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[0,"1"],[15,"NaN"]]}]}"#;
        check(&Value::Matrix(vec![series]), json);
    }

    #[test]
    fn histograms_have_their_buckets_in_order() {
        let histogram = Histogram {
            schema: 0,
            zero_threshold: 0.001,
            zero_count: 2.0,
            count: 9.0,
            sum: 12.5,
            positive: vec![Bucket { index: 1, count: 3.0 }, Bucket { index: 2, count: 0.0 }],
            negative: vec![Bucket { index: 0, count: 1.0 }, Bucket { index: 2, count: 3.0 }],
            ..Histogram::default()
        };
        let sample = VectorSample { labels: Labels::default(), time: 0, value: Sample::Histogram(Arc::new(histogram)) };
        let json = r#"{"resultType":"vector","result":[{"metric":{},"histogram":[0,{"count":"9","sum":"12.5","buckets":[[1,"-4","-2","3"],[1,"-1","-0.5","1"],[3,"-0.001","0.001","2"],[0,"1","2","3"]]}]}]}"#;
        check(&Value::Vector(vec![sample]), json);
        let custom = Histogram { schema: CUSTOM_SCHEMA, custom_bounds: Arc::from([0.5, 1.0]), ..Histogram::default() };
        assert_eq!([-1, 0, 1, 2].map(|it| bound(&custom, it)), [f64::NEG_INFINITY, 0.5, 1.0, f64::INFINITY]);
    }
}
