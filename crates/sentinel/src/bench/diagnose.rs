//! How long from the alert to a report with ranked causes, and how honest is their confidence? On the simulated shop, with
//! each of its faults, second by second through all stages of a running server.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;
use signal::{
    Clock as _, Incident, IncidentBook as _, IncidentFilter, ReportFormat, Reports as _, SystemClock, Timestamp,
};
use testkit::shop::{Fault, Shop};

use super::{quantile, table};
use crate::cli::DiagnoseBenchArgs;
use crate::config::Config;
use crate::simulated::{Incoming, Simulation};

/// History before the first fault: more than a simulated day of the shop.
const HISTORY_SECS: u32 = 1500;
/// How long a fault lasts, and the calm after it, in simulated seconds.
const FAULT_SECS: u32 = 75;
const CALM_SECS: u32 = 150;
/// A confidence from here on should be right nine times in ten.
const SURE: f64 = 0.8;

#[derive(Debug, Default, Serialize)]
struct Figures {
    faults: usize,
    found: usize,
    causes_right: usize,
    reports: usize,
    alert_to_report_p50_ms: f64,
    alert_to_report_p99_ms: f64,
    alert_to_report_max_ms: f64,
    diagnosis_p50_ms: f64,
    diagnosis_p99_ms: f64,
    mean_confidence: f64,
    expected_calibration_error: f64,
    right_where_sure: Option<f64>,
    wrong: Vec<String>,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    reports_ms: Vec<f64>,
    diagnoses_ms: Vec<f64>,
    /// Confidence of the first cause in the end, and whether it is right.
    judged: Vec<(f64, bool, f64)>,
    wrong: Vec<String>,
    n_faults: usize,
}

/// `sentinel bench diagnose`.
pub(super) async fn diagnose(args: &DiagnoseBenchArgs, is_json: bool) -> anyhow::Result<()> {
    ensure!(args.shops > 0, "--shops must be above 0");
    let mut seen = Seen::default();
    for seed in 0..args.shops {
        if !is_json {
            eprintln!("shop {} of {}: history, then {} faults ...", seed + 1, args.shops, Fault::all().len());
        }
        let mut bench = Bench::start(args.seed + u64::from(seed))?;
        for _ in 0..HISTORY_SECS {
            bench.step().await?;
        }
        for fault in Fault::all() {
            bench.fault(fault, &mut seen).await?;
        }
    }
    print(&figures(seen), is_json)
}

/// A shop and the system that watches it.
struct Bench {
    simulation: Simulation,
    shop: Shop,
    now: Timestamp,
}

impl Bench {
    fn start(seed: u64) -> anyhow::Result<Self> {
        let mut config = Config::default();
        config.host.enabled = false;
        let now = SystemClock.now().minus(Duration::from_secs(4 * 3600));
        Ok(Self { simulation: Simulation::start(config, now)?, shop: Shop::new(seed), now })
    }

    /// A simulated second through all stages.
    async fn step(&mut self) -> anyhow::Result<()> {
        self.now = self.now.plus(Duration::from_secs(1));
        let tick = self.shop.step(self.now);
        let (samples, logs, changes) = (tick.samples, tick.logs, tick.changes);
        self.simulation.feed(self.now, Incoming { samples, logs, changes, ..Incoming::default() }).await?;
        self.simulation.advance().await
    }

    async fn fault(&mut self, fault: Fault, seen: &mut Seen) -> anyhow::Result<()> {
        let before = self.incidents()?.first().map_or(0, |it| it.id.0);
        self.shop.inject(fault.clone());
        let mut last = None;
        for _ in 0..FAULT_SECS {
            let started = Instant::now();
            self.step().await?;
            let Some(incident) = self.incidents()?.into_iter().rfind(|it| it.id.0 > before) else { continue };
            let Some(diagnosis) = incident.diagnosis.as_ref().filter(|it| it.time == self.now) else { continue };
            self.simulation.system.book.incident_report(incident.id, ReportFormat::Html)?;
            seen.reports_ms.push(started.elapsed().as_secs_f64() * 1e3);
            seen.diagnoses_ms.push(diagnosis.took_ms);
            last = Some(incident);
        }
        self.shop.end(&fault);
        seen.judge(&fault, last.as_ref());
        for _ in 0..CALM_SECS {
            self.step().await?;
        }
        Ok(())
    }

    fn incidents(&self) -> anyhow::Result<Vec<Incident>> {
        Ok(self.simulation.system.book.incidents(&IncidentFilter { limit: 8, ..IncidentFilter::default() })?)
    }
}

impl Seen {
    fn judge(&mut self, fault: &Fault, incident: Option<&Incident>) {
        self.n_faults += 1;
        let Some(incident) = incident else {
            self.wrong.push(format!("{}: no incident", fault.name()));
            return;
        };
        let cause = incident.diagnosis.as_ref().and_then(|it| it.causes.first());
        let expected = fault.expected_cause();
        let is_right = cause.zip(expected).is_some_and(|(it, expected)| expected.accepts(&it.service, it.fault));
        let told = cause.map_or_else(|| "no cause".to_owned(), |it| format!("{} of {}", it.fault.as_str(), it.service));
        if !is_right {
            self.wrong.push(format!("{}: {told}", fault.name()));
        }
        self.judged.push((cause.map_or(0.0, |it| it.confidence), is_right, 1.0));
    }
}

fn figures(mut seen: Seen) -> Figures {
    seen.reports_ms.sort_by(f64::total_cmp);
    seen.diagnoses_ms.sort_by(f64::total_cmp);
    let sure: Vec<&(f64, bool, f64)> = seen.judged.iter().filter(|it| it.0 >= SURE).collect();
    let n_right = |judged: &[&(f64, bool, f64)]| judged.iter().filter(|it| it.1).count();
    let all: Vec<&(f64, bool, f64)> = seen.judged.iter().collect();
    Figures {
        faults: seen.n_faults,
        found: seen.judged.len(),
        causes_right: n_right(&all),
        reports: seen.reports_ms.len(),
        alert_to_report_p50_ms: quantile(&seen.reports_ms, 0.5),
        alert_to_report_p99_ms: quantile(&seen.reports_ms, 0.99),
        alert_to_report_max_ms: quantile(&seen.reports_ms, 1.0),
        diagnosis_p50_ms: quantile(&seen.diagnoses_ms, 0.5),
        diagnosis_p99_ms: quantile(&seen.diagnoses_ms, 0.99),
        mean_confidence: all.iter().map(|it| it.0).sum::<f64>() / all.len().max(1) as f64,
        expected_calibration_error: ::diagnose::case::expected_error(&seen.judged),
        right_where_sure: (!sure.is_empty()).then(|| n_right(&sure) as f64 / sure.len() as f64),
        wrong: seen.wrong,
    }
}

fn print(figures: &Figures, is_json: bool) -> anyhow::Result<()> {
    if is_json {
        println!("{}", serde_json::to_string(figures)?);
        return Ok(());
    }
    table(
        figures,
        &[
            ("faults", ""),
            ("found", "all"),
            ("causes_right", "all"),
            ("reports", ""),
            ("alert_to_report_p50_ms", ""),
            ("alert_to_report_p99_ms", "must 2000, aim 500"),
            ("alert_to_report_max_ms", ""),
            ("diagnosis_p50_ms", ""),
            ("diagnosis_p99_ms", ""),
            ("mean_confidence", ""),
            ("expected_calibration_error", "must 0.08"),
            ("right_where_sure", "must 0.90"),
        ],
    )?;
    figures.wrong.iter().for_each(|it| println!("wrong: {it}"));
    Ok(())
}
