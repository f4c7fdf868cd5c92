//! What does a Prometheus target expose? The text format 0.0.4 and OpenMetrics 1.0.
//!
//! Text: <https://prometheus.io/docs/instrumenting/exposition_formats/>, read leniently as Prometheus does.
//! OpenMetrics: <https://prometheus.io/docs/specs/om/open_metrics_spec/>, read strictly: its rules exist so that a
//! body that was cut off, or two bodies that were mixed, are noticed.

mod family;
mod group;
mod line;
mod openmetrics;

use signal::{Labels, Timestamp};

use crate::limits::checked_labels;
use crate::{Config, Error, Problems, Reason};
use line::{Sample, Scanner};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The format that a `Content-Type` names; text if it names none, as Prometheus assumes.
    pub fn of_content_type(content_type: &str) -> Self {
        let is_open = content_type.to_ascii_lowercase().starts_with("application/openmetrics-text");
        if is_open { Self::OpenMetrics } else { Self::Text }
    }
}

/// What a target says of one request that stands behind a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapedExemplar {
    /// For example `trace_id`.
    pub labels: Labels,
    /// Its own timestamp, if there is one.
    pub time: Option<Timestamp>,
    /// The value of the one request.
    pub value: f64,
}

/// One sample of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapedSample {
    /// Name and labels as the target has them.
    pub labels: Labels,
    /// Of OpenMetrics: one request that stands behind the value.
    pub exemplar: Option<ScrapedExemplar>,
    /// The target's own timestamp, if it sent one.
    pub time: Option<Timestamp>,
    /// The value.
    pub value: f64,
}

/// All samples of a body.
pub type Exposition = Vec<ScrapedSample>;

/// Reads a body. A line that is not of the format is an error with its number; a sample that breaks one of our
/// limits is left out and named in `Problems`.
pub fn parse(body: &[u8], format: Format, config: &Config) -> Result<(Exposition, Problems), Error> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let line = body.iter().take(error.valid_up_to()).filter(|it| **it == b'\n').count() + 1;
        Error::malformed("exposition", format!("line {line}: not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    let mut collector = Collector { config, samples: vec![], problems: Problems::default() };
    match format {
        Format::Text => parse_text(text, &mut collector)?,
        Format::OpenMetrics => openmetrics::parse(text, &mut collector)?,
    }
    Ok((collector.samples, collector.problems))
}

/// Comments, HELP and TYPE tell nothing that is kept; every other line is a sample.
fn parse_text(text: &str, collector: &mut Collector<'_>) -> Result<(), Error> {
    for (idx, line) in text.lines().enumerate() {
        let line = line.trim_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let sample = Scanner::new(line, Format::Text).sample().map_err(|it| at_line(idx, it))?;
        let time = match sample.timestamp {
            None => None,
            Some(text) => {
                let millis = text.parse().map_err(|_| at_line(idx, format!("timestamp {text:?} is no integer")))?;
                Some(Timestamp::from_millis(millis))
            }
        };
        let value =
            value(sample.value).ok_or_else(|| at_line(idx, format!("value {:?} is no number", sample.value)))?;
        collector.add(idx, &sample, time, value);
    }
    Ok(())
}

/// A number as Go and Rust agree to write it, `NaN`, `+Inf` or `-Inf`.
fn value(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn at_line(idx: usize, detail: impl std::fmt::Display) -> Error {
    Error::malformed("exposition", format!("line {}: {detail}", idx + 1))
}

struct Collector<'c> {
    config: &'c Config,
    samples: Exposition,
    problems: Problems,
}

impl Collector<'_> {
    fn add(&mut self, idx: usize, sample: &Sample<'_>, time: Option<Timestamp>, value: f64) {
        if time.is_some_and(|it| !it.is_plausible()) {
            let detail = || format!("line {}: the timestamp is not between 1970 and 2200", idx + 1);
            return self.problems.add(Reason::Timestamp, 1, detail);
        }
        let name = [("__name__", &*sample.name)];
        let pairs: Vec<(&str, &str)> =
            name.into_iter().chain(sample.labels.iter().map(|(name, value)| (&**name, &**value))).collect();
        match checked_labels(&pairs, self.config) {
            Ok(labels) => {
                let exemplar = sample.exemplar.as_ref().and_then(exemplar);
                self.samples.push(ScrapedSample { labels, exemplar, time, value });
            }
            Err((reason, detail)) => self.problems.add(reason, 1, || format!("line {}: {detail}", idx + 1)),
        }
    }
}

/// An exemplar whose numbers were checked with those of its family.
fn exemplar(told: &line::Exemplar<'_>) -> Option<ScrapedExemplar> {
    let labels = Labels::new(told.labels.iter().map(|(name, value)| (&**name, &**value)));
    let time = told.timestamp.and_then(value).map(moment);
    Some(ScrapedExemplar { labels, time, value: value(told.value)? })
}

/// Seconds since 1970; what is absurd is left out later.
fn moment(seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "saturating is wanted")]
    Timestamp::from_millis((seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> Result<Vec<String>, String> {
        let parsed = parse(body.as_bytes(), Format::Text, &Config::default()).map_err(|it| it.to_string())?;
        let print = |it: &ScrapedSample| format!("{} {} {:?}", it.labels, it.value, it.time.map(Timestamp::millis));
        Ok(parsed.0.iter().map(print).collect())
    }

    #[test]
    fn the_text_format_is_read_leniently() {
        let body = "# HELP a helps\n# TYPE a counter\n# just a comment\n\n  a 1\nb{x=\"1\", y = \"a\\\"b\\n\\\\\",}\t2 1700000000000\r\n\
            c +Inf\nd{} NaN\n{\"e.f\",\"g h\"=\"i\"} 3\ng 1e-05";
        assert_eq!(
            text(body).unwrap(),
            [
                "a 1 None",
                "b{x=\"1\",y=\"a\\\"b\\n\\\\\"} 2 Some(1700000000000)",
                "c inf None",
                "d NaN None",
                "e.f{g h=\"i\"} 3 None",
                "g 0.00001 None"
            ]
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (body, expected) in [
            ("a 1\nb\n", "line 2: a value expected"),
            ("a x", "line 1: value \"x\" is no number"),
            ("a 1 1.5", "line 1: timestamp \"1.5\" is no integer"),
            ("a{b=c} 1", "line 1: a quoted value expected"),
            ("a{b=\"c} 1", "line 1: a closing quote expected"),
            ("a{b=\"c\" 1", "line 1: `,` or `}` expected"),
            ("1a 1", "line 1: a metric name expected"),
            ("a 1 2 3", "line 1: end of line expected"),
        ] {
            let error = text(body).unwrap_err();
            assert!(error.contains(expected), "{body}: {error}");
        }
        let error = parse(b"a 1\nb \xff\n", Format::Text, &Config::default()).unwrap_err().to_string();
        assert_eq!(error, "exposition: line 2: not UTF-8 at byte 6");
    }

    #[test]
    fn samples_beyond_the_limits_are_left_out() {
        let body = b"a 1 99999999999999999\nb 1\nc{x=\"1\",x=\"2\"} 1\n";
        let (samples, problems) = parse(body, Format::Text, &Config::default()).unwrap();
        assert_eq!(samples.len(), 1);
        assert_eq!((problems.count(Reason::Timestamp), problems.count(Reason::LabelName)), (1, 1));
    }

    #[test]
    fn an_open_metrics_body_must_be_complete() {
        let open = |body: &str| parse(body.as_bytes(), Format::OpenMetrics, &Config::default());
        assert_eq!(open("a 1 1.5\n# EOF\n").unwrap().0[0].time, Some(Timestamp::from_millis(1500)));
        assert!(open("a 1\n").unwrap_err().to_string().contains("# EOF"));
    }
}
