//! How long is "1h30m"? Whole numbers with units, largest unit first, as people write them in configuration.

use std::time::Duration;

/// Units with their milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
/// The longest span that is accepted: ten years.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// Reads `30s`, `5m`, `1h30m`, `2d`; upper case and spaces around it are allowed, as in sentinel-mlops. None for anything
/// else, and for nothing at all, zero, and more than ten years.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(forecast::period("1H30m "), Some(Duration::from_secs(5400)));
/// assert_eq!(forecast::period("1.5h"), None);
/// ```
pub fn period(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let mut rest = text.as_str();
    let mut millis = 0_u64;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let n_digits = rest.find(|it: char| !it.is_ascii_digit())?;
        let (digits, after) = rest.split_at(n_digits);
        let n_letters = after.find(|it: char| it.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(n_letters);
        let (_, size) = UNITS.iter().find(|it| it.0 == unit).filter(|it| it.1 < smallest)?;
        millis = millis.checked_add(digits.parse::<u64>().ok()?.checked_mul(*size)?)?;
        (smallest, rest) = (*size, after);
    }
    let span = Duration::from_millis(millis);
    (!span.is_zero() && span <= LONGEST).then_some(span)
}

/// The shortest text that [`period`] reads back: `90m` is `1h30m`.
pub fn period_text(span: Duration) -> String {
    let mut millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in UNITS.iter().filter(|it| it.0 != "w") {
        if millis >= *size {
            text.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_printed() {
        for (text, millis) in [("1m", 60_000), ("5M", 300_000), (" 1w2d ", 777_600_000), ("250ms", 250), ("0h1s", 1000)]
        {
            assert_eq!(period(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "m", "5", "1.5h", "-1m", "1m1h", "1m1m", "1y", "0s", "99999999999999999999w", "600w", "1h 2m"]
        {
            assert_eq!(period(text), None, "{text}");
        }
        for text in ["1m", "1h30m", "2d", "10s", "1m500ms"] {
            assert_eq!(period_text(period(text).unwrap()), text);
        }
    }
}
