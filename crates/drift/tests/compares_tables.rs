//! Are differences named, and only these? Whole profiles in, report, page and JSON out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use drift::{Budget, Change, Check, ColumnBuilder, ColumnProfile, Config, Kind, Profile, Report, Role, compare, html};
use learn::random::Random;

const ROWS: usize = 2_000;

fn numbers(name: &str, values: impl Iterator<Item = f64>) -> ColumnProfile {
    let mut column = ColumnBuilder::new(name, Kind::Number, Budget::default());
    values.for_each(|it| column.number(it));
    column.finish()
}

fn words(name: &str, words: impl Iterator<Item = String>) -> ColumnProfile {
    let mut column = ColumnBuilder::new(name, Kind::Category, Budget::default());
    words.for_each(|it| column.cell(&it));
    column.finish()
}

fn normal(name: &str, seed: u64, shift: f64) -> ColumnProfile {
    let mut random = Random::new(seed);
    numbers(name, (0..ROWS).map(|_| random.normal() + shift))
}

fn colors(name: &str, seed: u64, colors: &[&str]) -> ColumnProfile {
    let mut random = Random::new(seed);
    words(name, (0..ROWS).map(|_| colors[random.below(colors.len())].to_owned()))
}

fn table(columns: Vec<ColumnProfile>) -> Profile {
    let rows = columns.first().map_or(0, |it| it.rows);
    Profile { name: "table.csv".to_owned(), rows, duplicates: Some(0), columns }
}

fn drifted(report: &Report) -> Vec<&str> {
    let is_drifted = |it: &&drift::ColumnReport| it.finding.as_ref().is_some_and(|it| it.drifted);
    report.columns.iter().filter(is_drifted).map(|it| it.name.as_str()).collect()
}

#[test]
fn the_same_distribution_is_no_drift() {
    let side = |seed| table(vec![normal("a", seed, 0.0), colors("c", seed + 50, &["red", "green", "blue"])]);
    let report = compare(&side(1), &side(2), &Config::default());
    assert!(!report.verdict.drift, "{:?}", report.verdict);
    assert_eq!((report.verdict.compared, report.verdict.drifted, report.verdict.share), (2, 0, 0.0));
}

#[test]
fn shifted_columns_are_named_first_the_largest_first() {
    let side = |seed, shift| {
        let columns =
            vec![normal("same", seed, 0.0), normal("some", seed + 9, shift), normal("much", seed + 5, 4.0 * shift)];
        table(columns)
    };
    let report = compare(&side(1, 0.0), &side(2, 0.3), &Config::default());
    assert_eq!(drifted(&report), ["much", "some"]);
    assert!(report.verdict.drift && report.verdict.dataset_drift);
    let config = Config { drift_share: Some(0.9), ..Config::default() };
    assert!(!compare(&side(1, 0.0), &side(2, 0.3), &config).verdict.drift, "two of three are less than 90 %");
}

#[test]
fn drift_of_the_prediction_is_told_whatever_the_share() {
    let side =
        |seed, shift| table(vec![normal("a", seed, 0.0), normal("b", seed + 3, 0.0), normal("score", seed + 7, shift)]);
    let config = Config { drift_share: Some(0.5), prediction: Some("score".to_owned()), ..Config::default() };
    let report = compare(&side(1, 0.0), &side(2, 1.0), &config);
    assert_eq!(
        (report.verdict.prediction_drift, report.verdict.dataset_drift, report.verdict.drift),
        (Some(true), false, true)
    );
    assert_eq!(report.columns[0].role, Role::Prediction);
}

#[test]
fn changes_of_the_schema_are_drift_but_for_new_columns_and_the_truth() {
    let reference = table(vec![
        normal("a", 1, 0.0),
        normal("gone", 2, 0.0),
        normal("target", 3, 0.0),
        normal("text_now", 4, 0.0),
        normal("hollow", 5, 0.0),
    ]);
    let current = table(vec![
        normal("a", 6, 0.0),
        colors("text_now", 4, &["x", "y"]),
        words("hollow", (0..ROWS).map(|_| String::new())),
        normal("extra", 7, 0.0),
    ]);
    let report = compare(&reference, &current, &Config::default());
    let mut changes: Vec<(&str, Change)> =
        report.schema_changes.iter().map(|it| (it.column.as_str(), it.change)).collect();
    changes.sort_by_key(|it| it.0);
    let expected =
        [("extra", Change::New), ("gone", Change::Missing), ("hollow", Change::Empty), ("text_now", Change::Type)];
    assert_eq!(changes, expected);
    assert!(report.verdict.schema_drift && report.verdict.drift);
    let only_new = compare(
        &table(vec![normal("a", 1, 0.0)]),
        &table(vec![normal("a", 2, 0.0), normal("b", 3, 0.0)]),
        &Config::default(),
    );
    assert!(!only_new.verdict.drift, "{:?}", only_new.verdict);
}

/// Nothing but infinite numbers is no change to words.
#[test]
fn a_column_of_infinite_numbers_has_no_values_any_more() {
    let reference = table(vec![normal("a", 1, 0.0)]);
    let current = table(vec![numbers("a", (0..50).map(|_| f64::INFINITY))]);
    let report = compare(&reference, &current, &Config::default());
    assert_eq!(report.schema_changes[0].change, Change::Empty);
    assert!(report.verdict.schema_drift && report.issues.iter().any(|it| it.check == Check::Infinite));
}

#[test]
fn what_is_wrong_with_the_data_is_told() {
    let reference = table(vec![
        normal("gaps", 1, 0.0),
        colors("color", 2, &["red", "green"]),
        numbers("range", (0..ROWS).map(|it| (it % 100) as f64)),
        numbers("constant", (0..ROWS).map(|it| (it % 2) as f64)),
        normal("infinite", 4, 0.0),
    ]);
    let mut random = Random::new(9);
    let current = table(vec![
        numbers("gaps", (0..ROWS).map(|it| if it % 5 == 0 { f64::NAN } else { random.normal() })),
        colors("color", 3, &["red", "green", "pink"]),
        numbers("range", (0..ROWS).map(|it| (it % 120) as f64)),
        numbers("constant", (0..ROWS).map(|_| 1.0)),
        numbers("infinite", (0..ROWS).map(|it| if it == 7 { f64::INFINITY } else { (it % 7) as f64 / 7.0 })),
    ]);
    let report = compare(&reference, &current, &Config::default());
    let found =
        |column: &str, check| report.issues.iter().find(|it| it.column.as_deref() == Some(column) && it.check == check);
    assert!((found("gaps", Check::Missing).unwrap().current - 0.2).abs() < 1e-9);
    assert!(found("color", Check::NewCategories).unwrap().text.contains("\"pink\""));
    let noise = compare(&table(vec![normal("a", 1, 0.0)]), &table(vec![normal("a", 2, 0.0)]), &Config::default());
    assert!(noise.issues.is_empty(), "a new extreme comes by chance: {:?}", noise.issues);
    assert!(noise.columns[0].out_of_range_share.unwrap() > 0.0);
    let out = found("range", Check::OutOfRange).unwrap();
    assert!((out.current - 0.16).abs() < 0.01, "{out:?}");
    assert!(found("constant", Check::Constant).is_some());
    assert_eq!(found("infinite", Check::Infinite).unwrap().current, 1.0 / ROWS as f64);
}

#[test]
fn ten_thousand_categories_are_compared() {
    let side = |seed, offset: usize| {
        let mut random = Random::new(seed);
        table(vec![words("id", (0..40_000).map(|_| format!("item-{}", offset + random.below(10_000))))])
    };
    let report = compare(&side(1, 0), &side(2, 0), &Config::default());
    assert!(!report.verdict.drift, "{:?}", report.columns[0].finding);
    assert!(compare(&side(1, 0), &side(2, 5_000), &Config::default()).verdict.drift);
}

/// MUST 490: text from data does not become markup, and the page loads nothing.
#[test]
fn a_page_is_one_small_file_and_text_stays_text() {
    let hostile = "<script>alert(1)</script>\u{202e}";
    let many = |seed, shift| {
        let mut columns: Vec<ColumnProfile> =
            (0..15).map(|it| normal(&format!("number_{it}"), seed + it, shift)).collect();
        columns.extend((0..4).map(|it| colors(&format!("word_{it}"), seed + it, &["red", "green", "blue", hostile])));
        columns.push(colors(hostile, seed, &[hostile, "\" onload=alert(1) x=\""]));
        table(columns)
    };
    let report = compare(&many(1, 0.0), &many(100, 0.5), &Config::default());
    let page = html(&report);
    assert!(page.len() <= 150_000, "{} bytes", page.len());
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert_eq!(page.matches("<script").count(), 1);
    for forbidden in ["<script>alert", "\u{202e}", "http://", "https://", "@import", "url(", "x=\"\""] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for part in ["15 of 20", "number_0", "Reference", "Adjusted p"] {
        assert!(page.contains(part), "{part}");
    }
}

/// The page allows the script by its hash: what is allowed has to be what is there.
#[test]
fn the_script_is_the_one_that_the_page_allows() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let side = |seed| table(vec![normal("a", seed, 0.0)]);
    let page = html(&compare(&side(1), &side(2), &Config::default()));
    let script = page.split("<script>").nth(1).and_then(|it| it.split("</script>").next()).unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script.as_bytes()));
    assert!(page.contains(&format!("script-src 'sha256-{hash}'")), "{hash}");
}

#[test]
fn the_json_form_is_read_back() {
    let side = |seed| table(vec![normal("a", seed, 0.0), colors("c", seed, &["red", "green"])]);
    let report = compare(&side(1), &side(2), &Config::default());
    let json = serde_json::to_string(&report).unwrap();
    let read: Report = serde_json::from_str(&json).unwrap();
    // Numbers may differ in the last digit.
    assert_eq!(
        (&read.verdict, &read.reference, &read.schema_changes),
        (&report.verdict, &report.reference, &report.schema_changes)
    );
    assert_eq!(serde_json::to_value(&read).unwrap().as_object().unwrap().len(), 15);
    assert!(json.starts_with("{\"schema\":\"sentinel.drift_report/1\""));
}

#[test]
fn a_stored_profile_stands_for_the_data() {
    let reference = table(vec![normal("a", 1, 0.0), colors("c", 2, &["red", "green"])]);
    let stored = Profile::from_bytes(&reference.to_bytes()).unwrap();
    let same = table(vec![normal("a", 3, 0.0), colors("c", 4, &["red", "green"])]);
    assert!(!compare(&stored, &same, &Config::default()).verdict.drift);
    let shifted = table(vec![normal("a", 3, 0.5), colors("c", 4, &["red", "green"])]);
    let report = compare(&stored, &shifted, &Config::default());
    assert_eq!(drifted(&report), ["a"]);
    assert_eq!(report.reference.sketched, ["a"]);
}

#[test]
fn a_relation_that_broke_is_told_although_no_column_drifted() {
    let side = |seed, weight: f64| {
        let mut random = Random::new(seed);
        let pairs: Vec<(f64, f64)> = (0..ROWS).map(|_| (random.normal(), random.normal())).collect();
        let other = pairs.iter().map(|it| weight * it.0 + (1.0 - weight * weight).sqrt() * it.1);
        table(vec![
            numbers("one", pairs.iter().map(|it| it.0)),
            numbers("other", other),
            normal("third", seed + 7, 0.0),
        ])
    };
    let report = compare(&side(1, 0.8), &side(2, 0.0), &Config::default());
    assert!(!report.verdict.drift, "{:?}", report.verdict);
    assert_eq!(report.correlations.len(), 1, "{:?}", report.correlations);
    let change = &report.correlations[0];
    assert!(change.reference > 0.7 && change.current.abs() < 0.1, "{change:?}");
    assert!(compare(&side(1, 0.8), &side(2, 0.8), &Config::default()).correlations.is_empty());
}
