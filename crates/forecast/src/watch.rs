//! What is watched, once the configuration is understood? Everything typed and checked.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{CrossConfig, WatchConfig};
use crate::cron::Cron;
use crate::drift::Thresholds;
use crate::model::ModelChoice;
use crate::network::Network;
use crate::period::{period, period_text};
use crate::selector::{exposed_name, is_counter, is_label_name, is_metric_name, selector};

/// Values that one question to a Prometheus may answer are 11,000.
const MOST_LOOKBACK: usize = 10_000;
/// Steps of an emitted forecast.
const MOST_STEPS: usize = 288;
/// Steps that are looked ahead for a limit.
const MOST_AHEAD: usize = 1440;
/// Bytes of an expression.
const MOST_EXPRESSION: usize = 10_000;
/// Limits of one watch.
const MOST_CROSSES: usize = 20;
/// The window of a counter's rate: some scrapes must fall into it.
const LEAST_RATE_WINDOW: Duration = Duration::from_secs(120);

/// A watch, ready to be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// What it is called; unique among all.
    pub name: String,
    /// The stem of the names of its forecasts.
    pub metric: String,
    /// What is evaluated.
    pub expr: String,
    /// The metric is a counter and its rate per second is watched.
    pub is_rate: bool,
    /// It is an expression of the user's and not a selector.
    pub is_expression: bool,
    /// The model.
    pub model: ModelChoice,
    /// Time between two values; whole seconds.
    pub granularity: Duration,
    /// How far is forecast.
    pub horizon: Duration,
    /// How much is learned from.
    pub lookback: Duration,
    /// Values in the look-back.
    pub n_lookback: usize,
    /// Values in the horizon.
    pub n_steps: usize,
    /// Values that are forecast in all, for limits further ahead than the horizon.
    pub n_ahead: usize,
    /// When it is trained anew.
    pub cron: Cron,
    /// When it has drifted.
    pub thresholds: Thresholds,
    /// Levels of intervals; the first is emitted.
    pub levels: Vec<f64>,
    /// Series at most.
    pub max_series: usize,
    /// Limits.
    pub crosses: Vec<Cross>,
}

/// A limit, ready to be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Cross {
    /// The limit.
    pub limit: f64,
    /// Crossing upward is bad.
    pub is_above: bool,
    /// How far ahead is looked.
    pub within: Duration,
    /// The same in values.
    pub n_steps: usize,
    /// From which probability on it is told.
    pub probability: f64,
    /// How urgent it is.
    pub severity: signal::Severity,
}

impl Cross {
    /// `above 90 within 4h`.
    pub fn text(&self) -> String {
        let side = if self.is_above { "above" } else { "below" };
        format!("{side} {} within {}", self.limit, period_text(self.within))
    }
}

/// Spans of a watch as far as they can be read.
#[derive(Default)]
struct Spans {
    granularity: Option<Duration>,
    horizon: Option<Duration>,
    lookback: Option<Duration>,
}

impl Watch {
    /// Understands a watch; or all its problems, each naming its key, the value and what is valid.
    pub fn new(config: &WatchConfig) -> Result<Self, Vec<String>> {
        let mut problems = vec![];
        check_what(config, &mut problems);
        let spans = check_spans(config, &mut problems);
        let cron =
            Cron::parse(&config.cron).map_err(|error| problems.push(format!("cron: {:?}: {error}", config.cron))).ok();
        check_thresholds(config, &mut problems);
        let model =
            ModelChoice::new(&config.model_class, &config.parameters).map_err(|error| problems.push(error)).ok();
        check_levels(&config.levels, &mut problems);
        if config.max_series == 0 {
            problems.push("max_series: 0 is not at least 1".to_owned());
        }
        let crosses = check_crosses(config, &spans, &mut problems);
        let (Some(cron), Some(model)) = (cron, model) else { return Err(problems) };
        let Spans { granularity: Some(granularity), horizon: Some(horizon), lookback: Some(lookback) } = spans else {
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let n_steps = count(horizon, granularity);
        let thresholds = Thresholds {
            finetune: config.drift_finetune_threshold,
            retrain: config.drift_retrain_threshold,
            scale: config.drift_scale,
        };
        let (expr, is_rate) = expression(config, granularity);
        Ok(Self {
            name: name_of(config),
            metric: exposed_name(if config.metric.is_empty() { &config.name } else { &config.metric }),
            expr,
            is_rate,
            is_expression: !config.expr.is_empty(),
            model,
            granularity,
            horizon,
            lookback,
            n_lookback: count(lookback, granularity),
            n_steps,
            n_ahead: crosses.iter().map(|it| it.n_steps).fold(n_steps, usize::max),
            cron,
            thresholds,
            levels: config.levels.clone(),
            max_series: config.max_series,
            crosses,
        })
    }

    /// Gives a model in a file what runs it; the error says why it does not fit the watch.
    pub fn attach(&mut self, network: Arc<dyn Network>) -> Result<(), String> {
        let (n_in, n_known) = (network.n_in(), self.n_lookback - self.n_lookback / 3);
        if n_in > n_known {
            let wanted = self.granularity * u32::try_from(n_in + n_in.div_ceil(2)).unwrap_or(u32::MAX);
            return Err(format!(
                "lookback: {:?} has {} values, of which a third may be held out to try the model; it wants {n_in}; {:?} \
                 would do",
                period_text(self.lookback),
                self.n_lookback,
                period_text(wanted)
            ));
        }
        if let ModelChoice::File(_, it) = &mut self.model {
            *it = Some(network);
        }
        Ok(())
    }

    /// The granularity in seconds.
    pub fn step_secs(&self) -> i64 {
        i64::try_from(self.granularity.as_secs()).unwrap_or(i64::MAX).max(1)
    }
}

/// What a watch is called if it has no name.
fn name_of(config: &WatchConfig) -> String {
    if config.name.is_empty() { selector(&config.metric, &config.labels) } else { config.name.clone() }
}

/// All watches; or the problems of all of them, with their places in the list.
pub fn watches(configs: &[WatchConfig]) -> Result<Vec<Watch>, Vec<String>> {
    let mut problems = vec![];
    let mut found: Vec<Watch> = vec![];
    let mut names: Vec<String> = vec![];
    for (idx, config) in configs.iter().enumerate() {
        let name = name_of(config);
        match names.iter().position(|it| *it == name) {
            Some(first) if !name.is_empty() => problems.push(format!(
                "watches[{idx}].name: {name:?} is what watches[{first}] is called, too; give one of them another `name`"
            )),
            _ => {}
        }
        names.push(name);
        match Watch::new(config) {
            Ok(watch) => found.push(watch),
            Err(of_watch) => problems.extend(of_watch.into_iter().map(|it| format!("watches[{idx}].{it}"))),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

fn count(span: Duration, granularity: Duration) -> usize {
    usize::try_from(span.as_millis() / granularity.as_millis().max(1)).unwrap_or(usize::MAX)
}

fn expression(config: &WatchConfig, granularity: Duration) -> (String, bool) {
    if !config.expr.is_empty() {
        return (config.expr.clone(), false);
    }
    let selector = selector(&config.metric, &config.labels);
    if is_counter(&config.metric) {
        let window = (2 * granularity).max(LEAST_RATE_WINDOW);
        (format!("rate({selector}[{}])", period_text(window)), true)
    } else {
        (selector, false)
    }
}

fn check_what(config: &WatchConfig, problems: &mut Vec<String>) {
    match (config.metric.as_str(), config.expr.as_str()) {
        ("", "") => problems.push("metric: missing; give a `metric`, or an `expr` with a `name`".to_owned()),
        ("", _) if config.name.is_empty() => {
            problems.push("name: missing; with `expr` it is the name of the metric that is emitted".to_owned());
        }
        ("", expr) if expr.len() > MOST_EXPRESSION => {
            problems.push(format!("expr: {} bytes are more than {MOST_EXPRESSION}", expr.len()));
        }
        ("", _) if !config.labels.is_empty() => {
            problems.push("labels: with `expr` the labels are part of the expression".to_owned());
        }
        ("", _) => {}
        (_, "") if !is_metric_name(&config.metric) => problems.push(format!(
            "metric: {:?} is not the name of a metric (letters, digits, _ and :); labels go to `labels`, PromQL goes to \
             `expr`",
            config.metric
        )),
        (_, "") => {}
        _ => problems.push("expr: give either `metric` or `expr`, not both".to_owned()),
    }
    for name in config.labels.keys().filter(|it| !is_label_name(it)) {
        problems.push(format!("labels: {name:?} is not the name of a label (letters, digits and _)"));
    }
}

fn check_spans(config: &WatchConfig, problems: &mut Vec<String>) -> Spans {
    let mut read = |key: &str, text: &str| {
        let span = period(text);
        if span.is_none() {
            problems.push(format!("{key}: {text:?} is not a duration such as 30s, 5m, 1h30m or 2d"));
        }
        span
    };
    let mut spans = Spans {
        granularity: read("granularity", &config.granularity),
        horizon: read("horizon", &config.horizon),
        lookback: read("lookback", &config.lookback),
    };
    let Some(granularity) = spans.granularity else { return spans };
    if granularity.subsec_nanos() != 0 {
        problems.push(format!("granularity: {:?} is not a whole number of seconds", config.granularity));
        spans.granularity = None;
        return spans;
    }
    let limits = [
        ("horizon", &config.horizon, spans.horizon, MOST_STEPS),
        ("lookback", &config.lookback, spans.lookback, MOST_LOOKBACK),
    ];
    for (key, text, span, most) in limits {
        let Some(span) = span else { continue };
        if !span.as_millis().is_multiple_of(granularity.as_millis()) {
            let whole = granularity * u32::try_from(count(span, granularity) + 1).unwrap_or(1);
            let (granularity, whole) = (period_text(granularity), period_text(whole));
            problems.push(format!("{key}: {text:?} is not a multiple of granularity {granularity}; {whole} would be"));
        } else if count(span, granularity) > most {
            problems.push(format!(
                "{key}: {text:?} is {} times granularity {}, at most {most} are allowed",
                count(span, granularity),
                period_text(granularity)
            ));
        }
    }
    if let (Some(horizon), Some(lookback)) = (spans.horizon, spans.lookback)
        && lookback <= horizon
    {
        problems.push(format!("lookback: {:?} is not longer than horizon {:?}", config.lookback, config.horizon));
    }
    spans
}

fn check_thresholds(config: &WatchConfig, problems: &mut Vec<String>) {
    let (low, high) = (config.drift_finetune_threshold, config.drift_retrain_threshold);
    if !(low > 0.0 && low.is_finite()) {
        problems.push(format!("drift_finetune_threshold: {low} is not a number above 0"));
    }
    if !(high > low && high.is_finite()) {
        problems.push(format!("drift_retrain_threshold: {high} is not above drift_finetune_threshold {low}"));
    }
}

fn check_levels(levels: &[f64], problems: &mut Vec<String>) {
    if levels.is_empty() || levels.len() > 10 {
        problems.push(format!("levels: {} levels are not 1 to 10", levels.len()));
    }
    for level in levels.iter().filter(|it| !(0.5..=0.999).contains(*it)) {
        problems.push(format!("levels: {level} is not between 0.5 and 0.999"));
    }
}

fn check_crosses(config: &WatchConfig, spans: &Spans, problems: &mut Vec<String>) -> Vec<Cross> {
    if config.crosses.len() > MOST_CROSSES {
        problems.push(format!("crosses: {} limits are more than {MOST_CROSSES}", config.crosses.len()));
    }
    let mut found = vec![];
    for (idx, cross) in config.crosses.iter().enumerate() {
        match check_cross(cross, &config.horizon, spans) {
            Ok(it) => found.push(it),
            Err(of_cross) => problems.extend(of_cross.into_iter().map(|it| format!("crosses[{idx}].{it}"))),
        }
    }
    found
}

fn check_cross(cross: &CrossConfig, horizon: &str, spans: &Spans) -> Result<Cross, Vec<String>> {
    let mut problems = vec![];
    let (limit, is_above) = match (cross.above, cross.below) {
        (Some(limit), None) => (limit, true),
        (None, Some(limit)) => (limit, false),
        _ => {
            problems.push("above: give either `above` or `below`".to_owned());
            (0.0, true)
        }
    };
    if !limit.is_finite() {
        problems.push(format!("above: {limit} is not a finite number"));
    }
    let text = cross.within.as_deref().unwrap_or(horizon);
    let within = period(text);
    if within.is_none() && cross.within.is_some() {
        problems.push(format!("within: {text:?} is not a duration such as 30m or 4h"));
    }
    let n_steps = within.zip(spans.granularity).map(|(within, granularity)| count(within, granularity));
    if let (Some(n_steps), Some(granularity)) = (n_steps, spans.granularity)
        && !(1..=MOST_AHEAD).contains(&n_steps)
    {
        problems.push(format!(
            "within: {text:?} is not 1 to {MOST_AHEAD} times granularity {}; a coarser granularity looks further ahead",
            period_text(granularity)
        ));
    }
    if !(cross.probability > 0.0 && cross.probability < 1.0) {
        problems.push(format!("probability: {} is not above 0 and below 1", cross.probability));
    }
    let (within, n_steps) = (within.unwrap_or_default(), n_steps.unwrap_or(0));
    let cross = Cross { limit, is_above, within, n_steps, probability: cross.probability, severity: cross.severity };
    if problems.is_empty() { Ok(cross) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> WatchConfig {
        WatchConfig { metric: "queue_length".to_owned(), ..WatchConfig::default() }
    }

    fn problems(change: impl FnOnce(&mut WatchConfig)) -> Vec<String> {
        let mut config = config();
        change(&mut config);
        Watch::new(&config).err().unwrap_or_default()
    }

    #[test]
    fn defaults_are_those_of_sentinel_mlops() {
        let watch = Watch::new(&config()).unwrap();
        assert_eq!((watch.n_steps, watch.n_lookback, watch.expr.as_str()), (5, 30, "queue_length"));
        assert_eq!(watch.cron, Cron::parse("0 */6 * * *").unwrap());
        assert_eq!((watch.thresholds.finetune, watch.thresholds.retrain), (0.1, 0.3));
        assert_eq!(watch.name, "queue_length");
    }

    #[test]
    fn counters_are_watched_as_rates() {
        let mut config = config();
        config.metric = "http_requests_total".to_owned();
        config.labels.insert("code".to_owned(), "=~5..".to_owned());
        let watch = Watch::new(&config).unwrap();
        assert_eq!(watch.expr, "rate(http_requests_total{code=~\"5..\"}[2m])");
        assert!(watch.is_rate);
        assert_eq!(watch.metric, "http_requests_total");
    }

    #[test]
    fn limits_may_lie_further_ahead_than_the_horizon() {
        let mut config = config();
        config.crosses =
            vec![CrossConfig { above: Some(90.0), within: Some("4h".to_owned()), ..CrossConfig::default() }];
        let watch = Watch::new(&config).unwrap();
        assert_eq!((watch.n_steps, watch.n_ahead, watch.crosses[0].text().as_str()), (5, 240, "above 90 within 4h"));
    }

    #[test]
    fn each_mistake_is_told_with_key_value_and_what_is_valid() {
        type Change = fn(&mut WatchConfig);
        let cases: [(&str, Change); 16] = [
            ("metric: missing", |it| it.metric.clear()),
            ("metric: \"a b\" is not the name", |it| it.metric = "a b".into()),
            ("name: missing", |it| (it.metric, it.expr) = (String::new(), "up".into())),
            ("either `metric` or `expr`", |it| it.expr = "up".into()),
            ("labels: \"a-b\" is not the name of a label", |it| _ = it.labels.insert("a-b".into(), "1".into())),
            ("granularity: \"1.5m\" is not a duration", |it| it.granularity = "1.5m".into()),
            ("granularity: \"1500ms\" is not a whole number", |it| it.granularity = "1500ms".into()),
            ("horizon: \"90s\" is not a multiple of granularity 1m; 2m would be", |it| it.horizon = "90s".into()),
            ("lookback: \"5m\" is not longer than horizon \"5m\"", |it| it.lookback = "5m".into()),
            ("lookback: \"365d\" is 525600 times granularity 1m, at most 10000", |it| it.lookback = "365d".into()),
            ("cron: \"0 25 * * *\": hour", |it| it.cron = "0 25 * * *".into()),
            ("drift_retrain_threshold: 0.05 is not above drift_finetune_threshold 0.1", |it| {
                it.drift_retrain_threshold = 0.05;
            }),
            ("levels: 95 is not between", |it| it.levels = vec![95.0]),
            ("crosses[0].above: give either", |it| it.crosses = vec![CrossConfig::default()]),
            ("crosses[0].within: \"4d\" is not 1 to 1440 times granularity 1m", |it| {
                it.crosses =
                    vec![CrossConfig { above: Some(1.0), within: Some("4d".into()), ..CrossConfig::default() }];
            }),
            ("model_class: \"Linaer\"", |it| it.model_class = "Linaer".into()),
        ];
        for (expected, change) in cases {
            let found = problems(change);
            assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
        }
    }

    #[test]
    fn all_problems_of_all_watches_are_told_at_once() {
        let mut first = config();
        (first.cron, first.horizon) = ("x".to_owned(), "y".to_owned());
        let mut third = config();
        third.max_series = 0;
        let found = watches(&[first, config(), third]).unwrap_err();
        let keys: Vec<&str> = found.iter().map(|it| it.split(':').next().unwrap()).collect();
        let expected =
            ["watches[0].horizon", "watches[0].cron", "watches[1].name", "watches[2].name", "watches[2].max_series"];
        assert_eq!(keys, expected, "{found:#?}");
    }
}
