//! Does the verdict hold its false-alarm rate, and does it find what is there? `--nocapture` prints the rates.

use learn::drift::Options;
use learn::evaluate::drift_calibration::{Column, family_rate, rates};

const RUNS: u32 = 600;
/// Three standard errors of a share of 5 % in that many runs.
const SCATTER: f64 = 0.027;

const COLUMNS: [Column; 9] = [
    Column::Normal(0.0),
    Column::HeavyTailed,
    Column::Pareto,
    Column::Integers,
    Column::HalfZeros,
    Column::Categories(3),
    Column::Categories(10),
    Column::Categories(50),
    Column::EqualCategories(50),
];

/// MUST 447.
#[test]
fn without_drift_the_rate_is_the_stated_one() {
    let mut sum = 0.0;
    let sizes = [(200, 200), (1000, 1000), (200, 5000)];
    for sizes in sizes {
        for column in COLUMNS {
            let rates = rates(column, column, sizes, RUNS, &Options::default());
            println!("{sizes:?} {}: {rates:?}", column.name());
            let is_right = (0.03 - SCATTER..0.07 + SCATTER).contains(&rates.significant);
            assert!(is_right, "{sizes:?} {}: {rates:?}", column.name());
            sum += rates.significant;
        }
    }
    let mean = sum / (sizes.len() * COLUMNS.len()) as f64;
    println!("mean {mean}");
    assert!((0.043..0.057).contains(&mean), "{mean}");
}

/// MUST 448.
#[test]
fn without_drift_few_tables_have_a_drifted_column() {
    let columns: Vec<Column> = COLUMNS.iter().chain(&COLUMNS).chain(&COLUMNS).copied().take(20).collect();
    let rate = family_rate(&columns, (500, 500), RUNS, &Options::default());
    println!("tables with a drifted column: {rate}");
    assert!(rate < 0.05 + SCATTER, "{rate}");
}

/// MUST 449.
#[test]
fn small_drift_is_found_more_often_than_by_kolmogorov_and_smirnov() {
    let (still, moved) = (Column::Normal(0.0), Column::Normal(0.1));
    for (sizes, least) in [((1000, 1000), 0.55), ((1000, 10_000), 0.8)] {
        let rates = rates(still, moved, sizes, RUNS, &Options::default());
        println!("{sizes:?} +0.1 sd: {rates:?}");
        assert!(rates.kolmogorov_smirnov.is_some_and(|it| rates.significant > it), "{rates:?}");
        assert!(rates.drifted > least - 0.06, "{sizes:?} {rates:?}");
    }
}
