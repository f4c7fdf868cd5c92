//! Does the model of a series live as it should over simulated days: learn, drift, finetune, learn anew, refuse what is
//! worse, fail and recover, go back?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::sync::Arc;
use std::time::Duration;

use forecast::{
    Candidate, Job, Life, Outcome, Policy, Reason, State, Status, Trained, Trial, Watch, WatchConfig, train,
};
use learn::forecast::Regular;
use learn::random::Random;
use signal::{Labels, Timestamp};

/// Midnight of 2023-11-15.
const START: i64 = 1_700_006_400;

struct World {
    life: Life,
    secs: i64,
    random: Random,
    /// Reasons and policies of trainings so far.
    trained: Vec<(Reason, Policy)>,
}

impl World {
    fn new(change: impl FnOnce(&mut WatchConfig)) -> Self {
        let mut config = WatchConfig {
            metric: "queue_length".to_owned(),
            model_class: "exponential_smoothing".to_owned(),
            lookback: "2h".to_owned(),
            ..WatchConfig::default()
        };
        change(&mut config);
        let watch = Arc::new(Watch::new(&config).unwrap());
        let labels = Labels::metric("queue_length", &[("service", "pay")]);
        let life = Life::new(watch, labels, None, Timestamp::from_secs(START));
        Self { life, secs: START, random: Random::new(7), trained: vec![] }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.secs)
    }

    /// Lets minutes pass in which values come, and trains what is due.
    fn run(&mut self, minutes: usize, value: impl Fn(i64, &mut Random) -> f64) {
        for _ in 0..minutes {
            self.minute(&value);
            if let Some((reason, job)) = self.life.job(self.now()) {
                self.trained.push((reason, job.policy));
                let outcome = train(&job);
                self.end(outcome);
            }
        }
    }

    fn minute(&mut self, value: &impl Fn(i64, &mut Random) -> f64) {
        self.secs += 60;
        let value = value(self.secs, &mut self.random);
        self.life.take(&[(self.secs, value)]);
    }

    fn end(&mut self, outcome: Outcome) {
        match self.life.plan(outcome, self.now(), 5) {
            Ok(plan) => self.life.commit(plan, self.now()),
            Err(error) => self.life.failed(error, self.now()),
        }
    }

    fn count(&self, wanted: (Reason, Policy)) -> usize {
        self.trained.iter().filter(|it| **it == wanted).count()
    }

    fn active(&self) -> String {
        self.life.registry().active().map(|it| it.version_id.clone()).unwrap_or_default()
    }
}

fn steady(level: f64, noise: f64) -> impl Fn(i64, &mut Random) -> f64 {
    move |_, random| level + noise * random.normal()
}

/// Scenario: a sender was cut off and sends two hours at once, and the first question comes when the first value is there,
/// which is filled in for the others.
/// Guarantees: MUST 894 of docs/specs/forecast.md.
#[test]
fn what_came_late_is_learned_by_the_next_training() {
    let mut world = World::new(|it| it.model_class = "linear_trend".to_owned());
    let line = |secs: i64| 100.0 + (secs - START) as f64 / 60.0;
    let filled: Vec<(i64, f64)> = (1..=120).map(|it| (START + 60 * it, line(START))).collect();
    world.secs = START + 120 * 60;
    world.life.take(&filled);
    world.run(1, |secs, _| line(secs));
    assert_eq!(world.trained, [(Reason::ColdStart, Policy::FullRetrain)]);
    assert!(!world.life.is_retraining_due(world.now()));
    world.life.want(Policy::FullRetrain);
    assert!(world.life.is_retraining_due(world.now()));
    let stored: Vec<i64> = (1..=121).map(|it| START + 60 * it).collect();
    world.life.revise(&stored.iter().map(|it| (*it, line(*it))).collect::<Vec<_>>());
    let (reason, job) = world.life.job(world.now()).unwrap();
    assert_eq!((reason, job.history.end()), (Reason::Manual, world.secs + 60));
    let values: Vec<f64> = stored[1..].iter().map(|it| line(*it)).collect();
    assert_eq!(job.history.values, values);
}

/// A model that says what it is told to say.
#[derive(Clone)]
struct Fake {
    says: f64,
    next: i64,
    step: i64,
    is_broken: bool,
}

impl Fake {
    fn new(says: f64) -> Self {
        Self { says, next: 0, step: 60, is_broken: false }
    }
}

impl Candidate for Fake {
    fn fit(&mut self, history: &Regular) -> Result<(), String> {
        (self.next, self.step) = (history.end(), history.step);
        if self.is_broken { Err("it is broken".to_owned()) } else { Ok(()) }
    }

    fn partial_fit(&mut self, newer: &Regular) -> Result<(), String> {
        self.next = self.next.max(newer.end());
        if self.is_broken { Err("it is broken".to_owned()) } else { Ok(()) }
    }

    fn predict(&self, steps: usize) -> Result<Vec<f64>, String> {
        Ok(vec![self.says; steps])
    }

    fn next_time(&self) -> Option<i64> {
        Some(self.next)
    }

    fn boxed(&self) -> Box<dyn Candidate> {
        Box::new(self.clone())
    }

    fn save(&self) -> Vec<u8> {
        vec![]
    }

    fn class(&self) -> String {
        "fake".to_owned()
    }
}

/// Guarantees: MUST 404 of docs/specs/forecast.md.
#[test]
fn history_that_is_there_is_learned_from_at_once() {
    let mut world = World::new(|_| ());
    let points: Vec<(i64, f64)> = (0..120).map(|it| (START + it * 60, 5.0 + (it % 3) as f64)).collect();
    world.life.take(&points);
    world.secs = START + 119 * 60;
    let (reason, job) = world.life.job(world.now()).expect("there is enough to learn from");
    assert_eq!((reason, job.policy, world.life.state()), (Reason::ColdStart, Policy::FullRetrain, State::Training));
    assert!(world.life.job(world.now()).is_none(), "one at a time");
    world.end(train(&job));
    assert_eq!((world.life.state(), world.active().as_str()), (State::Inferring, "v1"));
    let forecast = world.life.forecast(world.now()).unwrap();
    assert_eq!((forecast.first_secs, forecast.values.len(), forecast.bounds.len()), (START + 120 * 60, 5, 2));
    assert!(forecast.bounds[0].iter().zip(&forecast.bounds[1]).all(|(wide, narrow)| wide.0 <= narrow.0));
}

/// Guarantees: MUST 403 of docs/specs/forecast.md.
#[test]
fn values_are_taken_once_and_gaps_are_gaps() {
    let mut world = World::new(|_| ());
    let one = [(START, 1.0), (START + 60, 2.0), (START + 90, 9.0)];
    world.life.take(&one);
    world.life.take(&one);
    world.life.take(&[(START + 240, 5.0), (START + 300, f64::INFINITY)]);
    let values = &world.life.history().values;
    assert_eq!(values.len(), 6);
    assert_eq!((values[0], values[1], values[4]), (1.0, 2.0, 5.0));
    assert!(values[2].is_nan() && values[3].is_nan() && values[5].is_nan());
    // After a pause longer than the look-back nothing of before is of use.
    world.life.take(&[(START + 86_400 * 3, 7.0)]);
    assert_eq!(world.life.history().values, [7.0]);
}

/// Guarantees: MUST 406 of docs/specs/forecast.md.
#[test]
fn forecasts_follow_the_newest_value_while_another_version_is_trained() {
    let mut world = World::new(|_| ());
    world.run(60, steady(10.0, 0.1));
    world.life.want(Policy::FullRetrain);
    let (reason, job) = world.life.job(world.now()).unwrap();
    assert_eq!((reason, world.life.state()), (Reason::Manual, State::Retraining));
    for _ in 0..10 {
        world.minute(&steady(50.0, 0.1));
        let forecast = world.life.forecast(world.now()).unwrap();
        assert_eq!(forecast.first_secs, world.secs + 60);
    }
    let value = world.life.forecast(world.now()).unwrap().values[0];
    assert!((40.0..70.0).contains(&value), "{value} follows the new level");
    world.end(train(&job));
    assert_eq!(world.life.state(), State::Inferring);
}

/// Guarantees: MUST 408 of docs/specs/forecast.md.
#[test]
fn low_drift_finetunes_and_high_drift_trains_anew() {
    let mut world = World::new(|config| config.cron = "0 0 1 1 *".to_owned());
    world.run(150, steady(10.0, 1.0));
    // From here on the whole look-back is known.
    world.trained.clear();
    world.run(240, steady(10.0, 1.0));
    let calm = world.trained.len();
    assert_eq!(world.count((Reason::Drift, Policy::FullRetrain)), 0, "{:?}", world.trained);
    world.run(60, steady(10.0, 1.6));
    assert!(world.count((Reason::Drift, Policy::Finetune)) > 0, "{:?}", &world.trained[calm..]);
    world.run(60, steady(10.0, 12.0));
    assert!(world.count((Reason::Drift, Policy::FullRetrain)) > 0, "{:?}", &world.trained[calm..]);
    let by_drift = world.life.registry().versions().iter().find(|it| it.drift_score_at_trigger.is_some());
    assert!(by_drift.unwrap().drift_score_at_trigger.unwrap() >= 0.1);
}

/// A growing history is a reason to try once; what is refused then waits for twice as much.
#[test]
fn what_was_refused_is_not_tried_again_with_every_value() {
    let mut world = World::new(|it| it.lookback = "10h".to_owned());
    let mut n_tried = 0;
    for _ in 0..600 {
        world.minute(&steady(5.0, 1.0));
        let Some((reason, job)) = world.life.job(world.now()) else { continue };
        let outcome =
            if reason == Reason::ColdStart { train(&job) } else { Outcome::Refused(None, "worse".to_owned()) };
        n_tried += usize::from(reason == Reason::Growth);
        world.end(outcome);
    }
    assert!(n_tried <= 3, "{n_tried} trainings for growth");
}

/// Guarantees: MUST 405 of docs/specs/forecast.md.
#[test]
fn a_worse_challenger_is_refused_with_its_reason() {
    let mut world = World::new(|_| ());
    world.run(150, steady(10.0, 1.0));
    let serving = world.active();
    for (says, why) in [(1000.0, "mean absolute error"), (f64::NAN, "not finite"), (f64::INFINITY, "not finite")] {
        world.run(20, steady(10.0, 1.0));
        world.life.want(Policy::FullRetrain);
        let (_, job) = world.life.job(world.now()).unwrap();
        world.end(train(&Job { blank: Box::new(Fake::new(says)), ..job }));
        let newest = world.life.registry().versions().last().unwrap().clone();
        assert_eq!((newest.status, world.active()), (Status::Refused, serving.clone()), "{says}");
        assert!(newest.reason.contains(why), "{says}: {}", newest.reason);
        assert_eq!(world.life.state(), State::Inferring);
        assert!(world.life.forecast(world.now()).unwrap().values.iter().all(|it| (it - 10.0).abs() < 5.0));
    }
}

/// Guarantees: MUST 409 of docs/specs/forecast.md.
#[test]
fn an_error_is_left_again() {
    let mut world = World::new(|_| ());
    for _ in 0..30 {
        world.minute(&steady(10.0, 1.0));
    }
    let mut waits = vec![];
    for _ in 0..4 {
        let (_, job) = world.life.job(world.now()).expect("it is tried again");
        let broken = Fake { is_broken: true, ..Fake::new(1.0) };
        world.end(train(&Job { blank: Box::new(broken), ..job }));
        assert_eq!(world.life.state(), State::Error);
        let (reason, _, retry_at) = world.life.trouble().unwrap();
        assert_eq!(reason, "it is broken");
        assert!(world.life.job(world.now()).is_none(), "not at once");
        waits.push(retry_at.unwrap().since(world.now()).as_secs());
        world.secs = retry_at.unwrap().millis() / 1000;
    }
    assert_eq!(waits, [30, 60, 120, 240]);
    let (reason, job) = world.life.job(world.now()).unwrap();
    assert_eq!(reason, Reason::Recovery);
    world.end(train(&job));
    assert_eq!((world.life.state(), world.life.trouble()), (State::Inferring, None));
}

/// Guarantees: MUST 409 of docs/specs/forecast.md.
#[test]
fn a_serving_model_that_breaks_is_replaced() {
    let mut world = World::new(|_| ());
    world.run(40, steady(10.0, 1.0));
    let broken = Fake { is_broken: true, next: world.life.history().end(), ..Fake::new(1.0) };
    let registry = world.life.registry().clone();
    let trained = Trained { model: Box::new(broken), trial: Trial { expected: 1.0, ..Trial::default() } };
    world.life.switch(registry, "v1".to_owned(), trained);
    for _ in 0..6 {
        world.minute(&steady(10.0, 1.0));
    }
    assert_eq!(world.life.state(), State::Error);
    world.run(1, steady(10.0, 1.0));
    assert_eq!((world.life.state(), world.trained.last().unwrap().0), (State::Inferring, Reason::Recovery));
}

/// Guarantees: MUST 410 of docs/specs/forecast.md.
#[test]
fn the_schedule_trains_and_ids_stay_unique() {
    let mut world = World::new(|config| config.cron = "*/30 * * * *".to_owned());
    world.run(600, steady(10.0, 1.0));
    let n = world.count((Reason::Schedule, Policy::FullRetrain));
    assert!((17..=20).contains(&n), "{n} in ten hours");
    let versions = world.life.registry().versions();
    assert!(versions.len() <= 5, "{}", versions.len());
    assert_eq!(versions.iter().filter(|it| it.status == Status::Active).count(), 1);
    let ids: std::collections::BTreeSet<&str> = versions.iter().map(|it| it.version_id.as_str()).collect();
    assert_eq!(ids.len(), versions.len());
}

/// Guarantees: MUST 412 of docs/specs/forecast.md.
#[test]
fn an_earlier_version_serves_again() {
    let mut world = World::new(|_| ());
    world.run(30, steady(10.0, 1.0));
    let (first, trained) = (world.active(), Fake { next: world.secs + 60, ..Fake::new(77.0) });
    world.life.want(Policy::FullRetrain);
    let (_, job) = world.life.job(world.now()).unwrap();
    let better = Outcome::Better(Trained { model: Box::new(Fake::new(1.0)), trial: Trial::default() });
    drop(job);
    world.end(better);
    assert_ne!(world.active(), first);
    let (registry, version) = world.life.switched(None, true, "by hand").unwrap();
    assert_eq!(version, first);
    let trial = Trial { expected: 1.0, ..Trial::default() };
    world.life.switch(registry, version, Trained { model: Box::new(trained), trial });
    assert_eq!(world.active(), first);
    let forecast = world.life.forecast(world.now()).unwrap();
    assert_eq!((forecast.version.as_str(), forecast.values[0]), (first.as_str(), 77.0));
    let taken_back = world.life.registry().versions().last().unwrap();
    assert_eq!((taken_back.status, taken_back.reason.as_str()), (Status::RolledBack, "by hand"));
}

#[test]
fn a_limit_ahead_is_told_before_it_is_crossed_and_ended_when_it_is_not() {
    let mut world = World::new(|config| {
        let within = Some("60m".to_owned());
        config.crosses = vec![forecast::CrossConfig { above: Some(100.0), within, ..Default::default() }];
    });
    world.run(120, steady(20.0, 0.5));
    assert!(world.life.alarms().iter().all(|it| !it.is_firing), "nothing is near the limit");
    let begin = world.secs;
    let rising = move |secs: i64, random: &mut Random| 20.0 + (secs - begin) as f64 / 60.0 + 0.5 * random.normal();
    let mut fired = None;
    for minute in 0..79 {
        world.run(1, rising);
        if world.life.alarms()[0].is_firing && fired.is_none() {
            fired = Some(minute);
        }
    }
    // It reaches 100 in minute 80.
    let fired = fired.expect("it is told");
    assert!((15..75).contains(&fired), "told {} minutes ahead", 80 - fired);
    world.run(30, steady(20.0, 0.5));
    assert!(!world.life.alarms()[0].is_firing, "it has gone back");
}

#[test]
fn a_forecast_is_withdrawn_when_its_time_has_passed() {
    let mut world = World::new(|_| ());
    world.run(60, steady(10.0, 1.0));
    assert!(world.life.forecast(world.now()).is_some());
    assert!(world.life.forecast(world.now().plus(Duration::from_secs(360))).is_none());
}
