//! What the joint model promises: it names the guilty signal, and is silent while signals move as they always do.

use super::*;

/// Eight signals: six follow the load with factors and noise of their own, two are on their own.
struct World {
    joint: Joint,
    random: fastrand::Rng,
    step: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let joint = Joint::new(8, JointSettings::default());
        Self { joint, random: fastrand::Rng::with_seed(seed), step: 0 }
    }

    fn noise(&mut self) -> f64 {
        (0..4).map(|_| self.random.f64() - 0.5).sum::<f64>() * 3_f64.sqrt()
    }

    /// A usual point; `load` is a factor on everything that follows the load.
    fn point(&mut self, load: f64) -> Vec<f64> {
        self.step += 1;
        let wave = load * (1.0 + 0.4 * (f64::from(self.step) / 120.0).sin()) * (0.03 * self.noise()).exp();
        let mut point: Vec<f64> =
            (0..6).map(|it| (10.0 * f64::from(it + 1) + 100.0 * wave) * (0.04 * self.noise()).exp()).collect();
        point.push(0.05 * (0.06 * self.noise()).exp());
        point.push(2e9 * (0.01 * self.noise()).exp());
        point
    }

    fn learn(&mut self, steps: u32) -> u32 {
        let mut above = 0;
        for _ in 0..steps {
            let point = self.point(1.0);
            let score = self.joint.score_one(&point);
            self.joint.learn_one(&point, &score);
            above += u32::from(score.value > 1.0);
        }
        above
    }
}

#[test]
fn the_guilty_signal_is_named() {
    let (mut right, mut seen, mut cases) = (0, 0, 0);
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.learn(1500);
        for case in 0..50 {
            let mut point = world.point(1.0);
            let guilty = world.random.usize(0..8);
            let factor = 1.2 + 0.5 * world.random.f64();
            point[guilty] *= if case % 2 == 0 { factor } else { 1.0 / factor };
            let score = world.joint.score_one(&point);
            cases += 1;
            seen += usize::from(score.value > 1.0);
            right += usize::from(score.guilty == Some(guilty));
        }
    }
    println!("{right} of {cases} guilty signals named, {seen} above the threshold");
    assert!(right >= 950, "{right} of {cases}");
    assert!(seen >= 500, "{seen} of {cases}");
}

#[test]
fn noise_and_load_are_silent() {
    let (mut total, mut at_load) = (0, 0);
    for seed in 0..20 {
        let mut world = World::new(seed);
        total += world.learn(4000);
        for step in 0..200 {
            let point = world.point(1.0 + 0.6 * f64::from(step) / 200.0);
            at_load += u32::from(world.joint.score_one(&point).broken > 1.0);
        }
    }
    println!("{total} of 80000 usual points and {at_load} of 4000 under load are above the threshold");
    assert!(total <= 8, "{total} of 80000");
    assert_eq!(at_load, 0);
}

#[test]
fn traffic_up_and_cpu_down_is_broken() {
    let mut world = World::new(1);
    world.learn(1500);
    let mut point = world.point(1.0);
    // Both stay where they often are, only not at the same time.
    for (idx, it) in point.iter_mut().enumerate().take(6) {
        *it = if idx == 2 { 60.0 } else { 130.0 + 10.0 * idx as f64 };
    }
    let score = world.joint.score_one(&point);
    assert!(score.broken > 1.0 && score.guilty == Some(2), "{score:?}");
    assert!(score.implied[0] > 110.0 && score.implied[1] > 60.0, "{score:?}");
    assert!(score.explained > 0.5, "{score:?}");
}

#[test]
fn small_deviations_together_are_seen() {
    let mut world = World::new(2);
    world.learn(1500);
    let mut seen = 0;
    for _ in 0..50 {
        let mut point = world.point(1.0);
        for (idx, it) in point.iter_mut().enumerate() {
            *it *= 1.0 + if idx % 2 == 0 { 0.15 } else { -0.15 };
        }
        let score = world.joint.score_one(&point);
        seen += u32::from(score.value > 1.0 && score.together > 1.0);
    }
    assert!(seen >= 45, "{seen}");
}

#[test]
fn contamination_teaches_little() {
    let mut world = World::new(3);
    world.learn(1500);
    let broken = |world: &mut World| {
        let mut point = world.point(1.0);
        point[2] *= 0.4;
        point
    };
    for _ in 0..400 {
        for _ in 0..19 {
            let point = world.point(1.0);
            let score = world.joint.score_one(&point);
            world.joint.learn_one(&point, &score);
        }
        let point = broken(&mut world);
        let score = world.joint.score_one(&point);
        world.joint.learn_one(&point, &score);
    }
    let point = broken(&mut world);
    let score = world.joint.score_one(&point);
    assert!(score.broken > 1.0 && score.guilty == Some(2), "{score:?}");
}

#[test]
fn missing_and_absurd_values_are_survived() {
    let mut world = World::new(4);
    world.learn(600);
    let mut point = world.point(1.0);
    (point[0], point[7]) = (f64::NAN, f64::NAN);
    point[2] *= 3.0;
    let score = world.joint.score_one(&point);
    assert!(score.guilty == Some(2) && score.value > 1.0 && score.contributions[0] == 0.0, "{score:?}");
    for y in [f64::NAN, f64::INFINITY, f64::MIN, 1e300, 0.0] {
        let point = [y; 8];
        let score = world.joint.score_one(&point);
        assert!(score.value.is_finite(), "{y}: {score:?}");
        world.joint.learn_one(&point, &score);
    }
    assert_eq!(world.joint.score_one(&[]).value, 0.0);
    let mut empty = Joint::new(0, JointSettings::default());
    empty.learn_one(&[], &JointScore::default());
    let mut constant = Joint::new(3, JointSettings::default());
    for _ in 0..500 {
        let score = constant.score_one(&[0.0, 5.0, 5.0]);
        assert!(score.value <= 1.0, "{score:?}");
        constant.learn_one(&[0.0, 5.0, 5.0], &score);
    }
    assert!(Joint::new(16, JointSettings::default()).bytes() <= 3072);
}

#[test]
fn scoring_learns_nothing() {
    let mut world = World::new(5);
    world.learn(400);
    let before = world.joint.clone();
    (0..10).for_each(|it| _ = world.joint.score_one(&[f64::from(it); 8]));
    assert_eq!(world.joint, before);
}

#[test]
fn a_new_relation_is_learned_at_last() {
    let mut world = World::new(6);
    world.learn(1500);
    let mut above = vec![];
    for _ in 0..1600 {
        let mut point = world.point(1.0);
        point[2] *= 0.5;
        let score = world.joint.score_one(&point);
        world.joint.learn_one(&point, &score);
        above.push(score.value > 1.0);
    }
    let count = |range: std::ops::Range<usize>| above[range].iter().filter(|it| **it).count();
    assert!(count(0..600) >= 450, "{}", count(0..600));
    assert!(count(1400..1600) <= 10, "{}", count(1400..1600));
}
