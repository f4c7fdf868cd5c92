//! Which series does a watch ask for? Its keys `metric` and `labels` as PromQL.

use std::collections::BTreeMap;

use signal::Labels;

/// What a label's value begins with if it is not to be equal.
const OPERATORS: [&str; 3] = ["!=", "=~", "!~"];

/// The selector `metric{name="value",..}`, labels in order of name.
pub fn selector(metric: &str, labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return metric.to_owned();
    }
    let matcher = |(name, value): (&String, &String)| {
        let found = OPERATORS.iter().find_map(|it| value.strip_prefix(it).map(|rest| (*it, rest)));
        let (operator, value) = found.unwrap_or(("=", value));
        format!("{name}{operator}{}", quoted(value))
    };
    let matchers: Vec<String> = labels.iter().map(matcher).collect();
    format!("{metric}{{{}}}", matchers.join(","))
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// True for names of metrics as the data model of Prometheus has them.
pub fn is_metric_name(name: &str) -> bool {
    is_name(name, |it| it.is_ascii_alphabetic() || matches!(it, '_' | ':'))
}

/// True for names of labels.
pub fn is_label_name(name: &str) -> bool {
    is_name(name, |it| it.is_ascii_alphabetic() || it == '_')
}

fn is_name(name: &str, is_letter: impl Fn(char) -> bool) -> bool {
    !name.starts_with(|it: char| it.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|it| is_letter(it) || it.is_ascii_digit())
}

/// True if the metric only grows, by its name: it is watched as a rate.
pub fn is_counter(metric: &str) -> bool {
    signal::is_counter(&Labels::metric(metric, &[]))
}

/// The name of a metric with everything that no metric's name may hold replaced, as sentinel-mlops does with "." and "-".
pub fn exposed_name(name: &str) -> String {
    let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | ':');
    let name: String = name.chars().map(|it| if fits(it) { it } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|it: char| it.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_matchers() {
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect();
        let all = labels(&[("service", "pay"), ("code", "=~5.."), ("path", "!=/a\"b\\"), ("pod", "!~x|y")]);
        assert_eq!(selector("m", &all), r#"m{code=~"5..",path!="/a\"b\\",pod!~"x|y",service="pay"}"#);
        assert_eq!(selector("m", &labels(&[])), "m");
    }

    #[test]
    fn names_are_checked_and_mended() {
        assert!(
            is_metric_name("job:rate:5m") && !is_metric_name("5m") && !is_metric_name("a.b") && !is_metric_name("")
        );
        assert!(is_label_name("_a1") && !is_label_name("a:b"));
        assert_eq!(exposed_name("disk.used-percent"), "disk_used_percent");
        assert_eq!(exposed_name("5xx"), "_5xx");
    }
}
