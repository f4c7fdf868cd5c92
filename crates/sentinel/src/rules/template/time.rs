//! What do templates ask of a time? The parts of `time.Time` of Go, in UTC: <https://pkg.go.dev/time#Time>.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::value::Value;

const METHODS: &str =
    "Year, Month, Day, Hour, Minute, Second, Weekday, YearDay, Unix, UnixMilli, UTC, String and Format";

/// Parts of a layout of Go, longer ones first, and what `strftime` calls them.
const LAYOUT: [(&str, &str); 25] = [
    ("January", "%B"),
    ("Monday", "%A"),
    ("Z07:00", "Z"),
    ("-07:00", "+00:00"),
    ("-0700", "+0000"),
    (".000", "%.3f"),
    ("2006", "%Y"),
    ("Jan", "%b"),
    ("Mon", "%a"),
    ("MST", "UTC"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("%", "%%"),
];

/// A time from seconds since 1970, to the millisecond, as Prometheus makes it.
pub fn from_secs(secs: f64) -> Result<Value, String> {
    let nanos = secs * 1e9;
    if !(nanos > i64::MIN as f64 && nanos < i64::MAX as f64) {
        return Err(format!("{secs} cannot be represented as a nanoseconds timestamp since it overflows int64"));
    }
    let time = Timestamp::from_millisecond(nanos as i64 / 1_000_000);
    time.map(Value::Time).map_err(|error| error.to_string())
}

/// What a method answers; only `Format` has an argument.
pub fn method(time: Timestamp, name: &str, argument: Option<&Value>) -> Result<Value, String> {
    let zoned = time.to_zoned(TimeZone::UTC);
    if let ("Format", Some(layout)) = (name, argument) {
        let format = strftime_of(layout.as_text()?);
        return Ok(Value::text(zoned.strftime(&format).to_string()));
    }
    if argument.is_some() {
        return Err(format!(".{name} has no argument"));
    }
    Ok(match name {
        "Year" => Value::Int(zoned.year().into()),
        "Month" => Value::text(zoned.strftime("%B").to_string()),
        "Day" => Value::Int(zoned.day().into()),
        "Hour" => Value::Int(zoned.hour().into()),
        "Minute" => Value::Int(zoned.minute().into()),
        "Second" => Value::Int(zoned.second().into()),
        "Weekday" => Value::text(zoned.strftime("%A").to_string()),
        "YearDay" => Value::Int(zoned.day_of_year().into()),
        "Unix" => Value::Int(time.as_second()),
        "UnixMilli" => Value::Int(time.as_millisecond()),
        "UTC" => Value::Time(time),
        "String" => Value::text(Value::Time(time).shown()),
        "Format" => return Err(".Format: a layout such as \"15:04\" expected".to_owned()),
        _ => return Err(format!(".{name} is not known of a time; {METHODS} are")),
    })
}

fn strftime_of(layout: &str) -> String {
    let (mut rest, mut format) = (layout, String::new());
    while let Some(letter) = rest.chars().next() {
        match LAYOUT.iter().find_map(|(part, meaning)| Some((rest.strip_prefix(part)?, meaning))) {
            Some((behind, meaning)) => {
                format.push_str(meaning);
                rest = behind;
            }
            None => {
                format.push(letter);
                rest = rest.get(letter.len_utf8()..).unwrap_or("");
            }
        }
    }
    format
}
