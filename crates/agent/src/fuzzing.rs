//! How do the fuzz targets reach what lies before and behind a model? Streams are read, messages answered, claims checked.
//!
//! No part of the interface: whoever is not `fuzz/` has no use for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use signal::{
    CausalGraph, Cause, Diagnosis, Evidence, EvidenceId, EvidenceSource, FaultClass, IncidentId, Labels, Plan,
    PortError, TimeRange, Timestamp,
};

use crate::arguments::{Arguments, schema};
use crate::grounding::{Answer, Checker, RawClaim};
use crate::llm::{Key, read_answer};
use crate::mcp::{Propose, Served, digest, fuzzing as client};
use crate::tools::{Toolbox, finding};
use crate::{Finding, McpEndpointConfig, ModelError, Provider, Tool, ToolError, ToolSpec, Turn};

/// What must never be seen again.
pub const KEY: &str = "k3y-0f-th3-f0zz-t4rg3t";

/// A turn from the bytes of a provider's answer that come in pieces of `piece_bytes`, and what was told on the way.
pub fn turn(
    provider: Provider,
    is_streamed: bool,
    bytes: &[u8],
    piece_bytes: usize,
) -> (Result<Turn, ModelError>, String) {
    let mut told = String::new();
    let pieces = bytes.chunks(piece_bytes.max(1));
    let turn = read_answer(provider, is_streamed, Some(Key::new(KEY)), pieces, &mut |it| told.push_str(it));
    (turn, told)
}

/// The answer of our server to a message.
pub fn served(message: &Value) -> Option<Value> {
    let config = McpEndpointConfig { max_answer_bytes: 1000, ..McpEndpointConfig::default() };
    let tools = Toolbox::new(vec![Arc::new(Look)], Arc::new(str::to_owned));
    let served = Served { tools, propose: Arc::new(Nobody), config, version: "0" };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    runtime.block_on(served.answer(message))
}

/// What a client makes of bytes of a server: the answer with the id 1 in a stream, and the specs of the tools in it.
pub fn received(bytes: &[u8], piece_bytes: usize) -> Option<(Value, Vec<ToolSpec>)> {
    let answer = client::answer_in(bytes, piece_bytes, 1)?;
    let tools = answer.pointer("/result/tools").and_then(Value::as_array).cloned().unwrap_or_default();
    let specs = tools.iter().map(client::spec).collect();
    assert!(tools.iter().all(|it| digest(it) == digest(&it.clone())), "a digest is a function of the tool");
    Some((answer, specs))
}

/// The claims of an answer that hold against some evidence.
pub fn sound_claims(text: &str) -> Vec<String> {
    let diagnosis = diagnosis();
    let inventory = BTreeSet::from(["pay", "shop"].map(str::to_owned));
    let checker = Checker::new(&diagnosis, &diagnosis.evidence, &inventory);
    let claims = Answer::read(text).map_or_else(
        || vec![RawClaim { text: text.to_owned(), evidence: vec!["E1".to_owned(), "E2".to_owned()] }],
        |it| it.claims,
    );
    claims.into_iter().filter(|it| checker.check(it).is_ok()).map(|it| it.text).collect()
}

fn diagnosis() -> Diagnosis {
    let range = TimeRange::new(Timestamp::from_secs(1_772_359_140), Timestamp::from_secs(1_772_359_320));
    let series = EvidenceSource::SeriesWindow {
        labels: Labels::metric("pay_latency_ms", &[("service", "pay")]),
        range,
        before: 20.5,
        during: 912.25,
        deviation: 61.0,
        onset: Timestamp::from_secs(1_772_359_200),
    };
    let fact = "\"pay\" is called by \"shop\".".to_owned();
    let told =
        EvidenceSource::Answer { tool: "get_topology".to_owned(), arguments: "{}".to_owned(), fact: fact.clone() };
    let evidence = |id: &str, text: String, source| Evidence { id: EvidenceId(id.to_owned()), text, source };
    let first = "pay_latency_ms of pay rose from 20.5 to 912.25 (61 robust deviations), beginning 10:00:00.".to_owned();
    Diagnosis {
        time: range.to,
        causes: vec![Cause {
            service: "pay".to_owned(),
            indicator: String::new(),
            fault: FaultClass::BadDeploy,
            confidence: 0.9,
            summary: String::new(),
            evidence: vec![EvidenceId("E1".to_owned())],
        }],
        no_cause_confidence: 0.1,
        evidence: vec![evidence("E1", first, series), evidence("E2", fact, told)],
        graph: CausalGraph::default(),
        took_ms: 0.0,
    }
}

struct Nobody;

impl Propose for Nobody {
    fn propose(&self, _: IncidentId, _: Option<&str>) -> Result<(Vec<Plan>, Vec<String>), PortError> {
        Ok((vec![], vec![]))
    }
}

/// Reads arguments of every kind and says them back.
struct Look;

impl Tool for Look {
    fn spec(&self) -> ToolSpec {
        let parameters = schema(&[("words", "string", false, "Words.")]);
        ToolSpec { name: "look".to_owned(), description: "Looks.".to_owned(), parameters }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let asked = Arguments::read(arguments, &["words", "from", "to", "limit"])?;
            let words = asked.optional_text("words")?.unwrap_or("").to_owned();
            let limit = asked.count("limit", 10, 100)?;
            let hour = Duration::from_secs(3600);
            let range = asked.range(Timestamp::from_secs(1_772_359_200), hour, 24 * hour)?;
            assert!(limit <= 100 && range.from <= range.to, "{arguments}");
            Ok(finding(words, "look", &json!({}), vec![]))
        })
    }
}
