//! Did groups of rows drift, or spans of time? Each column is compared within each part, then the parts are summed up.

use std::collections::BTreeMap;

use learn::drift::{Options, benjamini_hochberg};

use crate::column::{ColumnProfile, Data};
use crate::config::{Config, Mode};
use crate::kind::Kind;
use crate::report::{ColumnReport, Part};
use crate::verdict;

/// Compares a column within one part; a part that one side does not have, or that cannot be compared, has no effect.
pub fn part(name: &str, reference: &ColumnProfile, current: &ColumnProfile, config: &Config) -> Part {
    let finding = match reference.kind {
        Kind::Text if config.mode == Mode::Calibrated => verdict::of_texts(reference, current, config).map(|it| it.0),
        _ => verdict::judge(reference, current, config),
    };
    let finding = finding.ok();
    let mean = match &current.data {
        Data::Numbers(it) if it.count > 0 => Some(it.mean),
        Data::Numbers(_) | Data::Words(_) | Data::Empty => None,
    };
    Part {
        name: name.to_owned(),
        reference_rows: reference.rows,
        rows: current.rows,
        mean,
        p_value: finding.as_ref().and_then(|it| it.p_value),
        effect: finding.as_ref().map_or(0.0, |it| it.effect),
        drifted: usize::from(finding.as_ref().is_some_and(|it| it.drifted)),
        compared: usize::from(finding.is_some()),
    }
}

/// Sums the parts of all columns up, in the order of the first column; p-values are adjusted over the columns and the
/// parts together, so that many parts do not bring many false alarms.
pub fn sum_up(
    columns: &mut [ColumnReport],
    of: impl Fn(&mut ColumnReport) -> &mut Vec<Part>,
    config: &Config,
) -> Vec<Part> {
    if config.mode == Mode::Calibrated {
        adjust(columns, &of, config);
    }
    let mut order: Vec<String> = Vec::new();
    let mut sums: BTreeMap<String, Part> = BTreeMap::new();
    for part in columns.iter_mut().flat_map(|it| of(it).clone()) {
        match sums.get_mut(&part.name) {
            Some(sum) => {
                sum.effect = sum.effect.max(part.effect);
                sum.drifted += part.drifted;
                sum.compared += part.compared;
            }
            None => {
                order.push(part.name.clone());
                sums.insert(part.name.clone(), Part { mean: None, p_value: None, ..part });
            }
        }
    }
    order.iter().filter_map(|it| sums.remove(it)).collect()
}

fn adjust(columns: &mut [ColumnReport], of: &impl Fn(&mut ColumnReport) -> &mut Vec<Part>, config: &Config) {
    let mut parts: Vec<&mut Part> = columns.iter_mut().flat_map(|it| of(it).iter_mut()).collect();
    parts.retain(|it| it.p_value.is_some());
    let p_values: Vec<f64> = parts.iter().filter_map(|it| it.p_value).collect();
    let least = config.min_effect.unwrap_or(Options::default().min_effect);
    for (part, adjusted) in parts.into_iter().zip(benjamini_hochberg(&p_values)) {
        part.drifted = usize::from(adjusted <= config.alpha && part.effect >= least);
    }
}
