//! What does one budget know, and which points does it let through?
//!
//! The series of a budget lie in several shards. Only points that k of n sustain take the lock; all others read one byte.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signal::{AlertBudget, BudgetStatus, HeldAlert, Labels, Timestamp};

use crate::calibrator::Calibrator;
use crate::ladder::{self, Ladder, TOP};

/// Held alerts that are remembered.
const HELD: usize = 50;
/// Alerts of the last days that are remembered.
const ALERTS: usize = 10_000;
const DAYS: usize = 7;
const DAY: Duration = Duration::from_secs(86_400);
/// A longer time without a look is one in which nobody watched.
const PAUSE: Duration = Duration::from_secs(3600);

/// One budget: its configuration, its threshold and what led to it.
#[derive(Debug)]
pub(crate) struct Account {
    name: String,
    budget: AlertBudget,
    always_above: f64,
    /// The rung of the threshold, for everybody to read.
    rung: AtomicU8,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    calibrator: Calibrator,
    /// The would-be alert that goes on.
    current: Option<Current>,
    held_total: u64,
    held: VecDeque<HeldAlert>,
    /// When incidents were opened.
    alerts: VecDeque<Timestamp>,
}

#[derive(Debug)]
struct Current {
    alert: HeldAlert,
    until: Timestamp,
    is_told: bool,
}

/// Points that k of n sustain: they would alert at some threshold.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub account: Arc<Account>,
    pub labels: Labels,
    pub time: Timestamp,
    /// What comes until then belongs to the same incident.
    pub until: Timestamp,
    /// Sustained level, 1 to 15.
    pub level: u8,
    pub score: f64,
}

impl Account {
    pub fn new(name: String, budget: AlertBudget, always_above: f64) -> Self {
        let state = State {
            calibrator: Calibrator::new(budget),
            current: None,
            held_total: 0,
            held: VecDeque::new(),
            alerts: VecDeque::new(),
        };
        Self { name, budget, always_above, rung: AtomicU8::new(0), state: Mutex::new(state) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The score from which a point counts now.
    pub fn threshold(&self) -> f64 {
        ladder::threshold(self.rung.load(Ordering::Relaxed), self.always_above)
    }

    /// Lets time pass.
    pub fn tick(&self, now: Timestamp) {
        let mut state = self.lock();
        self.pass(&mut state, now);
    }

    /// Takes in a candidate that goes on now.
    fn observe(&self, it: &Candidate) {
        let mut state = self.lock();
        self.pass(&mut state, it.time);
        state.calibrator.observe(it.time, it.until, it.level);
        self.publish(&state);
        let threshold = self.threshold();
        let is_told = it.level > state.calibrator.rung();
        let current = state.current.get_or_insert_with(|| {
            let (onset, last_seen, peak_score) = (it.time, it.time, 0.0);
            let alert = HeldAlert { series: String::new(), onset, last_seen, peak_score, threshold };
            Current { alert, until: it.until, is_told: false }
        });
        current.is_told |= is_told;
        current.until = current.until.max(it.until);
        current.alert.last_seen = current.alert.last_seen.max(it.time);
        if it.score > current.alert.peak_score {
            let series = it.labels.to_string();
            let (onset, last_seen) = (current.alert.onset, current.alert.last_seen);
            current.alert = HeldAlert { series, onset, last_seen, peak_score: it.score, threshold };
        }
    }

    /// Takes in what history would have alerted, in order of time, and that the rest of the span was quiet. What the
    /// account has already seen is passed over.
    pub fn rehearse(&self, candidates: &[Candidate], from: Timestamp, to: Timestamp) {
        let mut state = self.lock();
        let seen = state.calibrator.as_of();
        if seen.is_none() {
            state.calibrator.watch(from);
        }
        for it in candidates.iter().filter(|it| seen.is_none_or(|seen| it.time > seen)) {
            state.calibrator.watch(it.time);
            state.calibrator.observe(it.time, it.until, it.level);
        }
        if seen.is_none_or(|seen| to > seen) {
            state.calibrator.watch(to);
        }
        self.publish(&state);
    }

    /// An incident was opened.
    pub fn opened(&self, time: Timestamp) {
        let mut state = self.lock();
        if state.alerts.len() == ALERTS {
            state.alerts.pop_front();
        }
        state.alerts.push_back(time);
    }

    /// A person has said that an incident was a real fault (`is_counted` false), or has taken it back.
    pub fn correct(&self, onset: Timestamp, peak_score: f64, is_certain: bool, is_counted: bool) {
        let level = if is_certain { TOP } else { ladder::level(peak_score, self.always_above) };
        let mut state = self.lock();
        state.calibrator.correct(onset, level, is_counted);
        self.publish(&state);
    }

    /// Where the budget stands.
    pub fn status(&self) -> BudgetStatus {
        let state = self.lock();
        let now = state.calibrator.as_of().max(state.alerts.back().copied()).unwrap_or(Timestamp::MIN);
        let mut by_day = vec![0; DAYS];
        for time in &state.alerts {
            let age_days = now.since(*time).as_secs() / DAY.as_secs();
            let idx = usize::try_from(age_days).ok().and_then(|it| DAYS.checked_sub(it + 1));
            if let Some(count) = idx.and_then(|it| by_day.get_mut(it)) {
                *count += 1;
            }
        }
        BudgetStatus {
            name: self.name.clone(),
            budget: self.budget,
            budget_per_day: self.budget.per_day(),
            alerts_last_day: by_day.last().copied().unwrap_or(0),
            alerts_by_day: by_day,
            multiplier: self.threshold(),
            always_above: self.always_above,
            expected_per_day: state.calibrator.expected_per_day(),
            calibrated_days: state.calibrator.exposure_days(),
            held_total: state.held_total,
            held: state.held.iter().rev().cloned().collect(),
        }
    }

    /// The calibration as words.
    pub fn to_words(&self) -> Vec<u64> {
        self.lock().calibrator.to_words()
    }

    /// Takes the calibration back; false if the words are none.
    pub fn restore(&self, words: &[u64]) -> bool {
        let mut state = self.lock();
        let is_restored = state.calibrator.restore(words);
        self.publish(&state);
        is_restored
    }

    fn pass(&self, state: &mut State, now: Timestamp) {
        let is_watched = state.calibrator.as_of().is_none_or(|it| now.since(it) <= PAUSE);
        if is_watched {
            state.calibrator.watch(now)
        } else {
            state.calibrator.skip(now)
        }
        self.publish(state);
        let Some(ended) = state.current.take_if(|it| now > it.until) else { return };
        if !ended.is_told {
            state.held_total += 1;
            if state.held.len() == HELD {
                state.held.pop_front();
            }
            state.held.push_back(ended.alert);
        }
    }

    fn publish(&self, state: &State) {
        self.rung.store(state.calibrator.rung(), Ordering::Relaxed);
    }

    /// A panic elsewhere leaves the state as it was after the last complete step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a series spends its budget.
#[derive(Clone, Debug)]
pub(crate) struct Spending {
    account: Arc<Account>,
    ladder: Ladder,
}

/// An anomalous point that may open an incident.
pub(crate) struct Claim<'a> {
    pub labels: &'a Labels,
    pub time: Timestamp,
    pub until: Timestamp,
    pub score: f64,
    /// Impossible or critical: told whatever the budget says.
    pub is_certain: bool,
    /// Told from one point on.
    pub is_immediate: bool,
    pub k: u8,
    pub n: u8,
}

impl Spending {
    pub fn new(account: Arc<Account>) -> Self {
        Self { account, ladder: Ladder::default() }
    }

    /// Takes in a point that claims nothing.
    #[inline]
    pub fn pass(&mut self) {
        self.ladder.push(0);
    }

    /// True if the budget lets the point through. History is rehearsed series by series, so its candidates are only
    /// collected.
    pub fn admits(&mut self, claim: &Claim<'_>, rehearsal: Option<&mut Vec<Candidate>>) -> bool {
        let account = &self.account;
        let level = if claim.is_certain { TOP } else { ladder::level(claim.score, account.always_above) };
        self.ladder.push(level);
        let sustained = if claim.is_immediate { level } else { self.ladder.sustained(claim.k, claim.n) };
        if sustained > 0 {
            let candidate = || Candidate {
                account: Arc::clone(account),
                labels: claim.labels.clone(),
                time: claim.time,
                until: claim.until,
                level: sustained,
                score: claim.score,
            };
            match rehearsal {
                Some(candidates) => collect(candidates, candidate()),
                None => account.observe(&candidate()),
            }
        }
        level > account.rung.load(Ordering::Relaxed)
    }
}

/// Adds a candidate, or lengthens the one before if that is the same alert at the same level.
fn collect(candidates: &mut Vec<Candidate>, it: Candidate) {
    match candidates.last_mut() {
        Some(last)
            if Arc::ptr_eq(&last.account, &it.account)
                && last.labels == it.labels
                && last.level == it.level
                && (last.time..=last.until).contains(&it.time) =>
        {
            last.until = last.until.max(it.until);
        }
        _ => candidates.push(it),
    }
}
