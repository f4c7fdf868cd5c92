//! `sentinel backtest`: what would have alerted under which threshold? Of a running server's series, or of a file.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use detect::ServiceMap;
use offline::progress::Progress;
use offline::series;
use offline::table::Table;
use serde_json::{Value, json};
use signal::{AlertBudget, BackTest, Choice, Labels, Point, SeriesPoints, TimeRange, Timestamp};

use crate::cli::{ConfigArgs, Output, RemoteArgs};
use crate::client;

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Alerts of one choice in a table; JSON has all.
const LISTED: usize = 20;

/// Options of `backtest`.
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// The series by its labels, for example 'cpu_usage{service="pay"}'; with --file only a name for policies.
    #[arg(required_unless_present = "data")]
    pub series: Option<Labels>,
    /// A file (CSV, also packed with gzip) in place of a server's stored points; `-` is standard input.
    #[arg(id = "data", long = "file", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Begin of the span: a time, or an age such as -7d. Default: -24h; with --file its first row.
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// End of the span. Default: now; with --file its last row.
    #[arg(long, allow_hyphen_values = true)]
    pub to: Option<String>,
    /// An alert budget such as "3 per day" (may be given several times).
    #[arg(long = "budget", value_name = "BUDGET")]
    pub budgets: Vec<AlertBudget>,
    /// A number of robust standard deviations, such as 3 (several times).
    #[arg(long, value_name = "NUMBER")]
    pub sigma: Vec<f64>,
    /// A share of points above the threshold, such as 0.05 (several times).
    #[arg(long, value_name = "SHARE")]
    pub contamination: Vec<f64>,
    /// A score in place of 1.0 (several times).
    #[arg(long, value_name = "SCORE")]
    pub threshold: Vec<f64>,
    /// The column of the file with the time; found by itself.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub timestamp: Option<String>,
    /// The column of the file with the values; found by itself.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub value: Option<String>,
    /// With --file: whose policies count.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// `sentinel backtest`.
///
/// # Errors
/// `BadInput` for the first problem of a file; else if the server cannot be asked or refuses.
pub async fn run(args: &BacktestArgs) -> anyhow::Result<()> {
    let answer = match &args.file {
        None => ask(args).await?,
        Some(_) => serde_json::to_value(tokio::task::block_in_place(|| replay(args))?)?,
    };
    match args.remote.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&answer)?),
        Output::Table => print(&answer),
    }
    Ok(())
}

/// Asks the server, with a bar that moves until it answers.
async fn ask(args: &BacktestArgs) -> anyhow::Result<Value> {
    let Some(series) = &args.series else { bail!("name a series, for example 'cpu_usage{{service=\"pay\"}}'") };
    let question = json!({
        "selector": series.to_string(), "from": args.from, "to": args.to, "budgets": args.budgets,
        "sigma": args.sigma, "contamination": args.contamination, "threshold": args.threshold,
    });
    let progress = Progress::waiting("replaying on the server");
    let answer = client::ask_patiently(&args.remote, "/sentinel/v1/backtest", question, PATIENCE).await;
    drop(progress);
    answer
}

fn choices(args: &BacktestArgs) -> anyhow::Result<Vec<Choice>> {
    let budgets = args.budgets.iter().copied().map(Choice::Budget);
    let sigma = args.sigma.iter().copied().map(Choice::Sigma);
    let contamination = args.contamination.iter().copied().map(Choice::Contamination);
    let threshold = args.threshold.iter().copied().map(Choice::Threshold);
    let all: Vec<Choice> =
        std::iter::once(Choice::Configured).chain(budgets).chain(sigma).chain(contamination).chain(threshold).collect();
    if let Some(problem) = all.iter().find_map(Choice::problem) {
        bail!("--{problem}");
    }
    Ok(all)
}

/// Replays a file here.
fn replay(args: &BacktestArgs) -> anyhow::Result<BackTest> {
    let choices = choices(args)?;
    let config = crate::load_config(args.config.file.as_deref())?;
    let path = args.file.as_deref().context("a file was given")?;
    let table = Table::read(path)?;
    let columns = series::find_columns(&table, args.timestamp.as_deref(), args.value.as_deref())?;
    let rows = series::read(&table, &columns)?;
    let name = table.columns.get(columns.value).map_or("value", |it| it.name.as_str());
    let labels = args.series.clone().unwrap_or_else(|| Labels::metric(name, &[]));
    let mut points: Vec<Point> =
        rows.iter().map(|(millis, value)| Point { time: Timestamp::from_millis(*millis), value: *value }).collect();
    points.retain(|it| !it.value.is_nan());
    points.sort_by_key(|it| it.time);
    let last = points.last().map_or(Timestamp::MIN, |it| it.time);
    let first = points.first().map_or(Timestamp::MIN, |it| it.time);
    let range = TimeRange::new(instant("from", &args.from, last, first)?, instant("to", &args.to, last, last)?);
    points.retain(|it| it.time <= range.to);
    let progress = Progress::new(1000, "replaying");
    let mut done = 0;
    let mut on_progress = |share: f64| {
        let now = (share * 1000.0) as usize;
        progress.advance(now.saturating_sub(done));
        done = done.max(now);
    };
    let series = [SeriesPoints { labels, points }];
    Ok(detect::back_test(&config.detect, &series, range, &choices, &ServiceMap::default(), &mut on_progress))
}

/// A time of the file: RFC 3339, or an age before its last row.
fn instant(name: &str, text: &Option<String>, last: Timestamp, default: Timestamp) -> anyhow::Result<Timestamp> {
    let Some(text) = text else { return Ok(default) };
    let age = text.strip_prefix('-').and_then(|it| {
        let (number, unit) = it.split_at_checked(it.len().checked_sub(1)?)?;
        let secs = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(secs)?))
    });
    let instant = age.map(|it| last.minus(it)).or_else(|| text.parse().ok());
    instant
        .with_context(|| format!("--{name}: {text:?} is not a time such as 2026-01-31T12:00:00Z or an age such as -7d"))
}

fn print(answer: &Value) {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, name: &str| client::field(value, name);
    let number = |value: &Value, name: &str| match value.get(name).and_then(Value::as_f64) {
        Some(it) => shown(it),
        None => "-".to_owned(),
    };
    println!(
        "{} series, {} points in {} days, {} before them to learn from\n",
        list(answer, "series").len(),
        text(answer, "points"),
        number(answer, "days"),
        text(answer, "points_before")
    );
    let outcomes = list(answer, "outcomes");
    let heading = ["THRESHOLD", "ALERTS", "PER DAY", "HELD BACK", "COUNTS FROM SCORE"].map(str::to_owned);
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .map(|it| {
            let count =
                list(it, "alerts").len() as f64 + it.get("alerts_left_out").and_then(Value::as_f64).unwrap_or(0.0);
            vec![
                text(it, "name"),
                shown(count),
                number(it, "alerts_per_day"),
                text(it, "held"),
                number(it, "threshold"),
            ]
        })
        .collect();
    offline::aligned::print(&heading, &rows);
    for outcome in &outcomes {
        let alerts = list(outcome, "alerts");
        if alerts.is_empty() {
            continue;
        }
        println!("\nUnder {}:", text(outcome, "name"));
        let heading = ["ONSET", "END", "PEAK SCORE", "VALUE", "EXPECTED", "WHY"].map(str::to_owned);
        let row = |it: &Value| {
            let expected = format!("{} to {}", number(it, "expected_lower"), number(it, "expected_upper"));
            let end = it.get("end").and_then(Value::as_str).unwrap_or("goes on").to_owned();
            vec![text(it, "onset"), end, number(it, "peak_score"), number(it, "value"), expected, text(it, "why")]
        };
        offline::aligned::print(&heading, &alerts.iter().take(LISTED).map(row).collect::<Vec<_>>());
        if alerts.len() > LISTED {
            println!("and {} more; -o json has them", alerts.len() - LISTED);
        }
    }
}

/// Four digits, without zeros at the end.
fn shown(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e7).contains(&value.abs()) {
        return format!("{value:.3e}");
    }
    let decimals = if value.abs() >= 1000.0 {
        0
    } else if value.abs() >= 10.0 {
        2
    } else {
        4
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 3.0, 0.13704, 12.345, 98_765.4, 1e-9, -2.5].map(shown),
            ["0", "3", "0.137", "12.35", "98765", "1.000e-9", "-2.5"]
        );
    }

    #[test]
    fn ages_count_from_the_last_row() {
        let last = Timestamp::from_secs(1_700_000_000);
        let at = |text: &str| instant("from", &Some(text.to_owned()), last, last).map(|it| it.millis() / 1000).ok();
        assert_eq!(at("-1d"), Some(1_699_913_600));
        assert_eq!(at("2023-11-14T22:13:20Z"), Some(1_700_000_000));
        assert_eq!([at("yesterday"), at("-d"), at("-5y"), at("-\u{e9}")], [None; 4]);
    }
}
