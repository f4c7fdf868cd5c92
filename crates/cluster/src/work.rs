//! What does the worker of a trace say to the worker of a service? Which operations and calls its spans tell of.
//!
//! A trace lies in one partition, so that the two sides of a call meet; what is usual for a service is counted in another
//! one, where all of its work comes together. A worker that takes a partition of traces over says again what the one before
//! it has said since the saved state: `Mark` says what was heard.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signal::{SpanKind, Timestamp};

use crate::Error;
use crate::span::{kind, put_kind};
use crate::wire::{Reader, put_f64, put_signed, put_text, put_varint};

/// A partition that says nothing for so long is not waited for.
const SILENCE: Duration = Duration::from_secs(90);

/// What the spans of one record tell of.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The partition in which the spans lie.
    pub from: u32,
    /// Which of its records it is.
    pub mark: Mark,
    /// What was done.
    pub tasks: Vec<TaskDone>,
}

/// A place in what one partition says. It grows, for each of both by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// What the spans of the record at this offset tell together with those before.
    Seen(i64),
    /// Calls of which one side came with this record, and the other side never.
    Expired(i64),
    /// Nothing that was taken before this is still to come.
    Until(Timestamp),
}

/// How often one task was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDone {
    /// Who did it: the service, or the caller.
    pub owner: String,
    /// What it did.
    pub what: What,
    /// How long each took, in seconds.
    pub good: Vec<f64>,
    /// The same of those that failed.
    pub failed: Vec<f64>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum What {
    /// An operation of this name, on this side of a call.
    Operation(String, SpanKind),
    /// A call of another service.
    Call(String),
}

/// What was heard of other partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// By partition: the newest of `Seen` and of `Expired`.
    newest: BTreeMap<u32, (Option<i64>, Option<i64>)>,
    /// By partition: what was taken before this has been said, and when that was heard.
    until: BTreeMap<u32, (Timestamp, Timestamp)>,
}

impl Heard {
    /// True if this was heard before; else it is remembered. `now` is the time of the partition that hears it.
    pub fn is_repeat(&mut self, from: u32, mark: Mark, now: Timestamp) -> bool {
        let of = self.newest.entry(from).or_default();
        let (known, new) = match mark {
            Mark::Seen(it) => (&mut of.0, it),
            Mark::Expired(it) => (&mut of.1, it),
            Mark::Until(time) => {
                let known = self.until.get(&from).map_or(Timestamp::MIN, |it| it.0);
                self.until.insert(from, (known.max(time), now));
                return time <= known;
            }
        };
        let is_repeat = known.is_some_and(|it| new <= it);
        if !is_repeat {
            *known = Some(new);
        }
        is_repeat
    }

    /// What was taken before this is complete.
    pub fn complete(&mut self, now: Timestamp) -> Timestamp {
        self.until.retain(|_, (_, heard)| now.since(*heard) < SILENCE);
        self.until.values().map(|it| it.0).min().unwrap_or(now).min(now)
    }
}

/// Adds work.
pub fn put_work(out: &mut Vec<u8>, it: &Work) {
    put_varint(out, u64::from(it.from));
    let (place, offset) = match it.mark {
        Mark::Seen(it) => (0, it),
        Mark::Expired(it) => (1, it),
        Mark::Until(it) => (2, it.millis()),
    };
    out.push(place);
    put_signed(out, offset);
    put_varint(out, it.tasks.len() as u64);
    it.tasks.iter().for_each(|it| put_task(out, it));
}

/// Reads work.
pub fn work(reader: &mut Reader<'_>) -> Result<Work, Error> {
    let from = u32::try_from(reader.varint()?).map_err(|_| reader.unreadable("the number of a partition"))?;
    let mark = match reader.byte()? {
        0 => Mark::Seen(reader.signed()?),
        1 => Mark::Expired(reader.signed()?),
        2 => Mark::Until(reader.time()?),
        _ => return Err(reader.unreadable("a kind of mark")),
    };
    Ok(Work { from, mark, tasks: reader.list(task)? })
}

fn put_task(out: &mut Vec<u8>, it: &TaskDone) {
    put_text(out, &it.owner);
    match &it.what {
        What::Operation(name, kind) => {
            out.push(0);
            put_text(out, name);
            put_kind(out, *kind);
        }
        What::Call(server) => {
            out.push(1);
            put_text(out, server);
        }
    }
    for durations in [&it.good, &it.failed] {
        put_varint(out, durations.len() as u64);
        durations.iter().for_each(|it| put_f64(out, *it));
    }
}

fn task(reader: &mut Reader<'_>) -> Result<TaskDone, Error> {
    let owner = reader.text()?.to_owned();
    let what = match reader.byte()? {
        0 => What::Operation(reader.text()?.to_owned(), kind(reader)?),
        1 => What::Call(reader.text()?.to_owned()),
        _ => return Err(reader.unreadable("an operation or a call")),
    };
    Ok(TaskDone { owner, what, good: reader.list(Reader::f64)?, failed: reader.list(Reader::f64)? })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub fn any_work() -> impl Strategy<Value = Work> {
        let what = prop_oneof![
            (".{0,9}", 0..5_usize).prop_map(|(name, idx)| What::Operation(name, SpanKind::ALL[idx])),
            ".{0,9}".prop_map(What::Call),
        ];
        let durations = || proptest::collection::vec(any::<f64>(), 0..4);
        let task = (".{0,9}", what, durations(), durations());
        let task = task.prop_map(|(owner, what, good, failed)| TaskDone { owner, what, good, failed });
        let mark = (0..3_u8, any::<i64>()).prop_map(|(kind, it)| match kind {
            0 => Mark::Seen(it),
            1 => Mark::Expired(it),
            _ => Mark::Until(Timestamp::from_millis(it)),
        });
        (any::<u32>(), mark, proptest::collection::vec(task, 0..4)).prop_map(|(from, mark, tasks)| Work {
            from,
            mark,
            tasks,
        })
    }

    /// Scenario: a worker says two records and what has expired; its successor begins at the first record again.
    #[test]
    fn what_is_said_again_is_heard_once() {
        let at = Timestamp::from_secs;
        let said = [Mark::Seen(4), Mark::Seen(7), Mark::Expired(4)];
        let mut heard = Heard::default();
        let mut hear = |from, marks: &[Mark]| marks.iter().filter(|it| !heard.is_repeat(from, **it, at(0))).count();
        assert_eq!(hear(1, &said), 3);
        assert_eq!(hear(1, &said), 0);
        assert_eq!(hear(2, &said), 3, "another partition has offsets of its own");
        assert_eq!(hear(1, &[Mark::Expired(5), Mark::Seen(8)]), 2);
    }

    /// Scenario: two partitions say how far they are; one of them falls silent.
    #[test]
    fn a_time_is_complete_when_all_are_past_it_and_nobody_waits_for_ever() {
        let at = Timestamp::from_secs;
        let mut heard = Heard::default();
        assert_eq!(heard.complete(at(5)), at(5), "nobody sends spans");
        heard.is_repeat(0, Mark::Until(at(10)), at(10));
        heard.is_repeat(1, Mark::Until(at(12)), at(12));
        assert_eq!(heard.complete(at(13)), at(10));
        heard.is_repeat(0, Mark::Until(at(30)), at(30));
        assert!(heard.is_repeat(0, Mark::Until(at(20)), at(31)), "a successor says it again");
        assert_eq!(heard.complete(at(40)), at(12));
        heard.is_repeat(0, Mark::Until(at(110)), at(110));
        assert_eq!(heard.complete(at(111)), at(110), "the other one was silent for too long");
    }
}
