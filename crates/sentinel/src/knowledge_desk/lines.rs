//! Which stored lines mean this? Kinds of line are ranked first, because there are few; then lines of the best kinds are
//! read. Where no kind fits, lines with any of the words are ranked themselves.

use std::collections::BTreeMap;

use diagnose::{fits, key_words};
use knowledge::{Document, Kind, Library, Query};
use serve::LinesQuery;
use signal::{LogHit, LogId, LogQuery, LogTemplate, Matcher, PortError};

use super::KnowledgeDesk;

/// Kinds of line that are looked at.
const MAX_KINDS: usize = 12;
/// Kinds whose score is a smaller share of the best one's are left out.
const LEAST_SHARE: f64 = 0.45;
/// Templates that a range may have.
const MAX_TEMPLATES: usize = 2_000;
/// Lines looked through for those of a kind.
const MAX_LINES: usize = 500;
/// Words that are asked for one by one.
const MAX_WORDS: usize = 8;

impl KnowledgeDesk {
    /// Lines by meaning, the likest kind first, of a kind the newest.
    pub(super) fn find_lines(&self, query: &LinesQuery) -> Result<Vec<LogHit>, PortError> {
        self.lock().line_searches += 1;
        self.refresh_if_old();
        let kinds = self.eyes.templates.templates(query.range, query.service.as_deref(), MAX_TEMPLATES);
        let kinds: BTreeMap<String, &LogTemplate> =
            kinds.iter().map(|it| (format!("{}/{}", it.service, it.id), it)).collect();
        let search = Query { services: vec![], ..Query::of(Kind::Template, query.text.clone(), MAX_KINDS * 20) };
        let found = self.library.search(&search);
        let best = found.first().map_or(0.0, |it| it.score);
        let likely = found.iter().filter(|it| it.score >= LEAST_SHARE * best && kinds.contains_key(&it.document.id));
        let mut hits = vec![];
        for passage in likely.take(MAX_KINDS) {
            let Some(kind) = kinds.get(&passage.document.id) else { continue };
            hits.extend(self.lines_of(kind, passage.score, query)?);
            if hits.len() >= query.limit {
                break;
            }
        }
        if hits.is_empty() {
            hits = self.ranked_lines(query)?;
        }
        hits.truncate(query.limit);
        Ok(hits)
    }

    fn lines_of(&self, kind: &LogTemplate, score: f64, query: &LinesQuery) -> Result<Vec<LogHit>, PortError> {
        let hits = self.asked(query, key_words(&kind.template))?;
        let ours = hits
            .into_iter()
            .filter(|it| it.record.labels.owner() == kind.service && fits(&kind.template, &it.record.line));
        Ok(ours.map(|it| LogHit { relevance: score, ..it }).collect())
    }

    fn asked(&self, query: &LinesQuery, text: String) -> Result<Vec<LogHit>, PortError> {
        let tenant = query.tenant.iter().map(|it| Matcher::Equal(self.tenant_label.clone(), it.clone()));
        let asked = LogQuery {
            text,
            matchers: tenant.collect(),
            min_level: query.min_level,
            range: query.range,
            limit: MAX_LINES,
        };
        self.eyes.logs.search(&asked)
    }

    fn ranked_lines(&self, query: &LinesQuery) -> Result<Vec<LogHit>, PortError> {
        let mut found: BTreeMap<LogId, LogHit> = BTreeMap::new();
        let words = query.text.split(|it: char| !it.is_alphanumeric()).filter(|it| it.len() > 2);
        for word in words.take(MAX_WORDS) {
            let hits = self.asked(query, word.to_owned())?.into_iter();
            let is_asked = |it: &LogHit| query.service.as_deref().is_none_or(|name| it.record.labels.owner() == name);
            found.extend(hits.filter(is_asked).map(|it| (it.id, it)));
        }
        let library = Library::new(MAX_LINES * MAX_WORDS, None);
        let document = |it: &LogHit| Document::new(Kind::Template, it.id.0.to_string(), "", it.record.line.clone());
        library.replace(Kind::Template, found.values().map(document).collect());
        let ranked = library.search(&Query::of(Kind::Template, query.text.clone(), query.limit));
        let hit = |it: knowledge::Passage| {
            let id = LogId(it.document.id.parse().ok()?);
            Some(LogHit { relevance: it.score, ..found.get(&id)?.clone() })
        };
        Ok(ranked.into_iter().filter_map(hit).collect())
    }
}
