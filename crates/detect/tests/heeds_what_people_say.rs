//! Does a threshold that people have raised hold back what it should, and nothing else? In simulated time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;
use std::sync::Arc;

use detect::{AlertBudgets, Config, Shard};
use signal::{Anomaly, AnomalyKind, Labels, LessonTarget, Point, Timestamp};

const START: i64 = 1_767_571_200;

/// Two services of the same metric, one of which people have spoken of.
struct Watch {
    shard: Shard,
    budgets: Arc<AlertBudgets>,
    second: i64,
}

impl Watch {
    fn new() -> Self {
        let policy =
            r#"{"policies": [{"metric": "temperature", "sigma": 3, "min_relative_deviation": 0, "highest": 500}]}"#;
        let config: Arc<Config> = Arc::new(serde_json::from_str(policy).unwrap());
        let budgets = Arc::new(AlertBudgets::new(&config));
        let mut watch = Self { shard: Shard::with_budgets(config, Arc::clone(&budgets)), budgets, second: START };
        watch.see(300, 0.0);
        watch
    }

    /// So many seconds at a height above the usual; the services that were told of.
    fn see(&mut self, seconds: i64, height: f64) -> Vec<Anomaly> {
        let mut told = vec![];
        for _ in 0..seconds {
            self.second += 1;
            let time = Timestamp::from_secs(self.second);
            let noise = [0.0, 1.5, -1.2, 0.6, -1.6, 0.9, 0.3][(self.second % 7) as usize];
            for service in ["pay", "web"] {
                let labels = Labels::metric("temperature", &[("service", service)]);
                self.shard.observe(&labels, Point { time, value: 100.0 + noise + height }, time, &mut told);
            }
        }
        told.retain(|it| !it.is_over);
        told
    }

    fn say(&mut self, threshold: f64) {
        let (metric, owner) = ("temperature".to_owned(), "pay".to_owned());
        let target = LessonTarget::Threshold { metric, owner, direction: None, hours: None };
        let weight = LessonTarget::Ranking { service: "pay".to_owned(), fault: None };
        self.budgets.learned().set(&BTreeMap::from([(target, threshold), (weight, 0.5)]));
    }
}

fn services(told: &[Anomaly]) -> Vec<&str> {
    let mut services: Vec<&str> = told.iter().filter_map(|it| it.labels.service()).collect();
    services.sort_unstable();
    services.dedup();
    services
}

/// Guarantees: MUST 740 and 743 of docs/specs/feedback.md.
#[test]
fn what_is_a_little_outside_is_held_back_where_people_said_so_and_only_there() {
    let mut watch = Watch::new();
    assert_eq!(services(&watch.see(6, 7.0)), ["pay", "web"], "without a word both are told");
    watch.see(300, 0.0);
    watch.say(2.0);
    assert_eq!(watch.budgets.learned().count(), 1);
    let told = watch.see(6, 7.0);
    assert_eq!(services(&told), ["web"]);
    assert!(watch.budgets.learned().held() > 0);
    watch.see(300, 0.0);
    let told = watch.see(6, 100.0);
    assert_eq!(services(&told), ["pay", "web"], "what is far outside is told");
    let peak = |service: &str| {
        let of = told.iter().filter(|it| it.labels.service() == Some(service));
        of.map(|it| it.score.value).fold(0.0, f64::max)
    };
    assert!((peak("web") / peak("pay") - 2.0).abs() < 0.5, "the score is told against the threshold that counts");
    watch.see(300, 0.0);
    let impossible = watch.see(1, 900.0);
    assert!(impossible.iter().all(|it| it.kind == AnomalyKind::Impossible), "{impossible:?}");
    assert_eq!(services(&impossible), ["pay", "web"], "what cannot be is told whatever was said");
    watch.see(300, 0.0);
    watch.budgets.learned().set(&BTreeMap::new());
    assert_eq!(services(&watch.see(6, 7.0)), ["pay", "web"], "taken back");
}
