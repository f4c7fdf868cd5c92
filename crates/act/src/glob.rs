//! Does a name fit a pattern with `*` and `?`?

/// True if the whole name fits. `*` stands for any text, `?` for one character; everything else for itself.
pub fn fits(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Where to go back to: the position after the last star, and the part of the name it has taken so far.
    let (mut pattern_idx, mut name_idx, mut back) = (0, 0, None);
    while let Some(actual) = name.get(name_idx) {
        match pattern.get(pattern_idx) {
            Some('*') => {
                back = Some((pattern_idx + 1, name_idx));
                pattern_idx += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == actual => {
                (pattern_idx, name_idx) = (pattern_idx + 1, name_idx + 1);
            }
            _ => match back {
                None => return false,
                Some((after_star, taken)) => {
                    back = Some((after_star, taken + 1));
                    (pattern_idx, name_idx) = (after_star, taken + 1);
                }
            },
        }
    }
    pattern.get(pattern_idx..).is_some_and(|rest| rest.iter().all(|it| *it == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "payments", true),
            ("pay*", "payments", true),
            ("*ment?", "payments", true),
            ("p*y*s", "payments", true),
            ("pay", "payments", false),
            ("", "payments", false),
            ("p.y*", "payments", false),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} on {name}");
        }
    }
}
