//! Is an ordinary host quiet, and a busy one told, however short it is known?

use super::*;

/// An idle host of two cores with the short bursts that are normal, for 40 minutes; then a busy loop on one core.
#[test]
fn an_idle_host_is_quiet_and_a_busy_loop_is_told_within_ten_seconds() {
    for seed in 0..5 {
        let mut world = World::new();
        let mut random = fastrand::Rng::with_seed(seed);
        for second in 0..2430 {
            world.pass(1);
            let is_cron = second % 60 < 3;
            let is_update = second % 600 < 5;
            let is_busy = second >= 2400;
            let base = noisy(&mut random, 3.0, 3.0);
            let burst = f64::from(u8::from(is_cron)) * 30.0 + f64::from(u8::from(is_update)) * 40.0;
            let cpu = (base + burst + if is_busy { 50.0 } else { 0.0 }).min(100.0);
            let host = |name: &str| format!(r#"{name}{{host="h"}}"#);
            world.see(&host("host_cpu_percent"), cpu);
            let first = if is_busy { 100.0 } else { noisy(&mut random, 4.0, 8.0) + 2.0 * burst };
            world.see(r#"host_cpu_core_percent{core="0",host="h"}"#, first.min(100.0));
            world.see(r#"host_cpu_core_percent{core="1",host="h"}"#, noisy(&mut random, 3.0, 8.0));
            world.see(&host("host_memory_used_percent"), noisy(&mut random, 31.0, 0.3) + burst / 20.0);
            world.see(&host("host_memory_used_bytes"), 1e9 + 1e7 * burst);
            world.see(&host("host_load1"), noisy(&mut random, 0.2, 0.1) + burst / 100.0);
            world.see(r#"host_disk_used_percent{host="h",mount="/"}"#, 40.0 + f64::from(second) * 1e-4);
            world.see(&host("host_processes"), (150.0 + burst / 5.0).round());
            let bytes = if random.u8(..) < 20 { 1e6 * random.f64() } else { 300.0 * random.f64() };
            world.see(r#"host_network_received_bytes_per_second{host="h",interface="eth0"}"#, bytes);
            world.see(r#"host_disk_written_bytes_per_second{host="h"}"#, if is_cron { 4e6 } else { 0.0 });
            if second == 2399 {
                let symptoms: Vec<_> = world.take().into_iter().filter(opens).collect();
                assert!(symptoms.is_empty(), "seed {seed}: {symptoms:#?}");
            }
        }
        let told: Vec<_> = world.take().into_iter().filter(opens).collect();
        let names: Vec<_> = told.iter().map(|it| it.labels.name().to_owned()).collect();
        assert!(names.iter().any(|it| it == "host_cpu_percent"), "seed {seed}: {names:?}");
        assert!(names.iter().any(|it| it == "host_cpu_core_percent"), "seed {seed}: {names:?}");
        assert!(told[0].time.secs_since(told[0].onset) <= 8.0);
    }
}

/// A real host: bursts of compilers, memory that drifts, load that follows; 20 to 60 s after the start a busy loop on one
/// of two cores.
#[test]
fn a_busy_loop_on_a_host_that_has_just_been_met_is_told_within_ten_seconds() {
    for learning_secs in [20, 30, 45, 60] {
        for seed in 0..40 {
            let mut world = World::new();
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut load, mut memory, mut told_after) = (0.1, 35.0, None);
            for second in 0..learning_secs + 11 {
                world.pass(1);
                let is_busy = second >= learning_secs;
                // Now and then something runs for a second or two.
                let spike = if random.u32(..12) == 0 { 40.0 * random.f64() } else { 0.0 };
                let first = (noisy(&mut random, 2.0, 2.0) + spike).min(100.0);
                let first = if is_busy { 100.0 } else { first };
                let second_core = noisy(&mut random, 2.0, 2.0);
                let cpu = f64::midpoint(first, second_core);
                load += (f64::from(u8::from(is_busy)) + cpu / 200.0 - load) / 60.0;
                memory += 0.02 * (random.f64() - 0.45);
                let mut see = |name: &str, value: f64| {
                    let labels = format!(r#"{name}host="h"}}"#);
                    world.see(&labels, value);
                };
                see("host_cpu_percent{", (cpu * 10.0).round() / 10.0);
                see(r#"host_cpu_core_percent{core="0","#, first);
                see(r#"host_cpu_core_percent{core="1","#, second_core);
                see("host_load1{", (load * 100.0).round() / 100.0);
                see("host_memory_used_percent{", memory);
                see("host_memory_used_bytes{", memory * 4e7);
                see(r#"host_pressure_percent{kind="some",resource="cpu","#, if is_busy { 5.0 } else { 0.0 });
                see("host_processes{", 120.0 + (random.f64() * 3.0).round());
                if world.told.iter().any(opens) {
                    told_after = Some(second - learning_secs);
                    break;
                }
            }
            let case = format!("seed {seed} after {learning_secs} s: {told_after:?} {:#?}", world.told.first());
            assert!(told_after.is_some_and(|it| (0..=8).contains(&it)), "{case}");
        }
    }
}

/// Short compilations are load, and a drifting memory is life: an hour of it opens nothing.
#[test]
fn an_ordinary_host_with_bursts_is_quiet() {
    for seed in 0..10 {
        let mut world = World::new();
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut memory, mut burst_secs, mut load) = (35.0, 0_i32, 0.1);
        for _ in 0..3600 {
            world.pass(1);
            // Negative: seconds since the last one, because two without a pause are one long one.
            burst_secs -= 1;
            if burst_secs < -10 && random.u32(..60) == 0 {
                burst_secs = random.i32(1..6);
            }
            let is_burst = burst_secs > 0;
            let cpu = if is_burst { 30.0 + 65.0 * random.f64() } else { noisy(&mut random, 2.0, 2.0) };
            load += (cpu / 50.0 - load) / 60.0;
            memory = (memory + 0.05 * (random.f64() - 0.5)).clamp(20.0, 60.0);
            world.see(r#"host_cpu_percent{host="h"}"#, cpu);
            world.see(r#"host_cpu_core_percent{core="0",host="h"}"#, (1.5 * cpu).min(100.0));
            world.see(r#"host_load1{host="h"}"#, load);
            world.see(r#"host_memory_used_percent{host="h"}"#, memory + if is_burst { 3.0 } else { 0.0 });
            world.see(r#"host_processes{host="h"}"#, if is_burst { 160.0 } else { 120.0 });
            world.see(r#"host_disk_used_percent{host="h",mount="/"}"#, 50.0 + if is_burst { 0.1 } else { 0.0 });
        }
        let told: Vec<_> = world.take().into_iter().filter(opens).collect();
        assert!(told.is_empty(), "seed {seed}: {told:#?}");
    }
}

/// Scenario: the host was busy when it was first met, then it is idle, and a minute later a process takes one core.
/// Guarantees: the band has followed to the idle level, so that the busy loop is told within ten seconds.
#[test]
fn a_host_that_was_first_met_busy_is_soon_known_idle() {
    let mut world = World::new();
    let mut random = fastrand::Rng::with_seed(11);
    let cpu = r#"host_cpu_percent{host="vm"}"#;
    let busy: Vec<f64> = (0..40).map(|_| noisy(&mut random, 95.0, 2.0).min(100.0)).collect();
    let idle: Vec<f64> = (0..60).map(|_| noisy(&mut random, 3.0, 1.0).max(0.0)).collect();
    let hog: Vec<f64> = (0..10).map(|_| noisy(&mut random, 53.0, 1.0)).collect();
    world.run(cpu, busy.into_iter().chain(idle));
    assert!(!world.take().iter().any(opens), "being idle is no fault");
    world.run(cpu, hog);
    assert!(world.take().iter().any(opens), "the busy loop is not told within ten seconds");
}
