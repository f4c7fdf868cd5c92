//! Which series does a PromQL expression speak of? Its vector selectors, as Prometheus finds them for exemplars.
//!
//! The expression is read word by word and not evaluated: what stands between the selectors is passed over. Grammar:
//! <https://prometheus.io/docs/prometheus/latest/querying/basics/>.

use regex_lite::{Regex, RegexBuilder};
use signal::Labels;

/// Largest compiled regular expression, in bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;
/// Longest expression, in bytes.
const MAX_EXPRESSION_BYTES: usize = 64 * 1024;
/// Words behind which a list of labels may stand, which is no selector.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Other words that are no metric names.
const WORDS: [&str; 8] = ["and", "or", "unless", "offset", "bool", "atan2", "inf", "nan"];

/// Conditions on labels that must all hold.
#[derive(Debug)]
pub struct Selector(Vec<Condition>);

#[derive(Debug)]
struct Condition {
    label: String,
    test: Test,
    is_negated: bool,
}

#[derive(Debug)]
enum Test {
    Equal(String),
    Matches(Regex),
}

impl Selector {
    /// True if all conditions hold; a label that is missing is empty.
    pub fn fits(&self, labels: &Labels) -> bool {
        self.0.iter().all(|it| it.test.holds(labels.get(&it.label).unwrap_or("")) != it.is_negated)
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Equal(wanted) => value == wanted,
            Self::Matches(regex) => regex.is_match(value),
        }
    }
}

/// All selectors of an expression; a message says where it cannot be read.
pub fn selectors(expression: &str) -> Result<Vec<Selector>, String> {
    if expression.len() > MAX_EXPRESSION_BYTES {
        return Err(format!("longer than {MAX_EXPRESSION_BYTES} bytes"));
    }
    let mut reader = Reader { text: expression, offset: 0 };
    let mut found = vec![];
    let mut open = 0_usize;
    while let Some(next) = reader.peek() {
        match next {
            '{' => found.push(reader.selector(None)?),
            '[' => reader.pass_over_brackets()?,
            '"' | '\'' | '`' => _ = reader.string()?,
            '(' => (open, _) = (open + 1, reader.take()),
            ')' => {
                open = open.checked_sub(1).ok_or_else(|| reader.error("no `)` without `(`"))?;
                reader.take();
            }
            '0'..='9' | '.' => _ = reader.word(|it| it.is_ascii_alphanumeric() || it == '.' || it == '_'),
            it if is_name_start(it) => found.extend(reader.name()?),
            '+' | '-' | '*' | '/' | '%' | '^' | '=' | '!' | '<' | '>' | '~' | '@' | ',' => _ = reader.take(),
            _ => return Err(reader.error("a metric name, a selector, a number or an operator")),
        }
    }
    if open > 0 { Err(reader.error("`)`")) } else { Ok(found) }
}

const fn is_name_start(it: char) -> bool {
    it.is_ascii_alphabetic() || it == '_' || it == ':'
}

struct Reader<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or("")
    }

    /// The next character that is neither blank nor in a comment.
    fn peek(&mut self) -> Option<char> {
        loop {
            let next = self.rest().chars().next()?;
            match next {
                '#' => self.offset += self.rest().find('\n').unwrap_or(self.rest().len()),
                it if it.is_whitespace() => self.offset += it.len_utf8(),
                it => return Some(it),
            }
        }
    }

    fn take(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.offset += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.take();
        }
        is_there
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let word = rest.get(..rest.find(|it| !belongs(it)).unwrap_or(rest.len())).unwrap_or("");
        self.offset += word.len();
        word
    }

    fn error(&self, expected: &str) -> String {
        format!("1:{}: parse error: {expected} expected", self.offset + 1)
    }

    /// A name: of a function or an aggregation, a word of the language, or a metric with or without conditions.
    fn name(&mut self) -> Result<Option<Selector>, String> {
        let name = self.word(|it| it.is_ascii_alphanumeric() || it == '_' || it == ':');
        let lower = name.to_ascii_lowercase();
        if BEFORE_LABELS.contains(&lower.as_str()) {
            if self.peek() == Some('(') {
                self.pass_over_labels()?;
            }
            return Ok(None);
        }
        let begin = self.offset;
        let is_called = self.peek() == Some('(') || {
            // `sum by (label) (...)`.
            let next = self.word(|it| it.is_ascii_alphanumeric() || it == '_').to_ascii_lowercase();
            self.offset = begin;
            matches!(next.as_str(), "by" | "without")
        };
        if is_called || WORDS.contains(&lower.as_str()) { Ok(None) } else { self.selector(Some(name)).map(Some) }
    }

    /// `{label="value", ...}`, behind a name or not.
    fn selector(&mut self, name: Option<&str>) -> Result<Selector, String> {
        let is_name = |value: &str| Condition {
            label: "__name__".to_owned(),
            test: Test::Equal(value.to_owned()),
            is_negated: false,
        };
        let mut conditions: Vec<Condition> = name.map(is_name).into_iter().collect();
        if self.eat('{') {
            while !self.eat('}') {
                let is_quoted = matches!(self.peek(), Some('"' | '\''));
                let label = match self.peek() {
                    Some('"' | '\'') => self.string()?,
                    Some(it) if is_name_start(it) => {
                        self.word(|it| it.is_ascii_alphanumeric() || it == '_' || it == ':').to_owned()
                    }
                    _ => return Err(self.error("a label name or `}`")),
                };
                // A text alone is the metric's name.
                let is_alone = matches!(self.peek(), Some(',' | '}'));
                conditions.push(if is_quoted && is_alone { is_name(&label) } else { self.condition(label)? });
                if !self.eat(',') && self.peek() != Some('}') {
                    return Err(self.error("`,` or `}`"));
                }
            }
        }
        // One that all series fit is refused, as in Prometheus.
        if conditions.iter().all(|it| it.test.holds("") != it.is_negated) {
            return Err(self.error("a selector with at least one condition that the empty text does not fulfill"));
        }
        Ok(Selector(conditions))
    }

    fn condition(&mut self, label: String) -> Result<Condition, String> {
        self.peek();
        let operator = ["=~", "!~", "!=", "="].into_iter().find(|it| self.rest().starts_with(it));
        let operator = operator.ok_or_else(|| self.error("`=`, `!=`, `=~` or `!~`"))?;
        self.offset += operator.len();
        if !matches!(self.peek(), Some('"' | '\'' | '`')) {
            return Err(self.error("a text in quotes"));
        }
        let value = self.string()?;
        let test = match operator {
            "=~" | "!~" => Test::Matches(
                RegexBuilder::new(&format!("^(?s:{value})$"))
                    .size_limit(MAX_REGEX_BYTES)
                    .build()
                    .map_err(|error| format!("regular expression {value:?} of {label}: {error}"))?,
            ),
            _ => Test::Equal(value),
        };
        Ok(Condition { label, test, is_negated: operator.starts_with('!') })
    }

    /// A text in quotes; in back quotes nothing is escaped.
    fn string(&mut self) -> Result<String, String> {
        let quote = self.take().unwrap_or('"');
        let mut text = String::new();
        while let Some(next) = self.take() {
            match next {
                it if it == quote => return Ok(text),
                '\\' if quote != '`' => text.push(match self.take() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some(it @ ('\\' | '"' | '\'')) => it,
                    _ => return Err(self.error(r#"one of \\ \" \' \n \r \t"#)),
                }),
                it => text.push(it),
            }
        }
        Err(self.error("a closing quote"))
    }

    /// `[5m]`, `[1h:1m]`.
    fn pass_over_brackets(&mut self) -> Result<(), String> {
        let end = self.rest().find(']').ok_or_else(|| self.error("`]`"))?;
        self.offset += end + 1;
        Ok(())
    }

    /// `(label, ...)`.
    fn pass_over_labels(&mut self) -> Result<(), String> {
        let end = self.rest().find(')').ok_or_else(|| self.error("`)` behind labels"))?;
        self.offset += end + 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The series of a small world that the selectors of an expression fit.
    fn found(expression: &str) -> String {
        let world = [
            ("x_bucket", "pay", "0.5"),
            ("x_bucket", "cart", "+Inf"),
            ("x_total", "pay", ""),
            ("by_hand", "cart", ""),
            ("my.name", "pay", ""),
        ];
        let selectors = match selectors(expression) {
            Ok(selectors) => selectors,
            Err(error) => return format!("error {error}"),
        };
        let labels = world.map(|(name, service, le)| Labels::metric(name, &[("service", service), ("le", le)]));
        let fitting = labels.iter().filter(|it| selectors.iter().any(|selector| selector.fits(it)));
        fitting.map(|it| format!("{}/{}", it.name(), it.service().unwrap_or("-"))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn selectors_are_found_wherever_they_stand() {
        for (expression, expected) in [
            ("x_total", "x_total/pay"),
            ("x_bucket{service=\"pay\"}", "x_bucket/pay"),
            ("rate(x_bucket[5m])", "x_bucket/pay x_bucket/cart"),
            ("histogram_quantile(0.95, sum by (le) (rate(x_bucket{le!=\"+Inf\"}[5m])))", "x_bucket/pay"),
            (
                "sum(rate(x_bucket[1m:10s] offset 5m @ 1609746000)) by (le, service) / on (le) group_left () x_total > bool 1e-3",
                "x_bucket/pay x_bucket/cart x_total/pay",
            ),
            ("{__name__=~\"x_.*\", service!~\"ca.t\",}", "x_bucket/pay x_total/pay"),
            ("{\"my.name\"}", "my.name/pay"),
            (
                "label_replace(by_hand, \"a\", \"$1\", 'x_total', `(.*)`) or -x_total{le=\"\"} # x_bucket\n",
                "x_total/pay by_hand/cart",
            ),
            ("x_total{service=~\"pay|cart\"} unless absent(nothing)", "x_total/pay"),
            ("1 + 2", ""),
        ] {
            assert_eq!(found(expression), expected, "{expression}");
        }
    }

    #[test]
    fn regular_expressions_hold_for_the_whole_value() {
        assert_eq!(found("{__name__=\"x_bucket\", service=~\"pa\"}"), "");
        assert_eq!(found("{__name__=\"x_bucket\", service=~\"p|cart\"}"), "x_bucket/cart");
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        for (expression, expected) in [
            ("rate(x[5m]", "1:11: parse error: `)` expected"),
            ("x)", "1:2: parse error: no `)` without `(` expected"),
            ("x{a}", "1:4: parse error: `=`, `!=`, `=~` or `!~` expected"),
            ("x{a=b}", "1:5: parse error: a text in quotes expected"),
            ("x{a=\"b}", "1:8: parse error: a closing quote expected"),
            ("x[5m", "1:2: parse error: `]` expected"),
            ("x{a=\"b\" c=\"d\"}", "1:9: parse error: `,` or `}` expected"),
            ("x ; y", "1:3: parse error"),
            ("{}", "at least one condition"),
            ("{a=~\".*\"}", "at least one condition"),
            ("{a=~\"(\"}", "regular expression \"(\" of a:"),
            ("{a=~\"((a{1000}){1000}){1000}\"}", "regular expression"),
        ] {
            assert!(found(expression).contains(expected), "{expression}: {}", found(expression));
        }
        assert!(found(&"(".repeat(100_000)).contains("longer than"));
    }
}
