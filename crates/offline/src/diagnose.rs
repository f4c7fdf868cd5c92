//! `sentinel diagnose`: which service is to blame for an incident, by the user's own files?

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use diagnose::case::{
    Calibration, Case, Finding, Line, Observed, RankedCause, Ranking, Span, Symptom, Weights, causal_graph, onset,
};
use serde_json::{Value, json};
use signal::CausalGraph;

use super::bad_input::BadInput;
use super::input::Input;
use super::instants;
use super::output::Output;
use super::rca::{changes_file, graph_file, logs_file, metrics_file, names, spans_file};
use super::table::{Table, number};

/// Options of `diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// CSV of metrics: a time and a column `<service>_<metric>` per series, or rows of time, service, metric and value; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub metrics: Vec<PathBuf>,
    /// CSV of the same metrics in a time without a fault; without it, what came before is taken for usual.
    #[arg(long, value_name = "FILE")]
    pub normal: Vec<PathBuf>,
    /// Log lines: JSON per line with `timestamp`, `service` and `msg`, OTLP in JSON, or CSV; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub logs: Vec<PathBuf>,
    /// Log lines of a time without a fault.
    #[arg(long, value_name = "FILE")]
    pub normal_logs: Vec<PathBuf>,
    /// Spans: JSON per line with `trace_id`, `span_id`, `parent_id`, `service`, `name`, `start` and `duration_ms`, OTLP in JSON, or CSV; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub traces: Vec<PathBuf>,
    /// Spans of a time without a fault.
    #[arg(long, value_name = "FILE")]
    pub normal_traces: Vec<PathBuf>,
    /// Deploys, commits, flags and outages in JSON, or a folder of such files; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub changes: Vec<PathBuf>,
    /// CSV of who calls whom: a matrix, or columns `caller` and `callee`.
    #[arg(long, value_name = "FILE")]
    pub graph: Option<PathBuf>,
    /// When it was noticed: ISO 8601, or a number since 1970; without it, when most of the data changes.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<i64>,
    /// Where it was noticed, if that is known: a service, or service/metric.
    #[arg(long, value_name = "SERVICE")]
    pub symptom: Option<String>,
    /// Where to write the way that the trouble took, in the language of Graphviz.
    #[arg(long, value_name = "FILE")]
    pub dot: Option<PathBuf>,
    /// Where to write the same as a picture (SVG).
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// An instant in milliseconds since 1970.
fn time(text: &str) -> Result<i64, String> {
    match number(text).filter(|it| it.is_finite()) {
        Some(number) => Ok((number * instants::millis_per_unit(&[number])) as i64),
        None => {
            instants::parse(text).ok_or_else(|| "write it as 2024-05-01T00:30:00Z or as a number since 1970".to_owned())
        }
    }
}

/// `sentinel diagnose`.
///
/// # Errors
/// `BadInput` for the first problem of a file; else if the result cannot be written.
pub fn run(args: &DiagnoseArgs) -> anyhow::Result<()> {
    let case = read(args)?;
    let observed = Observed::of(&case);
    let ranking = observed.rank(&Weights::SHIPPED, &Calibration::SHIPPED);
    let graph = causal_graph(&ranking, observed.calls());
    write_file(args.dot.as_ref(), || diagnose::to_dot(&graph))?;
    write_file(args.svg.as_ref(), || report::svg(&graph).unwrap_or_else(|| EMPTY_SVG.to_owned()))?;
    let mut output = Output::create(None)?;
    if args.json {
        writeln!(output, "{}", to_json(&ranking, &graph))?;
    } else {
        write!(output, "{}", to_text(&ranking, &graph))?;
    }
    output.finish()
}

/// A picture of nothing.
const EMPTY_SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg"></svg>"#;

fn write_file(file: Option<&PathBuf>, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(file) = file else { return Ok(()) };
    let mut output = Output::create(Some(file))?;
    write!(output, "{}", text())?;
    output.finish()
}

fn read(args: &DiagnoseArgs) -> Result<Case, BadInput> {
    let mut metrics = vec![];
    for file in &args.metrics {
        metrics.extend(metrics_file::open(file)?);
    }
    let mut normal = vec![];
    for file in &args.normal {
        normal.extend(metrics_file::open(file)?);
    }
    metrics_file::with_normal(&mut metrics, normal);
    let calls = match &args.graph {
        Some(file) => graph_file::read(&Table::read(file)?)?,
        None => vec![],
    };
    let mut logs = read_all(&args.logs, logs_file::read)?;
    logs.extend(read_all(&args.normal_logs, logs_file::read)?.into_iter().map(|it| Line { is_normal: true, ..it }));
    let mut spans = read_all(&args.traces, spans_file::read)?;
    spans.extend(read_all(&args.normal_traces, spans_file::read)?.into_iter().map(|it| Span { is_normal: true, ..it }));
    let mut changes = vec![];
    for file in &args.changes {
        changes.extend(changes_file::read(file)?);
    }
    changes_file::join_commits(&mut changes);
    let symptom = args.symptom.as_deref().map(symptom);
    let mut case = Case { at: 0, metrics, spans, logs, changes, calls, symptom };
    case.at = args.at.or_else(|| onset(&case)).ok_or_else(|| {
        let files = [&args.metrics, &args.logs, &args.traces].into_iter().flatten().next();
        let name = files.map_or_else(|| "the input".to_owned(), |it| it.display().to_string());
        BadInput::of_file(&name, "nothing changes at any time", "tell when it was noticed with --at")
    })?;
    names::unite(&mut case);
    Ok(case)
}

/// What all files hold together.
fn read_all<T>(files: &[PathBuf], read: fn(&str, &[u8]) -> Result<Vec<T>, BadInput>) -> Result<Vec<T>, BadInput> {
    let mut all = vec![];
    for file in files {
        let (name, bytes) = Input::open(file)?.read_all()?;
        all.extend(read(&name, &bytes)?);
    }
    Ok(all)
}

fn symptom(text: &str) -> Symptom {
    match text.rsplit_once('/') {
        Some((service, indicator)) => Symptom { service: service.to_owned(), indicator: Some(indicator.to_owned()) },
        None => Symptom { service: text.to_owned(), indicator: None },
    }
}

/// `{"causes":[{"service","indicator","fault","confidence","evidence":[..]}],"no_cause_confidence"}`.
pub fn to_json(ranking: &Ranking, graph: &CausalGraph) -> Value {
    let evidence = |it: &Finding| {
        json!({ "id": it.id, "kind": it.signal, "service": it.service, "indicator": it.indicator, "text": it.text,
            "strength": rounded(it.strength), "onset_ms": it.onset })
    };
    let cause = |it: &RankedCause| {
        let cited: Vec<Value> = ranking.cited(it).map(evidence).collect();
        json!({ "service": it.service, "indicator": it.indicator, "fault": it.fault.as_str(),
            "confidence": rounded(it.confidence), "score": rounded(it.score), "path": it.path, "change": it.change,
            "evidence": cited })
    };
    let causes: Vec<Value> = ranking.causes.iter().map(cause).collect();
    let change = ranking.change.as_ref();
    let change = change.map(|it| json!({ "id": it.id, "service": it.service, "confidence": rounded(it.share) }));
    json!({ "causes": causes, "no_cause_confidence": rounded(ranking.no_cause), "change": change, "graph": graph,
        "story": graph.story() })
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn to_text(ranking: &Ranking, graph: &CausalGraph) -> String {
    let mut text = String::new();
    for (nth, it) in ranking.causes.iter().enumerate() {
        let sure = it.confidence * 100.0;
        text += &format!("{}. {} ({}, {}), {sure:.0} %\n", nth + 1, it.service, it.fault.as_str(), it.indicator);
        if it.path.len() > 1 {
            text += &format!("   {}\n", it.path.join(" -> "));
        }
        for finding in ranking.cited(it) {
            text += &format!("   [{}] {}\n", finding.id, finding.text);
        }
    }
    if !graph.edges.is_empty() {
        text += &format!("How it spread: {}\n", graph.story());
    }
    if let Some(it) = &ranking.change {
        text += &format!("Change to blame: {} on {}, {:.0} %\n", it.id, it.service, it.share * 100.0);
    }
    text += &format!("No cause among these: {:.0} %\n", ranking.no_cause * 100.0);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_iso_or_numbers() {
        assert_eq!(time("1652823155"), Ok(1_652_823_155_000));
        assert_eq!(time("2024-05-01T00:30:00Z"), Ok(1_714_523_400_000));
        assert!(time("noon").is_err());
    }
}
