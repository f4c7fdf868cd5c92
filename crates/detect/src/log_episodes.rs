//! Which anomalies of log lines go on, and when are they over?
//!
//! ```text
//! -- found --> Open -- not confirmed for quiet_secs, ended, or adopted as usual after adopt_after_secs --> gone
//! ```

use std::collections::HashMap;

use signal::{Anomaly, AnomalyKind, Timestamp};

/// An open anomaly is told again after so many milliseconds.
const REPEAT_MILLIS: i64 = 10_000;
/// Anomalies that wait for the next tick.
const LONGEST_QUEUE: usize = 10_000;

/// What an anomaly is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub kind: AnomalyKind,
    pub service: u32,
    pub template: u64,
    /// Which variable of the line, and the side.
    pub place: u8,
}

#[derive(Debug)]
struct Open {
    anomaly: Anomaly,
    since: i64,
    newest: i64,
    told_at: i64,
}

/// Open anomalies, and what is to be told of them.
#[derive(Debug)]
pub(crate) struct Episodes {
    open: HashMap<Subject, Open>,
    queue: Vec<Anomaly>,
    max_open: usize,
    pub begun: u64,
    pub dropped: u64,
}

impl Episodes {
    pub fn new(max_open: usize) -> Self {
        Self { open: HashMap::new(), queue: vec![], max_open, begun: 0, dropped: 0 }
    }

    /// It is so now. `describe` is only asked when there is something to tell.
    pub fn found(&mut self, subject: Subject, time: i64, describe: impl FnOnce() -> Anomaly) {
        if let Some(open) = self.open.get_mut(&subject) {
            open.newest = open.newest.max(time);
            if time - open.told_at >= REPEAT_MILLIS {
                open.told_at = time;
                open.anomaly = Anomaly { onset: open.anomaly.onset, ..describe() };
                let anomaly = open.anomaly.clone();
                self.tell(anomaly);
            }
            return;
        }
        if self.open.len() >= self.max_open {
            self.dropped += 1;
            return;
        }
        let anomaly = describe();
        self.begun += 1;
        self.open.insert(subject, Open { anomaly: anomaly.clone(), since: time, newest: time, told_at: time });
        self.tell(anomaly);
    }

    /// Since when it goes on, in milliseconds.
    pub fn since(&self, subject: &Subject) -> Option<i64> {
        self.open.get(subject).map(|it| it.since)
    }

    /// It is over.
    pub fn end(&mut self, subject: &Subject, time: i64) {
        if let Some(open) = self.open.remove(subject) {
            self.tell(over(open.anomaly, time));
        }
    }

    /// Ends what was not confirmed lately, and what has gone on for so long that it is usual: that is returned.
    pub fn tick(&mut self, now: i64, quiet_millis: i64, adopt_millis: i64) -> Vec<Subject> {
        let mut adopted = vec![];
        let mut ended = vec![];
        for (subject, open) in &self.open {
            if now - open.since > adopt_millis {
                adopted.push(*subject);
            } else if now - open.newest > quiet_millis {
                ended.push((*subject, open.newest));
            }
        }
        ended.extend(adopted.iter().map(|it| (*it, now)));
        ended.sort_by_key(|(it, time)| (*time, it.service, it.template, it.place));
        ended.iter().for_each(|(subject, time)| self.end(subject, *time));
        adopted
    }

    /// What is to be told, once.
    pub fn take(&mut self) -> Vec<Anomaly> {
        std::mem::take(&mut self.queue)
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }

    fn tell(&mut self, anomaly: Anomaly) {
        if self.queue.len() < LONGEST_QUEUE {
            self.queue.push(anomaly);
        } else {
            self.dropped += 1;
        }
    }
}

fn over(anomaly: Anomaly, time: i64) -> Anomaly {
    Anomaly { is_over: true, time: Timestamp::from_millis(time), ..anomaly }
}
