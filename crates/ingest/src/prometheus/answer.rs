//! What does the HTTP API of Prometheus answer? Ranges of points as JSON.
//!
//! API: <https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats>.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use signal::{Point, SeriesPoints, Timestamp};

use crate::limits::checked_labels;
use crate::{Config, Error, Problems, Reason};

/// What an answer gives to its series.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// The name of series that have none, such as sums; "" for none.
    pub name: &'a str,
    /// Further labels of every series.
    pub labels: &'a BTreeMap<String, String>,
}

/// Series of the answer to `query` or `query_range`. A series that breaks a rule is left out and named in `Problems`.
pub fn decode(body: &[u8], naming: Naming<'_>, config: &Config) -> Result<(Vec<SeriesPoints>, Problems), Error> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| Error::malformed("the answer of Prometheus", error))?;
    let Some(data) = answer.data.filter(|_| answer.status == "success") else {
        let detail = format!("{}: {}", answer.error_type.unwrap_or_default(), answer.error.unwrap_or_default());
        return Err(Error::malformed("the answer of Prometheus", detail));
    };
    let mut problems = Problems::default();
    let mut batch = vec![];
    for row in data.result {
        problems.add(Reason::NativeHistogram, row.histograms.len() as u64, String::new);
        batch.extend(row.series(naming, config, &mut problems)?);
    }
    Ok((batch, problems))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
    #[serde(default)]
    error_type: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    result: Vec<Row<'a>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    metric: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// Of a range.
    #[serde(borrow, default)]
    values: Vec<(f64, Number<'a>)>,
    /// Of an instant.
    #[serde(borrow, default)]
    value: Option<(f64, Number<'a>)>,
    #[serde(default)]
    histograms: Vec<IgnoredAny>,
}

/// A number as text, for JSON has no NaN.
#[derive(Deserialize)]
struct Number<'a>(#[serde(borrow)] Cow<'a, str>);

impl Row<'_> {
    fn series(
        self,
        naming: Naming<'_>,
        config: &Config,
        problems: &mut Problems,
    ) -> Result<Option<SeriesPoints>, Error> {
        let mut points = Vec::with_capacity(self.values.len());
        for (seconds, Number(text)) in self.values.into_iter().chain(self.value) {
            let value = text
                .parse()
                .map_err(|_| Error::malformed("the answer of Prometheus", format!("value {text:?} is no number")))?;
            #[expect(clippy::cast_possible_truncation, reason = "saturating is wanted")]
            let time = Timestamp::from_millis((seconds * 1000.0).round() as i64);
            points.push(Point { time, value });
        }
        let n_points = points.len() as u64;
        let mut pairs: Vec<(&str, &str)> = self.metric.iter().map(|(name, value)| (&**name, &**value)).collect();
        let has = |name: &str| self.metric.contains_key(name);
        pairs.extend(naming.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|it| !has(it.0)));
        if !has("__name__") && !naming.name.is_empty() {
            pairs.push(("__name__", naming.name));
        }
        let labels = match checked_labels(&pairs, config) {
            Ok(labels) if labels.name().is_empty() => {
                let detail = || format!("{labels} has no name; give the query one under `queries`");
                problems.add(Reason::Unnamed, n_points.max(1), detail);
                return Ok(None);
            }
            Ok(labels) => labels,
            Err((reason, detail)) => {
                problems.add(reason, n_points.max(1), || detail);
                return Ok(None);
            }
        };
        points.retain(|it| it.time.is_plausible());
        problems.add(Reason::Timestamp, n_points - points.len() as u64, || format!("times of {labels}"));
        points.sort_by_key(|it| it.time);
        Ok((!points.is_empty()).then_some(SeriesPoints { labels, points }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(Vec<String>, Problems), Error> {
        let labels = BTreeMap::from([("cluster".to_owned(), "eu".to_owned())]);
        let (batch, problems) = decode(body.as_bytes(), Naming { name: "sums", labels: &labels }, &Config::default())?;
        let points = |it: &SeriesPoints| -> Vec<String> {
            it.points.iter().map(|it| format!("{}@{}", it.value, it.time.millis())).collect()
        };
        Ok((batch.iter().map(|it| format!("{} {}", it.labels, points(it).join(" "))).collect(), problems))
    }

    #[test]
    fn ranges_and_instants_are_read() {
        let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"up","job":"pay","cluster":"us"},"values":[[1700000000.123,"1"],[1700000015,"NaN"]]},
            {"metric":{},"values":[[1700000000,"+Inf"]],"histograms":[[1700000000,{"count":"1"}]]},
            {"metric":{"__name__":"h"},"histograms":[[1,{}]]}]},"warnings":["x"]}"#;
        let (found, problems) = read(body).unwrap();
        assert_eq!(
            found,
            [
                r#"up{cluster="us",job="pay"} 1@1700000000123 NaN@1700000015000"#,
                r#"sums{cluster="eu"} inf@1700000000000"#
            ]
        );
        assert_eq!(problems.count(Reason::NativeHistogram), 2);
        let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up"},"value":[5,"2"]}]}}"#;
        assert_eq!(read(body).unwrap().0, [r#"up{cluster="eu"} 2@5000"#]);
    }

    #[test]
    fn errors_are_told() {
        for (body, expected) in [
            (r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#, "bad_data: parse error"),
            (r#"{"status":"success"}"#, "the answer of Prometheus"),
            (r#"{"status":"success","data":{"result":[{"metric":{},"values":[[1,"x"]]}]}}"#, "is no number"),
            ("<html>", "expected value"),
        ] {
            let error = read(body).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let body = r#"{"status":"success","data":{"result":[{"metric":{"a":"1"},"values":[[9e99,"1"],[5,"1"]]}]}}"#;
        let (found, problems) = read(body).unwrap();
        assert_eq!((found.len(), problems.count(Reason::Timestamp)), (1, 1));
    }
}
