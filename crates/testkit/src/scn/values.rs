//! How is a series of values written? In the notation of Prometheus' promqltest, with noise added to it.
//!
//! `a+bxN` is a, a+b, ... a+N*b: N+1 values; `axN` is N+1 times a; `_` is a missing sample and `_xN` are N of them;
//! `stale` and `NaN` are NaN. `~r` behind a value or a range adds Gaussian noise of r times the value.

use fastrand::Rng;

use crate::shop::random::gauss;

/// No series of a scenario has more values than this.
const MOST_VALUES: u64 = 1_000_000;

/// Adds the values of one token such as `0.2+0x60~0.05`. The error is what was expected.
pub(super) fn expand(token: &str, rng: &mut Rng, values: &mut Vec<Option<f64>>) -> Result<(), &'static str> {
    let (range, noise) = match token.split_once('~') {
        Some((range, noise)) => (range, noise.parse::<f64>().map_err(|_| "a share such as 0.05 after `~`")?),
        None => (token, 0.0),
    };
    if !(0.0..=100.0).contains(&noise) {
        return Err("a share from 0 to 100 after `~`");
    }
    let range = read_range(range)?;
    if range.count.saturating_add(values.len() as u64) > MOST_VALUES {
        return Err("at most 1000000 values in one series");
    }
    values.extend((0..range.count).map(|idx| {
        let value = range.start? + range.step * idx as f64;
        Some(if noise > 0.0 { value * (1.0 + noise * gauss(rng)) } else { value })
    }));
    Ok(())
}

struct Range {
    /// None: missing.
    start: Option<f64>,
    step: f64,
    count: u64,
}

fn read_range(text: &str) -> Result<Range, &'static str> {
    const EXPECTED: &str = "a value such as 5, 0.2+0x60, 9-0.1x30, _x5, stale or NaN";
    let times = |text: &str| text.parse::<u64>().map_err(|_| "a count after `x`");
    if let Some(rest) = text.strip_prefix('_') {
        let count = match rest.strip_prefix('x') {
            Some(count) => times(count)?,
            None if rest.is_empty() => 1,
            None => return Err(EXPECTED),
        };
        return Ok(Range { start: None, step: 0.0, count });
    }
    if text == "stale" {
        return Ok(Range { start: Some(f64::NAN), step: 0.0, count: 1 });
    }
    let (start, rest) = number(text).ok_or(EXPECTED)?;
    if rest.is_empty() {
        return Ok(Range { start: Some(start), step: 0.0, count: 1 });
    }
    let (step, rest) = if rest.starts_with(['+', '-']) { number(rest).ok_or(EXPECTED)? } else { (0.0, rest) };
    let count = times(rest.strip_prefix('x').ok_or(EXPECTED)?)?.saturating_add(1);
    Ok(Range { start: Some(start), step, count })
}

/// The number at the beginning and what follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign_length = text.len() - unsigned.len();
    let length = ["NaN", "Inf"].iter().find(|it| unsigned.starts_with(**it)).map_or_else(
        || {
            let mut before = ' ';
            let end = unsigned.find(|it: char| {
                let is_exponent_sign = matches!(it, '+' | '-') && matches!(before, 'e' | 'E');
                let belongs = it.is_ascii_digit() || matches!(it, '.' | 'e' | 'E') || is_exponent_sign;
                before = it;
                !belongs
            });
            end.unwrap_or(unsigned.len())
        },
        |it| it.len(),
    );
    let (digits, rest) = text.split_at_checked(sign_length + length)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<Vec<Option<f64>>, &'static str> {
        let mut values = vec![];
        let mut rng = Rng::with_seed(1);
        for token in text.split_whitespace() {
            expand(token, &mut rng, &mut values)?;
        }
        Ok(values)
    }

    #[test]
    fn ranges_are_those_of_promqltest() {
        let some = |it: &[f64]| it.iter().copied().map(Some).collect::<Vec<_>>();
        assert_eq!(values("1+2x3"), Ok(some(&[1.0, 3.0, 5.0, 7.0])));
        assert_eq!(values("-1-1x2 1e-3x1"), Ok(some(&[-1.0, -2.0, -3.0, 0.001, 0.001])));
        assert_eq!(values("1e2+1e-1x1"), Ok(some(&[100.0, 100.1])));
        assert_eq!(values("_ _x2 -Inf"), Ok(vec![None, None, None, Some(f64::NEG_INFINITY)]));
        assert_eq!(values("0.2+0x60").unwrap().len(), 61);
        assert!(values("NaN stale").unwrap().iter().all(|it| it.unwrap().is_nan()));
    }

    #[test]
    fn noise_is_relative_and_seeded() {
        let noisy = values("10x999~0.05").unwrap();
        assert_eq!(noisy, values("10x999~0.05").unwrap());
        let square: f64 = noisy.iter().map(|it| (it.unwrap() - 10.0).powi(2)).sum();
        assert!(((square / 1000.0).sqrt() - 0.5).abs() < 0.05);
    }

    #[test]
    fn mistakes_and_bombs_are_refused() {
        for text in ["x", "1x", "1+x3", "_5", "1~x", "1~-1", "1x99999999999", "1x18446744073709551615", "--1", "1+1"] {
            assert!(values(text).is_err(), "{text}");
        }
    }
}
