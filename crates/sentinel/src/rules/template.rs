//! What do texts of rules become? The part of Go's templates that rules use: values, labels, pipelines of functions, and
//! conditions. <https://prometheus.io/docs/prometheus/latest/configuration/template_reference/>

use std::collections::BTreeMap;

use super::numbers::{go_g, humanize, humanize_1024, humanize_duration, percentage};

/// A template that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Value(Pipeline),
    If { condition: Pipeline, then: Vec<Part>, otherwise: Vec<Part> },
}

/// Calls, the value of each being the last argument of the next.
type Pipeline = Vec<Vec<Operand>>;

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Value,
    Label(String),
    Labels,
    External(String),
    ExternalUrl,
    Text(String),
    Number(f64),
    Function(&'static str),
}

/// What a template may speak of.
pub struct Subject<'a> {
    /// `$value`.
    pub value: f64,
    /// `$labels`.
    pub labels: &'a BTreeMap<String, String>,
    /// `$externalLabels`.
    pub external_labels: &'a BTreeMap<String, String>,
    /// `$externalURL`.
    pub external_url: &'a str,
}

#[derive(Clone, Debug)]
enum Result {
    Text(String),
    Number(f64),
}

const FUNCTIONS: [&str; 17] = [
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "printf",
    "title",
    "toUpper",
    "toLower",
    "index",
    "eq",
    "ne",
    "gt",
    "lt",
    "ge",
    "le",
    "stripPort",
];

impl Template {
    /// Reads a template; the error says what cannot be understood.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut reader = Reader { rest: text };
        let parts = reader.parts(0)?.0;
        Ok(Self { text: text.to_owned(), parts })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// With everything put in; the error says what could not be.
    pub fn expand(&self, subject: &Subject<'_>) -> std::result::Result<String, String> {
        let mut out = String::new();
        expand(&self.parts, subject, &mut out)?;
        Ok(out)
    }
}

fn expand(parts: &[Part], subject: &Subject<'_>, out: &mut String) -> std::result::Result<(), String> {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Value(pipeline) => out.push_str(&subject.run(pipeline)?.text()),
            Part::If { condition, then, otherwise } => {
                let is_true = match subject.run(condition)? {
                    Result::Text(it) => !it.is_empty() && it != "false",
                    Result::Number(it) => it != 0.0,
                };
                expand(if is_true { then } else { otherwise }, subject, out)?;
            }
        }
    }
    Ok(())
}

struct Reader<'a> {
    rest: &'a str,
}

/// Conditions within one another.
const MAX_DEPTH: usize = 20;

impl Reader<'_> {
    /// Parts up to the end, or to `else` or `end`, which is returned.
    fn parts(&mut self, depth: usize) -> std::result::Result<(Vec<Part>, &'static str), String> {
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} conditions within one another"));
        }
        let mut parts = vec![];
        while let Some((text, behind)) = self.rest.split_once("{{") {
            let (action, rest) = behind.split_once("}}").ok_or("`}}` expected behind `{{`")?;
            self.rest = rest;
            let mut text = text;
            let mut action = action;
            if let Some(it) = action.strip_prefix("- ") {
                (action, text) = (it, text.trim_end());
            }
            if let Some(it) = action.strip_suffix(" -") {
                action = it;
                self.rest = self.rest.trim_start();
            }
            let action = action.trim();
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            match action.split_whitespace().next().unwrap_or("") {
                "end" => return Ok((parts, "end")),
                "else" => return Ok((parts, "else")),
                "if" => parts.push(self.condition(action.get(2..).unwrap_or(""), depth)?),
                word @ ("range" | "with" | "template" | "define" | "block") => {
                    return Err(format!("`{word}` is not supported; `if`, `else` and `end` are"));
                }
                _ if action.starts_with("/*") => {}
                _ => parts.push(Part::Value(pipeline(action)?)),
            }
        }
        if !self.rest.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut self.rest).to_owned()));
        }
        if depth > 0 { Err("`{{ end }}` expected".to_owned()) } else { Ok((parts, "")) }
    }

    fn condition(&mut self, action: &str, depth: usize) -> std::result::Result<Part, String> {
        let condition = pipeline(action)?;
        let (then, word) = self.parts(depth + 1)?;
        let otherwise = if word == "else" { self.parts(depth + 1)?.0 } else { vec![] };
        Ok(Part::If { condition, then, otherwise })
    }
}

fn pipeline(action: &str) -> std::result::Result<Pipeline, String> {
    let mut calls = vec![vec![]];
    let mut rest = action.trim();
    while let Some(first) = rest.chars().next() {
        if first == '|' {
            calls.push(vec![]);
            rest = rest.get(1..).unwrap_or("").trim_start();
            continue;
        }
        let (operand, behind) = operand(rest)?;
        calls.last_mut().ok_or("an operand expected")?.push(operand);
        rest = behind.trim_start();
    }
    let is_good = calls.iter().enumerate().all(|(idx, call)| match call.first() {
        Some(Operand::Function(_)) => true,
        Some(_) => call.len() == 1 && idx == 0,
        None => false,
    });
    if is_good { Ok(calls) } else { Err(format!("{action:?}: a value or a function expected")) }
}

fn operand(rest: &str) -> std::result::Result<(Operand, &str), String> {
    for quote in ['"', '`'] {
        if let Some(inner) = rest.strip_prefix(quote) {
            let (text, behind) =
                inner.split_once(quote).ok_or_else(|| format!("{rest:?}: a closing quote expected"))?;
            return Ok((Operand::Text(text.replace("\\n", "\n")), behind));
        }
    }
    let end = rest.find(|it: char| it.is_whitespace() || it == '|').unwrap_or(rest.len());
    let (word, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let operand = match word {
        "$value" | ".Value" => Operand::Value,
        "$labels" | ".Labels" => Operand::Labels,
        "$externalURL" | ".ExternalURL" => Operand::ExternalUrl,
        _ => {
            let of = |prefixes: [&str; 2]| prefixes.iter().find_map(|it| word.strip_prefix(it)).map(str::to_owned);
            if let Some(name) = of(["$labels.", ".Labels."]) {
                Operand::Label(name)
            } else if let Some(name) = of(["$externalLabels.", ".ExternalLabels."]) {
                Operand::External(name)
            } else if let Ok(number) = word.parse() {
                Operand::Number(number)
            } else if let Some(name) = FUNCTIONS.into_iter().find(|it| *it == word) {
                Operand::Function(name)
            } else {
                let known = FUNCTIONS.join(", ");
                return Err(format!("{word:?} is not known; $value, $labels.NAME and the functions {known} are"));
            }
        }
    };
    Ok((operand, behind))
}

impl Result {
    fn text(&self) -> String {
        match self {
            Self::Text(it) => it.clone(),
            Self::Number(it) => go_g(*it),
        }
    }

    fn number(&self) -> std::result::Result<f64, String> {
        match self {
            Self::Number(it) => Ok(*it),
            Self::Text(it) => it.parse().map_err(|_| format!("{it:?} is not a number")),
        }
    }
}

impl Subject<'_> {
    fn run(&self, pipeline: &Pipeline) -> std::result::Result<Result, String> {
        let mut piped = None;
        for call in pipeline {
            piped = Some(self.call(call, piped)?);
        }
        piped.ok_or_else(|| "nothing to put in".to_owned())
    }

    fn call(&self, call: &[Operand], piped: Option<Result>) -> std::result::Result<Result, String> {
        let Some((first, rest)) = call.split_first() else { return Err("a value expected".to_owned()) };
        let Operand::Function(name) = first else { return self.value(first) };
        if *name == "index" {
            let [Operand::Labels, key] = rest else { return Err("index: $labels and a name expected".to_owned()) };
            let key = self.value(key)?.text();
            return Ok(Result::Text(self.labels.get(&key).cloned().unwrap_or_default()));
        }
        let mut arguments: Vec<Result> = rest.iter().map(|it| self.value(it)).collect::<std::result::Result<_, _>>()?;
        arguments.extend(piped);
        apply(name, &arguments)
    }

    fn value(&self, operand: &Operand) -> std::result::Result<Result, String> {
        let text = |map: &BTreeMap<String, String>, name: &String| map.get(name).cloned().unwrap_or_default();
        Ok(match operand {
            Operand::Value => Result::Number(self.value),
            Operand::Label(name) => Result::Text(text(self.labels, name)),
            Operand::External(name) => Result::Text(text(self.external_labels, name)),
            Operand::ExternalUrl => Result::Text(self.external_url.to_owned()),
            Operand::Text(it) => Result::Text(it.clone()),
            Operand::Number(it) => Result::Number(*it),
            Operand::Labels => {
                let pairs: Vec<String> = self.labels.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                Result::Text(format!("map[{}]", pairs.join(" ")))
            }
            Operand::Function(name) => return Err(format!("{name}: a value expected")),
        })
    }
}

fn apply(name: &str, arguments: &[Result]) -> std::result::Result<Result, String> {
    if name == "printf" {
        return printf(arguments).map(Result::Text);
    }
    let truth = |it: bool| Ok(Result::Text(it.to_string()));
    match (name, arguments) {
        ("eq", [a, b]) => return truth(a.text() == b.text()),
        ("ne", [a, b]) => return truth(a.text() != b.text()),
        ("gt", [a, b]) => return truth(a.number()? > b.number()?),
        ("lt", [a, b]) => return truth(a.number()? < b.number()?),
        ("ge", [a, b]) => return truth(a.number()? >= b.number()?),
        ("le", [a, b]) => return truth(a.number()? <= b.number()?),
        _ => {}
    }
    let [argument] = arguments else { return Err(format!("{name}: one value expected")) };
    Ok(Result::Text(match name {
        "humanize" => humanize(argument.number()?),
        "humanize1024" => humanize_1024(argument.number()?),
        "humanizeDuration" => humanize_duration(argument.number()?),
        "humanizePercentage" => percentage(argument.number()?),
        "humanizeTimestamp" => {
            let millis = (argument.number()? * 1000.0) as i64;
            signal::Timestamp::from_millis(millis).to_string().replace('T', " ").replace('Z', " +0000 UTC")
        }
        "toUpper" => argument.text().to_uppercase(),
        "toLower" => argument.text().to_lowercase(),
        "title" => {
            let text = argument.text();
            let mut letters = text.chars();
            letters.next().map(|it| it.to_uppercase().chain(letters).collect()).unwrap_or_default()
        }
        "stripPort" => {
            let text = argument.text();
            text.rsplit_once(':').map_or(text.clone(), |(host, _)| host.to_owned())
        }
        other => return Err(format!("{other}: two values expected")),
    }))
}

/// `%s`, `%v`, `%q`, `%d`, `%f`, `%g`, `%e` with a precision, and `%%`.
fn printf(arguments: &[Result]) -> std::result::Result<String, String> {
    let (format, mut arguments) = match arguments.split_first() {
        Some((format, rest)) => (format.text(), rest.iter()),
        None => return Err("printf: a format expected".to_owned()),
    };
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut precision = String::new();
        let verb = loop {
            match letters.next() {
                Some(it) if it.is_ascii_digit() || it == '.' => precision.push(it),
                Some(it) => break it,
                None => return Err("printf: a letter expected behind `%`".to_owned()),
            }
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let argument = arguments.next().ok_or("printf: too few values")?;
        let digits = precision.split_once('.').and_then(|(_, it)| it.parse::<usize>().ok()).map(|it| it.min(100));
        match verb {
            's' | 'v' => out.push_str(&argument.text()),
            'q' => out.push_str(&format!("{:?}", argument.text())),
            'd' => out.push_str(&format!("{}", argument.number()? as i64)),
            'f' => out.push_str(&format!("{:.*}", digits.unwrap_or(6), argument.number()?)),
            'g' => out.push_str(&digits.map_or_else(
                || argument.number().map(go_g),
                |it| argument.number().map(|value| super::numbers::g(value, it)),
            )?),
            other => return Err(format!("printf: %{other} is not known; %s, %v, %q, %d, %f and %g are")),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 371 of docs/specs/query-api.md.
    #[test]
    fn templates_say_what_those_of_prometheus_say() {
        let labels = [("instance", "web-1:9100"), ("job", "shop")];
        let labels: BTreeMap<String, String> = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let external = BTreeMap::from([("region".to_owned(), "north".to_owned())]);
        let check = |value: f64, text: &str, expected: &str| {
            let subject = Subject { value, labels: &labels, external_labels: &external, external_url: "http://s" };
            assert_eq!(Template::parse(text).unwrap().expand(&subject).as_deref(), Ok(expected), "{text}");
        };
        check(17.0, "{{ $value }} jobs of {{ $labels.job }}", "17 jobs of shop");
        check(
            1_234_567.0,
            "{{$value}} {{ .Value | humanize }} {{ humanize1024 $value }}",
            "1.234567e+06 1.235M 1.177Mi",
        );
        check(0.1234, "{{ $value | humanizePercentage }}", "12.34%");
        check(90_061.0, "{{ humanizeDuration $value }}", "1d 1h 1m 1s");
        check(0.0321, "{{ humanizeDuration $value }} {{ humanize $value }}", "32.1ms 32.1m");
        check(2.5, r#"{{ printf "%.2f of %s, %d%%" $value $labels.job 80 }}"#, "2.50 of shop, 80%");
        check(2.5, r#"{{ $value | printf "%.1f" }} {{ index $labels "job" | toUpper }}"#, "2.5 SHOP");
        check(2.0, r#"{{ if gt $value 1 }}many{{ else }}few{{ end }}"#, "many");
        check(2.0, r#"{{ if eq $labels.job "x" }}x{{- else -}} y {{- end }}."#, "y.");
        check(
            0.0,
            "{{ $labels.none }}{{ $externalLabels.region }} {{ $externalURL }} {{ $labels.instance | stripPort }}",
            "north http://s web-1",
        );
        check(1_769_860_800.0, "{{ humanizeTimestamp $value }}", "2026-01-31 12:00:00.000 +0000 UTC");
        for wrong in
            ["{{ $value", "{{ nothing }}", "{{ range query }}", "{{ if $value }}x", "{{ }}", "{{ $value $value }}"]
        {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }
}
