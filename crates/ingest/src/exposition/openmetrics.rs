//! Does a body follow OpenMetrics? Families one after the other, each with its metadata first, `# EOF` at the end.

use std::collections::HashSet;

use super::family::Kind;
use super::group::{Group, identity};
use super::line::{Sample, Scanner};
use super::{Collector, Format, at_line, moment, value};
use crate::Error;

pub(super) fn parse(text: &str, collector: &mut Collector<'_>) -> Result<(), Error> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let body = match body.strip_suffix("# EOF") {
        Some(body) if body.is_empty() || body.ends_with('\n') => body,
        _ => return Err(Error::malformed("exposition", "the last line is not `# EOF`; the body may be cut off")),
    };
    let mut reader = Reader::default();
    for (idx, line) in body.split_terminator('\n').enumerate() {
        reader.line(idx, line, collector).map_err(|it| at_line(idx, it))?;
    }
    reader.family.finish().map_err(|it| Error::malformed("exposition", format!("at the end: {it}")))
}

#[derive(Default)]
struct Reader {
    family: Family,
    /// Names that earlier families may use for their samples.
    taken: HashSet<String>,
}

#[derive(Default)]
struct Family {
    name: String,
    kind: Option<Kind>,
    unit: Option<String>,
    has_help: bool,
    group: Option<Group>,
    finished_groups: HashSet<String>,
}

impl Reader {
    fn line(&mut self, idx: usize, line: &str, collector: &mut Collector<'_>) -> Result<(), String> {
        if line.is_empty() {
            return Err("no blank line is allowed".to_owned());
        }
        match line.strip_prefix('#') {
            Some(rest) => self.metadata(rest),
            None => self.sample(idx, line, collector),
        }
    }

    /// ` TYPE name type`, ` HELP name text`, ` UNIT name unit`.
    fn metadata(&mut self, rest: &str) -> Result<(), String> {
        let wrong = || "`# TYPE`, `# HELP`, `# UNIT` with a name and a text, or `# EOF` at the end expected".to_owned();
        let (word, rest) = rest.strip_prefix(' ').and_then(|it| it.split_once(' ')).ok_or_else(wrong)?;
        let (name, text) = rest.split_once(' ').ok_or_else(wrong)?;
        let name = name.trim_matches('"');
        if name.is_empty() || name.contains(['\t', ' ']) {
            return Err(wrong());
        }
        if self.family.name != name {
            self.begin(name)?;
        }
        if self.family.group.is_some() {
            return Err(format!("metadata of {name} must stand before its samples"));
        }
        let is_repeated = match word {
            "TYPE" => {
                let kind = Kind::parse(text).ok_or_else(|| format!("type {text:?} is unknown"))?;
                if kind.suffixes().iter().any(|it| self.taken.contains(&format!("{name}{it}"))) {
                    return Err(format!("a sample name of {name} belongs to a family before"));
                }
                self.family.kind.replace(kind).is_some()
            }
            "HELP" => std::mem::replace(&mut self.family.has_help, true),
            "UNIT" => self.family.unit.replace(text.to_owned()).is_some(),
            _ => return Err(wrong()),
        };
        if is_repeated { Err(format!("{word} of {name} is given twice")) } else { self.family.check_unit() }
    }

    fn sample(&mut self, idx: usize, line: &str, collector: &mut Collector<'_>) -> Result<(), String> {
        let sample = Scanner::new(line, Format::OpenMetrics).sample()?;
        let number = value(sample.value).ok_or_else(|| format!("value {:?} is no number", sample.value))?;
        let seconds = match sample.timestamp {
            None => None,
            Some(text) => {
                let seconds = value(text).filter(|it| it.is_finite());
                Some(seconds.ok_or_else(|| format!("timestamp {text:?} is no finite number"))?)
            }
        };
        if self.family.suffix(&sample.name).is_none() {
            self.begin(&sample.name)?;
        }
        self.family.add(&sample, number, seconds)?;
        collector.add(idx, &sample, seconds.map(moment), number);
        Ok(())
    }

    /// A new family; its names must not be those of a family before.
    fn begin(&mut self, name: &str) -> Result<(), String> {
        self.family.finish()?;
        let before = std::mem::take(&mut self.family);
        if !before.name.is_empty() {
            for suffix in before.kind.unwrap_or_default().suffixes() {
                self.taken.insert(format!("{}{suffix}", before.name));
            }
            self.taken.insert(before.name);
        }
        if self.taken.contains(name) {
            return Err(format!("{name} belongs to a family that is already complete"));
        }
        self.family.name = name.to_owned();
        Ok(())
    }
}

impl Family {
    /// What the sample's name adds to the family's; None if the sample is not of this family.
    fn suffix(&self, sample: &str) -> Option<&'static str> {
        let added = sample.strip_prefix(self.name.as_str()).filter(|_| !self.name.is_empty())?;
        self.kind.unwrap_or_default().suffixes().iter().copied().find(|it| *it == added)
    }

    fn check_unit(&self) -> Result<(), String> {
        let Some(unit) = self.unit.as_ref().filter(|it| !it.is_empty()) else { return Ok(()) };
        if !self.name.ends_with(&format!("_{unit}")) {
            return Err(format!("the name {} does not end with its unit {unit}", self.name));
        }
        if matches!(self.kind, Some(Kind::Info | Kind::StateSet)) {
            return Err("info and stateset have no unit".to_owned());
        }
        Ok(())
    }

    fn add(&mut self, sample: &Sample<'_>, number: f64, seconds: Option<f64>) -> Result<(), String> {
        let kind = self.kind.unwrap_or_default();
        let suffix = self.suffix(&sample.name).unwrap_or("");
        kind.check(&self.name, suffix, sample, number)?;
        let mut names = HashSet::new();
        if let Some((name, _)) = sample.labels.iter().find(|(name, _)| !names.insert(name)) {
            return Err(format!("label {name} occurs twice"));
        }
        let inner = kind.inner_label(&self.name);
        let outer = sample.labels.iter().filter(|(name, _)| Some(&**name) != inner);
        let key = identity(&self.name, outer.map(|(name, value)| (&**name, &**value)));
        if self.group.as_ref().is_none_or(|it| it.key != key) {
            self.finish()?;
            self.finished_groups.extend(self.group.take().map(|it| it.key));
            if self.finished_groups.contains(&key) {
                return Err("samples of one metric must stand together".to_owned());
            }
            self.group = Some(Group::new(key));
        }
        self.group.as_mut().map_or(Ok(()), |it| it.add(suffix, sample, number, seconds))
    }

    fn finish(&self) -> Result<(), String> {
        self.group.as_ref().map_or(Ok(()), |it| it.finish(self.kind.unwrap_or_default()))
    }
}
