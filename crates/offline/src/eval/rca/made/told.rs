//! What would tools have written down of a made-up system? Noisy numbers under the names of one tool, as the text of a
//! CSV file with gaps.

use std::fmt::Write as _;

use fastrand::Rng;

use super::course::{Clock, Point};
use super::dice::{chance, events, log_between, normal};
use super::shop::Shop;

/// What is measured of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Cpu,
    Memory,
    Middle,
    Tail,
    Errors,
    Requests,
    Disk,
    Network,
    Waiting,
    Loss,
    Restarts,
    Limit,
}

/// How a tool names things, and how its numbers come.
#[derive(Clone, Copy, Debug)]
pub struct Habit {
    /// Names of measures; `{}` is the service.
    names: &'static [(Measure, &'static str)],
    /// Totals that only grow, instead of rates.
    is_total: bool,
    /// A row per value.
    is_long: bool,
}

const fn habit(names: &'static [(Measure, &'static str)]) -> Habit {
    Habit { names, is_total: false, is_long: false }
}

/// The tools.
pub const HABITS: [Habit; 9] = [
    habit(&[
        (Measure::Cpu, "{}_cpu"),
        (Measure::Memory, "{}_mem"),
        (Measure::Disk, "{}_diskio"),
        (Measure::Waiting, "{}_socket"),
        (Measure::Middle, "{}_latency-50"),
        (Measure::Tail, "{}_latency-90"),
        (Measure::Errors, "{}_error"),
        (Measure::Requests, "{}_workload"),
    ]),
    habit(&[
        (Measure::Cpu, "{}_cpu"),
        (Measure::Memory, "{}_mem"),
        (Measure::Middle, "{}_lat_50"),
        (Measure::Tail, "{}_lat_90"),
        (Measure::Errors, "{}_err"),
        (Measure::Requests, "{}_load"),
    ]),
    habit(&[
        (Measure::Cpu, "{}-cpu"),
        (Measure::Memory, "{}-memory"),
        (Measure::Tail, "{}-latency"),
        (Measure::Errors, "{}-errors"),
        (Measure::Requests, "{}-requests"),
        (Measure::Restarts, "{}-restarts"),
    ]),
    habit(&[
        (Measure::Cpu, "cpu_usage{service=\"{}\"}"),
        (Measure::Memory, "memory_bytes{service=\"{}\"}"),
        (Measure::Limit, "memory_limit_bytes{service=\"{}\"}"),
        (Measure::Tail, "request_duration_p95{service=\"{}\"}"),
        (Measure::Errors, "request_errors{service=\"{}\"}"),
        (Measure::Requests, "requests{service=\"{}\"}"),
        (Measure::Loss, "tcp_retransmits{service=\"{}\"}"),
    ]),
    Habit {
        names: &[
            (Measure::Cpu, "container_cpu_usage_seconds_total{namespace=\"shop\",container=\"{}\",job=\"kubelet\"}"),
            (
                Measure::Memory,
                "container_memory_working_set_bytes{namespace=\"shop\",container=\"{}\",job=\"kubelet\"}",
            ),
            (Measure::Disk, "container_fs_writes_bytes_total{namespace=\"shop\",container=\"{}\",job=\"kubelet\"}"),
            (
                Measure::Network,
                "container_network_receive_bytes_total{namespace=\"shop\",container=\"{}\",job=\"kubelet\"}",
            ),
            (
                Measure::Requests,
                "istio_requests_total{destination_workload=\"{}\",job=\"istio\",response_code=\"200\"}",
            ),
            (Measure::Errors, "istio_requests_total{destination_workload=\"{}\",job=\"istio\",response_code=\"500\"}"),
            (Measure::Tail, "istio_request_duration_milliseconds_p90{destination_workload=\"{}\",job=\"istio\"}"),
        ],
        is_total: true,
        is_long: false,
    },
    habit(&[
        (Measure::Cpu, "{}/cpu_percent"),
        (Measure::Memory, "{}/memory_mb"),
        (Measure::Middle, "{}/http_p50"),
        (Measure::Tail, "{}/http_p99"),
        (Measure::Errors, "{}/http_5xx"),
        (Measure::Requests, "{}/http_requests"),
        (Measure::Waiting, "{}/pool_in_use"),
    ]),
    Habit {
        names: &[
            (Measure::Cpu, "cpu"),
            (Measure::Memory, "memory"),
            (Measure::Tail, "latency_p99"),
            (Measure::Errors, "errors"),
            (Measure::Requests, "rps"),
            (Measure::Disk, "disk_write_bytes"),
        ],
        is_total: false,
        is_long: true,
    },
    Habit {
        names: &[
            (Measure::Cpu, "{}_container-cpu-usage-seconds-total"),
            (Measure::Memory, "{}_container-memory-working-set-bytes"),
            (Measure::Limit, "{}_container-spec-memory-limit-bytes"),
            (Measure::Disk, "{}_container-fs-writes-bytes-total"),
            (Measure::Network, "{}_container-network-transmit-bytes-total"),
            (Measure::Middle, "{}_istio-latency-50"),
            (Measure::Tail, "{}_istio-latency-90"),
            (Measure::Errors, "{}_istio-error-total"),
            (Measure::Requests, "{}_istio-request-total"),
        ],
        is_total: true,
        is_long: false,
    },
    habit(&[
        (Measure::Cpu, "cpu_usage_{}"),
        (Measure::Memory, "memory_usage_{}"),
        (Measure::Tail, "latency_p95_{}"),
        (Measure::Errors, "error_count_{}"),
        (Measure::Requests, "request_rate_{}"),
    ]),
];

/// A series as it was measured: the name of the service and of the column, and values with gaps.
struct Series {
    service: String,
    name: String,
    values: Vec<f64>,
}

/// The text of a CSV file from `from`, in seconds since 1970.
pub fn csv(shop: &Shop, points: &[Vec<Point>], clock: &Clock, from: i64, random: &mut Rng) -> String {
    let Some(habit) = HABITS.get(random.usize(..HABITS.len())) else { return String::new() };
    // Some services are not measured in everything.
    let left_out = if chance(random, 0.5) { 0.0 } else { random.f64() * 0.3 };
    // Nobody measures what is not there, or it is 0.
    let is_absent = chance(random, 0.6);
    // Proxies of callers measure with the way, services without.
    let is_of_callers = chance(random, 0.7);
    let mut series = vec![];
    for (nth, service) in shop.services.iter().enumerate() {
        for (measure, name) in habit.names {
            if chance(random, left_out) {
                continue;
            }
            let own: Vec<Point> = points.iter().filter_map(|it| it.get(nth).copied()).collect();
            let mut values = measured(*measure, &own, clock, (is_of_callers, is_absent), random);
            let is_flow = matches!(
                measure,
                Measure::Cpu | Measure::Errors | Measure::Requests | Measure::Disk | Measure::Network
            );
            if habit.is_total && is_flow {
                total(&mut values, log_between(random, 1.0, 1e4));
            }
            series.push(Series { service: service.name.clone(), name: name.replace("{}", &service.name), values });
        }
    }
    let gaps = if chance(random, 0.5) { 0.0 } else { random.f64() * 0.08 };
    for value in series.iter_mut().flat_map(|it| &mut it.values) {
        if chance(random, gaps) {
            *value = f64::NAN;
        }
    }
    let times: Vec<i64> = (0..points.len()).map(|it| from + (it as f64 * clock.step_secs) as i64).collect();
    if habit.is_long { long(&series, &times) } else { wide(&series, &times) }
}

fn total(values: &mut [f64], from: f64) {
    let mut sum = from;
    for it in values {
        if it.is_finite() {
            sum += *it;
        }
        *it = sum;
    }
}

fn measured(measure: Measure, points: &[Point], clock: &Clock, how: (bool, bool), random: &mut Rng) -> Vec<f64> {
    // Services differ in what they use, and machines in how steady they are.
    let (is_of_callers, is_absent) = how;
    let unit = log_between(random, 0.2, 5.0);
    let unsteady = log_between(random, 0.01, 0.25);
    let mut restarts = 0.0;
    let mut near = 0.0;
    let one = |it: &Point| {
        near = 0.6 * near + normal(random) * 0.8;
        let noise = f64::exp(near * unsteady);
        let n = if it.is_up { events(random, it.rps * clock.step_secs) } else { 0.0 };
        let ms = if is_of_callers { it.ms + it.way_ms } else { it.ms };
        let latency = |share: f64, random: &mut Rng| {
            // Few requests have no steady quantile.
            let spread = unsteady * 0.5 + 0.6 / n.max(1.0).sqrt();
            if n > 0.0 { ms * share * f64::exp(normal(random) * spread) } else { f64::NAN }
        };
        match measure {
            Measure::Cpu | Measure::Memory | Measure::Disk if !it.is_up => {
                if is_absent {
                    f64::NAN
                } else {
                    0.0
                }
            }
            Measure::Cpu => (it.busy * noise + 0.004 * normal(random).abs()) * unit,
            Measure::Memory => it.memory * f64::exp(near * unsteady * 0.1),
            Measure::Middle => latency(1.0, random),
            Measure::Tail => latency(2.2, random),
            Measure::Errors => events(random, n * it.failing.min(1.0)),
            Measure::Requests => n,
            Measure::Disk => it.disk * unit * 1e5 * noise,
            Measure::Network => n * unit * 700.0 * noise,
            Measure::Waiting => it.waiting * noise,
            Measure::Loss => events(random, n * it.loss * 2.0),
            Measure::Restarts => {
                restarts = it.restarts.max(restarts);
                restarts
            }
            Measure::Limit => 8e9,
        }
    };
    points.iter().map(one).collect()
}

fn wide(series: &[Series], times: &[i64]) -> String {
    let mut text = "time".to_owned();
    for it in series {
        let _ = write!(text, ",\"{}\"", it.name.replace('"', "\"\""));
    }
    for (nth, time) in times.iter().enumerate() {
        let _ = write!(text, "\n{time}");
        for it in series {
            match it.values.get(nth).filter(|it| it.is_finite()) {
                Some(value) => _ = write!(text, ",{value:.6}"),
                None => text.push(','),
            }
        }
    }
    text + "\n"
}

fn long(series: &[Series], times: &[i64]) -> String {
    let mut text = "timestamp,service,metric,value\n".to_owned();
    for (nth, time) in times.iter().enumerate() {
        for it in series {
            if let Some(value) = it.values.get(nth).filter(|it| it.is_finite()) {
                let _ = writeln!(text, "{time},{},{},{value:.6}", it.service, it.name);
            }
        }
    }
    text
}
