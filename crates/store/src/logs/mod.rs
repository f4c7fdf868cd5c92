//! Which lines does a search find? The words, labels and times of what waits and of what is packed are looked at.

mod gather;
mod lines;
mod shapes;
mod templates;
mod words;

use std::cmp::Reverse;
use std::collections::HashMap;

use signal::{LogHit, LogId, LogQuery, LogRecord, Timestamp};

pub use self::lines::Lines;
use self::words::Words;
use crate::packs::Packs;

/// All lines.
pub type Logs = Packs<Lines>;

/// A search with words stops after the packs in which it has found so many lines: the newest ones are the ones that
/// matter, and a common word would have all that is stored unpacked.
const ENOUGH_HITS: usize = 50_000;

impl Logs {
    /// Lines that match: the most relevant with words, else the newest; newest first.
    pub fn search(&self, query: &LogQuery) -> Vec<LogHit> {
        let words = Words::parse(&query.text);
        if words.accept_none() || query.limit == 0 {
            return vec![];
        }
        let hits = std::cell::RefCell::new(HashMap::new());
        let mut is_enough = |newest: Timestamp| is_enough(&hits.borrow(), newest, query, &words);
        let mut visit = |lines: &[(u64, LogRecord)]| hits.borrow_mut().extend(hits_among(lines, query, &words));
        self.scan(query.range, &words.all(), &mut is_enough, &mut visit);
        best(hits.into_inner().into_values().collect(), query.limit)
    }

    /// One line.
    pub fn line(&self, id: LogId) -> Option<LogRecord> {
        self.record(id.0)
    }
}

/// True if lines that are not newer than this cannot be among the hits any more.
fn is_enough(hits: &HashMap<LogId, LogHit>, newest: Timestamp, query: &LogQuery, words: &Words) -> bool {
    if !words.accept_all() {
        return hits.len() >= ENOUGH_HITS;
    }
    if hits.len() < query.limit {
        return false;
    }
    let mut times: Vec<Timestamp> = hits.values().map(|it| it.record.time).collect();
    let (_, oldest_shown, _) = times.select_nth_unstable_by_key(query.limit - 1, |it| Reverse(*it));
    newest < *oldest_shown
}

fn hits_among(lines: &[(u64, LogRecord)], query: &LogQuery, words: &Words) -> Vec<(LogId, LogHit)> {
    let accepts = |it: &&(u64, LogRecord)| {
        let (_, record) = it;
        query.range.contains(record.time)
            && query.matchers.iter().all(|matcher| matcher.matches(&record.labels))
            && query.min_level.is_none_or(|level| record.level() >= level)
    };
    let lines: Vec<&(u64, LogRecord)> = lines.iter().filter(accepts).collect();
    let hit = |id: u64, record: &LogRecord, relevance: f64| {
        (LogId(id), LogHit { id: LogId(id), record: record.clone(), relevance })
    };
    if words.accept_all() {
        return newest(lines, query.limit).into_iter().map(|(id, record)| hit(*id, record, 0.0)).collect();
    }
    let relevance = words.relevance(&lines.iter().map(|(_, record)| searchable(record)).collect::<Vec<_>>());
    let rows = lines.into_iter().zip(relevance);
    rows.filter_map(|((id, record), relevance)| Some(hit(*id, record, relevance?))).collect()
}

/// The newest of these, in any order.
fn newest(mut lines: Vec<&(u64, LogRecord)>, limit: usize) -> Vec<&(u64, LogRecord)> {
    if lines.len() > limit {
        lines.select_nth_unstable_by_key(limit, |(id, record)| Reverse((record.time, *id)));
        lines.truncate(limit);
    }
    lines
}

/// The text in which words are looked for.
fn searchable(record: &LogRecord) -> std::borrow::Cow<'_, str> {
    if record.metadata.is_empty() {
        return record.line.as_str().into();
    }
    let metadata: Vec<String> = record.metadata.iter().map(|(name, value)| format!(" {name} {value}")).collect();
    format!("{}{}", record.line, metadata.concat()).into()
}

/// The most relevant, then the newest of all; in order of time.
fn best(mut hits: Vec<LogHit>, limit: usize) -> Vec<LogHit> {
    let newest = |it: &LogHit| Reverse((it.record.time, it.id));
    hits.sort_by(|a, b| b.relevance.total_cmp(&a.relevance).then_with(|| newest(a).cmp(&newest(b))));
    hits.truncate(limit);
    hits.sort_by_key(newest);
    hits
}
