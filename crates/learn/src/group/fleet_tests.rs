//! What a fleet promises: one that leaves is told, all that fleets usually do is silent.

use super::*;

/// Eight replicas with sizes of their own under a rhythm, with noise of a share.
struct World {
    fleet: Fleet,
    members: Vec<Member>,
    random: fastrand::Rng,
    noise: f64,
    tick: u32,
}

impl World {
    fn new(seed: u64, count: usize, noise: f64) -> Self {
        Self {
            fleet: Fleet::new(FleetSettings::default()),
            members: vec![Member::default(); count],
            random: fastrand::Rng::with_seed(seed),
            noise,
            tick: 0,
        }
    }

    /// One tick of a rhythm with a period of 720 ticks; the change gets the member, the tick and its value.
    fn tick(&mut self, change: impl Fn(usize, u32, f64) -> f64) -> Vec<Standing> {
        let wave = 100.0 * (1.0 + 0.5 * (f64::from(self.tick) * std::f64::consts::TAU / 720.0).sin());
        let mut value = |idx: usize| {
            let noise = (0..4).map(|_| self.random.f64() - 0.5).sum::<f64>() * 3_f64.sqrt() * self.noise;
            change(idx, self.tick, wave * (1.0 + 0.05 * idx as f64) * noise.exp())
        };
        let values: Vec<f64> = (0..self.members.len()).map(&mut value).collect();
        let standings = self.fleet.score_tick(&self.members, &values);
        self.fleet.learn_tick(&mut self.members, &values, &standings);
        self.tick += 1;
        standings
    }

    /// Ticks at which each member scores above 1.0.
    fn run(&mut self, ticks: u32, change: impl Fn(usize, u32, f64) -> f64) -> Vec<u32> {
        let mut above = vec![0; self.members.len()];
        for _ in 0..ticks {
            let standings = self.tick(&change);
            above.iter_mut().zip(standings).for_each(|(count, it)| *count += u32::from(it.value > 1.0));
        }
        above
    }
}

fn as_is(_: usize, _: u32, y: f64) -> f64 {
    y
}

#[test]
fn a_fleet_that_does_its_work_is_silent() {
    let mut points = 0;
    for seed in 0..20 {
        let mut world = World::new(seed, 8, 0.08);
        let above: u32 = world.run(2000, as_is).iter().sum();
        points += above;
        assert!(above <= 4, "seed {seed}: {above} of 16000 points");
    }
    assert!(points <= 16, "{points} of 320000 points");
}

#[test]
fn the_one_that_leaves_is_told_and_no_other() {
    for seed in 0..20 {
        let mut world = World::new(seed, 8, 0.08);
        world.run(700, as_is);
        // At this time of the rhythm 1.8 times the usual is less than all have at its top.
        let above = world.run(120, |idx, _, y| if idx == 3 { 1.8 * y } else { y });
        assert!(above[3] >= 110, "seed {seed}: {above:?}");
        assert!(above.iter().enumerate().all(|(idx, it)| idx == 3 || *it <= 2), "seed {seed}: {above:?}");
    }
}

#[test]
fn what_all_do_together_is_not_told() {
    let mut world = World::new(1, 8, 0.08);
    world.run(700, as_is);
    for factor in [3.0, 0.2, 40.0] {
        let above: u32 = world.run(60, |_, _, y| factor * y).iter().sum();
        assert!(above <= 1, "{factor}: {above}");
        world.run(60, as_is);
    }
    // Half of them: a roll-out, which is not one of a fleet.
    let above: u32 = world.run(60, |idx, _, y| if idx < 4 { 3.0 * y } else { y }).iter().sum();
    assert_eq!(above, 0);
}

#[test]
fn leaders_may_change_and_differ() {
    let mut world = World::new(2, 5, 0.08);
    let lead = |leader: usize| move |idx: usize, _: u32, y: f64| if idx == leader { 6.0 * y } else { y };
    let above: u32 = world.run(700, lead(1)).iter().sum();
    assert_eq!(above, 0);
    let above: u32 = world.run(200, lead(4)).iter().sum();
    assert!(above <= 2, "{above}");
    // Only one leads: a second one is no exchange.
    let above = world.run(60, |idx, _, y| if idx == 4 || idx == 2 { 6.0 * y } else { y });
    assert!(above[2] >= 55, "{above:?}");
}

#[test]
fn members_come_and_go() {
    let mut world = World::new(3, 6, 0.08);
    world.run(700, as_is);
    let gone = |idx: usize, tick: u32, y: f64| if idx == 2 && tick < 760 { f64::NAN } else { y };
    assert_eq!(world.run(100, gone).iter().sum::<u32>(), 0);
    world.members.push(Member::default());
    world.members.push(Member::default());
    assert!(world.run(300, as_is).iter().sum::<u32>() <= 1);
    world.members.truncate(4);
    assert!(world.run(100, as_is).iter().sum::<u32>() <= 1);
    // Three members have two peers each, which is too few to judge.
    world.members.truncate(3);
    assert_eq!(world.run(50, |idx, _, y| if idx == 0 { 9.0 * y } else { y }).iter().sum::<u32>(), 0);
}

#[test]
fn shape_counts_too() {
    let mut world = World::new(4, 8, 0.05);
    world.run(700, as_is);
    let mut deviations = vec![];
    for tick in 0..120 {
        let standings = world.tick(|idx, _, y| if idx == 5 { y * if tick % 2 == 0 { 1.25 } else { 0.8 } } else { y });
        deviations.extend((standings[5].value > 1.0).then_some(standings[5].deviation));
    }
    assert!(deviations.iter().filter(|it| **it == Deviation::Rough).count() > 60, "{deviations:?}");
    world.run(200, as_is);
    // The exporter of one member repeats itself near its usual value while the rhythm goes on.
    let mut stuck = 0;
    let mut held = f64::NAN;
    for _ in 0..60 {
        let value = std::cell::Cell::new(held);
        let standings = world.tick(|idx, _, y| {
            if idx == 6 && value.get().is_nan() {
                value.set(y);
            }
            if idx == 6 { value.get() } else { y }
        });
        held = value.get();
        stuck += u32::from(standings[6].value > 1.0);
    }
    assert!(stuck >= 30, "{stuck}");
}

#[test]
fn a_new_place_is_taken_for_usual_at_last() {
    let mut world = World::new(5, 8, 0.05);
    world.run(300, as_is);
    let doubled = |idx: usize, _: u32, y: f64| if idx == 0 { 2.0 * y } else { y };
    assert!(world.run(700, doubled)[0] >= 690);
    assert!(world.run(700, doubled)[0] <= 40);
}

#[test]
fn absurd_values_are_survived() {
    let mut world = World::new(6, 5, 0.1);
    world.run(100, as_is);
    for y in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e300, 0.0] {
        let standings = world.tick(|idx, _, it| if idx == 0 { y } else { it });
        assert!(standings.iter().all(|it| it.value.is_finite() && it.expected.is_finite()), "{y}");
        world.tick(|_, _, _| y);
    }
    assert!(world.fleet.score_tick(&[], &[]).is_empty());
    assert!(size_of::<Member>() <= 64);
}

#[test]
fn scoring_learns_nothing() {
    let mut world = World::new(7, 6, 0.1);
    world.run(100, as_is);
    let before = (world.fleet.clone(), world.members.clone());
    for _ in 0..10 {
        world.fleet.score_tick(&world.members, &[500.0, 1.0, 3.0, 4.0, 5.0, 6.0]);
    }
    assert_eq!((world.fleet, world.members), before);
}
