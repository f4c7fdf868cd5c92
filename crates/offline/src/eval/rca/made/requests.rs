//! What would traces and logs say of a made-up system? A sample of requests, each walked from caller to callee.

use diagnose::case::{Line, Span};
use fastrand::Rng;
use signal::LogLevel;

use super::course::{Fault, Point, Wrong};
use super::dice::{chance, normal};
use super::shop::{Role, Shop};

/// More steps of one request are not told.
const MOST_STEPS: usize = 60;

/// Spans and lines.
#[derive(Default)]
pub struct Told {
    pub spans: Vec<Span>,
    pub lines: Vec<Line>,
}

/// What a request is walked with.
pub struct Walk<'a> {
    pub shop: &'a Shop,
    pub fault: Option<&'a Fault>,
    /// Lines name the span that they were written in.
    pub is_linked: bool,
    pub told: Told,
}

impl Walk<'_> {
    /// A request in a step of time, at `start` in milliseconds.
    pub fn request(&mut self, points: &[Point], nth: usize, start: i64, is_during: bool, random: &mut Rng) {
        let trace = format!("{nth:08x}");
        let mut left = MOST_STEPS;
        self.step(&trace, "", 0, points, start as f64, is_during, &mut left, random);
    }

    /// One service's part of it; milliseconds that its caller waits, and whether it failed.
    #[expect(clippy::too_many_arguments, reason = "a walk carries where it is")]
    fn step(
        &mut self,
        trace: &str,
        parent: &str,
        at: usize,
        points: &[Point],
        start: f64,
        is_during: bool,
        left: &mut usize,
        random: &mut Rng,
    ) -> (f64, bool) {
        let (Some(service), Some(point)) = (self.shop.services.get(at), points.get(at)) else { return (0.0, false) };
        *left = left.saturating_sub(1);
        if !point.is_up {
            // Nobody is there who could tell of it.
            return (1.0, true);
        }
        let id = format!("{:016x}", random.u64(..));
        let own = point.own_ms * f64::exp(normal(random) * 0.3);
        let mut fails = chance(random, point.own_failing.min(1.0));
        let (mut ms, is_own) = (own, fails);
        let is_bug =
            fails && is_during && self.fault.is_some_and(|it| it.service == at && it.wrong == Wrong::Exception);
        for (callee, often) in service.callees.iter().filter(|it| it.0 > at) {
            // A bug ends the request before others are asked.
            let n = often.floor() as usize + usize::from(chance(random, often.fract()));
            for _ in 0..if is_bug { 0 } else { n.min(*left) } {
                let (theirs, failed) = self.step(trace, &id, *callee, points, start + ms, is_during, left, random);
                let waits = self.shop.services.get(*callee).is_some_and(|it| it.role != Role::Queue);
                let way = points.get(*callee).map_or(0.0, |it| it.way_ms) * f64::exp(normal(random) * 0.2);
                if waits {
                    ms += theirs + way;
                    fails |= failed && chance(random, 0.9);
                }
            }
        }
        self.told.spans.push(Span {
            trace: trace.to_owned(),
            id: id.clone(),
            parent: parent.to_owned(),
            service: service.name.clone(),
            operation: format!("handle {}", at % 7),
            start: start as i64,
            millis: ms,
            is_error: fails,
            ..Span::default()
        });
        self.say(trace, &id, at, start + ms, (fails, is_own, is_bug), random);
        (ms, fails)
    }

    fn say(&mut self, trace: &str, id: &str, at: usize, time: f64, how: (bool, bool, bool), random: &mut Rng) {
        let Some(service) = self.shop.services.get(at) else { return };
        let (fails, is_own, is_bug) = how;
        let number = random.u32(..100_000);
        let mut said = vec![(LogLevel::Info, format!("accepted request {number} for handler {}", at % 7))];
        if is_bug {
            said.push((LogLevel::Error, format!("java.lang.IllegalStateException: no rule for item {number}")));
        } else if is_own {
            said.push((LogLevel::Error, format!("request {number} failed: unexpected state")));
        } else if fails {
            said.push((LogLevel::Error, format!("request {number} failed: upstream answered 500")));
        } else {
            said.push((LogLevel::Info, format!("answered request {number} in time")));
        }
        for (level, text) in said {
            let (trace, span) = if self.is_linked { (trace, id) } else { ("", "") };
            self.told.lines.push(Line {
                time: time as i64,
                service: service.name.clone(),
                text,
                level: Some(level),
                trace: trace.to_owned(),
                span: span.to_owned(),
                is_normal: false,
            });
        }
    }
}
