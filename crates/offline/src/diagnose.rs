//! `sentinel diagnose`: which service is to blame for an incident, by the user's own files?

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use diagnose::case::{Calibration, Finding, Observed, RankedCause, Ranking, Symptom, Weights, causal_graph};
use serde_json::{Value, json};
use signal::CausalGraph;

use super::bad_input::BadInput;
use super::instants;
use super::output::Output;
use super::rca::folder::Files;
use super::rca::incident::{self, Incident};

/// Options of `diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// A folder of an incident, a folder of such folders, or a file; what is what is told by names and first lines.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
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
    instants::of_text(text).ok_or_else(|| "write it as 2024-05-01T00:30:00Z or as a number since 1970".to_owned())
}

/// `sentinel diagnose`.
///
/// # Errors
/// `BadInput` for the first problem of a file; else if the result cannot be written.
pub fn run(args: &DiagnoseArgs) -> anyhow::Result<()> {
    let incidents = incidents(args)?;
    let is_alone = incidents.len() == 1;
    if !is_alone && (args.dot.is_some() || args.svg.is_some()) {
        let name = args.paths.first().map(|it| it.display().to_string()).unwrap_or_default();
        let found = format!("{} incidents lie there, and a picture is of one", incidents.len());
        return Err(BadInput::of_file(&name, found, "name the folder of one").into());
    }
    // All are ranked before anything is written: a bad file among them leaves nothing half told.
    let mut told = String::new();
    for (name, incident) in incidents {
        let case = incident.read()?;
        let observed = Observed::of(&case);
        let ranking = observed.rank(&Weights::SHIPPED, &Calibration::SHIPPED);
        let graph = causal_graph(&ranking, observed.calls());
        write_file(args.dot.as_ref(), || diagnose::to_dot(&graph))?;
        write_file(args.svg.as_ref(), || report::svg(&graph).unwrap_or_else(|| EMPTY_SVG.to_owned()))?;
        let heading = Some(name.as_str()).filter(|_| !is_alone);
        told += &if args.json {
            to_line(heading, to_json(&ranking, &graph))
        } else {
            with_heading(heading, &ranking, &graph)
        };
    }
    let mut output = Output::create(None)?;
    write!(output, "{told}")?;
    output.finish()
}

/// One JSON object in one line, which names its incident if there are several.
fn to_line(name: Option<&str>, mut value: Value) -> String {
    if let (Some(name), Some(object)) = (name, value.as_object_mut()) {
        object.insert("case".to_owned(), name.into());
    }
    format!("{value}\n")
}

fn with_heading(name: Option<&str>, ranking: &Ranking, graph: &CausalGraph) -> String {
    let text = to_text(ranking, graph);
    name.map_or_else(|| text.clone(), |name| format!("{name}\n{text}\n"))
}

/// The incidents that were asked for: by path, with what options tell of each, or by options alone.
fn incidents(args: &DiagnoseArgs) -> Result<Vec<(String, Incident)>, BadInput> {
    let told = Files {
        metrics: args.metrics.clone(),
        derived: vec![],
        normal: args.normal.clone(),
        logs: args.logs.clone(),
        normal_logs: args.normal_logs.clone(),
        traces: args.traces.clone(),
        normal_traces: args.normal_traces.clone(),
        changes: args.changes.clone(),
        graph: args.graph.clone(),
        at: args.at,
        symptom: args.symptom.as_deref().map(symptom),
    };
    if args.paths.is_empty() {
        if [&told.metrics, &told.logs, &told.traces].into_iter().all(Vec::is_empty) {
            let advice = "give a folder of an incident, or files with --metrics, --logs or --traces";
            return Err(BadInput::of_file("the input", "there is none", advice));
        }
        return Ok(vec![("the input".to_owned(), Incident::Files(Box::new(told)))]);
    }
    let mut incidents = vec![];
    for path in &args.paths {
        incidents.extend(incident::find(path)?);
    }
    // Several files without a folder are of one incident.
    if args.paths.iter().all(|it| it.is_file()) {
        incidents = incident::joined(incidents);
    }
    incidents.iter_mut().for_each(|it| it.1.tell(&told));
    Ok(incidents)
}

/// A picture of nothing.
const EMPTY_SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg"></svg>"#;

fn write_file(file: Option<&PathBuf>, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(file) = file else { return Ok(()) };
    let mut output = Output::create(Some(file))?;
    write!(output, "{}", text())?;
    output.finish()
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
    if ranking.causes.is_empty() {
        return text
            + "No cause: nothing that these files hold is off at that time. If little of them is from before it, give files of a \
               time without a fault (--normal, --normal-logs, --normal-traces).\n";
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
