//! What stood at the variables of a template? The texts of a line at its `<*>`, in order.

use super::mask::{MAX_BYTES, WILD_TEXT};

/// The values of the variables of `template` in `line`, in order; empty if the line is not of that template.
///
/// A space of the template stands for any white space. Each value is the shortest that lets the rest fit, found from
/// left to right, in O(line length x longest constant). Of lines over 4096 bytes only the beginning is looked at, as
/// in [`super::mask()`].
///
/// ```
/// use learn::logs::parameters;
///
/// assert_eq!(parameters("GET <*> took <*> ms", "GET /cart/7  took 12.5 ms"), ["/cart/7", "12.5"]);
/// assert!(parameters("GET <*> took <*> ms", "PUT /cart/7 took 12.5 ms").is_empty());
/// ```
pub fn parameters<'a>(template: &str, line: &'a str) -> Vec<&'a str> {
    find(template, line).unwrap_or_default()
}

/// As [`parameters`], but tells a line that does not fit from one without variables.
pub(super) fn find<'a>(template: &str, line: &'a str) -> Option<Vec<&'a str>> {
    let line = cut(line).trim_matches(is_space);
    let mut constants = template.split(WILD_TEXT);
    let mut rest = after(line, constants.next()?)?;
    let mut values = vec![];
    let mut constants = constants.peekable();
    while let Some(constant) = constants.next() {
        let is_last = constants.peek().is_none();
        let (value, next) = if is_last { split_at_end(rest, constant)? } else { split_at_first(rest, constant)? };
        values.push(value);
        rest = next;
    }
    rest.is_empty().then_some(values)
}

fn is_space(it: char) -> bool {
    it <= ' '
}

fn cut(line: &str) -> &str {
    let end = line.len().min(MAX_BYTES);
    (0..=end).rev().find_map(|end| line.get(..end)).unwrap_or("")
}

/// What follows `constant` at the beginning of `line`.
fn after<'a>(line: &'a str, constant: &str) -> Option<&'a str> {
    let mut rest = line;
    for (idx, part) in constant.split(' ').enumerate() {
        if idx > 0 {
            let trimmed = rest.trim_start_matches(is_space);
            if trimmed.len() == rest.len() {
                return None;
            }
            rest = trimmed;
        }
        rest = rest.strip_prefix(part)?;
    }
    Some(rest)
}

/// The shortest value before `constant`, and what follows it.
fn split_at_first<'a>(line: &'a str, constant: &str) -> Option<(&'a str, &'a str)> {
    line.char_indices().map(|(idx, _)| idx).chain([line.len()]).find_map(|idx| {
        let (value, tail) = line.split_at_checked(idx)?;
        Some((value, after(tail, constant)?))
    })
}

/// The value before `constant` where that ends the line.
fn split_at_end<'a>(line: &'a str, constant: &str) -> Option<(&'a str, &'a str)> {
    let mut rest = line;
    for (idx, part) in constant.rsplit(' ').enumerate() {
        if idx > 0 {
            let trimmed = rest.trim_end_matches(is_space);
            if trimmed.len() == rest.len() {
                return None;
            }
            rest = trimmed;
        }
        rest = rest.strip_suffix(part)?;
    }
    Some((rest, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::mask;

    fn check(template: &str, line: &str, expected: &[&str]) {
        assert_eq!(find(template, line).as_deref(), Some(expected), "of {line:?} in {template:?}");
    }

    #[test]
    fn values_stand_in_the_order_of_the_variables() {
        check("took <*> ms for <*>", "took 3 ms for alice", &["3", "alice"]);
        check("<*>", "any thing", &["any thing"]);
        check("<*> at <*>:<*> done", "  a at b:c\t done \r\n", &["a", "b", "c"]);
        check("plain words", "plain   words", &[]);
        check("user=<*>, id=<*>", "user=, id=7", &["", "7"]);
        check("<*> of <*> of x", "1 of 2 of 3 of x", &["1", "2 of 3"]);
        check("\u{fc}ber <*>", "\u{fc}ber \u{e4}rger", &["\u{e4}rger"]);
    }

    #[test]
    fn a_line_of_another_template_has_none() {
        for (template, line) in [("a <*> c", "a b d"), ("a <*>", "b a x"), ("a", "a b"), ("a <*> c <*>", "a c")] {
            assert_eq!(find(template, line), None, "{line:?} in {template:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_line_fits_its_own_mask(line in "([ -~]|\\PC|\n){0,80}") {
            let template = mask(&line);
            let values = find(&template, &line);
            proptest::prop_assert!(values.is_some(), "{:?} does not fit {:?}", line, template);
            let is_plain = !line.contains(WILD_TEXT);
            proptest::prop_assert!(!is_plain || values.is_some_and(|it| it.len() == template.matches(WILD_TEXT).count()));
        }
    }
}
