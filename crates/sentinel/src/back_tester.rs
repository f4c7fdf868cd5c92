//! Where do back-tests get their points, and how many may run? From the store, and two at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use detect::ServiceMap;
use signal::{
    BackTest, BackTestQuestion, BackTester, History, Labels, Matcher, PortError, SeriesPoints, SeriesQuery, TimeRange,
};

/// Series of one question.
const MOST_SERIES: usize = 50;
/// Points of one question, with those that are only learned from.
const MOST_POINTS: usize = 1_000_000;
/// Points times choices: some seconds of work.
const MOST_WORK: usize = 4_000_000;
/// The detector learns from so much before the span, as far as it is stored and there is room for it.
const BEFORE: Duration = Duration::from_secs(7 * 86_400);
/// Back-tests at the same time.
const MOST_AT_ONCE: usize = 2;

/// Replays the store.
pub struct StoredBackTester {
    config: Arc<detect::Config>,
    history: Arc<dyn History>,
    map: Arc<ServiceMap>,
    running: AtomicUsize,
}

impl StoredBackTester {
    /// Runs nothing yet.
    pub fn new(config: Arc<detect::Config>, history: Arc<dyn History>, map: Arc<ServiceMap>) -> Self {
        Self { config, history, map, running: AtomicUsize::new(0) }
    }

    fn selected(&self, selector: &Labels) -> Result<Vec<Labels>, PortError> {
        let matchers = selector.iter().map(|(name, value)| Matcher::Equal(name.to_owned(), value.to_owned())).collect();
        let found = self.history.series(&SeriesQuery { matchers, range: None, limit: 0 })?;
        match found.len() {
            0 => Err(PortError::Invalid(format!("selector: no stored series has the labels {selector}"))),
            1..=MOST_SERIES => Ok(found),
            many => {
                Err(PortError::Invalid(format!("selector: {many} series have these labels, at most {MOST_SERIES}")))
            }
        }
    }

    /// The points of the span, and as many before it as there is room for.
    fn points(&self, question: &BackTestQuestion) -> Result<Vec<SeriesPoints>, PortError> {
        let range = question.range;
        let series = self.selected(&question.selector)?;
        let room = MOST_POINTS.min(MOST_WORK / question.choices.len().max(1));
        let mut loaded = vec![];
        let mut n_points = 0;
        for labels in series {
            let points = self.history.points(labels.id(), range)?;
            n_points += points.len();
            if n_points > room {
                return Err(PortError::Invalid(format!(
                    "from: there are more than {room} points; choose a shorter span, fewer series or fewer choices"
                )));
            }
            loaded.push(SeriesPoints { labels, points });
        }
        if n_points == 0 {
            return Err(PortError::Invalid("from: there are no points in this span".to_owned()));
        }
        let mut room_before = (room - n_points) / loaded.len().max(1);
        let before = TimeRange::new(range.from.minus(BEFORE), range.from.minus(Duration::from_millis(1)));
        for it in &mut loaded {
            let mut points = self.history.points(it.labels.id(), before)?;
            let n_too_many = points.len().saturating_sub(room_before);
            points.drain(..n_too_many);
            room_before += (room_before - points.len()) / MOST_SERIES;
            points.append(&mut it.points);
            it.points = points;
        }
        Ok(loaded)
    }
}

impl BackTester for StoredBackTester {
    fn back_test(&self, question: &BackTestQuestion) -> Result<BackTest, PortError> {
        let _running = Running::begin(&self.running)?;
        let series = self.points(question)?;
        Ok(detect::back_test(&self.config, &series, question.range, &question.choices, &*self.map, &mut |_| ()))
    }
}

/// Counts a back-test while it runs, also when it panics.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn begin(count: &'a AtomicUsize) -> Result<Self, PortError> {
        let this = Self(count);
        if count.fetch_add(1, Ordering::AcqRel) >= MOST_AT_ONCE {
            return Err(PortError::Busy(format!(
                "{MOST_AT_ONCE} back-tests run already; ask again when one has ended"
            )));
        }
        Ok(this)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use signal::{Choice, Point, SeriesId, Timestamp};

    use super::*;

    /// `n_series` series with a point each second from 0 to `n_points`.
    struct Stored {
        n_series: usize,
        n_points: i64,
    }

    impl Stored {
        fn labels(idx: usize) -> Labels {
            Labels::metric("m", &[("idx", &idx.to_string())])
        }
    }

    impl History for Stored {
        fn series(&self, query: &SeriesQuery) -> Result<Vec<Labels>, PortError> {
            let all = (0..self.n_series).map(Self::labels);
            Ok(all.filter(|it| query.matchers.iter().all(|matcher| matcher.matches(it))).collect())
        }

        fn points(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Point>, PortError> {
            assert!((0..self.n_series).any(|it| Self::labels(it).id() == series));
            let times = (0..self.n_points).map(Timestamp::from_secs).filter(|it| range.contains(*it));
            Ok(times.map(|time| Point { time, value: 1.0 }).collect())
        }
    }

    fn ask(stored: Stored, selector: &str, from: i64, to: i64, n_choices: usize) -> Result<BackTest, String> {
        let tester = StoredBackTester::new(Arc::default(), Arc::new(stored), Arc::default());
        let question = BackTestQuestion {
            selector: selector.parse().unwrap(),
            range: TimeRange::new(Timestamp::from_secs(from), Timestamp::from_secs(to)),
            choices: vec![Choice::Configured; n_choices],
        };
        tester.back_test(&question).map_err(|it| it.to_string())
    }

    #[test]
    fn what_cannot_be_asked_names_its_field() {
        for (n_series, n_points, selector, to, expected) in [
            (3, 10, "other", 10, "selector: no stored series has the labels other"),
            (60, 10, "m", 10, "selector: 60 series have these labels, at most 50"),
            (1, 10, "m", 0, ""),
            (3, 700_000, "m", 700_000, "from: there are more than 1000000 points"),
        ] {
            let found = ask(Stored { n_series, n_points }, selector, 0, to, 1);
            assert!(found.as_ref().err().map_or("", String::as_str).starts_with(expected), "{selector}: {found:?}");
            assert_eq!(found.is_ok(), expected.is_empty(), "{selector}");
        }
        let found = ask(Stored { n_series: 1, n_points: 10 }, "m", 100, 200, 1);
        assert_eq!(found.unwrap_err(), "from: there are no points in this span");
    }

    #[test]
    fn it_learns_from_what_came_before_as_far_as_there_is_room() {
        let found = ask(Stored { n_series: 1, n_points: 5000 }, "m", 4000, 5000, 1).unwrap();
        assert_eq!((found.points, found.points_before), (1000, 4000));
        let found = ask(Stored { n_series: 2, n_points: 260_000 }, "m", 259_000, 260_000, 8).unwrap();
        assert_eq!(found.points, 2000);
        assert!((480_000..=500_000).contains(&(found.points + found.points_before)), "{}", found.points_before);
    }

    #[test]
    fn only_two_run_at_once() {
        let count = AtomicUsize::new(0);
        let (one, two) = (Running::begin(&count).unwrap(), Running::begin(&count).unwrap());
        assert!(Running::begin(&count).is_err());
        drop(one);
        assert!(Running::begin(&count).is_ok());
        drop(two);
        assert_eq!(count.load(Ordering::Acquire), 0);
    }
}
