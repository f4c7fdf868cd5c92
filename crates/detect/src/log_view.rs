//! What is shown of log lines? Changes between two windows, kinds of line with their rates, and what was unusual.

use std::collections::HashMap;
use std::time::Duration;

use learn::logs::TemplateId;
use signal::{Anomaly, LogTemplate, TemplateChange, Templates, TimeRange, Timestamp};

use crate::log_counted::Counted;
use crate::log_watch::{LogWatch, State};

/// The present rate of a kind of line is that of so long.
const PRESENT: Duration = Duration::from_secs(300);

impl State {
    fn changes(&self, before: TimeRange, after: TimeRange) -> Vec<TemplateChange> {
        let names: HashMap<u32, (&str, Timestamp)> =
            self.services.iter().map(|(name, it)| (it.number, (name.as_str(), it.since))).collect();
        let mut found: Vec<TemplateChange> = self
            .counted
            .iter()
            .filter_map(|((service, template), counted)| {
                let (name, since) = names.get(service).copied()?;
                // Only the part of the window in which the service was watched counts.
                let known = TimeRange::new(before.from.max(since), before.to);
                let (trend, rates, onset) = counted.change(known, after)?;
                Some(TemplateChange {
                    service: name.to_owned(),
                    template: self.miner.template(*template)?.to_owned(),
                    trend,
                    level: counted.level,
                    before_per_minute: rates.0,
                    after_per_minute: rates.1,
                    onset,
                    example: counted.example.clone(),
                })
            })
            .collect();
        let rank = |it: &TemplateChange| (it.level, it.after_per_minute.max(it.before_per_minute));
        found.sort_by(|a, b| {
            let ((a_level, a_rate), (b_level, b_rate)) = (rank(a), rank(b));
            b_level
                .cmp(&a_level)
                .then(b_rate.total_cmp(&a_rate))
                .then_with(|| (&a.service, &a.template).cmp(&(&b.service, &b.template)))
        });
        found
    }

    fn templates(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<LogTemplate> {
        let names: HashMap<u32, &str> = self.services.iter().map(|(name, it)| (it.number, name.as_str())).collect();
        let present = TimeRange::ending_at(range.to, PRESENT);
        let row = |((number, id), it): (&(u32, TemplateId), &Counted)| {
            let name = names.get(number).copied()?;
            let is_asked = it.newest >= range.from && it.first <= range.to && service.is_none_or(|it| it == name);
            is_asked.then_some(())?;
            Some(LogTemplate {
                id: format!("{:016x}", id.0),
                service: name.to_owned(),
                template: self.miner.template(*id)?.to_owned(),
                level: it.level,
                lines: it.total,
                per_minute: it.lines(present) / (PRESENT.as_secs_f64() / 60.0),
                usual_per_minute: (it.habit.rate.minutes() > 0).then(|| it.habit.rate.usual()),
                first_seen: it.first,
                last_seen: it.newest,
                example: it.example.clone(),
            })
        };
        let mut found: Vec<LogTemplate> = self.counted.iter().filter_map(row).collect();
        let key = |it: &LogTemplate| (it.level, it.per_minute, it.lines);
        found.sort_by(|a, b| {
            let ((a_level, a_rate, a_lines), (b_level, b_rate, b_lines)) = (key(a), key(b));
            let order = b_level.cmp(&a_level).then(b_rate.total_cmp(&a_rate)).then(b_lines.cmp(&a_lines));
            order.then_with(|| (&a.service, &a.id).cmp(&(&b.service, &b.id)))
        });
        found.truncate(limit);
        found
    }

    fn anomalies(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<Anomaly> {
        let is_asked = |it: &&Anomaly| {
            let ends = if it.is_over { it.time } else { Timestamp::MAX };
            it.onset <= range.to && ends >= range.from && service.is_none_or(|name| it.labels.owner() == name)
        };
        let mut found: Vec<Anomaly> = self.anomalies.iter().filter(is_asked).cloned().collect();
        found.sort_by_key(|it| std::cmp::Reverse(it.onset));
        found.truncate(limit);
        found
    }
}

impl Templates for LogWatch {
    /// The worst level first, then the highest rate.
    fn changes(&self, before: TimeRange, after: TimeRange) -> Vec<TemplateChange> {
        self.lock().changes(before, after)
    }

    /// The worst level first, then the highest rate.
    fn templates(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<LogTemplate> {
        self.lock().templates(range, service, limit)
    }

    fn anomalies(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Vec<Anomaly> {
        self.lock().anomalies(range, service, limit)
    }
}
