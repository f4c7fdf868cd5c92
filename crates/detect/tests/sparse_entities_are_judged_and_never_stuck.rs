//! 911 entities that each say something once an hour or so: all of them are judged after 16 points, none is stuck in
//! warming up, and what is wrong with one of them is told.

use std::sync::Arc;

use detect::{Config, Fate, Shard};
use signal::{Labels, Point, Timestamp};

const START: i64 = 1_767_225_600;
const ENTITIES: usize = 911;
const HOUR: i64 = 3600;

/// Scenario: 40 rounds of one point per entity at a random minute; then one entity has ten times its value.
/// Guarantees: every entity is ready from its 17th point on, and exactly the one with the fault is told.
#[test]
fn each_is_judged_after_16_points() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut shard = Shard::new(Arc::new(Config::default()));
    let entities: Vec<Labels> =
        (0..ENTITIES).map(|it| Labels::metric("items_sold", &[("product", &it.to_string())])).collect();
    let mut told = vec![];
    for round in 0..44 {
        for (idx, labels) in entities.iter().enumerate() {
            let time = Timestamp::from_secs(START + round * HOUR + random.i64(0..HOUR));
            let is_fault = round >= 40 && idx == 500;
            let value = if is_fault { 1000.0 } else { 100.0 + 20.0 * random.f64() };
            let verdict = shard.observe(labels, Point { time, value }, time, &mut told);
            assert_eq!(verdict.fate == Fate::Scored, round >= 16, "entity {idx}, round {round}: {:?}", verdict.fate);
        }
    }
    let mut names: Vec<&str> = told.iter().filter(|it| !it.is_over).filter_map(|it| it.labels.get("product")).collect();
    names.dedup();
    assert_eq!(names, ["500"]);
}
