//! One model over a log in memory: what is compared, what is told, and what a sudden end changes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use drift::watch::WatchConfig;
use signal::{
    Anomaly, FeatureValue, Inference, InferenceLog, InferenceQuery, Label, LoggedInference, PortError, Timestamp,
};
use store::Store;

use super::no_run::NoRun;
use super::watched::Watched;

/// Predictions in memory.
#[derive(Default)]
struct Memory(Mutex<Vec<LoggedInference>>);

impl InferenceLog for Memory {
    fn read(&self, query: &InferenceQuery, visit: &mut dyn FnMut(LoggedInference) -> bool) -> Result<(), PortError> {
        for it in self.0.lock().unwrap().iter() {
            let fits = it.sequence > query.after && query.range.contains(it.inference.time);
            if fits && !visit(it.clone()) {
                break;
            }
        }
        Ok(())
    }

    fn read_labels(&self, _after: u64, _visit: &mut dyn FnMut(u64, Label) -> bool) -> Result<(), PortError> {
        Ok(())
    }

    fn ends(&self) -> (u64, u64) {
        (self.0.lock().unwrap().len() as u64, 0)
    }

    fn logged_models(&self) -> Vec<(String, Vec<String>)> {
        vec![]
    }

    fn add_labels(&self, _labels: &[Label]) -> Result<(), PortError> {
        Ok(())
    }
}

/// A watched model with a log and a store of its own.
struct World {
    folder: PathBuf,
    config: WatchConfig,
    log: Arc<Memory>,
    store: Arc<Store>,
    watched: Watched,
    random: fastrand::Rng,
    secs: i64,
}

impl World {
    fn new(name: &str, config: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sentinel-model-watch-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config: WatchConfig = serde_json::from_str(config).unwrap();
        let log = Arc::new(Memory::default());
        let (store, _) = Store::open(&folder, store::Config::default()).unwrap();
        let watched = Watched::open(config.clone(), &folder, Arc::clone(&log) as _, Arc::clone(&store)).unwrap();
        let random = fastrand::Rng::with_seed(9);
        Self { folder, config, log, store, watched, random, secs: 1_700_000_000 }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.secs)
    }

    /// So many predictions, one a second, with this mean of `age` and this share of labels that are wrong.
    fn ask(&mut self, n: usize, age: f64, wrong: f64) {
        let mut log = self.log.0.lock().unwrap();
        for _ in 0..n {
            self.secs += 1;
            let bell: f64 = (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0;
            let sequence = log.len() as u64 + 1;
            let sex = if sequence.is_multiple_of(2) { "Male" } else { "Female" };
            let time = Timestamp::from_secs(self.secs);
            let is_wrong = self.random.f64() < wrong;
            let truth = if is_wrong { 1.0 } else { 0.0 };
            let inference = Inference {
                id: sequence.to_string().into(),
                time,
                model: "income".into(),
                version: "1".into(),
                features: vec![("age".into(), (age + 10.0 * bell).into()), ("sex".into(), sex.into())],
                prediction: 0.0.into(),
                probability: Some(self.random.f64() * 0.5),
                probabilities: vec![],
                latency_ms: 1.0,
                is_shadow: false,
            };
            let label = Label { id: inference.id.clone(), label: FeatureValue::Number(truth), time };
            log.push(LoggedInference { sequence, inference, label: Some(label) });
        }
    }

    /// Of the newest so many predictions a version in the shadow says something else, of other inputs.
    fn shadow(&mut self, n: usize) {
        let mut log = self.log.0.lock().unwrap();
        for idx in log.len() - n..log.len() {
            let mut it = log[idx].clone();
            it.sequence = log.len() as u64 + 1;
            (it.inference.version, it.inference.is_shadow) = ("2".into(), true);
            it.inference.features[0].1 = 90.0.into();
            it.inference.prediction = 1.0.into();
            log.push(it);
        }
    }

    fn compare(&mut self) -> (super::run::Run, Vec<Anomaly>) {
        let now = self.now();
        self.watched.compare("request", now).unwrap()
    }

    /// The process ends and another one begins.
    fn restart(&mut self) {
        let (log, store) = (Arc::clone(&self.log) as _, Arc::clone(&self.store));
        self.watched = Watched::open(self.config.clone(), &self.folder, log, store).unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // What is left in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const FIRST: &str = r#"{"model":"income","reference":{"first":500},"window":{"count":300,"min_count":100},
    "schedule":"","recover_after_runs":1,"alert":["data_drift_score > 0.1","concept_drift > 0"]}"#;

/// Guarantees 532 and 534.
#[test]
fn the_reference_is_not_compared_with_itself() {
    let mut world = World::new("first", FIRST);
    assert!(matches!(world.watched.compare("request", world.now()), Err(NoRun::TooFew(0, 100))));
    world.ask(400, 40.0, 0.1);
    let error = world.watched.compare("request", world.now()).unwrap_err().to_string();
    assert!(error.starts_with("400 of the 500 predictions"), "{error}");
    world.ask(150, 40.0, 0.1);
    assert!(matches!(world.watched.compare("request", world.now()), Err(NoRun::TooFew(50, 100))));
    world.ask(100, 40.0, 0.1);
    let (run, anomalies) = world.compare();
    assert_eq!((run.rows, run.features.len(), anomalies.len()), (150, 2, 0), "{run:?}");
    assert_eq!(run.measures.get("data_drift_score"), Some(0.0));
}

/// Guarantees: MUST 881 of docs/specs/predict.md.
#[test]
fn what_the_shadow_said_is_not_compared() {
    let mut world = World::new("shadow", FIRST);
    for _ in 0..16 {
        world.ask(50, 40.0, 0.1);
        world.shadow(50);
    }
    let (run, anomalies) = world.compare();
    assert_eq!((run.rows, run.versions, anomalies), (300, [("1".to_owned(), 300)].into(), vec![]));
}

/// Guarantees 535, 536, 543, 544 and 545: a drift is told with its begin, goes on after a sudden end, and ends.
#[test]
fn a_drift_begins_goes_on_over_a_restart_and_ends() {
    let mut world = World::new("drift", FIRST);
    world.ask(800, 40.0, 0.1);
    assert_eq!(world.compare().1, vec![]);
    let began = world.now();
    world.ask(200, 55.0, 0.1);
    let (run, anomalies) = world.compare();
    assert_eq!(run.measures.get("data_drift_score"), Some(0.5));
    let names: Vec<&str> = anomalies.iter().map(|it| it.labels.name()).collect();
    assert_eq!(names, ["data_drift_score", "sentinel_data_drift_score"]);
    assert!(anomalies.iter().all(|it| !it.is_over && it.labels.service() == Some("income")));
    let late = anomalies[1].onset.secs_since(began);
    assert!((-15.0..=15.0).contains(&late), "the begin is {late} s off");
    assert!(anomalies[1].explanation.contains("age: mean 4"), "{}", anomalies[1].explanation);

    world.restart();
    let now = world.now();
    let firing = world.watched.firing(now);
    assert_eq!(
        firing.iter().map(|it| &it.labels).collect::<Vec<_>>(),
        anomalies.iter().map(|it| &it.labels).collect::<Vec<_>>()
    );
    assert_eq!(firing[1].onset, anomalies[1].onset);

    world.ask(300, 40.0, 0.1);
    let (run, anomalies) = world.compare();
    assert_eq!(run.measures.get("data_drift_score"), Some(0.0));
    assert!(anomalies.len() == 2 && anomalies.iter().all(|it| it.is_over), "{anomalies:?}");
    assert!(world.watched.firing(now).is_empty());
}

/// Guarantees 540: the same inputs with other truths are concept drift, and inputs are told to be the same.
#[test]
fn other_truths_are_concept_drift() {
    let mut world = World::new("concept", FIRST);
    world.ask(800, 40.0, 0.1);
    assert_eq!(world.compare().1, vec![]);
    world.ask(300, 40.0, 0.4);
    let (run, anomalies) = world.compare();
    assert_eq!(run.measures.get("data_drift_score"), Some(0.0));
    assert_eq!(anomalies.len(), 1, "{anomalies:?}");
    assert_eq!(anomalies[0].labels.name(), "sentinel_concept_drift_score");
    let accuracy = run.measures.get("accuracy").unwrap();
    assert!((0.5..0.7).contains(&accuracy), "{accuracy}");
}

/// The rule of seed 3 and that of Evidently side by side: of two features one is half; of all columns, answers and
/// probabilities among them, it is a quarter.
#[test]
fn two_rules_stand_side_by_side() {
    let both = FIRST.replace(
        r#""alert":["data_drift_score > 0.1","concept_drift > 0"]"#,
        r#""alert":["data_drift_score > 0.1","dataset_drift > 0"],"compare":{"drift_share":0.3}"#,
    );
    for (config, expected) in [(both.clone(), [true, false]), (both.replace("0.3", "0.25"), [true, true])] {
        let mut world = World::new("rules", &config);
        world.ask(800, 40.0, 0.1);
        world.ask(300, 55.0, 0.1);
        let (run, anomalies) = world.compare();
        assert_eq!(run.measures.get("data_drift_score"), Some(0.5));
        let holds: Vec<bool> = world.watched.alarms().iter().map(|it| it.1.is_some()).collect();
        assert_eq!(holds, expected, "{config}");
        assert_eq!(anomalies.len(), 2, "both tell of the same series");
    }
}

const ONLINE: &str = r#"{"model":"income","reference":{"first":1500},"window":{"count":300,"min_count":100},
    "schedule":"","segments":["sex"],"online":{"expected_samples_between_false_alarms":50000,"recover_after_samples":200}}"#;

/// Guarantees 591, 593 and 596: an alarm is told at once with its begin, goes on after a sudden end, and ends.
#[test]
fn a_live_alarm_begins_goes_on_over_a_restart_and_ends() {
    let mut world = World::new("online", ONLINE);
    let step = |world: &World| {
        let mut anomalies = world.watched.step(world.now());
        anomalies.extend(world.watched.step_online(world.now()));
        anomalies
    };
    assert_eq!(step(&world), vec![]);
    world.ask(2500, 40.0, 0.1);
    assert_eq!(step(&world), vec![]);
    assert_eq!(world.watched.online.as_ref().unwrap().look(|it| it.follower.as_ref().unwrap().rows), 1000);
    let began = world.now();
    world.ask(60, 55.0, 0.1);
    let anomalies = step(&world);
    let told: Vec<(&str, Option<&str>)> =
        anomalies.iter().map(|it| (it.labels.name(), it.labels.get("feature"))).collect();
    assert_eq!(told, [("sentinel_online_drift_score", Some("age"))], "{anomalies:?}");
    let late = anomalies[0].onset.secs_since(began);
    assert!((-8.0..=8.0).contains(&late), "the begin is {late} s off");
    assert!(anomalies[0].explanation.starts_with("age: mean 4"), "{}", anomalies[0].explanation);

    world.restart();
    assert_eq!(step(&world), vec![], "nothing is new");
    let firing = world.watched.firing_online(world.now());
    assert_eq!((firing.len(), firing[0].onset), (1, anomalies[0].onset));
    assert_eq!(firing[0].explanation, anomalies[0].explanation);

    world.ask(600, 40.0, 0.1);
    let over = step(&world);
    assert!(over.len() == 1 && over[0].is_over && over[0].labels == anomalies[0].labels, "{over:?}");
    // The process ends before anybody has heard of it: it is told again.
    world.restart();
    assert_eq!(step(&world).iter().filter(|it| it.is_over).count(), 1);
    assert_eq!(step(&world), vec![]);
    assert!(world.watched.firing_online(world.now()).is_empty());
}

/// Guarantees 532: the schedule compares by itself, once, and again only when something has come.
#[test]
fn the_schedule_compares_what_is_new() {
    let mut world = World::new("schedule", &FIRST.replace(r#""schedule":"""#, r#""schedule":"* * * * *""#));
    world.ask(800, 40.0, 0.1);
    let runs = |it: &Watched| it.look(|it| it.runs.all().len());
    world.watched.step(world.now());
    assert_eq!(runs(&world.watched), 0, "it is not yet time");
    world.secs += 60;
    world.watched.step(world.now());
    assert_eq!(runs(&world.watched), 1);
    world.secs += 120;
    world.watched.step(world.now());
    assert_eq!(runs(&world.watched), 1, "nothing has come");
    world.ask(5, 40.0, 0.1);
    world.secs += 60;
    world.watched.step(world.now());
    assert_eq!(runs(&world.watched), 2);
}
