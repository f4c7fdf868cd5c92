//! How is untrusted text quoted? Shortened at a character, never longer than it may be.

pub(crate) use signal::shortened;

/// Of a line quoted in an explanation.
pub(crate) const EXAMPLE_BYTES: usize = 240;
/// Of a template in a label.
pub(crate) const TEMPLATE_BYTES: usize = 120;

/// How many of the words of two templates are the same, as a share of the longer one.
pub(crate) fn likeness(one: &str, other: &str) -> f64 {
    let mut left: Vec<&str> = other.split(' ').collect();
    let all = one.split(' ').count().max(left.len());
    let mut same = 0;
    for word in one.split(' ').take(64) {
        if let Some(idx) = left.iter().position(|it| *it == word) {
            left.swap_remove(idx);
            same += 1;
        }
    }
    f64::from(same) / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("a\u{fc}b", 2), "a");
        assert_eq!(shortened("", 0), "");
    }

    #[test]
    fn renamed_lines_are_alike() {
        assert!(likeness("heartbeat <*> sent", "heartbeat <*> was sent") >= 0.6);
        assert!(likeness("heartbeat <*> sent", "order <*> refused") < 0.5);
    }
}
