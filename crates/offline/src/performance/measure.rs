//! How good are answers: measured where the truth is known, estimated where it is not?

use std::collections::BTreeMap;

use learn::performance::realized::binary::{self, Confusion};
use learn::performance::realized::calibration;
use learn::performance::realized::classes::Classes;
use learn::performance::realized::ranking;
use learn::performance::realized::regression::Errors;
use learn::performance::{ClassesConfidence, Confidence, DirectLoss};

use super::told::Told;
use super::{PerformanceArgs, Task};
use crate::bad_input::BadInput;

/// Names with values, in the order in which they are printed.
pub type Measures = Vec<(String, f64)>;

/// Bins of the calibration.
const N_BINS: usize = 10;

fn named<const N: usize>(all: [(&str, f64); N]) -> Measures {
    all.into_iter().map(|(name, it)| (name.to_owned(), it)).collect()
}

/// The measures of rows whose truth is known.
///
/// # Errors
/// If cells do not fit the task.
pub fn realized(told: &Told, args: &PerformanceArgs) -> Result<Measures, BadInput> {
    let mut measures = named([("rows", told.predictions.len() as f64), ("labels", told.n_labels() as f64)]);
    measures.extend(match told.task {
        Task::Classification => classification(told, args)?,
        Task::Regression => regression(told)?,
        Task::Ranking => rankings(told, args.k as usize)?,
    });
    Ok(measures)
}

/// The measures that the rows of a file without labels let expect, after those of a reference with labels.
///
/// # Errors
/// If what is needed for it is not there.
pub fn estimated(reference: &Told, file: &Told, args: &PerformanceArgs) -> Result<Measures, BadInput> {
    let mut measures = named([("rows", file.predictions.len() as f64)]);
    let found = match (reference.task, reference.probabilities.as_slice()) {
        (Task::Ranking, _) => return Err(reference.bad("rankings cannot be estimated", "wait for labels")),
        (Task::Regression, _) => expected_errors(reference, file)?,
        (Task::Classification, []) => {
            let advice = "name the column with --probability, or one for each class with --class-probability";
            return Err(reference.bad("classes are estimated from probabilities, and none are named", advice));
        }
        (Task::Classification, [(name, _)]) if name.is_empty() => expected_binary(reference, file, args)?,
        (Task::Classification, _) => expected_classes(reference, file)?,
    };
    measures.extend(found);
    Ok(measures)
}

/// Which class is 1, of two.
fn positive(told: &Told, args: &PerformanceArgs) -> Result<String, BadInput> {
    let mut classes: Vec<&String> = told.predictions.iter().chain(&told.truth).filter(|it| !it.is_empty()).collect();
    classes.sort();
    classes.dedup();
    let given = args.positive.as_deref().map(|it| if it.eq_ignore_ascii_case("true") { "1" } else { it });
    match given {
        Some(it) if classes.iter().any(|class| *class == it) => Ok(it.to_owned()),
        Some(it) => Err(told.bad(format!("no row has the class {it:?}"), "name a class that is there with --positive")),
        None if classes.iter().any(|it| *it == "1") => Ok("1".to_owned()),
        None => {
            let found =
                format!("the classes are {}", classes.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", "));
            Err(told.bad(found, "say with --positive which of them the probability is of"))
        }
    }
}

fn is_binary(told: &Told) -> bool {
    let mut classes: Vec<&String> = told.predictions.iter().chain(&told.truth).filter(|it| !it.is_empty()).collect();
    classes.sort();
    classes.dedup();
    classes.len() <= 2 && told.probabilities.len() <= 1
}

fn classification(told: &Told, args: &PerformanceArgs) -> Result<Measures, BadInput> {
    let known = || told.predictions.iter().zip(&told.truth).filter(|it| !it.0.is_empty() && !it.1.is_empty());
    if is_binary(told) && (args.positive.is_some() || !told.probabilities.is_empty() || positive(told, args).is_ok()) {
        return binary(told, &positive(told, args)?);
    }
    let mut table = Classes::default();
    known().for_each(|(said, came)| table.add(said.clone(), came.clone()));
    let mean = table.macro_average();
    let mut measures = named([
        ("accuracy", table.accuracy()),
        ("precision", mean.precision),
        ("recall", mean.recall),
        ("f1", mean.f1),
    ]);
    // Each class against all others, as in the estimate.
    let area = |(class, scores): &(String, Vec<f64>)| {
        let pairs = scores.iter().zip(&told.truth).filter(|it| !it.0.is_nan() && !it.1.is_empty());
        let (scores, actual): (Vec<f64>, Vec<bool>) = pairs.map(|(score, came)| (*score, came == class)).unzip();
        binary::roc_auc(&scores, &actual)
    };
    if !told.probabilities.is_empty() {
        let areas: Vec<f64> = told.probabilities.iter().map(area).collect();
        measures.push(("roc_auc".to_owned(), areas.iter().sum::<f64>() / areas.len() as f64));
    }
    for class in table.classes() {
        let it = table.of(&class);
        measures.push((format!("f1 of {class}"), it.f1));
    }
    Ok(measures)
}

fn binary(told: &Told, positive: &str) -> Result<Measures, BadInput> {
    let known = || (0..told.predictions.len()).filter(|it| told.truth.get(*it).is_some_and(|it| !it.is_empty()));
    let is_yes = |of: &[String], row: usize| of.get(row).is_some_and(|it| it == positive);
    let confusion = Confusion::of(known().map(|it| (is_yes(&told.predictions, it), is_yes(&told.truth, it))));
    let mut measures = named([
        ("accuracy", confusion.accuracy()),
        ("precision", confusion.precision()),
        ("recall", confusion.recall()),
        ("specificity", confusion.specificity()),
        ("f1", confusion.f1()),
    ]);
    if let Some((_, all)) = told.probabilities.first() {
        let score = |row: usize| Some((all.get(row).copied().filter(|it| !it.is_nan())?, is_yes(&told.truth, row)));
        let (scores, actual): (Vec<f64>, Vec<bool>) = known().filter_map(score).unzip();
        measures.extend(named([
            ("roc_auc", binary::roc_auc(&scores, &actual)),
            ("average_precision", binary::average_precision(&scores, &actual)),
            ("log_loss", binary::log_loss(&scores, &actual)),
            ("brier", binary::brier(&scores, &actual)),
            ("calibration_error", calibration::expected_error(&calibration::reliability(&scores, &actual, N_BINS))),
        ]));
    }
    Ok(measures)
}

/// Numbers of a column of words.
fn numbers(told: &Told, of: &[String], what: &str) -> Result<Vec<f64>, BadInput> {
    let parse = |it: &String| -> Option<f64> { if it.is_empty() { Some(f64::NAN) } else { it.parse().ok() } };
    match of.iter().find(|it| parse(it).is_none()) {
        Some(bad) => Err(told.bad(format!("found {bad:?} as {what}"), "name another column, or another --task")),
        None => Ok(of.iter().filter_map(parse).collect()),
    }
}

fn regression(told: &Told) -> Result<Measures, BadInput> {
    let (said, came) = (numbers(told, &told.predictions, "a prediction")?, numbers(told, &told.truth, "a truth")?);
    let pairs: Vec<(f64, f64)> = said.into_iter().zip(came).collect();
    let it = Errors::of(&pairs);
    Ok(named([
        ("mae", it.mae),
        ("mse", it.rmse * it.rmse),
        ("rmse", it.rmse),
        ("mape", it.mape),
        ("smape", it.smape),
        ("msle", it.msle),
        ("rmsle", it.msle.sqrt()),
        ("r2", it.r2),
        ("bias", it.bias),
    ]))
}

fn rankings(told: &Told, k: usize) -> Result<Measures, BadInput> {
    if told.queries.is_empty() {
        return Err(told.bad("rankings are judged list by list", "name the column of the list with --query"));
    }
    let (said, came) = (numbers(told, &told.predictions, "a score")?, numbers(told, &told.truth, "a relevance")?);
    let mut lists: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for ((query, score), relevance) in told.queries.iter().zip(&said).zip(&came) {
        if !score.is_nan() && !relevance.is_nan() {
            let list = lists.entry(query).or_default();
            list.0.push(*score);
            list.1.push(*relevance);
        }
    }
    let mean = |of: &dyn Fn(&[f64], &[f64]) -> f64| ranking::mean(lists.values().map(|it| of(&it.0, &it.1)));
    let nothing = lists.values().filter(|it| it.1.iter().all(|it| *it <= 0.0)).count();
    let at = |name: &str| format!("{name}@{k}");
    Ok(vec![
        ("lists".to_owned(), lists.len() as f64),
        ("lists without anything relevant".to_owned(), nothing as f64),
        (at("ndcg"), mean(&|a, b| ranking::ndcg(a, b, k))),
        ("map".to_owned(), mean(&ranking::average_precision)),
        ("mrr".to_owned(), mean(&ranking::reciprocal_rank)),
        // A list that is shorter has no more items to be right.
        (at("precision"), mean(&|a, b| ranking::precision_at(a, b, k.min(a.len())))),
        (at("recall"), mean(&|a, b| ranking::recall_at(a, b, k))),
    ])
}

fn expected_binary(reference: &Told, file: &Told, args: &PerformanceArgs) -> Result<Measures, BadInput> {
    let positive = positive(reference, args)?;
    let scores = |told: &Told| told.probabilities.first().map(|it| it.1.clone()).unwrap_or_default();
    let joined = |scores: Vec<f64>, of: &[String]| -> Vec<(f64, bool)> {
        scores.into_iter().zip(of).filter(|it| !it.1.is_empty()).map(|(score, it)| (score, *it == positive)).collect()
    };
    let confidence = Confidence::fit(&joined(scores(reference), &reference.truth));
    let estimate = confidence.estimate(&joined(scores(file), &file.predictions));
    let estimate = estimate.ok_or_else(|| file.bad("no row has a probability", "give rows with probabilities"))?;
    Ok(named(estimate.measures()))
}

fn expected_classes(reference: &Told, file: &Told) -> Result<Measures, BadInput> {
    let classes: Vec<&String> = reference.probabilities.iter().map(|it| &it.0).collect();
    let rows = |told: &Told| -> Vec<Vec<f64>> {
        let row = |idx| told.probabilities.iter().filter_map(|it| it.1.get(idx).copied()).collect();
        (0..told.predictions.len()).map(row).collect()
    };
    let class_of = |told: &Told, of: &[String]| -> Result<Vec<Option<usize>>, BadInput> {
        let find = |it: &String| match classes.iter().position(|class| *class == it) {
            None if !it.is_empty() => {
                let advice = "give --class-probability for each class";
                Err(told.bad(format!("there is no probability of the class {it:?}"), advice))
            }
            found => Ok(found),
        };
        of.iter().map(find).collect()
    };
    let (before, now) = (rows(reference), rows(file));
    fn join(rows: &[Vec<f64>], classes: Vec<Option<usize>>) -> Vec<(&[f64], usize)> {
        rows.iter().zip(classes).filter_map(|(row, class)| Some((row.as_slice(), class?))).collect()
    }
    let fit = join(&before, class_of(reference, &reference.truth)?);
    let ask = join(&now, class_of(file, &file.predictions)?);
    let estimate = ClassesConfidence::fit(classes.len(), &fit).estimate(&ask);
    let estimate = estimate.ok_or_else(|| file.bad("no row has all probabilities", "give rows with probabilities"))?;
    let mut measures = named(estimate.measures());
    measures.extend(classes.iter().zip(&estimate.classes).map(|(class, it)| (format!("f1 of {class}"), it.f1)));
    Ok(measures)
}

fn expected_errors(reference: &Told, file: &Told) -> Result<Measures, BadInput> {
    let (said, came) =
        (numbers(reference, &reference.predictions, "a prediction")?, numbers(reference, &reference.truth, "a truth")?);
    let is_known = |row: usize| {
        let is_number = |of: &[f64]| of.get(row).is_some_and(|it| it.is_finite());
        is_number(&said) && is_number(&came)
    };
    let names: Vec<String> = reference.features.iter().map(|it| it.0.clone()).collect();
    let rows = reference.matrix(&names, is_known)?;
    let known =
        |of: &[f64]| -> Vec<f64> { of.iter().enumerate().filter(|it| is_known(it.0)).map(|it| *it.1).collect() };
    let model = DirectLoss::fit(&rows, &known(&said), &known(&came));
    let estimate = model.estimate(&file.matrix(&names, |_| true)?);
    let estimate = estimate.ok_or_else(|| file.bad("it has no rows", "give rows"))?;
    Ok(named(estimate.measures()))
}
