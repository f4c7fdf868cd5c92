//! Which day is it? Functions on dates, in UTC.

use super::Evaluator;
use super::column::Column;
use super::grid::Grid;
use crate::answer::QueryError;
use crate::ast::Expr;
use crate::series::is_stale;

/// A point in time as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    year: i64,
    month: i64,
    day: i64,
    day_of_year: i64,
    weekday: i64,
    seconds_of_day: i64,
}

const SECONDS_PER_DAY: i64 = 86_400;

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Date {
    /// Of seconds since 1970. Source: <https://howardhinnant.github.io/date_algorithms.html>.
    fn of(seconds: i64) -> Self {
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_shifted_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_shifted_year + 2) / 153;
        let day = day_of_shifted_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let before: i64 = (1..month).map(|it| days_in_month(year, it)).sum();
        Self {
            year,
            month,
            day,
            day_of_year: before + day,
            weekday: (days + 4).rem_euclid(7),
            seconds_of_day: seconds.rem_euclid(SECONDS_PER_DAY),
        }
    }
}

/// A function on dates by its name.
pub(super) fn by_name(name: &str) -> Option<fn(Date) -> i64> {
    Some(match name {
        "days_in_month" => |it| days_in_month(it.year, it.month),
        "day_of_month" => |it| it.day,
        "day_of_week" => |it| it.weekday,
        "day_of_year" => |it| it.day_of_year,
        "hour" => |it| it.seconds_of_day / 3600,
        "minute" => |it| it.seconds_of_day / 60 % 60,
        "month" => |it| it.month,
        "year" => |it| it.year,
        _ => return None,
    })
}

/// Seconds beyond which dates are not computed: about 30 million years.
const FAR: f64 = 1e15;

impl Evaluator<'_> {
    /// A function on the dates that values are, or on the time of evaluation.
    pub(super) fn date_call(
        &self,
        args: &[Expr],
        grid: &Grid,
        function: fn(Date) -> i64,
    ) -> Result<Vec<Column>, QueryError> {
        let of = |seconds: i64| function(Date::of(seconds)) as f64;
        let Some(arg) = args.first() else {
            let floats = grid.times().map(|it| of(it.div_euclid(1000))).collect();
            return Ok(vec![Column::of_floats(signal::Labels::default(), floats)]);
        };
        let mut columns = self.vector(arg, grid)?;
        for column in &mut columns {
            column.histograms = Vec::new();
            for value in column.floats.iter_mut().filter(|it| !is_stale(**it)) {
                // Fractions of seconds belong to the second; what is no time at all is the beginning of time.
                let seconds = if value.is_finite() { value.clamp(-FAR, FAR) } else { 0.0 };
                *value = of(seconds as i64);
            }
        }
        self.without_empty(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // 2016-02-29T13:45:10Z, a Monday.
        let date = Date::of(1_456_753_510);
        assert_eq!((date.year, date.month, date.day), (2016, 2, 29));
        assert_eq!((date.day_of_year, date.weekday), (60, 1));
        assert_eq!(by_name("minute").unwrap()(date), 45);
        assert_eq!(by_name("days_in_month").unwrap()(date), 29);
        assert_eq!(Date::of(-1).year, 1969);
    }
}
