//! Which series does a `load` statement describe? One, or one for each number of a range in a label.

use fastrand::Rng;
use signal::Labels;

use super::cursor::{Cursor, LONGEST, Mistake};
use super::script::Load;
use super::values::expand;

/// No statement makes more series than this.
const MOST_SERIES: u64 = 10_000;
/// All series of a statement have at most so many values together.
const MOST_VALUES: usize = 10_000_000;

/// `<interval> <selector> <values>`
pub(super) fn loads(cursor: &mut Cursor<'_>) -> Result<Vec<Load>, Mistake> {
    let start = cursor.position();
    let interval = cursor.duration()?;
    if interval.is_zero() {
        return Err(Mistake { offset: start, expected: "an interval above 0".to_owned() });
    }
    let offset = cursor.position();
    let series = numbered(&cursor.selector()?).map_err(|expected| Mistake { offset, expected })?;
    let parts = parts(cursor)?;
    let mut loads = vec![];
    for labels in series {
        let values = values(&parts, &labels)?;
        let length = interval.checked_mul(u32::try_from(values.len()).unwrap_or(u32::MAX));
        if length.is_none_or(|it| it > LONGEST) {
            return Err(Mistake { offset: start, expected: "at most 366 days of values".to_owned() });
        }
        if loads.len().saturating_mul(values.len()) > MOST_VALUES {
            return Err(Mistake { offset: start, expected: format!("at most {MOST_VALUES} values in one statement") });
        }
        loads.push(Load { interval, labels, values });
    }
    Ok(loads)
}

/// `{1..911}` in a label's value stands for each of these numbers.
fn numbered(labels: &Labels) -> Result<Vec<Labels>, String> {
    let range = labels.iter().find_map(|(name, value)| {
        let (before, rest) = value.split_once('{')?;
        let (range, after) = rest.split_once('}')?;
        let (from, to) = range.split_once("..")?;
        Some((name, before, from.parse::<u64>().ok()?, to.parse::<u64>().ok()?, after))
    });
    let Some((name, before, from, to, after)) = range else { return Ok(vec![labels.clone()]) };
    if to < from || to - from >= MOST_SERIES {
        return Err(format!("a range of at most {MOST_SERIES} numbers, the smaller one first"));
    }
    Ok((from..=to).map(|it| labels.with(name, &format!("{before}{it}{after}"))).collect())
}

/// Values that are written once and stand for so many repetitions.
struct Part<'a> {
    tokens: Vec<(usize, &'a str)>,
    times: u32,
}

fn parts<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Part<'a>>, Mistake> {
    let mut parts = vec![];
    while !cursor.is_at_end() {
        parts.push(if cursor.eat('(') {
            group(cursor)?
        } else {
            Part { tokens: vec![(cursor.position(), cursor.token())], times: 1 }
        });
    }
    if parts.is_empty() { Err(cursor.error("values such as 0.2+0x60")) } else { Ok(parts) }
}

/// The rest of `(20x6 80x9)*7` behind the bracket.
fn group<'a>(cursor: &mut Cursor<'a>) -> Result<Part<'a>, Mistake> {
    let mut tokens = vec![];
    while !cursor.is_at_end() {
        let offset = cursor.position();
        let token = cursor.token();
        let Some((last, times)) = token.split_once(')') else {
            tokens.push((offset, token));
            continue;
        };
        if !last.is_empty() {
            tokens.push((offset, last));
        }
        let times = times.strip_prefix('*').and_then(|it| it.parse().ok()).filter(|it| (1..=100_000).contains(it));
        let mistake = Mistake { offset: offset + last.len() + 1, expected: "`*` and a count such as *7".to_owned() };
        return Ok(Part { tokens, times: times.ok_or(mistake)? });
    }
    Err(cursor.error("`)*7` behind the values to repeat"))
}

/// The values of one series; the noise depends on its labels.
fn values(parts: &[Part<'_>], labels: &Labels) -> Result<Vec<Option<f64>>, Mistake> {
    let mut random = Rng::with_seed(labels.id().hash());
    let mut values = vec![];
    for part in parts {
        for _ in 0..part.times {
            for (offset, token) in &part.tokens {
                let mistake = |expected: &str| Mistake { offset: *offset, expected: expected.to_owned() };
                expand(token, &mut random, &mut values).map_err(mistake)?;
            }
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Load>, Mistake> {
        loads(&mut Cursor::new(text))
    }

    #[test]
    fn a_group_is_repeated_with_noise_of_its_own() {
        let numbers = |text| {
            let loads = read(text).unwrap();
            loads[0].values.iter().map(|it| it.unwrap()).collect::<Vec<f64>>()
        };
        assert_eq!(numbers("1m m (1x1 2)*3 9"), [1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 9.0]);
        assert_eq!(numbers("1m m ( 5 )*2"), [5.0, 5.0]);
        let noisy = numbers("1m m (5~0.1)*2");
        assert!((noisy[0] - noisy[1]).abs() > 1e-9, "{noisy:?}");
    }

    #[test]
    fn a_range_in_a_label_makes_a_series_for_each_number() {
        let loads = read("1h items{product=\"p{9..11}\"} 100x3~0.05").unwrap();
        let names: Vec<&str> = loads.iter().filter_map(|it| it.labels.get("product")).collect();
        assert_eq!(names, ["p9", "p10", "p11"]);
        assert_ne!(loads[0].values, loads[1].values);
        assert_eq!(read("1h m{a=\"{x}\"} 1").unwrap()[0].labels.get("a"), Some("{x}"));
    }

    #[test]
    fn mistakes_are_told_where_they_are() {
        let mistakes = [
            ("1m m (1x3 2", 11, "`)*7`"),
            ("1m m (1x3)x7", 10, "*7"),
            ("1m m (1x3)*0", 10, "*7"),
            ("1m m (1 bad)*2", 8, "a value"),
            ("1m m", 4, "values"),
            ("0 m 1", 0, "an interval above 0"),
            ("1h m{a=\"{5..1}\"} 1", 3, "the smaller one first"),
            ("1h m{a=\"{1..99999999}\"} 1", 3, "at most 10000"),
            ("1h m (1x99999)*99", 6, "at most 1000000"),
            ("1h m 1x99999", 0, "366 days"),
            ("1s m{a=\"{1..10000}\"} 1x9999", 0, "10000000 values"),
        ];
        for (text, offset, expected) in mistakes {
            let mistake = read(text).unwrap_err();
            assert!(mistake.offset == offset && mistake.expected.contains(expected), "{text}: {mistake:?}");
        }
    }
}
