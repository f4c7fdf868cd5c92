//! What was asked? Parameters of the address and, for a POST, of the form, as Prometheus reads them.

use axum::body::to_bytes;
use axum::extract::Request;
use signal::Timestamp;

use super::fault::Fault;
use crate::parameters::is_form;

/// Longest body: thousands of selectors fit.
const MAX_BODY_BYTES: usize = 4 << 20;
/// What Prometheus' own clients send for "since ever" and "for ever".
const EARLIEST: &str = "-292273086-05-16T16:47:06Z";
const LATEST: &str = "292277025-08-18T07:12:54.999999999Z";

/// Parameters in the order in which they came: those of the form before those of the address.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads all of a request.
    pub async fn of(request: Request) -> Result<Self, Fault> {
        let address = request.uri().query().unwrap_or("").to_owned();
        let mut pairs = vec![];
        if is_form(request.headers()) {
            let too_large = |_| Fault::bad("the body is too large");
            let body = to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(too_large)?;
            pairs.extend(pairs_of(&body)?);
        }
        pairs.extend(pairs_of(address.as_bytes())?);
        Ok(Self(pairs))
    }

    /// The first value of a parameter; an empty one is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(it, _)| it == name)?;
        Some(value.as_str()).filter(|it| !it.is_empty())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// The instant under a name.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = || Fault::parameter(name, &format!("cannot parse {text:?} to a valid timestamp"));
        instant(text).ok_or_else(wrong).map(Some)
    }

    /// The instant under a name, which must be there.
    pub fn needed_time(&self, name: &str) -> Result<Timestamp, Fault> {
        let missing = || Fault::parameter(name, "cannot parse \"\" to a valid timestamp");
        self.time(name)?.ok_or_else(missing)
    }

    /// The length of time under a name, in milliseconds.
    pub fn duration(&self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = || Fault::parameter(name, &format!("cannot parse {text:?} to a valid duration"));
        duration_ms(text).ok_or_else(wrong).map(Some)
    }

    /// A number that is not negative; 0 and none are "as many as there are".
    pub fn limit(&self, name: &str) -> Result<usize, Fault> {
        let Some(text) = self.get(name) else { return Ok(usize::MAX) };
        let number =
            text.parse::<usize>().map_err(|_| Fault::parameter(name, "limit must be a non-negative number"))?;
        Ok(if number == 0 { usize::MAX } else { number })
    }
}

fn pairs_of(text: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let parts = text.split(|it| *it == b'&').filter(|it| !it.is_empty());
    let pair = |part: &[u8]| {
        let mut halves = part.splitn(2, |it| *it == b'=');
        let (name, value) = (halves.next().unwrap_or(b""), halves.next().unwrap_or(b""));
        Ok((decoded(name)?, decoded(value)?))
    };
    parts.map(pair).collect()
}

/// Without the percent signs of a form.
fn decoded(text: &[u8]) -> Result<String, Fault> {
    let digit = |it: Option<&u8>| it.and_then(|it| char::from(*it).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                _ => return Err(Fault::bad("error parsing form values: invalid URL escape")),
            },
            it => bytes.push(*it),
        }
    }
    String::from_utf8(bytes).map_err(|_| Fault::bad("error parsing form values: not UTF-8"))
}

/// Seconds since 1970 or RFC 3339; what lies beyond the calendar is moved to its ends.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(secs) = text.parse::<f64>() {
        // Beyond i64 the cast goes to its ends.
        return secs.is_finite().then(|| Timestamp::from_millis((secs * 1000.0).round() as i64));
    }
    match text.trim_start_matches('+') {
        EARLIEST => Some(Timestamp::from_millis(i64::MIN / 2)),
        LATEST => Some(Timestamp::from_millis(i64::MAX / 2)),
        // The sign of an offset that was not encoded has become a blank.
        text => text.replace(' ', "+").parse().ok(),
    }
}

/// Seconds as a number, or `1h30m`; milliseconds.
pub fn duration_ms(text: &str) -> Option<i64> {
    if let Ok(secs) = text.parse::<f64>() {
        let millis = secs * 1000.0;
        return (millis.is_finite() && millis.abs() < 9e18).then_some(millis as i64);
    }
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|it: char| it.is_ascii_digit()).len();
        let (number, behind) = rest.split_at_checked(digits)?;
        let unit = behind.len() - behind.trim_start_matches(|it: char| it.is_ascii_lowercase()).len();
        let (unit, behind) = behind.split_at_checked(unit)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "y" => 31_536_000_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(millis)?)?;
        rest = behind;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded() {
        let pairs = pairs_of(b"query=a%2Bb+c&match[]=x&match%5B%5D=y&empty=&flag").unwrap();
        let form = Form(pairs);
        assert_eq!(form.get("query"), Some("a+b c"));
        assert_eq!(form.all("match[]").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!((form.get("empty"), form.get("flag"), form.get("none")), (None, None, None));
        assert!(pairs_of(b"a=%2").is_err());
        assert!(pairs_of(b"a=%ff").is_err());
    }

    #[test]
    fn instants_and_lengths_are_those_of_prometheus() {
        assert_eq!(instant("1435781430.781").map(Timestamp::millis), Some(1_435_781_430_781));
        assert_eq!(instant("2015-07-01T20:10:51.781Z").map(Timestamp::millis), Some(1_435_781_451_781));
        assert!(instant("-292273086-05-16T16:47:06Z").is_some_and(|it| it < Timestamp::MIN));
        assert!(instant("+292277025-08-18T07:12:54.999999999Z").is_some_and(|it| it > Timestamp::MAX));
        assert_eq!((instant("NaN"), instant("yesterday"), instant("")), (None, None, None));
        assert_eq!(duration_ms("1.5"), Some(1500));
        assert_eq!(duration_ms("1h30m"), Some(5_400_000));
        for text in ["", "1", "ms", "1x", "1h 3m", "NaN", "1e300"] {
            assert_eq!(duration_ms(text), (text == "1").then_some(1000), "{text}");
        }
    }
}
