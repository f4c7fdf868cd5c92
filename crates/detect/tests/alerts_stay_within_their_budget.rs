//! Does a budget hold on a noisy service, without hiding its real fault? Weeks of data in simulated time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::sync::Arc;

use detect::{AlertBudgets, Config, Correlator, ServiceMap, Shard};
use signal::{Budgets as _, Incident, IncidentStatus, Labels, Opinion, Point, TimeRange, Timestamp};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
/// Monday, 2026-01-05T00:00:00Z.
const START: i64 = 1_767_571_200;

/// A service whose values burst at random: about `bursts_per_day`, each of five minutes and of another height, most of
/// them low.
struct Noisy {
    rng: fastrand::Rng,
    bursts_per_day: f64,
    height: f64,
    left: u32,
}

impl Noisy {
    fn new(seed: u64, bursts_per_day: f64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), bursts_per_day, height: 0.0, left: 0 }
    }

    fn next(&mut self) -> f64 {
        if self.left == 0 && self.rng.f64() < self.bursts_per_day / 1440.0 {
            (self.left, self.height) = (5, 9.0 / self.rng.f64().max(0.15));
        }
        let noise = (0..12).map(|_| self.rng.f64()).sum::<f64>() - 6.0;
        let is_burst = self.left > 0;
        self.left = self.left.saturating_sub(1);
        100.0 + 2.0 * noise + if is_burst { self.height } else { 0.0 }
    }
}

/// One series, seen by a shard and a correlator as in the product.
struct Watch {
    shard: Shard,
    correlator: Correlator,
    budgets: Arc<AlertBudgets>,
    labels: Labels,
    incidents: Vec<Incident>,
}

impl Watch {
    fn new(config: &str) -> Self {
        let config: Arc<Config> = Arc::new(serde_json::from_str(config).unwrap());
        assert_eq!(config.validate(), Vec::<String>::new());
        let budgets = Arc::new(AlertBudgets::new(&config));
        Self {
            shard: Shard::with_budgets(Arc::clone(&config), Arc::clone(&budgets)),
            correlator: Correlator::new(config, 1),
            budgets,
            labels: r#"temperature{service="pay"}"#.parse().unwrap(),
            incidents: vec![],
        }
    }

    fn see(&mut self, second: i64, value: f64) {
        let now = Timestamp::from_secs(second);
        let mut anomalies = vec![];
        self.shard.observe(&self.labels, Point { time: now, value }, now, &mut anomalies);
        anomalies.into_iter().for_each(|it| self.correlator.observe(it));
        for changed in self.correlator.tick(now, &ServiceMap::default()) {
            if let Some(known) = self.incidents.iter_mut().find(|it| it.id == changed.id) {
                *known = changed;
            } else {
                self.budgets.opened(&changed);
                self.incidents.push(changed);
            }
        }
        self.budgets.tick(now);
    }

    /// Incidents that were opened on each day.
    fn by_day(&self, days: i64) -> Vec<usize> {
        let opened_on = |day: i64| {
            let from = Timestamp::from_secs(START + day * DAY);
            let to = Timestamp::from_secs(START + (day + 1) * DAY);
            self.incidents.iter().filter(|it| it.detected_at >= from && it.detected_at < to).count()
        };
        (0..days).map(opened_on).collect()
    }
}

fn config(budget: &str) -> String {
    let policy = r#"{"metric": "*", "sigma": 3, "min_relative_deviation": 0, "highest": 5000}"#;
    format!(r#"{{"policies": [{policy}], "budgets": [{budget}]}}"#)
}

fn live(watch: &mut Watch, noisy: &mut Noisy, from_day: i64, days: i64) {
    for minute in 0..days * 1440 {
        watch.see(START + from_day * DAY + minute * MINUTE, noisy.next());
    }
}

#[test]
fn a_noisy_service_stays_within_its_budget_and_its_fault_is_told() {
    for (budget, per_day, seed) in [("1 per day", 1, 1), ("3 per day", 3, 2), ("1 per day", 1, 3)] {
        let mut free = Watch::new(&config(""));
        live(&mut free, &mut Noisy::new(seed, 16.0), 0, 30);
        let mut held = Watch::new(&config(&format!(r#"{{"service": "pay", "budget": "{budget}"}}"#)));
        let mut noisy = Noisy::new(seed, 16.0);
        live(&mut held, &mut noisy, 0, 30);
        let (without, with) = (free.incidents.len(), held.by_day(30));
        let total: usize = with.iter().sum();
        assert!(without > 3 * 30 * per_day, "the service is not noisy enough to try it: {without}");
        assert!(total <= 33 * per_day + 4, "{budget}, seed {seed}: {with:?}, without a budget {without}");
        // On the first day the threshold still rises: what is higher than all before it is told beyond the budget.
        assert!(with[0] <= 6 * per_day, "{budget}, seed {seed}: {with:?}");
        assert!(with[1..].iter().all(|it| *it <= 2 * per_day + 1), "{budget}, seed {seed}: {with:?}");
        assert!(total >= 5 * per_day, "{budget}, seed {seed}: the budget is not there to be silent: {with:?}");
        let status = held.budgets.budgets().remove(0);
        assert!(status.multiplier > 1.0 && status.held_total > 10, "{status:?}");
        assert_eq!(u64::try_from(status.held.len()).unwrap(), status.held_total.min(50));

        // A real fault, far outside, on top of an exhausted budget.
        let before = held.incidents.len();
        for minute in 0..15 {
            held.see(START + 30 * DAY + minute * MINUTE, 100.0 + 2000.0);
        }
        assert_eq!(held.incidents.len(), before + 1, "{budget}: the fault is told: {:?}", held.budgets.budgets());
    }
}

#[test]
fn impossible_values_are_told_whatever_was_told_before() {
    let mut watch = Watch::new(&config(r#"{"budget": "1 per week"}"#));
    let mut noisy = Noisy::new(5, 30.0);
    live(&mut watch, &mut noisy, 0, 7);
    let before = watch.incidents.len();
    assert!(before <= 3, "{before}");
    watch.see(START + 7 * DAY, 9000.0);
    assert_eq!(watch.incidents.len(), before + 1);
}

#[test]
fn a_quiet_service_keeps_its_threshold() {
    let mut watch = Watch::new(&config(r#"{"budget": "3 per day"}"#));
    live(&mut watch, &mut Noisy::new(7, 0.0), 0, 20);
    let status = watch.budgets.budgets().remove(0);
    assert_eq!((status.multiplier, status.held_total, status.alerts_last_day), (1.0, 0, 0));
}

#[test]
fn confirmed_faults_give_the_budget_back() {
    let mut watch = Watch::new(&config(r#"{"budget": "1 per day"}"#));
    live(&mut watch, &mut Noisy::new(8, 24.0), 0, 3);
    let before = watch.budgets.budgets().remove(0);
    assert!(before.multiplier > 1.0);
    for incident in &mut watch.incidents {
        incident.feedback = Some(Opinion::Right);
        watch.budgets.judged(incident, None);
    }
    // What was held still counts, what was confirmed does not.
    let confirmed = watch.budgets.budgets().remove(0);
    assert!(confirmed.multiplier <= before.multiplier);
    assert!(confirmed.expected_per_day < before.expected_per_day / 2.0, "{before:?} {confirmed:?}");
    for incident in &mut watch.incidents {
        incident.feedback = Some(Opinion::Noise);
        watch.budgets.judged(incident, Some(Opinion::Right));
    }
    let taken_back = watch.budgets.budgets().remove(0);
    assert_eq!(taken_back.multiplier, before.multiplier);
    assert!((taken_back.expected_per_day - before.expected_per_day).abs() < 1e-9);
    assert!(watch.incidents.iter().any(|it| it.status == IncidentStatus::Resolved));
}

#[test]
fn history_calibrates_before_the_first_live_point_and_a_restart_keeps_it() {
    let config = config(r#"{"budget": "1 per day"}"#);
    let (mut live_one, mut rehearsed) = (Watch::new(&config), Watch::new(&config));
    live(&mut live_one, &mut Noisy::new(9, 20.0), 0, 14);
    let labels = [r#"temperature{service="pay"}"#, r#"temperature{service="quiet"}"#].map(|it| it.parse().unwrap());
    let mut noisy = [Noisy::new(9, 20.0), Noisy::new(10, 0.0)];
    rehearsed.shard.begin_rehearsal();
    for (labels, noisy) in labels.iter().zip(&mut noisy) {
        for minute in 0..14 * 1440 {
            let time = Timestamp::from_secs(START + minute * MINUTE);
            rehearsed.shard.observe(labels, Point { time, value: noisy.next() }, time, &mut vec![]);
        }
    }
    let range = TimeRange::new(Timestamp::from_secs(START), Timestamp::from_secs(START + 14 * DAY - MINUTE));
    let rehearsal = rehearsed.shard.end_rehearsal();
    rehearsed.budgets.rehearse(vec![rehearsal], range);
    let (a, b) = (live_one.budgets.budgets().remove(0), rehearsed.budgets.budgets().remove(0));
    assert_eq!(a.multiplier, b.multiplier);
    assert!((a.expected_per_day - b.expected_per_day).abs() < 0.05, "{a:?} {b:?}");
    assert_eq!(b.held_total, 0, "nothing was held: nobody was to be told");

    let restarted = Watch::new(&config);
    assert_eq!(restarted.budgets.restore(&rehearsed.budgets.save()), Ok(1));
    assert_eq!(restarted.budgets.budgets().remove(0).multiplier, b.multiplier);
    assert!(restarted.budgets.restore(b"SNTB rubbish").is_err());
}
