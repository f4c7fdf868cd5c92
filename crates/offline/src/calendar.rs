//! How far apart are the rows of a series, and when are the rows that come next? In seconds, or in months of the calendar.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use learn::forecast::Regular;

use super::bad_input::BadInput;
use super::series::Columns;
use super::table::Table;
use super::{instants, table};

const SHORTEST_MONTH_MILLIS: i64 = 28 * 86_400_000;
/// A month on average, in seconds.
const MONTH_SECS: i64 = 2_629_746;

/// A series at equal distances, and how its times are written.
pub struct Grid {
    /// The values. Its times are seconds, but milliseconds where rows are less than a second apart.
    pub history: Regular,
    last_millis: i64,
    step: Step,
    style: Style,
}

#[derive(Clone, Copy)]
enum Step {
    Millis(i64),
    Months(i64),
}

enum Style {
    /// The number of the row, from 1, of the last row.
    Rows(usize),
    /// A number of this many milliseconds.
    Number(f64),
    /// As 2014-05-01T00:30:00Z.
    Rfc3339,
    /// As 2014-05-01 00:30:00.
    Blank,
    /// As 2014-05-01.
    Date,
}

impl Grid {
    /// The usual distance of rows is the median of their distances; several rows of one time count as their mean.
    ///
    /// # Errors
    /// If no two rows have different times, or there is no number.
    pub fn of(table: &Table, columns: &Columns, series: &[(i64, f64)]) -> Result<Self, BadInput> {
        let mut times: Vec<i64> = series.iter().map(|it| it.0).collect();
        times.sort_unstable();
        times.dedup();
        let bad = |found: &str, advice: &str| BadInput::of_file(&table.file, found, advice);
        let few = || bad("all rows have the same time", "give two rows or more, at different times");
        let mut distances: Vec<i64> =
            times.windows(2).map(|it| it.iter().rev().copied().reduce(|a, b| a - b).unwrap_or(0)).collect();
        distances.sort_unstable();
        let median = distances.get(distances.len() / 2).copied().ok_or_else(few)?;
        let last_millis = times.last().copied().ok_or_else(few)?;
        let style = Style::of(table, columns);
        let no_number = || bad("there is no number in the column of values", "name another one with --value");
        if let Some(months) = months_between(&times, median) {
            let index = |millis: i64| month_index(millis).map(|it| it.0.div_euclid(months));
            let samples: Vec<(i64, f64)> =
                series.iter().filter_map(|(time, value)| Some((index(*time)? * months * MONTH_SECS, *value))).collect();
            let history = whole(&samples, months * MONTH_SECS).ok_or_else(no_number)?;
            return Ok(Self { history, last_millis, step: Step::Months(months), style });
        }
        // Rows less than a second apart keep their milliseconds; days and weeks of them are no season anyway.
        let unit = if median < 1000 { 1 } else { 1000 };
        let step = (median + unit / 2) / unit;
        let samples: Vec<(i64, f64)> = series.iter().map(|it| (it.0.div_euclid(unit), it.1)).collect();
        let history = whole(&samples, step).ok_or_else(no_number)?;
        Ok(Self { history, last_millis, step: Step::Millis(step * unit), style })
    }

    /// When the row `step` (from 0) after the last one is, written as the file writes times.
    pub fn time_ahead(&self, step: usize) -> String {
        let n = i64::try_from(step).unwrap_or(i64::MAX).saturating_add(1);
        if let Style::Rows(last) = self.style {
            return (last + step + 1).to_string();
        }
        let millis = match self.step {
            Step::Millis(step) => self.last_millis.saturating_add(step.saturating_mul(n)),
            Step::Months(months) => months_later(self.last_millis, months.saturating_mul(n)).unwrap_or(i64::MAX),
        };
        self.style.written(millis)
    }
}

/// On the grid, up to the last row even if that has no value: the forecast begins after it.
fn whole(samples: &[(i64, f64)], step: i64) -> Option<Regular> {
    let mut history = Regular::resampled(samples, step)?;
    let last = samples.iter().map(|it| it.0).max()?;
    let n = usize::try_from((last - history.start + step / 2).div_euclid(step)).ok()? + 1;
    if n > history.values.len() && n <= 2 * history.values.len() {
        history.values.resize(n, f64::NAN);
    }
    Some(history)
}

impl Style {
    fn of(table: &Table, columns: &Columns) -> Self {
        let Some(column) = columns.time else { return Self::Rows(table.n_rows()) };
        let cell = table.cell(0, column);
        if table::number(&cell).is_some_and(|it| !it.is_nan()) {
            let numbers = table.numbers(column).unwrap_or_default();
            return Self::Number(instants::millis_per_unit(&numbers));
        }
        match cell.trim() {
            it if it.contains('T') => Self::Rfc3339,
            it if it.contains(':') => Self::Blank,
            _ => Self::Date,
        }
    }

    fn written(&self, millis: i64) -> String {
        let Ok(time) = Timestamp::from_millisecond(millis) else { return String::new() };
        let civil = time.to_zoned(TimeZone::UTC).datetime();
        match self {
            Self::Number(unit) if (millis as f64 / unit).fract() == 0.0 => format!("{:.0}", millis as f64 / unit),
            Self::Number(unit) => format!("{}", millis as f64 / unit),
            Self::Blank => civil.strftime("%Y-%m-%d %H:%M:%S%.f").to_string(),
            // A step of less than a day leaves the dates.
            Self::Date if civil.time() == jiff::civil::Time::midnight() => civil.strftime("%Y-%m-%d").to_string(),
            Self::Rows(_) | Self::Rfc3339 | Self::Date => time.to_string(),
        }
    }
}

/// Months since the year 0, and the rest of the date: day and time of day.
fn month_index(millis: i64) -> Option<(i64, (i8, jiff::civil::Time))> {
    let civil: DateTime = Timestamp::from_millisecond(millis).ok()?.to_zoned(TimeZone::UTC).datetime();
    Some((i64::from(civil.year()) * 12 + i64::from(civil.month()) - 1, (civil.day(), civil.time())))
}

/// The distance in months, if all rows lie on the same day of their months (or all on the last one).
fn months_between(times: &[i64], median: i64) -> Option<i64> {
    if median < SHORTEST_MONTH_MILLIS {
        return None;
    }
    let places: Vec<(i64, (i8, jiff::civil::Time))> = times.iter().map(|it| month_index(*it)).collect::<Option<_>>()?;
    let first = places.first()?.1;
    let is_last_day = |millis: &i64| month_index(millis.saturating_add(86_400_000)).is_some_and(|it| it.1.0 == 1);
    let is_same = places.iter().all(|it| it.1 == first) || times.iter().all(is_last_day);
    let mut distances: Vec<i64> = places.windows(2).filter_map(|it| Some(it.get(1)?.0 - it.first()?.0)).collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).copied().filter(|it| is_same && *it > 0)
}

fn months_later(millis: i64, months: i64) -> Option<i64> {
    let civil = Timestamp::from_millisecond(millis).ok()?.to_zoned(TimeZone::UTC).datetime();
    let is_last_day = civil.day() == civil.date().days_in_month();
    let later = civil.checked_add(Span::new().try_months(months).ok()?).ok()?;
    let later = if is_last_day { later.with().day(later.date().days_in_month()).build().ok()? } else { later };
    Some(TimeZone::UTC.to_timestamp(later).ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::super::csv_file;
    use super::super::series::{find_columns, read};
    use super::*;

    fn ahead(text: &str) -> Vec<String> {
        let table = csv_file::parse("f.csv", text.as_bytes()).unwrap();
        let columns = find_columns(&table, None, None).unwrap();
        let grid = Grid::of(&table, &columns, &read(&table, &columns).unwrap()).unwrap();
        (0..2).map(|it| grid.time_ahead(it)).collect()
    }

    #[test]
    fn times_go_on_as_they_are_written() {
        assert_eq!(ahead("ts,value\n100,1\n160,2\n220,3\n"), ["280", "340"]);
        assert_eq!(ahead("ts,value\n1.5,1\n1.75,2\n"), ["2", "2.25"]);
        assert_eq!(
            ahead("time,value\n2014-05-01T00:00:00Z,1\n2014-05-01T01:00:00Z,2\n"),
            ["2014-05-01T02:00:00Z", "2014-05-01T03:00:00Z"]
        );
        assert_eq!(
            ahead("time,value\n2014-05-01 00:00:00,1\n2014-05-01 00:30:00,2\n"),
            ["2014-05-01 01:00:00", "2014-05-01 01:30:00"]
        );
        assert_eq!(ahead("ds,y\n2014-05-30,1\n2014-05-31,2\n"), ["2014-06-01", "2014-06-02"]);
        assert_eq!(ahead("y\n5\n6\n7\n"), ["4", "5"]);
    }

    #[test]
    fn months_and_quarters_follow_the_calendar() {
        let months = "ds,y\n2020-10-31,1\n2020-11-30,2\n2020-12-31,3\n";
        assert_eq!(ahead(months), ["2021-01-31", "2021-02-28"]);
        assert_eq!(ahead("ds,y\n2019-01-01,1\n2019-04-01,2\n2019-07-01,3\n"), ["2019-10-01", "2020-01-01"]);
        assert_eq!(ahead("ds,y\n2019-01-01,1\n2020-01-01,2\n2021-01-01,3\n"), ["2022-01-01", "2023-01-01"]);
    }

    #[test]
    fn missing_rows_are_gaps_and_the_newest_may_come_first() {
        let table = csv_file::parse("f.csv", b"ts,value\n360,7\n300,6\n120,3\n60,2\n0,1\n420,\n").unwrap();
        let columns = find_columns(&table, None, None).unwrap();
        let grid = Grid::of(&table, &columns, &read(&table, &columns).unwrap()).unwrap();
        assert_eq!((grid.history.step, grid.history.values.len(), grid.history.n_finite()), (60, 8, 5));
        assert_eq!(grid.time_ahead(0), "480");
        let one = csv_file::parse("f.csv", b"ts,value\n360,7\n").unwrap();
        let problem = Grid::of(&one, &columns, &[(360_000, 7.0)]).err().unwrap().to_string();
        assert_eq!(problem, "f.csv: all rows have the same time; give two rows or more, at different times");
    }
}
