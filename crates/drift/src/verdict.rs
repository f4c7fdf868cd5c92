//! Did a column drift? Asks `learn::drift` with what the profiles hold, and tells the answer in the report's words.

use std::collections::{BTreeMap, HashSet};

use learn::drift::evidently::{self, Numbers as Typed, Test};
use learn::drift::{self as tests, Method, Options, Sample, number_name};

use crate::categories::Categories;
use crate::column::{ColumnProfile, Data};
use crate::config::{Config, Mode};
use crate::kind::Kind;
use crate::numbers::{NumberForm, Numbers};
use crate::report::{Asked, ColumnReport, Finding};
use crate::texts::{self, Descriptor};

/// The category of words that were not kept.
const OTHERS: &str = "(all others)";
/// Larger effects are told as this.
const LARGEST_EFFECT: f64 = 1e6;
/// Different values up to which Evidently takes integers for categories.
const INTEGER_CODES: f64 = 10.0;
/// Share of different words from which on Evidently takes a column for texts.
const TEXT: f64 = 0.5;
/// Distances without a p-value are drift from here on, unless the user says otherwise.
const DISTANCE: f64 = 0.1;

/// What a column is taken for when its test is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Numbers,
    Categories,
    Texts,
}

impl Taken {
    /// By our rules.
    const fn of(column: &ColumnProfile) -> Self {
        match column.kind {
            Kind::Number => Self::Numbers,
            Kind::Category => Self::Categories,
            Kind::Text | Kind::Time | Kind::Empty => Self::Texts,
        }
    }

    /// By Evidently's, which looks at the current data alone: integers with few different values are categories, and
    /// words are texts if more than half of the cells differ, however few there are.
    fn by_evidently(current: &ColumnProfile) -> Result<Self, String> {
        match &current.data {
            Data::Numbers(_) if is_of_codes(current) => Ok(Self::Categories),
            Data::Words(it) if are_flags(it) => match current.missing {
                0 => Ok(Self::Categories),
                _ => Err("Evidently leaves out booleans of which some are missing".to_owned()),
            },
            Data::Words(_) if current.distinct().0 > TEXT * current.count() as f64 => Ok(Self::Texts),
            Data::Words(_) => Ok(Self::Categories),
            Data::Numbers(_) | Data::Empty => Ok(Self::Numbers),
        }
    }
}

fn are_flags(words: &Categories) -> bool {
    words.counts.iter().all(|it| it.0.eq_ignore_ascii_case("true") || it.0.eq_ignore_ascii_case("false"))
}

/// Compares two columns of the same kind; the reason if that is not possible.
pub fn judge(reference: &ColumnProfile, current: &ColumnProfile, config: &Config) -> Result<Finding, String> {
    if config.mode == Mode::Evidently {
        return as_evidently(reference, current, config);
    }
    let taken = Taken::of(reference);
    let method = method(&reference.name, taken, config)?;
    let options = options(config);
    let finding = match (&reference.data, &current.data) {
        (Data::Numbers(a), Data::Numbers(b)) => {
            let (a, b) = (Values::of(a), Values::of(b));
            ask(method, &a.sample(), &b.sample(), &options)?
        }
        (Data::Words(a), Data::Words(b)) => {
            let (a, b) = words(a, b);
            ask(method, &Sample::Categories(&a), &Sample::Categories(&b), &options)?
        }
        _ => return Err(not_comparable(reference, current)),
    };
    Ok(told(finding, threshold(&reference.name, taken, config), &options))
}

/// Compares two columns of free text: the smallest p-value of the numbers that describe them, times their number.
pub fn of_texts(
    reference: &ColumnProfile,
    current: &ColumnProfile,
    config: &Config,
) -> Result<(Finding, Vec<Descriptor>), String> {
    if !matches!(current.data, Data::Words(_)) {
        return Err(not_comparable(reference, current));
    }
    let options = options(config);
    let all = texts::compare(&reference.texts, &current.texts, &options)?;
    let n = all.len() as f64;
    let p_of = |it: &Descriptor| it.p_value.unwrap_or(1.0);
    // Among equally sure ones the largest is told.
    let order = |a: &&Descriptor, b: &&Descriptor| p_of(a).total_cmp(&p_of(b)).then(b.effect.total_cmp(&a.effect));
    let surest = all.iter().min_by(order).ok_or("all texts are the same in every number")?;
    let p_value = (p_of(surest) * n).min(1.0);
    let threshold = threshold(&reference.name, Taken::of(reference), config);
    let finding = Finding {
        method: format!("text_{}", surest.name),
        score: surest.current,
        threshold,
        p_value: Some(p_value),
        adjusted_p: None,
        effect: bounded(surest.effect),
        effect_threshold: Some(options.min_effect),
        drifted: p_value <= threshold.unwrap_or(options.alpha) && surest.effect >= options.min_effect,
        asked: Asked::default(),
    };
    Ok((finding, all))
}

/// Adjusts the p-values of all columns together and judges each anew.
pub fn adjust(columns: &mut [ColumnReport], config: &Config) {
    let options = options(config);
    let mut findings: Vec<&mut Finding> = columns.iter_mut().filter_map(|it| it.finding.as_mut()).collect();
    findings.retain(|it| it.p_value.is_some());
    let p_values: Vec<f64> = findings.iter().filter_map(|it| it.p_value).collect();
    for (finding, adjusted) in findings.into_iter().zip(tests::benjamini_hochberg(&p_values)) {
        finding.adjusted_p = Some(adjusted);
        let alpha = finding.threshold.unwrap_or(options.alpha);
        finding.drifted = adjusted <= alpha && finding.effect >= options.min_effect;
    }
}

fn ask(
    method: Option<Method>,
    reference: &Sample<'_>,
    current: &Sample<'_>,
    options: &Options,
) -> Result<tests::Finding, String> {
    let outcome = match method {
        Some(method) => tests::compare(method, reference, current, options),
        None => tests::verdict(reference, current, options),
    };
    outcome.map_err(|error| error.to_string())
}

fn told(finding: tests::Finding, threshold: Option<f64>, options: &Options) -> Finding {
    let is_distance = finding.p_value.is_none();
    let threshold = if is_distance { Some(threshold.unwrap_or(DISTANCE)) } else { threshold };
    let drifted = match (finding.p_value, threshold) {
        (None, Some(threshold)) => finding.statistic >= threshold,
        (Some(p_value), Some(threshold)) => p_value <= threshold && finding.effect >= options.min_effect,
        (_, None) => finding.drifted,
    };
    Finding {
        method: finding.method.name().to_owned(),
        score: finding.statistic,
        threshold,
        p_value: finding.p_value,
        adjusted_p: finding.adjusted_p_value,
        effect: bounded(finding.effect),
        effect_threshold: (!is_distance).then_some(options.min_effect),
        drifted,
        asked: Asked::default(),
    }
}

fn not_comparable(reference: &ColumnProfile, current: &ColumnProfile) -> String {
    match (&reference.data, &current.data) {
        (Data::Empty, _) => "the reference has no values".to_owned(),
        (_, Data::Empty) => "the current data has no values".to_owned(),
        _ => format!("it was {} and is {}", reference.kind.as_str(), current.kind.as_str()),
    }
}

/// Evidently's test, limit and verdict. The effect is ours, so that columns are in the same order in both modes.
fn as_evidently(reference: &ColumnProfile, current: &ColumnProfile, config: &Config) -> Result<Finding, String> {
    let taken = Taken::by_evidently(current)?;
    let name = method_name(&reference.name, taken, config);
    let test = name.map(|it| it.parse::<Test>().map_err(|error| error.to_string())).transpose()?;
    let limit = threshold(&reference.name, taken, config);
    let (answer, effect) = match (&reference.data, &current.data) {
        (Data::Numbers(a), Data::Numbers(b)) if taken == Taken::Categories => {
            let (a, b) = (code_words(a), code_words(b));
            let (a, b) = (of_codes(&a), of_codes(&b));
            ask_evidently(test, limit, (&Sample::Categories(&a), &Sample::Categories(&b)), Typed::Integers)?
        }
        (Data::Numbers(a), Data::Numbers(b)) => {
            let are_integers = reference.is_integer && current.is_integer;
            let typed = if are_integers { Typed::Integers } else { Typed::Reals };
            let (a, b) = (Values::of(a), Values::of(b));
            ask_evidently(test, limit, (&a.sample(), &b.sample()), typed)?
        }
        (Data::Words(_), Data::Words(_)) if taken == Taken::Texts => {
            return Err("Evidently's classifier of texts is random".to_owned());
        }
        (Data::Words(a), Data::Words(b)) => {
            let (a, b) = words(a, b);
            ask_evidently(test, limit, (&Sample::Categories(&a), &Sample::Categories(&b)), Typed::Reals)?
        }
        _ => return Err(not_comparable(reference, current)),
    };
    Ok(Finding {
        method: answer.test.name().to_owned(),
        score: answer.score,
        threshold: Some(answer.threshold),
        p_value: is_p_value(answer.test).then_some(answer.score).filter(|it| it.is_finite()),
        adjusted_p: None,
        effect: bounded(effect),
        effect_threshold: None,
        drifted: answer.drifted,
        asked: Asked { method: test.is_some(), threshold: limit.is_some() },
    })
}

fn ask_evidently(
    test: Option<Test>,
    limit: Option<f64>,
    (reference, current): (&Sample<'_>, &Sample<'_>),
    numbers: Typed,
) -> Result<(evidently::Answer, f64), String> {
    let is_of_numbers = reference.is_of_numbers();
    test.map_or(Ok(()), |it| it.check_kind(is_of_numbers)).map_err(|error| error.to_string())?;
    let test = test.unwrap_or_else(|| evidently::default_test(reference, current));
    let answer = evidently::run_typed(test, reference, current, limit, numbers).map_err(|error| error.to_string())?;
    let ours = if is_of_numbers { Method::Wasserstein } else { Method::ChiSquare };
    let effect = tests::compare(ours, reference, current, &Options::default()).map_or(0.0, |it| it.effect);
    Ok((answer, effect))
}

/// Evidently takes columns of integers with at most ten different values for categories.
fn is_of_codes(column: &ColumnProfile) -> bool {
    column.is_integer && column.kind == Kind::Number && column.distinct().0 <= INTEGER_CODES
}

fn code_words(numbers: &Numbers) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = numbers.counts().iter().map(|it| (number_name(it.0), it.1)).collect();
    all.sort_unstable();
    all
}

fn of_codes(words: &[(String, u64)]) -> Words<'_> {
    words.iter().map(|it| (it.0.as_str(), it.1)).collect()
}

const fn is_p_value(test: Test) -> bool {
    !matches!(test, Test::JensenShannon | Test::Wasserstein | Test::Psi | Test::KlDiv | Test::Hellinger | Test::Energy)
}

/// A reference without spread makes any difference infinite, which JSON cannot say.
const fn bounded(effect: f64) -> f64 {
    effect.clamp(0.0, LARGEST_EFFECT)
}

fn options(config: &Config) -> Options {
    let defaults = Options::default();
    Options { alpha: config.alpha, min_effect: config.min_effect.unwrap_or(defaults.min_effect), ..defaults }
}

fn method_name<'a>(column: &str, taken: Taken, config: &'a Config) -> Option<&'a String> {
    let of_kind = match taken {
        Taken::Numbers => &config.num_method,
        Taken::Categories => &config.cat_method,
        Taken::Texts => &config.text_method,
    };
    config.per_column_method.get(column).or(of_kind.as_ref()).or(config.method.as_ref())
}

fn method(column: &str, taken: Taken, config: &Config) -> Result<Option<Method>, String> {
    let name = method_name(column, taken, config);
    name.map(|it| it.parse().map_err(|error: tests::UnknownMethod| error.to_string())).transpose()
}

fn threshold(column: &str, taken: Taken, config: &Config) -> Option<f64> {
    let of_kind = match taken {
        Taken::Numbers => config.num_threshold,
        Taken::Categories => config.cat_threshold,
        Taken::Texts => config.text_threshold,
    };
    config.per_column_threshold.get(column).copied().or(of_kind).or(config.threshold)
}

/// Numbers as tests take them.
enum Values<'a> {
    Sorted(&'a [f64]),
    Counted(Vec<f64>, Vec<u64>),
}

impl<'a> Values<'a> {
    fn of(numbers: &'a Numbers) -> Self {
        match &numbers.form {
            NumberForm::Sorted(it) => Self::Sorted(it),
            NumberForm::Counted(_) | NumberForm::Sketched(_) => {
                let (values, counts) = numbers.counts().into_iter().unzip();
                Self::Counted(values, counts)
            }
        }
    }

    fn sample(&self) -> Sample<'_> {
        match self {
            Self::Sorted(it) => Sample::Numbers(it),
            Self::Counted(values, counts) => Sample::Counted { values, counts },
        }
    }
}

type Words<'a> = Vec<(&'a str, u64)>;

/// Words of both sides in the order of names. Where one side has not kept rare words, only those that both have are told
/// apart: the rest of each side is one category.
fn words<'a>(reference: &'a Categories, current: &'a Categories) -> (Words<'a>, Words<'a>) {
    let kept = |of: &'a Categories| of.counts.iter().map(|it| it.0.as_str()).collect::<HashSet<&str>>();
    let is_exact = reference.others == 0 && current.others == 0;
    let (ours, theirs) = if is_exact { Default::default() } else { (kept(reference), kept(current)) };
    let side = |of: &'a Categories| {
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for (word, count) in &of.counts {
            let is_told = is_exact || (ours.contains(word.as_str()) && theirs.contains(word.as_str()));
            *all.entry(if is_told { word } else { OTHERS }).or_default() += count;
        }
        if of.others > 0 {
            *all.entry(OTHERS).or_default() += of.others;
        }
        all.into_iter().collect()
    };
    (side(reference), side(current))
}
