//! How is the result told? By set, system and fault, with intervals, beside the peers, and how honest confidences are.

use std::collections::BTreeMap;

use diagnose::case::{self, Metric};

use super::RcaArgs;
use super::labeled::Labeled;
use super::verdicts::{NOWHERE, Verdict, place_of_peer};
use crate::eval::{Breakdown, Figure, Report, Row};

const MAIN: [Figure; 4] = [
    Figure::new("ac1", "AC@1", 3),
    Figure::new("ac3", "AC@3", 3),
    Figure::new("avg5", "Avg@5", 3),
    Figure::new("n_cases", "cases", 0),
];
const BY_PART: [Figure; 7] = [
    Figure::new("n_cases", "cases", 0),
    Figure::new("ac1", "AC@1", 3),
    Figure::new("ac1_low", "low", 3),
    Figure::new("ac1_high", "high", 3),
    Figure::new("ac1_shared", "AC@1 shared", 3),
    Figure::new("ac3", "AC@3", 3),
    Figure::new("avg5", "Avg@5", 3),
];
/// Resamples of the bootstrap, its seed, and the ends of the interval.
const N_RESAMPLES: usize = 2000;
const SEED: u64 = 7;
const TAIL: f64 = 0.025;
/// A confidence from here on should be right nine times in ten.
const SURE: f64 = 0.8;

/// What others publish: name, AC@1, AC@3, Avg@5. Sources: ASE'24 Table 5 and FSE'23 Table 3 of the sets' papers, and
/// the output of the notebook that PetShop publishes.
const PUBLISHED: &[(&str, [Option<f64>; 3])] = &[
    ("published: BARO, rcd", [None, None, Some(0.99)]),
    ("published: N-sigma, rcd", [None, None, Some(0.985)]),
    ("published: CIRCA, rcd", [None, None, Some(0.75)]),
    ("published: traversal, petshop", [Some(0.654), Some(0.827), None]),
    ("published: Nezha, nezha (ties shared)", [Some(0.867), Some(0.978), None]),
    ("published: PDiagnose, nezha (ties shared)", [Some(0.089), Some(0.133), None]),
];

/// All tables.
pub fn report(cases: &[Labeled], verdicts: &[Verdict], args: &RcaArgs) -> Report {
    let judged: Vec<(&Labeled, &Verdict)> = cases.iter().zip(verdicts).collect();
    let with_cause: Vec<&(&Labeled, &Verdict)> = judged.iter().filter(|it| it.0.service.is_some()).collect();
    let places: Vec<usize> = with_cause.iter().map(|it| it.1.strict).collect();
    let mut report = Report {
        name: "rca",
        title: "Root causes of published incidents: is the service to blame the first of the list, or among the first?".to_owned(),
        figures: MAIN.to_vec(),
        ours: vec![Row::new("sentinel", main_values(&places))],
        peers: peers(cases),
        breakdowns: vec![
            by("sets", "By set and system", &with_cause, |it| format!("{} {}", it.set, it.system)),
            by("faults", "By set and fault", &with_cause, |it| format!("{} {}", it.set, it.fault)),
            indicators(&judged),
            without_cause(&judged),
            changes(&judged),
            calibration(&judged),
            speed(&judged),
        ],
        notes: vec![
            "AC@k: the true service is among the first k, behind all that have the same score; shared: equal scores share a place.".to_owned(),
            "low, high: 95 % of 2000 resamples of the cases. One configuration for all sets, raw columns, nothing dropped.".to_owned(),
            "Peers without \"published\" are our re-implementations, run on these very files.".to_owned(),
        ],
    };
    report.breakdowns.retain(|it| !it.rows.is_empty());
    if args.cases {
        report.breakdowns.push(each_case(&judged));
    }
    report
}

/// Which share of places is among the first.
pub fn share(places: &[usize], within: usize) -> f64 {
    places.iter().filter(|it| **it < within).count() as f64 / places.len().max(1) as f64
}

fn average_at_5(places: &[usize]) -> f64 {
    (1..=5).map(|it| share(places, it)).sum::<f64>() / 5.0
}

fn main_values(places: &[usize]) -> Vec<Option<f64>> {
    vec![Some(share(places, 1)), Some(share(places, 3)), Some(average_at_5(places)), Some(places.len() as f64)]
}

/// The rankers of others on the cases with a normal part of its own, and what is published.
fn peers(cases: &[Labeled]) -> Vec<Row> {
    let comparable: Vec<&Labeled> = cases.iter().filter(|it| it.set == "rcd" && it.service.is_some()).collect();
    let mut rows = vec![];
    let mut add = |label: &str, prepare: fn(&[Metric]) -> Vec<Metric>, ranker: fn(&[Metric]) -> Vec<(usize, f64)>| {
        let place = |it: &&Labeled| place_of_peer(it, &prepare(&it.case.metrics), ranker);
        let places: Vec<usize> = comparable.iter().map(place).collect();
        rows.push(Row::new(label, main_values(&places)));
    };
    if !comparable.is_empty() {
        add("BARO, rcd, its preparation", case::published, case::baro);
        add("N-sigma, rcd, its preparation", case::published, case::n_sigma);
        add("BARO, rcd, raw columns", <[Metric]>::to_vec, case::baro);
        add("N-sigma, rcd, raw columns", <[Metric]>::to_vec, case::n_sigma);
    }
    let published =
        PUBLISHED.iter().map(|(label, [one, three, five])| Row::new(*label, vec![*one, *three, *five, None]));
    rows.extend(published);
    rows
}

fn by(
    key: &'static str,
    title: &str,
    judged: &[&(&Labeled, &Verdict)],
    part: impl Fn(&Labeled) -> String,
) -> Breakdown {
    let mut parts: BTreeMap<String, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (labeled, verdict) in judged {
        let (strict, shared) = parts.entry(part(labeled)).or_default();
        strict.push(verdict.strict);
        shared.push(verdict.shared);
    }
    let row = |(label, (strict, shared)): (String, (Vec<usize>, Vec<usize>))| {
        let (low, high) = interval(&strict);
        let values = [
            strict.len() as f64,
            share(&strict, 1),
            low,
            high,
            share(&shared, 1),
            share(&strict, 3),
            average_at_5(&strict),
        ];
        Row::new(label, values.map(Some).to_vec())
    };
    Breakdown {
        key,
        title: title.to_owned(),
        rows_are: "part",
        figures: BY_PART.to_vec(),
        rows: parts.into_iter().map(row).collect(),
    }
}

/// The interval of AC@1 by resampling the cases.
fn interval(places: &[usize]) -> (f64, f64) {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut shares: Vec<f64> = (0..N_RESAMPLES)
        .map(|_| {
            let hits = (0..places.len()).filter(|_| places.get(random.usize(..places.len())) == Some(&0)).count();
            hits as f64 / places.len().max(1) as f64
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    let at = |q: f64| shares.get(((N_RESAMPLES - 1) as f64 * q) as usize).copied().unwrap_or(0.0);
    (at(TAIL), at(1.0 - TAIL))
}

fn indicators(judged: &[(&Labeled, &Verdict)]) -> Breakdown {
    let mut parts: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    for (labeled, verdict) in judged {
        parts.entry(labeled.set).or_default().extend(verdict.indicator);
    }
    let rows = parts.into_iter().filter(|it| !it.1.is_empty()).map(|(set, right)| {
        let n_right = right.iter().filter(|it| **it).count() as f64;
        Row::new(set, vec![Some(right.len() as f64), Some(n_right / right.len() as f64)])
    });
    Breakdown {
        key: "indicators",
        title: "First cause right in service and indicator".to_owned(),
        rows_are: "set",
        figures: vec![Figure::new("n_cases", "cases", 0), Figure::new("ac1", "AC@1", 3)],
        rows: rows.collect(),
    }
}

fn without_cause(judged: &[(&Labeled, &Verdict)]) -> Breakdown {
    let mut parts: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for (labeled, verdict) in judged.iter().filter(|it| it.0.service.is_none()) {
        parts
            .entry(format!("{} {} {}", labeled.set, labeled.system, labeled.fault))
            .or_default()
            .push(verdict.says_none);
    }
    let rows = parts.into_iter().map(|(label, said)| {
        let n_said = said.iter().filter(|it| **it).count() as f64;
        Row::new(label, vec![Some(said.len() as f64), Some(n_said / said.len() as f64)])
    });
    Breakdown {
        key: "specificity",
        title: "Times without a fault: how often is it \"no cause\"?".to_owned(),
        rows_are: "part",
        figures: vec![Figure::new("n_cases", "cases", 0), Figure::new("specificity", "no cause", 3)],
        rows: rows.collect(),
    }
}

fn changes(judged: &[(&Labeled, &Verdict)]) -> Breakdown {
    let mut parts: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
    for (labeled, verdict) in judged {
        let Some(commit) = &labeled.commit else { continue };
        let part = parts.entry(labeled.fault.as_str()).or_default();
        let is_decoy = verdict.change.as_ref().is_some_and(|it| commit.decoys.contains(it));
        part.0 += 1.0;
        part.1 += f64::from(verdict.change == commit.guilty);
        part.2 += f64::from(is_decoy);
    }
    let rows = parts.into_iter().map(|(label, it)| Row::new(label, vec![Some(it.0), Some(it.1), Some(it.2)]));
    Breakdown {
        key: "changes",
        title: "RootCauseBench: the commit to blame, or none".to_owned(),
        rows_are: "truth",
        figures: vec![
            Figure::new("n_cases", "cases", 0),
            Figure::new("solved", "solved", 0),
            Figure::new("decoys", "decoys", 0),
        ],
        rows: rows.collect(),
    }
}

/// What a case counts: all times without a fault of a system count together as much as its cases with one.
pub fn counts(judged: &[(&Labeled, &Verdict)]) -> Vec<f64> {
    let mut sizes: BTreeMap<(&str, &str), (f64, f64)> = BTreeMap::new();
    for (labeled, _) in judged {
        let size = sizes.entry((labeled.set, &labeled.system)).or_default();
        if labeled.service.is_some() { size.0 += 1.0 } else { size.1 += 1.0 }
    }
    let count = |labeled: &Labeled| match sizes.get(&(labeled.set, labeled.system.as_str())) {
        Some((with, without)) if labeled.service.is_none() => with.max(1.0) / without,
        _ => 1.0,
    };
    judged.iter().map(|it| count(it.0)).collect()
}

fn calibration(judged: &[(&Labeled, &Verdict)]) -> Breakdown {
    let counts = counts(judged);
    let mut parts: BTreeMap<&str, Vec<(f64, bool, f64)>> = BTreeMap::new();
    for ((labeled, verdict), count) in judged.iter().zip(&counts) {
        for part in ["all", labeled.set] {
            parts.entry(part).or_default().push((verdict.confidence, verdict.strict == 0, *count));
        }
    }
    let row = |(label, samples): (&str, Vec<(f64, bool, f64)>)| {
        let (n_sure, precision) = precision(&samples);
        Row::new(label, vec![Some(case::expected_error(&samples)), Some(n_sure), precision])
    };
    Breakdown {
        key: "calibration",
        title: "How honest is the confidence of the first cause?".to_owned(),
        rows_are: "set",
        figures: vec![
            Figure::new("ece", "ECE", 3),
            Figure::new("n_sure", "cases at 0.8", 0),
            Figure::new("precision", "right of these", 3),
        ],
        rows: parts.into_iter().map(row).collect(),
    }
}

/// How many are sure, and which share of these is right.
pub fn precision(samples: &[(f64, bool, f64)]) -> (f64, Option<f64>) {
    let sure: Vec<&(f64, bool, f64)> = samples.iter().filter(|it| it.0 >= SURE).collect();
    let whole: f64 = sure.iter().map(|it| it.2).sum();
    let right: f64 = sure.iter().filter(|it| it.1).map(|it| it.2).sum();
    (sure.len() as f64, (whole > 0.0).then(|| right / whole))
}

fn speed(judged: &[(&Labeled, &Verdict)]) -> Breakdown {
    let mut parts: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    judged.iter().for_each(|it| parts.entry(it.0.set).or_default().push(it.1.millis));
    let row = |(label, mut millis): (&str, Vec<f64>)| {
        millis.sort_by(f64::total_cmp);
        Row::new(label, vec![millis.get(millis.len() / 2).copied(), millis.last().copied()])
    };
    Breakdown {
        key: "speed",
        title: "Milliseconds to rank a case".to_owned(),
        rows_are: "set",
        figures: vec![Figure::new("median_ms", "median", 2), Figure::new("max_ms", "max", 2)],
        rows: parts.into_iter().map(row).collect(),
    }
}

fn each_case(judged: &[(&Labeled, &Verdict)]) -> Breakdown {
    let place = |it: usize| (it != NOWHERE).then_some(it as f64 + 1.0);
    let row = |(labeled, verdict): &(&Labeled, &Verdict)| {
        let wanted = labeled.service.as_deref().unwrap_or("no cause");
        let label = format!("{} {} {}: {wanted}, told {}", labeled.set, labeled.fault, labeled.name, verdict.first);
        let it = verdict.features;
        let told = [verdict.confidence, it.lead, it.strength, it.doubt].map(Some);
        Row::new(label, [&[place(verdict.strict)], &told[..]].concat())
    };
    Breakdown {
        key: "cases",
        title: "Each case: the place of the true cause, the confidence of the first, and what that was told from"
            .to_owned(),
        rows_are: "case",
        figures: vec![
            Figure::new("place", "place", 0),
            Figure::new("confidence", "confidence", 3),
            Figure::new("lead", "lead", 3),
            Figure::new("strength", "strength", 3),
            Figure::new("doubt", "doubt", 3),
        ],
        rows: judged.iter().map(row).collect(),
    }
}
