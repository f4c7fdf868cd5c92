//! Which requests did each service answer, and what happened in each of them?
//!
//! Spans of one service that follow from each other are one request to it. What happens in a request (steps inside,
//! requests to others, log lines) are its traits; comparing how often requests of one kind have a trait before and
//! during the incident tells what the program does otherwise than before.

use std::collections::HashMap;

use signal::RequestMeasure;

use super::input::{Case, Line, Span};
use super::templates::Templates;
use super::window::{Side, Window};

/// Something that happens in requests. Numbers stand for a service and its operation, or for what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Trait {
    /// A step inside of the service.
    Step(u32),
    /// A request to another service and its operation.
    Call(u32),
    /// A log line of this template.
    Said(u32),
    /// A log line that begins like this, whatever values follow.
    Began(u32),
    /// It failed.
    Failed,
    /// It failed, and none of the requests that it made did.
    FailedFirst,
}

/// One request to one service.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    /// The number of its service and operation.
    pub(crate) kind: u32,
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) side: Side,
    /// How long it took without its requests to others, in milliseconds.
    pub(crate) own_millis: f64,
    /// Who asked, and how much longer it took for them, in milliseconds.
    pub(crate) caller: Option<(&'a str, f64)>,
    /// A span of the caller's holds this request alone; else its own time cannot be told from the time on the way.
    pub(crate) is_bracketed: bool,
    pub(crate) is_failed: bool,
    /// Somebody whom it asked failed.
    is_following: bool,
}

/// All requests of a case.
#[derive(Default)]
pub(crate) struct Requests<'a> {
    pub(crate) list: Vec<Request<'a>>,
    /// Services with their operations, by number.
    pub(crate) kinds: Vec<(&'a str, &'a str)>,
    /// Kinds of requests, what happens in them, and in which request; in no order, and some more than once.
    pub(crate) traits: Vec<(u32, Trait, u32)>,
}

/// A chain of parents longer than this is a loop.
const MAX_DEPTH: usize = 256;
const NONE: u32 = u32::MAX;

/// Spans with who caused them, and the first one of the request that each belongs to.
struct Steps<'a> {
    by_id: HashMap<(&'a str, &'a str), u32>,
    parents: Vec<u32>,
    firsts: Vec<u32>,
    /// A span that is given twice counts once.
    is_counted: Vec<bool>,
}

impl<'a> Steps<'a> {
    fn of(spans: &'a [Span]) -> Self {
        let mut by_id: HashMap<(&str, &str), u32> = HashMap::with_capacity(spans.len());
        let mut is_counted = vec![true; spans.len()];
        for (it, idx) in spans.iter().zip(0..NONE).filter(|(it, _)| !it.id.is_empty()) {
            let earlier = by_id.insert((&it.trace, &it.id), idx);
            if let Some(it) = earlier.and_then(|it| is_counted.get_mut(it as usize)) {
                *it = false;
            }
        }
        let parent = |it: &Span| {
            let known = if it.parent.is_empty() { None } else { by_id.get(&(it.trace.as_str(), it.parent.as_str())) };
            known.copied().unwrap_or(NONE)
        };
        let parents: Vec<u32> = spans.iter().map(parent).collect();
        let firsts = (0..spans.len()).map(|it| first_of(it, spans, &parents)).collect();
        Self { by_id, parents, firsts, is_counted }
    }

    fn first(&self, span: usize) -> usize {
        self.firsts.get(span).copied().unwrap_or(NONE) as usize
    }

    fn parent(&self, span: usize) -> Option<usize> {
        self.parents.get(span).copied().filter(|it| *it != NONE).map(|it| it as usize)
    }

    /// The span above the first one of a request, if it is such a first one.
    fn above(&self, span: usize) -> Option<usize> {
        self.parent(span).filter(|_| self.first(span) == span)
    }

    fn counted(&self, spans: &'a [Span]) -> impl Iterator<Item = (usize, &'a Span)> {
        spans.iter().enumerate().filter(|(idx, _)| self.is_counted.get(*idx) == Some(&true))
    }
}

/// The requests of a case; `linked` gets those lines that belong to a request.
// Long because requests, what happens in them and their lines are found with the same numbers at hand.
pub(crate) fn of<'a>(case: &'a Case, window: &Window, templates: &Templates, linked: &mut [bool]) -> Requests<'a> {
    let spans = &case.spans;
    let steps = Steps::of(spans);
    let mut numbers: HashMap<(&str, &str), u32> = HashMap::new();
    let mut requests = Requests::default();
    let mut kind_of = |span: &'a Span, kinds: &mut Vec<(&'a str, &'a str)>| {
        let key = (span.service.as_str(), span.operation.as_str());
        *numbers.entry(key).or_insert_with(|| {
            kinds.push(key);
            kinds.len() as u32 - 1
        })
    };
    // The place of each span's request in the list.
    let mut places: Vec<u32> = vec![NONE; spans.len()];
    for (idx, span) in steps.counted(spans).filter(|(idx, _)| steps.first(*idx) == *idx) {
        let Some(side) = window.side(span.start, span.is_normal) else { continue };
        let above = steps.above(idx);
        let caller = above.and_then(|it| spans.get(it));
        if let Some(place) = places.get_mut(idx) {
            *place = requests.list.len() as u32;
        }
        requests.list.push(Request {
            kind: kind_of(span, &mut requests.kinds),
            service: &span.service,
            operation: &span.operation,
            side,
            own_millis: span.millis,
            caller: caller.map(|it| (it.service.as_str(), (it.millis - span.millis).max(0.0))),
            is_bracketed: above.is_some_and(|it| steps.first(it) != it),
            is_failed: false,
            is_following: false,
        });
    }
    let place = |first: usize| places.get(first).copied().unwrap_or(NONE);
    for (idx, span) in steps.counted(spans) {
        let own = place(steps.first(idx));
        if let Some(request) = requests.list.get_mut(own as usize) {
            request.is_failed |= span.is_error;
            if steps.first(idx) != idx {
                let kind = kind_of(span, &mut requests.kinds);
                requests.traits.push((request.kind, Trait::Step(kind), own));
            }
        }
        let above = steps.above(idx).map_or(NONE, |it| place(steps.first(it)));
        if let Some(request) = requests.list.get_mut(above as usize) {
            request.own_millis = (request.own_millis - span.millis).max(0.0);
            let kind = kind_of(span, &mut requests.kinds);
            requests.traits.push((request.kind, Trait::Call(kind), above));
        }
    }
    mixed_ways(&steps, &places, &mut requests);
    failures(&steps, &places, &mut requests);
    for ((line, said), linked) in case.logs.iter().zip(&templates.of_line).zip(linked) {
        let first = span_of(line, &steps).map_or(NONE, |it| place(steps.first(it)));
        let request = requests.list.get(first as usize).filter(|it| it.service == line.service);
        *linked = request.is_some();
        if let Some(request) = request {
            let traits = [(request.kind, Trait::Said(said.0), first), (request.kind, Trait::Began(said.1), first)];
            requests.traits.extend(traits);
        }
    }
    requests
}

fn span_of(line: &Line, steps: &Steps<'_>) -> Option<usize> {
    if line.trace.is_empty() || line.span.is_empty() {
        return None;
    }
    steps.by_id.get(&(line.trace.as_str(), line.span.as_str())).map(|it| *it as usize)
}

/// Without a span around a request to somebody, the way there is in what the caller takes besides all answers.
fn mixed_ways(steps: &Steps<'_>, places: &[u32], requests: &mut Requests<'_>) {
    let place = |first: usize| places.get(first).copied().unwrap_or(NONE) as usize;
    for idx in 0..places.len() {
        let Some(above) = steps.above(idx).map(|it| place(steps.first(it))) else { continue };
        let besides = requests.list.get(above).map(|it| it.own_millis);
        let asked = requests.list.get_mut(place(idx)).filter(|it| !it.is_bracketed);
        if let (Some(besides), Some((_, way))) = (besides, asked.and_then(|it| it.caller.as_mut())) {
            *way = besides;
        }
    }
}

/// Who fails because somebody whom he asked did, only follows: the others failed first.
fn failures(steps: &Steps<'_>, places: &[u32], requests: &mut Requests<'_>) {
    let place = |first: usize| places.get(first).copied().unwrap_or(NONE);
    for idx in 0..places.len() {
        let Some(above) = steps.above(idx).map(|it| place(steps.first(it))) else { continue };
        if requests.list.get(place(idx) as usize).is_some_and(|it| it.is_failed)
            && let Some(caller) = requests.list.get_mut(above as usize)
        {
            caller.is_following = true;
        }
    }
    for (it, idx) in requests.list.iter().zip(0..NONE).filter(|(it, _)| it.is_failed) {
        requests.traits.push((it.kind, Trait::Failed, idx));
        if !it.is_following {
            requests.traits.push((it.kind, Trait::FailedFirst, idx));
        }
    }
}

fn first_of(span: usize, spans: &[Span], parents: &[u32]) -> u32 {
    let mut first = span;
    for _ in 0..MAX_DEPTH {
        let parent = parents.get(first).map_or(NONE, |it| *it) as usize;
        let is_same = |a: &Span, b: &Span| a.service == b.service;
        let is_inside = spans.get(parent).zip(spans.get(first)).is_some_and(|(a, b)| is_same(a, b));
        if parent == first || !is_inside {
            break;
        }
        first = parent;
    }
    first as u32
}

/// What requests of a case show: milliseconds, or 1 for a failure and 0 for none. An empty text stands for any.
pub(crate) fn measured(case: &Case, service: &str, operation: &str, caller: &str, measure: RequestMeasure) -> Vec<f64> {
    // Wherever a request stands in time, it is looked at.
    let window = Window::of(i64::MAX / 2, std::iter::once(0), false);
    let is_meant = |it: &&Request<'_>| {
        it.service == service
            && (operation.is_empty() || it.operation == operation)
            && (caller.is_empty() || it.caller.is_some_and(|from| from.0 == caller))
    };
    let is = |is_it: bool| f64::from(u8::from(is_it));
    let value = |it: &Request<'_>| match measure {
        RequestMeasure::SelfTime => Some(it.own_millis),
        RequestMeasure::EdgeGap => it.caller.map(|it| it.1),
        RequestMeasure::Errors => Some(is(it.is_failed)),
        RequestMeasure::FirstErrors => Some(is(it.is_failed && !it.is_following)),
    };
    of(case, &window, &Templates::default(), &mut []).list.iter().filter(is_meant).filter_map(value).collect()
}
