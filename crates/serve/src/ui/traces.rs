//! What did requests do? The service graph, a search for traces, and one trace as bars over time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};
use signal::{Labels, Span, SpanId, SpanStatus, Timestamp, TraceSummary};

use super::layout::{Section, page as layout};
use super::{service_graph, text};
use crate::api::traces::{Trace, TracesQuery, edges, find, trace, trace_id};
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, given};

/// Spans of a trace that are drawn; the JSON has up to 10,000.
const MOST_DRAWN: usize = 500;

/// `GET /traces`.
pub async fn page(State(app): State<Arc<App>>, Ask(query): Ask<TracesQuery>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let (found, problem) = match find(app, &query) {
            Ok(found) => (found, None),
            Err(Error::Unusable(problem)) => (vec![], Some(problem)),
            Err(error) => return Err(error),
        };
        let edges = edges(app)?;
        let body = html! {
            div.title-row { h1 { "Traces" } }
            div.wide data-live id="graph" { (service_graph::graph(&edges)) }
            (form(&query))
            @if let Some(problem) = &problem { p.notice.bad role="alert" { (text::plain(problem)) } }
            @else { div data-live id="traces" { (list(&found, app.now())) } }
        };
        Ok(layout(app, "Traces", Section::Traces, &body))
    })
    .await
}

fn form(query: &TracesQuery) -> Markup {
    let field = |name: &str, value: &Option<String>, placeholder: &str| {
        html! {
            label.hidden for=(name) { (placeholder) }
            input type="text" id=(name) name=(name) value=(given(value).unwrap_or("")) placeholder=(placeholder) autocomplete="off" spellcheck="false";
        }
    };
    let from = given(&query.from).unwrap_or("-1h");
    let is_listed = super::logs::RANGES.iter().any(|(value, _)| *value == from);
    html! {
        form.search role="search" method="get" action="/traces" {
            (field("service", &query.service, "Service"))
            (field("name", &query.name, "Operation"))
            (field("min_duration", &query.min_duration, "At least, e.g. 250ms"))
            (field("attribute", &query.attribute, "Attribute, e.g. http.route=/cart"))
            label.hidden for="from" { "Range" }
            select id="from" name="from" {
                @if !is_listed { option value=(from) selected { "Chosen range" } }
                @for (value, name) in super::logs::RANGES { option value=(value) selected[value == from] { (name) } }
            }
            @if let Some(to) = given(&query.to).filter(|_| !is_listed) { input type="hidden" name="to" value=(to); }
            label.check { input type="checkbox" name="errors" value="true" checked[given(&query.errors).is_some()]; " failed only" }
            button.primary { "Search" }
        }
    }
}

fn list(found: &[TraceSummary], now: Timestamp) -> Markup {
    let longest = found.iter().map(|it| it.seconds).fold(f64::MIN_POSITIVE, f64::max);
    html! {
        @if found.is_empty() {
            div.empty data-testid="no-traces" {
                h2 { "No traces found" }
                p { "Widen the range, or send spans over OTLP to " code { "/v1/traces" } ", port 4318 (HTTP) or port 4317 (gRPC)." }
            }
        } @else {
            p.muted.small role="status" { (text::counted(found.len() as u64, "trace")) ", newest first" }
            table.stack {
                caption.hidden { "Traces" }
                thead { tr { th scope="col" { "Began" } th scope="col" { "Request" } th.num scope="col" { "Services" } th.num scope="col" { "Spans" } th.num scope="col" { "Failed" } th scope="col" { "Duration" } } }
                tbody { @for it in found { (row(it, longest, now)) } }
            }
        }
    }
}

fn row(it: &TraceSummary, longest: f64, now: Timestamp) -> Markup {
    html! {
        tr data-key=(it.trace) data-testid="trace" {
            td data-label="Began" { (text::clock_of_day(it.start, now)) }
            td data-label="Request" {
                a href={ "/traces/" (it.trace) } { strong { (text::plain(&it.service)) } " " (text::plain(&it.name)) }
                @if it.is_partial { " " span.muted.small title="Its first span has not come" { "(partial)" } }
            }
            td.num data-label="Services" { (it.services.len()) }
            td.num data-label="Spans" { (it.spans) }
            td.num data-label="Failed" { @if it.errors > 0 { span.score.bad { (it.errors) } } @else { span.muted { "0" } } }
            td data-label="Duration" {
                (text::seconds(it.seconds)) " "
                svg.strip viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" { rect.usual y="3" width=(format!("{:.2}", (100.0 * it.seconds / longest).max(0.5))) height="4" {} }
            }
        }
    }
}

/// `GET /traces/{id}`.
pub async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let id = trace_id(&id)?;
    app.page(move |app| {
        let found = trace(app, id)?;
        let title = id.to_string();
        Ok(layout(app, &format!("Trace {title}"), Section::Traces, &body(&title, &found, app.now())))
    })
    .await
}

fn body(title: &str, found: &Trace, now: Timestamp) -> Markup {
    let start = found.spans.iter().map(|it| it.start_nanos).min().unwrap_or(0);
    let end = found.spans.iter().map(|it| it.start_nanos.saturating_add(it.duration_nanos)).max().unwrap_or(0);
    let whole = (end - start).max(1) as f64;
    let tree = tree(&found.spans);
    let n_spans = found.spans.len() as u64;
    let failed = found.spans.iter().filter(|it| it.status == SpanStatus::Error).count() as u64;
    let own = own_times(&found.spans);
    let services: BTreeSet<&str> = found.spans.iter().map(Span::service).collect();
    html! {
        p.crumb { a href="/traces" { "Traces" } " / " code { (title) } }
        div.title-row { h1 { @match tree.first() { Some((_, root)) => { (text::plain(root.service())) " " (text::plain(&root.name)) }, None => { "Trace " (title) } } } }
        @if found.left_out > 0 {
            p.notice role="status" data-testid="trace-cut" { "This trace has " (text::counted(n_spans + found.left_out, "span")) ". The first " (text::grouped(n_spans)) " are looked at; failures and services further on are not among what is told here." }
        }
        p.muted { (text::counted(n_spans, "span")) " of " (text::counted(services.len() as u64, "service")) " in " (text::seconds(whole / 1e9))
            @if failed > 0 { ", " span.score.bad { (text::grouped(failed)) " failed" } }
            ", began " (text::moment(found.spans.iter().map(Span::start).min().unwrap_or(now)))
            " \u{b7} " a href={ "/sentinel/v1/traces/" (found.spans.first().map_or_else(String::new, |it| it.trace.to_string())) } { "JSON" } }
        table.stack.waterfall {
            caption.hidden { "Spans, callers before the called" }
            thead { tr {
                th scope="col" { "Service and operation" }
                th.when scope="col" { span.hidden { "When" } span.axis aria-hidden="true" { @for part in [0.0, 0.25, 0.5, 0.75, 1.0] { span { (if part > 0.0 { text::seconds(whole / 1e9 * part) } else { "0".to_owned() }) } } } }
                th.num scope="col" { "Took" } th.num scope="col" title="Time in which no span that it called was running" { "Of its own" }
            } }
            tbody { @for (depth, it) in tree.iter().take(MOST_DRAWN) { (span(it, *depth, start, whole, own.get(&it.id).copied())) } }
        }
        @if tree.len() > MOST_DRAWN { p.muted.small { (tree.len() - MOST_DRAWN) " more spans are in the JSON." } }
        div.head { h2 { "Log lines of this trace" } }
        @if found.logs.is_empty() { div.empty { p { "No line has this trace's id in its metadata or text." } } }
        @else { (super::logs::table(&found.logs, now)) }
    }
}

/// How long each span ran while none that it called did, in nanoseconds.
fn own_times(spans: &[Span]) -> HashMap<SpanId, u64> {
    let mut called: HashMap<SpanId, Vec<(u64, u64)>> = HashMap::new();
    for it in spans {
        if let Some(parent) = it.parent {
            called.entry(parent).or_default().push((it.start_nanos, it.start_nanos.saturating_add(it.duration_nanos)));
        }
    }
    called.values_mut().for_each(|it| it.sort_unstable());
    let own = |it: &Span| {
        let (mut at, end) = (it.start_nanos, it.start_nanos.saturating_add(it.duration_nanos));
        let mut own = 0;
        for (from, to) in called.get(&it.id).into_iter().flatten() {
            own += (*from).min(end).saturating_sub(at);
            at = at.max(*to);
        }
        own + end.saturating_sub(at)
    };
    spans.iter().map(|it| (it.id, own(it))).collect()
}

fn span(it: &Span, depth: usize, start: u64, whole: f64, own: Option<u64>) -> Markup {
    let at = 100.0 * (it.start_nanos - start) as f64 / whole;
    let width = (100.0 * it.duration_nanos as f64 / whole).max(0.4);
    html! {
        tr data-testid="span" {
            td {
                details class={ "span depth-" (depth.min(12)) } {
                    summary { strong { (text::plain(it.service())) } " " (text::plain(&it.name))
                        @if it.status == SpanStatus::Error { " " span.badge.bad { "failed" } } }
                    @if !it.message.is_empty() { p.small { (text::plain(&it.message)) } }
                    (attributes("Attributes", &it.attributes))
                    (attributes("Resource", &it.resource))
                    @for event in &it.events {
                        (attributes(&format!("{} after {}", event.name, text::seconds(event.time_nanos.saturating_sub(it.start_nanos) as f64 / 1e9)), &event.attributes))
                    }
                    p.small.muted { (it.kind.as_str()) " span " code { (it.id) } }
                }
            }
            td.when { svg.strip viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
                rect.track y="4" width="100" height="2" {}
                rect class={ "took" @if it.status == SpanStatus::Error { " bad" } } x=(format!("{at:.2}")) y="1" width=(format!("{width:.2}")) height="8" {}
            } }
            td.num { span.only-narrow { "took " } (text::seconds(it.secs())) }
            td.num.muted { span.only-narrow { "of its own " } @if let Some(own) = own { (text::seconds(own as f64 / 1e9)) } }
        }
    }
}

fn attributes(title: &str, labels: &Labels) -> Markup {
    html! {
        @if !labels.is_empty() {
            p.small { span.muted { (text::plain(title)) ": " } @for (name, value) in labels.iter() { span.chip { span.key { (text::plain(name)) } "=" (text::plain(value)) } " " } }
        }
    }
}

/// Spans with their depth, callers before the called, in order of time. A span whose parent is not there is a root.
fn tree(spans: &[Span]) -> Vec<(usize, &Span)> {
    let known: HashMap<SpanId, &Span> = spans.iter().map(|it| (it.id, it)).collect();
    let mut children: HashMap<Option<SpanId>, Vec<&Span>> = HashMap::new();
    for span in spans {
        let parent = span.parent.filter(|it| *it != span.id && known.contains_key(it));
        children.entry(parent).or_default().push(span);
    }
    children.values_mut().for_each(|it| it.sort_by_key(|span| std::cmp::Reverse(span.start_nanos)));
    let roots = children.remove(&None).unwrap_or_default();
    let mut open: Vec<(usize, &Span)> = roots.into_iter().map(|it| (0, it)).collect();
    let mut tree = Vec::with_capacity(spans.len());
    while let Some((depth, span)) = open.pop() {
        tree.push((depth, span));
        // Taken out, so that ids in a circle or twice cannot go round for ever.
        open.extend(children.remove(&Some(span.id)).unwrap_or_default().into_iter().map(|it| (depth + 1, it)));
    }
    tree
}

#[cfg(test)]
mod tests {
    use signal::{SpanKind, TraceId};

    use super::*;

    fn span(id: u8, parent: Option<u8>, start: u64) -> Span {
        Span {
            trace: TraceId([1; 16]),
            id: SpanId([id; 8]),
            parent: parent.map(|it| SpanId([it; 8])),
            name: format!("<b>{id}"),
            kind: SpanKind::Server,
            start_nanos: start * 1_000_000,
            duration_nanos: 5_000_000,
            status: SpanStatus::Error,
            message: "\u{1b}[31mrefused".to_owned(),
            resource: Labels::new([("service", "shop")]),
            attributes: Labels::default(),
            events: vec![],
            links: vec![],
        }
    }

    #[test]
    fn callers_come_before_the_called() {
        let spans = [span(3, Some(1), 30), span(1, None, 10), span(2, Some(1), 20), span(5, Some(9), 40)];
        let order: Vec<(usize, u8)> = tree(&spans).into_iter().map(|it| (it.0, it.1.id.0[0])).collect();
        assert_eq!(order, [(0, 1), (1, 2), (1, 3), (0, 5)]);
    }

    #[test]
    fn time_of_its_own_is_what_no_called_span_covers() {
        // Each takes 5 ms: the called ones run from 2 to 7 and from 4 to 9, the caller from 0 to 5.
        let spans = [span(1, None, 0), span(2, Some(1), 2), span(3, Some(1), 4)];
        let own = own_times(&spans);
        assert_eq!(own[&SpanId([1; 8])], 2_000_000);
        assert_eq!(own[&SpanId([2; 8])], 5_000_000);
        let after = [span(1, None, 0), span(2, Some(1), 9)];
        assert_eq!(own_times(&after)[&SpanId([1; 8])], 5_000_000, "what runs on after its caller takes nothing of it");
    }

    /// Guarantees: MUST 876 of docs/specs/ingest.md.
    #[test]
    fn a_trace_that_is_cut_says_so() {
        let found = Trace { spans: vec![span(1, None, 10)], left_out: 10_000, logs: vec![] };
        let drawn = body("Trace", &found, Timestamp::MIN).into_string();
        assert!(drawn.contains("This trace has 10\u{202f}001 spans. The first 1 are looked at"), "{drawn}");
    }

    /// Guarantees: MUST 164 of docs/specs/ingest.md.
    #[test]
    fn parents_in_a_circle_do_not_go_round_for_ever() {
        let spans = [span(1, Some(2), 1), span(2, Some(1), 2), span(4, Some(4), 3)];
        assert_eq!(tree(&spans).len(), 1);
    }

    #[test]
    fn foreign_text_is_data() {
        let found = Trace { spans: vec![span(1, None, 10)], left_out: 0, logs: vec![] };
        let drawn = body("Trace", &found, Timestamp::MIN).into_string();
        assert!(!drawn.contains("trace-cut"));
        assert!(drawn.contains("&lt;b&gt;1") && drawn.contains("refused") && !drawn.contains('\u{1b}'), "{drawn}");
    }
}
