//! Which topics are asked for, and what do their parts say? `sensors/{host}/{__name__}` asks for `sensors/+/+`.

/// A topic with places for labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// `sensors`
    Literal(String),
    /// `{host}`: one part of the topic, which is the value of this label.
    Label(String),
    /// `+`: any one part.
    Any,
    /// `#`: all that follows.
    Rest,
}

impl Template {
    /// Reads a template; an error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a topic is needed, for example `sensors/{host}/{__name__}`".to_owned());
        }
        let n_parts = text.split('/').count();
        let mut parts: Vec<Part> = vec![];
        for (idx, part) in text.split('/').enumerate() {
            let part = match part.strip_prefix('{').map(|it| it.strip_suffix('}')) {
                Some(Some(name)) if !name.is_empty() && !name.contains(['{', '}', '+', '#']) => {
                    Part::Label(name.to_owned())
                }
                Some(_) => return Err(format!("{part:?} is no label; a label is a whole part, such as `/{{host}}/`")),
                None if part == "+" => Part::Any,
                None if part == "#" && idx + 1 == n_parts => Part::Rest,
                None if part.contains(['+', '#', '{', '}', '\0']) => {
                    return Err(format!("{part:?}: `+`, `#` and labels are whole parts, and `#` is the last"));
                }
                None => Part::Literal(part.to_owned()),
            };
            if matches!(part, Part::Label(_)) && parts.contains(&part) {
                return Err("a label occurs twice".to_owned());
            }
            parts.push(part);
        }
        Ok(Self { parts })
    }

    /// What the broker is asked for.
    pub(crate) fn filter(&self) -> String {
        let part = |it: &Part| match it {
            Part::Literal(text) => text.clone(),
            Part::Label(_) | Part::Any => "+".to_owned(),
            Part::Rest => "#".to_owned(),
        };
        self.parts.iter().map(part).collect::<Vec<_>>().join("/")
    }

    /// Labels and their values in a topic; none if it does not fit.
    pub(crate) fn labels<'a>(&'a self, topic: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut labels = vec![];
        let mut rest = topic.split('/');
        for part in &self.parts {
            match part {
                Part::Rest => return Some(labels),
                Part::Any => _ = rest.next()?,
                Part::Literal(text) => _ = rest.next().filter(|it| it == text)?,
                Part::Label(name) => labels.push((name.as_str(), rest.next()?)),
            }
        }
        rest.next().is_none().then_some(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_ask_and_answer() {
        for (template, filter, topic, expected) in [
            (
                "sensors/{host}/{__name__}",
                "sensors/+/+",
                "sensors/a/temp",
                Some(vec![("host", "a"), ("__name__", "temp")]),
            ),
            ("sensors/{host}/{__name__}", "sensors/+/+", "sensors/a", None),
            ("sensors/{host}/{__name__}", "sensors/+/+", "sensors/a/b/c", None),
            ("tele/+/{device}/#", "tele/+/+/#", "tele/x/plug/STATE/1", Some(vec![("device", "plug")])),
            ("a/b", "a/b", "a/b", Some(vec![])),
            ("a/b", "a/b", "a/c", None),
            ("#", "#", "any/thing", Some(vec![])),
            ("/{x}", "/+", "/y", Some(vec![("x", "y")])),
        ] {
            let template = Template::parse(template).unwrap();
            assert_eq!(template.filter(), filter);
            assert_eq!(template.labels(topic), expected, "{topic}");
        }
        for (text, expected) in [
            ("", "a topic is needed"),
            ("a/#/b", "whole parts"),
            ("a/x{b}", "whole parts"),
            ("a/{b}c", "no label"),
            ("a/{}", "no label"),
            ("{a}/{a}", "twice"),
        ] {
            assert!(Template::parse(text).unwrap_err().contains(expected), "{text}");
        }
    }
}
