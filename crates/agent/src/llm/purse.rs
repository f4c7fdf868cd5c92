//! How much was used today and this month? Kept in a file, so that a restart does not begin at nothing.
//!
//! A request first reserves what it may use at most; what it did use takes the place of that when it ends. So requests that
//! go at the same time cannot pass a cap together.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use signal::{Clock, Meter, Metric};

use crate::CapsConfig;

/// A day or a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Of UTC.
    Day,
    /// Of UTC.
    Month,
}

/// What is used, or may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// Read and written.
    pub tokens: u64,
    /// US dollars, as far as prices are known.
    pub dollars: f64,
}

/// What is kept in the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    /// `2026-11-26`.
    day: String,
    of_day: Used,
    /// `2026-11`.
    month: String,
    of_month: Used,
}

#[derive(Debug, Default)]
struct State {
    page: Page,
    /// By requests that are under way.
    reserved: Used,
    file: Option<PathBuf>,
    /// The cap that was told as used up, so that it is told once.
    told: Option<String>,
    capped: u64,
    unkept: u64,
}

/// Counts against the caps.
pub struct Purse {
    caps: CapsConfig,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// A reservation. Dropped without a result it counts as what was sent.
pub struct Reserved<'a> {
    purse: &'a Purse,
    reserved: Used,
    sent: Used,
}

impl Purse {
    /// Empty, and only in memory.
    pub fn new(caps: CapsConfig, clock: Arc<dyn Clock>) -> Self {
        Self { caps, clock, state: Mutex::default() }
    }

    /// Goes on with what a file has, and keeps it there. A file that is not there is made.
    pub fn keep_in(&self, path: &Path) -> io::Result<()> {
        let page = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Page::default(),
            Err(error) => return Err(error),
        };
        let mut state = self.lock();
        (state.page, state.file) = (page, Some(path.to_owned()));
        self.turn_page(&mut state);
        Ok(())
    }

    /// Takes `most` for a request of which `sent` is used in any case; or says which cap is used up, and until when.
    pub fn reserve(&self, most: Used, sent: Used) -> Result<Reserved<'_>, String> {
        let mut state = self.lock();
        self.turn_page(&mut state);
        if let Some((key, cap, period)) = self.passed(&state, most) {
            state.capped += 1;
            let until = match period {
                Period::Day => "the next day (UTC)",
                Period::Month => "the next month (UTC)",
            };
            let text =
                format!("agent.caps.{key} is used up: {cap}; no model is asked until {until}, or until it is raised");
            let page = format!("{key} {}", state.page.day);
            if state.told.as_ref() != Some(&page) {
                tracing::warn!(cap = key, "A cap of the language model is used up; incidents keep their reports.");
                state.told = Some(page);
            }
            return Err(text);
        }
        state.reserved.add(most);
        Ok(Reserved { purse: self, reserved: most, sent })
    }

    /// The cap that `more` would pass.
    fn passed(&self, state: &State, more: Used) -> Option<(&'static str, String, Period)> {
        let sum = |used: &Used| {
            let mut sum = *used;
            sum.add(state.reserved);
            sum.add(more);
            sum
        };
        let (day, month) = (sum(&state.page.of_day), sum(&state.page.of_month));
        let (of_day, of_month) = (&state.page.of_day, &state.page.of_month);
        let money = [
            ("max_dollars_per_day", day.dollars, of_day, self.caps.max_dollars_per_day, Period::Day),
            ("max_dollars_per_month", month.dollars, of_month, self.caps.max_dollars_per_month, Period::Month),
        ];
        let tokens = [
            ("max_tokens_per_month", month.tokens, of_month, self.caps.max_tokens_per_month, Period::Month),
            ("max_tokens_per_day", day.tokens, of_day, self.caps.max_tokens_per_day, Period::Day),
        ];
        let of_money = money.iter().rev().find(|it| it.3 > 0.0 && it.1 > it.3);
        let of_tokens = tokens.iter().find(|it| it.3 > 0 && it.1 > it.3);
        of_money
            .map(|it| (it.0, format!("{:.2} of {} dollars", it.2.dollars, it.3), it.4))
            .or(of_tokens.map(|it| (it.0, format!("{} of {} tokens", it.2.tokens, it.3), it.4)))
    }

    /// Begins anew where the day or the month is another.
    fn turn_page(&self, state: &mut State) {
        let now = self.clock.now().to_string();
        let (day, month) = (now.get(..10).unwrap_or(""), now.get(..7).unwrap_or(""));
        // A clock that is set back counts on: nobody gets a day twice.
        if day > state.page.day.as_str() {
            (state.page.day, state.page.of_day) = (day.to_owned(), Used::default());
        }
        if month > state.page.month.as_str() {
            (state.page.month, state.page.of_month) = (month.to_owned(), Used::default());
        }
    }

    fn settle(&self, reserved: Used, used: Used) {
        let mut state = self.lock();
        self.turn_page(&mut state);
        state.reserved.take(reserved);
        state.page.of_day.add(used);
        state.page.of_month.add(used);
        if let Some(path) = &state.file
            && let Err(error) = write(path, &state.page)
        {
            tracing::error!(%error, "What the language model used cannot be kept; a restart would forget it.");
            state.unkept += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A few hundred bytes, whole or not at all.
fn write(path: &Path, page: &Page) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    fs::write(&new, serde_json::to_vec(page)?)?;
    fs::rename(&new, path)
}

impl Reserved<'_> {
    /// It used this much.
    pub fn used(mut self, used: Used) {
        self.sent = used;
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.purse.settle(self.reserved, self.sent);
    }
}

impl Used {
    fn add(&mut self, more: Self) {
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.dollars += more.dollars;
    }

    fn take(&mut self, less: Self) {
        self.tokens = self.tokens.saturating_sub(less.tokens);
        self.dollars = (self.dollars - less.dollars).max(0.0);
    }
}

impl Meter for Purse {
    fn metrics(&self) -> Vec<Metric> {
        let mut state = self.lock();
        self.turn_page(&mut state);
        let gauge = |name, help, value: f64, period| Metric::gauge(name, help, value).label("period", period);
        let (spent, cap) = ("What requests used in this day or month.", "What they may use; 0 is without end.");
        let caps = &self.caps;
        let mut metrics = vec![];
        for (period, used, dollars, tokens) in [
            ("day", state.page.of_day, caps.max_dollars_per_day, caps.max_tokens_per_day),
            ("month", state.page.of_month, caps.max_dollars_per_month, caps.max_tokens_per_month),
        ] {
            metrics.push(gauge("sentinel_agent_spent_dollars", spent, used.dollars, period));
            metrics.push(gauge("sentinel_agent_spent_tokens", spent, used.tokens as f64, period));
            metrics.push(gauge("sentinel_agent_cap_dollars", cap, dollars, period));
            metrics.push(gauge("sentinel_agent_cap_tokens", cap, tokens as f64, period));
        }
        let help = "Requests that were not sent because a cap of a day or month is used up.";
        metrics.push(Metric::counter("sentinel_agent_capped_requests_total", help, state.capped));
        let help = "Requests whose use could not be written to the data folder.";
        metrics.push(Metric::counter("sentinel_agent_unkept_uses_total", help, state.unkept));
        metrics
    }
}

#[cfg(test)]
mod tests {
    use signal::Timestamp;

    use super::*;

    /// Set by the test.
    struct Hand(Mutex<Timestamp>);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    fn at(text: &str) -> Arc<Hand> {
        Arc::new(Hand(Mutex::new(text.parse().unwrap())))
    }

    fn used(tokens: u64, dollars: f64) -> Used {
        Used { tokens, dollars }
    }

    fn caps(day: f64, month: f64, tokens: u64) -> CapsConfig {
        CapsConfig {
            max_dollars_per_day: day,
            max_dollars_per_month: month,
            max_tokens_per_day: tokens,
            max_tokens_per_month: 0,
        }
    }

    /// Guarantees: MUST 803 of docs/specs/llm.md.
    #[test]
    fn a_day_and_a_month_have_their_caps_and_begin_anew() {
        let clock = at("2026-11-29T23:00:00Z");
        let purse = Purse::new(caps(2.0, 3.0, 0), Arc::clone(&clock) as _);
        let spend = |dollars: f64| purse.reserve(used(10, dollars), used(0, 0.0)).map(|it| it.used(used(10, dollars)));
        spend(2.0).unwrap();
        let error = spend(0.1).unwrap_err();
        assert!(error.starts_with("agent.caps.max_dollars_per_day is used up: 2.00 of 2 dollars; no model"), "{error}");
        *clock.0.lock().unwrap() = "2026-11-30T00:00:00Z".parse().unwrap();
        spend(1.0).unwrap();
        assert!(spend(0.1).unwrap_err().contains("max_dollars_per_month"));
        *clock.0.lock().unwrap() = "2026-11-29T00:00:00Z".parse().unwrap();
        assert!(spend(0.1).is_err(), "a clock that is set back gives nothing");
        *clock.0.lock().unwrap() = "2026-12-01T00:00:00Z".parse().unwrap();
        spend(2.0).unwrap();
        let metrics = purse.metrics();
        let of = |name: &str| metrics.iter().find(|it| it.name == name).unwrap().value;
        assert_eq!((of("sentinel_agent_spent_dollars"), of("sentinel_agent_capped_requests_total")), (2.0, 3.0));
    }

    /// Guarantees: MUST 804 of docs/specs/llm.md: what goes at the same time does not pass a cap together.
    #[test]
    fn requests_under_way_are_counted_at_most() {
        let purse = Purse::new(caps(0.0, 0.0, 100), at("2026-11-29T23:00:00Z"));
        let first = purse.reserve(used(60, 0.0), used(20, 0.0)).unwrap();
        assert!(purse.reserve(used(60, 0.0), used(20, 0.0)).is_err());
        // Nobody waited for it: what was sent is used.
        drop(first);
        let second = purse.reserve(used(80, 0.0), used(20, 0.0)).unwrap();
        second.used(used(5, 0.0));
        assert!(purse.reserve(used(75, 0.0), used(0, 0.0)).is_ok());
    }

    /// Guarantees: MUST 805 of docs/specs/llm.md.
    #[test]
    fn what_was_used_outlives_a_restart_and_a_broken_file_is_told() {
        let folder = std::env::temp_dir().join(format!("sentinel-purse-{}", std::process::id()));
        let file = folder.join("spending.json");
        let open = || {
            let purse = Purse::new(caps(2.0, 0.0, 0), at("2026-11-29T23:00:00Z"));
            purse.keep_in(&file).map(|()| purse)
        };
        let purse = open().unwrap();
        purse.reserve(used(1, 1.5), used(0, 0.0)).unwrap().used(used(1, 1.5));
        let again = open().unwrap();
        assert!(again.reserve(used(1, 1.0), used(0, 0.0)).is_err());
        assert!(again.reserve(used(1, 0.5), used(0, 0.0)).is_ok());
        fs::write(&file, "{").unwrap();
        assert!(open().is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
