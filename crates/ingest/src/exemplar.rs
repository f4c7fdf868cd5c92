//! What is kept of an exemplar? Its value and time, the ids of its trace and span, and as many further labels as
//! OpenMetrics allows: <https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars>.

use signal::{Exemplar, Labels, Point};

use crate::limits::shortened;
use crate::{Config, Problems, Reason};

/// Characters of names and values together.
const MOST_CHARS: usize = 128;
/// What is kept before all others.
const IDS: [&str; 2] = ["trace_id", "span_id"];

/// The exemplar of a series; one without a usable time is left out, and labels that are too much are.
pub(crate) fn exemplar(
    series: &Labels,
    pairs: &[(&str, &str)],
    point: Point,
    config: &Config,
    problems: &mut Problems,
) -> Option<Exemplar> {
    if !point.time.is_plausible() {
        problems.add(Reason::Exemplar, 1, String::new);
        return None;
    }
    let is_id = |it: &&(&str, &str)| IDS.contains(&it.0);
    let ordered = pairs.iter().filter(is_id).chain(pairs.iter().filter(|it| !is_id(it)));
    let (mut kept, mut n_chars, mut left_out) = (vec![], 0, 0);
    for (name, value) in ordered {
        let value = shortened(value, config.max_label_value_bytes);
        let chars = name.chars().count() + value.chars().count();
        if n_chars + chars > MOST_CHARS || name.is_empty() || name.len() > config.max_label_name_bytes {
            left_out += 1;
        } else {
            n_chars += chars;
            kept.push((*name, value));
        }
    }
    problems.add(Reason::Metadata, left_out, String::new);
    Some(Exemplar { series: series.clone(), labels: Labels::new(kept), point })
}

#[cfg(test)]
mod tests {
    use signal::Timestamp;

    use super::*;

    #[test]
    fn ids_are_kept_before_all_others() {
        let mut problems = Problems::default();
        let long = "x".repeat(100);
        let pairs = [("note", long.as_str()), ("user", "7"), ("span_id", "00f067aa0ba902b7"), ("trace_id", "ab")];
        let point = Point { time: Timestamp::from_secs(1), value: 0.5 };
        let series = Labels::metric("m", &[]);
        let found = exemplar(&series, &pairs, point, &Config::default(), &mut problems).unwrap();
        assert_eq!(found.labels.to_string(), r#"{span_id="00f067aa0ba902b7",trace_id="ab",user="7"}"#);
        assert_eq!(problems.count(Reason::Metadata), 1, "the one that is too long");
        let absurd = Point { time: Timestamp::from_millis(i64::MAX), value: 0.5 };
        assert_eq!(exemplar(&series, &pairs, absurd, &Config::default(), &mut problems), None);
        assert_eq!(problems.count(Reason::Exemplar), 1);
        assert_eq!(problems.mistake(), None, "no reason to refuse the points");
    }
}
