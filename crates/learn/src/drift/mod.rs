//! Are two samples of one column from the same distribution? Tests, distances, and a verdict with a stated false-alarm rate.
//!
//! Reading order: `sample` is what goes in, `method` what can be asked, `finding` what comes out;
//! `compare` asks one method, `verdict` asks the one that suits the column;
//! `false_discovery` judges many columns together; each test has a file of its name.
//!
//! ```
//! use learn::drift::{Options, Sample, verdict};
//!
//! let reference: Vec<f64> = (0..500).map(f64::from).collect();
//! let current: Vec<f64> = (60..560).map(f64::from).collect();
//! let finding = verdict(&Sample::Numbers(&reference), &Sample::Numbers(&current), &Options::default())?;
//! assert!(finding.drifted && finding.effect > 0.3);
//! # Ok::<(), learn::drift::DriftError>(())
//! ```

mod anderson_darling;
mod binning;
mod chi_square;
mod compare;
mod cramer_von_mises;
mod effect;
mod energy;
mod epps_singleton;
mod error;
pub mod evidently;
mod false_discovery;
mod finding;
mod fisher_exact;
mod g_test;
mod hellinger;
mod jensen_shannon;
mod kolmogorov_smirnov;
mod kullback_leibler;
mod l_infinity;
mod location_shape;
mod mann_whitney;
mod mean_discrepancy;
mod method;
pub mod multivariate;
pub mod nannyml;
pub mod online;
mod pair;
mod permutation;
mod population_stability;
mod ranks;
mod sample;
mod shares;
mod symmetric;
mod t_test;
pub mod text;
mod total_variation;
mod wasserstein;
mod z_test;

pub use binning::Binning;
pub use compare::{compare, verdict};
pub use error::{DriftError, Side};
pub use false_discovery::{benjamini_hochberg, judge_columns};
pub use finding::{Finding, Options};
pub use method::{Method, UnknownMethod};
pub use sample::{MISSING_CATEGORY, Sample, number_name};
