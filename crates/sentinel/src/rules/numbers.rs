//! How do templates write numbers? As Go and Prometheus do.

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

/// Go's `%v` of a float.
pub fn go_g(value: f64) -> String {
    plain(value).unwrap_or_else(|| {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        match exponent.parse::<i32>().unwrap_or(0) {
            it if (-4..6).contains(&it) => format!("{value}"),
            it => scientific(mantissa, it),
        }
    })
}

/// Go's `%e` of a float, as short as it can be.
pub fn go_e(value: f64) -> String {
    plain(value).unwrap_or_else(|| {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        scientific(mantissa, exponent.parse().unwrap_or(0))
    })
}

/// Go's `%.Ng` of a float.
pub fn g(value: f64, digits: usize) -> String {
    let digits = digits.max(1);
    plain(value).unwrap_or_else(|| {
        let text = format!("{value:.*e}", digits - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if exponent < -4 || exponent >= digits as i32 {
            return scientific(trimmed(mantissa), exponent);
        }
        let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
        trimmed(&format!("{value:.decimals$}")).to_owned()
    })
}

fn plain(value: f64) -> Option<String> {
    if value.is_nan() {
        Some("NaN".to_owned())
    } else if value.is_infinite() {
        Some(if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned())
    } else {
        None
    }
}

pub fn scientific(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// `1.235M`.
pub fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return g(value, 4);
    }
    if value.abs() >= 1.0 { scaled(value, 1000.0, &LARGE, "") } else { fraction(value, "") }
}

/// `1.177Mi`.
pub fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() { g(value, 4) } else { scaled(value, 1024.0, &BINARY, "") }
}

/// `12.34%`.
pub fn percentage(value: f64) -> String {
    format!("{}%", g(value * 100.0, 4))
}

/// `1d 1h 1m 1s`, or `32.1ms`.
pub fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return g(value, 4);
    }
    if value == 0.0 {
        return "0s".to_owned();
    }
    if value.abs() < 1.0 {
        return fraction(value, "s");
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = value.abs() as u64;
    let (secs, minutes, hours, days) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
    if days > 0 {
        format!("{sign}{days}d {hours}h {minutes}m {secs}s")
    } else if hours > 0 {
        format!("{sign}{hours}h {minutes}m {secs}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m {secs}s")
    } else {
        format!("{sign}{}s", g(value.abs(), 4))
    }
}

fn scaled(mut value: f64, base: f64, names: &[&str], unit: &str) -> String {
    let mut prefix = "";
    for name in names {
        if value.abs() < base {
            break;
        }
        (prefix, value) = (name, value / base);
    }
    format!("{}{prefix}{unit}", g(value, 4))
}

fn fraction(mut value: f64, unit: &str) -> String {
    let mut prefix = "";
    for name in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        (prefix, value) = (name, value * 1000.0);
    }
    format!("{}{prefix}{unit}", g(value, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (17.0, "17"),
            (0.25, "0.25"),
            (1e6, "1e+06"),
            (123_456.0, "123456"),
            (1e-5, "1e-05"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(go_g(value), text);
        }
        assert_eq!((go_e(17.0).as_str(), go_e(0.0).as_str(), go_e(0.5).as_str()), ("1.7e+01", "0e+00", "5e-01"));
        for (value, text) in
            [(999.96, "1000"), (0.00001234, "1.234e-05"), (12_345.0, "1.234e+04"), (1.0, "1"), (-2.50, "-2.5")]
        {
            assert_eq!(g(value, 4), text);
        }
        assert_eq!(
            (humanize(1e30).as_str(), humanize(-0.5).as_str(), humanize(0.0).as_str()),
            ("1e+06Y", "-500m", "0")
        );
    }
}
