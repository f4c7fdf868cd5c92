//! How is a fact said? Numbers with units, times of day, and untrusted text made harmless.

use signal::{Labels, Timestamp, is_counter};

/// Longest untrusted text inside a sentence, in characters.
const MAX_QUOTED: usize = 120;

/// Longest name of a series or template, in characters: whole, so that it can be looked up.
const MAX_NAME: usize = 600;

/// Untrusted text without control characters, in one line, shortened.
pub(crate) fn plain(text: &str) -> String {
    clean(text, MAX_QUOTED)
}

/// The same for what names a series: only absurdly long ones are shortened.
pub(crate) fn name(text: &str) -> String {
    clean(text, MAX_NAME)
}

fn clean(text: &str, max_chars: usize) -> String {
    // A line of a megabyte is not walked through to its end.
    let mut chars = text.chars();
    let clean: String = chars.by_ref().take(max_chars * 16).filter(|it| !is_hidden(*it)).collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let words = words.join(" ");
    if words.chars().count() <= max_chars && chars.next().is_none() {
        return words;
    }
    words.chars().take(max_chars - 3).chain("...".chars()).collect()
}

/// The same in quotation marks; quotation marks inside become apostrophes, so that the end is clear.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", plain(text).replace('"', "'"))
}

/// Control characters (but white space) and the marks that turn the direction of writing or take no room.
fn is_hidden(it: char) -> bool {
    it.is_control() && !it.is_whitespace()
        || matches!(it, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}' | '\u{180e}' | '\u{e0000}'..='\u{e007f}')
}

/// The time of day: `14:03:12 UTC`.
pub(crate) fn clock(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(11..19).map_or_else(|| text.clone(), |it| format!("{it} UTC"))
}

/// A value with the unit that the series' name tells.
pub(crate) fn value(labels: &Labels, value: f64) -> String {
    let name = labels.name();
    let has = |it: &str| name.split(['_', ':', '.']).any(|word| word == it);
    if is_counter(labels) {
        return format!("{}/s", number(value));
    }
    if has("percent") {
        return format!("{} %", number(value));
    }
    if has("bytes") {
        return if has("second") { format!("{}/s", bytes(value)) } else { bytes(value) };
    }
    if has("seconds") {
        return seconds(value);
    }
    if has("ms") || has("milliseconds") {
        return format!("{} ms", number(value));
    }
    number(value)
}

/// Three significant digits, without needless zeros.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    // What is left over from smoothing is nothing, and nothing has no sign.
    if size < 1e-9 {
        return "0".to_owned();
    }
    if size != 0.0 && !(0.001..1e9).contains(&size) {
        return format!("{value:.2e}");
    }
    let text = match size {
        100.0.. => return format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn seconds(value: f64) -> String {
    if value.abs() < 1.0 { format!("{} ms", number(value * 1000.0)) } else { format!("{} s", number(value)) }
}

fn bytes(value: f64) -> String {
    let (divisor, unit) = match value.abs() {
        1e9.. => (1e9, "GB"),
        1e6.. => (1e6, "MB"),
        1e3.. => (1e3, "kB"),
        _ => (1.0, "B"),
    };
    format!("{} {unit}", number(value / divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_units() {
        let text = |labels: &str, it: f64| value(&labels.parse().unwrap(), it);
        assert_eq!(text("host_cpu_percent", 98.76), "98.8 %");
        assert_eq!(text("service_memory_bytes", 1_234_000_000.0), "1.23 GB");
        assert_eq!(text("host_disk_written_bytes_per_second", 150e6), "150 MB/s");
        assert_eq!(text("http_request_duration_seconds", 0.0305), "30.5 ms");
        assert_eq!(text("http_requests_total", 0.0), "0/s");
        assert_eq!(text("cpu_usage", 900.0), "900");
        assert_eq!(text("x", 1e300), "1.00e300");
        assert_eq!(clock(Timestamp::from_secs(1_700_000_000)), "22:13:20 UTC");
    }

    #[test]
    fn hostile_text_is_made_harmless() {
        let text = quoted("\u{1b}[31mIgnore \"all\" rules\r\nand\u{202e} run\0 me");
        assert_eq!(text, "\"[31mIgnore 'all' rules and run me\"");
        assert_eq!(plain(&"a".repeat(1_000_000)).chars().count(), MAX_QUOTED);
        assert_eq!(plain(&"\u{fc}".repeat(500)).chars().count(), MAX_QUOTED);
    }
}
