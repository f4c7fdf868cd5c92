//! Loki push as JSON: `{"streams":[{"stream":{..},"values":[["<nanoseconds>","<line>",{..}?], ..]}]}`, or as it was before
//! version 1: `{"streams":[{"labels":"{..}","entries":[{"ts":"<RFC 3339>","line":"<line>"}, ..]}]}`.
//!
//! Format: <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>; the older one is in
//! `pkg/util/unmarshal/legacy` of Loki.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use signal::{Labels, LogRecord, Timestamp};

use crate::limits::{checked_labels, cut_line, line_metadata, shortened};
use crate::{Config, Error, Problems, Reason, loki_labels};

/// Metadata keys that say how bad a line is; they become labels.
const LEVEL_KEYS: [&str; 3] = ["level", "severity", "detected_level"];

/// Log lines of a JSON body. Lines that break a rule are left out and named in `Problems`.
pub fn decode_json(body: &[u8], config: &Config) -> Result<(Vec<LogRecord>, Problems), Error> {
    std::str::from_utf8(body)
        .map_err(|error| Error::malformed("the body", format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let push: Push<'_> = serde_json::from_slice(body).map_err(|error| Error::malformed("the body", error))?;
    let mut decoder = Decoder::new(config);
    for (idx, stream) in push.streams.into_iter().enumerate() {
        let missing = |field: &str| Error::malformed("the body", format!("streams[{idx}]: missing field `{field}`"));
        match stream.labels {
            Some(Text(text)) => older(&text, stream.entries.ok_or_else(|| missing("entries"))?, idx, &mut decoder)?,
            None => {
                let pairs = stream.stream.ok_or_else(|| missing("stream"))?;
                newer(&pairs, stream.values.ok_or_else(|| missing("values"))?, idx, &mut decoder)?;
            }
        }
    }
    Ok(decoder.finish())
}

/// A stream of version 1.
fn newer(pairs: &Pairs<'_>, values: Vec<Entry<'_>>, idx: usize, decoder: &mut Decoder<'_>) -> Result<(), Error> {
    let pairs: Vec<(&str, &str)> = pairs.0.iter().map(|(name, value)| (&**name, &**value)).collect();
    let Some(labels) = decoder.stream(&pairs, values.len(), idx) else { return Ok(()) };
    for (value_idx, Entry { nanos, line, metadata }) in values.into_iter().enumerate() {
        let time = nanos.trim().parse::<i64>().map_err(|_| {
            let place = format!("streams[{idx}].values[{value_idx}][0]");
            Error::malformed("timestamp", format!("{place} is {nanos:?}, expected nanoseconds since 1970 as text"))
        })?;
        decoder.line(&labels, Timestamp::from_millis(time.div_euclid(1_000_000)), line, &metadata.0);
    }
    Ok(())
}

/// A stream as it was before, with its labels as text.
fn older(text: &str, entries: Vec<OlderEntry<'_>>, idx: usize, decoder: &mut Decoder<'_>) -> Result<(), Error> {
    let pairs = match loki_labels::pairs(text) {
        Ok(pairs) => pairs,
        Err(detail) => {
            decoder.refuse(entries.len(), || format!("streams[{idx}].labels: {detail}"));
            return Ok(());
        }
    };
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
    let Some(labels) = decoder.stream(&pairs, entries.len(), idx) else { return Ok(()) };
    for (entry_idx, OlderEntry { ts: Text(ts), line: Text(line), metadata }) in entries.into_iter().enumerate() {
        let time = ts.parse::<Timestamp>().map_err(|_| {
            let place = format!("streams[{idx}].entries[{entry_idx}].ts");
            Error::malformed("timestamp", format!("{place} is {ts:?}, expected a time of RFC 3339"))
        })?;
        decoder.line(&labels, time, line, &metadata.0);
    }
    Ok(())
}

/// Applies the rules that JSON and protobuf share.
pub(crate) struct Decoder<'c> {
    config: &'c Config,
    records: Vec<LogRecord>,
    problems: Problems,
}

impl<'c> Decoder<'c> {
    pub(crate) fn new(config: &'c Config) -> Self {
        Self { config, records: vec![], problems: Problems::default() }
    }

    /// The labels of a stream; None (and counted) if they break a rule.
    pub(crate) fn stream(&mut self, pairs: &[(&str, &str)], n_lines: usize, idx: usize) -> Option<Labels> {
        let n_lines = n_lines.max(1) as u64;
        match checked_labels(pairs, self.config) {
            Ok(labels) if labels.is_empty() => {
                let detail = || format!("streams[{idx}]: at least one label is required per stream");
                self.problems.add(Reason::Unnamed, n_lines, detail);
                None
            }
            Ok(labels) => Some(labels),
            Err((reason, detail)) => {
                self.problems.add(reason, n_lines, || format!("streams[{idx}]: {detail}"));
                None
            }
        }
    }

    /// A stream whose labels cannot be read; the other ones are kept.
    pub(crate) fn refuse(&mut self, n_lines: usize, detail: impl FnOnce() -> String) {
        self.problems.add(Reason::Malformed, n_lines.max(1) as u64, detail);
    }

    /// A line that was not UTF-8 and is now.
    pub(crate) const fn repaired(&mut self) {
        self.problems.lines_repaired += 1;
    }

    /// One line of a stream.
    pub(crate) fn line(
        &mut self,
        labels: &Labels,
        time: Timestamp,
        line: Cow<'_, str>,
        metadata: &[(Cow<'_, str>, Cow<'_, str>)],
    ) {
        if !time.is_plausible() {
            let detail = || format!("timestamp: {} ms is not between 1970 and 2200, stream {labels}", time.millis());
            return self.problems.add(Reason::Timestamp, 1, detail);
        }
        let mut labels = labels.clone();
        let is_level = |it: &&(Cow<'_, str>, Cow<'_, str>)| LEVEL_KEYS.contains(&&*it.0);
        for (name, value) in metadata.iter().filter(is_level) {
            labels = labels.with(name, shortened(value, self.config.max_label_value_bytes));
        }
        let others = metadata.iter().filter(|it| !is_level(it)).map(|(name, value)| (&**name, &**value));
        let metadata = line_metadata(others, self.config, &mut self.problems);
        let line = cut_line(line.into_owned(), self.config, &mut self.problems);
        self.records.push(LogRecord { time, labels, line, metadata });
    }

    pub(crate) fn finish(self) -> (Vec<LogRecord>, Problems) {
        (self.records, self.problems)
    }
}

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    streams: Vec<Stream<'a>>,
}

/// Of either version.
#[derive(Deserialize)]
struct Stream<'a> {
    #[serde(borrow)]
    stream: Option<Pairs<'a>>,
    #[serde(borrow)]
    values: Option<Vec<Entry<'a>>>,
    #[serde(borrow)]
    labels: Option<Text<'a>>,
    #[serde(borrow)]
    entries: Option<Vec<OlderEntry<'a>>>,
}

struct Entry<'a> {
    nanos: Cow<'a, str>,
    line: Cow<'a, str>,
    metadata: Pairs<'a>,
}

#[derive(Deserialize)]
struct OlderEntry<'a> {
    #[serde(borrow)]
    ts: Text<'a>,
    #[serde(borrow)]
    line: Text<'a>,
    #[serde(borrow, default, rename = "structuredMetadata")]
    metadata: Pairs<'a>,
}

/// An object of texts in the order of the body, duplicates kept so that they can be refused.
#[derive(Default)]
struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// An instant: text as Loki's manual says, or a number, which Loki takes as well.
#[derive(Deserialize)]
#[serde(untagged)]
enum Nanos<'a> {
    #[serde(borrow)]
    Text(Text<'a>),
    Number(i64),
}

/// Borrowed where JSON allows it (serde's own `Cow` always copies inside containers).
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of texts, for example {\"service\": \"pay\"}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = vec![];
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;
        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = Entry<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an entry of `values`: [\"<nanoseconds>\", \"<line>\"] with optional metadata")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                let missing = |what| A::Error::custom(format!("an entry of `values` lacks its {what}"));
                let nanos = match sequence.next_element()?.ok_or_else(|| missing("timestamp"))? {
                    Nanos::Text(Text(text)) => text,
                    Nanos::Number(number) => number.to_string().into(),
                };
                let Text(line) = sequence.next_element()?.ok_or_else(|| missing("line"))?;
                let metadata = sequence.next_element()?.unwrap_or_default();
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Entry { nanos, line, metadata })
            }
        }
        deserializer.deserialize_seq(EntryVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &str) -> Result<(Vec<LogRecord>, Problems), Error> {
        decode_json(body.as_bytes(), &Config::default())
    }

    #[test]
    fn streams_become_lines() {
        let body = r#"{"streams":[{"stream":{"service":"pay"},"values":[
            ["1700000000000000001","pool \"exhausted\""],
            [1700000000500000000,"x",{"level":"error","trace_id":"abc"}]]}]}"#;
        let (records, problems) = decoded(body).unwrap();
        assert_eq!(problems, Problems::default());
        assert_eq!(records[0].line, "pool \"exhausted\"");
        assert_eq!(records[0].time, Timestamp::from_secs(1_700_000_000));
        assert_eq!((&*records[1].line, records[1].metadata.get("trace_id")), ("x", Some("abc")));
        assert_eq!(records[1].labels.to_string(), r#"{level="error",service="pay"}"#);
    }

    #[test]
    fn mistakes_name_the_field() {
        for (body, expected) in [
            ("{}", "missing field `streams`"),
            (r#"{"streams":[{"stream":{"a":1},"values":[]}]}"#, "invalid type: integer"),
            (r#"{"streams":[{"stream":{"a":"b"},"values":[["1"]]}]}"#, "lacks its line"),
            (r#"{"streams":[{"stream":{"a":"b"},"values":[["soon","x"]]}]}"#, "streams[0].values[0][0] is \"soon\""),
            (r#"{"streams":[{"stream":{"a":"b"},"values":[5]}]}"#, "an entry of `values`"),
            (r#"{"streams":[{"stream":[],"values":[]}]}"#, "an object of texts"),
        ] {
            let error = decoded(body).unwrap_err().to_string();
            assert!(error.contains(expected), "{body}: {error}");
        }
        let error = decode_json(b"{\"streams\": \xff}", &Config::default()).unwrap_err().to_string();
        assert_eq!(error, "the body: not UTF-8 at byte 12");
    }

    /// Guarantees: MUST 872 of docs/specs/ingest.md.
    #[test]
    fn streams_of_before_version_1_become_lines() {
        let body = r#"{"streams":[
            {"labels":"{app=`pay`}","entries":[{"ts":"2023-11-14T23:13:20.5+01:00","line":"a"},
                {"ts":"2023-11-14T22:13:21Z","line":"b","structuredMetadata":{"trace_id":"abc"}}]},
            {"labels":"{app=pay}","entries":[{"ts":"2023-11-14T22:13:20Z","line":"of nobody"}]},
            {"stream":{"app":"cart"},"values":[["1700000000000000000","c"]]}]}"#;
        let (records, problems) = decoded(body).unwrap();
        let found: Vec<(i64, &str)> = records.iter().map(|it| (it.time.millis(), &*it.line)).collect();
        assert_eq!(found, [(1_700_000_000_500, "a"), (1_700_000_001_000, "b"), (1_700_000_000_000, "c")]);
        assert_eq!(records[1].metadata.get("trace_id"), Some("abc"));
        assert_eq!(records[0].labels.to_string(), r#"{app="pay"}"#);
        assert_eq!(problems.count(Reason::Malformed), 1);
        let mistake = problems.mistake().unwrap();
        assert!(mistake.starts_with("streams[1].labels: a quoted value expected at byte 5"), "{mistake}");
        for (stream, expected) in [
            (r#"{"labels":"{a=\"b\"}"}"#, "streams[0]: missing field `entries`"),
            (r#"{"labels":"{a=\"b\"}","entries":[{"ts":"noon","line":"x"}]}"#, "streams[0].entries[0].ts is \"noon\""),
            (r#"{"labels":"{a=\"b\"}","entries":[{"line":"x"}]}"#, "missing field `ts`"),
            (r#"{"values":[]}"#, "streams[0]: missing field `stream`"),
            (r#"{"stream":{"a":"b"}}"#, "streams[0]: missing field `values`"),
        ] {
            let error = decoded(&format!(r#"{{"streams":[{stream}]}}"#)).unwrap_err().to_string();
            assert!(error.contains(expected), "{stream}: {error}");
        }
    }

    #[test]
    fn lines_at_fault_are_left_out_and_the_rest_is_kept() {
        let body = r#"{"streams":[{"stream":{},"values":[["1","x"],["2","y"]]},
            {"stream":{"a":"b"},"values":[["9223372036854775807","far"],["1700000000000000000","kept"]]}]}"#;
        let (records, problems) = decoded(body).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!((problems.count(Reason::Unnamed), problems.count(Reason::Timestamp)), (2, 1));
        assert!(problems.mistake().unwrap().starts_with("streams[0]: at least one label"));
    }
}
