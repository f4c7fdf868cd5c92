//! Which requests did each service answer, and what happened in each of them?
//!
//! Spans of one service that follow from each other are one request to it. What happens in a request (steps inside,
//! requests to others, log lines) are its traits; comparing how often requests of one kind have a trait before and
//! during the incident tells what the program does otherwise than before.

use std::collections::{BTreeSet, HashMap, HashSet};

use signal::RequestMeasure;

use super::input::{Case, Line, Span};
use super::window::{Side, Window};

/// Something that happens in requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Trait<'a> {
    /// A step inside of the service.
    Step(&'a str),
    /// A request to another service and its operation.
    Call(&'a str, &'a str),
    /// A log line of this template.
    Said(u64),
    /// A log line that begins like this, whatever values follow.
    Began(u64),
    /// It failed.
    Failed,
    /// It failed, and none of the requests that it made did.
    FailedFirst,
}

/// One request to one service.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) side: Side,
    /// How long it took without its requests to others, in milliseconds.
    pub(crate) own_millis: f64,
    /// Who asked, and how much longer it took for them, in milliseconds.
    pub(crate) caller: Option<(&'a str, f64)>,
    /// A span of the caller's holds this request alone; else its own time cannot be told from the time on the way.
    pub(crate) is_bracketed: bool,
    pub(crate) traits: BTreeSet<Trait<'a>>,
}

/// A chain of parents longer than this is a loop.
const MAX_DEPTH: usize = 256;

/// The requests of a case; `template` tells the template of a line by its place, and `linked` gets those that belong
/// to a request.
pub(crate) fn of<'a>(
    case: &'a Case,
    window: &Window,
    templates: &[(u64, u64)],
    linked: &mut [bool],
) -> Vec<Request<'a>> {
    let spans = &case.spans;
    let by_id: HashMap<(&str, &str), usize> =
        spans.iter().enumerate().map(|(idx, it)| ((it.trace.as_str(), it.id.as_str()), idx)).collect();
    let parent_of = |it: &Span| by_id.get(&(it.trace.as_str(), it.parent.as_str())).copied();
    let parents: Vec<Option<usize>> = spans.iter().map(parent_of).collect();
    // A span that is given twice counts once: only the place that its id leads to is looked at.
    let is_known = |idx: usize, it: &Span| by_id.get(&(it.trace.as_str(), it.id.as_str())) == Some(&idx);
    let firsts: Vec<usize> = (0..spans.len()).map(|it| first_of(it, spans, &parents)).collect();
    let mut requests: HashMap<usize, Request<'a>> = HashMap::new();
    for (idx, span) in spans.iter().enumerate().filter(|(idx, _)| firsts.get(*idx) == Some(idx)) {
        if !is_known(idx, span) {
            continue;
        }
        let Some(side) = window.side(span.start, span.is_normal) else { continue };
        let caller = parents.get(idx).copied().flatten().and_then(|it| spans.get(it));
        let caller = caller.map(|it| (it.service.as_str(), (it.millis - span.millis).max(0.0)));
        let (service, operation) = (span.service.as_str(), span.operation.as_str());
        let above = parents.get(idx).copied().flatten();
        let is_bracketed = above.is_some_and(|it| firsts.get(it) != Some(&it));
        let traits = BTreeSet::new();
        requests
            .insert(idx, Request { service, operation, side, own_millis: span.millis, caller, is_bracketed, traits });
    }
    for (idx, span) in spans.iter().enumerate() {
        let Some(first) = firsts.get(idx).copied().filter(|_| is_known(idx, span)) else { continue };
        if span.is_error
            && let Some(request) = requests.get_mut(&first)
        {
            request.traits.insert(Trait::Failed);
        }
        if first != idx {
            requests.get_mut(&first).map(|it| it.traits.insert(Trait::Step(&span.operation)));
        } else if let Some(above) = parents.get(idx).copied().flatten().and_then(|it| firsts.get(it))
            && let Some(request) = requests.get_mut(above)
        {
            request.own_millis = (request.own_millis - span.millis).max(0.0);
            request.traits.insert(Trait::Call(&span.service, &span.operation));
        }
    }
    first_failures(spans, &parents, &firsts, &mut requests);
    for ((line, template), linked) in case.logs.iter().zip(templates).zip(linked) {
        *linked = link(line, *template, &by_id, &firsts, &mut requests);
    }
    let mut requests: Vec<(usize, Request<'a>)> = requests.into_iter().collect();
    requests.sort_by_key(|it| it.0);
    requests.into_iter().map(|it| it.1).collect()
}

/// Who fails because somebody whom he asked did, only follows: the others failed first.
fn first_failures(
    spans: &[Span],
    parents: &[Option<usize>],
    firsts: &[usize],
    requests: &mut HashMap<usize, Request<'_>>,
) {
    let mut following: HashSet<usize> = HashSet::new();
    for (idx, _) in spans.iter().enumerate().filter(|(idx, _)| firsts.get(*idx) == Some(idx)) {
        let has_failed = requests.get(&idx).is_some_and(|it| it.traits.contains(&Trait::Failed));
        let above = parents.get(idx).copied().flatten().and_then(|it| firsts.get(it));
        following.extend(above.filter(|_| has_failed));
    }
    for (idx, request) in requests.iter_mut().filter(|(_, it)| it.traits.contains(&Trait::Failed)) {
        if !following.contains(idx) {
            request.traits.insert(Trait::FailedFirst);
        }
    }
}

fn first_of(span: usize, spans: &[Span], parents: &[Option<usize>]) -> usize {
    let mut first = span;
    for _ in 0..MAX_DEPTH {
        let Some(parent) = parents.get(first).copied().flatten().filter(|it| *it != first) else { break };
        let service = |it: usize| spans.get(it).map(|it| it.service.as_str());
        if service(parent) != service(first) {
            break;
        }
        first = parent;
    }
    first
}

fn link<'a>(
    line: &Line,
    (template, beginning): (u64, u64),
    by_id: &HashMap<(&'a str, &'a str), usize>,
    firsts: &[usize],
    requests: &mut HashMap<usize, Request<'a>>,
) -> bool {
    if line.trace.is_empty() || line.span.is_empty() {
        return false;
    }
    let span = by_id.get(&(line.trace.as_str(), line.span.as_str()));
    let first = span.and_then(|it| firsts.get(*it));
    let Some(request) = first.and_then(|it| requests.get_mut(it)).filter(|it| it.service == line.service) else {
        return false;
    };
    request.traits.insert(Trait::Said(template));
    request.traits.insert(Trait::Began(beginning));
    true
}

/// What requests of a case show: milliseconds, or 1 for a failure and 0 for none. An empty text stands for any.
pub(crate) fn measured(case: &Case, service: &str, operation: &str, caller: &str, measure: RequestMeasure) -> Vec<f64> {
    // Wherever a request stands in time, it is looked at.
    let window = Window::of(i64::MAX / 2, std::iter::once(0));
    let is_meant = |it: &&Request<'_>| {
        it.service == service
            && (operation.is_empty() || it.operation == operation)
            && (caller.is_empty() || it.caller.is_some_and(|from| from.0 == caller))
    };
    let has = |it: &Request<'_>, one: Trait<'_>| f64::from(u8::from(it.traits.contains(&one)));
    let value = |it: &Request<'_>| match measure {
        RequestMeasure::SelfTime => Some(it.own_millis),
        RequestMeasure::EdgeGap => it.caller.map(|it| it.1),
        RequestMeasure::Errors => Some(has(it, Trait::Failed)),
        RequestMeasure::FirstErrors => Some(has(it, Trait::FailedFirst)),
    };
    of(case, &window, &[], &mut []).iter().filter(is_meant).filter_map(value).collect()
}
