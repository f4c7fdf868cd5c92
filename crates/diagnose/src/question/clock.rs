//! Which time of day, day or length is a word? `14:32`, `2pm`, `10 minutes`, `Nov 25`.

use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};

use super::token::{Token, any};

/// A time of day at the word, and how many words it takes. `2` alone is none.
pub fn time_of_day(tokens: &[Token], idx: usize) -> Option<(Time, usize)> {
    let word = any(tokens, idx);
    match word {
        "noon" | "midday" => return Some((Time::constant(12, 0, 0, 0), 1)),
        "midnight" => return Some((Time::midnight(), 1)),
        _ => {}
    }
    let (digits, half) = halves(word);
    let (half, count) = match half {
        Some(it) => (Some(it), 1),
        None => match any(tokens, idx + 1) {
            "am" | "a.m" => (Some(false), 2),
            "pm" | "p.m" => (Some(true), 2),
            _ => (None, 1),
        },
    };
    let mut parts = digits.split([':', '.']).map(str::parse::<i8>);
    let hour = parts.next()?.ok()?;
    let minute = parts.next().transpose().ok()?;
    let second = parts.next().transpose().ok()?;
    // A number alone is no time of day unless it says which half of the day, or is written with four digits and `h`.
    if parts.next().is_some() || minute.is_none() && half.is_none() || digits.contains('.') && half.is_none() {
        return None;
    }
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(is_afternoon) => hour % 12 + if is_afternoon { 12 } else { 0 },
        None => hour,
    };
    Some((Time::new(hour, minute.unwrap_or(0), second.unwrap_or(0), 0).ok()?, count))
}

/// `2pm` is `2` and the afternoon; `14:32h` is `14:32`.
fn halves(word: &str) -> (&str, Option<bool>) {
    for (ending, half) in [("am", false), ("pm", true), ("a.m", false), ("p.m", true)] {
        if let Some(digits) = word.strip_suffix(ending).filter(|it| it.ends_with(|it: char| it.is_ascii_digit())) {
            return (digits, Some(half));
        }
    }
    (word.strip_suffix('h').filter(|it| it.contains(':')).unwrap_or(word), None)
}

/// A length of time at the word (`10 minutes`, `2h`, `an hour`, `half an hour`, `a few minutes`), and how many words it takes.
pub fn length(tokens: &[Token], idx: usize) -> Option<(Duration, usize)> {
    let word = any(tokens, idx);
    if word == "half" {
        let skipped = usize::from(matches!(any(tokens, idx + 1), "a" | "an"));
        let secs = unit(any(tokens, idx + 1 + skipped))?;
        return Some((Duration::from_secs(secs / 2), 2 + skipped));
    }
    if matches!(word, "a" | "an" | "one") && any(tokens, idx + 1) == "few" {
        return Some((Duration::from_secs(5 * unit(any(tokens, idx + 2))?), 3));
    }
    if matches!(word, "few" | "several") {
        return Some((Duration::from_secs(5 * unit(any(tokens, idx + 1))?), 2));
    }
    let number = match word {
        "a" | "an" | "one" => Some(1.0),
        "two" | "couple" => Some(2.0),
        "three" => Some(3.0),
        "four" => Some(4.0),
        "five" => Some(5.0),
        "ten" => Some(10.0),
        "fifteen" => Some(15.0),
        "twenty" => Some(20.0),
        "thirty" => Some(30.0),
        _ => word.parse::<f64>().ok(),
    };
    if let Some(number) = number.filter(|it| it.is_finite() && (0.0..1e6).contains(it)) {
        let of = usize::from(any(tokens, idx + 1) == "of");
        let secs = unit(any(tokens, idx + 1 + of))?;
        return Some((Duration::from_secs_f64(number * secs as f64), 2 + of));
    }
    // `10min`, `2h`, `1h30m`.
    let mut total = 0.0;
    let mut rest = word;
    while !rest.is_empty() {
        let split = rest.find(|it: char| it.is_ascii_alphabetic())?;
        let (digits, after) = rest.split_at_checked(split)?;
        let end = after.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(after.len());
        let (name, after) = after.split_at_checked(end)?;
        total += digits.parse::<f64>().ok().filter(|it| (0.0..1e6).contains(it))? * unit(name)? as f64;
        rest = after;
    }
    (total > 0.0).then(|| (Duration::from_secs_f64(total), 1))
}

/// Seconds of a unit.
pub fn unit(word: &str) -> Option<u64> {
    Some(match word {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 7 * 86_400,
        _ => return None,
    })
}

/// A date at the word (`2026-11-25`, `Nov 25`, `25 November`, `25.11.2026`), and how many words it takes.
pub fn date(tokens: &[Token], idx: usize, today: Date) -> Option<(Date, usize)> {
    let word = any(tokens, idx);
    if let Ok(date) = word.parse::<Date>() {
        return Some((date, 1));
    }
    let parts: Vec<i16> = word.split(['.', '/']).filter_map(|it| it.parse().ok()).collect();
    if let ([day, month, year], true) = (parts.as_slice(), word.contains('.')) {
        return Some((Date::new(*year, i8::try_from(*month).ok()?, i8::try_from(*day).ok()?).ok()?, 1));
    }
    let day = |word: &str| word.trim_end_matches(|it: char| it.is_ascii_alphabetic()).parse::<i8>().ok();
    let next = any(tokens, idx + 1);
    let (month, day) = match (month(word), month(next)) {
        (Some(month), _) => (month, day(next)?),
        (None, Some(month)) => (month, day(word)?),
        (None, None) => return None,
    };
    // A date without a year is the last one that was.
    let this_year = Date::new(today.year(), month, day).ok()?;
    let date = if this_year > today { Date::new(today.year() - 1, month, day).ok()? } else { this_year };
    Some((date, 2))
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let is_short = (3..=4).contains(&word.len());
    let found = MONTHS.iter().position(|it| *it == word || is_short && it.starts_with(word));
    found.and_then(|it| i8::try_from(it + 1).ok())
}

/// A day of the week.
pub fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}
