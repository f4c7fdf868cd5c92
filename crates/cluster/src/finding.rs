//! What do workers and gateways say to the responder? Anomalies, what is compared over all partitions, changes,
//! alerts of other systems, and that they are there.
//!
//! Layout: layout u8, kind u8, then items up to the end of the record. All of it goes through one partition, so that the
//! responder hears everything in the order in which one worker said it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use signal::{Anomaly, Change, Labels, Timestamp};

use crate::Error;
use crate::wire::{Reader, put_f64, put_labels, put_score, put_text, put_time};

const LAYOUT: u8 = 1;
/// A record is ended when it has so many bytes.
const RECORD_BYTES: usize = 256 * 1024;

/// Something found by a worker, or told by a gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Anomalies that begin, go on or are over.
    Anomalies(Vec<Anomaly>),
    /// Points of series that are compared with each other, wherever their partitions are.
    Samples(Vec<Sample>),
    /// Labels that say who calls whom and what runs where.
    Places(Vec<Labels>),
    /// Deploys and other changes.
    Changes(Vec<Change>),
    /// A worker is there.
    Presence(Presence),
    /// Alerts of other systems.
    Alerts(Vec<Alert>),
}

/// An alert of another system, as a gateway took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its labels: the same labels are the same alert.
    pub labels: Labels,
    /// What it says.
    pub summary: String,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// When it ends, or has ended, if nobody says otherwise until then.
    pub ends_at: Timestamp,
    /// When the gateway took it.
    pub received: Timestamp,
}

/// A point of a series that is compared with others.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The series.
    pub labels: Labels,
    /// When it was measured.
    pub time: Timestamp,
    /// The value (for a counter: its rate per second).
    pub y: f64,
    /// Usual seconds between the points of the series.
    pub interval_secs: f64,
}

/// What a worker says of itself every few seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Its name, unique among the workers.
    pub worker: String,
    /// Where it can be asked, for example `http://10.0.0.7:8080`.
    pub address: String,
    /// The partitions that it answers for.
    pub partitions: Vec<u32>,
    /// Records that wait for it, over all its partitions.
    pub lag: u64,
    /// Anomalies that it has told since it was started.
    pub anomalies: u64,
    /// When it said this.
    pub time: Timestamp,
}

impl Finding {
    /// The records that say this; none if there is nothing to say.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Anomalies(all) => records(1, all, put_anomaly),
            Self::Samples(all) => records(2, all, put_sample),
            Self::Places(all) => records(3, all, put_labels),
            Self::Changes(all) => records(4, all, put_json),
            Self::Presence(one) => records(5, std::slice::from_ref(one), put_json),
            Self::Alerts(all) => records(6, all, put_json),
        }
    }

    /// Reads one record.
    ///
    /// # Errors
    /// It is of another layout, or its bytes are not what `encode` writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, LAYOUT)?;
        Ok(match reader.byte()? {
            1 => Self::Anomalies(items(&mut reader, anomaly)?),
            2 => Self::Samples(items(&mut reader, sample)?),
            3 => Self::Places(items(&mut reader, Reader::labels)?),
            4 => Self::Changes(items(&mut reader, json)?),
            5 => Self::Presence(json(&mut reader)?),
            6 => Self::Alerts(items(&mut reader, json)?),
            _ => return Err(reader.unreadable("a kind of finding")),
        })
    }
}

fn records<T>(kind: u8, all: &[T], put: impl Fn(&mut Vec<u8>, &T)) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> = vec![];
    for one in all {
        match records.last_mut().filter(|it| it.len() < RECORD_BYTES) {
            Some(open) => put(open, one),
            None => {
                let mut record = vec![LAYOUT, kind];
                put(&mut record, one);
                records.push(record);
            }
        }
    }
    records
}

fn items<'a, T>(reader: &mut Reader<'a>, one: impl Fn(&mut Reader<'a>) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    let mut items = vec![];
    while !reader.is_empty() {
        items.push(one(reader)?);
    }
    Ok(items)
}

fn put_anomaly(out: &mut Vec<u8>, it: &Anomaly) {
    put_labels(out, &it.labels);
    put_json(out, &it.kind);
    put_json(out, &it.direction);
    put_json(out, &it.severity);
    put_time(out, it.onset);
    put_time(out, it.time);
    out.push(u8::from(it.is_over));
    put_score(out, &it.score);
    put_text(out, &it.explanation);
}

fn anomaly(reader: &mut Reader<'_>) -> Result<Anomaly, Error> {
    Ok(Anomaly {
        labels: reader.labels()?,
        kind: json(reader)?,
        direction: json(reader)?,
        severity: json(reader)?,
        onset: reader.time()?,
        time: reader.time()?,
        is_over: reader.byte()? != 0,
        score: reader.score()?,
        explanation: reader.text()?.to_owned(),
    })
}

fn put_sample(out: &mut Vec<u8>, it: &Sample) {
    put_labels(out, &it.labels);
    put_time(out, it.time);
    put_f64(out, it.y);
    put_f64(out, it.interval_secs);
}

fn sample(reader: &mut Reader<'_>) -> Result<Sample, Error> {
    Ok(Sample { labels: reader.labels()?, time: reader.time()?, y: reader.f64()?, interval_secs: reader.f64()? })
}

/// Whatever has no number that could be NaN: names of kinds, changes.
fn put_json<T: Serialize>(out: &mut Vec<u8>, it: &T) {
    put_text(out, &serde_json::to_string(it).expect("plain data can be written"));
}

fn json<T: DeserializeOwned>(reader: &mut Reader<'_>) -> Result<T, Error> {
    let text = reader.text()?;
    serde_json::from_str(text).map_err(|_| reader.unreadable("JSON of the kind of finding"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use signal::{AnomalyKind, ChangeKind, Direction, Score, Severity};

    use super::*;

    fn one_of_each() -> Vec<Finding> {
        let labels = Labels::metric("latency", &[("service", "pay"), ("host", "web-1")]);
        let time = Timestamp::from_secs(100);
        let anomaly = Anomaly {
            labels: labels.clone(),
            kind: AnomalyKind::LevelShift,
            direction: Direction::Below,
            onset: Timestamp::from_secs(90),
            time,
            score: Score { value: f64::INFINITY, is_ready: true, is_provisional: false, ..Score::warming_up(3.0) },
            severity: Severity::Critical,
            is_over: true,
            explanation: "lower than ever".to_owned(),
        };
        let change = Change {
            time,
            service: "pay".to_owned(),
            kind: ChangeKind::Deploy,
            title: "pay 2.0".to_owned(),
            version: Some("2.0".to_owned()),
        };
        let presence = Presence {
            worker: "worker-1".to_owned(),
            address: "http://127.0.0.1:8081".to_owned(),
            partitions: vec![0, 4],
            lag: 7,
            anomalies: 3,
            time,
        };
        vec![
            Finding::Anomalies(vec![anomaly.clone(), anomaly]),
            Finding::Samples(vec![Sample { labels: labels.clone(), time, y: 1.5, interval_secs: 1.0 }]),
            Finding::Places(vec![labels]),
            Finding::Changes(vec![change]),
            Finding::Presence(presence),
            Finding::Alerts(vec![Alert {
                labels: Labels::new([("alertname", "Slow")]),
                summary: "slow".to_owned(),
                starts_at: time,
                ends_at: Timestamp::from_secs(500),
                received: Timestamp::from_secs(101),
            }]),
        ]
    }

    #[test]
    fn what_is_written_is_read_back() {
        for finding in one_of_each() {
            let records = finding.encode();
            assert_eq!(records.len(), 1, "{finding:?}");
            assert_eq!(Finding::decode(&records[0]).unwrap(), finding);
        }
        assert!(Finding::Anomalies(vec![]).encode().is_empty());
    }

    #[test]
    fn what_is_cut_is_refused() {
        for record in one_of_each().iter().flat_map(Finding::encode) {
            assert!(Finding::decode(&record[..record.len() - 1]).is_err());
            assert!(Finding::decode(&record[1..]).is_err());
        }
    }

    #[test]
    fn many_become_several_records() {
        let labels: Vec<Labels> = (0..20_000).map(|it| Labels::metric("m", &[("idx", &it.to_string())])).collect();
        let records = Finding::Places(labels.clone()).encode();
        assert!(records.len() > 1);
        let read = records.iter().flat_map(|it| match Finding::decode(it).unwrap() {
            Finding::Places(it) => it,
            other => panic!("{other:?}"),
        });
        assert_eq!(read.collect::<Vec<_>>(), labels);
    }

    proptest! {
        #[test]
        fn no_bytes_harm(kind in 0_u8..7, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Finding::decode(&[&[LAYOUT, kind][..], &bytes].concat());
        }
    }
}
