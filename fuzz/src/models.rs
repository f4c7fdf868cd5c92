//! Do the decoders of models and predictions hold? Tensors, events of other servers, bodies in known shapes, model files,
//! stored profiles, and cells of tables.

use drift::{Budget, ColumnBuilder, ColumnProfile, Config, Profile, compare_column};
use learn::trees::ensemble::Said;
use learn::trees::saved;
use predict::fuzzing;

use crate::{ARRIVAL, holds};

/// Features that a model of a fuzzed file is asked with.
const MOST_FEATURES: usize = 64;
/// Columns and cells of a fuzzed table.
const MOST_COLUMNS: usize = 4;

/// A request of the Open Inference Protocol; the first two bytes tell how long its JSON is, unless they are zero.
pub fn tensors(bytes: &[u8]) {
    let [high, low, body @ ..] = bytes else { return };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    match fuzzing::tensors(body, (length > 0).then_some(length)) {
        Ok(tensors) => {
            let n_values: usize = tensors.iter().map(|it| it.2.len()).sum();
            assert!(n_values <= body.len(), "{n_values} values of {} bytes", body.len());
            for (rows, width, data) in &tensors {
                assert!(rows.saturating_mul(*width) == data.len() || data.is_empty());
            }
        }
        Err(error) => holds::error(&error),
    }
}

/// Events of KServe's logger: headers as lines, an empty line, the body on one line, and the next event.
pub fn cloudevents(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (mut messages, mut headers) = (vec![], vec![]);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(header) = line.split_once(": ") {
            headers.push(header);
        } else if line.is_empty() {
            let body = lines.next().unwrap_or_default();
            messages.push((std::mem::take(&mut headers), body.as_bytes()));
        }
    }
    match fuzzing::events(&messages, ARRIVAL) {
        Ok(rows) => assert!(rows <= bytes.len(), "{rows} rows"),
        Err(error) => holds::error(&error),
    }
}

/// A request or an answer of a model server in any of the known shapes.
pub fn payloads(bytes: &[u8]) {
    let Ok(body) = serde_json::from_slice(bytes) else { return };
    let (rows, answers) = fuzzing::payload(&body);
    assert!(rows.unwrap_or(0) <= bytes.len() && answers.unwrap_or(0) <= bytes.len());
}

/// A model file: forests of ours, XGBoost's JSON and UBJSON, LightGBM's text and JSON.
pub fn model_files(bytes: &[u8]) {
    let ensemble = match fuzzing::model(bytes) {
        Ok(ensemble) => ensemble,
        Err(problem) => return assert!(!problem.is_empty(), "a refusal says why"),
    };
    let n = MOST_FEATURES.min(ensemble.n_features as usize);
    for value in [0.0, -1.5, 1e300, f64::NAN] {
        match ensemble.predict(&vec![value; n]) {
            Said::Number(_) | Said::OfTwo(_) => {}
            Said::OfMany(all) => assert_eq!(all.len(), ensemble.base.len()),
        }
    }
    let written = saved::to_bytes(&ensemble);
    let again = saved::from_bytes(&written).unwrap_or_else(|error| panic!("what was written cannot be read: {error}"));
    // Numbers that are none are not equal to themselves, their bytes are.
    assert_eq!(saved::to_bytes(&again), written);
}

/// A stored profile, compared with itself.
pub fn profiles(bytes: &[u8]) {
    let profile = match Profile::from_bytes(bytes) {
        Ok(profile) => profile,
        Err(error) => return holds::error(&error),
    };
    let config = Config::default();
    for column in &profile.columns {
        let report = compare_column(column, column, &config);
        assert!(!report.finding.is_some_and(|it| it.drifted), "{} drifted from itself", column.name);
        let mut merged = column.clone();
        merged.merge(column, &Budget::default());
    }
    let written = profile.to_bytes();
    assert!(Profile::from_bytes(&written).is_ok(), "what was written cannot be read");
}

/// Cells of a table as they stand in a file: the first half of the lines is the reference, the rest is judged.
pub fn table_cells(bytes: &[u8]) {
    let budget = Budget { exact_values: 64, ..Budget::default() };
    let lines: Vec<&[u8]> = bytes.split(|it| *it == b'\n').collect();
    let (reference, current) = lines.split_at(lines.len() / 2);
    let profile = |lines: &[&[u8]], idx: usize| -> ColumnProfile {
        let mut column = ColumnBuilder::open("column", budget);
        for line in lines {
            let text = String::from_utf8_lossy(line);
            column.cell(text.split(',').nth(idx).unwrap_or_default());
        }
        let profile = column.finish();
        assert_eq!(profile.rows, lines.len() as u64);
        let known = profile.count() + profile.missing + profile.infinite + profile.mixed;
        assert_eq!(profile.rows, known, "every cell is counted once");
        profile
    };
    for idx in 0..MOST_COLUMNS {
        let report = compare_column(&profile(reference, idx), &profile(current, idx), &Config::default());
        let finding = report.finding.as_ref();
        let is_share = |it: f64| (0.0..=1.0).contains(&it);
        assert!(finding.and_then(|it| it.p_value).is_none_or(is_share), "a p-value is a share");
    }
}
