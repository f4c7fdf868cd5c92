//! Which time zone is meant? An IANA name, an offset, or one of the usual short forms.

use jiff::tz::{Offset, TimeZone};

/// Short forms with their offset from UTC in minutes. Where two countries share one, the one with more servers.
const SHORT: [(&str, i32); 21] = [
    ("utc", 0),
    ("gmt", 0),
    ("z", 0),
    ("wet", 0),
    ("bst", 60),
    ("west", 60),
    ("cet", 60),
    ("cest", 120),
    ("eet", 120),
    ("eest", 180),
    ("msk", 180),
    ("ist", 330),
    ("jst", 540),
    ("aest", 600),
    ("aedt", 660),
    ("est", -300),
    ("edt", -240),
    ("cst", -360),
    ("cdt", -300),
    ("pst", -480),
    ("pdt", -420),
];

/// Reads `UTC`, `CET`, `+02:00`, `UTC+2` or `Europe/Berlin`.
pub fn time_zone(text: &str) -> Option<TimeZone> {
    let lower = text.to_lowercase();
    if let Some((_, minutes)) = SHORT.iter().find(|it| it.0 == lower) {
        return fixed(*minutes);
    }
    let rest = lower.strip_prefix("utc").or_else(|| lower.strip_prefix("gmt")).unwrap_or(&lower);
    if let Some(minutes) = offset(rest) {
        return fixed(minutes);
    }
    // A name has a slash: words of a question are not looked up in the zone database.
    if text.contains('/') && !text.starts_with('/') { TimeZone::get(text).ok() } else { None }
}

fn fixed(minutes: i32) -> Option<TimeZone> {
    Offset::from_seconds(minutes * 60).ok().map(TimeZone::fixed)
}

/// `+2`, `-05:30`, `+0200` in minutes.
pub fn offset(text: &str) -> Option<i32> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..=14).contains(&hours) && (0..60).contains(&minutes)).then(|| sign * (hours * 60 + minutes))
}
