//! Which series does a body of the line protocol hold? The names are those of Telegraf's Prometheus serializers.

use std::collections::HashMap;
use std::str::FromStr;

use signal::{Labels, Point, SeriesPoints, Timestamp};

use crate::influx::line::{Field, Lines, Mistake, parts, unescaped};
use crate::label_cache::{LabelCache, Protocol};
use crate::limits::{checked_labels, shortened};
use crate::{Config, Problems, Reason, names};

/// What an error shows of a line.
const SHOWN_BYTES: usize = 100;

/// The unit of timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Nanoseconds, which is the default.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Seconds to nanoseconds, by the size of each number, as `InfluxDB` 3 does if nothing is said.
    Detected,
}

impl FromStr for Precision {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "" | "n" | "ns" | "nanosecond" => Self::Nanoseconds,
            "u" | "us" | "\u{b5}" | "microsecond" => Self::Microseconds,
            "ms" | "millisecond" => Self::Milliseconds,
            "s" | "second" => Self::Seconds,
            "m" => Self::Minutes,
            "h" => Self::Hours,
            "auto" => Self::Detected,
            _ => return Err(()),
        })
    }
}

impl Precision {
    /// The unit in which a number of this size is near now: limits as in `InfluxDB` 3, of which the first is in 2128.
    const fn of_size(number: u64) -> Self {
        match number {
            0..5_000_000_000 => Self::Seconds,
            5_000_000_000..5_000_000_000_000 => Self::Milliseconds,
            5_000_000_000_000..5_000_000_000_000_000 => Self::Microseconds,
            _ => Self::Nanoseconds,
        }
    }

    /// What cannot be an instant stays implausible.
    const fn instant(self, time: i64) -> Timestamp {
        Timestamp::from_millis(match self {
            Self::Nanoseconds => time.div_euclid(1_000_000),
            Self::Microseconds => time.div_euclid(1000),
            Self::Milliseconds => time,
            Self::Seconds => time.saturating_mul(1000),
            Self::Minutes => time.saturating_mul(60_000),
            Self::Hours => time.saturating_mul(3_600_000),
            Self::Detected => return Self::of_size(time.unsigned_abs()).instant(time),
        })
    }
}

/// What a request says besides its body.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The unit of timestamps.
    pub precision: Precision,
    /// The database or bucket, which becomes the label `db`; "" for none.
    pub database: &'a str,
    /// The time of lines without one.
    pub arrival: Timestamp,
}

/// Series of a body. A line that is not of the protocol is left out, named in `Problems` and, if it is the first, by
/// its number.
pub fn decode(body: &[u8], frame: Frame<'_>, config: &Config) -> (Vec<SeriesPoints>, Problems, Option<usize>) {
    decode_with(body, frame, config, &LabelCache::default())
}

/// The same with labels that came before: those are not read again.
pub(crate) fn decode_with(
    body: &[u8],
    frame: Frame<'_>,
    config: &Config,
    cache: &LabelCache,
) -> (Vec<SeriesPoints>, Problems, Option<usize>) {
    let mut lines = Lines::new(body);
    let mut fields = vec![];
    let mut collector = Collector::new(frame, config, cache);
    let mut problems = Problems::default();
    let mut first_bad_line = None;
    while let Some(begin) = lines.begin() {
        let taken = lines.read(&mut fields).map_err(malformed).and_then(|line| {
            let time = line.time.map_or(frame.arrival, |it| frame.precision.instant(it));
            collector.take(line.series, &fields, time, &mut problems)
        });
        if let Err((reason, detail)) = taken {
            let number = *first_bad_line.get_or_insert_with(|| lines.number(begin));
            problems.add(reason, fields.len().max(1) as u64, || {
                let text = String::from_utf8_lossy(lines.text(begin)).into_owned();
                format!("line {number}: unable to parse '{}': {detail}", shortened(&text, SHOWN_BYTES))
            });
        }
    }
    for series in collector.batch.iter_mut().filter(|it| !it.points.is_sorted_by_key(|it| it.time)) {
        series.points.sort_by_key(|it| it.time);
    }
    (collector.batch, problems, first_bad_line)
}

/// Why a line is left out.
type Refusal = (Reason, String);

fn malformed(mistake: Mistake) -> Refusal {
    (Reason::Malformed, mistake.to_owned())
}

struct Collector<'b> {
    frame: Frame<'b>,
    config: &'b Config,
    cache: &'b LabelCache,
    scratch: Vec<u8>,
    /// Where in the batch a series is.
    places: HashMap<u128, usize>,
    /// Series that are in the batch because of this line.
    added: Vec<u128>,
    batch: Vec<SeriesPoints>,
}

impl<'b> Collector<'b> {
    fn new(frame: Frame<'b>, config: &'b Config, cache: &'b LabelCache) -> Self {
        Self { frame, config, cache, scratch: vec![], places: HashMap::new(), added: vec![], batch: vec![] }
    }

    /// Takes the numbers of one line, all or none of them.
    fn take(
        &mut self,
        series: &[u8],
        fields: &[Field<'_>],
        time: Timestamp,
        problems: &mut Problems,
    ) -> Result<(), Refusal> {
        if !time.is_plausible() {
            return Err((Reason::Timestamp, "time outside range 1970 to 2200; check the precision".to_owned()));
        }
        self.added.clear();
        let is_only = fields.len() == 1;
        let mut taken = Vec::with_capacity(fields.len());
        for field in fields {
            let Some(value) = field.value else { continue };
            match self.place(series, field.key, is_only) {
                Ok(place) => taken.push((place, value)),
                Err(refusal) => {
                    self.batch.truncate(self.batch.len() - self.added.len());
                    self.added.iter().for_each(|it| _ = self.places.remove(it));
                    return Err(refusal);
                }
            }
        }
        problems.add(Reason::Text, (fields.len() - taken.len()) as u64, String::new);
        for (place, value) in taken {
            if let Some(it) = self.batch.get_mut(place) {
                it.points.push(Point { time, value });
            }
        }
        Ok(())
    }

    /// Where in the batch the points of this field belong.
    fn place(&mut self, series: &[u8], field: &[u8], is_only: bool) -> Result<usize, Refusal> {
        let only: &[u8] = if is_only { b"1" } else { b"" };
        let parts = [self.frame.database.as_bytes(), series, field, only];
        let key = self.cache.key(Protocol::Influx, parts.into_iter(), &mut self.scratch);
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        let labels = match self.cache.get(key) {
            Some(labels) => labels,
            None => {
                let labels = self.labels(series, field, is_only)?;
                self.cache.put(key, &labels);
                labels
            }
        };
        let place = self.batch.len();
        self.batch.push(SeriesPoints { labels, points: vec![] });
        self.places.insert(key, place);
        self.added.push(key);
        Ok(place)
    }

    fn labels(&self, series: &[u8], field: &[u8], is_only: bool) -> Result<Labels, Refusal> {
        let (measurement, tags) = parts(series).map_err(malformed)?;
        let field = unescaped(field, b",= ").map_err(malformed)?;
        let name = metric_name(&measurement, &field, is_only);
        if name.is_empty() {
            return Err((Reason::Unnamed, format!("no letter of {measurement:?} and {field:?} may stand in a name")));
        }
        let names: Vec<String> = tags.iter().map(|(name, _)| names::label(name)).collect();
        let mut pairs: Vec<(&str, &str)> =
            names.iter().zip(&tags).map(|(name, (_, value))| (name.as_str(), &**value)).collect();
        if !self.frame.database.is_empty() && !names.iter().any(|it| it == "db") {
            pairs.push(("db", self.frame.database));
        }
        pairs.push(("__name__", &name));
        checked_labels(&pairs, self.config)
    }
}

/// `measurement_field`; the measurement alone for an only field `value`; the field alone for what Telegraf has read
/// from Prometheus itself.
fn metric_name(measurement: &str, field: &str, is_only: bool) -> String {
    let joined = match (measurement, field) {
        (_, "value") if is_only => measurement.to_owned(),
        ("prometheus", _) => field.to_owned(),
        _ => format!("{measurement}_{field}"),
    };
    names::metric(&joined)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn check(body: &str, precision: &str, expected: expect_test::Expect) {
        let frame =
            Frame { precision: precision.parse().unwrap(), database: "", arrival: Timestamp::from_millis(1_000) };
        let (batch, problems, line) = decode(body.as_bytes(), frame, &Config::default());
        let mut found = String::new();
        for series in batch {
            let points: Vec<String> =
                series.points.iter().map(|it| format!("{}@{}", it.value, it.time.millis())).collect();
            found.push_str(&format!("{} {}\n", series.labels, points.join(" ")));
        }
        if let Some(mistake) = problems.first_mistake() {
            found.push_str(&format!("{line:?} {mistake}\n"));
        }
        expected.assert_eq(&found);
    }

    #[test]
    fn names_and_values() {
        check(
            "cpu,host=a,cpu=cpu0 usage_idle=90.5,usage_user=3i,up=true 1700000000000000000\n\
             cpu,host=a,cpu=cpu0 usage_idle=91,usage_user=4i,up=false 1700000010000000000\n\
             temperature,room=1 value=21\n\
             temperature,room=1 value=21,note=\"warm\"\n\
             prometheus,url=x go_goroutines=7\n\
             my.app,data-center=eu 99p=1,_=2\n",
            "ns",
            expect![[r#"
                cpu_usage_idle{cpu="cpu0",host="a"} 90.5@1700000000000 91@1700000010000
                cpu_usage_user{cpu="cpu0",host="a"} 3@1700000000000 4@1700000010000
                cpu_up{cpu="cpu0",host="a"} 1@1700000000000 0@1700000010000
                temperature{room="1"} 21@1000
                temperature_value{room="1"} 21@1000
                go_goroutines{url="x"} 7@1000
                my_app_99p{data_center="eu"} 1@1000
                my_app{data_center="eu"} 2@1000
            "#]],
        );
    }

    #[test]
    fn units_of_time() {
        for (precision, time) in [
            ("", "1700000000000999999"),
            ("us", "1700000000000999"),
            ("u", "1700000000000999"),
            ("ms", "1700000000000"),
            ("s", "1700000000"),
        ] {
            check(&format!("m a=1 {time}"), precision, expect![["m_a 1@1700000000000\n"]]);
        }
        check("m a=1 28333333", "m", expect![["m_a 1@1699999980000\n"]]);
        check("m a=1 472222", "h", expect![["m_a 1@1699999200000\n"]]);
        assert_eq!("weeks".parse::<Precision>(), Err(()));
        // Guarantees: MUST 873.
        for time in ["1700000000", "1700000000000", "1700000000000999", "1700000000000999999"] {
            check(&format!("m a=1 {time}"), "auto", expect![["m_a 1@1700000000000\n"]]);
        }
    }

    /// Guarantees: MUST 103: the good lines of a body stay, a bad one leaves nothing.
    #[test]
    fn a_bad_line_leaves_nothing() {
        check(
            "m,a=1 x=1\nm,a= x=2,y=3\nm,a=1 y=\nm,a=1 x=3 1700000000\nm,a=1 x=4\n",
            "ms",
            expect![[r#"
                m_x{a="1"} 1@1000 4@1000 3@1700000000
                Some(2) line 2: unable to parse 'm,a= x=2,y=3': missing tag value
            "#]],
        );
    }
}
