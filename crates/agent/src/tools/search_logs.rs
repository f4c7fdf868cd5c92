//! What was said? Log lines as templates with typed values, and how many there are of each template.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use signal::{LogHit, LogLevel, LogQuery, LogTemplate, Timestamp};

use super::finding;
use crate::arguments::{Arguments, RANGE, schema};
use crate::frame::{MOST_VALUE, quoted};
use crate::sources::{Sources, blocking};
use crate::{Finding, Tool, ToolError, ToolSpec, abstraction};

const NAME: &str = "search_logs";
const MOST_READ: usize = 400;
const MOST_TEMPLATES: usize = 500;
const MOST_GROUPS: usize = 10;
const MOST_LINES: usize = 30;
const DEFAULT_RANGE: Duration = Duration::from_secs(900);
const MOST_RANGE: Duration = Duration::from_secs(7 * 86_400);
const LEVELS: [(&str, LogLevel); 5] = [
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
    ("fatal", LogLevel::Fatal),
];

/// `search_logs`.
pub struct SearchLogs(pub Sources);

impl Tool for SearchLogs {
    fn spec(&self) -> ToolSpec {
        let rows = [
            ("words", "string", false, "Words that must all occur; a part in double quotes is a phrase."),
            ("service", "string", false, "Only lines of this service or host."),
            ("min_level", "string", false, "At least this bad: debug, info, warn, error or fatal."),
            RANGE[0],
            RANGE[1],
            ("limit", "integer", false, "Lines that are shown, 10 by default, at most 30."),
        ];
        ToolSpec {
            name: NAME.to_owned(),
            description: "Searches log lines (the last 15 minutes by default). Lines come as template with typed \
                          values; free text inside of them is counted and not shown."
                .to_owned(),
            parameters: schema(&rows),
        }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let asked = Arguments::read(arguments, &["words", "service", "min_level", "from", "to", "limit"])?;
            let words = asked.optional_text("words")?.unwrap_or("").to_owned();
            let service = asked.optional_text("service")?.map(str::to_owned);
            let min_level = asked.one_of("min_level", &LEVELS)?;
            let range = asked.range(self.0.clock.now(), DEFAULT_RANGE, MOST_RANGE)?;
            let limit = asked.count("limit", 10, MOST_LINES)?;
            let (logs, templates) = (Arc::clone(&self.0.logs), Arc::clone(&self.0.templates));
            let query = LogQuery { text: words.clone(), matchers: vec![], min_level, range, limit: MOST_READ };
            let wanted = service.clone();
            let (hits, templates) = blocking(move || {
                let mut hits = logs.search(&query)?;
                hits.retain(|it| wanted.as_ref().is_none_or(|name| it.record.labels.owner() == name));
                Ok((hits, templates.templates(range, wanted.as_deref(), MOST_TEMPLATES)))
            })
            .await?;
            let again = json!({
                "words": words, "service": service, "min_level": min_level.map(LogLevel::as_str),
                "from": range.from, "to": range.to, "limit": limit,
            });
            Ok(answer(&hits, &templates, limit, &again))
        })
    }
}

/// Lines of one service and template.
#[derive(Default)]
struct Group {
    lines: usize,
    first: Timestamp,
    last: Timestamp,
    worst: Option<LogLevel>,
    /// The variables of its first line, by what they are.
    values: String,
}

fn answer(hits: &[LogHit], templates: &[LogTemplate], limit: usize, again: &Value) -> Finding {
    let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
    for hit in hits {
        let service = hit.record.labels.owner();
        let template = template_of(&hit.record.line, service, templates);
        let group = groups.entry((service.to_owned(), template)).or_default();
        let time = hit.record.time;
        if group.lines == 0 || time < group.first {
            group.first = time;
            group.values = abstraction::values(&hit.record.line, service, templates);
        }
        group.last = group.last.max(time);
        group.worst = group.worst.max(Some(hit.record.level()));
        group.lines += 1;
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, it)| std::cmp::Reverse((it.worst, it.lines)));
    groups.truncate(MOST_GROUPS);
    let facts = groups.iter().map(|((service, template), it)| fact(service, template, it)).collect();
    let more = if hits.len() >= MOST_READ { " or more" } else { "" };
    let mut finding = finding(format!("{}{more} lines.", hits.len()), NAME, again, facts);
    for hit in hits.iter().take(limit) {
        let record = &hit.record;
        let line = abstraction::line(&record.line, record.labels.owner(), templates);
        finding.text.push_str(&format!("\nline {} {}: {line}", record.time, record.level().as_str()));
    }
    finding
}

fn template_of(line: &str, service: &str, templates: &[LogTemplate]) -> String {
    let of_service = templates.iter().filter(|it| it.service == service);
    let fitting = of_service.filter(|it| abstraction::variables(&it.template, line).is_some());
    let best = fitting.max_by_key(|it| it.template.replace("<*>", "").len());
    best.map_or_else(|| abstraction::mined(line).0, |it| it.template.clone())
}

fn fact(service: &str, template: &str, group: &Group) -> String {
    format!(
        "{} lines of service {} fit {}, worst level {}, first at {}{}, last at {}.",
        group.lines,
        quoted(service, MOST_VALUE),
        quoted(template, 3 * MOST_VALUE),
        group.worst.map_or("info", LogLevel::as_str),
        group.first,
        group.values,
        group.last
    )
}
