//! How are numbers and foreign texts written for people?

/// Longer texts are cut.
const LONGEST: usize = 160;

/// A text from data: shortened, without control characters and marks that turn the direction of writing.
pub fn shown(text: &str) -> String {
    let is_harmless = |it: &char| {
        !it.is_control() && !matches!(*it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut all: String = text.chars().filter(is_harmless).take(LONGEST + 1).collect();
    if let Some((end, _)) = all.char_indices().nth(LONGEST) {
        all.truncate(end);
        all.push_str("...");
    }
    all
}

/// 1234567 as 1,234,567.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut all = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            all.push(',');
        }
        all.push(digit);
    }
    all
}

/// Four significant digits, without zeros that say nothing.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..9.0).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A p-value: very small ones are all the same.
pub fn p_value(value: f64) -> String {
    if value < 1e-4 { "< 0.0001".to_owned() } else { number((value * 1e4).round() / 1e4) }
}

/// 0.1234 as 12.3 %.
pub fn percent(share: f64) -> String {
    format!("{} %", number((share * 1000.0).round() / 10.0))
}

/// 1 change, 2 changes.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1234.56, "-1235"),
            (0.036696, "0.0367"),
            (12.5, "12.5"),
            (1e-7, "1.00e-7"),
            (3.2e12, "3.20e12"),
            (100.0, "100"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!((p_value(1e-9), p_value(0.04567)), ("< 0.0001".to_owned(), "0.0457".to_owned()));
        assert_eq!((thousands(1_234_567), thousands(12)), ("1,234,567".to_owned(), "12".to_owned()));
        assert_eq!(
            (percent(0.1538), plural(1, "row"), plural(2, "row")),
            ("15.4 %".to_owned(), "1 row".to_owned(), "2 rows".to_owned())
        );
    }

    #[test]
    fn foreign_text_is_tamed() {
        assert_eq!(shown("a\u{1b}[31m\u{202e}b"), "a[31mb");
        assert_eq!(shown(&"x".repeat(500)).len(), LONGEST + 3);
    }
}
