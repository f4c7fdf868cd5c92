//! Is the live data still like the reference? Profiles, verdicts and their report.
