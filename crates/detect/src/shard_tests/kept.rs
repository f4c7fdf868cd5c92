//! Does a shard go on as it was after it was saved, and does it forget what is gone?

use super::*;

#[test]
fn a_saved_shard_goes_on_the_same() {
    let mut world = World::new();
    let mut random = fastrand::Rng::with_seed(4);
    let names = ["latency", "client_errors_total", r#"cpu_usage{service="a b\"c"}"#, "young"];
    let feed = |world: &mut World, random: &mut fastrand::Rng| {
        world.pass(1);
        // One series is still warming up when it is saved.
        let is_young = world.now < START.plus(std::time::Duration::from_secs(70));
        let seen = names.iter().filter(|it| !is_young || **it != "young");
        seen.map(|it| world.see(it, 50.0 + random.f64()).score).collect::<Vec<_>>()
    };
    (0..77).for_each(|_| _ = feed(&mut world, &mut random));
    let bytes = world.shard.save();
    let mut restored = World::new();
    assert_eq!(restored.shard.restore(&bytes), Ok(4));
    restored.now = world.now;
    let mut twin = random.clone();
    for _ in 0..100 {
        // As text, because the rate of a counter is not a number before its second reading.
        let scores = |it| format!("{it:?}");
        assert_eq!(scores(feed(&mut world, &mut random)), scores(feed(&mut restored, &mut twin)));
    }
}

/// Scenario: state is saved in the middle of a fault, and another process goes on with the points since.
/// Guarantees: it tells what the first one tells, with the same onset, so that it can be known for a repeat.
#[test]
fn an_episode_goes_on_where_it_was_saved() {
    let mut world = World::new();
    world.run("latency", repeat(5.0, 120).chain(repeat(50.0, 10)));
    let told = world.take();
    let onset = told.first().map(|it| it.onset).expect("the fault is told");
    let mut restored = World::new();
    assert_eq!(restored.shard.restore(&world.shard.save()), Ok(1));
    restored.now = world.now;
    for world in [&mut world, &mut restored] {
        world.run("latency", repeat(50.0, 8).chain(repeat(5.0, 20)));
    }
    let (ours, theirs) = (world.take(), restored.take());
    assert!(ours.len() >= 2 && ours.iter().all(|it| it.onset == onset) && ours.last().is_some_and(|it| it.is_over));
    let identity = |it: &Anomaly| (it.kind, it.onset, it.time, it.is_over);
    assert_eq!(theirs.iter().map(identity).collect::<Vec<_>>(), ours.iter().map(identity).collect::<Vec<_>>());
}

/// Guarantees: a shard that judges while it is saved has every series in what was saved, each of them whole.
#[test]
fn a_shard_is_saved_while_it_judges() {
    let mut world = World::new();
    let names: Vec<String> = (0..100).map(|it| format!("latency_{it}")).collect();
    for round in 0..50 {
        world.pass(1);
        names.iter().for_each(|it| _ = world.see(it, 5.0 + f64::from(round % 3)));
    }
    let mut saving = crate::Saving::new();
    let mut bytes = vec![];
    while saving.write(&world.shard, 7) {
        bytes.extend(saving.take());
        world.pass(1);
        names.iter().for_each(|it| _ = world.see(it, 6.0));
    }
    bytes.extend(saving.finish());
    let mut restored = World::new();
    assert_eq!(restored.shard.restore(&bytes), Ok(100));
    restored.now = world.now;
    restored.pass(1);
    assert!(names.iter().all(|it| restored.see(it, 5.0).score.is_ready));
}

#[test]
fn damaged_state_starts_fresh_and_says_so() {
    let mut world = World::new();
    world.run("latency", repeat(5.0, 50));
    let bytes = world.shard.save();
    let mut other_version = bytes.clone();
    other_version[4] = 9;
    let restore = |bytes: &[u8]| Shard::new(Arc::new(Config::default())).restore(bytes);
    assert_eq!(restore(&bytes), Ok(1));
    assert_eq!(restore(&other_version), Err(crate::RestoreError::Version { found: 9 }));
    for len in 0..bytes.len() {
        assert!(restore(&bytes[..len]).is_err(), "{len}");
    }
    for idx in 8..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[idx] ^= 0x10;
        assert!(restore(&damaged).is_err(), "{idx}");
    }
}

#[test]
fn the_model_of_a_series_is_at_most_a_kibibyte_and_all_of_it_at_most_one_and_a_half() {
    let mut world = World::with(Config { band_series: 0, ..Config::default() });
    for idx in 0..1000 {
        world.see(&format!(r#"latency{{idx="{idx}"}}"#), 1.0);
    }
    let n_series = world.shard.series_count();
    let (model, all) = (world.shard.model_bytes() / n_series, world.shard.state_bytes() / n_series);
    println!("{model} bytes of model and {all} bytes in all per series");
    assert!(model <= 1024 && all <= 1536);
}

#[test]
fn long_silent_series_are_forgotten_and_their_slots_are_not_mixed_up() {
    let mut world = World::with(Config { forget_after_secs: 60, max_series: 1, ..Config::default() });
    let old = world.shard.slot(&"a".parse().unwrap()).unwrap();
    world.see("a", 1.0);
    assert_eq!(world.see("b", 1.0).fate, Fate::Ignored);
    world.pass(200);
    assert_eq!(world.shard.series_count(), 1, "how often it comes is not known yet");
    world.pass(100);
    assert_eq!(world.shard.series_count(), 0);
    world.see("b", 1.0);
    let point = Point { time: world.now, value: 1.0 };
    let verdict = world.shard.observe_slot(old, point, world.now, &mut world.told);
    assert_eq!(verdict.fate, Fate::UnknownSlot);
}

#[test]
fn a_series_with_a_point_a_week_is_not_forgotten_between_two_points() {
    const WEEK: i64 = 7 * 86_400;
    let mut shard = Shard::new(Arc::new(Config::default()));
    let labels: Labels = "backup_bytes".parse().unwrap();
    let see = |shard: &mut Shard, week: i64| {
        let time = Timestamp::from_secs(week * WEEK);
        shard.observe(&labels, Point { time, value: 5.0 }, time, &mut vec![]).fate
    };
    // After a jump of the clock everybody gets some seconds to come back.
    let look = |shard: &mut Shard, secs: i64| {
        (secs..secs + 60).for_each(|it| shard.tick(Timestamp::from_secs(it), &mut vec![]));
    };
    for week in 0..17 {
        assert_eq!(see(&mut shard, week), if week < 16 { Fate::WarmingUp } else { Fate::Scored });
        look(&mut shard, week * WEEK + 6 * 86_400);
    }
    look(&mut shard, 40 * WEEK);
    assert_eq!(shard.series_count(), 0);
}
