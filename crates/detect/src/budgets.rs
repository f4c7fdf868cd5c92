//! Which budgets are there, and where do they stand? Shared by all shards, saved and restored beside them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal::{
    AnomalyKind, BudgetStatus, Budgets, Incident, Labels, Meter, Metric, Opinion, Severity, TimeRange, Timestamp,
};

use crate::account::{Account, Candidate};
use crate::budget::Budget;
use crate::config::Config;
use crate::learned::Learned;
use crate::saved::{self, RestoreError};

/// With `each` there are at most so many budgets; further values share the last.
const MOST: usize = 500;
/// The name of the budget that the values beyond share.
const OTHERS: &str = "others";

/// All alert budgets.
#[derive(Debug)]
pub struct AlertBudgets {
    configs: Vec<Budget>,
    accounts: Mutex<BTreeMap<String, Arc<Account>>>,
    learned: Learned,
}

/// What the replay of history would have alerted, from one shard.
#[derive(Debug, Default)]
pub struct Rehearsal(pub(crate) Vec<Candidate>);

impl AlertBudgets {
    /// The budgets of a configuration, all of them unspent.
    pub fn new(config: &Config) -> Self {
        let fixed = config.budgets.iter().filter(|it| it.each.is_none());
        let accounts = fixed.map(|it| (it.own_name(), account(it.own_name(), it))).collect();
        Self { configs: config.budgets.clone(), accounts: Mutex::new(accounts), learned: Learned::default() }
    }

    /// What people have said of the series.
    pub const fn learned(&self) -> &Learned {
        &self.learned
    }

    /// The budget that a series spends: the first that matches.
    pub(crate) fn account(&self, labels: &Labels) -> Option<Arc<Account>> {
        let (config, name) = self.configs.iter().find_map(|it| Some((it, it.name_for(labels)?)))?;
        let mut accounts = self.lock();
        let is_full = accounts.len() >= MOST && !accounts.contains_key(&name);
        let name = if is_full { OTHERS.to_owned() } else { name };
        Some(Arc::clone(accounts.entry(name.clone()).or_insert_with(|| account(name, config))))
    }

    /// Lets time pass; about once a second.
    pub fn tick(&self, now: Timestamp) {
        self.all().iter().for_each(|it| it.tick(now));
    }

    /// Calibrates with what a replay of history would have alerted, in whatever order the series were replayed.
    pub fn rehearse(&self, rehearsals: Vec<Rehearsal>, range: TimeRange) {
        let mut candidates: Vec<Candidate> = rehearsals.into_iter().flat_map(|it| it.0).collect();
        candidates.sort_by(|a, b| (a.account.name(), a.time).cmp(&(b.account.name(), b.time)));
        for account in self.all() {
            let from = candidates.partition_point(|it| it.account.name() < account.name());
            let to = candidates.partition_point(|it| it.account.name() <= account.name());
            account.rehearse(candidates.get(from..to).unwrap_or(&[]), range.from, range.to);
        }
    }

    /// Counts an incident that was opened.
    pub fn opened(&self, incident: &Incident) {
        if let Some(account) = self.account_of(incident) {
            account.opened(incident.detected_at);
        }
    }

    /// Takes a confirmed fault out of the calibration, or puts it back when the opinion has changed. A wrong cause is a
    /// real fault, too.
    pub fn judged(&self, incident: &Incident, before: Option<Opinion>) {
        let is_real = |it: Option<Opinion>| matches!(it, Some(Opinion::Right | Opinion::Wrong));
        if is_real(before) == is_real(incident.feedback) {
            return;
        }
        let Some(account) = self.account_of(incident) else { return };
        let peak = incident.symptoms.iter().map(|it| it.peak.value).fold(0.0, f64::max);
        let is_certain = incident.severity == Severity::Critical
            || incident.symptoms.iter().any(|it| it.kind == AnomalyKind::Impossible);
        account.correct(incident.started_at, peak, is_certain, is_real(before));
    }

    /// The threshold of the budget that a series spends; 1.0 if it spends none.
    pub fn threshold(&self, labels: &Labels) -> f64 {
        self.account(labels).map_or(1.0, |it| it.threshold())
    }

    /// The calibration of all budgets.
    pub fn save(&self) -> Vec<u8> {
        saved::save_named(self.all().iter().map(|it| (it.name().to_owned(), it.to_words())))
    }

    /// Takes back what `save` wrote; returns the number of budgets. Those that are no longer configured are passed over.
    ///
    /// # Errors
    /// The bytes are of another version or damaged; nothing is changed.
    pub fn restore(&self, bytes: &[u8]) -> Result<usize, RestoreError> {
        let mut count = 0;
        for (name, words) in saved::read_named(bytes)? {
            let is_known = self.lock().contains_key(&name) || self.add_each(&name);
            let account = self.lock().get(&name).cloned();
            count += usize::from(is_known && account.is_some_and(|it| it.restore(&words)));
        }
        Ok(count)
    }

    /// Makes the budget of one value of `each` from its name.
    fn add_each(&self, name: &str) -> bool {
        let is_of = |it: &&Budget| {
            it.each.is_some() && it.name.as_ref().is_none_or(|prefix| name.starts_with(&format!("{prefix} ")))
        };
        let Some(config) = self.configs.iter().find(is_of) else { return false };
        let mut accounts = self.lock();
        if accounts.len() >= MOST {
            return false;
        }
        accounts.entry(name.to_owned()).or_insert_with(|| account(name.to_owned(), config));
        true
    }

    fn account_of(&self, incident: &Incident) -> Option<Arc<Account>> {
        incident.symptoms.iter().find_map(|it| self.account(&it.labels))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Account>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Account>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn account(name: String, config: &Budget) -> Arc<Account> {
    Arc::new(Account::new(name, config.budget, config.always_above))
}

impl Budgets for AlertBudgets {
    fn budgets(&self) -> Vec<BudgetStatus> {
        self.all().iter().map(|it| it.status()).collect()
    }
}

impl Meter for AlertBudgets {
    fn metrics(&self) -> Vec<Metric> {
        let of = |it: &BudgetStatus| {
            [
                Metric::gauge(
                    "sentinel_detect_alerts_per_day",
                    "Incidents opened in the last 24 hours.",
                    f64::from(it.alerts_last_day),
                ),
                Metric::gauge(
                    "sentinel_detect_alert_budget_per_day",
                    "Alerts per day that the budget allows.",
                    it.budget_per_day,
                ),
                Metric::gauge(
                    "sentinel_detect_threshold_multiplier",
                    "Score from which a point counts; 1 unless the budget has raised it.",
                    it.multiplier,
                ),
                Metric::counter(
                    "sentinel_detect_alerts_held_total",
                    "Alerts that a raised threshold has held back.",
                    it.held_total,
                ),
            ]
            .map(|metric| metric.label("budget", &it.name))
        };
        let learned = [
            Metric::gauge(
                "sentinel_detect_learned_thresholds",
                "Kinds of series whose threshold people's opinions have raised.",
                self.learned.count() as f64,
            ),
            Metric::counter(
                "sentinel_detect_learned_held_points_total",
                "Points that would have counted if nobody had said that their kind is noise.",
                self.learned.held(),
            ),
        ];
        self.budgets().iter().flat_map(of).chain(learned).collect()
    }
}
