//! Was said what had to be said? Errors, warnings and infos against what a script expects.

use regex_lite::Regex;

use super::command::{Eval, Expect, ExpectKind, Words};
use crate::answer::Answer;

impl Words {
    fn fit(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(words) => words == text,
            Self::Pattern(pattern) => Regex::new(pattern).is_ok_and(|it| it.is_match(text)),
        }
    }
}

/// Checks the text of an error.
pub(super) fn error(eval: &Eval, text: &str) -> Result<(), String> {
    let mut expects = eval.expects.iter().filter(|it| it.kind == ExpectKind::Fail);
    match expects.find(|it| !it.words.fit(text)) {
        Some(it) => Err(format!("failed with {text:?}, expected {:?}", it.words)),
        None => Ok(()),
    }
}

/// Checks warnings and infos.
pub(super) fn annotations(eval: &Eval, answer: &Answer) -> Result<(), String> {
    texts(eval, ExpectKind::Warn, ExpectKind::NoWarn, &answer.warnings)?;
    texts(eval, ExpectKind::Info, ExpectKind::NoInfo, &answer.infos)
}

fn texts(eval: &Eval, wanted: ExpectKind, unwanted: ExpectKind, texts: &[String]) -> Result<(), String> {
    let of = |kind: ExpectKind| eval.expects.iter().filter(move |it| it.kind == kind);
    if of(unwanted).next().is_some() && !texts.is_empty() {
        return Err(format!("unexpected annotations {texts:?}"));
    }
    let wanted: Vec<&Expect> = of(wanted).collect();
    if let Some(missing) = wanted.iter().find(|it| !texts.iter().any(|text| it.words.fit(text))) {
        return Err(format!("expected annotation {:?}, got {texts:?}", missing.words));
    }
    match texts.iter().find(|text| !wanted.is_empty() && !wanted.iter().any(|it| it.words.fit(text))) {
        Some(text) => Err(format!("unexpected annotation {text:?}")),
        None => Ok(()),
    }
}
