//! How probable is what was measured? The special functions that tests of hypotheses need, to about 1e-13 relative.

mod beta;
mod gamma;
mod normal;

pub use beta::{f_upper, incomplete_beta, student_upper};
pub use gamma::{chi_square_upper, ln_choose, ln_gamma, lower_gamma, upper_gamma};
pub use normal::{normal_cdf, normal_quantile, normal_upper};
