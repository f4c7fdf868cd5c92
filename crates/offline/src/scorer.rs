//! How is one series of a file judged? Row by row, each against the rows before it.

use learn::detect::{Detector, Settings};

/// What a row must lie behind the newest one to count as a clock that was set back, and how many such rows in a row
/// are taken as another series that begins.
const SET_BACK_MILLIS: i64 = 24 * 3600 * 1000;
const SET_BACK_ROWS: u32 = 16;

/// The verdict on one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// 1.0 is the threshold; NaN for a missing value.
    pub value: f64,
    /// What was expected, and the band around it.
    pub yhat: f64,
    /// Lower edge of the band.
    pub yhat_lower: f64,
    /// Upper edge of the band.
    pub yhat_upper: f64,
    /// What was new, if something was.
    pub explanation: Option<String>,
}

/// The estimator of one series with the rules for clocks that do not run as they should.
///
/// A row whose time is not later than the newest one (a duplicate, a late row, the hour that daylight saving repeats) is
/// judged, but nothing is learned from it. Many rows in a row that lie more than a day back are another series in the
/// same file: the estimator begins anew.
pub struct Scorer {
    sigma: Option<f64>,
    estimator: Detector,
    newest: i64,
    n_behind: u32,
}

impl Scorer {
    /// Knows nothing yet. `sigma` is half the width of the band in robust standard deviations.
    pub fn new(sigma: Option<f64>) -> Self {
        Self { sigma, estimator: estimator(sigma), newest: i64::MIN, n_behind: 0 }
    }

    /// Judges a row, then learns from it.
    pub fn judge(&mut self, time_millis: i64, x: f64) -> Verdict {
        self.follow_clock(time_millis);
        let judgment = self.estimator.score_one(time_millis, x);
        self.estimator.learn_one(time_millis, x);
        let band = judgment.band;
        // Who asks for a number of deviations wants every point that is so far away, and not the news alone.
        let (value, explanation) = match self.sigma {
            Some(_) => (band.value, None),
            None => (judgment.value, judgment.explain()),
        };
        Verdict { value, yhat: band.yhat, yhat_lower: band.yhat_lower, yhat_upper: band.yhat_upper, explanation }
    }

    fn follow_clock(&mut self, time_millis: i64) {
        if time_millis > self.newest {
            self.newest = time_millis;
            self.n_behind = 0;
        } else if self.newest.saturating_sub(time_millis) > SET_BACK_MILLIS {
            self.n_behind += 1;
        }
        if self.n_behind >= SET_BACK_ROWS {
            *self = Self { newest: time_millis, ..Self::new(self.sigma) };
        }
    }
}

/// The one place that says which estimator judges files.
fn estimator(sigma: Option<f64>) -> Detector {
    let usual = Settings::default();
    Detector::new(Settings { threshold_scales: sigma.map_or(usual.threshold_scales, |it| it as f32), ..usual })
}

/// Judges a whole series of times in milliseconds and values; one verdict per row, in the order of the rows.
///
/// A series that mostly runs backwards (exports often have the newest row first) is judged from its end.
pub fn judge_all<'a>(series: &'a [(i64, f64)], sigma: Option<f64>, mut on_row: impl FnMut() + 'a) -> Vec<Verdict> {
    let mut scorer = Scorer::new(sigma);
    let mut judge = |(time, x): &(i64, f64)| {
        on_row();
        scorer.judge(*time, *x)
    };
    if runs_backwards(series) {
        let mut verdicts: Vec<Verdict> = series.iter().rev().map(judge).collect();
        verdicts.reverse();
        return verdicts;
    }
    series.iter().map(&mut judge).collect()
}

/// True if more steps go back in time than forward.
pub fn runs_backwards(series: &[(i64, f64)]) -> bool {
    let steps = series.iter().zip(series.iter().skip(1)).map(|(before, after)| after.0.cmp(&before.0) as i64);
    steps.sum::<i64>() < 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// A quiet series with one spike at row 150.
    fn series() -> Vec<(i64, f64)> {
        let value = |row: i64| if row == 150 { 90.0 } else { 50.0 + (row % 7) as f64 * 0.3 };
        (0..200).map(|row| (row * MINUTE, value(row))).collect()
    }

    fn anomalies(series: &[(i64, f64)]) -> Vec<usize> {
        let verdicts = judge_all(series, None, || ());
        assert_eq!(verdicts.len(), series.len());
        verdicts.iter().enumerate().filter(|(_, it)| it.value >= 1.0).map(|it| it.0).collect()
    }

    #[test]
    fn a_row_is_judged_by_the_rows_before_it() {
        assert_eq!(anomalies(&series()), [150]);
        let whole = judge_all(&series(), None, || ());
        let half = judge_all(&series()[..160], None, || ());
        assert_eq!(whole[..160], half[..]);
    }

    #[test]
    fn duplicates_and_late_rows_change_nothing_for_the_others() {
        let mut rows = series();
        rows.insert(100, (99 * MINUTE, 500.0));
        rows.insert(120, (40 * MINUTE, 51.0));
        assert_eq!(anomalies(&rows), [100, 152]);
    }

    #[test]
    fn a_file_with_the_newest_row_first_is_judged_from_its_end() {
        let mut rows = series();
        rows.reverse();
        assert_eq!(anomalies(&rows), [49]);
    }

    #[test]
    fn a_second_series_in_the_file_begins_anew() {
        let far: Vec<(i64, f64)> = series().iter().map(|it| (it.0 + 100_000 * MINUTE, it.1 + 1000.0)).collect();
        let rows: Vec<(i64, f64)> = far.into_iter().chain(series()).collect();
        let found = anomalies(&rows);
        assert!(found.contains(&150) && found.contains(&350), "{found:?}");
        // The first rows of the second series are far from the first one; from the 16th on it is judged by itself.
        assert!(found.iter().all(|it| (200..216).contains(it) || [150, 350].contains(it)), "{found:?}");
    }

    #[test]
    fn missing_values_get_no_score_and_teach_nothing() {
        let mut rows = series();
        rows[100].1 = f64::NAN;
        assert_eq!(anomalies(&rows), [150]);
        assert!(judge_all(&rows, None, || ())[100].value.is_nan());
    }

    #[test]
    fn a_smaller_sigma_is_more_sensitive() {
        let score = |sigma| judge_all(&series(), Some(sigma), || ())[150].value;
        assert!(score(3.0) > score(6.0), "{} {}", score(3.0), score(6.0));
    }
}
