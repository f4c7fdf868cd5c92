//! Estimators and statistics: pure arithmetic.
