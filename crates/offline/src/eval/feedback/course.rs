//! What does a noisy month of some services look like? Series that burst of themselves, at heights that differ from
//! service to service, and now and then a real fault; made up from a seed.

use signal::Labels;

/// One point a minute.
pub const MINUTE_SECS: i64 = 60;
const METRICS: [&str; 3] = ["latency_ms", "queue_length", "open_connections"];
const SERVICES: usize = 8;
/// Bursts and faults a day, of one service.
const FAULTS_PER_DAY: f64 = 0.25;
/// A fault lasts so many minutes.
const FAULT_MINUTES: (u32, u32) = (20, 40);
const BURST_MINUTES: (u32, u32) = (4, 8);
/// A fault is at most so many times as high as the smallest one.
const SPREAD: f64 = 4.0;

/// A real fault of a service, in minutes from the beginning.
#[derive(Clone, Debug)]
pub struct Fault {
    pub service: usize,
    pub minutes: std::ops::Range<usize>,
}

/// The month of all services.
pub struct Course {
    pub labels: Vec<Labels>,
    /// The service of each series.
    pub services: Vec<usize>,
    /// One value of each series for each minute.
    pub values: Vec<Vec<f64>>,
    pub faults: Vec<Fault>,
}

impl Course {
    /// A course of so many days.
    pub fn new(seed: u64, days: usize) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let minutes = days * 1440;
        let faults: Vec<Fault> = (0..SERVICES).flat_map(|it| faults(it, minutes, &mut rng)).collect();
        let mut course = Self { labels: vec![], services: vec![], values: vec![], faults };
        for service in 0..SERVICES {
            // Every service is noisy in its own way: how often, and how high.
            let per_day = 1.0 + 7.0 * rng.f64();
            let height = 70.0 + 40.0 * rng.f64();
            for metric in METRICS {
                course.labels.push(Labels::metric(metric, &[("service", &format!("service-{service}"))]));
                course.services.push(service);
                course.values.push(values(
                    &course.faults,
                    service,
                    minutes,
                    per_day / METRICS.len() as f64,
                    height,
                    &mut rng,
                ));
            }
        }
        course
    }

    /// The name of a service in labels.
    pub fn name(service: usize) -> String {
        format!("service-{service}")
    }
}

fn faults(service: usize, minutes: usize, rng: &mut fastrand::Rng) -> Vec<Fault> {
    let mut faults = vec![];
    let mut minute = 0;
    while minute < minutes {
        let length = rng.u32(FAULT_MINUTES.0..=FAULT_MINUTES.1) as usize;
        if rng.f64() < FAULTS_PER_DAY / 1440.0 && minute + length < minutes {
            faults.push(Fault { service, minutes: minute..minute + length });
            minute += 1440 / 4;
        }
        minute += 1;
    }
    faults
}

/// Noise of a standard deviation of 2 around 100; bursts of one series, faults of all series of the service.
fn values(
    faults: &[Fault],
    service: usize,
    minutes: usize,
    per_day: f64,
    height: f64,
    rng: &mut fastrand::Rng,
) -> Vec<f64> {
    let mut values = vec![0.0; minutes];
    let (mut left, mut burst) = (0, 0.0);
    for value in &mut values {
        if left == 0 && rng.f64() < per_day / 1440.0 {
            left = rng.u32(BURST_MINUTES.0..=BURST_MINUTES.1);
            burst = height * (0.6 + 0.8 * rng.f64());
        }
        let noise = (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
        *value = 100.0 + 12.0 * noise + if left > 0 { burst } else { 0.0 };
        left = left.saturating_sub(1);
    }
    for fault in faults.iter().filter(|it| it.service == service) {
        // Small faults are as likely as large ones; the smallest are not higher than the bursts of many services.
        let height = 120.0 * SPREAD.powf(rng.f64());
        values.iter_mut().take(fault.minutes.end).skip(fault.minutes.start).for_each(|it| *it += height);
    }
    values
}
