//! Do labels and lines keep to the limits? One place for all protocols.

use signal::Labels;
pub(crate) use signal::shortened;

use crate::{Config, Problems, Reason};

/// Makes the labels of a series or stream, or says why not. `what` names the series' place in the body.
pub(crate) fn checked_labels(pairs: &[(&str, &str)], config: &Config) -> Result<Labels, (Reason, String)> {
    if pairs.len() > config.max_labels {
        let detail = format!("{} labels, at most {} are allowed", pairs.len(), config.max_labels);
        return Err((Reason::LabelCount, detail));
    }
    for (name, value) in pairs {
        if name.is_empty() || name.len() > config.max_label_name_bytes {
            let detail =
                format!("label name {:?} must have 1 to {} bytes", shortened(name, 60), config.max_label_name_bytes);
            return Err((Reason::LabelName, detail));
        }
        if value.len() > config.max_label_value_bytes {
            let detail = format!(
                "value of label {name:?} has {} bytes, at most {} are allowed",
                value.len(),
                config.max_label_value_bytes
            );
            return Err((Reason::LabelValue, detail));
        }
    }
    let labels = Labels::new(pairs.iter().copied());
    let expected = pairs.iter().filter(|(_, value)| !value.is_empty()).count();
    if labels.len() != expected {
        return Err((Reason::LabelName, format!("a label name occurs twice in {labels}")));
    }
    Ok(labels)
}

/// Cuts a line at the limit, at a character boundary, and counts it.
pub(crate) fn cut_line(mut line: String, config: &Config, problems: &mut Problems) -> String {
    if line.len() > config.max_line_bytes {
        line.truncate(shortened(&line, config.max_line_bytes).len());
        problems.lines_cut += 1;
    }
    line
}

/// Metadata of one line or span within the limits: values are cut, pairs beyond the limit are left out and counted.
/// Metadata never makes a line be refused.
pub(crate) fn line_metadata<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    config: &Config,
    problems: &mut Problems,
) -> Labels {
    let mut kept = vec![];
    let mut left_out = 0;
    for (name, value) in pairs {
        if name.is_empty() || name.len() > config.max_label_name_bytes || kept.len() >= config.max_labels {
            left_out += 1;
        } else {
            kept.push((name, shortened(value, config.max_label_value_bytes)));
        }
    }
    problems.add(Reason::Metadata, left_out, String::new);
    if kept.is_empty() { Labels::default() } else { Labels::new(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked_per_label() {
        let config = Config { max_labels: 2, max_label_name_bytes: 4, max_label_value_bytes: 3, ..Config::default() };
        let reason = |pairs: &[(&str, &str)]| checked_labels(pairs, &config).map_err(|it| it.0).err();
        assert_eq!(reason(&[("a", "1"), ("b", "2")]), None);
        assert_eq!(reason(&[("a", "1"), ("b", "2"), ("c", "3")]), Some(Reason::LabelCount));
        assert_eq!(reason(&[("", "1")]), Some(Reason::LabelName));
        assert_eq!(reason(&[("abcde", "1")]), Some(Reason::LabelName));
        assert_eq!(reason(&[("a", "1234")]), Some(Reason::LabelValue));
        assert_eq!(reason(&[("a", "1"), ("a", "2")]), Some(Reason::LabelName));
    }

    #[test]
    fn lines_are_cut_between_characters() {
        let mut problems = Problems::default();
        let config = Config { max_line_bytes: 4, ..Config::default() };
        assert_eq!(cut_line("ab\u{e9}\u{e9}".to_owned(), &config, &mut problems), "ab\u{e9}");
        assert_eq!(cut_line("abcd".to_owned(), &config, &mut problems), "abcd");
        assert_eq!(problems.lines_cut, 1);
    }
}
