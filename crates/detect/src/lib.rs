//! Which series gets which estimator; anomalies to incidents.
