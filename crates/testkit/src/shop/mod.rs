//! What would a small web shop tell about itself, second by second, with and without faults?
//!
//! Eight services on four hosts and one partner outside, about 210 series at 1 s, logs, deploys, a daily rhythm that
//! takes 15 minutes. Faults are put into the causes (a process, a leak, a version, a disk, a partner); what the series
//! show follows from the call graph and the load. The same seed gives the same shop to the last bit.

mod course;
mod fault;
mod host;
mod layout;
mod playbooks;
pub(crate) mod random;
mod series;
mod voice;
mod world;

use fastrand::Rng;
use signal::{Change, LogRecord, SeriesPoints, Timestamp};

pub use fault::{ExpectedCause, FAULT_NAMES, Fault, MINER_COMMAND, Remedy};
pub use playbooks::playbooks;

use course::Course;
use series::Series;
use voice::Voice;
use world::World;

/// What the shop tells in one second.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// One point per series.
    pub samples: Vec<SeriesPoints>,
    /// Log lines, in no order within the second.
    pub logs: Vec<LogRecord>,
    /// Deploys and rollbacks.
    pub changes: Vec<Change>,
}

/// A fault that is in the shop now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveFault {
    /// The fault.
    pub fault: Fault,
    /// The time of the step before it was injected.
    pub since: Timestamp,
    /// True from the remedy until every signal is back, about 15 s later.
    pub is_recovering: bool,
}

/// The simulated shop.
#[derive(Clone, Debug)]
pub struct Shop {
    rng: Rng,
    world: World,
    series: Series,
    voice: Voice,
    courses: Vec<Course>,
    now: Timestamp,
    second: u64,
}

impl Shop {
    /// A shop without faults, at the start of its day.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            world: World::new(),
            series: Series::default(),
            voice: Voice::new(),
            courses: vec![],
            now: Timestamp::MIN,
            second: 0,
        }
    }

    /// One simulated second passes; everything it tells carries `time`.
    pub fn step(&mut self, time: Timestamp) -> Tick {
        self.now = time;
        self.world.heal();
        let mut changes = vec![];
        for course in &mut self.courses {
            course.pass(&mut self.rng);
            changes.extend(course.changes(time, &mut self.world));
            course.harm(&mut self.world);
        }
        self.courses.retain(|it| !it.is_gone());
        self.world.pass(self.second, &mut self.rng);
        self.second += 1;
        let mut words = self.voice.words(time, &self.world.services, &mut self.rng);
        words.chat();
        for course in &self.courses {
            course.speak(&mut words);
        }
        let logs = words.lines;
        Tick { samples: self.series.readings(time, &self.world), logs, changes }
    }

    /// Puts a fault into the shop; it begins with the next step.
    pub fn inject(&mut self, fault: Fault) {
        self.courses.push(Course::new(fault, self.now));
    }

    /// Applies a remedy. True if it ends a fault; the signals are back within about 15 s.
    pub fn remedy(&mut self, remedy: &Remedy) -> bool {
        let mut has_ended = false;
        for course in self.courses.iter_mut().filter(|it| it.fault.is_ended_by(remedy) && !it.is_ended()) {
            course.end();
            has_ended = true;
        }
        has_ended
    }

    /// Ends a fault or decoy as if it had gone away by itself. True if it was there.
    pub fn end(&mut self, fault: &Fault) -> bool {
        let found = self.courses.iter_mut().find(|it| it.fault == *fault && !it.is_ended());
        found.map(Course::end).is_some()
    }

    /// Faults and decoys that are in the shop now.
    pub fn active(&self) -> Vec<ActiveFault> {
        let active =
            |it: &Course| ActiveFault { fault: it.fault.clone(), since: it.since, is_recovering: it.is_ended() };
        self.courses.iter().map(active).collect()
    }
}

#[cfg(test)]
mod tests;
